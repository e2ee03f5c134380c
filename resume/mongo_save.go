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
	changed := make(map[string]goatee.Position)
	var others []goatee.SourcePosition
	for _, p := range positions {
		if p.Kind == goatee.KindChangeStream {
			changed[p.Namespace.String()] = p.Position
		} else {
			others = append(others, p)
		}
	}
	streams, err := m.advance(ctx, changed)
	if err != nil {
		return err
	}
	if err := m.saveTime(ctx, fence, streams); err != nil {
		return err
	}
	if err := write(ctx, m.tokens, fence, m.tokenWrites(fence, changed, streams)); err != nil {
		return err
	}
	if err := write(ctx, m.positions, fence, m.positionWrites(fence, others)); err != nil {
		return err
	}
	if err := write(ctx, m.directReads, fence, m.directReadWrites(fence, others)); err != nil {
		return err
	}
	m.streams = streams
	return nil
}

// advance returns what is known of the streams once the changed positions are stored.
func (m *Mongo) advance(ctx context.Context, changed map[string]goatee.Position) (map[string]stream, error) {
	var unknown []string
	for id := range changed {
		if m.streams[id].document == nil {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) > 0 {
		if _, err := m.findTokens(ctx, unknown); err != nil {
			return nil, err
		}
	}
	streams := maps.Clone(m.streams)
	for id, p := range changed {
		s := streams[id]
		if s.document == nil {
			s.document = newDocumentID(m.name, id)
		}
		s.time = p.ClusterTime
		streams[id] = s
	}
	return streams, nil
}

// saveTime is the guard of a Save: nothing else is written when it is fenced.
func (m *Mongo) saveTime(ctx context.Context, fence goatee.Fence, streams map[string]stream) error {
	set := bson.D{}
	if ts := oldestTime(streams); !ts.IsZero() {
		set = append(set, bson.E{Key: "ts", Value: ts})
	}
	set = append(set, fenceField(fence)...)
	if len(set) == 0 {
		return nil
	}
	_, err := m.timestamps.UpdateOne(ctx, fenced(m.name, fence), bson.D{{Key: "$set", Value: set}},
		options.Update().SetUpsert(true))
	return asFenced(err, fence)
}

// oldestTime returns the cluster time that passes no stream, or zero as long as that of one stream is not known, which
// is so for tokens Monstache has written.
func oldestTime(streams map[string]stream) primitive.Timestamp {
	var oldest primitive.Timestamp
	for _, s := range streams {
		if s.time.IsZero() {
			return s.time
		}
		if oldest.IsZero() || s.time.Before(oldest) {
			oldest = s.time
		}
	}
	return oldest
}

func (m *Mongo) tokenWrites(
	fence goatee.Fence, changed map[string]goatee.Position, streams map[string]stream,
) []mongo.WriteModel {
	var writes []mongo.WriteModel
	for id, p := range changed {
		p.Complete = false
		update := positionUpdate(fence, p,
			bson.E{Key: "resumeName", Value: m.name}, bson.E{Key: "streamID", Value: id})
		writes = append(writes, upsert(fenced(streams[id].document, fence), update))
	}
	return writes
}

func (m *Mongo) positionWrites(fence goatee.Fence, positions []goatee.SourcePosition) []mongo.WriteModel {
	var writes []mongo.WriteModel
	for _, p := range positions {
		if p.Kind == goatee.KindDirectRead {
			p.Position.Complete = false
		}
		writes = append(writes, upsert(fenced(m.positionID(p.Name), fence), positionUpdate(fence, p.Position)))
	}
	return writes
}

// directReadWrites adds the namespaces that are complete to the list and takes those from it that are read once more.
func (m *Mongo) directReadWrites(fence goatee.Fence, positions []goatee.SourcePosition) []mongo.WriteModel {
	complete, again := bson.A{}, bson.A{}
	for _, p := range positions {
		switch ns := p.Namespace.String(); {
		case p.Kind != goatee.KindDirectRead:
		case p.Position.Complete:
			complete = append(complete, ns)
		default:
			again = append(again, ns)
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
