package transform

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/indexname"
)

// IndexRule says which index namespaces go to; made by Exact and Pattern.
type IndexRule struct {
	ns  goatee.Namespace // of an exact rule
	re  *indexPattern    // of a pattern
	to  string           // index, or template
	err error
}

// Exact sends one namespace, such as "shop.orders", to an index. Upper case in the name becomes lower case.
func Exact(namespace, index string) IndexRule {
	ns, err := goatee.ParseNamespace(namespace)
	r := IndexRule{ns: ns, to: strings.ToLower(index), err: err}
	if err == nil {
		r.err = indexname.Check(r.to)
	}
	return r
}

// Pattern sends the namespaces that a regular expression matches as a whole to the index that a template gives for
// each: $1 or ${1} stands for the first group of the expression, ${name} for a named one. Upper case becomes lower case.
//
//	Pattern(`shop_(.*)\.orders`, "orders-$1") // shop_eu.orders to orders-eu
func Pattern(pattern, template string) IndexRule {
	re, err := newIndexPattern(pattern, template)
	return IndexRule{re: re, to: template, err: err}
}

// Index says which indices namespaces go to instead of the default one, the namespace in lower case. Exact rules come
// first, then patterns in their order. An action that has an index already keeps it, wherever Index stands in a chain.
// Deletes go to the same index.
//
// A dropped collection deletes the index that its rule gives, unless other namespaces share it: then nothing is deleted
// and the change fails with a *SharedIndexError. An index is shared when a rule sends another namespace there, or could, or
// when documents of another namespace have gone there since the start. A dropped database also deletes the indices that
// exact rules give to its collections.
func Index(rules ...IndexRule) goatee.Transformer {
	x, err := newIndexer(rules)
	p := perAction(x.action)
	p.err = err
	p.apply = x.orDropDatabase(p.apply)
	return p
}

// SharedIndexError says that a drop was not carried out because other namespaces share the index.
type SharedIndexError struct {
	// Namespace was dropped.
	Namespace goatee.Namespace
	// Index is where its documents are.
	Index string
	// Others are the namespaces, or patterns of namespaces, that go there too.
	Others []string
}

// Error says what to do about it.
func (e *SharedIndexError) Error() string {
	return fmt.Sprintf("index %s is not deleted with %s: %s may be in it too; delete the dropped documents by query",
		e.Index, e.Namespace, strings.Join(e.Others, ", "))
}

// indexer applies the rules.
type indexer struct {
	exact    map[goatee.Namespace]string
	order    []goatee.Namespace // of the exact rules
	patterns []*indexPattern
	seen     sync.Map // goatee.Namespace to *indexTarget
}

// indexTarget is what the rules say about a namespace.
type indexTarget struct {
	index string        // empty: no rule, the default
	by    *indexPattern // nil for an exact rule
	err   error
}

// name returns the index, also when it is the default.
func (t *indexTarget) name(ns goatee.Namespace) string {
	if t.index == "" {
		return strings.ToLower(ns.String())
	}
	return t.index
}

func newIndexer(rules []IndexRule) (*indexer, error) {
	x := &indexer{exact: map[goatee.Namespace]string{}}
	for _, r := range rules {
		switch _, twice := x.exact[r.ns]; {
		case r.err != nil:
			return x, &goatee.ConfigError{Setting: "transform.Index", Problem: "rule to " + quote(r.to), Err: r.err}
		case r.re != nil:
			x.patterns = append(x.patterns, r.re)
		case r.ns.IsZero():
			return x, misuse("Index", "a rule is empty", "make rules with Exact and Pattern")
		case twice:
			return x, misuse("Index", "two rules for "+r.ns.String(), "leave one out")
		default:
			x.exact[r.ns] = r.to
			x.order = append(x.order, r.ns)
		}
	}
	return x, nil
}

func (x *indexer) target(ns goatee.Namespace) *indexTarget {
	if t, ok := x.seen.Load(ns); ok {
		return t.(*indexTarget)
	}
	t := x.resolve(ns)
	x.seen.Store(ns, t)
	return t
}

func (x *indexer) resolve(ns goatee.Namespace) *indexTarget {
	if index, ok := x.exact[ns]; ok {
		return &indexTarget{index: index}
	}
	if ns.Collection == "" {
		return &indexTarget{} // a database: rules are about collections
	}
	for _, p := range x.patterns {
		if index, ok := p.expand(ns); ok {
			t := &indexTarget{index: index, by: p}
			if err := indexname.Check(index); err != nil {
				t.err = fmt.Errorf("pattern %s for %s: %w", p, ns, err)
			}
			return t
		}
	}
	return &indexTarget{}
}

func (x *indexer) action(_ context.Context, c *goatee.Change, a *goatee.Action) error {
	if a.Index != "" {
		return nil
	}
	t := x.target(c.Namespace)
	if t.err != nil {
		return t.err
	}
	if a.Kind == goatee.ActionDrop && c.Namespace.Collection != "" {
		if err := x.checkShared(c.Namespace, t); err != nil {
			return err
		}
	}
	a.Index = t.index
	return nil
}

// orDropDatabase adds drops of the indices that exact rules give to the collections of a dropped database. When one of
// them is shared with another database the change fails, and none is dropped.
func (x *indexer) orDropDatabase(next goatee.TransformFunc) goatee.TransformFunc {
	return func(ctx context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
		if c.Op != goatee.OpDropDatabase {
			return next(ctx, c, actions)
		}
		dropped := map[string]bool{}
		for _, ns := range x.order {
			index := x.exact[ns]
			if ns.Database != c.Namespace.Database || dropped[index] {
				continue
			}
			if err := x.checkShared(c.Namespace, &indexTarget{index: index}); err != nil {
				return nil, err
			}
			dropped[index] = true
			actions = append(actions, goatee.Action{Kind: goatee.ActionDrop, Change: c, Index: index})
		}
		return actions, nil
	}
}

// checkShared returns a *SharedIndexError when something other than dropped goes to its index too.
func (x *indexer) checkShared(dropped goatee.Namespace, t *indexTarget) error {
	index := t.name(dropped)
	belongs := func(ns goatee.Namespace) bool {
		return ns == dropped || dropped.Collection == "" && ns.Database == dropped.Database
	}
	var others []string
	for _, ns := range x.order {
		if x.exact[ns] == index && !belongs(ns) {
			others = append(others, ns.String())
		}
	}
	for _, p := range x.patterns {
		if p == t.by && p.manyToOne || p != t.by && p.mayGive(index) {
			others = append(others, p.String())
		}
	}
	x.seen.Range(func(k, v any) bool {
		ns, t := k.(goatee.Namespace), v.(*indexTarget)
		_, listed := x.exact[ns]
		if !listed && ns.Collection != "" && !belongs(ns) && t.name(ns) == index {
			others = append(others, ns.String())
		}
		return true
	})
	if len(others) == 0 {
		return nil
	}
	return &SharedIndexError{Namespace: dropped, Index: index, Others: others}
}
