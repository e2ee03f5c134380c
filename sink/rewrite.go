package sink

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/goatee-sync/goatee"
)

// Rewrite is a batch on its way to the next sink, for decorators that change, add or leave out actions. The caller's
// actions stay as they are, and failures are reported under the caller's ordinals.
//
//	func (d Enrich) Write(ctx context.Context, actions []goatee.Action) error {
//		r := sink.NewRewrite(actions)
//		for i := range actions {
//			r.Keep(i).Pipeline = "enrich"
//		}
//		return r.Write(ctx, d.next)
//	}
//
// It is not safe for concurrent use.
type Rewrite struct {
	given   []goatee.Action
	actions []goatee.Action
	origin  []int // the ordinal of each action's original among those given
	failed  []*goatee.ActionError
}

// NewRewrite returns a batch without actions that is to stand for the given ones.
func NewRewrite(given []goatee.Action) *Rewrite {
	return &Rewrite{
		given:   given,
		actions: make([]goatee.Action, 0, len(given)),
		origin:  make([]int, 0, len(given)),
	}
}

// Keep hands on the given action i and returns its copy, which may be edited until the next call of a method. An action
// that is neither kept nor failed is left out: it counts as done.
func (r *Rewrite) Keep(i int) *goatee.Action { return r.Add(i, r.given[i]) }

// Add hands on an action of the decorator's own on behalf of the given action i: if it fails, i has failed. It returns the
// copy, as Keep does.
func (r *Rewrite) Add(i int, a goatee.Action) *goatee.Action {
	r.actions = append(r.actions, a)
	r.origin = append(r.origin, i)
	return &r.actions[len(r.actions)-1]
}

// Fail reports a failure that the decorator has found by itself; its Ordinal is that of the given action, which must not
// be kept as well.
func (r *Rewrite) Fail(e *goatee.ActionError) { r.failed = append(r.failed, e) }

// Write writes the batch to next. Its error is what the decorator's own Write is to return: a *goatee.BatchError that
// names the given actions, one error for each at most, or an unknown error, which wins over failures that are known.
func (r *Rewrite) Write(ctx context.Context, next goatee.Sink) error {
	if len(r.actions) > 0 {
		failed, err := goatee.SplitBatchError(next.Write(ctx, r.actions))
		if err != nil {
			return err
		}
		for _, f := range failed {
			if f.Ordinal < 0 || f.Ordinal >= len(r.origin) {
				return fmt.Errorf("the next sink names action %d of %d: %w", f.Ordinal, len(r.origin), f)
			}
			own := *f
			own.Ordinal = r.origin[f.Ordinal]
			r.failed = append(r.failed, &own)
		}
	}
	return batchError(r.failed)
}

// batchError returns failures in the order of their actions, one for each action. If one action has several, one that is
// to be tried again counts: the others will be met again then.
func batchError(failed []*goatee.ActionError) error {
	if len(failed) == 0 {
		return nil
	}
	weight := func(c goatee.ActionClass) int {
		return slices.Index([]goatee.ActionClass{goatee.ClassBlocked, goatee.ClassDoubtful, goatee.ClassRefused}, c)
	}
	failed = slices.Clone(failed)
	slices.SortStableFunc(failed, func(a, b *goatee.ActionError) int {
		return cmp.Or(cmp.Compare(a.Ordinal, b.Ordinal), cmp.Compare(weight(a.Class), weight(b.Class)))
	})
	failed = slices.CompactFunc(failed, func(a, b *goatee.ActionError) bool { return a.Ordinal == b.Ordinal })
	return &goatee.BatchError{Failed: failed}
}
