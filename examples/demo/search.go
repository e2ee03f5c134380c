package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/elastic/go-elasticsearch/v7"
	"github.com/elastic/go-elasticsearch/v7/esapi"
	"github.com/tidwall/gjson"
)

// search asks Elasticsearch.
type search struct{ client *elasticsearch.Client }

// read returns an answer's body, or an error for one that is none.
func read(res *esapi.Response, err error) (gjson.Result, error) {
	if err != nil {
		return gjson.Result{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return gjson.Result{}, err
	}
	if res.IsError() {
		return gjson.Result{}, fmt.Errorf("elasticsearch answers %s: %.300s", res.Status(), body)
	}
	return gjson.ParseBytes(body), nil
}

// hits returns how many documents of an index match a query; an index that does not exist has none.
func (s *search) hits(ctx context.Context, index string, query map[string]any) (int64, error) {
	body, err := json.Marshal(map[string]any{"query": query})
	if err != nil {
		return 0, err
	}
	answer, err := read(s.client.Search(
		s.client.Search.WithContext(ctx), s.client.Search.WithIndex(index), s.client.Search.WithBody(strings.NewReader(string(body))),
		s.client.Search.WithSize(0), s.client.Search.WithTrackTotalHits(true), s.client.Search.WithIgnoreUnavailable(true),
	))
	return answer.Get("hits.total.value").Int(), err
}

// count returns how many documents an index holds, after making all of them visible.
func (s *search) count(ctx context.Context, index string) (int64, error) {
	refresh := s.client.Indices.Refresh
	if _, err := read(refresh(refresh.WithContext(ctx), refresh.WithIndex(index), refresh.WithIgnoreUnavailable(true))); err != nil {
		return 0, err
	}
	return s.hits(ctx, index, map[string]any{"match_all": map[string]any{}})
}

// indices returns the names of the indices that match a pattern.
func (s *search) indices(ctx context.Context, pattern string) ([]string, error) {
	get := s.client.Indices.GetSettings
	answer, err := read(get(get.WithContext(ctx), get.WithIndex(pattern)))
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range answer.Map() {
		names = append(names, name)
	}
	return names, nil
}
