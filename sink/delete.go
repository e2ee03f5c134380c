package sink

import (
	"context"
	"errors"
	"fmt"

	"github.com/goatee-sync/goatee"
)

// DeleteOption sets something of a delete strategy.
type DeleteOption func(*deleteConfig) error

type deleteConfig struct {
	namespaces map[goatee.Namespace]bool // nil: all
	pattern    string
}

// WithRoutedNamespaces sets which namespaces have documents whose index, routing or id a transformer chooses, such as
// shop.orders; the deletes of all others go to their default place without a look-up. "" stands for all.
// Default: all.
func WithRoutedNamespaces(names ...string) DeleteOption {
	return func(c *deleteConfig) error {
		c.namespaces = map[goatee.Namespace]bool{}
		for _, name := range names {
			if name == "" {
				c.namespaces = nil
				return nil
			}
			ns, err := goatee.ParseNamespace(name)
			if err != nil {
				return fmt.Errorf("sink.WithRoutedNamespaces: %w", err)
			}
			c.namespaces[ns] = true
		}
		return nil
	}
}

// WithIndexPattern sets where the stateless strategy searches: names of indices and aliases, with wildcards, separated
// by commas. Default: *.
func WithIndexPattern(pattern string) DeleteOption {
	return func(c *deleteConfig) error {
		c.pattern = pattern
		if pattern == "" {
			return errors.New(`sink.WithIndexPattern(""): leave the option out to search everywhere`)
		}
		return nil
	}
}

func newDeleteConfig(opts []DeleteOption) (c deleteConfig, err error) {
	for _, opt := range opts {
		err = errors.Join(err, opt(&c))
	}
	return c, err
}

// applies reports whether the place of what an action deletes is to be looked up: a delete that says neither routing
// nor id. It may say an index, which a mapping sets on deletes as on everything else.
func (c *deleteConfig) applies(a *goatee.Action) bool {
	return a.Kind == goatee.ActionDelete && a.Routing == "" && a.ID == "" && a.Change != nil &&
		(c.namespaces == nil || c.namespaces[a.Change.Namespace])
}

// decorator is what the delete strategies have in common: they hand on to another sink.
type decorator struct{ next goatee.Sink }

// Check checks the next sink.
func (d decorator) Check(ctx context.Context) error {
	if c, ok := d.next.(goatee.Checker); ok {
		return c.Check(ctx)
	}
	return nil
}

// SinkStats returns what the next sink has counted.
func (d decorator) SinkStats() goatee.SinkStats {
	if r, ok := d.next.(goatee.SinkReporter); ok {
		return r.SinkStats()
	}
	return goatee.SinkStats{}
}

// rewritten is a batch on its way to the next sink in which some actions are changed or left out. The caller's actions
// stay as they are.
type rewritten struct {
	original []goatee.Action
	actions  []goatee.Action
	origin   []int // of each action in original
	failed   []*goatee.ActionError
}

func newRewritten(original []goatee.Action) *rewritten {
	return &rewritten{
		original: original,
		actions:  make([]goatee.Action, 0, len(original)),
		origin:   make([]int, 0, len(original)),
	}
}

// add hands on action i, and returns its copy for editing.
func (r *rewritten) add(i int) *goatee.Action {
	r.actions = append(r.actions, r.original[i])
	r.origin = append(r.origin, i)
	return &r.actions[len(r.actions)-1]
}

// refuse leaves out action i.
func (r *rewritten) refuse(i int, index, id string, err error) {
	r.failed = append(r.failed, &goatee.ActionError{Action: &r.original[i], Index: index, ID: id, Err: err})
}

// write writes the batch and makes errors speak of the caller's actions.
func (r *rewritten) write(ctx context.Context, next goatee.Sink) error {
	err := next.Write(ctx, r.actions)
	var batch *goatee.BatchError
	switch {
	case errors.As(err, &batch):
		r.adopt(batch.Failed)
	case err != nil:
		return err
	}
	if len(r.failed) > 0 {
		return &goatee.BatchError{Failed: r.failed}
	}
	return nil
}

func (r *rewritten) adopt(failed []*goatee.ActionError) {
	origin := make(map[*goatee.Action]int, len(r.actions))
	for n := range r.actions {
		origin[&r.actions[n]] = r.origin[n]
	}
	for _, f := range failed {
		if i, ok := origin[f.Action]; ok {
			f.Action = &r.original[i]
		}
		r.failed = append(r.failed, f)
	}
}
