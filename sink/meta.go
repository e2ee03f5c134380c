package sink

import (
	"context"

	"github.com/goatee-sync/goatee"
)

// MetaKey names a document: its namespace and the id it would have in Elasticsearch by default.
type MetaKey struct {
	Namespace goatee.Namespace
	ID        string
}

// Place is where a document is. What is empty is the default.
type Place struct{ Index, Routing, ID string }

// Meta is where a document was written.
type Meta struct {
	// Places are where it is. While a change moves it the former places are among them.
	Places []Place
	// Version is the cluster time of the change that has put it there, as goatee.Change.Version tells it; 0 when that is
	// not known. Older changes have been overtaken.
	Version int64
}

// MetaStore remembers where documents were written. Its methods are called by several goroutines, each with documents
// of its own.
type MetaStore interface {
	// Get returns what is known of the keys.
	Get(ctx context.Context, keys []MetaKey) (map[MetaKey]Meta, error)
	// Put stores durably, in place of what was known before.
	Put(ctx context.Context, metas map[MetaKey]Meta) error
	// Remove forgets keys.
	Remove(ctx context.Context, keys []MetaKey) error
	// RemoveNamespace forgets a dropped collection, or a whole database when the collection is empty.
	RemoveNamespace(ctx context.Context, ns goatee.Namespace) error
}

// placeOf returns a target in relation to the default one.
func placeOf(t, home goatee.Target) Place {
	p := Place{Index: t.Index, Routing: t.Routing, ID: t.ID}
	if p.Index == home.Index {
		p.Index = ""
	}
	if p.ID == home.ID {
		p.ID = ""
	}
	return p
}

// target is the reverse of placeOf.
func (p Place) target(home goatee.Target) goatee.Target {
	t := goatee.Target{Index: p.Index, ID: p.ID, Routing: p.Routing}
	if t.Index == "" {
		t.Index = home.Index
	}
	if t.ID == "" {
		t.ID = home.ID
	}
	return t
}
