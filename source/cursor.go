package source

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// killTimeout bounds the closing of a cursor that is no longer needed. The server closes it by itself later.
const killTimeout = 2 * time.Second

// cursor is one server cursor whose commands are issued by hand. The driver's own cursors send the next getMore only when
// the present batch has been used up, and do not promise that a document's bytes stay valid after that.
type cursor struct {
	client     *mongo.Client
	session    mongo.Session
	database   string
	collection string
	maxAwait   time.Duration // 0 for cursors that do not wait
	batchSize  atomic.Int64  // of the next getMore
	id         int64
	// pause is called with a reply before the next one is asked for, unless it is nil.
	pause func(context.Context, reply)
}

// openCursor runs command, which returns a cursor. The session stays with the cursor until close.
func openCursor(ctx context.Context, client *mongo.Client, database string, command bson.D) (*cursor, reply, error) {
	session, err := client.StartSession(options.Session().SetCausalConsistency(false))
	if err != nil {
		return nil, reply{}, err
	}
	c := &cursor{client: client, session: session, database: database}
	first, err := c.run(ctx, command)
	if err == nil {
		err = c.settle(first)
	}
	if err != nil {
		session.EndSession(context.WithoutCancel(ctx))
		return nil, reply{}, err
	}
	return c, first, nil
}

// settle takes over what the first reply says about the cursor.
func (c *cursor) settle(first reply) error {
	database, collection, ok := strings.Cut(first.namespace, ".")
	if !ok {
		return fatal(fmt.Errorf("reply of MongoDB: cursor of namespace %q", first.namespace))
	}
	c.id, c.database, c.collection = first.cursor, database, collection
	return nil
}

func (c *cursor) run(ctx context.Context, command bson.D) (reply, error) {
	raw, err := runCommand(mongo.NewSessionContext(ctx, c.session), c.client, c.database, command)
	if err != nil {
		return reply{}, err
	}
	return parseReply(raw)
}

func (c *cursor) getMore(ctx context.Context) (reply, error) {
	batchSize := c.batchSize.Load()
	command := bson.D{
		{Key: "getMore", Value: c.id},
		{Key: "collection", Value: c.collection},
		{Key: "batchSize", Value: batchSize},
	}
	if c.maxAwait > 0 {
		command = append(command, bson.E{Key: "maxTimeMS", Value: c.maxAwait.Milliseconds()})
	}
	r, err := c.run(ctx, command)
	if err == nil {
		c.id, r.asked = r.cursor, batchSize
	}
	return r, err
}

// replies yields first and then what each getMore brings, until the server closes the cursor or an error, which is the
// last thing it yields. The next getMore is under way while the loop body works on a reply; one reply more may wait.
func (c *cursor) replies(ctx context.Context, first reply) iter.Seq2[reply, error] {
	return func(yield func(reply, error) bool) {
		type fetched struct {
			reply reply
			err   error
		}
		ctx, cancel := context.WithCancel(ctx)
		results := make(chan fetched)
		var fetcher sync.WaitGroup
		if c.id != 0 {
			fetcher.Go(func() {
				defer close(results)
				last := first
				for c.id != 0 {
					if c.pause != nil {
						c.pause(ctx, last)
					}
					r, err := c.getMore(ctx)
					last = r
					select {
					case results <- fetched{r, err}:
					case <-ctx.Done():
						return
					}
					if err != nil {
						return
					}
				}
			})
		} else {
			close(results)
		}
		// The cursor belongs to the caller again only when the fetcher is gone.
		defer fetcher.Wait()
		defer cancel()
		if !yield(first, nil) {
			return
		}
		for f := range results {
			if !yield(f.reply, f.err) {
				return
			}
		}
	}
}

// close ends the session and, as far as MongoDB can be reached, the cursor.
func (c *cursor) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), killTimeout)
	defer cancel()
	if c.id != 0 {
		killCursor(mongo.NewSessionContext(ctx, c.session), c.client, c.database, c.collection, c.id)
	}
	c.session.EndSession(ctx)
}

func killCursor(ctx context.Context, client *mongo.Client, database, collection string, id int64) {
	// The cursor or the connection may be gone already. Either way nothing can be done about it.
	_, _ = runCommand(ctx, client, database, bson.D{
		{Key: "killCursors", Value: collection}, {Key: "cursors", Value: bson.A{id}},
	})
}

// runCommand runs a command on the primary, which is where RunCommand goes unless told otherwise, and returns the
// reply's bytes: those the driver read, not a copy.
func runCommand(ctx context.Context, client *mongo.Client, database string, command bson.D) (bson.Raw, error) {
	return client.Database(database).RunCommand(ctx, command).Raw()
}
