// Package fakees is an Elasticsearch in memory for tests: the bulk API with external versions, routing, tombstones that
// are forgotten after a while, and faults on demand. It answers the few other requests that goatee makes.
//
// A Server answers in the test's own process by Perform, without a socket, so that it works in virtual time, and it is
// an http.Handler for an httptest.Server when the connection itself is what a test is about.
package fakees

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Server is a fake Elasticsearch. Its fields may be set before it is used; its methods are safe for concurrent use.
type Server struct {
	// Version is what the server calls itself. Default: 7.17.28.
	Version string
	// MaxContentLength is the longest request body; longer ones are answered with 413. Default (zero): unlimited.
	MaxContentLength int
	// GCDeletes is how long the version of a deleted document is remembered. Default (zero): for ever.
	GCDeletes time.Duration

	mu       sync.Mutex
	indices  map[string]map[docKey]*Doc
	aliases  map[string]string
	blocked  map[string]bool
	faults   []Fault
	onItem   func(Item) *ItemError
	requests []Request
}

// Doc is a document, or the tombstone of one.
type Doc struct {
	Source  string
	Version int64
	Routing string

	deletedAt time.Time // zero for a live document
}

// docKey tells the documents of an index apart. Elasticsearch keeps an id once for each shard, which routing chooses: every
// value has a shard of its own here.
type docKey struct{ id, routing string }

// Request is a request the server has received.
type Request struct {
	Method, Path string
	Body         string
	Encoding     string // Content-Encoding
	Items        []Item // of a bulk request
}

// Item is one action of a bulk request.
type Item struct {
	Op              string
	Index           string `json:"_index"`
	ID              string `json:"_id"`
	Routing         string `json:"routing"`
	Version         *int64 `json:"version"`
	VersionType     string `json:"version_type"`
	Pipeline        string `json:"pipeline"`
	RetryOnConflict int    `json:"retry_on_conflict"`
	Source          string
}

// ItemError is the outcome of a bulk item that failed.
type ItemError struct {
	Status int
	Type   string
	Reason string
}

// New returns a server that holds nothing.
func New() *Server {
	return &Server{
		Version: "7.17.28",
		indices: map[string]map[docKey]*Doc{},
		aliases: map[string]string{},
		blocked: map[string]bool{},
	}
}

// FailNext queues faults for the next requests, one each; a zero Fault lets one pass.
func (s *Server) FailNext(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// OnItem decides the outcome of bulk items: nil lets one pass. Default: all pass.
func (s *Server) OnItem(decide func(Item) *ItemError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onItem = decide
}

// Alias makes a name stand for an index.
func (s *Server) Alias(name, index string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aliases[name] = index
	s.index(index)
}

// Block makes an index read-only, or lets it be written to again.
func (s *Server) Block(index string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blocked[index] = on
}

// readOnly returns the reason of refusals by an index that is read-only.
func readOnly(index string) string {
	return "index [" + index + "] blocked by: [FORBIDDEN/5/index read-only (api)];"
}

// Get returns a live document, whatever its routing.
func (s *Server) Get(index, id string) (Doc, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.live(index, id) {
		return *d, true
	}
	return Doc{}, false
}

// live returns the copies of a document by their routing.
func (s *Server) live(index, id string) map[string]*Doc {
	found := map[string]*Doc{}
	for k, d := range s.indices[index] {
		if k.id == id && d.deletedAt.IsZero() {
			found[k.routing] = d
		}
	}
	return found
}

// Docs returns the live documents of an index by id. If there are several copies of one, with different routing values,
// all but one are told apart by id@routing.
func (s *Server) Docs(index string) map[string]Doc {
	s.mu.Lock()
	defer s.mu.Unlock()
	docs := map[string]Doc{}
	for k, d := range s.indices[index] {
		if !d.deletedAt.IsZero() {
			continue
		}
		id := k.id
		if _, taken := docs[id]; taken {
			id += "@" + k.routing
		}
		docs[id] = *d
	}
	return docs
}

// Indices returns the names of the indices, sorted.
func (s *Server) Indices() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names()
}

// Requests returns the requests received so far. Those a fault answered are among them.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Bulks returns the bulk requests among Requests.
func (s *Server) Bulks() []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool { return !strings.HasSuffix(r.Path, "/_bulk") })
}

// Forget forgets the versions of deleted documents, as Elasticsearch does when index.gc_deletes has passed.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, docs := range s.indices {
		for id, d := range docs {
			if !d.deletedAt.IsZero() {
				delete(docs, id)
			}
		}
	}
}

func (s *Server) names() []string {
	names := make([]string, 0, len(s.indices))
	for name := range s.indices {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// index returns the documents of an index or alias and creates it when there is none.
func (s *Server) index(name string) map[docKey]*Doc {
	if target, ok := s.aliases[name]; ok {
		name = target
	}
	if s.indices[name] == nil {
		s.indices[name] = map[docKey]*Doc{}
	}
	return s.indices[name]
}

// answer is what a handler returns.
type answer struct {
	status int
	body   any
}

func failure(status int, typ, reason string) answer {
	return answer{status, map[string]any{
		"error":  map[string]any{"type": typ, "reason": reason},
		"status": status,
	}}
}

func (a answer) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(a.status)
	// A client that has gone away is no failure of the server.
	_ = json.NewEncoder(w).Encode(a.body)
}
