package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v7"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"golang.org/x/term"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/demo/shop"
	"github.com/goatee-sync/goatee/examples/internal/progress"
	"github.com/goatee-sync/goatee/internal/testservers"
	"github.com/goatee-sync/goatee/sink"
	"github.com/goatee-sync/goatee/source"
)

var errInterrupted = errors.New("interrupted")

// demo is one run from nothing to the summary.
type demo struct {
	out      io.Writer
	database string
	docs     int
	keep     bool

	mongoURI, elasticURL string
	mongo                *mongo.Client
	transport            *http.Transport
	search               *search
	collections          []shop.Collection
}

func (d *demo) run(ctx context.Context) (err error) {
	closeServers, err := d.startServers(ctx)
	defer func() { err = errors.Join(err, closeServers()) }()
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return err
	}
	defer d.disconnect(ctx)
	if err := d.connect(ctx); err != nil {
		return err
	}
	if err := d.load(ctx); err != nil {
		return err
	}
	syncer, err := d.newSyncer()
	if err != nil {
		return err
	}
	return d.while(ctx, syncer, d.show)
}

// while runs the sync around the show. What ends first ends the other.
func (d *demo) while(ctx context.Context, syncer *goatee.Syncer, show func(context.Context, *goatee.Syncer) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- syncer.Run(ctx)
		cancel()
	}()
	shown := show(ctx, syncer)
	cancel()
	if err := <-ended; err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return shown
}

// show is what happens while the sync runs.
func (d *demo) show(ctx context.Context, syncer *goatee.Syncer) error {
	if err := d.watchReads(ctx, syncer); err != nil {
		return err
	}
	if err := d.changeLive(ctx, syncer); err != nil {
		return err
	}
	if err := d.agree(ctx); err != nil {
		return err
	}
	st := syncer.Stats()
	d.say("\nBoth sides agree. %d changes applied, %d bulk requests, %d retries, %d dead letters.\n",
		st.Applied, st.Sink.Requests, st.Sink.Retries, st.DeadLetters)
	if st.DeadLetters > 0 {
		return errors.New("documents were refused")
	}
	if d.keep {
		d.invite()
		<-ctx.Done()
		d.say("\n")
	}
	return nil
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format, args...) }

// startServers starts what was not given. closeAll is never nil.
func (d *demo) startServers(ctx context.Context) (closeAll func() error, err error) {
	d.say("goatee demo: MongoDB to Elasticsearch, end to end (servers are downloaded the first time, about 80 MB)\n\n")
	d.say("  MongoDB        ")
	begin := time.Now()
	m, err := testservers.FindOrStartMongo(ctx)
	if err != nil {
		return func() error { return nil }, err
	}
	d.mongoURI = m.URI()
	d.say("%-45s %v\n  Elasticsearch  ", redact(d.mongoURI), since(begin))
	begin = time.Now()
	e, err := testservers.FindOrStartElastic(ctx)
	if err != nil {
		return m.Close, err
	}
	d.elasticURL = e.URL()
	d.say("%-45s %v\n", redact(d.elasticURL), since(begin))
	return func() error { return errors.Join(m.Close(), e.Close()) }, nil
}

// redact hides the credentials of a server that was given.
func redact(url string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		rest = "REDACTED" + rest[at:]
	}
	return scheme + "://" + rest
}

func since(begin time.Time) time.Duration { return time.Since(begin).Round(10 * time.Millisecond) }

func (d *demo) connect(ctx context.Context) error {
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(d.mongoURI).SetAppName("goatee demo"))
	if err != nil {
		return err
	}
	d.mongo = client
	d.transport = http.DefaultTransport.(*http.Transport).Clone()
	d.transport.MaxIdleConnsPerHost = 10
	es, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses: []string{d.elasticURL}, Transport: d.transport, DisableRetry: true, // the sink retries
	})
	d.search = &search{client: es}
	return err
}

// disconnect ends what connect has begun.
func (d *demo) disconnect(ctx context.Context) {
	if d.mongo != nil {
		_ = d.mongo.Disconnect(context.WithoutCancel(ctx)) // nothing depends on how it ends
	}
	if d.transport != nil {
		d.transport.CloseIdleConnections()
	}
}

// smallBatch makes progress smooth to look at; the defaults are larger.
const smallBatch = 256 << 10

// newSyncer is all there is to know about goatee's API: sources, a sink, New.
func (d *demo) newSyncer() (*goatee.Syncer, error) {
	stream, err := source.NewChangeStream(d.mongo, d.database)
	if err != nil {
		return nil, err
	}
	bulk, err := sink.NewBulk(d.search.client)
	if err != nil {
		return nil, err
	}
	opts := []goatee.Option{goatee.WithSource(stream), goatee.WithSink(bulk), goatee.WithBatch(2000, smallBatch)}
	for _, c := range d.collections {
		read, err := source.NewDirectRead(d.mongo, d.database+"."+c.Name, source.WithBatchBytes(smallBatch))
		if err != nil {
			return nil, err
		}
		opts = append(opts, goatee.WithSource(read))
	}
	return goatee.New(opts...)
}

// watchReads shows the direct reads until everything is in Elasticsearch.
func (d *demo) watchReads(ctx context.Context, syncer *goatee.Syncer) error {
	d.say("\nDirect reads, with a change stream beside them\n")
	show := func(r progress.Reads) { d.say("  %d of %d documents\n", r.Documents, r.Estimate) }
	interval := 5 * time.Second
	terminal := term.IsTerminal(int(os.Stdout.Fd()))
	if terminal {
		show = func(r progress.Reads) { d.say("\r\x1b[K  %s", r.Bar(30)) }
		interval = 100 * time.Millisecond
	}
	r := progress.Watch(ctx, syncer.Stats, interval, show)
	if terminal {
		d.say("\r\x1b[K")
	}
	if !r.Complete {
		return errInterrupted
	}
	d.say("  %d documents, %.1f MB in %v: %.0f documents a second\n",
		r.Documents, float64(r.Bytes)/1e6, r.Elapsed.Round(10*time.Millisecond), r.Rate())
	return d.agree(ctx)
}

// invite says what one can do now.
func (d *demo) invite() {
	d.say(`
The servers and the sync stay up until Ctrl-C. Change something in %s and search for it:

  mongosh %q
    db.getSiblingDB(%q).products.updateOne({_id: "SKU-000001"}, {$set: {name: "Purple Submarine"}})
  curl '%s/%s.products/_search?q=name:submarine&pretty'
  curl '%s/_cat/indices/%s.*?v'
`, d.database, d.mongoURI, d.database, d.elasticURL, d.database, d.elasticURL, d.database)
}
