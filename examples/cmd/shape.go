package main

import (
	"context"
	"strings"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/cmd/config"
)

// shape is the transformer of the settings that change where and how documents are written.
type shape struct {
	targets       map[goatee.Namespace]target
	users         map[string]int // how many namespaces are mapped to an index
	asUpdate      bool
	ignoreDeletes bool
}

// target is where the documents of a namespace go.
type target struct {
	index, pipeline string
}

// newShape returns the transformer, or nil when the settings leave every action as it is.
func newShape(c *config.Config) goatee.Transformer {
	if len(c.Mappings) == 0 && !c.IndexAsUpdate && c.DeleteStrategy != config.DeleteIgnore {
		return nil
	}
	s := &shape{
		targets:       map[goatee.Namespace]target{},
		users:         map[string]int{},
		asUpdate:      c.IndexAsUpdate,
		ignoreDeletes: c.DeleteStrategy == config.DeleteIgnore,
	}
	for _, m := range c.Mappings {
		ns, _ := goatee.ParseNamespace(m.Namespace) // checked when the settings were loaded
		s.targets[ns] = target{index: m.Index, pipeline: m.Pipeline}
		if m.Index != "" {
			s.users[m.Index]++
		}
	}
	return s
}

// LatestOnly says that what becomes of a document depends on its newest state alone.
func (s *shape) LatestOnly() bool { return true }

// Transform sets index, pipeline and kind of the actions.
func (s *shape) Transform(_ context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	to := s.targets[c.Namespace]
	switch {
	case c.Op.IsBarrier() && s.shares(c.Namespace, to):
		return nil, nil // the documents of the other namespaces must stay
	case c.Op == goatee.OpDelete && s.ignoreDeletes:
		return nil, nil
	}
	for i := range actions {
		s.apply(&actions[i], to)
	}
	return actions, nil
}

// shares reports whether documents of other namespaces are mapped to the index of this one.
func (s *shape) shares(ns goatee.Namespace, to target) bool {
	if to.index != "" {
		return s.users[to.index] > 1
	}
	return s.users[strings.ToLower(ns.String())] > 0
}

func (s *shape) apply(a *goatee.Action, to target) {
	if to.index != "" {
		a.Index = to.index
	}
	switch a.Kind {
	case goatee.ActionIndex:
		a.Pipeline = to.pipeline
		// An update runs no pipeline on the merged document, so that a namespace with one is still replaced.
		if s.asUpdate && to.pipeline == "" {
			a.Kind = goatee.ActionUpdate
		}
	case goatee.ActionDelete:
		if s.asUpdate {
			// Updates count versions by themselves; an external one would outrank them for good.
			a.VersionType = goatee.VersionInternal
		}
	}
}
