package source

import (
	"context"
	"fmt"
)

// Turns limits how many direct reads, those it is given to by WithTurns, run at the same time. The others wait; while
// they do, they have not begun (goatee.DirectReader). Safe for concurrent use.
type Turns struct{ slots chan struct{} }

// NewTurns returns turns for so many direct reads at a time, 1 or more.
func NewTurns(reads int) (*Turns, error) {
	if reads < 1 {
		return nil, misuse("NewTurns", fmt.Sprintf("%d is too small", reads), "use 1 or more")
	}
	return &Turns{slots: make(chan struct{}, reads)}, nil
}

// wait blocks until it is the caller's turn, which ends when done is called. A nil Turns never makes anybody wait.
func (t *Turns) wait(ctx context.Context) (done func(), err error) {
	if t == nil {
		return func() {}, nil
	}
	select {
	case t.slots <- struct{}{}:
		return func() { <-t.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
