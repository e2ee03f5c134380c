package sink

import (
	"context"
	"slices"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bulk"
)

// copyAt is a place where there may be a copy of a document, and the cluster time, as a version, since when.
type copyAt struct {
	target goatee.Target
	since  int64
}

// document is what a batch means for one document.
type document struct {
	home   goatee.Target // its default place
	exists bool          // whether that can exist in Elasticsearch
	away   bool          // whether the batch puts it anywhere else
	// known says that the places have been looked up or written, and are not merely assumed to be the default one.
	known  bool
	places []goatee.Target // where it belongs when the actions so far have been applied; none when it is deleted
	since  int64           // the version of the change that has put it there
	copies []copyAt        // where there may be copies of it by then
	all    []goatee.Target // every place it has, or may have, in the course of the batch

	stored   *Meta // what the store holds
	last     int   // the ordinal of the last of its actions
	ordinals []int // those of the last change
}

// moves plans a batch of actions whose documents may change their places, and removes the copies that they leave behind.
// A document moves in two steps: everything is written where it belongs, and what has been left behind is deleted when
// that is durable. In between a search finds it twice, but never not at all, and a place that takes nothing leaves the
// former one as it is.
type moves struct {
	actions []goatee.Action
	encoder *bulk.Encoder
	applies func(goatee.Namespace) bool
	docs    map[MetaKey]*document
	ours    []*document // of each action; nil for those that are handed on as they are
	rewrite *Rewrite
	// versionedOnly leaves the copies of documents alone that are written without external versions.
	versionedOnly bool
}

// newMoves finds the documents that a batch is about. Their places are to be filled in before anything else is done.
func newMoves(b *Bulk, actions []goatee.Action, applies func(goatee.Namespace) bool) *moves {
	m := &moves{
		actions: actions, encoder: bulk.NewEncoder(b.config.format, &b.targets), applies: applies,
		docs: map[MetaKey]*document{}, ours: make([]*document, len(actions)), rewrite: NewRewrite(actions),
	}
	for lo := 0; lo < len(actions); {
		hi := m.endOfChange(lo)
		m.find(lo, hi)
		lo = hi
	}
	return m
}

// endOfChange returns where the actions of another change than that of action lo begin.
func (m *moves) endOfChange(lo int) int {
	hi := lo + 1
	for hi < len(m.actions) && m.actions[hi].Change == m.actions[lo].Change {
		hi++
	}
	return hi
}

// find notes which actions of a change say where its document is.
func (m *moves) find(lo, hi int) {
	c := m.actions[lo].Change
	if c == nil || !m.applies(c.Namespace) {
		return
	}
	home, err := m.encoder.Target(&goatee.Action{Kind: goatee.ActionDelete, Change: c})
	if home.ID == "" || err != nil && home.Index == "" {
		return // the next sink says what is wrong with it
	}
	key := MetaKey{Namespace: c.Namespace, ID: home.ID}
	d := m.docs[key]
	if d == nil {
		d = &document{home: home, exists: err == nil, places: []goatee.Target{home}}
	}
	for i := lo; i < hi; i++ {
		if target, ok := m.ownTarget(i, lo, hi, home); ok {
			m.ours[i], m.docs[key] = d, d
			d.away = d.away || m.actions[i].Kind != goatee.ActionDelete && target != home
		}
	}
}

// ownTarget returns where action i goes, one of those of a change, if it is about the document of the change itself. A
// transformer may make actions for others: those have ids of their own beside another action, or merge into what others
// write to.
func (m *moves) ownTarget(i, lo, hi int, home goatee.Target) (goatee.Target, bool) {
	a := &m.actions[i]
	target, err := m.encoder.Target(a)
	switch {
	case err != nil || a.Kind == goatee.ActionDrop:
		return target, false
	case target.ID == home.ID:
		return target, true
	case a.Kind == goatee.ActionDelete || a.Kind == goatee.ActionUpdate:
		return target, false
	}
	writes := 0
	for k := lo; k < hi; k++ {
		if m.actions[k].Kind != goatee.ActionDelete {
			writes++
		}
	}
	return target, writes == 1
}

// plan hands on the actions of the batch, with each delete led to where its document is.
func (m *moves) plan() {
	for lo := 0; lo < len(m.actions); {
		hi := m.endOfChange(lo)
		m.planChange(lo, hi)
		lo = hi
	}
}

func (m *moves) planChange(lo, hi int) {
	d, writes := m.own(lo, hi)
	if d == nil {
		for i := lo; i < hi; i++ {
			m.rewrite.Keep(i)
		}
		return
	}
	version := m.actions[lo].Change.Version()
	stale := version < d.since // a replay, or a direct read that the stream has overtaken
	var deleted []goatee.Target
	var kept []int
	for i := lo; i < hi; i++ {
		switch {
		case m.ours[i] == nil:
			m.rewrite.Keep(i)
		case stale:
			// Whatever it says has been superseded by the change that put the document where it is.
		default:
			a := m.rewrite.Keep(i)
			if len(writes) == 0 && isPlainDelete(a) && d.known && len(d.places) > 0 {
				lead(a, d.places[0])
			}
			if a.Kind == goatee.ActionDelete {
				target, _ := m.encoder.Target(a)
				deleted = append(deleted, target)
			}
			kept = append(kept, i)
		}
	}
	if !stale {
		d.ordinals, d.last = kept, kept[len(kept)-1]
		d.apply(writes, deleted, version)
	}
}

// own returns the document of a change, and where the change puts it.
func (m *moves) own(lo, hi int) (d *document, writes []goatee.Target) {
	for i := lo; i < hi; i++ {
		if m.ours[i] == nil {
			continue
		}
		d = m.ours[i]
		if m.actions[i].Kind != goatee.ActionDelete {
			target, _ := m.encoder.Target(&m.actions[i])
			writes = append(writes, target)
		}
	}
	return d, writes
}

// apply notes what a change does.
func (d *document) apply(writes, deleted []goatee.Target, version int64) {
	d.copies = slices.DeleteFunc(d.copies, func(c copyAt) bool { return slices.Contains(deleted, c.target) })
	if !samePlaces(writes, d.places) {
		d.since = version
	}
	d.known, d.places = true, writes
	for _, t := range writes {
		if !slices.ContainsFunc(d.copies, func(c copyAt) bool { return c.target == t }) {
			d.copies = append(d.copies, copyAt{t, version})
		}
		if !slices.Contains(d.all, t) {
			d.all = append(d.all, t)
		}
	}
}

// leftBehind returns the copies of a document where it does not belong.
func (d *document) leftBehind() []copyAt {
	return slices.DeleteFunc(slices.Clone(d.copies), func(c copyAt) bool { return slices.Contains(d.places, c.target) })
}

// write writes the batch, then removes what has been left behind. Its error is the caller's.
func (m *moves) write(ctx context.Context, next goatee.Sink) error {
	failed, rest := goatee.SplitBatchError(m.rewrite.Write(ctx, next))
	if rest != nil {
		return rest
	}
	undone := ordinals(failed)
	clean := NewRewrite(m.actions)
	for _, d := range m.docs {
		if len(d.ordinals) > 0 && !d.failed(undone) {
			m.clean(clean, d)
		}
	}
	left, rest := goatee.SplitBatchError(clean.Write(ctx, next))
	if rest != nil {
		return rest
	}
	return batchError(append(failed, left...))
}

// clean deletes the copies of a document that have been left behind.
func (m *moves) clean(r *Rewrite, d *document) {
	last := &m.actions[d.last]
	if m.versionedOnly && last.ExternalVersion() == 0 && len(d.places) > 0 {
		return
	}
	for _, c := range d.leftBehind() {
		a := r.Add(d.last, goatee.Action{Kind: goatee.ActionDelete, Change: last.Change})
		lead(a, c.target)
		a.VersionType, a.Version = cleanVersion(last, c, len(d.places) == 0)
	}
}

// cleanVersion returns the version of a delete that cleans up after an action. It is older than what the action has
// written: if two names lead to one index, the delete hits that document, and is superseded. A copy of the same version,
// from earlier in a transaction, must be told by its time.
func cleanVersion(last *goatee.Action, c copyAt, deleted bool) (goatee.VersionType, int64) {
	if last.VersionType == goatee.VersionInternal {
		return goatee.VersionInternal, 0
	}
	version := last.Version
	if version == 0 {
		version = last.Change.Version()
	}
	if !deleted && c.since != last.Change.Version() {
		version = max(version-1, 1)
	}
	return goatee.VersionExternalGTE, version
}

func (d *document) failed(failed map[int]bool) bool {
	return slices.ContainsFunc(d.ordinals, func(i int) bool { return failed[i] })
}

func ordinals(failed []*goatee.ActionError) map[int]bool {
	set := map[int]bool{}
	for _, f := range failed {
		set[f.Ordinal] = true
	}
	return set
}

// isPlainDelete reports whether a delete leaves open where its document is: it says neither routing nor id. It may say an
// index, which a mapping sets on deletes as on everything else.
func isPlainDelete(a *goatee.Action) bool {
	return a.Kind == goatee.ActionDelete && a.Routing == "" && a.ID == "" && a.Change != nil
}

// lead sends an action to a place.
func lead(a *goatee.Action, to goatee.Target) { a.Index, a.ID, a.Routing = to.Index, to.ID, to.Routing }

// samePlaces compares sets.
func samePlaces(a, b []goatee.Target) bool {
	subset := func(a, b []goatee.Target) bool {
		return !slices.ContainsFunc(a, func(t goatee.Target) bool { return !slices.Contains(b, t) })
	}
	return subset(a, b) && subset(b, a)
}
