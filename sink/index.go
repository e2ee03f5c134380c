package sink

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
	"github.com/goatee-sync/goatee/internal/indexname"
)

const maxID = 512

var errNoNamespace = errors.New("no index: the change has no namespace and the action sets no Index")

// checkIndexName says why Elasticsearch would refuse a name, and what to do about it.
func checkIndexName(name string) error {
	if err := indexname.Check(name); err != nil {
		return fmt.Errorf("%w: set another by a mapping or Action.Index", err)
	}
	return nil
}

// defaultIndex is where a namespace's documents go unless an action says otherwise.
func defaultIndex(ns goatee.Namespace) string { return strings.ToLower(ns.String()) }

// target is the index of a namespace, ready to be written.
type target struct {
	prefix []byte // "_index":"shop.orders","_id":
	err    error  // why it cannot be written to
}

// targets remembers the index of each namespace, so that names are lower-cased, checked and quoted once.
type targets struct {
	mu sync.RWMutex
	m  map[goatee.Namespace]*target
}

func (t *targets) get(ns goatee.Namespace) *target {
	t.mu.RLock()
	found := t.m[ns]
	t.mu.RUnlock()
	if found != nil {
		return found
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil {
		t.m = map[goatee.Namespace]*target{}
	}
	t.m[ns] = newTarget(ns)
	return t.m[ns]
}

func newTarget(ns goatee.Namespace) *target {
	if ns.Database == "" || ns.Collection == "" {
		return &target{err: errNoNamespace}
	}
	name := defaultIndex(ns)
	if err := checkIndexName(name); err != nil {
		return &target{err: err}
	}
	return &target{prefix: appendTarget(nil, name)}
}

func appendTarget(dst []byte, index string) []byte {
	dst = append(dst, `"_index":`...)
	dst = bsonjson.AppendString(dst, index)
	return append(dst, `,"_id":`...)
}
