package resume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/mongoerr"
)

var (
	_ goatee.PositionStore = (*Mongo)(nil)
	_ goatee.Checker       = (*Mongo)(nil)
	_ goatee.Instrumented  = (*Mongo)(nil)
	_ goatee.StateOwner    = (*Mongo)(nil)
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
//	monstache         {_id: name, ts}: the oldest cluster time of all streams this store has loaded or saved
//	tokens            {_id: ObjectId, resumeName: name, streamID, token} and goatee's clusterTime, one for each change
//	                  stream; streamID is its namespace, "" for the whole deployment
//	directreads       {_id: name, ns, created, updated}: the namespaces whose direct reads are complete
//	goatee_positions  {_id: {name, source}, token, clusterTime, complete}: everything else by the name of its source:
//	                  unfinished direct reads, the oplog, sources of other kinds
//
// Written with a fencing token, each document holds it as fence. The document in monstache also says which process wrote
// it last (run, savedAt): where two processes store positions under one name without an Elector, each of them logs one
// warning.
//
// A stream without a position of its own is given the time in monstache, if there is one: at or before it nothing is
// missing, for no stream was slower.
//
// Guarantee with fencing tokens: Save writes the document in monstache first and gives up with goatee.ErrFenced when
// that holds a newer token, so a Save that begins after a newer leader's first one changes nothing. Each further
// document is conditional too: a Save that the newer leader's overtakes midway never overwrites what that one wrote, and
// what it still writes are acknowledged positions of other sources, no older than those the newer leader has loaded.
//
// Writes wait for the majority, reads go to the primary. The first Save creates what is missing; no index is needed. Its
// methods are not called concurrently.
type Mongo struct {
	name     string
	strategy Strategy
	logger   *slog.Logger
	given    bool // the logger was given by an option
	run      run

	timestamps, tokens, directReads, positions *mongo.Collection

	streams map[streamKey]stream
}

// streamKey names a source whose cluster time counts for the one in monstache.
type streamKey struct {
	kind goatee.SourceKind
	// id is the streamID of a change stream, the name of any other source.
	id string
}

// stream is what is known of such a source.
type stream struct {
	// source is the name of the source.
	source string
	// document is the _id of a change stream's document in tokens, nil as long as it is not known.
	document any
	// stored says that the source has a position, of the cluster time time, which is zero when that is not known.
	stored bool
	time   primitive.Timestamp
}

// NewMongo returns a store in db, whose positions are kept apart from others there by name. Monstache's names are
// "monstache" for the database and "default" for the positions. It does no I/O.
func NewMongo(db *mongo.Database, name string, opts ...MongoOption) (*Mongo, error) {
	if db == nil {
		return nil, &goatee.ConfigError{Setting: SettingDatabase, Problem: "no database", Remedy: "pass client.Database(name)"}
	}
	if name == "" {
		return nil, &goatee.ConfigError{Setting: SettingName, Problem: "empty name", Remedy: `pass a name such as "default"`}
	}
	var c mongoConfig
	for _, opt := range opts {
		if err := opt(&c); err != nil {
			return nil, err
		}
	}
	m := &Mongo{
		name: name, strategy: c.strategy, logger: c.logger, given: c.logger != nil,
		run: newRun(), streams: make(map[streamKey]stream),
	}
	if !m.given {
		m.logger = slog.New(slog.DiscardHandler)
	}
	durable := options.Collection().
		SetReadPreference(readpref.Primary()).
		SetReadConcern(readconcern.Majority()).
		SetWriteConcern(writeconcern.Majority())
	m.timestamps = db.Collection(timestampCollection, durable)
	m.tokens = db.Collection(tokenCollection, durable)
	m.directReads = db.Collection(directReadCollection, durable)
	m.positions = db.Collection(positionCollection, durable)
	return m, nil
}

// Instrument sets the logger unless WithLogger has.
func (m *Mongo) Instrument(logger *slog.Logger, _ goatee.Observer) {
	if !m.given && logger != nil {
		m.logger = logger
	}
}

// OwnNamespaces returns the collections positions are stored in. Following them, a stream would bring its own positions.
func (m *Mongo) OwnNamespaces() []goatee.Namespace {
	var own []goatee.Namespace
	for _, coll := range []*mongo.Collection{m.timestamps, m.tokens, m.directReads, m.positions} {
		own = append(own, goatee.Namespace{Database: coll.Database().Name(), Collection: coll.Name()})
	}
	return own
}

// Check reads the stored time, which shows whether the database can be reached and read. It writes nothing. Its errors
// are *goatee.ConfigError.
func (m *Mongo) Check(ctx context.Context) error {
	_, err := m.loadTime(ctx)
	if fault := (*goatee.ConfigError)(nil); err == nil || errors.As(err, &fault) {
		return err
	}
	remedy := "make sure that MongoDB can be reached, or choose another database"
	if mongoerr.AccessDenied(err) {
		remedy = "grant this user readWrite on that database, or choose another one"
	}
	return &goatee.ConfigError{
		Setting: SettingDatabase, Problem: fmt.Sprintf("database %q cannot be read", m.timestamps.Database().Name()),
		Remedy: remedy, Err: err,
	}
}
