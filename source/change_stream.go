package source

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
)

var (
	_ goatee.Source          = (*ChangeStream)(nil)
	_ goatee.Starter         = (*ChangeStream)(nil)
	_ goatee.Checker         = (*ChangeStream)(nil)
	_ goatee.DocumentFetcher = (*ChangeStream)(nil)
)

// ChangeStream is the change stream of a collection, a database or a whole deployment.
type ChangeStream struct {
	client  *mongo.Client
	target  goatee.Namespace
	name    string
	cfg     streamConfig
	health  *health
	fetches fetchSize
	pool    pool
}

// NewChangeStream returns the change stream of target: "" is the whole deployment, "shop" a database, "shop.orders" a
// collection. It needs a replica set or a sharded cluster of MongoDB 4.2 or newer. It does no I/O.
func NewChangeStream(client *mongo.Client, target string, opts ...ChangeStreamOption) (*ChangeStream, error) {
	if client == nil {
		return nil, errors.New("source: NewChangeStream: the client is nil")
	}
	ns, err := parseTarget(target)
	if err != nil {
		return nil, err
	}
	cfg, err := newStreamConfig(opts)
	if err != nil {
		return nil, err
	}
	name := goatee.ChangeStreamPrefix + target
	return &ChangeStream{client: client, target: ns, name: name, cfg: cfg, health: newHealth(name, &cfg.common)}, nil
}

func parseTarget(target string) (goatee.Namespace, error) {
	database, collection, dot := strings.Cut(target, ".")
	if strings.ContainsAny(database, "/\\ \"$\x00") || dot && (database == "" || collection == "") {
		return goatee.Namespace{}, &goatee.ConfigError{
			Setting: "change-stream-namespaces",
			Problem: fmt.Sprintf("%q is neither a database nor a collection", target),
			Remedy:  `want "shop.orders" for a collection, "shop" for a database, "" for everything`,
		}
	}
	return goatee.Namespace{Database: database, Collection: collection}, nil
}

// Name returns goatee.ChangeStreamPrefix and the target.
func (s *ChangeStream) Name() string { return s.name }

// Start returns the moment behind the present cluster time: a stream that starts there has everything that is committed
// later and not the last change before, which a direct read finds too.
func (s *ChangeStream) Start(ctx context.Context) (goatee.Position, error) {
	now, err := clusterTime(ctx, s.client)
	if err != nil {
		return goatee.Position{}, err
	}
	if !now.IsZero() {
		now.I++
		return goatee.Position{ClusterTime: now}, nil
	}
	// A server that does not tell the time gives a token instead.
	token, err := s.tryOpen(ctx)
	if err != nil {
		return goatee.Position{}, err
	}
	if len(token) == 0 {
		return goatee.Position{}, fmt.Errorf("%s: MongoDB tells neither its cluster time nor a resume token; "+
			"goatee needs a replica set of MongoDB 4.2 or newer", s.name)
	}
	return goatee.Position{Token: token}, nil
}

// Check opens the stream once and closes it again. It gives up after 10 s.
func (s *ChangeStream) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if err := checkDeployment(ctx, s.client); err != nil {
		return err
	}
	if _, err := s.tryOpen(ctx); err != nil {
		return s.openError(goatee.Position{}, err)
	}
	return nil
}

// tryOpen opens the stream from now without reading from it and returns the token it stands at.
func (s *ChangeStream) tryOpen(ctx context.Context) (bson.Raw, error) {
	command, err := s.command(goatee.Position{}, 0, true)
	if err != nil {
		return nil, err
	}
	c, first, err := openCursor(ctx, s.client, s.database(), command)
	if err != nil {
		return nil, err
	}
	c.close(ctx)
	return first.token, nil
}

// database returns where the stream's commands go.
func (s *ChangeStream) database() string {
	if s.target.Database == "" {
		return "admin"
	}
	return s.target.Database
}

// command returns the aggregate that opens the stream behind a position, or from now if there is none, and has MongoDB
// leave out events of no concern if it is to be filtered.
func (s *ChangeStream) command(from goatee.Position, batchSize int, filtered bool) (bson.D, error) {
	pipeline, err := s.pipeline(from, filtered)
	if err != nil {
		return nil, err
	}
	var on any = 1
	if s.target.Collection != "" {
		on = s.target.Collection
	}
	return bson.D{
		{Key: "aggregate", Value: on},
		{Key: "pipeline", Value: pipeline},
		{Key: "cursor", Value: bson.D{{Key: "batchSize", Value: batchSize}}},
		{Key: "readConcern", Value: bson.D{{Key: "level", Value: "majority"}}},
	}, nil
}

func (s *ChangeStream) pipeline(from goatee.Position, filtered bool) (mongo.Pipeline, error) {
	pipeline := mongo.Pipeline{{{Key: "$changeStream", Value: s.stage(from)}}}
	if stage := s.cfg.filter.stage(s.target); filtered && stage != nil {
		pipeline = append(pipeline, stage)
	}
	if s.cfg.pipeline == nil {
		return pipeline, nil
	}
	stages, err := s.cfg.pipeline(s.target.String(), true)
	if err != nil {
		return nil, fatal(&goatee.ConfigError{
			Setting: "pipeline", Problem: fmt.Sprintf("no stages for the change stream of %q", s.target), Err: err,
		})
	}
	return append(pipeline, stages...), nil
}

func (s *ChangeStream) stage(from goatee.Position) bson.D {
	stage := bson.D{}
	if s.target.Database == "" {
		stage = append(stage, bson.E{Key: "allChangesForCluster", Value: true})
	}
	if mode := fullDocumentNames[s.cfg.fullDocument]; mode != "" {
		stage = append(stage, bson.E{Key: "fullDocument", Value: mode})
	}
	if mode := preImageNames[s.cfg.preImages]; mode != "" {
		stage = append(stage, bson.E{Key: "fullDocumentBeforeChange", Value: mode})
	}
	switch {
	case len(from.Token) > 0:
		// Unlike resumeAfter, startAfter also takes the token of an invalidate event.
		stage = append(stage, bson.E{Key: "startAfter", Value: from.Token})
	case !from.ClusterTime.IsZero():
		stage = append(stage, bson.E{Key: "startAtOperationTime", Value: from.ClusterTime})
	}
	return stage
}

var (
	fullDocumentNames = [...]string{
		FullDocumentLookup: "", FullDocumentUpdateLookup: "updateLookup",
		FullDocumentWhenAvailable: "whenAvailable", FullDocumentRequired: "required",
	}
	preImageNames = [...]string{PreImagesOff: "", PreImagesWhenAvailable: "whenAvailable", PreImagesRequired: "required"}
)

// openError says what an error that opening cannot get over means for the user.
func (s *ChangeStream) openError(from goatee.Position, err error) error {
	if classify(err, opening) == verdictLost {
		return lostError(s.name, from, err)
	}
	code, _, ok := serverError(err)
	switch {
	case !ok:
		return cause(err)
	case code == codeNotReplicaSet:
		return errStandalone(err)
	case code == codeUnauthorized || code == codeAuthenticationFailed:
		return errAccess(err)
	case s.cfg.pipeline != nil:
		return &goatee.ConfigError{
			Setting: "pipeline", Problem: fmt.Sprintf("MongoDB refuses to open %s (code %d)", s.name, code),
			Remedy: "check the stages the pipeline function returns for a change stream", Err: err,
		}
	}
	return fmt.Errorf("open %s: MongoDB answered code %d: %w", s.name, code, err)
}
