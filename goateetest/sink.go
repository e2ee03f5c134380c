package goateetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bulk"
)

// Sink is a goatee.Sink in memory, on top of an Elasticsearch in memory: what is written with an older version than what
// is there is superseded. It is safe for concurrent use.
type Sink struct {
	// Elasticsearch holds what was written.
	*Elasticsearch
	mu      sync.Mutex
	written strings.Builder
	refuse  func(*goatee.Action) error
}

// NewSink returns a sink that holds nothing.
func NewSink() *Sink { return &Sink{Elasticsearch: NewElasticsearch()} }

// Refuse makes the sink refuse for good the actions for which f returns an error.
func (s *Sink) Refuse(f func(*goatee.Action) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = f
}

// Written returns the actions of all writes as NDJSON. Lanes write at the same time: only the order of actions for one
// document is certain.
func (s *Sink) Written() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written.String()
}

// Documents returns the documents of an index by id, as JSON.
func (s *Sink) Documents(index string) map[string]string {
	docs := map[string]string{}
	for id, d := range s.Docs(index) {
		docs[id] = d.Source
	}
	return docs
}

// Write applies the actions one after the other. Those that are refused are named by a *goatee.BatchError.
func (s *Sink) Write(ctx context.Context, actions []goatee.Action) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := write{sink: s, encoder: newEncoder()}
	for i := range actions {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		w.apply(ctx, i, &actions[i])
	}
	if len(w.failed) > 0 {
		return &goatee.BatchError{Failed: w.failed}
	}
	return nil
}

// Target returns where an action goes.
func (s *Sink) Target(a *goatee.Action) (goatee.Target, error) { return newEncoder().Target(a) }

// write is one call of Write.
type write struct {
	sink    *Sink
	encoder *bulk.Encoder
	failed  []*goatee.ActionError
}

// fail reports that an action is not durable. The caller fills in the reason.
func (w *write) fail(i int, a *goatee.Action) *goatee.ActionError {
	e := goatee.NewActionError(i, a)
	e.Target, _ = w.encoder.Target(a) // as much of it as there is
	w.failed = append(w.failed, e)
	return e
}

func (w *write) apply(ctx context.Context, i int, a *goatee.Action) {
	text, err := appendAction(nil, w.encoder, a)
	if err == nil && w.sink.refuse != nil {
		err = w.sink.refuse(a)
	}
	switch {
	case err != nil && a.Kind == goatee.ActionDelete && errors.Is(err, bulk.ErrNoSuchPlace):
		// A document that Elasticsearch could never take needs no deleting.
	case err != nil:
		w.fail(i, a).Err = err
	case a.Kind == goatee.ActionDrop:
		w.sink.written.Write(text)
		w.drop(ctx, i, a)
	default:
		w.sink.written.Write(text)
		w.bulk(ctx, i, a, string(text))
	}
}

// drop deletes the index of a collection, or those of a database.
func (w *write) drop(ctx context.Context, i int, a *goatee.Action) {
	target, _ := w.encoder.Target(a)
	for _, name := range w.sink.Indices() {
		prefix, database := strings.CutSuffix(target.Index, "*")
		if name != target.Index && (!database || !strings.HasPrefix(name, prefix)) {
			continue
		}
		if status, body := w.sink.request(ctx, http.MethodDelete, "/"+name, ""); status >= http.StatusMultipleChoices {
			w.refused(i, a, status, body)
			return
		}
	}
}

// bulk sends one action. What a newer version supersedes, and a delete that finds nothing, is done.
func (w *write) bulk(ctx context.Context, i int, a *goatee.Action, text string) {
	status, body := w.sink.request(ctx, http.MethodPost, "/_bulk", text)
	if status != http.StatusOK {
		w.refused(i, a, status, body)
		return
	}
	var reply struct {
		Items []map[string]json.RawMessage
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		w.fail(i, a).Err = fmt.Errorf("bulk request: %w: %s", err, body)
		return
	}
	for _, item := range reply.Items {
		for _, body := range item {
			var r struct{ Status int }
			if err := json.Unmarshal(body, &r); err != nil {
				w.fail(i, a).Err = fmt.Errorf("bulk request: %w: %s", err, body)
				return
			}
			missing := r.Status == http.StatusNotFound && a.Kind == goatee.ActionDelete
			if r.Status >= http.StatusBadRequest && r.Status != http.StatusConflict && !missing {
				w.refused(i, a, r.Status, body)
			}
		}
	}
}

// refused reports an action that Elasticsearch has answered with an error.
func (w *write) refused(i int, a *goatee.Action, status int, body []byte) {
	e := w.fail(i, a)
	e.Status, e.Attempts = status, 1
	var answer struct{ Error struct{ Type, Reason string } }
	if err := json.Unmarshal(body, &answer); err != nil {
		e.Err = fmt.Errorf("%w: %s", err, body)
		return
	}
	e.Type, e.Reason = answer.Error.Type, answer.Error.Reason
	if e.Type == "cluster_block_exception" {
		e.Class = goatee.ClassBlocked
	}
}

// request returns the status and the body of an answer.
func (s *Sink) request(ctx context.Context, method, path, body string) (status int, answer []byte) {
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-ndjson")
	res, err := s.Perform(r)
	if err != nil {
		return http.StatusInternalServerError, []byte(err.Error())
	}
	defer func() { _ = res.Body.Close() }()
	if answer, err = io.ReadAll(res.Body); err != nil {
		return http.StatusInternalServerError, []byte(err.Error())
	}
	return res.StatusCode, answer
}
