package resume

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
)

// Load returns the stored position of a source, or the zero Position. A stored document that does not hold what it should
// is a *goatee.ConfigError that names it.
func (m *Mongo) Load(ctx context.Context, source goatee.SourceID) (goatee.Position, error) {
	p, err := m.load(ctx, source)
	if err != nil {
		return goatee.Position{}, fmt.Errorf("load position of %s: %w", source.Name, err)
	}
	return p, nil
}

func (m *Mongo) load(ctx context.Context, source goatee.SourceID) (goatee.Position, error) {
	switch source.Kind {
	case goatee.KindChangeStream:
		return m.loadStream(ctx, source, m.loadToken)
	case goatee.KindOplog:
		return m.loadStream(ctx, source, m.loadPosition)
	case goatee.KindDirectRead:
		p, err := m.loadPosition(ctx, source)
		if err != nil {
			return p, err
		}
		p.Complete, err = m.loadComplete(ctx, source.Namespace.String())
		return p, err
	default:
		return m.loadPosition(ctx, source)
	}
}

// loadStream returns a stream's own position or the time that all of them share, as the strategy says.
func (m *Mongo) loadStream(ctx context.Context, source goatee.SourceID,
	loadOwn func(context.Context, goatee.SourceID) (goatee.Position, error),
) (goatee.Position, error) {
	if err := m.claim(source); err != nil {
		return goatee.Position{}, err
	}
	own, err := loadOwn(ctx, source)
	if err != nil {
		return goatee.Position{}, err
	}
	if !own.IsZero() {
		m.remember(source, own.ClusterTime)
		if m.strategy == Token {
			return own, nil
		}
	}
	ts, err := m.loadTime(ctx)
	if err != nil {
		return goatee.Position{}, err
	}
	if ts.IsZero() {
		return own, nil
	}
	m.remember(source, ts)
	return goatee.Position{ClusterTime: ts}, nil
}

func (m *Mongo) loadToken(ctx context.Context, source goatee.SourceID) (goatee.Position, error) {
	id := keyOf(source).id
	docs, err := m.findTokens(ctx, []string{id})
	if err != nil || len(docs) == 0 {
		return goatee.Position{}, err
	}
	d := document{coll: m.tokens, raw: docs[0]}
	return goatee.Position{Token: d.streamToken("token"), ClusterTime: d.timestamp("clusterTime")}, d.err
}

// findTokens returns the documents of those streams that have one, and remembers their _ids.
func (m *Mongo) findTokens(ctx context.Context, ids []string) ([]bson.Raw, error) {
	cursor, err := m.tokens.Find(ctx, bson.D{
		{Key: "resumeName", Value: m.name}, {Key: "streamID", Value: bson.D{{Key: "$in", Value: ids}}},
	})
	if err != nil {
		return nil, err
	}
	var docs []bson.Raw
	if err := cursor.All(ctx, &docs); err != nil {
		return nil, err
	}
	for _, doc := range docs {
		id, _ := doc.Lookup("streamID").StringValueOK()
		key := streamKey{kind: goatee.KindChangeStream, id: id}
		// There is no unique index: of two documents of one stream, the first is the one that is read and written.
		if s := m.streams[key]; s.document == nil {
			s.document = doc.Lookup("_id")
			m.streams[key] = s
		}
	}
	return docs, nil
}

// loadTime returns the time in monstache. It also checks the fence there: a Save compares it in the server, where one of
// a wrong type would look like that of a newer leader.
func (m *Mongo) loadTime(ctx context.Context) (primitive.Timestamp, error) {
	d, err := findOne(ctx, m.timestamps, bson.D{{Key: "_id", Value: m.name}})
	if err != nil {
		return primitive.Timestamp{}, err
	}
	ts := d.timestamp("ts")
	d.lookup("fence", bsontype.Int64, bsontype.Int32, bsontype.Double)
	return ts, d.err
}

func (m *Mongo) loadPosition(ctx context.Context, source goatee.SourceID) (goatee.Position, error) {
	d, err := findOne(ctx, m.positions, bson.D{{Key: "_id", Value: m.positionID(source)}})
	if err != nil {
		return goatee.Position{}, err
	}
	return goatee.Position{
		Token: d.embedded("token"), ClusterTime: d.timestamp("clusterTime"), Complete: d.boolean("complete"),
	}, d.err
}

// loadComplete reports whether a namespace is in the list of those that have been read. The list itself may be long: it
// is not fetched.
func (m *Mongo) loadComplete(ctx context.Context, ns string) (bool, error) {
	notAList := bson.D{
		{Key: "ns", Value: bson.D{{Key: "$exists", Value: true}, {Key: "$not", Value: bson.D{{Key: "$type", Value: "array"}}}}},
	}
	d, err := findOne(ctx, m.directReads,
		bson.D{{Key: "_id", Value: m.name}, {Key: "$or", Value: bson.A{bson.D{{Key: "ns", Value: ns}}, notAList}}},
		options.FindOne().SetProjection(bson.D{{Key: "ns", Value: bson.D{{Key: "$slice", Value: 1}}}}))
	if err != nil {
		return false, err
	}
	_, found := d.lookup("ns", bsontype.Array)
	return found, d.err
}

func (m *Mongo) positionID(source goatee.SourceID) bson.D {
	return bson.D{{Key: "name", Value: m.name}, {Key: "source", Value: source.Name}}
}

// findOne returns the document the filter finds, an empty one when there is none.
func findOne(
	ctx context.Context, coll *mongo.Collection, filter bson.D, opts ...*options.FindOneOptions,
) (*document, error) {
	raw, err := coll.FindOne(ctx, filter, opts...).Raw()
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return nil, err
	}
	return &document{coll: coll, raw: raw}, nil
}

func keyOf(source goatee.SourceID) streamKey {
	if source.Kind == goatee.KindChangeStream {
		return streamKey{kind: source.Kind, id: source.Namespace.String()}
	}
	return streamKey{kind: source.Kind, id: source.Name}
}

// claim notes which source a stream's document belongs to. It is found by its namespace, as Monstache does: two sources
// that read the same one would overwrite each other's position.
func (m *Mongo) claim(source goatee.SourceID) error {
	key := keyOf(source)
	s := m.streams[key]
	if s.source != "" && s.source != source.Name {
		return &goatee.ConfigError{
			Setting: SettingName,
			Problem: fmt.Sprintf("sources %q and %q are change streams of the same namespace %q and would share one position",
				s.source, source.Name, key.id),
			Remedy: "store their positions under different names",
		}
	}
	s.source = source.Name
	m.streams[key] = s
	return nil
}

// remember notes the cluster time of a stream's stored position.
func (m *Mongo) remember(source goatee.SourceID, ts primitive.Timestamp) {
	s := m.streams[keyOf(source)]
	s.time, s.stored = ts, true
	m.streams[keyOf(source)] = s
}

// newDocumentID returns the _id of a stream's document where there is none yet. It depends on the names alone: there is
// no unique index, and a fenced upsert must meet the existing document instead of inserting another one.
func newDocumentID(name, id string) primitive.ObjectID {
	sum := sha256.Sum256([]byte(name + "\x00" + id))
	return primitive.ObjectID(sum[:12])
}
