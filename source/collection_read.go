package source

import (
	"bytes"
	"context"
	"sync"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// firstBatchShare makes the first reply of a cursor smaller than the others, so that work begins soon.
const firstBatchShare = 4

// collectionRead is one pass over a namespace, in chunks.
type collectionRead struct {
	client    *mongo.Client
	namespace goatee.Namespace
	cfg       *config
	health    *health
	pool      *pool
	// idsOnly asks for nothing but the ids of documents.
	idsOnly bool
	// send emits documents; an empty block says that a chunk is complete. Called by one goroutine at a time.
	send func(ctx context.Context, b *block) error

	info       collectionInfo
	pipeline   mongo.Pipeline
	standalone bool // the server has no cluster times: set before anything is read
	times      readTimes
	repeats    *repeats              // of a view or a pipeline; nil otherwise
	sending    sync.Mutex            // held while send runs
	planned    func(*collectionInfo) // nil if nobody wants to know
}

// run reads everything. It reports whether the namespace exists.
func (r *collectionRead) run(ctx context.Context) (exists bool, err error) {
	if r.pipeline, err = r.cfg.stages(r.namespace); err != nil {
		return false, err
	}
	var chunks []*chunk
	err = persist(ctx, r.health, func() (err error) {
		chunks, err = r.plan(ctx)
		return err
	})
	if err != nil || !r.info.exists {
		return r.info.exists, err
	}
	err = r.readAll(ctx, chunks)
	if refused(err) {
		return true, r.isolate(ctx, err)
	}
	r.repeats.report(r.health.logger(), r.namespace.String())
	return true, err
}

// plan divides the collection, and captures a cluster time before anything is read.
func (r *collectionRead) plan(ctx context.Context) (chunks []*chunk, err error) {
	if r.times.latest, err = clusterTime(ctx, r.client); err != nil {
		return nil, err
	}
	r.standalone = r.times.latest.IsZero()
	if r.standalone {
		if r.times.latest, err = serverTime(ctx, r.client); err != nil {
			return nil, err
		}
	}
	if r.info, err = describe(ctx, r.client, r.namespace); err != nil {
		return nil, err
	}
	if r.planned != nil {
		r.planned(&r.info)
	}
	n := min(1+(r.info.bytes-1)/r.cfg.chunkBytes, mostChunks, r.info.count)
	if n < 2 || !r.info.indexed || r.pipeline != nil {
		return []*chunk{{whole: true}}, nil
	}
	return split(ctx, r.client, r.namespace, int(n))
}

// readAll reads the chunks, some at a time.
func (r *collectionRead) readAll(ctx context.Context, chunks []*chunk) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan *chunk, len(chunks))
	for _, c := range chunks {
		queue <- c
	}
	close(queue)
	var readers sync.WaitGroup
	for range min(r.cfg.parallel, len(chunks)) {
		readers.Go(func() {
			for c := range queue {
				if err := r.readChunk(ctx, c); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	readers.Wait()
	return context.Cause(ctx)
}

// readChunk reads a chunk to its end, with as many cursors as it takes.
func (r *collectionRead) readChunk(ctx context.Context, c *chunk) error {
	r.times.begin(c)
	k := &chunkRead{collectionRead: r, chunk: c}
	for attempt := 0; ; attempt++ {
		err := k.once(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			r.health.recovered()
			r.times.end(c)
			return r.deliver(ctx, r.pool.get())
		case classifyRead(err) == verdictFatal:
			return err
		}
		r.health.failed(err)
		if k.progress {
			attempt = 0
		}
		if err := retries.Wait(ctx, attempt, 0); err != nil {
			return ctx.Err()
		}
	}
}

func (r *collectionRead) deliver(ctx context.Context, b *block) error {
	r.sending.Lock()
	defer r.sending.Unlock()
	return fatal(r.send(ctx, b))
}

// now returns the time that documents read from now on carry.
func (r *collectionRead) now(ctx context.Context) (primitive.Timestamp, error) {
	if r.standalone {
		return serverTime(ctx, r.client)
	}
	return clusterTime(ctx, r.client)
}

// concern returns the cluster time that documents must not be older than, zero where there is none.
func (r *collectionRead) concern(at primitive.Timestamp) primitive.Timestamp {
	if r.standalone {
		return primitive.Timestamp{}
	}
	return at
}

// chunkRead reads one chunk.
type chunkRead struct {
	*collectionRead
	chunk    *chunk
	last     bson.RawValue // _id of the last document that was emitted, which the next cursor begins with
	progress bool          // whether the next cursor begins behind the present one
}

// once reads with one cursor. Only nil means that the chunk is complete.
func (k *chunkRead) once(ctx context.Context) error {
	k.progress = false
	if k.pipeline != nil || !k.info.indexed {
		k.repeats = newRepeats(mostRepeats)
	}
	now, err := k.now(ctx)
	if err != nil {
		return err
	}
	at := k.times.capture(k.chunk, now)
	batchSize := k.fit(k.info.count, k.info.bytes)
	c, first, err := openCursor(ctx, k.client, k.namespace.Database, k.command(at, max(1, batchSize/firstBatchShare)))
	if err != nil {
		return err
	}
	defer c.close(ctx)
	c.batchSize.Store(batchSize)
	for reply, err := range c.replies(ctx, first) {
		if err != nil {
			return err
		}
		documents, err := k.handle(ctx, reply, at)
		if err != nil {
			return err
		}
		if documents > 0 {
			// Documents that are larger or smaller than the average come in runs.
			c.batchSize.Store(k.fit(int64(documents), int64(reply.size)))
			// A whole chunk begins again from its start, so what it has brought says nothing about the next time.
			k.progress = !k.chunk.whole
			k.health.recovered()
		}
	}
	return nil
}

const (
	// mostDocuments bounds a reply of small documents, whose changes in memory are larger than they are.
	mostDocuments = 10_000
	// fewDocuments are worth a larger reply, because what a reply costs is divided among them.
	fewDocuments = 200
)

// fit returns how many documents make a reply of the wanted size, given that a number of documents has size bytes.
func (k *chunkRead) fit(documents, size int64) int64 {
	average := int64(1 << 10) // if nothing is known
	if documents > 0 && size > 0 {
		average = max(size/documents, 1)
	}
	fit := int64(k.cfg.batchBytes) / average
	if fit < fewDocuments {
		fit = min(2*int64(k.cfg.batchBytes)/average, fewDocuments)
	}
	return min(max(fit, 1), mostDocuments)
}

func (k *chunkRead) command(at primitive.Timestamp, batchSize int64) bson.D {
	concern := readConcern(k.concern(at))
	if k.pipeline != nil {
		return bson.D{
			{Key: "aggregate", Value: k.namespace.Collection},
			{Key: "pipeline", Value: k.pipeline},
			{Key: "allowDiskUse", Value: true},
			{Key: "cursor", Value: bson.D{{Key: "batchSize", Value: batchSize}}},
			concern,
		}
	}
	command := bson.D{
		{Key: "find", Value: k.namespace.Collection},
		{Key: "batchSize", Value: batchSize},
		concern,
	}
	if k.info.indexed {
		// The pipeline may be full for longer than cursors may be idle. The session still ends the cursor after 30
		// minutes, and the chunk goes on with another. MongoDB makes a find on a view an aggregate, which has no such
		// option.
		command = append(command, bson.E{Key: "noCursorTimeout", Value: true})
	}
	if k.idsOnly {
		command = append(command, bson.E{Key: "projection", Value: bson.D{{Key: "_id", Value: 1}}})
	}
	return append(command, k.bounds()...)
}

// bounds returns the part of a find that says which documents it is about.
func (k *chunkRead) bounds() bson.D {
	switch {
	case k.chunk.whole:
		return nil
	case !k.chunk.only.IsZero():
		return bson.D{{Key: "filter", Value: bson.D{{Key: "_id", Value: k.chunk.only}}}}
	}
	// Index bounds follow the order of all BSON types. A filter with $gte and $lt would leave out every type but the
	// bound's own.
	bounds := bson.D{{Key: "hint", Value: bson.D{{Key: "_id", Value: 1}}}}
	if lower := k.lower(); !lower.IsZero() {
		bounds = append(bounds, bson.E{Key: "min", Value: bson.D{{Key: "_id", Value: lower}}})
	}
	if !k.chunk.max.IsZero() {
		bounds = append(bounds, bson.E{Key: "max", Value: bson.D{{Key: "_id", Value: k.chunk.max}}})
	}
	return bounds
}

// lower returns where the next cursor begins. Index bounds include it.
func (k *chunkRead) lower() bson.RawValue {
	if k.last.IsZero() {
		return k.chunk.min
	}
	return k.last
}

// handle emits the documents of a reply and returns how many there were.
func (k *chunkRead) handle(ctx context.Context, reply reply, at primitive.Timestamp) (n int, err error) {
	b := k.pool.get()
	b.bytes = reply.size
	var last bson.RawValue
	documents := bsonjson.NewReader(reply.documents)
	for ; documents.Next(); n++ {
		if n == 0 {
			b.expect(reply.size, len(documents.Value()))
		}
		t, id, ok := bsonjson.FindID(documents.Value())
		if ok {
			last = value(t, id)
			k.repeats.add(t, id)
			if n == 0 && sameID(last, k.last) {
				continue
			}
		}
		c := b.add()
		c.Op, c.Namespace, c.ClusterTime = goatee.OpRead, k.namespace, at
		if ok {
			c.ID = last
		}
		c.Document = document(documents.Value())
	}
	if err := documents.Err(); err != nil {
		return n, fatal(err)
	}
	if len(b.changes) > 0 {
		if err := k.deliver(ctx, b); err != nil {
			return n, err
		}
	}
	if !k.chunk.whole && !last.IsZero() {
		k.last = bson.RawValue{Type: last.Type, Value: bytes.Clone(last.Value)}
	}
	return n, nil
}
