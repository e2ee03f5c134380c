package resume

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/goatee-sync/goatee"
)

var _ goatee.PositionStore = (*Memory)(nil)

// Memory keeps positions as long as the process lives. It is safe for concurrent use.
type Memory struct {
	mu        sync.Mutex
	fence     goatee.Fence
	positions map[string]goatee.Position // by the name of the source
}

// NewMemory returns a store without positions.
func NewMemory() *Memory {
	return &Memory{positions: make(map[string]goatee.Position)}
}

// Load returns the stored position of a source, or the zero Position.
func (m *Memory) Load(_ context.Context, source goatee.SourceID) (goatee.Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return clonePosition(m.positions[source.Name]), nil
}

// Save stores positions, or fails with goatee.ErrFenced and changes nothing.
func (m *Memory) Save(ctx context.Context, fence goatee.Fence, positions []goatee.SourcePosition) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := checkFence(fence, m.fence); err != nil {
		return err
	}
	m.fence = max(m.fence, fence)
	for _, p := range positions {
		m.positions[p.Name] = clonePosition(p.Position)
	}
	return nil
}

// checkFence refuses a token older than the newest one seen. Without an election (0) there is nothing to compare.
func checkFence(fence, seen goatee.Fence) error {
	if fence > 0 && fence < seen {
		return fmt.Errorf("save positions with fencing token %d, token %d has been seen: %w", fence, seen, goatee.ErrFenced)
	}
	return nil
}

func clonePosition(p goatee.Position) goatee.Position {
	p.Token = bytes.Clone(p.Token)
	return p
}
