package main

import (
	"context"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/cmd/config"
	"github.com/goatee-sync/goatee/transform"
)

// newTransformer returns what the settings ask to be done with actions, or nil for nothing.
func newTransformer(ctx context.Context, c *config.Config) (goatee.Transformer, error) {
	ts := append(filePipelines(c.Files), mappings(c.Mappings)...)
	if c.DeleteStrategy == config.DeleteIgnore {
		ts = append(ts, transform.Skip(func(c *goatee.Change) bool { return c.Op == goatee.OpDelete }))
	}
	if t := c.ClusterTime; t.Index {
		stamp := transform.ClusterTime(t.TSField, t.DateField, t.DateFormat)
		if checker, ok := stamp.(goatee.Checker); ok {
			if err := checker.Check(ctx); err != nil {
				return nil, err
			}
		}
		ts = append(ts, stamp)
	}
	if c.IndexAsUpdate {
		ts = append(ts, goatee.TransformFunc(asUpdate))
	}
	if len(ts) == 0 {
		return nil, nil
	}
	t := transform.Chain(ts...)
	if checker, ok := t.(goatee.Checker); ok {
		if err := checker.Check(ctx); err != nil {
			return nil, &goatee.ConfigError{Setting: "mapping", Problem: "cannot work", Remedy: "correct the [[mapping]] table", Err: err}
		}
	}
	return t, nil
}

// mappings makes transformers of [[mapping]] tables.
func mappings(all []config.Mapping) []goatee.Transformer {
	var rules []transform.IndexRule
	var pipelines []goatee.Transformer
	for _, m := range all {
		switch {
		case m.Index == "":
		case m.Pattern != "":
			rules = append(rules, transform.Pattern(m.Pattern, m.Index))
		default:
			rules = append(rules, transform.Exact(m.Namespace, m.Index))
		}
		switch {
		case m.Pipeline == "":
		case m.Pattern != "":
			pipelines = append(pipelines, transform.ForPattern(m.Pattern, transform.Pipeline(m.Pipeline)))
		default:
			pipelines = append(pipelines, transform.For(m.Namespace, transform.Pipeline(m.Pipeline)))
		}
	}
	if len(rules) == 0 {
		return pipelines
	}
	return append([]goatee.Transformer{transform.Index(rules...)}, pipelines...)
}

// asUpdate merges documents into those that Elasticsearch has. It is not goatee.LatestOnly: what the merge of several
// changes gives depends on all of them.
func asUpdate(_ context.Context, _ *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	for i := range actions {
		a := &actions[i]
		switch {
		case a.Kind == goatee.ActionIndex && a.Pipeline == "":
			// The bulk API runs no pipeline on an update, so what has one is still replaced.
			a.Kind = goatee.ActionUpdate
		case a.Kind == goatee.ActionDelete:
			// Updates count versions by themselves; an external one would outrank them for good.
			a.VersionType = goatee.VersionInternal
		}
	}
	return actions, nil
}
