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

// Meta is where a document was written. What is empty is the default.
type Meta struct {
	Index    string
	Routing  string
	ID       string
	Pipeline string
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
