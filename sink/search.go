package sink

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

const (
	// searchIDs is how many ids one search asks for.
	searchIDs = 1000
	// spareHits is how many more hits than ids a search may have: ids that are in several indices.
	spareHits = 100
)

// find searches for the documents with these ids. A refresh first makes visible what has been written before.
func (s *Stateless) find(ctx context.Context, ids []string) (places, error) {
	lenient := url.Values{"ignore_unavailable": {"true"}, "allow_no_indices": {"true"}, "filter_path": {"_shards.failed"}}
	if _, err := s.ask(ctx, "/_refresh", lenient, ""); err != nil {
		return nil, err
	}
	found := make(places, len(ids))
	for start := 0; start < len(ids); start += searchIDs {
		if err := s.search(ctx, ids[start:min(start+searchIDs, len(ids))], found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// search makes one search, or several when there are more hits than one may return.
func (s *Stateless) search(ctx context.Context, ids []string, found places) error {
	size := len(ids) + spareHits
	answer, err := s.ask(ctx, "/_search", url.Values{
		"ignore_unavailable": {"true"}, "allow_no_indices": {"true"}, "allow_partial_search_results": {"false"},
		"filter_path": {"hits.hits._index,hits.hits._id,hits.hits._routing,hits.hits._version"},
	}, termsQuery(ids, size))
	if err != nil {
		return err
	}
	hits := gjson.GetBytes(answer, "hits.hits").Array()
	if len(hits) == size && len(ids) > 1 {
		middle := len(ids) / 2
		if err := s.search(ctx, ids[:middle], found); err != nil {
			return err
		}
		return s.search(ctx, ids[middle:], found)
	}
	for _, id := range ids {
		found[id] = nil
	}
	for _, hit := range hits {
		id := hit.Get("_id").String()
		found[id] = append(found[id], place{
			index: hit.Get("_index").String(), routing: hit.Get("_routing").String(), version: hit.Get("_version").Int(),
		})
	}
	return nil
}

// ask posts to an endpoint of the pattern and returns the answer, which is empty when there are no such indices.
func (s *Stateless) ask(ctx context.Context, endpoint string, query url.Values, body string) ([]byte, error) {
	res, err := s.bulk.insist(ctx, ask{
		method: http.MethodPost, path: "/" + s.config.pattern + endpoint, query: query, body: body, final: settled,
	})
	switch {
	case err != nil:
		return nil, err
	case res.status == http.StatusNotFound:
		return nil, nil
	case res.status >= 300:
		return nil, fmt.Errorf("look up documents in %q (sink.WithIndexPattern): %w", s.config.pattern, requestError(res))
	}
	return res.body, nil
}

func termsQuery(ids []string, size int) string {
	b := append([]byte(nil), `{"_source":false,"version":true,"sort":["_doc"],"size":`...)
	b = strconv.AppendInt(b, int64(size), 10)
	b = append(b, `,"query":{"terms":{"_id":[`...)
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = bsonjson.AppendString(b, id)
	}
	return string(append(b, "]}}}"...))
}
