package transform

import (
	"context"
	"strconv"

	"github.com/goatee-sync/goatee"
)

// Keep ignores inserts, updates, replaces and reads for which pred is false: nothing is written for them, and what
// Elasticsearch holds stays as it is. Deletes and drops always pass. pred sees the change as it came from MongoDB.
//
// Keep is not LatestOnly: a document that was kept and then changed into one that is not stays indexed as it was when
// it was kept, so the older change matters. To remove such documents use Drop.
func Keep(pred func(*goatee.Change) bool) goatee.Transformer {
	return skipping("Keep", pred == nil, func(c *goatee.Change) bool { return c.Op.HasDocument() && !pred(c) })
}

// Skip ignores every change, deletes and drops too, for which pred is true. Skipping all deletes, for instance, keeps
// documents in Elasticsearch that MongoDB no longer has. Like Keep it is not LatestOnly.
func Skip(pred func(*goatee.Change) bool) goatee.Transformer {
	return skipping("Skip", pred == nil, func(c *goatee.Change) bool { return pred(c) })
}

func skipping(constructor string, missing bool, skip func(*goatee.Change) bool) goatee.Transformer {
	p := &perChange{apply: func(_ context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
		if skip(c) {
			return nil, nil
		}
		return actions, nil
	}}
	if missing {
		p.err = noFunction(constructor)
	}
	return p
}

// Drop deletes documents for which pred is true from Elasticsearch instead of writing them: soft deletes. The delete is
// sent whatever the operation, also for documents that were never indexed, where it does nothing: without that, the
// outcome would depend on whether a change is replayed. pred sees the document as the transformers before have left it, and
// nothing else: Drop is LatestOnly.
func Drop(pred func(*goatee.Document) bool) goatee.Transformer {
	p := perDocument(func(_ context.Context, _ *goatee.Change, a *goatee.Action) error {
		if pred(a.Body()) {
			MakeDelete(a)
		}
		return nil
	})
	if pred == nil {
		p.err = noFunction("Drop")
	}
	return p
}

func noFunction(constructor string) error { return misuse(constructor, "no function", "give it one") }

func quote(s string) string { return strconv.Quote(s) }
