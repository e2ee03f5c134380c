package goatee

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// applier makes changes durable: it fetches what is missing, transforms and writes. What cannot be written now it hands
// back. A lane has one, and so has the waiting room; each is used by one goroutine.
type applier struct {
	p    *pipeline
	lane int // for the observer; -1 in the waiting room
	hash *hasher
	prep *preparer

	// What follows is reused from batch to batch.
	actions []Action
	origin  []int32 // of actions: the item each comes from
	kept    []int32 // of prepared items: the item each comes from
	need    []*Change
	unread  map[*Change]error // changes whose documents could not be fetched
	aside   []setAside
}

// setAside is an item that cannot be written now.
type setAside struct {
	item
	// index is the index that takes nothing, empty when the item waits for itself.
	index string
	// doubtful items are tried again a few times only.
	doubtful bool
	err      error // nil for what waits behind another
}

func newApplier(p *pipeline, lane int, hash *hasher) *applier {
	return &applier{p: p, lane: lane, hash: hash.clone(), prep: newPreparer(p.transformer), unread: map[*Change]error{}}
}

// apply makes items durable, in order for each document. What it returns is not, and must be kept aside with everything
// that comes behind it for the same document; it is valid until the next call. fetches says whether an item may lack its
// document, bytes about how many bytes the items are.
func (a *applier) apply(ctx context.Context, items []item, fetches bool, bytes int) ([]setAside, error) {
	a.aside = a.aside[:0]
	for len(items) > 0 {
		n := a.limit(items, bytes)
		if fetches {
			var err error
			if n, err = a.fetch(ctx, items[:n]); err != nil {
				return nil, err
			}
		}
		if err := a.applyBatch(ctx, items[:n]); err != nil {
			return nil, err
		}
		items = items[n:]
	}
	return a.aside, nil
}

// limit returns how many of items are written at once: one part may be more than the limits allow.
func (a *applier) limit(items []item, bytes int) int {
	n := min(len(items), a.p.batchActions)
	if bytes <= a.p.batchBytes {
		return n
	}
	size := 0
	for i := range items[:n] {
		size += items[i].change.Document.Len()
		if size > a.p.batchBytes {
			return max(i, 1)
		}
	}
	return n
}

// applyBatch turns items into actions and makes them durable.
func (a *applier) applyBatch(ctx context.Context, items []item) error {
	first := len(a.aside)
	if err := a.prepare(ctx, items); err != nil {
		return err
	}
	defer a.letGo()
	if a.p.room.anyBlocked() {
		a.divert(items)
	}
	if a.p.reads.active.Load() {
		a.p.reads.filter(a, items)
	}
	if len(a.actions) > 0 {
		if err := a.write(ctx, items); err != nil {
			return err
		}
	}
	a.keepOrder(items, first)
	return nil
}

// letGo keeps no document alive beyond its batch.
func (a *applier) letGo() {
	clear(a.actions)
	clear(a.need)
	clear(a.unread)
	a.prep.reset(0)
}

// prepare fills in the actions of items.
func (a *applier) prepare(ctx context.Context, items []item) error {
	a.prep.reset(len(items))
	a.actions, a.origin, a.kept = a.actions[:0], a.origin[:0], a.kept[:0]
	for i := range items {
		if len(a.unread) > 0 {
			if err := a.unread[items[i].change]; err != nil {
				if err := items[i].t.src.bury(ctx, newDeadLetter(StageRead, items[i].t.src.name, items[i].change, err)); err != nil {
					return err
				}
				continue
			}
		}
		if a.prep.transformer != nil {
			if a.prep.add(items[i].change) {
				a.kept = append(a.kept, int32(i))
			}
		} else if action, ok := defaultAction(items[i].change); ok {
			a.actions = append(a.actions, action)
			a.origin = append(a.origin, int32(i))
		}
	}
	if a.prep.transformer == nil {
		return nil
	}
	return a.transform(ctx, items)
}

// transform puts the transformed actions in a row. Usually there is one per change.
func (a *applier) transform(ctx context.Context, items []item) error {
	began := time.Now()
	if err := a.prep.transform(ctx); err != nil {
		return err
	}
	if n := len(a.prep.items); n > 0 {
		a.p.transforming.observe(time.Since(began), n)
	}
	for n := range a.prep.items {
		it, i := &a.prep.items[n], a.kept[n]
		switch {
		case it.Err == nil:
			a.actions = append(a.actions, it.Actions...)
			for range it.Actions {
				a.origin = append(a.origin, i)
			}
		case isTemporary(it.Err):
			a.aside = append(a.aside, setAside{item: items[i], err: it.Err})
		default:
			if err := items[i].t.src.bury(ctx, newDeadLetter(StageTransform, items[i].t.src.name, it.Change, it.Err)); err != nil {
				return err
			}
		}
	}
	return nil
}

// divert takes out the actions of changes that have one for an index that takes nothing at present.
func (a *applier) divert(items []item) {
	out := map[int32]bool{}
	for n := range a.actions {
		i := a.origin[n]
		if out[i] {
			continue
		}
		if index := a.hash.indexOf(&a.actions[n]); a.p.room.diverts(items[i].change, index) {
			out[i] = true
			a.aside = append(a.aside, setAside{item: items[i], index: index})
		}
	}
	if len(out) > 0 {
		a.keepActions(func(n int) bool { return !out[a.origin[n]] })
	}
}

// keepActions removes the actions for which keep is false.
func (a *applier) keepActions(keep func(n int) bool) {
	kept := 0
	for n := range a.actions {
		if !keep(n) {
			continue
		}
		if kept < n {
			a.actions[kept], a.origin[kept] = a.actions[n], a.origin[n]
		}
		kept++
	}
	clear(a.actions[kept:])
	a.actions, a.origin = a.actions[:kept], a.origin[:kept]
}

// write writes the actions and sorts out what the sink says of each.
func (a *applier) write(ctx context.Context, items []item) error {
	if ctx.Err() != nil { // another process may lead by now
		return context.Cause(ctx)
	}
	if a == a.p.room.apply && a.p.room.anyBlocked() {
		for i := range a.actions {
			a.p.room.probe(&a.actions[i], a.hash.indexOf(&a.actions[i]))
		}
	}
	began := time.Now()
	var err error
	if panicked := guard(func() error { err = a.p.sink.Write(ctx, a.actions); return nil }); panicked != nil {
		err = fmt.Errorf("sink: %w", panicked)
	}
	notify(a.p.logger, a.p.observer.Written,
		WriteInfo{Lane: a.lane, Changes: len(items), Actions: len(a.actions), Took: time.Since(began), Err: err})
	failed, err := SplitBatchError(err)
	if err != nil {
		return err
	}
	for _, e := range failed {
		if e == nil {
			return errors.New("the sink names action nil as failed")
		}
		if e.Ordinal < 0 || e.Ordinal >= len(a.actions) {
			return fmt.Errorf("the sink names action %d of %d: %w", e.Ordinal, len(a.actions), e)
		}
		it := items[a.origin[e.Ordinal]]
		switch e.Class {
		case ClassBlocked:
			index := e.Target.Index
			if index == "" {
				index = a.hash.indexOf(&a.actions[e.Ordinal])
			}
			a.p.room.block(index, e)
			a.aside = append(a.aside, setAside{item: it, index: index, err: e})
		case ClassDoubtful:
			a.aside = append(a.aside, setAside{item: it, doubtful: true, err: e})
		default:
			if err := it.t.src.bury(ctx, newDeadLetter(StageWrite, it.t.src.name, it.change, e)); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepOrder sets aside, in the order of items, what comes behind a change of the same document that is set aside: from
// number first on, those of this batch.
func (a *applier) keepOrder(items []item, first int) {
	if len(a.aside) == 0 {
		return
	}
	why := map[*Change]setAside{}
	held := map[uint64]setAside{}
	for _, s := range a.aside[:first] {
		held[s.hash] = s
	}
	for _, s := range a.aside[first:] {
		if _, known := why[s.change]; !known {
			why[s.change] = s
		}
	}
	a.aside = a.aside[:first]
	for _, it := range items {
		s, ok := why[it.change]
		if !ok {
			if s, ok = held[it.hash]; !ok || it.change.Op.IsBarrier() {
				continue
			}
			s = setAside{item: it, index: s.index}
		}
		held[it.hash] = s
		a.aside = append(a.aside, s)
	}
}

func (i *item) lacksDocument() bool {
	return i.change.Op == OpUpdate && i.change.Document.IsZero() && i.t.src.fetcher != nil
}

// fetch gets the documents of updates, one source at a time, and returns how many items at the front can be written.
func (a *applier) fetch(ctx context.Context, items []item) (int, error) {
	var src *sourceState
	a.need = a.need[:0]
	ready := len(items)
	for i := range items {
		if !items[i].lacksDocument() || len(a.unread) > 0 && a.unread[items[i].change] != nil {
			continue
		}
		if src == nil {
			src = items[i].t.src
		}
		if items[i].t.src != src {
			ready = i
			break
		}
		a.need = append(a.need, items[i].change)
	}
	if src == nil {
		return ready, nil
	}
	var rest []*Change
	err := guard(func() (err error) {
		rest, err = src.fetcher.Fetch(ctx, a.need, func(c *Change, err error) { a.unread[c] = err })
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("fetch documents for %s: %w", src.name, err)
	}
	if len(rest) == 0 {
		return ready, nil
	}
	return firstOf(items[:ready], rest)
}

// firstOf returns the index of the first item that is still without its document.
func firstOf(items []item, rest []*Change) (int, error) {
	left := make(map[*Change]bool, len(rest))
	for _, c := range rest {
		left[c] = true
	}
	i := slices.IndexFunc(items, func(it item) bool { return left[it.change] })
	switch i {
	case 0:
		return 0, errors.New("a document fetcher made no progress")
	case -1:
		return len(items), nil
	}
	return i, nil
}
