package fakees

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
)

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	if r.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(r.Body)
	}
	zr, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(zr)
}

// record notes the request and takes the fault that is due.
func (s *Server) record(r *http.Request, body []byte) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	request := Request{
		Method: r.Method, Path: r.URL.Path, Body: string(body), Encoding: r.Header.Get("Content-Encoding"),
	}
	if strings.HasSuffix(r.URL.Path, "/_bulk") {
		request.Items, _ = parseBulk(body)
	}
	s.requests = append(s.requests, request)
	if len(s.faults) == 0 {
		return Fault{}
	}
	f := s.faults[0]
	s.faults = s.faults[1:]
	return f
}

func (s *Server) route(r *http.Request, body []byte) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	target, endpoint, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case s.MaxContentLength > 0 && len(body) > s.MaxContentLength:
		return answer{http.StatusRequestEntityTooLarge, nil}
	case target == "":
		return s.info()
	case target == "_bulk":
		return s.bulk(body)
	case target == "_mget":
		return s.multiGet(body)
	case r.Method == http.MethodPut && target == "_ingest":
		return answer{http.StatusOK, map[string]any{"acknowledged": true}}
	case r.Method == http.MethodDelete && endpoint == "":
		return s.deleteIndices(target, r.URL.Query().Get("ignore_unavailable") == "true")
	case endpoint == "_refresh":
		return answer{http.StatusOK, map[string]any{}}
	case endpoint == "_search":
		return s.search(target, body)
	case strings.HasPrefix(endpoint, "_settings"):
		return s.settings(target)
	}
	return failure(http.StatusBadRequest, "illegal_argument_exception", "no handler for "+r.Method+" "+r.URL.Path)
}

func (s *Server) info() answer {
	return answer{http.StatusOK, map[string]any{
		"name": "fake", "cluster_name": "fake", "tagline": "You Know, for Search",
		"version": map[string]any{"number": s.Version, "build_flavor": "default"},
	}}
}

func (s *Server) deleteIndices(names string, ignoreMissing bool) answer {
	for name := range strings.SplitSeq(names, ",") {
		if _, ok := s.aliases[name]; ok {
			return failure(http.StatusBadRequest, "illegal_argument_exception",
				"The provided expression ["+name+"] matches an alias, specify the corresponding concrete indices instead.")
		}
		if s.indices[name] == nil && !ignoreMissing {
			return failure(http.StatusNotFound, "index_not_found_exception", "no such index ["+name+"]")
		}
	}
	for name := range strings.SplitSeq(names, ",") {
		if s.blocked[name] {
			return failure(http.StatusForbidden, "cluster_block_exception", readOnly(name))
		}
	}
	for name := range strings.SplitSeq(names, ",") {
		delete(s.indices, name)
	}
	return answer{http.StatusOK, map[string]any{"acknowledged": true}}
}

// matching returns the indices that a comma-separated list of patterns names, by themselves or by an alias.
func (s *Server) matching(patterns string) []string {
	matches := func(name string) bool {
		for p := range strings.SplitSeq(patterns, ",") {
			if ok, err := path.Match(p, name); ok && err == nil {
				return true
			}
		}
		return false
	}
	aliased := map[string]bool{}
	for alias, index := range s.aliases {
		aliased[index] = aliased[index] || matches(alias)
	}
	return slices.DeleteFunc(s.names(), func(name string) bool { return !matches(name) && !aliased[name] })
}

func (s *Server) settings(patterns string) answer {
	found := map[string]any{}
	for _, name := range s.matching(patterns) {
		found[name] = map[string]any{"settings": map[string]any{"index": map[string]any{"uuid": name}}}
	}
	return answer{http.StatusOK, found}
}

// search answers a terms query on _id.
func (s *Server) search(patterns string, body []byte) answer {
	var q struct {
		Size  int
		Query struct{ Terms map[string][]string }
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return failure(http.StatusBadRequest, "parsing_exception", err.Error())
	}
	hits := []any{}
	for _, name := range s.matching(patterns) {
		for _, id := range q.Query.Terms["_id"] {
			for routing, d := range s.live(name, id) {
				if len(hits) == q.Size {
					break
				}
				hit := map[string]any{"_index": name, "_id": id, "_version": d.Version}
				if routing != "" {
					hit["_routing"] = routing
				}
				hits = append(hits, hit)
			}
		}
	}
	return answer{http.StatusOK, map[string]any{"hits": map[string]any{"hits": hits}}}
}

// multiGet answers which documents there are.
func (s *Server) multiGet(body []byte) answer {
	var q struct {
		Docs []struct {
			Index   string `json:"_index"`
			ID      string `json:"_id"`
			Routing string
		}
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return failure(http.StatusBadRequest, "parsing_exception", err.Error())
	}
	docs := make([]any, len(q.Docs))
	for i, doc := range q.Docs {
		name := doc.Index
		if alias, ok := s.aliases[name]; ok {
			name = alias
		}
		d := s.indices[name][docKey{doc.ID, doc.Routing}]
		switch {
		case s.indices[name] == nil:
			docs[i] = map[string]any{"error": map[string]any{"type": "index_not_found_exception"}}
		case d == nil || !d.deletedAt.IsZero():
			docs[i] = map[string]any{"found": false}
		default:
			docs[i] = map[string]any{"found": true, "_version": d.Version}
		}
	}
	return answer{http.StatusOK, map[string]any{"docs": docs}}
}
