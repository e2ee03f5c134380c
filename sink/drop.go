package sink

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/indexname"
)

// maxPath is how long a list of index names in a URL may get; Elasticsearch takes 4 KiB.
const maxPath = 3 << 10

// drop applies a drop of a collection or a database, or the renaming of a collection, which is a drop of its old name.
func (w *write) drop(ctx context.Context, a *goatee.Action) error {
	c := a.Change
	if c.Op == goatee.OpDropDatabase && !w.bulk.config.droppedDatabases ||
		c.Op != goatee.OpDropDatabase && !w.bulk.config.droppedCollections {
		return nil
	}
	if c.Op == goatee.OpDropDatabase && a.Index == "" {
		return w.dropDatabase(ctx, a)
	}
	name := a.Index
	if name == "" {
		if c.Namespace.Collection == "" {
			w.refuse(&goatee.ActionError{Action: a, Err: errNoNamespace})
			return nil
		}
		name = defaultIndex(c.Namespace)
	}
	if indexname.Check(name) != nil {
		return nil // there cannot be such an index
	}
	return w.dropIndices(ctx, a, []string{name}, nil)
}

// dropDatabase deletes the indices that are named after the database's collections. It asks for their names first: a
// pattern would also match aliases and is refused where action.destructive_requires_name is on.
func (w *write) dropDatabase(ctx context.Context, a *goatee.Action) error {
	prefix := strings.ToLower(a.Change.Namespace.Database) + "."
	if indexname.Check(prefix) != nil || strings.HasPrefix(prefix, ".") {
		return nil // there cannot be such an index
	}
	res, err := w.bulk.insist(ctx, http.MethodGet, "/"+prefix+"*/_settings/index.uuid", url.Values{
		"expand_wildcards": {"open,closed"}, "flat_settings": {"true"},
	}, "")
	if err != nil {
		return err
	}
	if res.status == http.StatusNotFound {
		return nil
	}
	if res.status != http.StatusOK {
		w.refuse(&goatee.ActionError{Action: a, Status: res.status, Err: requestError(res)})
		return nil
	}
	var names []string
	size := 0
	for name := range gjson.ParseBytes(res.body).Map() {
		if !strings.HasPrefix(name, prefix) {
			continue // found by an alias of that name
		}
		if size += len(name) + 1; size > maxPath {
			if err := w.dropIndices(ctx, a, names, url.Values{"ignore_unavailable": {"true"}}); err != nil {
				return err
			}
			names, size = nil, len(name)+1
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil
	}
	return w.dropIndices(ctx, a, names, url.Values{"ignore_unavailable": {"true"}})
}

// dropIndices deletes indices by their exact names. One that is not there is fine. An alias is refused: what it stands
// for may belong to others too.
func (w *write) dropIndices(ctx context.Context, a *goatee.Action, names []string, query url.Values) error {
	list := strings.Join(names, ",")
	res, err := w.bulk.insist(ctx, http.MethodDelete, "/"+list, query, "")
	if err != nil {
		return err
	}
	if res.status == http.StatusNotFound || res.status < 300 {
		return nil
	}
	w.refuse(&goatee.ActionError{
		Action: a, Status: res.status,
		Err: fmt.Errorf("delete index %s, please do so yourself: %w", list, requestError(res)),
	})
	return nil
}
