package goatee

import (
	"context"
	"sync"
)

// counter is a number that one can wait for to become zero.
type counter struct {
	mu   sync.Mutex
	zero sync.Cond
	n    int
}

func (c *counter) init() { c.zero.L = &c.mu }

func (c *counter) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n += n; c.n == 0 {
		c.zero.Broadcast()
	}
}

func (c *counter) isZero() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n == 0
}

// wait returns when the counter is zero or, with its cause, when ctx has ended.
func (c *counter) wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.zero.Broadcast()
	})
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.n != 0 && ctx.Err() == nil {
		c.zero.Wait()
	}
	if c.n != 0 {
		return context.Cause(ctx)
	}
	return nil
}
