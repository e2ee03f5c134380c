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
// A drop that an index does not take at present is reported as blocked, like a document.
func (w *write) drop(ctx context.Context, i int) error {
	a := &w.actions[i]
	target, err := w.encoder.Target(a)
	if err != nil {
		w.fail(i, goatee.ClassRefused).Err = err
		return nil
	}
	whole := a.Change.Op == goatee.OpDropDatabase
	switch {
	case whole && !w.bulk.config.droppedDatabases, !whole && !w.bulk.config.droppedCollections:
		return nil
	case whole && a.Index == "":
		return w.dropDatabase(ctx, i)
	case a.Index == "" && a.Change.Namespace.Collection == "":
		w.fail(i, goatee.ClassRefused).Err = fmt.Errorf("a drop of a collection without its name")
		return nil
	case indexname.Check(target.Index) != nil:
		return nil // there cannot be such an index
	}
	res, err := w.deleteIndices(ctx, []string{target.Index})
	if err == nil && !gone(res) {
		w.failDrop(i, target.Index, res)
	}
	return err
}

// dropDatabase deletes the indices that are named after the database's collections. It asks for their names first: a
// pattern would also match aliases and is refused where action.destructive_requires_name is on.
func (w *write) dropDatabase(ctx context.Context, i int) error {
	prefix := strings.ToLower(w.actions[i].Change.Namespace.Database) + "."
	if indexname.Check(prefix) != nil || strings.HasPrefix(prefix, ".") {
		return nil // there cannot be such an index
	}
	res, err := w.bulk.insist(ctx, ask{
		method: http.MethodGet, path: "/" + prefix + "*/_settings/index.uuid",
		query: url.Values{"expand_wildcards": {"open,closed"}, "flat_settings": {"true"}}, final: settledOrForbidden,
	})
	switch {
	case err != nil:
		return err
	case res.status == http.StatusNotFound:
		return nil
	case res.status != http.StatusOK:
		w.failDrop(i, blockedIndex(res, prefix+"*"), res)
		return nil
	}
	var names []string
	size := 0
	for name := range gjson.ParseBytes(res.body).Map() {
		if !strings.HasPrefix(name, prefix) {
			continue // found by an alias of that name
		}
		if size += len(name) + 1; size > maxPath {
			if ok, err := w.dropIndices(ctx, i, names); !ok {
				return err
			}
			names, size = nil, len(name)+1
		}
		names = append(names, name)
	}
	_, err = w.dropIndices(ctx, i, names)
	return err
}

// dropIndices deletes indices, all at once or, if that fails, one by one, so that what is left is only what cannot be
// deleted. It reports whether all are gone.
func (w *write) dropIndices(ctx context.Context, i int, names []string) (bool, error) {
	if len(names) == 0 {
		return true, nil
	}
	res, err := w.deleteIndices(ctx, names)
	if err != nil || gone(res) {
		return err == nil, err
	}
	failed := false
	for _, name := range names {
		if res, err = w.deleteIndices(ctx, []string{name}); err != nil {
			return false, err
		}
		if !gone(res) && !failed {
			failed = true
			w.failDrop(i, name, res)
		}
	}
	return !failed, nil
}

// deleteIndices deletes indices by their exact names. An alias is refused: what it stands for may belong to others too.
func (w *write) deleteIndices(ctx context.Context, names []string) (reply, error) {
	var query url.Values
	if len(names) > 1 {
		query = url.Values{"ignore_unavailable": {"true"}}
	}
	return w.bulk.insist(ctx, ask{
		method: http.MethodDelete, path: "/" + strings.Join(names, ","), query: query, final: settledOrForbidden,
	})
}

// gone reports whether what was to be deleted is no longer there.
func gone(res reply) bool { return res.status == http.StatusNotFound || res.status < 300 }

// failDrop reports that an index could not be deleted.
func (w *write) failDrop(i int, index string, res reply) {
	errType, reason := errorOf(res.body)
	class, remedy := goatee.ClassRefused, ", please do so yourself"
	if isBlocked(errType, reason) {
		class, remedy = goatee.ClassBlocked, ""
	}
	e := w.fail(i, class)
	e.Target = goatee.Target{Index: index}
	e.Status, e.Type, e.Reason, e.Attempts = res.status, errType, reason, res.attempts
	e.Err = fmt.Errorf("index %s cannot be deleted%s", index, remedy)
}

// blockedIndex returns the index that an error names, or another name.
func blockedIndex(res reply, otherwise string) string {
	_, reason := errorOf(res.body)
	if rest, ok := strings.CutPrefix(reason, "index ["); ok {
		if name, _, ok := strings.Cut(rest, "]"); ok {
			return name
		}
	}
	return otherwise
}
