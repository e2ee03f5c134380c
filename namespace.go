package goatee

import (
	"fmt"
	"strings"
)

// Namespace names a MongoDB collection, or a database when Collection is empty.
type Namespace struct {
	Database   string
	Collection string
}

// ParseNamespace splits "database.collection" at the first dot: a collection's name may hold dots, a database's may not.
func ParseNamespace(s string) (Namespace, error) {
	db, coll, ok := strings.Cut(s, ".")
	if !ok || db == "" || coll == "" {
		return Namespace{}, fmt.Errorf("namespace %q: want database.collection, such as shop.orders", s)
	}
	return Namespace{Database: db, Collection: coll}, nil
}

// String returns "database.collection", or the database alone when there is no collection.
func (n Namespace) String() string {
	if n.Collection == "" {
		return n.Database
	}
	return n.Database + "." + n.Collection
}

// IsZero reports whether n names nothing.
func (n Namespace) IsZero() bool { return n == Namespace{} }
