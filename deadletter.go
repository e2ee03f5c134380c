package goatee

import (
	"context"
	"errors"
	"log/slog"
)

// DeadLetter is a change, or one action of it, that cannot be written.
type DeadLetter struct {
	// Change is what was to be applied. It belongs to the batch: keep a Clone.
	Change *Change
	// Action is the refused action, nil when the transformer failed.
	Action *Action
	// Err says why: an *ActionError, or the transformer's error.
	Err error
}

// logDeadLetter is the default handler.
func logDeadLetter(logger *slog.Logger) func(context.Context, DeadLetter) error {
	return func(ctx context.Context, d DeadLetter) error {
		attrs := []any{"namespace", d.Change.Namespace.String(), "op", d.Change.Op.String(), "id", d.Change.ID.String()}
		var refused *ActionError
		if errors.As(d.Err, &refused) {
			attrs = append(attrs, "index", refused.Index, "documentID", refused.ID, "status", refused.Status,
				"type", refused.Type, "reason", refused.reason())
		} else {
			attrs = append(attrs, "reason", d.Err)
		}
		logger.ErrorContext(ctx, "dead letter", attrs...)
		return nil
	}
}

// reason is Elasticsearch's, or goatee's when the action was never sent.
func (e *ActionError) reason() string {
	if e.Reason == "" && e.Err != nil {
		return e.Err.Error()
	}
	return e.Reason
}
