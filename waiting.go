package goatee

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// room is the waiting room: it keeps changes that cannot be written now, because their index takes nothing at present,
// because their transformer asked to be called again later, or because it is in doubt whether Elasticsearch will ever
// take them. What comes behind such a change for the same document follows it into the room, everything else goes on.
// The room tries again by itself: one action for each blocked index, which tells whether it takes writes again.
//
// What is kept here is not acknowledged: positions stay before it, and its memory counts in the budget. It is safe for
// concurrent use.
type room struct {
	p      *pipeline
	apply  *applier
	active atomic.Bool // whether anything is kept, or any index is blocked
	wake   chan struct{}
	empty  counter // what is kept

	mu         sync.Mutex
	entries    []*entry // in the order they came
	byHash     map[uint64]int
	namespaces map[Namespace]int // entries of each namespace
	barriers   map[Namespace]int // drops and renames among them
	blocked    map[string]*blockedIndex
	probes     map[*Change]string // what may be written to blocked indices, and the one that it waits for
	probing    map[string]bool    // blocked indices that the write under way is for
	retrying   int                // entries whose transformer asked to be called again
}

// entry is a change that is kept. It owns its change.
type entry struct {
	item
	bytes    int64
	index    string // the blocked index it waits for, "" when it waits for itself
	doubtful bool
	attempts int
	since    time.Time
	due      time.Time
	err      error
	retries  bool // it waits because its transformer asked for it
	settled  bool
}

// blockedIndex is an index that takes nothing at present.
type blockedIndex struct {
	since    time.Time
	due      time.Time // of the next probe
	attempts int
	refused  bool // the write under way
	reason   string
}

const (
	// firstProbe is when a blocked index, or a change that waits for itself, is tried again for the first time; the pause
	// doubles up to lastProbe.
	firstProbe = time.Second
	lastProbe  = 10 * time.Second
	// maxDoubts is how often a doubtful change is tried again before it is dead-lettered.
	maxDoubts = 5
)

func newRoom(p *pipeline) *room {
	r := &room{
		p: p, wake: make(chan struct{}, 1), byHash: map[uint64]int{}, namespaces: map[Namespace]int{},
		barriers: map[Namespace]int{}, blocked: map[string]*blockedIndex{}, probes: map[*Change]string{},
		probing: map[string]bool{},
	}
	r.apply = newApplier(p, -1, p.hash)
	r.empty.init()
	return r
}

func pauseAfter(attempts int) time.Duration { return min(firstProbe<<min(attempts, 10), lastProbe) }

// anyBlocked reports whether an index is blocked.
func (r *room) anyBlocked() bool {
	if !r.active.Load() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.blocked) > 0
}

// diverts reports whether what an applier has for an index is to be kept instead. A probe may be for more than one blocked
// index.
func (r *room) diverts(c *Change, index string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, probe := r.probes[c]
	return r.blocked[index] != nil && !probe
}

// probe notes that an action is about to be written to an index. A drop may be for others than its own.
func (r *room) probe(a *Action, index string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.Kind == ActionDrop && r.blocked[index] == nil {
		index = r.probes[a.Change]
	}
	if b := r.blocked[index]; b != nil {
		r.probing[index], b.refused = true, false
	}
}

// block notes that an index takes nothing.
func (r *room) block(index string, e *ActionError) {
	if !r.setBlocked(index, e) {
		return
	}
	r.p.logger.Warn("an index takes no writes: its changes wait, all others go on, and it is tried again until it does",
		"index", index, "reason", cut(e.Error()))
	notify(r.p.logger, r.p.observer.Index, IndexInfo{Index: index, Err: e})
}

// setBlocked returns false when the index was blocked already.
func (r *room) setBlocked(index string, e *ActionError) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	reason := cut(e.Error())
	if b := r.blocked[index]; b != nil {
		b.reason, b.refused = reason, true
		return false
	}
	r.blocked[index] = &blockedIndex{since: time.Now(), due: time.Now().Add(firstProbe), reason: reason}
	r.active.Store(true)
	return true
}

// reportUnblocked says that indices take writes again.
func (r *room) reportUnblocked(since map[string]time.Time) {
	for index, t := range since {
		r.p.logger.Info("the index takes writes again", "index", index, "after", time.Since(t).Round(time.Millisecond))
		notify(r.p.logger, r.p.observer.Index, IndexInfo{Index: index})
	}
}

// follow takes out of items what comes behind something that is kept, and keeps it too.
func (r *room) follow(items []item) []item {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := items[:0]
	for _, it := range items {
		if r.byHash[it.hash] > 0 || r.behindBarrier(it.change.Namespace) {
			r.add(setAside{item: it})
		} else {
			kept = append(kept, it)
		}
	}
	return kept
}

func (r *room) behindBarrier(ns Namespace) bool {
	return len(r.barriers) > 0 && (r.barriers[ns] > 0 || r.barriers[Namespace{Database: ns.Database}] > 0)
}

// hold keeps changes that could not be written.
func (r *room) hold(aside []setAside) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range aside {
		r.add(s)
	}
}

// holdBarrier keeps a drop or a rename if changes that it concerns are kept: it must come behind them.
func (r *room) holdBarrier(it item) bool {
	if !r.active.Load() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.concerns(it.change) {
		return false
	}
	r.add(setAside{item: it})
	return true
}

// concerns reports whether any entry is of the namespaces that a barrier is about.
func (r *room) concerns(c *Change) bool {
	if c.Op != OpDropDatabase {
		return r.namespaces[c.Namespace] > 0 || r.barriers[Namespace{Database: c.Namespace.Database}] > 0
	}
	for ns := range r.namespaces {
		if ns.Database == c.Namespace.Database {
			return true
		}
	}
	return false
}

// add keeps a change. It is acknowledged later than the rest of its batch, whose memory it does not use any longer.
func (r *room) add(s setAside) {
	e := &entry{item: s.item, index: s.index, doubtful: s.doubtful, err: s.err, since: time.Now()}
	e.change = s.change.Clone()
	e.due = e.since
	if s.err != nil && s.index == "" {
		e.attempts, e.due = 1, e.since.Add(firstProbe)
	}
	e.t.open.Add(1)
	r.weigh(e)
	r.entries = append(r.entries, e)
	r.namespaces[e.change.Namespace]++
	if e.change.Op.IsBarrier() {
		r.barriers[e.change.Namespace]++
	} else {
		r.byHash[e.hash]++
	}
	r.empty.add(1)
	r.active.Store(true)
	r.noteRetry(e, s.asksAgain())
	r.signal()
}

// noteRetry notes whether an entry waits because its transformer asked for it. It logs when the first one does, and when
// none does any more.
func (r *room) noteRetry(e *entry, waits bool) {
	if e.retries == waits {
		return
	}
	e.retries = waits
	if !waits {
		if r.retrying--; r.retrying == 0 {
			r.p.logger.Info("no transformer asks to be called again any more")
		}
		return
	}
	if r.retrying++; r.retrying == 1 {
		r.p.logger.Warn("a transformer asks to be called again later: the changes wait, all others go on",
			"namespace", e.change.Namespace.String(), "error", cut(e.err.Error()))
	}
}

// weigh counts what an entry weighs by now: its document may have been looked up since it came.
func (r *room) weigh(e *entry) {
	bytes := int64(e.change.Document.Len() + e.change.Before.Len() + changeBytes)
	r.p.budget.Hold(bytes - e.bytes)
	e.bytes = bytes
}

// asksAgain reports whether an item waits because its transformer asked to be called again later.
func (s *setAside) asksAgain() bool {
	return s.index == "" && !s.doubtful && s.err != nil && isTemporary(s.err)
}

func (r *room) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// settle notes that an entry needs nothing more; sweep removes it.
func (r *room) settle(e *entry) {
	e.settled = true
	r.noteRetry(e, false)
	decrement(r.namespaces, e.change.Namespace)
	if e.change.Op.IsBarrier() {
		decrement(r.barriers, e.change.Namespace)
	} else {
		decrement(r.byHash, e.hash)
	}
}

// sweep removes the entries that are settled.
func (r *room) sweep() {
	r.entries = slices.DeleteFunc(r.entries, func(e *entry) bool { return e.settled })
	r.active.Store(len(r.entries) > 0 || len(r.blocked) > 0)
}

func decrement[K comparable](m map[K]int, key K) {
	if m[key]--; m[key] == 0 {
		delete(m, key)
	}
}

// run tries again what is kept until ctx ends or stop is closed.
func (r *room) run(ctx context.Context, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		batch, next := r.next()
		if len(batch) == 0 {
			var timer <-chan time.Time
			if !next.IsZero() {
				timer = time.After(time.Until(next))
			}
			select {
			case <-timer:
			case <-r.wake:
			case <-stop:
				return nil
			case <-ctx.Done():
				return nil
			}
			continue
		}
		if err := r.try(ctx, batch); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// next returns what is to be tried now, in order, or when there will be something. Of what waits for a blocked index only
// the first entry is tried: it tells whether the index takes writes again.
func (r *room) next() (batch []*entry, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.probes)
	now := time.Now()
	bytes := 0
	s := scan{documents: map[uint64]bool{}, namespaces: map[Namespace]bool{}, closed: map[Namespace]bool{}}
	probed := map[string]bool{}
	for _, e := range r.entries {
		if s.behind(e) {
			continue
		}
		due, b := e.due, r.blocked[e.index]
		if b != nil {
			due = b.due
		}
		switch {
		case b != nil && probed[e.index]:
			s.pass(e)
			continue
		case due.After(now):
			s.pass(e)
			if at.IsZero() || due.Before(at) {
				at = due
			}
			continue
		case e.change.Op.IsBarrier() && len(batch) > 0: // it comes alone
			continue
		case len(batch) >= r.p.batchActions || bytes > r.p.batchBytes:
			return batch, at
		}
		if b != nil {
			probed[e.index], r.probes[e.change] = true, e.index
		}
		batch = append(batch, e)
		if e.change.Op.IsBarrier() {
			return batch, at
		}
		bytes += int(e.bytes)
	}
	return batch, at
}

// scan is what a walk through the entries has come by.
type scan struct {
	documents  map[uint64]bool // with an entry that is not tried
	namespaces map[Namespace]bool
	closed     map[Namespace]bool // behind a barrier
}

// behind reports whether an entry must wait because of one before it, and notes the entry.
func (s *scan) behind(e *entry) bool {
	ns := e.change.Namespace
	behind := s.closed[ns] || s.closed[Namespace{Database: ns.Database}]
	if e.change.Op.IsBarrier() {
		behind = behind || s.concerns(e.change)
		s.closed[ns] = true
	} else {
		behind = behind || s.documents[e.hash]
	}
	s.namespaces[ns] = true
	if behind {
		s.pass(e)
	}
	return behind
}

// pass notes that an entry is not tried.
func (s *scan) pass(e *entry) {
	if !e.change.Op.IsBarrier() {
		s.documents[e.hash] = true
	}
}

// concerns reports whether a barrier is about any of the entries before it.
func (s *scan) concerns(c *Change) bool {
	for ns := range s.namespaces {
		if ns == c.Namespace || c.Op == OpDropDatabase && ns.Database == c.Namespace.Database {
			return true
		}
	}
	return false
}

// try applies entries and keeps what cannot be written this time either.
func (r *room) try(ctx context.Context, batch []*entry) error {
	items := make([]item, len(batch))
	bytes := 0
	for i, e := range batch {
		items[i] = e.item
		bytes += int(e.bytes)
	}
	if c := items[0].change; c.Op.IsBarrier() {
		r.p.reads.drop(c)
	}
	if r.p.reads.active.Load() {
		items = r.p.reads.dropStale(items)
	}
	aside, err := r.apply.apply(ctx, items, true, bytes)
	if err != nil {
		return err
	}
	again := make(map[*Change]setAside, len(aside))
	for _, s := range aside {
		again[s.change] = s
	}
	var given []*entry
	r.mu.Lock()
	unblocked := r.probed()
	done := make([]*entry, 0, len(batch))
	for _, e := range batch {
		s, kept := again[e.change]
		switch {
		case !kept:
			r.settle(e)
			done = append(done, e)
		case r.keep(e, s):
		default:
			given = append(given, e)
		}
	}
	r.sweep()
	r.mu.Unlock()
	r.reportUnblocked(unblocked)
	for _, e := range given {
		if err := r.giveUp(ctx, e); err != nil {
			return err
		}
		done = append(done, e)
	}
	for _, e := range done {
		r.p.budget.Hold(-e.bytes)
		e.t.ack()
		r.empty.add(-1)
	}
	return nil
}

// probed notes what the last write has found out about blocked indices, and returns since when those were blocked that take
// writes again.
func (r *room) probed() map[string]time.Time {
	since := map[string]time.Time{}
	for index := range r.probing {
		b := r.blocked[index]
		if !b.refused {
			since[index] = b.since
			delete(r.blocked, index)
			continue
		}
		b.attempts++
		b.due = time.Now().Add(pauseAfter(b.attempts))
	}
	clear(r.probing)
	return since
}

// keep keeps an entry for another time. It returns false when there is to be none.
func (r *room) keep(e *entry, s setAside) bool {
	r.weigh(e)
	e.index, e.doubtful = s.index, s.doubtful
	if s.err != nil {
		e.err = s.err
	}
	r.noteRetry(e, s.asksAgain())
	if e.index != "" || s.err == nil {
		return true
	}
	e.attempts++
	e.due = time.Now().Add(pauseAfter(e.attempts - 1))
	if e.doubtful {
		return e.attempts <= maxDoubts
	}
	limit := r.p.retryLimit
	return limit == 0 || time.Since(e.since) < limit
}

// giveUp makes an entry a dead letter.
func (r *room) giveUp(ctx context.Context, e *entry) error {
	stage, err := StageTransform, e.err
	if e.doubtful {
		stage = StageWrite
	} else {
		err = fmt.Errorf("given up after %v: %w", time.Since(e.since).Round(time.Second), err)
	}
	d := newDeadLetter(stage, e.t.src.name, e.change, err)
	d.Attempts = e.attempts
	if err := e.t.src.bury(ctx, d); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle(e)
	r.sweep()
	return nil
}

// stats adds what is kept.
func (r *room) stats(st *Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	st.Waiting = int64(len(r.entries))
	if len(r.blocked) == 0 {
		return
	}
	held := map[string]int64{}
	for _, e := range r.entries {
		held[e.index]++
	}
	for index, b := range r.blocked {
		st.Blocked = append(st.Blocked, BlockedStats{Index: index, Since: b.since, Waiting: held[index], Reason: b.reason})
	}
}
