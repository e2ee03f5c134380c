package source

import (
	"bytes"
	"context"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

const (
	// replyLimit is about how many bytes one reply brings: two of them wait at any time.
	replyLimit = 2 << 20
	// batchLimit is how many bytes of a reply go into one batch: MongoDB's 16 MB would make the pipeline's budget coarse.
	batchLimit = replyLimit * 3 / 2
	// unwantedLimit is how many bytes of events of no concern are worth a filter in MongoDB.
	unwantedLimit = 1 << 20
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
	block      *block // what the next batch will hold
	attempt    int    // failures since something was read
	filtered   bool   // whether MongoDB leaves out events that are of no concern
	unwanted   int    // bytes of events that it could have left out
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
			// An invalidate, or the server has closed the cursor in good order.
			continue
		}
		switch classify(err, when) {
		case verdictLost:
			return lostError(s.name, r.position, err)
		case verdictFatal:
			if when == opening {
				return s.openError(r.position, err)
			}
			return readError(s.name, err)
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
	command, err := r.command(r.position, batchSize, r.filtered)
	if err != nil {
		return opening, err
	}
	c, first, err := openCursor(ctx, r.client, r.database(), command)
	if err != nil {
		return opening, err
	}
	defer c.close(ctx)
	c.maxAwait = r.cfg.maxAwait
	c.batchSize.Store(int64(batchSize))
	opened := false
	for reply, err := range c.replies(ctx, first) {
		if err != nil {
			return reading, err
		}
		if opened {
			// Only a getMore that worked shows that the stream does: one that is opened in vain again and again must
			// neither be tried in a hot loop nor be reported as working.
			r.attempt = 0
			r.health.recovered()
		}
		opened = true
		events, err := r.handle(ctx, reply)
		if err != nil {
			return reading, err
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

// handle emits what a reply brought and returns how many events that was.
func (r *streamRun) handle(ctx context.Context, reply reply) (n int, err error) {
	next := r.position
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
			if err := r.flush(ctx, next); err != nil {
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
			if err := r.flush(ctx, next); err != nil {
				return n, err
			}
		}
	}
	if err := events.Err(); err != nil {
		return n, fatal(err)
	}
	return n, r.flush(ctx, r.end(next, reply))
}

// namespaceOf returns what is known about an event's namespace; that of an invalidate, which has none, is the target.
func (r *streamRun) namespaceOf(e *event) (*namespaceInfo, error) {
	if e.namespace == nil {
		return &namespaceInfo{Namespace: r.target}, nil
	}
	ns, err := r.namespaces.get(e.namespace)
	return ns, fatal(err)
}

// add appends the event, of size bytes, to the batch unless it is left out or of no concern.
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

// flush emits the block as a batch, if it has changes or moves the position, and begins another.
func (r *streamRun) flush(ctx context.Context, at goatee.Position) error {
	if bytes.Equal(at.Token, r.position.Token) && len(r.block.changes) == 0 {
		r.block.bytes = 0
		return nil
	}
	// A position outlives its batch by far; it must not keep the reply alive.
	at.Token = bson.Raw(bytes.Clone(at.Token))
	if err := r.send(ctx, r.block.batch(at)); err != nil {
		return err
	}
	r.position, r.block = at, r.pool.get()
	return nil
}

// send emits a batch. What emit refuses, no new cursor makes it take.
func (r *streamRun) send(ctx context.Context, b *goatee.Batch) error { return fatal(r.emit(ctx, b)) }

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

// readError explains an error in the middle of a stream that trying again does not cure.
func readError(name string, err error) error {
	code, _, ok := serverError(err)
	if ok && code == codeObjectTooLarge {
		return &goatee.ConfigError{
			Setting: "change-stream-namespaces", Err: err,
			Problem: name + ": a change event is larger than 16 MB",
			Remedy:  "let updates be looked up (the default) and ask for no pre-images, or leave the field out with a pipeline",
		}
	}
	return cause(err)
}
