package main

import (
	"context"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/cmd/config"
	"github.com/goatee-sync/goatee/resume"
)

// newPositions returns the store the settings ask for: MongoDB, or memory, which forgets.
func newPositions(c *config.Config, db *mongo.Database) (goatee.PositionStore, error) {
	strategy := resume.Timestamp
	if c.ResumeStrategy == config.ResumeByToken {
		strategy = resume.Token
	}
	stored, err := resume.NewMongo(db, resumeName(c), resume.WithStrategy(strategy))
	if err != nil {
		return nil, err
	}
	var store goatee.PositionStore = stored
	switch {
	case c.Resume || c.ClusterName != "":
	case c.DirectReadStateful:
		store = onlyReads{stored}
	default:
		store = resume.NewMemory()
	}
	if c.ResumeFromTimestamp != 0 {
		store = fixedStart{PositionStore: store, at: clusterTime(c.ResumeFromTimestamp)}
	}
	return store, nil
}

// clusterTime reads resume-from-timestamp: Unix seconds, or seconds and increment as MongoDB packs them.
func clusterTime(n int64) primitive.Timestamp {
	if n <= math.MaxInt32 {
		return primitive.Timestamp{T: uint32(n)}
	}
	return primitive.Timestamp{T: uint32(n >> 32), I: uint32(n)}
}

func isDirectRead(source goatee.SourceID) bool { return source.Kind == goatee.KindDirectRead }

// onlyReads remembers complete direct reads and forgets where change streams are.
type onlyReads struct{ *resume.Mongo }

func (s onlyReads) Load(ctx context.Context, source goatee.SourceID) (goatee.Position, error) {
	if !isDirectRead(source) {
		return goatee.Position{}, nil
	}
	return s.Mongo.Load(ctx, source)
}

func (s onlyReads) Save(ctx context.Context, fence goatee.Fence, positions []goatee.SourcePosition) error {
	reads := slices.DeleteFunc(slices.Clone(positions), func(p goatee.SourcePosition) bool { return !isDirectRead(p.SourceID) })
	if len(reads) == 0 {
		return nil
	}
	return s.Mongo.Save(ctx, fence, reads)
}

// fixedStart has every change stream start at one time, whatever is stored.
type fixedStart struct {
	goatee.PositionStore
	at primitive.Timestamp
}

func (s fixedStart) Load(ctx context.Context, source goatee.SourceID) (goatee.Position, error) {
	if isDirectRead(source) {
		return s.PositionStore.Load(ctx, source)
	}
	return goatee.Position{ClusterTime: s.at}, nil
}

// resumeName is the name of the stored positions.
func resumeName(c *config.Config) string {
	if c.ClusterName != "" {
		return c.ClusterName
	}
	return c.ResumeName
}
