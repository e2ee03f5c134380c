package relate

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/valueset"
)

// questions are the values to follow for each relation.
type questions map[*relation]*question

// question is the values that one relation is to be followed for.
type question struct {
	valueset.Set
	// by has, for the key of each value, the last change of the batch that leads to it: it is the one that fails when the
	// value cannot be asked for.
	by map[string]*goatee.Change
}

func (q questions) of(r *relation) *question {
	if q[r] == nil {
		q[r] = &question{by: map[string]*goatee.Change{}}
	}
	return q[r]
}

func (q *question) add(v bson.RawValue, by *goatee.Change) {
	q.Add(v)
	q.by[valueset.Key(v)] = by
}

// add adds what a document asks for. by is the change of the batch that has led to it: the document's own, or another one.
// The values are copied when the document is not kept. A document that cannot be read fails that change.
func (w *walk) add(asks questions, document, by *goatee.Change, kept bool) {
	for _, r := range w.relations[document.Namespace] {
		values, err := r.values(document)
		if err != nil {
			w.fail(by, err)
			w.unread[document] = true
			continue
		}
		for _, v := range values.Values() {
			if !kept {
				v.Value = slices.Clone(v.Value)
			}
			asks.of(r).add(v, by)
		}
	}
}

// ask gathers the questions of the changes of a batch. Documents that must be fetched for it are let go again, a
// portion at a time, because the batch was accounted for without them.
func (w *walk) ask(ctx context.Context, triggers []*goatee.Change, asks questions) error {
	var lacking []*goatee.Change
	for _, c := range triggers {
		if c.Op == goatee.OpUpdate && c.Document.IsZero() && w.fetcher != nil && w.needsDocument(c.Namespace) {
			lacking = append(lacking, c)
		} else {
			w.add(asks, c, c, true)
		}
	}
	for len(lacking) > 0 {
		rest, err := w.fetcher.Fetch(ctx, slices.Clone(lacking), func(c *goatee.Change, err error) {
			w.fail(c, err)
			w.unread[c] = true
		})
		if err != nil {
			return err
		}
		left := make(map[*goatee.Change]bool, len(rest))
		for _, c := range rest {
			left[c] = true
		}
		next := lacking[:0]
		for _, c := range lacking {
			switch {
			case left[c]:
				next = append(next, c)
			case !w.unread[c]:
				w.add(asks, c, c, false)
				c.Document = goatee.Document{}
			}
		}
		lacking = next
	}
	return nil
}
