package goateetest

import (
	"context"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
)

// Source is a goatee.Source in memory: it brings the changes it was made with, and is exhausted then. Its position is
// the number of changes it has brought, so that a run goes on where the one before left off.
type Source struct {
	name    string
	changes []*goatee.Change
}

// NewSource returns a source with a name, such as "orders". Changes come in one batch, but for drops and renames, which
// come alone.
func NewSource(name string, changes ...*goatee.Change) *Source {
	return &Source{name: name, changes: changes}
}

// Name returns the source's name.
func (s *Source) Name() string { return s.name }

// Run brings what lies behind the position.
func (s *Source) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	first := 0
	if !from.IsZero() {
		first = int(from.Token.Lookup("changes").Int32())
	}
	for first < len(s.changes) {
		end := first + 1
		for !s.changes[first].Op.IsBarrier() && end < len(s.changes) && !s.changes[end].Op.IsBarrier() {
			end++
		}
		b := &goatee.Batch{Position: goatee.Position{
			Token:       raw(bson.D{{Key: "changes", Value: int32(end)}}),
			ClusterTime: s.changes[end-1].ClusterTime,
		}, CaughtUp: end == len(s.changes)}
		for _, c := range s.changes[first:end] {
			b.Changes = append(b.Changes, *c.Clone())
		}
		if err := emit(ctx, b); err != nil {
			return err
		}
		first = end
	}
	return nil
}
