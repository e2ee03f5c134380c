package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/elastic/go-elasticsearch/v7"
	"github.com/tidwall/gjson"
)

// api answers searches over one index.
type api struct {
	es     *elasticsearch.Client
	index  string
	logger *slog.Logger
}

// newAPI serves GET /search?q=words: the ten best documents as a JSON array of {id, score, document}.
func newAPI(es *elasticsearch.Client, namespace string, logger *slog.Logger) http.Handler {
	a := &api{es: es, index: strings.ToLower(namespace), logger: logger}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /search", a.search)
	return mux
}

type hit struct {
	ID       string          `json:"id"`
	Score    float64         `json:"score"`
	Document json.RawMessage `json:"document"`
}

func (a *api) search(w http.ResponseWriter, r *http.Request) {
	words := strings.TrimSpace(r.URL.Query().Get("q"))
	if words == "" {
		http.Error(w, "what to search for? /search?q=words", http.StatusBadRequest)
		return
	}
	hits, err := a.find(r, words)
	if err != nil {
		a.logger.Error("search failed", "error", err)
		http.Error(w, "the search does not work at the moment", http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(hits) // the client has gone
}

func (a *api) find(r *http.Request, words string) ([]hit, error) {
	query, err := json.Marshal(map[string]any{"query": map[string]any{
		"match": map[string]any{searchField: map[string]any{"query": words, "operator": "and"}},
	}})
	if err != nil {
		return nil, err
	}
	res, err := a.es.Search(
		a.es.Search.WithContext(r.Context()), a.es.Search.WithIndex(a.index), a.es.Search.WithIgnoreUnavailable(true),
		a.es.Search.WithBody(strings.NewReader(string(query))), a.es.Search.WithSourceExcludes(searchField),
	)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.IsError() {
		return nil, &answerError{res.Status()}
	}
	hits := []hit{}
	for _, h := range gjson.GetBytes(body, "hits.hits").Array() {
		hits = append(hits, hit{h.Get("_id").String(), h.Get("_score").Float(), json.RawMessage(h.Get("_source").Raw)})
	}
	return hits, nil
}

// answerError is an answer of Elasticsearch that is not a result.
type answerError struct{ status string }

func (e *answerError) Error() string { return "elasticsearch answers " + e.status }
