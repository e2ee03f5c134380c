package resume

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
)

// Save stores positions with the guarantee described at Mongo: one request for the time and one for each of the other
// collections the positions belong to.
func (m *Mongo) Save(ctx context.Context, fence goatee.Fence, positions []goatee.SourcePosition) error {
	if err := m.save(ctx, fence, positions); err != nil {
		return fmt.Errorf("save positions: %w", err)
	}
	return nil
}

func (m *Mongo) save(ctx context.Context, fence goatee.Fence, positions []goatee.SourcePosition) error {
	streams, err := m.advance(ctx, positions)
	if err != nil {
		return err
	}
	if err := m.saveTime(ctx, fence, streams); err != nil {
		return err
	}
	if err := write(ctx, m.tokens, fence, m.tokenWrites(fence, positions, streams)); err != nil {
		return err
	}
	if err := write(ctx, m.positions, fence, m.positionWrites(fence, positions)); err != nil {
		return err
	}
	if err := write(ctx, m.directReads, fence, m.directReadWrites(fence, positions)); err != nil {
		return err
	}
	m.streams = streams
	return nil
}

// advance returns what is known of the streams once the positions are stored.
func (m *Mongo) advance(ctx context.Context, positions []goatee.SourcePosition) (map[streamKey]stream, error) {
	var unknown []string
	for _, p := range positions {
		if !isStream(p.Kind) {
			continue
		}
		if err := m.claim(p.SourceID); err != nil {
			return nil, err
		}
		if key := keyOf(p.SourceID); p.Kind == goatee.KindChangeStream && m.streams[key].document == nil {
			unknown = append(unknown, key.id)
		}
	}
	if len(unknown) > 0 {
		if _, err := m.findTokens(ctx, unknown); err != nil {
			return nil, err
		}
	}
	streams := maps.Clone(m.streams)
	for _, p := range positions {
		if !isStream(p.Kind) {
			continue
		}
		key := keyOf(p.SourceID)
		s := streams[key]
		if p.Kind == goatee.KindChangeStream && s.document == nil {
			s.document = newDocumentID(m.name, key.id)
		}
		s.stored, s.time = true, p.Position.ClusterTime
		streams[key] = s
	}
	return streams, nil
}

// isStream reports whether the cluster time of such a source counts for the one in monstache.
func isStream(kind goatee.SourceKind) bool {
	return kind == goatee.KindChangeStream || kind == goatee.KindOplog
}

// saveTime is the guard of a Save: nothing else is written when it is fenced.
func (m *Mongo) saveTime(ctx context.Context, fence goatee.Fence, streams map[streamKey]stream) error {
	set := bson.D{}
	if ts := oldestTime(streams); !ts.IsZero() {
		set = append(set, bson.E{Key: "ts", Value: ts})
	}
	set = append(set, fenceField(fence)...)
	if len(set) == 0 {
		return nil
	}
	update := bson.D{
		{Key: "$set", Value: append(set, bson.E{Key: "run", Value: m.run.fields()})},
		{Key: "$currentDate", Value: bson.D{{Key: "savedAt", Value: true}}},
	}
	before, err := m.timestamps.FindOneAndUpdate(ctx, fenced(m.name, fence), update,
		options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.Before).
			SetProjection(bson.D{{Key: "run", Value: 1}, {Key: "savedAt", Value: 1}})).Raw()
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return asFenced(err, fence)
	}
	if fence == 0 && m.run.meets(before) {
		m.run.warn(m.logger, m.name, before)
	}
	return nil
}

// oldestTime returns the cluster time that passes no stream, or zero as long as that of one stream is not known, which
// is so for tokens Monstache has written.
func oldestTime(streams map[streamKey]stream) primitive.Timestamp {
	var oldest primitive.Timestamp
	for _, s := range streams {
		switch {
		case !s.stored:
		case s.time.IsZero():
			return s.time
		case oldest.IsZero() || s.time.Before(oldest):
			oldest = s.time
		}
	}
	return oldest
}

func (m *Mongo) tokenWrites(
	fence goatee.Fence, positions []goatee.SourcePosition, streams map[streamKey]stream,
) []mongo.WriteModel {
	var writes []mongo.WriteModel
	for _, p := range positions {
		if p.Kind != goatee.KindChangeStream {
			continue
		}
		key := keyOf(p.SourceID)
		p.Position.Complete = false
		update := positionUpdate(fence, p.Position,
			bson.E{Key: "resumeName", Value: m.name}, bson.E{Key: "streamID", Value: key.id})
		writes = append(writes, upsert(fenced(streams[key].document, fence), update))
	}
	return writes
}

func (m *Mongo) positionWrites(fence goatee.Fence, positions []goatee.SourcePosition) []mongo.WriteModel {
	var writes []mongo.WriteModel
	for _, p := range positions {
		switch p.Kind {
		case goatee.KindChangeStream:
			continue
		case goatee.KindDirectRead:
			p.Position.Complete = false // that is kept in directreads
		}
		writes = append(writes, upsert(fenced(m.positionID(p.SourceID), fence), positionUpdate(fence, p.Position)))
	}
	return writes
}

// directReadWrites adds the namespaces that are complete to the list and takes those from it that are read once more.
func (m *Mongo) directReadWrites(fence goatee.Fence, positions []goatee.SourcePosition) []mongo.WriteModel {
	complete, again := bson.A{}, bson.A{}
	for _, p := range positions {
		switch {
		case p.Kind != goatee.KindDirectRead:
		case p.Position.Complete:
			complete = append(complete, p.Namespace.String())
		default:
			again = append(again, p.Namespace.String())
		}
	}
	var writes []mongo.WriteModel
	if len(again) > 0 {
		filter := append(fenced(m.name, fence), bson.E{Key: "ns", Value: bson.D{{Key: "$in", Value: again}}})
		update := m.directReadUpdate(fence, bson.E{Key: "$pull",
			Value: bson.D{{Key: "ns", Value: bson.D{{Key: "$in", Value: again}}}}})
		writes = append(writes, mongo.NewUpdateOneModel().SetFilter(filter).SetUpdate(update))
	}
	if len(complete) > 0 {
		update := m.directReadUpdate(fence,
			bson.E{Key: "$addToSet", Value: bson.D{{Key: "ns", Value: bson.D{{Key: "$each", Value: complete}}}}},
			bson.E{Key: "$setOnInsert", Value: bson.D{{Key: "created", Value: time.Now()}}})
		writes = append(writes, upsert(fenced(m.name, fence), update))
	}
	return writes
}

func (m *Mongo) directReadUpdate(fence goatee.Fence, ops ...bson.E) bson.D {
	update := append(bson.D{{Key: "$currentDate", Value: bson.D{{Key: "updated", Value: true}}}}, ops...)
	if f := fenceField(fence); len(f) > 0 {
		update = append(update, bson.E{Key: "$set", Value: f})
	}
	return update
}

// positionUpdate makes a document hold p and the extra fields: what p has not is removed.
func positionUpdate(fence goatee.Fence, p goatee.Position, extra ...bson.E) bson.D {
	set := append(bson.D(extra), fenceField(fence)...)
	unset := bson.D{}
	put := func(key string, value any, has bool) {
		if has {
			set = append(set, bson.E{Key: key, Value: value})
		} else {
			unset = append(unset, bson.E{Key: key, Value: ""})
		}
	}
	put("token", p.Token, len(p.Token) > 0)
	put("clusterTime", p.ClusterTime, !p.ClusterTime.IsZero())
	put("complete", true, p.Complete)
	var update bson.D
	if len(set) > 0 {
		update = append(update, bson.E{Key: "$set", Value: set})
	}
	return append(update, bson.E{Key: "$unset", Value: unset})
}

func upsert(filter, update bson.D) mongo.WriteModel {
	return mongo.NewUpdateOneModel().SetFilter(filter).SetUpdate(update).SetUpsert(true)
}

func write(ctx context.Context, coll *mongo.Collection, fence goatee.Fence, writes []mongo.WriteModel) error {
	if len(writes) == 0 {
		return nil
	}
	_, err := coll.BulkWrite(ctx, writes)
	return asFenced(err, fence)
}

// fenced selects the document with this _id unless it holds a newer fencing token. An upsert then tries to insert a
// second document with that _id, which the server refuses as a duplicate.
func fenced(id any, fence goatee.Fence) bson.D {
	filter := bson.D{{Key: "_id", Value: id}}
	if fence == 0 {
		return filter
	}
	return append(filter, bson.E{Key: "$or", Value: bson.A{
		bson.D{{Key: "fence", Value: bson.D{{Key: "$exists", Value: false}}}},
		bson.D{{Key: "fence", Value: bson.D{{Key: "$lte", Value: int64(fence)}}}},
	}})
}

func fenceField(fence goatee.Fence) bson.D {
	if fence == 0 {
		return nil
	}
	return bson.D{{Key: "fence", Value: int64(fence)}}
}

func asFenced(err error, fence goatee.Fence) error {
	if fence > 0 && mongo.IsDuplicateKeyError(err) {
		return errors.Join(goatee.ErrFenced, fmt.Errorf("fencing token %d is not the newest", fence))
	}
	return err
}
