package recipes

import (
	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/transform"
	"github.com/goatee-sync/goatee/transform/relate"
)

// ThingView follows the collections that a view is made of, because views have no changes of their own: a thing that
// changes is read again from the view, and so are all things of a state that changes. stream brings the changes of both.
//
//	ThingView(stream, finder, "thingdb")
func ThingView(stream goatee.Source, finder transform.Finder, database string) (goatee.Source, error) {
	return relate.NewSource(stream, finder,
		relate.Relation{Namespace: database + ".thing", WithNamespace: database + ".thingview"},
		relate.Relation{Namespace: database + ".state", WithNamespace: database + ".thing", MatchField: "s"},
	)
}

// ThingIndex sends the collection and the view to one index. Dropping either of them then deletes nothing: the documents of
// the other may be in it.
func ThingIndex(database, index string) goatee.Transformer {
	return transform.Index(transform.Exact(database+".thing", index), transform.Exact(database+".thingview", index))
}
