package recipes

import (
	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/transform"
)

// CompanyMapping is the mapping the index must have before the first document.
const CompanyMapping = `{"mappings": {"properties": {
	"relation": {"type": "join", "relations": {"branch": "employee"}}
}}}`

// Company makes employees children of the branch they work in, in an index of its own name. Elasticsearch has neither
// types nor _parent any more: a join field takes their place.
func Company(namespace, index string) goatee.Transformer {
	return transform.For(namespace, transform.Chain(
		transform.Join("relation", func(d *goatee.Document) (transform.Relation, error) {
			kind, _ := d.Lookup("type").StringValueOK()
			branch, err := transform.Text(d.Lookup("branch"))
			return transform.Relation{Name: kind, Parent: branch}, err
		}),
		transform.Omit("branch", "type"),
		transform.Index(transform.Exact(namespace, index)),
	))
}
