package goatee

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// Stage is where on its way a change could not go on.
type Stage uint8

const (
	// StageRead is for a change that its source could not complete the change, as when MongoDB refuses the look-up of its document.
	StageRead Stage = iota + 1
	// StageTransform is for a change whose transformer failed or panicked.
	StageTransform
	// StageWrite is for an action that the sink refused.
	StageWrite
)

var stageNames = [...]string{StageRead: "read", StageTransform: "transform", StageWrite: "write"}

// String returns the stage in a word: "read", "transform" or "write".
func (s Stage) String() string {
	if int(s) < len(stageNames) && stageNames[s] != "" {
		return stageNames[s]
	}
	return "unknown"
}

// DeadLetter is a change, or one action of it, that cannot be written. It owns everything it holds.
type DeadLetter struct {
	// Stage says where the change could not go on.
	Stage Stage
	// Source is the name of the source that brought the change.
	Source string
	// Op, Namespace, DocumentID (the _id in MongoDB) and ClusterTime are those of the change.
	Op          Op
	Namespace   Namespace
	DocumentID  bson.RawValue
	ClusterTime primitive.Timestamp
	// Kind, Target and Version are those of the refused action. Zero unless the stage is StageWrite.
	Kind    ActionKind
	Target  Target
	Version int64
	// Status, Type and Reason are Elasticsearch's answer; Status is 0 when the action was never sent.
	Status       int
	Type, Reason string
	// Attempts is how often the action was sent, or the change transformed.
	Attempts int
	// Time is when the failure was noticed.
	Time time.Time
	// Document is the document as MongoDB had it; nil for deletes and drops.
	Document bson.Raw
	// Err says why: an *ActionError, or the error of the transformer or the source.
	Err error
}

// newDeadLetter returns the dead letter of a change.
func newDeadLetter(stage Stage, source string, c *Change, err error) DeadLetter {
	d := DeadLetter{
		Stage: stage, Source: source, Op: c.Op, Namespace: c.Namespace, DocumentID: cloneValue(c.ID),
		ClusterTime: c.ClusterTime, Attempts: 1, Time: time.Now(), Err: err,
	}
	if raw, err := c.Document.Raw(); err == nil && len(raw) > 0 {
		d.Document = append(bson.Raw(nil), raw...)
	}
	var refused *ActionError
	if stage == StageWrite && errors.As(err, &refused) {
		d.Kind, d.Target, d.Version = refused.Kind, refused.Target, refused.Version
		d.Status, d.Type, d.Reason = refused.Status, refused.Type, refused.Reason
		d.Attempts, d.Time = refused.Attempts, refused.Time
	}
	return d
}

// LogDeadLetter returns the default handler: one line at error level for each dead letter, its texts cut to a few hundred
// bytes.
func LogDeadLetter(logger *slog.Logger) func(context.Context, DeadLetter) error {
	return func(ctx context.Context, d DeadLetter) error {
		attrs := []any{
			"stage", d.Stage.String(), "source", d.Source, "namespace", d.Namespace.String(), "op", d.Op.String(),
			"id", cut(idText(d.DocumentID)),
		}
		if d.Stage == StageWrite {
			attrs = append(attrs, "kind", d.Kind.String(), "index", cut(d.Target.Index))
			if d.Target.ID != "" {
				attrs = append(attrs, "documentID", cut(d.Target.ID))
			}
			if d.Target.Routing != "" {
				attrs = append(attrs, "routing", cut(d.Target.Routing))
			}
			if d.Status != 0 {
				attrs = append(attrs, "status", d.Status, "type", d.Type)
			}
		}
		logger.ErrorContext(ctx, "dead letter", append(attrs, "reason", cut(d.reason()))...)
		return nil
	}
}

// reason is Elasticsearch's, or else goatee's.
func (d *DeadLetter) reason() string {
	var refused *ActionError
	switch {
	case d.Reason != "":
		return d.Reason
	case errors.As(d.Err, &refused) && refused.Err != nil:
		return refused.Err.Error()
	case d.Err != nil:
		return d.Err.Error()
	}
	return "unknown"
}

// idText is the text of an _id, empty when there is none.
func idText(v bson.RawValue) string {
	if v.Type == 0 {
		return ""
	}
	text, err := bsonjson.AppendID(nil, v.Type, v.Value, bsonjson.IDGoMap)
	if err != nil {
		return v.String()
	}
	return string(text)
}

// logText is how much of a text goes into a log line.
const logText = 300

// cut shortens a text that may be as large as a document.
func cut(s string) string {
	if len(s) <= logText {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(s[:logText], ""), len(s))
}
