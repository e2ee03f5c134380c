package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// elastic is a plain HTTP client of Elasticsearch, so that the tests share no code with what they test.
type elastic struct {
	url  string
	http *http.Client
}

func newElastic(t testing.TB, url string) *elastic {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &elastic{url: url, http: &http.Client{Transport: transport, Timeout: 30 * time.Second}}
}

// call returns the status and body of an answer.
func (e *elastic) call(method, path, body string) (int, []byte, error) {
	req, err := http.NewRequest(method, e.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := e.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// must is call for what has to succeed.
func (e *elastic) must(t testing.TB, method, path, body string) []byte {
	t.Helper()
	status, answer, err := e.call(method, path, body)
	require.NoError(t, err)
	require.Less(t, status, 300, "%s %s: %s", method, path, answer)
	return answer
}

// hit is a document as Elasticsearch holds it.
type hit struct {
	ID      string          `json:"_id"`
	Found   *bool           `json:"found"`
	Version int64           `json:"_version"`
	Source  json.RawMessage `json:"_source"`
}

// each calls f with every document of an index as of now, without the field omit; an index that does not exist has none.
func (e *elastic) each(index, omit string, f func(hit) error) error {
	escaped := url.PathEscape(index)
	if status, answer, err := e.call("POST", "/"+escaped+"/_refresh", ""); err != nil || status >= 300 {
		if status == http.StatusNotFound {
			return nil
		}
		return fmt.Errorf("refresh %s: %w, status %d: %s", index, err, status, answer)
	}
	status, answer, err := e.call("POST", "/"+escaped+"/_search?scroll=1m&_source_excludes="+omit, `{"size":500,"version":true,"sort":["_doc"]}`)
	for {
		if err != nil || status >= 300 {
			return fmt.Errorf("search %s: %w, status %d: %s", index, err, status, answer)
		}
		var page struct {
			Scroll string `json:"_scroll_id"`
			Hits   struct{ Hits []hit }
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			return err
		}
		cursor, _ := json.Marshal(map[string]string{"scroll_id": page.Scroll, "scroll": "1m"})
		if len(page.Hits.Hits) == 0 {
			_, _, err := e.call("DELETE", "/_search/scroll", fmt.Sprintf(`{"scroll_id":%q}`, page.Scroll))
			return err
		}
		for _, h := range page.Hits.Hits {
			if err := f(h); err != nil {
				return err
			}
		}
		status, answer, err = e.call("POST", "/_search/scroll", string(cursor))
	}
}

// get returns documents by id; one that does not exist is not among them.
func (e *elastic) get(index string, ids ...string) (map[string]hit, error) {
	body, _ := json.Marshal(map[string][]string{"ids": ids})
	status, answer, err := e.call("POST", "/"+url.PathEscape(index)+"/_mget", string(body))
	if err != nil || status >= 300 {
		return nil, fmt.Errorf("mget %s: %w, status %d: %s", index, err, status, answer)
	}
	var found struct{ Docs []hit }
	if err := json.Unmarshal(answer, &found); err != nil {
		return nil, err
	}
	byID := map[string]hit{}
	for _, h := range found.Docs {
		if h.Found != nil && *h.Found {
			byID[h.ID] = h
		}
	}
	return byID, nil
}

// has reports whether a document exists and its source holds text.
func (e *elastic) has(index, id, text string) bool {
	found, err := e.get(index, id)
	return err == nil && found[id].ID != "" && bytes.Contains(found[id].Source, []byte(text))
}

// count returns how many documents an index holds, 0 if it does not exist.
func (e *elastic) count(index string) int {
	var n struct{ Count int }
	_, _, _ = e.call("POST", "/"+url.PathEscape(index)+"/_refresh", "")
	_, answer, err := e.call("GET", "/"+url.PathEscape(index)+"/_count", "")
	if err != nil || json.Unmarshal(answer, &n) != nil {
		return 0
	}
	return n.Count
}

// indices returns the names of the indices that start with prefix, in order.
func (e *elastic) indices(t testing.TB, prefix string) []string {
	t.Helper()
	var all []struct{ Index string }
	require.NoError(t, json.Unmarshal(e.must(t, "GET", "/_cat/indices?format=json&expand_wildcards=all", ""), &all))
	names := []string{}
	for _, i := range all {
		if strings.HasPrefix(i.Index, prefix) {
			names = append(names, i.Index)
		}
	}
	sort.Strings(names)
	return names
}

func (e *elastic) deleteIndices(t testing.TB, prefix string) {
	for _, index := range e.indices(t, prefix) {
		e.must(t, "DELETE", "/"+url.PathEscape(index), "")
	}
}
