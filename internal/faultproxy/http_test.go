package faultproxy_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee/internal/faultproxy"
)

// bulkServer answers a bulk request with one successful item for each of its actions and records the body.
func bulkServer(t *testing.T, body *string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		items, err := faultproxy.ReadBulk(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		all, _ := io.ReadAll(r.Body)
		*body = string(all)
		var reply []string
		for _, item := range items {
			reply = append(reply, `{"`+item.Action+`":{"_id":"`+item.ID+`","status":200}}`)
		}
		_, _ = io.WriteString(w, `{"took":3,"errors":false,"items":[`+strings.Join(reply, ",")+`]}`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func post(t *testing.T, url string, body io.Reader, header http.Header) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, body)
	require.NoError(t, err)
	r.Header = header
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

const threeActions = `{"index":{"_index":"shop","_id":"a"}}
{"v":1}
{"delete":{"_index":"shop","_id":"b"}}
{"index":{"_index":"shop","_id":"c"}}
{"v":3}
`

func TestHTTPForwardsAndCounts(t *testing.T) {
	var seen string
	p := faultproxy.HTTP(t, bulkServer(t, &seen))
	status, reply := post(t, p.URL()+"/_bulk", strings.NewReader(threeActions), http.Header{})
	require.Equal(t, 200, status)
	require.Contains(t, reply, `"errors":false`)
	require.Equal(t, threeActions, seen)
	require.EqualValues(t, 1, p.Requests())
}

func TestStatusAnswersWithoutTheServer(t *testing.T) {
	var seen string
	p := faultproxy.HTTP(t, bulkServer(t, &seen))
	p.Handle(faultproxy.Status(http.StatusServiceUnavailable))
	status, reply := post(t, p.URL()+"/_bulk", strings.NewReader(threeActions), http.Header{})
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, reply, `"status":503`)
	require.Empty(t, seen)

	p.Handle(nil)
	status, _ = post(t, p.URL()+"/_bulk", strings.NewReader(threeActions), http.Header{})
	require.Equal(t, 200, status)
}

func TestRefuseItemsKeepsTheOthersAndTheOrder(t *testing.T) {
	tests := []struct {
		name   string
		refuse string
		server string
		reply  string
	}{
		{"none", "", threeActions,
			`{"took":3,"errors":false,"items":[{"index":{"_id":"a","status":200}},{"delete":{"_id":"b","status":200}},{"index":{"_id":"c","status":200}}]}`},
		{"one", "a", "{\"delete\":{\"_index\":\"shop\",\"_id\":\"b\"}}\n{\"index\":{\"_index\":\"shop\",\"_id\":\"c\"}}\n{\"v\":3}\n",
			`{"took":3,"errors":true,"items":[` + refused("index", "a") + `,{"delete":{"_id":"b","status":200}},{"index":{"_id":"c","status":200}}]}`},
		{"all", "abc", "",
			`{"took":0,"errors":true,"items":[` + refused("index", "a") + `,` + refused("delete", "b") + `,` + refused("index", "c") + `]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var seen string
			p := faultproxy.HTTP(t, bulkServer(t, &seen))
			p.Handle(faultproxy.RefuseItems(429, "es_rejected_execution_exception", func(item faultproxy.BulkItem) bool {
				return strings.Contains(test.refuse, item.ID)
			}))
			status, reply := post(t, p.URL()+"/_bulk?filter_path=errors", strings.NewReader(threeActions), http.Header{})
			require.Equal(t, 200, status)
			require.Equal(t, test.server, seen)
			require.JSONEq(t, test.reply, reply)
		})
	}
}

func refused(action, id string) string {
	return `{"` + action + `":{"_index":"shop","_type":"_doc","_id":"` + id + `","status":429,` +
		`"error":{"type":"es_rejected_execution_exception","reason":"refused by the proxy"}}}`
}

func TestRefuseItemsReadsCompressedRequests(t *testing.T) {
	var seen string
	p := faultproxy.HTTP(t, bulkServer(t, &seen))
	p.Handle(faultproxy.RefuseItems(429, "busy", func(item faultproxy.BulkItem) bool { return item.ID == "a" }))
	var body bytes.Buffer
	zip := gzip.NewWriter(&body)
	_, _ = io.WriteString(zip, threeActions)
	require.NoError(t, zip.Close())
	status, reply := post(t, p.URL()+"/_bulk", &body, http.Header{"Content-Encoding": {"gzip"}})
	require.Equal(t, 200, status)
	require.Contains(t, reply, `"type":"busy"`)
	require.NotContains(t, seen, `"_id":"a"`)
}

func TestRefuseItemsPassesAnErrorOfTheServerOn(t *testing.T) {
	server := httptest.NewServer(faultHandler(http.StatusRequestEntityTooLarge))
	t.Cleanup(server.Close)
	p := faultproxy.HTTP(t, server.URL)
	p.Handle(faultproxy.RefuseItems(429, "busy", func(item faultproxy.BulkItem) bool { return item.ID == "a" }))
	status, _ := post(t, p.URL()+"/_bulk", strings.NewReader(threeActions), http.Header{})
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
}

func faultHandler(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
	})
}

func TestReadBulkRefusesWhatIsNoBulk(t *testing.T) {
	for _, body := range []string{"hello\n", "{}\n", `{"index":{"_id":"a"}}` + "\n"} {
		r := httptest.NewRequest(http.MethodPost, "/_bulk", strings.NewReader(body))
		_, err := faultproxy.ReadBulk(r)
		require.Error(t, err, body)
	}
}
