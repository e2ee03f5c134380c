package plugin

import (
	"context"

	"github.com/goatee-sync/goatee"
)

// function is a transformer that calls a plug-in's function.
type function struct {
	goatee.TransformFunc
	err error // misuse, returned by Check and for every change
}

func newFunction(constructor string, missing bool, f goatee.TransformFunc) goatee.Transformer {
	if missing {
		err := &goatee.ConfigError{Setting: "plugin." + constructor, Problem: "no function", Remedy: "give it one"}
		return &function{err: err, TransformFunc: func(context.Context, *goatee.Change, []goatee.Action) ([]goatee.Action, error) {
			return nil, err
		}}
	}
	return &function{TransformFunc: f}
}

// Check reports misuse.
func (f *function) Check(context.Context) error { return f.err }
