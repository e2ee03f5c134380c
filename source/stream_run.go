package source

import (
	"bytes"
	"context"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

const (
	// replyLimit is about how many bytes one reply brings: two of them wait at any time.
	replyLimit = 2 << 20
	// batchLimit is how many bytes of a reply go into one batch: MongoDB's 16 MB would make the pipeline's budget coarse.
	batchLimit = replyLimit * 3 / 2
	// unwantedLimit is how many bytes of unwanted events are worth a filter in MongoDB.
	unwantedLimit = 1 << 20
	// roomLimit is the size of a reply below which it has not ended because the next event had no room in MongoDB's 16 MB:
	// an event that large is rare, and one reply later the truth is known.
	roomLimit = 8 << 20
	// firstEvents is how many events the first replies bring, before it is known how large they are.
	firstEvents = 1000
)

// streamRun is one run of a ChangeStream.
type streamRun struct {
	*ChangeStream
	emit       goatee.EmitFunc
	position   goatee.Position // behind everything that was emitted: where to open the next cursor
	namespaces *namespaces
	event      event
	block      *block              // what the next batch will hold
	attempt    int                 // failures since something was read
	filtered   bool                // whether MongoDB leaves out events of other namespaces
	unwanted   int                 // bytes of events that it could have left out
	head       primitive.Timestamp // the newest cluster time that MongoDB has told of
	caughtUp   bool                // what the last batch said
	warned     bool                // that the position lies in the future
}

// Run reads until ctx ends, or the stream can never continue. It opens the stream again after every error that may
// pass, behind the last change it emitted, and after an invalidate.
func (s *ChangeStream) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	r := s.newRun(from, emit)
	for {
		when, err := r.once(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			// An invalidate, or the server has closed the cursor.
			continue
		}
		switch classify(err, when) {
		case verdictLost:
			return lostError(s.name, r.position, err)
		case verdictFatal:
			if when == opening {
				return s.openError(ctx, r.position, err)
			}
			return s.readError(err)
		}
		s.health.failed(err)
		if err := retries.Wait(ctx, r.attempt, 0); err != nil {
			return ctx.Err()
		}
		r.attempt++
	}
}

func (s *ChangeStream) newRun(from goatee.Position, emit goatee.EmitFunc) *streamRun {
	return &streamRun{
		ChangeStream: s, emit: emit, position: from, namespaces: newNamespaces(&s.cfg.filter), block: s.pool.get(),
		filtered: s.cfg.filter.chosen() || s.cfg.pipeline != nil, // a pipeline may rely on it
	}
}

// once opens the stream and reads until it ends.
func (r *streamRun) once(ctx context.Context) (phase, error) {
	batchSize := min(r.cfg.batchSize, firstEvents)
	c, first, err := r.open(ctx, r.position, batchSize, r.filtered)
	if err != nil {
		return opening, err
	}
	defer c.close(ctx)
	c.maxAwait = r.cfg.maxAwait
	c.pause = r.keepPace
	c.batchSize.Store(int64(batchSize))
	r.warnOfFuture(first)
	r.caughtUp = false
	opened := false
	for reply, err := range c.replies(ctx, first) {
		if err != nil {
			return reading, err
		}
		if opened {
			// Only a getMore that worked shows that the stream works: one that opens but cannot be read must neither be
			// tried in a hot loop nor be reported as working.
			r.attempt = 0
			r.health.recovered()
		}
		opened = true
		events, err := r.handle(ctx, reply)
		if err != nil {
			return handling, err
		}
		if r.unwanted > unwantedLimit && !r.filtered {
			r.filtered = true
			return reading, nil // to open the stream again
		}
		if events > 0 {
			fit := int64(replyLimit) * int64(events) / int64(reply.size)
			c.batchSize.Store(min(int64(r.cfg.batchSize), max(1, fit)))
		}
	}
	return reading, nil
}

// keepPace waits before the next reply is asked for.
func (r *streamRun) keepPace(ctx context.Context, last reply) {
	_ = r.pace.Wait(ctx, last.count(), last.size) // when ctx has ended the next command says so
}

// handle emits what a reply brought and returns how many events that was.
func (r *streamRun) handle(ctx context.Context, reply reply) (n int, err error) {
	next := r.position
	r.head = reply.head()
	events := bsonjson.NewReader(reply.documents)
	for ; events.Next(); n++ {
		raw := events.Value()
		if n == 0 {
			r.block.expect(reply.size, len(raw))
		}
		if err := r.event.parse(raw); err != nil {
			return n, err
		}
		if field := r.event.missing(); field != "" {
			return n, errLostField(field)
		}
		ns, err := r.namespaceOf(&r.event)
		if err != nil {
			return n, err
		}
		if r.event.op.IsBarrier() {
			if err := r.flush(ctx, next, false); err != nil {
				return n, err
			}
			if err := r.barrier(ctx, ns); err != nil {
				return n, err
			}
			next = r.position
			continue
		}
		if err := r.add(ns, len(raw)); err != nil {
			return n, err
		}
		r.block.bytes += len(raw)
		next = goatee.Position{Token: r.event.token, ClusterTime: r.event.clusterTime}
		if r.block.bytes >= batchLimit {
			if err := r.flush(ctx, next, false); err != nil {
				return n, err
			}
		}
	}
	if err := events.Err(); err != nil {
		return n, fatal(err)
	}
	return n, r.flush(ctx, r.end(next, reply), reply.exhausts(n))
}

// warnOfFuture says that nothing will come before MongoDB's time reaches the position.
func (r *streamRun) warnOfFuture(first reply) {
	at := r.position.ClusterTime
	if ts, ok := tokenTime(r.position.Token); ok {
		at = ts
	}
	// Where a stream starts for the first time is the moment behind the present one.
	if r.warned || first.operationTime.IsZero() || at.T <= first.operationTime.T+1 {
		return
	}
	r.warned = true
	r.health.logger().Warn("the position lies in the future: nothing is read before MongoDB's time has reached it",
		"position", time.Unix(int64(at.T), 0).UTC(), "clusterTime", time.Unix(int64(first.operationTime.T), 0).UTC())
}

// namespaceOf returns what is known about an event's namespace; that of an invalidate, which has none, is the target.
func (r *streamRun) namespaceOf(e *event) (*namespaceInfo, error) {
	if e.namespace == nil {
		return &namespaceInfo{Namespace: r.target}, nil
	}
	ns, err := r.namespaces.get(e.namespace)
	return ns, fatal(err)
}

// add appends the event, of size bytes, to the batch unless it is left out or ignored.
func (r *streamRun) add(ns *namespaceInfo, size int) error {
	switch {
	case r.event.op == goatee.OpInvalidate:
		c := r.block.add()
		c.Op, c.Namespace, c.ClusterTime = goatee.OpInvalidate, ns.Namespace, r.event.clusterTime
	case isDocumentOp(r.event.op) && ns.wanted:
		return r.event.fill(r.block.add(), r.block, ns.Namespace)
	case isDocumentOp(r.event.op):
		r.unwanted += size
	}
	return nil
}

// end returns the position behind a whole reply: the post-batch resume token where there is one. It moves on when
// nothing happens in the namespaces of the stream, and after an invalidate that a pipeline has swallowed.
func (r *streamRun) end(last goatee.Position, reply reply) goatee.Position {
	if len(reply.token) == 0 {
		return last
	}
	at := goatee.Position{Token: reply.token, ClusterTime: last.ClusterTime}
	// Not the reply's operation time: something may have been committed between the last look at the oplog and that.
	if ts, ok := tokenTime(reply.token); ok {
		at.ClusterTime = ts
	}
	return at
}

// flush emits the block as a batch, if it has changes, moves the position or is the first to say that the stream has
// caught up, and begins another.
func (r *streamRun) flush(ctx context.Context, at goatee.Position, caughtUp bool) error {
	news := caughtUp && !r.caughtUp && !at.IsZero()
	if bytes.Equal(at.Token, r.position.Token) && len(r.block.changes) == 0 && !news {
		r.block.bytes = 0
		return nil
	}
	// A position outlives its batch by far; it must not keep the reply alive.
	at.Token = bson.Raw(bytes.Clone(at.Token))
	b := r.block.batch(at)
	b.CaughtUp = caughtUp
	if err := r.send(ctx, b); err != nil {
		return err
	}
	r.position, r.block = at, r.pool.get()
	return nil
}

// send emits a batch. An error of emit is final: a new cursor would not help.
func (r *streamRun) send(ctx context.Context, b *goatee.Batch) error {
	b.Head, r.caughtUp = r.head, b.CaughtUp
	return fatal(r.emit(ctx, b))
}

// barrier emits a drop or a rename alone.
func (r *streamRun) barrier(ctx context.Context, ns *namespaceInfo) error {
	at := goatee.Position{Token: bson.Raw(bytes.Clone(r.event.token)), ClusterTime: r.event.clusterTime}
	if r.event.op == goatee.OpRename {
		return r.rename(ctx, ns, at)
	}
	batch := &goatee.Batch{Position: at}
	if ns.drop {
		batch.Changes = []goatee.Change{{Op: r.event.op, Namespace: ns.Namespace, ClusterTime: r.event.clusterTime}}
	}
	if err := r.send(ctx, batch); err != nil {
		return err
	}
	r.position = at
	return nil
}
