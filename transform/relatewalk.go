package transform

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

const (
	pageDocuments = 1000    // at most so many related documents in one batch
	pageBytes     = 2 << 20 // and about so many bytes of them
)

// walk follows the relations from one batch, depth first: while a page of related documents leads on to others, only
// the pages on the way to it are in memory.
type walk struct {
	*relating
	at   primitive.Timestamp // the cluster time that related documents get
	been map[visit]bool      // for relations that can lead back to themselves
}

// visit is a value that a relation has been followed for.
type visit struct {
	relation int
	value    string
}

// follow reads what the questions ask for; depth is that of the documents asking, 1 for changes.
func (w *walk) follow(ctx context.Context, asks questions, depth int) error {
	for _, r := range w.ordered {
		set := asks[r]
		if set == nil || r.MaxDepth > 0 && depth > r.MaxDepth {
			continue
		}
		for values := range w.fresh(r, set).chunks {
			if err := w.read(ctx, r, values, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

// fresh returns the values that the relation has not been followed for since the walk began, which ends cycles.
func (w *walk) fresh(r *relation, set *valueSet) *valueSet {
	if !r.cyclic {
		return set
	}
	fresh := &valueSet{}
	for i, key := range set.keys {
		if v := (visit{r.index, key}); !w.been[v] {
			w.been[v] = true
			fresh.add(set.list[i])
		}
	}
	return fresh
}

// read emits the documents that relate to the values, page by page.
func (w *walk) read(ctx context.Context, r *relation, values []bson.RawValue, depth int) error {
	var shown map[string]bool
	if r.identity() {
		shown = make(map[string]bool, len(values))
	}
	p := &page{}
	for doc, err := range w.finder.Find(ctx, r.with, r.filter(values), nil) {
		if err != nil {
			return fmt.Errorf("relate %s with %s: %w", r.ns, r.with, err)
		}
		if err := p.add(r.with, doc, w.at); err != nil {
			return err
		}
		if shown != nil {
			shown[valueKey(p.changes[len(p.changes)-1].ID)] = true
		}
		if len(p.changes) >= pageDocuments || p.bytes >= pageBytes {
			if err := w.flush(ctx, p, depth); err != nil {
				return err
			}
			p = &page{}
		}
	}
	if shown != nil {
		p.addDeletes(r.with, values, shown, w.at)
	}
	return w.flush(ctx, p, depth)
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
			if err := asks.add(w.relateSource, &p.changes[i]); err != nil {
				return err
			}
		}
		if err := w.follow(ctx, asks, depth+1); err != nil {
			return err
		}
	}
	if !w.keeps(ns) {
		return nil
	}
	return w.emit(ctx, &goatee.Batch{Changes: p.changes, Position: w.relating.at, Bytes: p.bytes})
}

// page is related documents on their way.
type page struct {
	changes []goatee.Change
	bytes   int
}

// changeBytes stands for what a change weighs besides its document.
const changeBytes = 256

func (p *page) add(ns goatee.Namespace, doc bson.Raw, at primitive.Timestamp) error {
	own := append(bson.Raw(nil), doc...)
	id, err := relatedID(own)
	if err != nil {
		return err
	}
	p.changes = append(p.changes, goatee.Change{
		Op: goatee.OpRead, Namespace: ns, ID: id, Document: goatee.NewDocument(own), ClusterTime: at,
	})
	p.bytes += len(own) + changeBytes
	return nil
}

// addDeletes adds deletes of the ids that were asked for and not shown.
func (p *page) addDeletes(ns goatee.Namespace, ids []bson.RawValue, shown map[string]bool, at primitive.Timestamp) {
	for _, id := range ids {
		if shown[valueKey(id)] {
			continue
		}
		own := bson.RawValue{Type: id.Type, Value: append([]byte(nil), id.Value...)}
		p.changes = append(p.changes, goatee.Change{Op: goatee.OpDelete, Namespace: ns, ID: own, ClusterTime: at})
		p.bytes += changeBytes
	}
}
