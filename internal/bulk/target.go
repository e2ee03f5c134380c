package bulk

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
	"github.com/goatee-sync/goatee/internal/indexname"
)

// MaxID is the length of the longest id, in bytes.
const MaxID = 512

// ErrNoSuchPlace is wrapped by errors about an index or an id that no document can have in Elasticsearch: whatever is to
// be deleted there cannot exist.
var ErrNoSuchPlace = errors.New("no document can be there")

// placeError is an error about a place that cannot exist, in its own words.
type placeError struct{ error }

func (e placeError) Unwrap() []error { return []error{e.error, ErrNoSuchPlace} }

var (
	errNoNamespace = errors.New("no index: the change has no namespace and the action sets no Index")
	errNoID        = errors.New("no id: the change has no _id and the action sets no ID")
	errIDLength    = placeError{fmt.Errorf("the id must be 1 to %d bytes", MaxID)}
	errIDText      = placeError{errors.New("the id is no valid UTF-8")}
)

// checkIndexName says why Elasticsearch would refuse a name, and what to do about it.
func checkIndexName(name string) error {
	if err := indexname.Check(name); err != nil {
		return placeError{fmt.Errorf("%w: set another by a mapping or Action.Index", err)}
	}
	return nil
}

// DefaultIndex returns where a namespace's documents go unless an action says otherwise. For a whole database it is the
// pattern of its collections' indices, such as "shop.*".
func DefaultIndex(ns goatee.Namespace) string {
	if ns.Database != "" && ns.Collection == "" {
		return strings.ToLower(ns.Database) + ".*"
	}
	return strings.ToLower(ns.String())
}

// target is the index of a namespace, ready to be written.
type target struct {
	name   string
	prefix []byte // "_index":"shop.orders","_id":
	err    error  // why it cannot be written to
}

// Targets remembers the index of each namespace, so that names are lower-cased, checked and quoted once. The zero value
// is ready for use, by several encoders and goroutines at once.
type Targets struct {
	mu sync.RWMutex
	m  map[goatee.Namespace]*target
}

func (t *Targets) get(ns goatee.Namespace) *target {
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
	name := DefaultIndex(ns)
	if err := checkIndexName(name); err != nil {
		return &target{name: name, err: err}
	}
	return &target{name: name, prefix: appendTarget(nil, name)}
}

func appendTarget(dst []byte, index string) []byte {
	dst = append(dst, `"_index":`...)
	dst = bsonjson.AppendString(dst, index)
	return append(dst, `,"_id":`...)
}

// Target returns where an action goes; that of a drop has an index only. With an error, which is the one Append would
// return, it holds what can be told of it.
func (e *Encoder) Target(a *goatee.Action) (goatee.Target, error) {
	t := goatee.Target{Index: a.Index, Routing: a.Routing, ID: a.ID}
	if a.Change == nil {
		return t, errNoChange
	}
	if a.Kind == goatee.ActionDrop {
		if t.Index == "" {
			t.Index = DefaultIndex(a.Change.Namespace)
		}
		return goatee.Target{Index: t.Index}, nil
	}
	var err error
	if a.Index != "" {
		err = checkIndexName(a.Index)
	} else {
		known := e.target(a.Change.Namespace)
		t.Index, err = known.name, known.err
	}
	id, idErr := e.ID(a)
	t.ID = string(id)
	if err == nil {
		err = idErr
	}
	return t, err
}
