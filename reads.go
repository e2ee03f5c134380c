package goatee

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// reads knows which direct reads are under way and what has been deleted in their namespaces meanwhile: Elasticsearch
// forgets the version of a deleted document after index.gc_deletes, and would then accept an older copy that a slow read
// still holds. What counts is what is written, by whoever's decision: a delete in MongoDB, a transformer that drops the
// document, one that moves it. It is safe for concurrent use.
type reads struct {
	p      *pipeline
	active atomic.Bool // whether any direct read is not done

	mu          sync.RWMutex
	byNamespace map[Namespace]*namespaceReads
	bytes       int64 // of the budget that tombstones take
	former      int64 // those of them that will be forgotten soon: namespaceReads.former
}

// namespaceReads are the direct reads of one namespace and the tombstones that are kept for them.
type namespaceReads struct {
	over    bool // there is none any more
	sources []*sourceState
	floor   uint64 // no document that is still to come is older than this cluster time
	dropped uint64 // the cluster time at which the namespace was dropped, 0 if it was not
	deleted map[targetHash]uint64
	prune   int // size of deleted at which the next pruning is worth it
	// former is what was remembered when there was too much of it: until the reads in need of it have begun again.
	former map[targetHash]uint64
	need   []*sourceState
}

const (
	// tombstoneBytes is about what one tombstone takes in a map.
	tombstoneBytes = 48
	// minPrune is the number of tombstones below which pruning is not worth it.
	minPrune = 1024
)

func newReads(p *pipeline) *reads { return &reads{p: p, byNamespace: map[Namespace]*namespaceReads{}} }

// begin notes a direct read that is about to run, or to run again: what its namespace's tombstones were kept for is
// durable.
func (r *reads) begin(s *sourceState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ns := s.direct.Namespace()
	n := r.byNamespace[ns]
	if n == nil {
		n = &namespaceReads{prune: minPrune}
		r.byNamespace[ns] = n
	}
	r.remove(n, s)
	n.sources = append(n.sources, s)
	n.advance()
	r.active.Store(true)
}

// end notes that a direct read is over. The last one of a namespace takes the tombstones along.
func (r *reads) end(s *sourceState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ns := s.direct.Namespace()
	n := r.byNamespace[ns]
	if n == nil {
		return
	}
	if r.remove(n, s); len(n.sources) == 0 {
		n.over = true
		delete(r.byNamespace, ns)
	}
	r.active.Store(len(r.byNamespace) > 0)
}

// remove takes a read out, and forgets what was remembered for it alone.
func (r *reads) remove(n *namespaceReads, s *sourceState) {
	is := func(other *sourceState) bool { return other == s }
	n.sources, n.need = slices.DeleteFunc(n.sources, is), slices.DeleteFunc(n.need, is)
	r.forgetFormer(n)
	if len(n.sources) == 0 {
		r.take(int64(-len(n.deleted)) * tombstoneBytes)
		n.deleted, n.dropped, n.prune = nil, 0, minPrune
	}
}

// advance moves the floor, when the low watermark of a read may have moved.
func (r *reads) advance(s *sourceState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.byNamespace[s.direct.Namespace()]; n != nil {
		n.advance()
	}
}

// advance sets the floor to the oldest low watermark of the reads that have begun.
func (n *namespaceReads) advance() {
	n.floor = math.MaxUint64
	for _, s := range n.sources {
		if s.waiting() {
			continue
		}
		n.floor = min(n.floor, timestamp(s.low().ClusterTime))
	}
}

// waiting reports whether a direct read has not begun, so that what it will read is newer than everything until now.
func (s *sourceState) waiting() bool { return !s.direct.Begun() && s.inFlight.isZero() }

// dropStale leaves out direct reads that are older than the drop of their collection or database.
func (r *reads) dropStale(items []item) []item {
	r.mu.RLock()
	defer r.mu.RUnlock()
	kept := items[:0]
	for _, it := range items {
		if it.change.Op == OpRead && it.t.src.direct != nil {
			if n := r.byNamespace[it.change.Namespace]; n != nil && n.dropped > uint64(it.change.Version()) {
				continue
			}
		}
		kept = append(kept, it)
	}
	return kept
}

// drop remembers a drop of a collection or a database.
func (r *reads) drop(c *Change) {
	if !r.active.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for ns, n := range r.byNamespace {
		if ns == c.Namespace || c.Op == OpDropDatabase && ns.Database == c.Namespace.Database {
			n.dropped = max(n.dropped, uint64(c.Version()))
		}
	}
}

// filter leaves out actions of direct reads that are older than what has been deleted at their target, and remembers
// the deletes among the others. What an action without a version writes, such as an update, is remembered too: for those
// Elasticsearch does not compare versions.
func (r *reads) filter(a *applier, items []item) {
	var last Namespace
	var n *namespaceReads
	// Another lane may remember something meanwhile, but not about a document of this one.
	remembered := false
	known, drop := false, false
	for i := range a.actions {
		act := &a.actions[i]
		if !known || act.Change.Namespace != last {
			last, known = act.Change.Namespace, true
			n, remembered = r.of(last)
		}
		if n == nil || act.Kind == ActionDrop {
			continue
		}
		it := &items[a.origin[i]]
		switch {
		case it.change.Op == OpRead && it.t.src.direct != nil:
			if remembered && r.isStale(n, a.hash, act) {
				drop = true
				a.origin[i] = -1
			}
		case act.Kind == ActionDelete || act.ExternalVersion() == 0:
			r.add(n, a.hash, act)
			remembered = true
		}
	}
	if drop {
		a.keepActions(func(n int) bool { return a.origin[n] >= 0 })
	}
}

// of returns the reads of a namespace, nil if there are none, and whether anything is remembered for them.
func (r *reads) of(ns Namespace) (n *namespaceReads, remembered bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if n = r.byNamespace[ns]; n != nil {
		remembered = len(n.deleted)+len(n.former) > 0
	}
	return n, remembered
}

func (r *reads) isStale(n *namespaceReads, h *hasher, a *Action) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	version := uint64(a.Change.Version())
	if n.deletedSince(h.target(a), version) {
		return true
	}
	return !a.goesByDefault() && n.deletedSince(h.target(&Action{Change: a.Change}), version)
}

func (n *namespaceReads) deletedSince(key targetHash, version uint64) bool {
	deleted, ok := n.deleted[key]
	former, wasKnown := n.former[key]
	return ok && deleted >= version || wasKnown && former >= version
}

// goesByDefault reports whether the action goes where its change goes by default.
func (a *Action) goesByDefault() bool { return a.Index == "" && a.ID == "" && a.Routing == "" }

// add remembers what was done at an action's target, and for its document wherever that goes by default: a transformer
// may send an older copy of it, whose content it knows, to another place than a delete, which has none.
func (r *reads) add(n *namespaceReads, h *hasher, a *Action) {
	version := uint64(a.Change.Version())
	r.mu.Lock()
	defer r.mu.Unlock()
	if n.over {
		return
	}
	if len(n.deleted) == 0 {
		n.advance() // a read may have begun without having brought anything yet
	}
	if version < n.floor || !n.begun() {
		return
	}
	r.remember(n, h.target(a), version)
	if !a.goesByDefault() {
		r.remember(n, h.target(&Action{Change: a.Change}), version)
	}
	tooMuch := n.former == nil && r.bytes-r.former > r.p.inFlightBytes/2
	if len(n.deleted) >= n.prune || tooMuch {
		n.advance()
		r.forget(n)
		n.prune = max(minPrune, 2*len(n.deleted))
	}
	if tooMuch && r.bytes-r.former > r.p.inFlightBytes/2 {
		r.beginAgain()
	}
}

// forgetFormer drops what was too much, when no read needs it any longer.
func (r *reads) forgetFormer(n *namespaceReads) {
	if len(n.need) > 0 {
		return
	}
	bytes := int64(len(n.former)) * tombstoneBytes
	n.former = nil
	r.former -= bytes
	r.take(-bytes)
}

// beginAgain has the reads of the namespace with the most to remember begin again.
func (r *reads) beginAgain() {
	var most *namespaceReads
	for _, n := range r.byNamespace {
		if n.former == nil && (most == nil || len(n.deleted) > len(most.deleted)) {
			most = n
		}
	}
	most.former, most.deleted = most.deleted, nil
	r.former += int64(len(most.former)) * tombstoneBytes
	for _, s := range most.sources {
		if !s.waiting() {
			most.need = append(most.need, s)
			s.restart()
		}
	}
	r.forgetFormer(most)
}

func (r *reads) remember(n *namespaceReads, key targetHash, version uint64) {
	if n.deleted == nil {
		n.deleted = map[targetHash]uint64{}
	}
	old, known := n.deleted[key]
	if n.deleted[key] = max(old, version); !known {
		r.take(tombstoneBytes)
	}
}

// begun reports whether any of the reads has begun.
func (n *namespaceReads) begun() bool {
	for _, s := range n.sources {
		if !s.waiting() {
			return true
		}
	}
	return false
}

// forget drops what no read to come can be older than.
func (r *reads) forget(n *namespaceReads) {
	before := len(n.deleted)
	for key, version := range n.deleted {
		if version < n.floor {
			delete(n.deleted, key)
		}
	}
	r.take(int64(len(n.deleted)-before) * tombstoneBytes)
}

// take counts bytes in the budget, or gives them back.
func (r *reads) take(bytes int64) {
	r.bytes += bytes
	r.p.budget.Reserve(bytes)
}
