package sink

import (
	"errors"
	"fmt"

	"github.com/goatee-sync/goatee"
)

// DeleteOption sets something of a delete strategy. Misuse is a *goatee.ConfigError that names the option.
type DeleteOption func(*deleteConfig) error

type deleteConfig struct {
	namespaces map[goatee.Namespace]bool // nil: all
	pattern    string
	cleanMoves bool
}

// WithRoutedNamespaces sets which namespaces, such as "shop.orders", have documents whose index, routing or id a
// transformer chooses, so that their places must be looked up. The actions of all others are handed on as they are. ""
// stands for all. Default: all.
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
				return &goatee.ConfigError{
					Setting: "sink.WithRoutedNamespaces", Problem: fmt.Sprintf("%q is not a namespace", name), Err: err,
					Remedy: `give "database.collection"`,
				}
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
			return misuse("WithIndexPattern", "the pattern is empty", "leave the option out to search everywhere")
		}
		return nil
	}
}

// WithCleanMoves has the stateless strategy search for the documents of every write as well, not only for those of
// deletes, and delete the copies that are left behind when a document's index or routing changes. It takes a refresh and
// a search for each write of routed namespaces. Every document in the indices of WithIndexPattern, which must be given,
// that has the id of a document of these namespaces is taken for a copy of it: the pattern must not name indices of other
// collections. Documents without external versions are left alone. Default: off.
func WithCleanMoves() DeleteOption {
	return func(c *deleteConfig) error {
		c.cleanMoves = true
		return nil
	}
}

func newDeleteConfig(opts []DeleteOption) (c deleteConfig, err error) {
	for _, opt := range opts {
		err = errors.Join(err, opt(&c))
	}
	return c, err
}

// applies reports whether the places of a namespace's documents are to be looked up.
func (c *deleteConfig) applies(ns goatee.Namespace) bool {
	return c.namespaces == nil || c.namespaces[ns]
}
