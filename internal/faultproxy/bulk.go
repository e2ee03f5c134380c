package faultproxy

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
)

// BulkItem is one action of a bulk request.
type BulkItem struct {
	Action string // index, create, update or delete
	Index  string
	ID     string
	Source []byte // the line behind the action's; nil for deletes
	line   []byte
}

// RefuseItems answers the items that pick names with an error of the status and type; the server never sees them. It
// gets all others, and the reply holds both in the order of the request. What is no bulk request passes.
func RefuseItems(status int, errorType string, pick func(BulkItem) bool) Handler {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if !strings.HasSuffix(r.URL.Path, "/_bulk") {
			next.ServeHTTP(w, r)
			return
		}
		items, err := ReadBulk(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var passed bytes.Buffer
		refused := make([]bool, len(items))
		for i, item := range items {
			if refused[i] = pick(item); !refused[i] {
				passed.Write(item.line)
				passed.Write(item.Source)
			}
		}
		reply, ok := forwardBulk(w, r, passed.Bytes(), next)
		if ok {
			writeJSON(w, http.StatusOK, reply.merge(items, refused, status, errorType))
		}
	}
}

// ReadBulk reads the body of a bulk request and puts it back, uncompressed.
func ReadBulk(r *http.Request) ([]BulkItem, error) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		zip, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		body = zip
	}
	all, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	setBody(r, all)
	return parseBulk(all)
}

func parseBulk(body []byte) ([]BulkItem, error) {
	lines := bufio.NewReader(bytes.NewReader(body))
	var items []BulkItem
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(bytes.TrimSpace(line)) == 0 {
			return items, nil
		}
		item, parseErr := parseAction(line)
		if parseErr != nil {
			return nil, parseErr
		}
		if item.Action != "delete" {
			if item.Source, err = lines.ReadBytes('\n'); err != nil {
				return nil, fmt.Errorf("bulk action %s without a document: %w", line, err)
			}
		}
		items = append(items, item)
	}
}

func parseAction(line []byte) (BulkItem, error) {
	var action map[string]struct {
		Index string `json:"_index"`
		ID    string `json:"_id"`
	}
	if err := json.Unmarshal(line, &action); err != nil || len(action) != 1 {
		return BulkItem{}, fmt.Errorf("no bulk action: %.200s", line)
	}
	item := BulkItem{line: line}
	for name, target := range action {
		item.Action, item.Index, item.ID = name, target.Index, target.ID
	}
	return item, nil
}

// bulkReply is the part of a bulk reply that a merge touches.
type bulkReply struct {
	Took   int               `json:"took"`
	Errors bool              `json:"errors"`
	Items  []json.RawMessage `json:"items"`
}

// forwardBulk sends body to the server in place of the request's. Every item of the reply is asked for, so that they can
// be counted. If the server does not answer with 200, its answer is passed on and ok is false.
func forwardBulk(w http.ResponseWriter, r *http.Request, body []byte, next http.Handler) (reply bulkReply, ok bool) {
	if len(body) == 0 {
		return bulkReply{}, true
	}
	setBody(r, body)
	query := r.URL.Query()
	query.Del("filter_path")
	r.URL.RawQuery = query.Encode()
	r.Header.Set("Accept-Encoding", "identity")
	recorder := httptest.NewRecorder()
	next.ServeHTTP(recorder, r)
	if recorder.Code != http.StatusOK || json.Unmarshal(recorder.Body.Bytes(), &reply) != nil {
		w.Header().Set("Content-Type", recorder.Header().Get("Content-Type"))
		w.WriteHeader(recorder.Code)
		_, _ = w.Write(recorder.Body.Bytes())
		return bulkReply{}, false
	}
	w.Header().Set("X-Elastic-Product", recorder.Header().Get("X-Elastic-Product"))
	return reply, true
}

func (b bulkReply) merge(items []BulkItem, refused []bool, status int, errorType string) bulkReply {
	b.Errors = b.Errors || slices.Contains(refused, true)
	passed := b.Items
	b.Items = make([]json.RawMessage, 0, len(items))
	for i, item := range items {
		switch {
		case refused[i]:
			b.Items = append(b.Items, item.refusal(status, errorType))
		case len(passed) > 0:
			b.Items = append(b.Items, passed[0])
			passed = passed[1:]
		}
	}
	return b
}

func (i BulkItem) refusal(status int, errorType string) json.RawMessage {
	text, _ := json.Marshal(map[string]any{i.Action: map[string]any{
		"_index": i.Index, "_type": "_doc", "_id": i.ID, "status": status,
		"error": map[string]any{"type": errorType, "reason": "refused by the proxy"},
	}})
	return text
}

func setBody(r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Del("Content-Encoding")
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	// The client checks the product before it looks at anything else.
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
