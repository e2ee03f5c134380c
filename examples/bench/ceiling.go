package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"runtime"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// ceilingRead reads a collection, transcodes it into bulk bodies and throws them away.
func ceilingRead(ctx context.Context, j *job, client *mongo.Client, _ *clock) error {
	return readInto(ctx, j, client, discard, (*bodies).transcode)
}

// postingRead is ceilingRead that posts the bodies.
func postingRead(ctx context.Context, j *job, client *mongo.Client, _ *clock) error {
	return readInto(ctx, j, client, poster(ctx, j.ElasticURL), (*bodies).transcode)
}

// mappingRead is ceilingRead that decodes, edits and encodes each document by the driver and encoding/json.
func mappingRead(ctx context.Context, j *job, client *mongo.Client, _ *clock) error {
	return readInto(ctx, j, client, discard, func(b *bodies, document []byte) error {
		if err := b.action(document); err != nil {
			return err
		}
		var m bson.M
		if err := bson.Unmarshal(document, &m); err != nil {
			return err
		}
		delete(m, "_id")
		text, err := json.Marshal(editMap(m))
		if err != nil {
			return err
		}
		b.buf = append(b.buf, text...)
		return b.end()
	})
}

func discard([]byte) error { return nil }

// readInto reads a collection in natural order.
func readInto(
	ctx context.Context, j *job, client *mongo.Client, give func([]byte) error, add func(*bodies, []byte) error,
) error {
	ns, err := goatee.ParseNamespace(j.Namespace)
	if err != nil {
		return err
	}
	size, err := averageBytes(ctx, client, ns)
	if err != nil {
		return err
	}
	c := &rawCursor{client: client, database: ns.Database, collection: ns.Collection, batchSize: max(1, batchBytes/size)}
	find := bson.D{{Key: "find", Value: ns.Collection}, {Key: "batchSize", Value: c.batchSize / 4}}
	return work(ctx, c, find, func() (handle func([]byte) error, finish func() error) {
		b := newBodies(j.Namespace, primitive.Timestamp{T: uint32(time.Now().Unix()), I: 1}, give)
		return func(document []byte) error { return add(b, document) }, b.flush
	})
}

func averageBytes(ctx context.Context, client *mongo.Client, ns goatee.Namespace) (int, error) {
	var stats struct {
		AvgObjSize int `bson:"avgObjSize"`
	}
	err := client.Database(ns.Database).RunCommand(ctx, bson.D{{Key: "collStats", Value: ns.Collection}}).Decode(&stats)
	if err == nil && stats.AvgObjSize == 0 {
		err = errors.New("the collection is empty")
	}
	return stats.AvgObjSize, err
}

// work reads a cursor and lets one goroutine for each core handle whole replies. newWorker returns what a goroutine does
// with a document, and in the end.
func work(
	ctx context.Context, c *rawCursor, command bson.D, newWorker func() (handle func([]byte) error, finish func() error),
) error {
	replies := make(chan []byte)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var parts sync.WaitGroup
	start := func(part func() error) {
		parts.Go(func() {
			if err := part(); err != nil {
				cancel(err)
			}
		})
	}
	start(func() error {
		defer close(replies)
		return c.read(ctx, command, func(documents []byte) error {
			select {
			case replies <- documents:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	})
	for range runtime.GOMAXPROCS(0) {
		start(func() error {
			handle, finish := newWorker()
			return handleAll(replies, handle, finish)
		})
	}
	parts.Wait()
	return context.Cause(ctx)
}

func handleAll(replies <-chan []byte, handle func([]byte) error, finish func() error) error {
	for documents := range replies {
		r := bsonjson.NewReader(documents)
		for r.Next() {
			if err := handle(r.Value()); err != nil {
				return err
			}
		}
		if err := r.Err(); err != nil {
			return err
		}
	}
	return finish()
}

// errBusy is what a real Elasticsearch says when it has too much to do.
var errBusy = errors.New("too many requests")

// poster returns a function that posts a bulk body.
func poster(ctx context.Context, url string) func([]byte) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	client := &http.Client{Transport: transport}
	return func(body []byte) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/_bulk?filter_path=errors", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-ndjson")
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if resp.StatusCode == http.StatusTooManyRequests {
			return errBusy
		}
		if err == nil && (resp.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(`"errors":false`))) {
			err = errors.New("bulk request refused: " + resp.Status + " " + string(answer[:min(len(answer), 200)]))
		}
		return err
	}
}
