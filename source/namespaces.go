package source

import (
	"bytes"
	"fmt"

	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// maxNamespaces bounds the memory of namespaces; a deployment with more starts to collect them anew.
const maxNamespaces = 10_000

// namespaceInfo is what the filter says about a namespace.
type namespaceInfo struct {
	goatee.Namespace
	wanted bool // changes of its documents
	drop   bool // its drop
}

// namespaces remembers the strings and the filter's verdict for each namespace, by the bytes of an event's ns, so that
// an event costs neither. Not safe for concurrent use.
type namespaces struct {
	filter *filter
	known  map[string]*namespaceInfo
	last   *namespaceInfo
	key    []byte // that of last
}

func newNamespaces(f *filter) *namespaces {
	return &namespaces{filter: f, known: make(map[string]*namespaceInfo)}
}

// get returns what is known about ns, the raw document {db, coll} of an event.
func (n *namespaces) get(ns []byte) (*namespaceInfo, error) {
	if n.last != nil && bytes.Equal(n.key, ns) {
		return n.last, nil
	}
	info, ok := n.known[string(ns)]
	if !ok {
		var err error
		if info, err = n.learn(ns); err != nil {
			return nil, err
		}
	}
	n.last, n.key = info, append(n.key[:0], ns...)
	return info, nil
}

func (n *namespaces) learn(ns []byte) (*namespaceInfo, error) {
	info := &namespaceInfo{}
	r := bsonjson.NewReader(ns)
	for r.Next() {
		if r.Type() != bsontype.String {
			continue
		}
		switch string(r.Key()) {
		case "db":
			info.Database = text(r.Value())
		case "coll":
			info.Collection = text(r.Value())
		}
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("namespace of a change event: %w", err)
	}
	info.wanted = n.filter.passes(info.Namespace)
	info.drop = n.filter.passesDrop(info.Namespace)
	if len(n.known) >= maxNamespaces {
		clear(n.known)
	}
	n.known[string(ns)] = info
	return info, nil
}
