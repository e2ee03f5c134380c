package goatee

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// reads knows which direct reads are under way. While one is, deletes are remembered: Elasticsearch forgets the version
// of a deleted document after index.gc_deletes, and would then accept an older copy that a slow read still holds.
type reads struct {
	mu      sync.Mutex
	sources []*sourceState
	active  atomic.Bool
	floor   atomic.Uint64 // no read to come is older than this cluster time
	dropped map[Namespace]uint64
}

func (r *reads) init(sources []*sourceState) {
	for _, s := range sources {
		if s.direct {
			r.sources = append(r.sources, s)
		}
	}
	r.active.Store(len(r.sources) > 0)
	r.dropped = map[Namespace]uint64{}
}

// advance moves the floor to the oldest low watermark of the reads that are not done.
func (r *reads) advance() {
	r.mu.Lock()
	defer r.mu.Unlock()
	floor := uint64(math.MaxUint64)
	for _, s := range r.sources {
		if !s.done.Load() {
			floor = min(floor, timestamp(s.low().ClusterTime))
		}
	}
	r.floor.Store(floor)
}

// complete reports whether every direct read is done. From then on no delete needs to be remembered.
func (r *reads) complete() bool {
	for _, s := range r.sources {
		if !s.done.Load() {
			return false
		}
	}
	r.active.Store(false)
	return true
}

// drop remembers a drop. It is called during a barrier, while no lane is at work.
func (r *reads) drop(c *Change) {
	if !r.active.Load() {
		clear(r.dropped)
		return
	}
	r.dropped[c.Namespace] = uint64(c.Version())
}

// isDropped reports whether a read is older than a drop of its collection or database.
func (r *reads) isDropped(c *Change) bool {
	if len(r.dropped) == 0 {
		return false
	}
	v := uint64(c.Version())
	return r.dropped[c.Namespace] > v || r.dropped[Namespace{Database: c.Namespace.Database}] > v
}

// tombstones are the deletes the lanes have seen while direct reads are under way, and the changes they have written
// without a version. A document has one lane at a time, so what happened to it before is here when its lane looks.
type tombstones struct {
	mu     sync.RWMutex
	byHash map[uint64][]tombstone
	prune  int // size at which the next pruning is worth it
}

type tombstone struct {
	identity string
	version  uint64
}

// minPrune is the number of tombstones below which pruning is not worth it.
const minPrune = 1024

// filter drops direct reads that are older than a delete or drop, and remembers deletes.
func (t *tombstones) filter(l *lane, items []item) []item {
	if !l.p.reads.active.Load() || !l.ops.has(OpRead) && !l.ops.has(OpDelete) {
		return items
	}
	if l.ops.has(OpDelete) {
		t.mu.Lock()
		defer t.mu.Unlock()
	} else {
		t.mu.RLock()
		defer t.mu.RUnlock()
		if len(t.byHash) == 0 && len(l.p.reads.dropped) == 0 {
			return items
		}
	}
	kept := items[:0]
	for _, i := range items {
		switch {
		case i.change.Op == OpDelete:
			t.add(l, i)
		case i.change.Op == OpRead && i.src.direct && (l.p.reads.isDropped(i.change) || t.isStale(l, i)):
			continue
		}
		kept = append(kept, i)
	}
	return kept
}

// filterUnversioned does for actions without a version, such as updates, what Elasticsearch does for all others: it
// drops direct reads that are older than what has been written, and remembers the others' changes like deletes.
func (t *tombstones) filterUnversioned(l *lane, items []item, actions []Action) []Action {
	if !l.p.reads.active.Load() || !anyUnversioned(actions) {
		return actions
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := 0
	for n := range actions {
		a := &actions[n]
		if a.isUnversioned() {
			if i := slices.IndexFunc(items, func(i item) bool { return i.change == a.Change }); i >= 0 {
				items = items[i:] // actions come in the order of their changes
				if items[0].change.Op != OpRead {
					t.add(l, items[0])
				} else if items[0].src.direct && t.isStale(l, items[0]) {
					continue
				}
			}
		}
		if kept < n {
			actions[kept] = *a
		}
		kept++
	}
	clear(actions[kept:])
	return actions[:kept]
}

func (a *Action) isUnversioned() bool {
	return a.Change != nil && a.ExternalVersion() == 0 && a.Kind != ActionDrop
}

func anyUnversioned(actions []Action) bool {
	for i := range actions {
		if actions[i].isUnversioned() {
			return true
		}
	}
	return false
}

// clear forgets everything.
func (t *tombstones) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byHash = nil
}

func (t *tombstones) add(l *lane, i item) {
	if t.byHash == nil {
		t.byHash, t.prune = map[uint64][]tombstone{}, minPrune
	}
	v := uint64(i.change.Version())
	if v < l.p.reads.floor.Load() {
		return
	}
	identity := l.hash.identity(i.change)
	known := t.byHash[i.hash]
	for k := range known {
		if known[k].identity == string(identity) {
			known[k].version = max(known[k].version, v)
			return
		}
	}
	t.byHash[i.hash] = append(known, tombstone{identity: string(identity), version: v})
	if len(t.byHash) >= t.prune {
		t.forget(l.p.reads.floor.Load())
		t.prune = max(minPrune, 2*len(t.byHash))
	}
}

func (t *tombstones) isStale(l *lane, i item) bool {
	found := t.byHash[i.hash]
	if len(found) == 0 {
		return false
	}
	identity := l.hash.identity(i.change)
	for _, d := range found {
		if d.identity == string(identity) && d.version >= uint64(i.change.Version()) {
			return true
		}
	}
	return false
}

// forget drops what no read to come can be older than.
func (t *tombstones) forget(floor uint64) {
	for h, list := range t.byHash {
		kept := list[:0]
		for _, d := range list {
			if d.version >= floor {
				kept = append(kept, d)
			}
		}
		if len(kept) == 0 {
			delete(t.byHash, h)
		} else {
			t.byHash[h] = kept
		}
	}
}
