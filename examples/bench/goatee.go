package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/elastic/go-elasticsearch/v7"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/cmd/config"
	"github.com/goatee-sync/goatee/resume"
	"github.com/goatee-sync/goatee/sink"
	"github.com/goatee-sync/goatee/source"
)

// goateeRead reads a collection by the library, as the daemon does with disable-change-events and
// exit-after-direct-reads.
func goateeRead(ctx context.Context, j *job, client *mongo.Client, _ *clock) error {
	read, err := source.NewDirectRead(client, j.Namespace, source.WithLogger(logger()))
	if err != nil {
		return err
	}
	syncer, err := newSyncer(j, client, read, resume.NewMemory(), goatee.WithStopAfterDirectReads())
	if err != nil {
		return err
	}
	if err := syncer.Run(ctx); err != nil {
		return err
	}
	return complete(syncer, j)
}

// goateeFollow follows the deployment by the library until j.Documents changes are acknowledged, or until it is stopped
// when that is 0.
func goateeFollow(ctx context.Context, j *job, client *mongo.Client, clock *clock) error {
	c := config.Default()
	stream, err := source.NewChangeStream(client, c.ChangeStreamNamespaces[0], source.WithLogger(logger()),
		source.WithExcludeDatabases("admin", "config", "local", c.ConfigDatabaseName))
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var written atomic.Int64
	syncer, err := newSyncer(j, client, stream, startAt{resume.NewMemory(), j.From}, goatee.WithObserver(goatee.Observer{
		SourceStarted: func(goatee.SourceInfo) { clock.ready() },
		Written: func(w goatee.WriteInfo) {
			if n := written.Add(int64(w.Changes)); j.Documents > 0 && n >= int64(j.Documents) {
				stop()
			}
		},
	}))
	if err != nil {
		return err
	}
	if err := syncer.Run(ctx); err != nil {
		return err
	}
	return complete(syncer, j)
}

// newSyncer wires what examples/cmd wires when nothing is configured.
func newSyncer(
	j *job, client *mongo.Client, src goatee.Source, positions goatee.PositionStore, opts ...goatee.Option,
) (*goatee.Syncer, error) {
	c := config.Default()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = c.ElasticsearchMaxConns + 2
	es, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses: []string{j.ElasticURL}, DisableRetry: true, Transport: sink.Transport(transport),
	})
	if err != nil {
		return nil, err
	}
	bulk, err := sink.NewBulk(es, sink.WithLogger(logger()), sink.WithMaxBytes(c.ElasticsearchMaxBytes))
	if err != nil {
		return nil, err
	}
	writer, err := deleting(j, bulk)
	if err != nil {
		return nil, err
	}
	opts = append(opts, goatee.WithSource(src), goatee.WithSink(writer), goatee.WithPositions(positions),
		goatee.WithLogger(logger()), goatee.WithLanes(c.ElasticsearchMaxConns))
	if j.Transform != "" {
		t, err := transformer(j, client)
		if err != nil {
			return nil, err
		}
		opts = append(opts, goatee.WithTransformer(t))
	}
	return goatee.New(opts...)
}

// deleting returns the sink with the job's delete strategy.
func deleting(j *job, bulk *sink.Bulk) (goatee.Sink, error) {
	if j.Deletes == "" {
		return bulk, nil
	}
	stateless, err := sink.NewStateless(bulk, bulk, sink.WithIndexPattern(j.Namespace))
	if err != nil || j.Deletes == "stateless" {
		return stateless, err
	}
	return oneByOne{stateless}, nil
}

// oneByOne is a sink that writes each action by itself.
type oneByOne struct{ next goatee.Sink }

// Write writes actions one after the other.
func (s oneByOne) Write(ctx context.Context, actions []goatee.Action) error {
	for i := range actions {
		if err := s.next.Write(ctx, actions[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

func logger() *slog.Logger { return slog.New(slog.DiscardHandler) }

// complete makes sure that a run did what it was measured for.
func complete(syncer *goatee.Syncer, j *job) error {
	st := syncer.Stats()
	switch {
	case st.DeadLetters > 0:
		return errors.New("there are dead letters")
	case st.Applied < int64(j.Documents):
		return errors.New("documents are missing")
	}
	return nil
}

// startAt is a store without positions whose streams start at a cluster time.
type startAt struct {
	*resume.Memory
	at primitive.Timestamp
}

// Load returns the cluster time, or the zero Position for now.
func (s startAt) Load(context.Context, goatee.SourceID) (goatee.Position, error) {
	return goatee.Position{ClusterTime: s.at}, nil
}
