package relate

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonedit"
	"github.com/goatee-sync/goatee/internal/valueset"
)

// walk follows the relations from one batch, depth first: while a page of related documents leads on to others, only
// the pages on the way to it are in memory.
type walk struct {
	*relating
	time   primitive.Timestamp // the cluster time that related documents get
	head   primitive.Timestamp // of the batch
	been   map[visit]bool      // for relations that can lead back to themselves
	failed map[*goatee.Change]error
	unread map[*goatee.Change]bool // those that failed because their own document cannot be read
}

// visit is a value that a relation has been followed for.
type visit struct {
	relation int
	value    string
}

// fail records that a change of the batch cannot be completed. Its first error counts.
func (w *walk) fail(c *goatee.Change, err error) {
	if w.failed[c] == nil {
		w.failed[c] = err
	}
}

// follow reads what the questions ask for; depth is that of the documents asking, 1 for changes.
func (w *walk) follow(ctx context.Context, asks questions, depth int) error {
	for _, r := range w.ordered {
		q := asks[r]
		if q == nil || r.MaxDepth > 0 && depth > r.MaxDepth {
			continue
		}
		read := func(values []bson.RawValue) error {
			return w.read(ctx, &reading{relation: r, asked: q, values: values, depth: depth})
		}
		refused := func(v bson.RawValue, err error) {
			w.fail(q.by[valueset.Key(v)], fmt.Errorf("relate %s with %s by %s %s: %w", r.ns, r.with, r.match, valueset.Text(v), err))
		}
		for values := range w.fresh(r, q).Chunks {
			if err := valueset.Isolate(values, read, refused); err != nil {
				return err
			}
		}
	}
	return nil
}

// fresh returns the values that the relation has not been followed for since the walk began, which ends cycles.
func (w *walk) fresh(r *relation, q *question) *valueset.Set {
	if !r.cyclic {
		return &q.Set
	}
	fresh := &valueset.Set{}
	for i, key := range q.Keys() {
		if v := (visit{r.index, key}); !w.been[v] {
			w.been[v] = true
			fresh.Add(q.Values()[i])
		}
	}
	return fresh
}

// reading is one query for documents that relate to some of the values of a question.
type reading struct {
	*relation
	asked  *question
	values []bson.RawValue
	depth  int
}

// origin returns the change of the batch that has led to a related document: it is found by the value that the document has in
// the match field. Where that does not tell, it is one of those that asked.
func (q *reading) origin(doc bson.Raw) *goatee.Change {
	if len(q.values) > 1 {
		var found valueset.Set
		if v, err := bsonedit.Lookup(doc, q.match); err == nil && found.AddEach(v) == nil {
			for _, key := range found.Keys() {
				if c := q.asked.by[key]; c != nil {
					return c
				}
			}
		}
	}
	return q.asked.by[valueset.Key(q.values[0])]
}

// read emits the documents that relate to the values, page by page. When the query is refused, what has come before goes
// out all the same if there is no smaller query to bring it again.
func (w *walk) read(ctx context.Context, q *reading) error {
	var shown map[string]bool
	if q.identity() {
		shown = make(map[string]bool, len(q.values))
	}
	p := &page{}
	for doc, err := range w.finder.Find(ctx, q.with, q.filter(q.values), nil) {
		if err != nil {
			return w.interrupted(ctx, q, p, err)
		}
		id, err := w.take(p, q, doc)
		if err != nil {
			w.fail(q.origin(doc), err)
			continue
		}
		if shown != nil {
			shown[valueset.Key(id)] = true
		}
		if len(p.changes) >= pageDocuments || p.bytes >= pageBytes {
			if err := w.flush(ctx, p, q.depth); err != nil {
				return err
			}
			p = &page{}
		}
	}
	if shown != nil {
		p.addDeletes(q, shown, w.time)
	}
	return w.flush(ctx, p, q.depth)
}

func (w *walk) interrupted(ctx context.Context, q *reading, p *page, err error) error {
	switch {
	case !valueset.Refused(err):
		return fmt.Errorf("relate %s with %s: %w", q.ns, q.with, err)
	case len(q.values) == 1:
		if err := w.flush(ctx, p, q.depth); err != nil {
			return err
		}
	}
	return err
}

// flush follows the relations of a page's documents and then emits them, if they are to be indexed themselves.
func (w *walk) flush(ctx context.Context, p *page, depth int) error {
	if len(p.changes) == 0 {
		return nil
	}
	ns := p.changes[0].Namespace
	if len(w.relations[ns]) > 0 {
		asks := questions{}
		for i := range p.changes {
			w.add(asks, &p.changes[i], p.origins[i], true)
		}
		if err := w.follow(ctx, asks, depth+1); err != nil {
			return err
		}
	}
	if !w.keeps(ns) {
		return nil
	}
	return w.emit(ctx, &goatee.Batch{Changes: p.changes, Position: w.at, Head: w.head, Bytes: p.bytes})
}

// Limits of a page.
const (
	pageDocuments = 1000    // at most so many related documents in one batch
	pageBytes     = 2 << 20 // and about so many bytes of them
)

// page is related documents on their way.
type page struct {
	changes []goatee.Change
	origins []*goatee.Change // for each change, if there are relations to follow from it
	bytes   int
}

// changeBytes stands for what a change weighs besides its document.
const changeBytes = 256

var errNoID = errors.New("a related document has no _id")

// take adds a related document to a page and returns its _id.
func (w *walk) take(p *page, q *reading, doc bson.Raw) (id bson.RawValue, err error) {
	own := append(bson.Raw(nil), doc...)
	id, err = bsonedit.Lookup(own, bsonedit.Path{"_id"})
	if err == nil && id.Type == 0 {
		err = errNoID
	}
	if err != nil {
		return id, fmt.Errorf("relate %s with %s: %w", q.ns, q.with, err)
	}
	p.changes = append(p.changes, goatee.Change{
		Op: goatee.OpRead, Namespace: q.with, ID: id, Document: goatee.NewDocument(own), ClusterTime: w.time,
	})
	p.bytes += len(own) + changeBytes
	if len(w.relations[q.with]) > 0 {
		p.origins = append(p.origins, q.origin(own))
	}
	return id, nil
}

// addDeletes adds deletes of the ids that were asked for and not shown.
func (p *page) addDeletes(q *reading, shown map[string]bool, at primitive.Timestamp) {
	for _, id := range q.values {
		key := valueset.Key(id)
		if shown[key] {
			continue
		}
		own := bson.RawValue{Type: id.Type, Value: append([]byte(nil), id.Value...)}
		p.changes = append(p.changes, goatee.Change{Op: goatee.OpDelete, Namespace: q.with, ID: own, ClusterTime: at})
		p.origins = append(p.origins, q.asked.by[key])
		p.bytes += changeBytes
	}
}
