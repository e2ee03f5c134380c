package gridfs

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readpref"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/backoff"
)

const fieldName = "file"

var errIncomplete = errors.New("the file's chunks are missing or of another size")

// files reads the content of files. It is safe for concurrent use.
type files struct {
	config
	client *mongo.Client
	retry  backoff.Full
	// failing says that the last read failed, so that only changes of state are logged.
	failing atomic.Bool
}

func newFiles(c config, client *mongo.Client, source string) *files {
	c.logger = c.logger.With("source", source)
	return &files{config: c, client: client, retry: backoff.Full{Base: 100 * time.Millisecond, Max: 10 * time.Second}}
}

func (f *files) holds(ns goatee.Namespace) bool {
	if len(f.namespaces) > 0 {
		return f.namespaces[ns]
	}
	return isFiles(ns)
}

func (f *files) isFile(c *goatee.Change) bool {
	return c.Op.HasDocument() && !c.Document.IsZero() && f.holds(c.Namespace)
}

// attach sets the document's field. It tries again until ctx ends, and gives up on errors that stay.
func (f *files) attach(ctx context.Context, c *goatee.Change) error {
	if c.Document.IsZero() { // gone since the update
		return nil
	}
	for attempt := 0; ; attempt++ {
		doc, err := f.withContent(ctx, c)
		switch {
		case err == nil:
			if f.failing.Swap(false) {
				f.logger.Info("files can be read again")
			}
			c.Document = goatee.NewDocument(doc)
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case refused(err):
			return fmt.Errorf("read file %s of %s: %w", c.ID, c.Namespace, err)
		}
		if !f.failing.Swap(true) {
			f.logger.Warn("cannot read a file, trying again", "namespace", c.Namespace.String(), "id", c.ID.String(), "error", err)
		}
		if err := f.retry.Wait(ctx, attempt, 0); err != nil {
			return err
		}
	}
}

// withContent returns the document with the field, empty for a file that is left out.
func (f *files) withContent(ctx context.Context, c *goatee.Change) (bson.Raw, error) {
	raw, err := c.Document.Raw()
	if err != nil {
		return nil, err
	}
	leaveOut := func(reason string, length int64) (bson.Raw, error) {
		f.logger.Warn("a file is left out: "+reason, "namespace", c.Namespace.String(), "id", c.ID.String(), "bytes", length)
		return setField(raw, 0, nil)
	}
	length, ok := raw.Lookup("length").AsInt64OK()
	switch {
	case !ok || length < 0:
		return leaveOut("its document has no length", 0)
	case length > f.maxFileSize:
		return leaveOut("it is larger than the limit", length)
	}
	doc, err := setField(raw, int(length), func(dst []byte) ([]byte, error) {
		return f.appendContent(ctx, dst, c, length)
	})
	if errors.Is(err, errIncomplete) {
		return leaveOut(err.Error(), length)
	}
	return doc, err
}

// appendContent appends the file's content as base64.
func (f *files) appendContent(ctx context.Context, dst []byte, c *goatee.Change, length int64) ([]byte, error) {
	chunks := f.client.Database(c.Namespace.Database, options.Database().SetReadPreference(readpref.Primary())).
		Collection(strings.TrimSuffix(c.Namespace.Collection, ".files") + ".chunks")
	cursor, err := chunks.Find(ctx, bson.D{{Key: "files_id", Value: c.ID}},
		options.Find().SetSort(bson.D{{Key: "n", Value: 1}}).SetProjection(bson.D{{Key: "n", Value: 1}, {Key: "data", Value: 1}}))
	if err != nil {
		return nil, err
	}
	defer cursor.Close(ctx)
	out := appender(dst)
	encoder := base64.NewEncoder(base64.StdEncoding, &out)
	var read int64
	for n := int64(0); cursor.Next(ctx); n++ {
		_, data, ok := cursor.Current.Lookup("data").BinaryOK()
		number, _ := cursor.Current.Lookup("n").AsInt64OK()
		read += int64(len(data))
		if !ok || number != n || read > length {
			return nil, errIncomplete
		}
		if _, err := encoder.Write(data); err != nil {
			return nil, err
		}
	}
	if err := cursor.Err(); err != nil {
		return nil, err
	}
	if read != length {
		return nil, errIncomplete
	}
	if err := encoder.Close(); err != nil {
		return nil, err
	}
	return out, nil
}

// refused reports whether MongoDB will answer the same next time: credentials or privileges are missing.
func refused(err error) bool {
	const unauthorized, authenticationFailed = 13, 18
	var server mongo.ServerError
	return errors.As(err, &server) && (server.HasErrorCode(unauthorized) || server.HasErrorCode(authenticationFailed))
}
