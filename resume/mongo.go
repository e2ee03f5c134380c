package resume

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/goatee-sync/goatee"
)

// The collections. All but the last are Monstache's.
const (
	timestampCollection  = "monstache"
	tokenCollection      = "tokens"
	directReadCollection = "directreads"
	positionCollection   = "goatee_positions"
)

// Mongo keeps positions in a MongoDB database, in documents shaped like Monstache's. For a name:
//
//	monstache         {_id: name, ts}: the oldest cluster time of all change streams this store has loaded or saved
//	tokens            {_id: ObjectId, resumeName: name, streamID, token} and goatee's clusterTime, one for each change stream
//	directreads       {_id: name, ns, created, updated}: the namespaces whose direct reads are complete
//	goatee_positions  {_id: {name, source}, token, clusterTime, complete}: everything else, such as unfinished direct reads
//
// Written with a fencing token, each document holds it as fence.
//
// A change stream without a document in tokens is given the time in monstache, if there is one: at or before it nothing
// is missing, for no stream was slower.
//
// Guarantee with fencing tokens: Save writes the document in monstache first and gives up with goatee.ErrFenced when
// that holds a newer token, so a Save that begins after a newer leader's first one changes nothing. Each further
// document is conditional too: a Save that the newer leader's overtakes midway never overwrites what that one wrote, and
// what it still writes are acknowledged positions of other sources, no older than those the newer leader has loaded.
//
// Writes wait for the majority, reads go to the primary. The first Save creates what is missing; no index is needed.
type Mongo struct {
	name     string
	strategy Strategy

	timestamps, tokens, directReads, positions *mongo.Collection

	// streams is what is known of each change stream, by its id.
	streams map[string]stream
}

type stream struct {
	// document is the _id of the stream's document in tokens.
	document any
	time     primitive.Timestamp
}

// NewMongo returns a store in db, whose positions are kept apart from others there by name. Monstache's names are
// "monstache" for the database and "default" for the positions.
func NewMongo(db *mongo.Database, name string, opts ...MongoOption) (*Mongo, error) {
	if db == nil {
		return nil, &goatee.ConfigError{Setting: "resume.NewMongo", Problem: "no database", Remedy: "pass client.Database(name)"}
	}
	if name == "" {
		return nil, &goatee.ConfigError{Setting: "resume.NewMongo", Problem: "empty name", Remedy: `pass a name such as "default"`}
	}
	o := defaultMongoOptions()
	for _, opt := range opts {
		if err := opt(&o); err != nil {
			return nil, err
		}
	}
	durable := options.Collection().
		SetReadPreference(readpref.Primary()).
		SetReadConcern(readconcern.Majority()).
		SetWriteConcern(writeconcern.Majority())
	return &Mongo{
		name:        name,
		strategy:    o.strategy,
		timestamps:  db.Collection(timestampCollection, durable),
		tokens:      db.Collection(tokenCollection, durable),
		directReads: db.Collection(directReadCollection, durable),
		positions:   db.Collection(positionCollection, durable),
		streams:     make(map[string]stream),
	}, nil
}

// Check reads the stored time, which shows whether the database can be reached and read. It writes nothing.
func (m *Mongo) Check(ctx context.Context) error {
	if _, err := m.loadTime(ctx); err != nil {
		return &goatee.ConfigError{
			Setting: "position store", Problem: "database " + m.timestamps.Database().Name() + " cannot be read",
			Remedy: "grant this user readWrite on that database, or choose another one", Err: err,
		}
	}
	return nil
}

// Load returns the stored position of a source, or the zero Position.
func (m *Mongo) Load(ctx context.Context, source goatee.SourceID) (goatee.Position, error) {
	p, err := m.load(ctx, source)
	if err != nil {
		return goatee.Position{}, fmt.Errorf("load position of %s: %w", source.Name, err)
	}
	return p, nil
}

func (m *Mongo) load(ctx context.Context, source goatee.SourceID) (goatee.Position, error) {
	if source.Kind == goatee.KindChangeStream {
		return m.loadStream(ctx, source.Namespace.String())
	}
	p, err := m.loadPosition(ctx, source.Name)
	if err == nil && source.Kind == goatee.KindDirectRead {
		p.Complete, err = m.loadComplete(ctx, source.Namespace.String())
	}
	return p, err
}

func (m *Mongo) loadStream(ctx context.Context, id string) (goatee.Position, error) {
	byToken, err := m.loadToken(ctx, id)
	if err != nil {
		return goatee.Position{}, err
	}
	if m.strategy == Token && !byToken.IsZero() {
		return byToken, nil
	}
	ts, err := m.loadTime(ctx)
	if err != nil {
		return goatee.Position{}, err
	}
	if ts.IsZero() {
		return byToken, nil
	}
	m.remember(id, ts)
	return goatee.Position{ClusterTime: ts}, nil
}

func (m *Mongo) loadToken(ctx context.Context, id string) (goatee.Position, error) {
	docs, err := m.findTokens(ctx, []string{id})
	if err != nil || len(docs) == 0 {
		return goatee.Position{}, err
	}
	m.remember(id, docs[0].ClusterTime)
	return goatee.Position{Token: docs[0].Token, ClusterTime: docs[0].ClusterTime}, nil
}

func (m *Mongo) loadTime(ctx context.Context) (primitive.Timestamp, error) {
	var doc struct {
		TS primitive.Timestamp `bson:"ts"`
	}
	err := findOne(ctx, m.timestamps, bson.D{{Key: "_id", Value: m.name}}, &doc)
	return doc.TS, err
}

func (m *Mongo) loadPosition(ctx context.Context, name string) (goatee.Position, error) {
	var doc struct {
		Token       bson.Raw            `bson:"token"`
		ClusterTime primitive.Timestamp `bson:"clusterTime"`
		Complete    bool                `bson:"complete"`
	}
	err := findOne(ctx, m.positions, bson.D{{Key: "_id", Value: m.positionID(name)}}, &doc)
	return goatee.Position{Token: doc.Token, ClusterTime: doc.ClusterTime, Complete: doc.Complete}, err
}

func (m *Mongo) loadComplete(ctx context.Context, ns string) (bool, error) {
	n, err := m.directReads.CountDocuments(ctx, bson.D{{Key: "_id", Value: m.name}, {Key: "ns", Value: ns}})
	return n > 0, err
}

func (m *Mongo) positionID(source string) bson.D {
	return bson.D{{Key: "name", Value: m.name}, {Key: "source", Value: source}}
}

// findOne decodes the document the filter finds into v, and leaves v alone when there is none.
func findOne(ctx context.Context, coll *mongo.Collection, filter bson.D, v any) error {
	err := coll.FindOne(ctx, filter).Decode(v)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil
	}
	return err
}
