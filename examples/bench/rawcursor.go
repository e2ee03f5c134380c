package main

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// batchBytes is about how large a reply of a raw cursor is: the size at which mongod and the driver read fastest.
const batchBytes = 5 << 20

// errEnough ends a stream that has brought what was asked for.
var errEnough = errors.New("enough")

// rawCursor is a server cursor whose commands are issued by hand, so that one can always be under way.
type rawCursor struct {
	client     *mongo.Client
	database   string
	collection string
	batchSize  int
	await      time.Duration
	id         int64
}

// read runs command, which opens the cursor, and hands each reply's documents to give while the next one is fetched.
func (c *rawCursor) read(ctx context.Context, command bson.D, give func(documents []byte) error) error {
	session, err := c.client.StartSession()
	if err != nil {
		return err
	}
	defer session.EndSession(ctx)
	ctx = mongo.NewSessionContext(ctx, session)
	documents, err := c.run(ctx, command)
	for ; err == nil; documents, err = c.run(ctx, c.more()) {
		if err := give(documents); err != nil {
			return err
		}
		if c.id == 0 {
			return nil
		}
	}
	return err
}

func (c *rawCursor) more() bson.D {
	command := bson.D{{Key: "getMore", Value: c.id}, {Key: "collection", Value: c.collection}, {Key: "batchSize", Value: c.batchSize}}
	if c.await > 0 {
		command = append(command, bson.E{Key: "maxTimeMS", Value: c.await.Milliseconds()})
	}
	return command
}

func (c *rawCursor) run(ctx context.Context, command bson.D) (documents []byte, err error) {
	raw, err := c.client.Database(c.database).RunCommand(ctx, command).Raw()
	if err != nil {
		return nil, err
	}
	cursor, ok := raw.Lookup("cursor").DocumentOK()
	if !ok {
		return nil, errors.New("reply without a cursor")
	}
	r := bsonjson.NewReader(cursor)
	for r.Next() {
		switch string(r.Key()) {
		case "id":
			c.id = int64(binary.LittleEndian.Uint64(r.Value()))
		case "firstBatch", "nextBatch":
			documents = r.Value()
		}
	}
	return documents, r.Err()
}
