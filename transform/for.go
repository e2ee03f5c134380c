package transform

import (
	"context"
	"regexp"
	"strings"
	"sync"

	"github.com/goatee-sync/goatee"
)

// For applies t to the changes of one namespace, written exactly: "shop.orders". A name without a dot is a database and
// stands for all its collections and the drop of the database itself.
func For(namespace string, t goatee.Transformer) goatee.Transformer {
	db, coll, exact := strings.Cut(namespace, ".")
	f := newForNS("For", t, func(ns goatee.Namespace) bool {
		return ns.Database == db && (!exact || ns.Collection == coll)
	})
	if db == "" || exact && coll == "" {
		f.err = misuse("For", "namespace "+quote(namespace), `want database.collection, such as "shop.orders", or a database`)
	}
	return f
}

// ForPattern applies t to the changes of all namespaces that a regular expression matches as a whole: `shop_.*\.orders`
// matches shop_1.orders and not shop_1.orders.archive. The drop of a database has that database's name alone.
func ForPattern(pattern string, t goatee.Transformer) goatee.Transformer {
	re, err := compileWhole("ForPattern", pattern)
	f := newForNS("ForPattern", t, nil)
	if err != nil {
		f.err = err
		return f
	}
	f.matches = cached(func(ns goatee.Namespace) bool { return re.MatchString(ns.String()) })
	return f
}

// cached remembers the answer for every namespace: a deployment has some hundreds, and each is asked for many times.
func cached[T any](f func(goatee.Namespace) T) func(goatee.Namespace) T {
	var m sync.Map // goatee.Namespace to T
	return func(ns goatee.Namespace) T {
		if v, ok := m.Load(ns); ok {
			return v.(T)
		}
		v := f(ns)
		m.Store(ns, v)
		return v
	}
}

type forNS struct {
	inner   goatee.Transformer
	run     step
	matches func(goatee.Namespace) bool
	err     error
	picker  picker
}

func newForNS(constructor string, t goatee.Transformer, matches func(goatee.Namespace) bool) *forNS {
	f := &forNS{inner: t, matches: matches}
	if t == nil {
		f.err = misuse(constructor, "no transformer", "give it one")
		return f
	}
	f.run = asStep(t)
	return f
}

func (f *forNS) step() {}

func (f *forNS) Transform(ctx context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	switch {
	case f.err != nil:
		return nil, f.err
	case !f.matches(c.Namespace):
		return actions, nil
	}
	return f.run.Transform(ctx, c, actions)
}

func (f *forNS) TransformBatch(ctx context.Context, items []goatee.Item) error {
	if f.err != nil {
		return f.err
	}
	var last goatee.Namespace // a batch mostly holds one namespace
	var matched bool
	want := func(it *goatee.Item) bool {
		if it.Change.Namespace != last {
			last, matched = it.Change.Namespace, f.matches(it.Change.Namespace)
		}
		return matched && hasWork(it)
	}
	f.picker.run(items, want, func(picked []goatee.Item) {
		if err := f.run.TransformBatch(ctx, picked); err != nil {
			fail(picked, err)
		}
	})
	return nil
}

// Unwrap returns the transformer that is applied to some namespaces: what it can do beyond that holds for all of them.
func (f *forNS) Unwrap() goatee.Transformer { return f.inner }

func (f *forNS) Check(ctx context.Context) error {
	if f.err != nil {
		return f.err
	}
	return checkAll(ctx, f.inner)
}

// compileWhole compiles an expression that has to match the whole of a namespace.
func compileWhole(constructor, pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		return nil, &goatee.ConfigError{
			Setting: "transform." + constructor, Problem: "pattern " + quote(pattern), Err: err,
			Remedy: "use Go's regular expressions",
		}
	}
	return re, nil
}
