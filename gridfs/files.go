package gridfs

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readpref"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/backoff"
	"github.com/goatee-sync/goatee/internal/mongoerr"
)

const fieldName = "file"

var (
	errIncomplete = errors.New("its chunks are missing or of another size than its document says")
	errMalformed  = errors.New("its document is malformed")
)

// fileError is the error of a file whose content cannot be read for a reason of its own. It harms no other.
type fileError struct {
	namespace goatee.Namespace
	err       error
}

func (e *fileError) Error() string {
	return fmt.Sprintf("read the content of a file of %s: %v", e.namespace, e.err)
}

func (e *fileError) Unwrap() error { return e.err }

// files reads the content of files. It is safe for concurrent use.
type files struct {
	config
	client    *mongo.Client
	retry     backoff.Full
	source    string
	log       *slog.Logger
	component string
	observe   func(goatee.StateInfo) // nil if nobody is to be told
	// failing says that the last read failed, so that only changes of state are reported.
	failing atomic.Bool
}

func newFiles(c config, client *mongo.Client, source string) *files {
	f := &files{
		config: c, client: client, retry: backoff.Full{Base: 100 * time.Millisecond, Max: 10 * time.Second},
		source: source, component: "gridfs of " + source,
	}
	f.instrument(slog.New(slog.DiscardHandler), nil)
	return f
}

// instrument sets logger and observer where the options do not.
func (f *files) instrument(logger *slog.Logger, observer *goatee.Observer) {
	if f.logger != nil {
		logger = f.logger
	}
	if f.observer != nil {
		observer = f.observer
	}
	if logger != nil {
		f.log = logger.With("source", f.source)
	}
	if observer != nil {
		f.observe = observer.State
	}
}

// failed notes that MongoDB cannot be read from.
func (f *files) failed(c *goatee.Change, err error) {
	if f.failing.Swap(true) {
		return
	}
	f.log.Warn("reading a file failed; trying again until it works", "namespace", c.Namespace.String(), "id", c.ID.String(),
		"error", err)
	if f.observe != nil {
		f.observe(goatee.StateInfo{Component: f.component, Err: err})
	}
}

// recovered notes that MongoDB answers.
func (f *files) recovered() {
	if !f.failing.Swap(false) {
		return
	}
	f.log.Info("reading files works again")
	if f.observe != nil {
		f.observe(goatee.StateInfo{Component: f.component})
	}
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

// attach sets the document's field. It tries again until ctx ends, and gives up on errors that stay: with a *fileError if
// they concern this file alone.
func (f *files) attach(ctx context.Context, c *goatee.Change) error {
	for attempt := 0; ; attempt++ {
		doc, err := f.withContent(ctx, c)
		switch {
		case err != nil && ctx.Err() != nil:
			return context.Cause(ctx)
		case mongoerr.AccessDenied(err):
			return &goatee.ConfigError{
				Setting: SettingCredentials, Problem: "MongoDB denies access to the chunks of " + c.Namespace.String(), Err: err,
				Remedy: "give its user the role read on the database",
			}
		case errors.Is(err, mongo.ErrClientDisconnected):
			return err
		case err == nil:
			f.recovered()
			c.Document = goatee.NewDocument(doc)
			return nil
		case errors.Is(err, errIncomplete), errors.Is(err, errMalformed), !mongoerr.Passes(err):
			f.recovered()
			return &fileError{c.Namespace, err}
		}
		f.failed(c, err)
		if err := f.retry.Wait(ctx, attempt, 0); err != nil {
			return err
		}
	}
}

// withContent returns the document with the field, empty for a file that is left out.
func (f *files) withContent(ctx context.Context, c *goatee.Change) (bson.Raw, error) {
	raw, err := c.Document.Raw()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	leaveOut := func(reason string, details ...any) (bson.Raw, error) {
		name, _ := raw.Lookup("filename").StringValueOK()
		f.log.Warn("the content of a file is left out: "+reason, append([]any{
			"namespace", c.Namespace.String(), "id", c.ID.String(), "filename", name}, details...)...)
		return setField(raw, 0, nil)
	}
	length, ok := raw.Lookup("length").AsInt64OK()
	switch {
	case !ok || length < 0:
		return leaveOut("its document has no length")
	case length > f.maxFileSize:
		return leaveOut("it is larger than the limit", "bytes", length, "limit", f.maxFileSize)
	}
	doc, err := setField(raw, int(length), func(dst []byte) ([]byte, error) {
		return f.appendContent(ctx, dst, c, length)
	})
	if !errors.Is(err, errIncomplete) {
		return doc, err
	}
	exists, lookErr := f.exists(ctx, c)
	switch {
	case lookErr != nil:
		return nil, lookErr
	case exists:
		return nil, err
	}
	// It is being deleted, the document before the chunks: its delete comes.
	return setField(raw, 0, nil)
}

// exists reports whether a file is still there.
func (f *files) exists(ctx context.Context, c *goatee.Change) (bool, error) {
	err := f.database(c).Collection(c.Namespace.Collection).
		FindOne(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$eq", Value: c.ID}}}},
			options.FindOne().SetProjection(bson.D{{Key: "_id", Value: 1}})).Err()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, err
}

func (f *files) database(c *goatee.Change) *mongo.Database {
	return f.client.Database(c.Namespace.Database, options.Database().SetReadPreference(readpref.Primary()))
}

// appendContent appends the file's content as base64.
func (f *files) appendContent(ctx context.Context, dst []byte, c *goatee.Change, length int64) ([]byte, error) {
	chunks := f.database(c).Collection(strings.TrimSuffix(c.Namespace.Collection, ".files") + ".chunks")
	cursor, err := chunks.Find(ctx, bson.D{{Key: "files_id", Value: bson.D{{Key: "$eq", Value: c.ID}}}},
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
