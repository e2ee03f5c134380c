package sink

import (
	"context"
	"io"
	"sync"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bulk"
)

var (
	_ goatee.Sink     = (*DryRun)(nil)
	_ goatee.Targeter = (*DryRun)(nil)
)

// DryRun writes what a Bulk with the same options would send, in the form of the bulk API, and sends nothing. It is safe
// for concurrent use.
type DryRun struct {
	config  config
	targets bulk.Targets
	mu      sync.Mutex // of out
	out     io.Writer
}

// NewDryRun returns a sink that writes to out what Bulk would send. Only options that say how values are written have an
// effect. Its error is a *goatee.ConfigError, or several joined.
func NewDryRun(out io.Writer, opts ...Option) (*DryRun, error) {
	if out == nil {
		return nil, &goatee.ConfigError{
			Setting: "sink.NewDryRun", Problem: "the writer is nil", Remedy: "give it os.Stdout or a buffer",
		}
	}
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	return &DryRun{config: c, out: out}, nil
}

// Write writes the actions of one call together. What Bulk would refuse without asking Elasticsearch is named by a
// *goatee.BatchError; so are drops, which are no bulk actions.
func (d *DryRun) Write(_ context.Context, actions []goatee.Action) error {
	encoder := bulk.NewEncoder(d.config.format, &d.targets)
	var body []byte
	var failed []*goatee.ActionError
	for i := range actions {
		var err error
		if body, _, err = encoder.Append(body, &actions[i]); err != nil {
			e := goatee.NewActionError(i, &actions[i])
			e.Target, _ = encoder.Target(&actions[i]) // as much of it as there is
			e.Err = err
			failed = append(failed, e)
		}
	}
	if err := d.print(body); err != nil {
		return err
	}
	if len(failed) > 0 {
		return &goatee.BatchError{Failed: failed}
	}
	return nil
}

func (d *DryRun) print(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.out.Write(body)
	return err
}

// Target returns where an action would be written. It is safe for concurrent use.
func (d *DryRun) Target(a *goatee.Action) (goatee.Target, error) {
	return bulk.NewEncoder(d.config.format, &d.targets).Target(a)
}
