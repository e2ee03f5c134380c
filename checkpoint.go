package goatee

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// checkpointer stores low watermarks.
type checkpointer struct {
	p     *pipeline
	mu    sync.Mutex // held while positions are stored; guards saved
	saved map[*sourceState]savedMark
	last  atomic.Int64 // Unix nanoseconds of the last success
	idle  time.Time    // when an idle position was last stored
	bad   bool
}

type savedMark struct {
	moves   uint64
	changes int64
	known   bool
}

func newCheckpointer(p *pipeline) *checkpointer {
	return &checkpointer{p: p, saved: map[*sourceState]savedMark{}}
}

// run stores what moved at each interval until stop is closed. A store that fails is tried again at the next; only a
// fence ends the run, because another process leads.
func (c *checkpointer) run(ctx context.Context, stop <-chan struct{}) error {
	ticker := time.NewTicker(c.p.checkpointInterval)
	defer ticker.Stop()
	c.idle = time.Now()
	for {
		select {
		case <-stop:
			return nil
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		idle := time.Since(c.idle) >= c.p.idleInterval
		if idle {
			c.idle = time.Now()
		}
		err := c.save(ctx, idle)
		if errors.Is(err, ErrFenced) {
			return err
		}
		c.report(ctx, err)
	}
}

// report logs when storing begins to fail and when it works again.
func (c *checkpointer) report(ctx context.Context, err error) {
	switch {
	case err != nil && !c.bad && ctx.Err() == nil:
		c.p.logger.Error("positions cannot be stored: a restart would read again from the last ones", "error", err)
	case err == nil && c.bad:
		c.p.logger.Info("positions can be stored again")
	}
	c.bad = err != nil
}

// save stores the positions of all sources when one of them moved. Idle says whether a position that moved without a
// change is worth it too: storing one moves the deployment's own stream, so that this must not happen every time.
func (c *checkpointer) save(ctx context.Context, idle bool) error {
	if c.p.positions == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	positions, marks := c.collect(idle)
	if len(positions) == 0 {
		return nil
	}
	err := guard(func() error { return c.p.positions.Save(ctx, c.p.fence, positions) })
	if err != nil {
		err = fmt.Errorf("store positions: %w", err)
	} else {
		c.saved = marks // those of sources that are gone are forgotten
		c.last.Store(time.Now().UnixNano())
	}
	notify(c.p.logger, c.p.observer.Checkpoint, CheckpointInfo{Positions: positions, Err: err})
	return err
}

func (c *checkpointer) collect(idle bool) ([]SourcePosition, map[*sourceState]savedMark) {
	var positions []SourcePosition
	marks := map[*sourceState]savedMark{}
	moved := false
	for _, s := range c.p.list() {
		low, moves := s.marks.Low()
		if low.IsZero() || s.direct != nil && !s.isComplete(low.Position) {
			continue
		}
		positions = append(positions, SourcePosition{SourceID: s.id, Position: low.Position})
		now := savedMark{moves: moves, changes: low.changes, known: true}
		was := c.saved[s]
		moved = moved || now.changes != was.changes || !was.known || idle && now.moves != was.moves
		marks[s] = now
	}
	if !moved {
		return nil, nil
	}
	return positions, marks
}

// isComplete reports whether a direct read has read everything, so that this is to be remembered. One with dead letters is
// read again: what was refused may have been mended.
func (s *sourceState) isComplete(low Position) bool {
	return s.stateful && low.Complete && s.refused.Load() == 0
}

// logStored says at the end of a run where the next one will go on.
func (c *checkpointer) logStored() {
	if c.p.positions == nil {
		return
	}
	for _, s := range c.p.list() {
		if low := s.low(); !low.IsZero() && (s.direct == nil || s.isComplete(low)) {
			c.p.logger.Info("position stored", "source", s.name, "position", low.String())
		}
	}
}
