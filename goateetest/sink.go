package goateetest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/goatee-sync/goatee"
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

// Write applies the actions one after the other.
func (s *Sink) Write(ctx context.Context, actions []goatee.Action) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var refused []*goatee.ActionError
	for i := range actions {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.write(ctx, &actions[i]); err != nil {
			refused = append(refused, err)
		}
	}
	if len(refused) > 0 {
		return &goatee.BatchError{Failed: refused}
	}
	return nil
}

func (s *Sink) write(ctx context.Context, a *goatee.Action) *goatee.ActionError {
	text, err := appendAction(nil, a)
	if err == nil && s.refuse != nil {
		err = s.refuse(a)
	}
	if err != nil {
		return &goatee.ActionError{Action: a, Err: err}
	}
	s.written.Write(text)
	if a.Kind == goatee.ActionDrop {
		s.drop(indexOf(a))
		return nil
	}
	return s.bulk(ctx, a, string(text))
}

func (s *Sink) drop(index string) {
	for _, name := range s.Indices() {
		if name == index || strings.HasSuffix(index, ".*") && strings.HasPrefix(name, strings.TrimSuffix(index, "*")) {
			s.request(context.Background(), http.MethodDelete, "/"+name, "")
		}
	}
}

// bulk sends one action. What a newer version supersedes, and a delete that finds nothing, is done.
func (s *Sink) bulk(ctx context.Context, a *goatee.Action, text string) *goatee.ActionError {
	var reply struct {
		Items []map[string]struct {
			Index  string `json:"_index"`
			ID     string `json:"_id"`
			Status int
			Error  struct{ Type, Reason string }
		}
	}
	body := s.request(ctx, http.MethodPost, "/_bulk", text)
	if err := json.Unmarshal(body, &reply); err != nil {
		return &goatee.ActionError{Action: a, Err: fmt.Errorf("bulk request: %w: %s", err, body)}
	}
	for _, item := range reply.Items {
		for _, r := range item {
			missing := r.Status == http.StatusNotFound && a.Kind == goatee.ActionDelete
			if r.Status >= http.StatusBadRequest && r.Status != http.StatusConflict && !missing {
				return &goatee.ActionError{
					Action: a, Index: r.Index, ID: r.ID, Status: r.Status, Type: r.Error.Type, Reason: r.Error.Reason,
				}
			}
		}
	}
	return nil
}

func (s *Sink) request(ctx context.Context, method, path, body string) []byte {
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-ndjson")
	res, err := s.Perform(r)
	if err != nil {
		return []byte(err.Error())
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return []byte(err.Error())
	}
	return answer
}
