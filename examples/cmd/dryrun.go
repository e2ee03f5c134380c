package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/sink"
)

// dryRunCommand shows what would be written for the documents that there are.
func dryRunCommand() *command {
	var limit int
	return &command{
		name: "dry-run", usage: "[-limit N]",
		summary: "Prints the bulk requests that existing documents would become, and writes nothing.",
		example: "goatee dry-run -f config.toml -limit 10",
		flags: func(fs *flag.FlagSet) {
			fs.IntVar(&limit, "limit", 0, "stop after so many documents; 0 is all (default 0)")
		},
		run: func(ctx context.Context, s *session, out io.Writer) (int, error) {
			if limit < 0 {
				return 0, &goatee.ConfigError{Setting: "limit", Problem: "it is negative", Remedy: "give the number of documents, or 0 for all"}
			}
			client, err := connectMongo(ctx, s.config.MongoURL)
			if err != nil {
				return 0, err
			}
			defer disconnect(ctx, client)
			return newDryRun(s, client, limit).run(ctx, out)
		},
	}
}

// errEnough ends the reading at the limit.
var errEnough = errors.New("the limit is reached")

// dryRun reads documents, transforms them and prints what would be sent.
type dryRun struct {
	session     *session
	client      *mongo.Client
	transformer goatee.Transformer
	sink        *sink.DryRun
	bounded     bool
	left        int // documents, when bounded
	refused     int
}

func newDryRun(s *session, client *mongo.Client, limit int) *dryRun {
	return &dryRun{session: s, client: client, bounded: limit > 0, left: limit}
}

// run returns exitFailure when a document would be refused.
func (d *dryRun) run(ctx context.Context, out io.Writer) (code int, err error) {
	if d.transformer, err = newTransformer(ctx, d.session.config); err != nil {
		return 0, err
	}
	if d.sink, err = sink.NewDryRun(out, sinkOptions(d.session.config)...); err != nil {
		return 0, err
	}
	reads, err := d.reads(ctx)
	if err != nil {
		return 0, err
	}
	for _, read := range reads {
		err := read.Run(ctx, goatee.Position{}, d.emit)
		if errors.Is(err, errEnough) {
			break
		}
		if err != nil {
			return 0, err
		}
	}
	if d.refused > 0 {
		return exitFailure, nil
	}
	return 0, nil
}

// reads are the direct reads of the settings. Where they name none, it is the collections that change streams follow.
func (d *dryRun) reads(ctx context.Context) ([]goatee.Source, error) {
	c := *d.session.config
	c.DirectReadSplitMax, c.DirectReadConcur, c.DirectReadStateful = -1, 0, false // one after the other, each of them
	streams := []string{""}
	if len(c.DirectReadNamespaces) == 0 {
		c.DirectReadNamespaces, streams = []string{""}, c.ChangeStreamNamespaces
	}
	s := &sources{config: &c, client: d.client, logger: d.session.logger}
	reads, err := s.directReads(ctx)
	if err != nil {
		return nil, err
	}
	reads = slices.DeleteFunc(reads, func(read goatee.Source) bool { return !followed(read, streams) })
	if len(reads) == 0 {
		return nil, &goatee.ConfigError{
			Setting: "direct-read-namespaces", Problem: "there is no collection to read",
			Remedy: "check the names and the patterns of namespaces",
		}
	}
	for _, read := range reads {
		if i, ok := goatee.As[goatee.Instrumented](read); ok {
			i.Instrument(d.session.logger, goatee.Observer{})
		}
	}
	return reads, nil
}

// followed reports whether one of the change streams covers the collection that is read.
func followed(read goatee.Source, streams []string) bool {
	direct, ok := goatee.As[goatee.DirectReader](read)
	if !ok {
		return false
	}
	ns := direct.Namespace()
	return slices.ContainsFunc(streams, func(stream string) bool {
		database, collection, _ := strings.Cut(stream, ".")
		return database == "" || database == ns.Database && (collection == "" || collection == ns.Collection)
	})
}

// emit prints what becomes of a batch.
func (d *dryRun) emit(ctx context.Context, b *goatee.Batch) error {
	if b.Release != nil {
		defer b.Release()
	}
	for i := range b.Failed {
		d.refuse(b.Failed[i].Change.Namespace.String(), b.Failed[i].Change.ID.String(), b.Failed[i].Err)
	}
	changes := make([]*goatee.Change, 0, len(b.Changes))
	for i := range b.Changes {
		if d.bounded && len(changes) == d.left {
			break
		}
		changes = append(changes, &b.Changes[i])
	}
	d.left -= len(changes)
	if err := d.print(ctx, changes); err != nil {
		return err
	}
	if d.bounded && d.left == 0 {
		return errEnough
	}
	return nil
}

func (d *dryRun) print(ctx context.Context, changes []*goatee.Change) error {
	items, err := goatee.Prepare(ctx, d.transformer, changes)
	if err != nil {
		return err
	}
	var actions []goatee.Action
	for i := range items {
		if err := items[i].Err; err != nil {
			d.refuse(items[i].Change.Namespace.String(), items[i].Change.ID.String(), err)
			continue
		}
		actions = append(actions, items[i].Actions...)
	}
	failed, err := goatee.SplitBatchError(d.sink.Write(ctx, actions))
	for _, f := range failed {
		d.refuse(f.Namespace.String(), f.DocumentID.String(), f)
	}
	return err
}

// refuse logs that a document would be a dead letter.
func (d *dryRun) refuse(namespace, id string, err error) {
	d.refused++
	const most = 300 // bytes of an _id: enough to find it
	if len(id) > most {
		id = strings.ToValidUTF8(id[:most], "") + "…"
	}
	d.session.logger.Error("would be refused", "namespace", namespace, "id", id, "reason", err)
}
