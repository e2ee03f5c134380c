package sink

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

const (
	maxIndexName = 255
	maxID        = 512
)

var (
	errNoNamespace  = errors.New("no index: the change has no namespace and the action sets no Index")
	errIndexLength  = fmt.Errorf("must be 1 to %d bytes", maxIndexName)
	errIndexDots    = errors.New("must not be a dot or two")
	errIndexStart   = errors.New("must not start with _, - or +")
	errIndexLetters = errors.New(`must hold none of \ / * ? " < > | , # space and control characters`)
)

// checkIndexName says why Elasticsearch would refuse a name, and with it perhaps the whole bulk request. Upper case is
// left to Elasticsearch, because an alias may have it.
func checkIndexName(name string) error {
	switch {
	case name == "" || len(name) > maxIndexName:
		return indexNameError(name, errIndexLength)
	case name == "." || name == "..":
		return indexNameError(name, errIndexDots)
	case name[0] == '_' || name[0] == '-' || name[0] == '+':
		return indexNameError(name, errIndexStart)
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`\/*?"<>|,#`, c) >= 0 {
			return indexNameError(name, errIndexLetters)
		}
	}
	return nil
}

func indexNameError(name string, err error) error {
	return fmt.Errorf("index name %.300q %w: set another by a mapping or Action.Index", name, err)
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
