package source

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/mongoerr"
)

var (
	_ goatee.Source          = (*ChangeStream)(nil)
	_ goatee.Starter         = (*ChangeStream)(nil)
	_ goatee.Identifier      = (*ChangeStream)(nil)
	_ goatee.Checker         = (*ChangeStream)(nil)
	_ goatee.Paced           = (*ChangeStream)(nil)
	_ goatee.DocumentFetcher = (*ChangeStream)(nil)
	_ goatee.Instrumented    = (*ChangeStream)(nil)
)

// ChangeStream is the change stream of a collection, a database or a whole deployment.
type ChangeStream struct {
	client  *mongo.Client
	target  goatee.Namespace
	name    string
	cfg     config
	health  *health
	fetcher fetcher
	pool    pool
	pace    *goatee.Pace // nil: none
	// plain says that MongoDB cannot compile the filter's expressions: they are applied here only.
	plain atomic.Bool
}

// NewChangeStream returns the change stream of target: "" is the whole deployment, "shop" a database, "shop.orders" a
// collection. It needs a replica set or a sharded cluster of MongoDB 4.2 or newer. It does no I/O. Its errors are
// *goatee.ConfigError.
func NewChangeStream(client *mongo.Client, target string, opts ...Option) (*ChangeStream, error) {
	cfg, err := newConfig(forStream, client, opts)
	if err != nil {
		return nil, err
	}
	ns, err := parseTarget(target)
	if err != nil {
		return nil, err
	}
	if target != "" && cfg.filter.fixed(ns) {
		return nil, &goatee.ConfigError{
			Setting: SettingTarget, Problem: fmt.Sprintf("%q is never followed", target),
			Remedy: "leave it out, or out of WithExcludeDatabases; system collections and chunks of files have no documents " +
				"to synchronise",
		}
	}
	name := ChangeStreamPrefix + target
	s := &ChangeStream{client: client, target: ns, name: name, cfg: cfg, health: newHealth(name, &cfg)}
	s.fetcher = fetcher{client: client, health: s.health, most: fetchIDs, command: findCommand}
	return s, nil
}

// SetPace makes the stream keep a pace. The Syncer calls it.
func (s *ChangeStream) SetPace(p *goatee.Pace) { s.pace = p }

// Name returns ChangeStreamPrefix and the target.
func (s *ChangeStream) Name() string { return s.name }

// SourceID returns the name, goatee.KindChangeStream and the target.
func (s *ChangeStream) SourceID() goatee.SourceID {
	return goatee.SourceID{Name: s.name, Kind: goatee.KindChangeStream, Namespace: s.target}
}

// Instrument sets logger and observer unless options have.
func (s *ChangeStream) Instrument(logger *slog.Logger, observer goatee.Observer) {
	s.health.instrument(&s.cfg, logger, &observer)
}

// Start returns the moment right after the present cluster time. A stream that starts there brings everything that is
// committed later, and not the last change before, which a direct read finds as well.
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
	standalone, err := checkDeployment(ctx, s.client)
	if err != nil {
		return err
	}
	if standalone {
		return errStandalone(nil)
	}
	if _, err := s.tryOpen(ctx); err != nil {
		return s.openError(ctx, goatee.Position{}, err)
	}
	return nil
}

// tryOpen opens the stream from now without reading from it and returns the token it stands at.
func (s *ChangeStream) tryOpen(ctx context.Context) (bson.Raw, error) {
	c, first, err := s.open(ctx, goatee.Position{}, 0, true)
	if err != nil {
		return nil, err
	}
	c.close(ctx)
	return first.token, nil
}

// open opens the stream behind a position, or from now if there is none, and has MongoDB leave out the events of
// other namespaces if it is to be filtered. Expressions that MongoDB cannot compile are left to the client from then on.
func (s *ChangeStream) open(ctx context.Context, from goatee.Position, batchSize int, filtered bool) (*cursor, reply, error) {
	for {
		plain := s.plain.Load()
		command, err := s.command(from, batchSize, filtered)
		if err != nil {
			return nil, reply{}, err
		}
		c, first, err := openCursor(ctx, s.client, s.database(), command)
		if plain || !filtered || !mongoerr.Is(err, mongoerr.InvalidRegexMatch, mongoerr.InvalidRegex) {
			return c, first, err
		}
		s.plain.Store(true)
		s.health.logger().Warn("MongoDB cannot compile an expression that chooses namespaces: it is applied by goatee alone, "+
			"and MongoDB sends the changes of all namespaces", "error", err)
	}
}

// database returns where the stream's commands go.
func (s *ChangeStream) database() string {
	if s.target.Database == "" {
		return "admin"
	}
	return s.target.Database
}

// command returns the aggregate that opens the stream.
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
	if stage := s.cfg.filter.stage(s.target, !s.plain.Load()); filtered && stage != nil {
		pipeline = append(pipeline, stage)
	}
	if s.cfg.pipeline == nil {
		return pipeline, nil
	}
	stages, err := s.cfg.pipeline(s.target.String(), true)
	if err != nil {
		return nil, fatal(&goatee.ConfigError{
			Setting: SettingPipeline, Problem: fmt.Sprintf("no stages for the change stream of %q", s.target), Err: err,
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
func (s *ChangeStream) openError(ctx context.Context, from goatee.Position, err error) error {
	if classify(err, opening) == verdictLost {
		return lostError(s.name, from, err)
	}
	code, ok := mongoerr.Code(err)
	switch {
	case isFatal(err) || !ok:
		return cause(err)
	case code == mongoerr.NotReplicaSet:
		return errStandalone(err)
	case mongoerr.AccessDenied(err):
		return errAccess(err)
	case code == mongoerr.ObjectTooLarge:
		return s.eventTooLarge(err)
	case s.tokenIsDamaged(ctx, from):
		return &damagedTokenError{s.name, err}
	case s.cfg.pipeline != nil:
		return &goatee.ConfigError{
			Setting: SettingPipeline, Problem: fmt.Sprintf("MongoDB refuses to open %s (code %d)", s.name, code),
			Remedy: "check the stages the pipeline function returns for a change stream", Err: err,
		}
	}
	return fmt.Errorf("open %s: MongoDB answered code %d: %w", s.name, code, err)
}

// tokenIsDamaged reports whether a stream that cannot be opened behind a token can be without it.
func (s *ChangeStream) tokenIsDamaged(ctx context.Context, from goatee.Position) bool {
	if len(from.Token) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	_, err := s.tryOpen(ctx)
	return err == nil
}

// readError explains an error in the middle of a stream that trying again does not cure.
func (s *ChangeStream) readError(err error) error {
	switch {
	case isFatal(err):
		return cause(err)
	case mongoerr.AccessDenied(err):
		return errAccess(err)
	case mongoerr.Is(err, mongoerr.ObjectTooLarge):
		return s.eventTooLarge(err)
	}
	return fmt.Errorf("read %s: %w", s.name, err)
}

func (s *ChangeStream) eventTooLarge(err error) error {
	setting := SettingFullDocument
	if s.cfg.pipeline != nil {
		setting = SettingPipeline
	}
	return &goatee.ConfigError{
		Setting: setting, Err: err,
		Problem: s.name + ": a change event is larger than the 16 MB that MongoDB can send",
		Remedy:  "let updates be looked up (the default) and ask for no pre-images, or leave the field out with a pipeline",
	}
}
