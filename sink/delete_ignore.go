package sink

import (
	"context"
	"errors"

	"github.com/goatee-sync/goatee"
)

// IgnoreDeletes is the delete strategy of those who keep in Elasticsearch what is deleted in MongoDB.
type IgnoreDeletes struct{ decorator }

var _ goatee.Sink = (*IgnoreDeletes)(nil)

// NewIgnoreDeletes returns a sink that hands on everything but deletes to next.
func NewIgnoreDeletes(next goatee.Sink) (*IgnoreDeletes, error) {
	if next == nil {
		return nil, errors.New("sink.NewIgnoreDeletes: next is nil")
	}
	return &IgnoreDeletes{decorator{next}}, nil
}

// Write writes actions but for the deletes, which count as done.
func (s *IgnoreDeletes) Write(ctx context.Context, actions []goatee.Action) error {
	deletes := 0
	for i := range actions {
		if actions[i].Kind == goatee.ActionDelete {
			deletes++
		}
	}
	if deletes == 0 {
		return s.next.Write(ctx, actions)
	}
	r := newRewritten(actions)
	for i := range actions {
		if actions[i].Kind != goatee.ActionDelete {
			r.add(i)
		}
	}
	return r.write(ctx, s.next)
}
