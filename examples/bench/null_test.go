package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func startNullServer(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go (&nullServer{}).serve(listener)
	return "http://" + listener.Addr().String()
}

func post(t *testing.T, url string, body io.Reader) string {
	resp, err := http.Post(url+"/_bulk", "application/x-ndjson", body)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "Elasticsearch", resp.Header.Get("X-Elastic-Product"))
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(text)
}

func seenBy(t *testing.T, url string) (seen nullSeen) {
	resp, err := http.Get(url + nullReport)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&seen))
	return seen
}

func TestNullServerCountsLinesOfBodiesOfAnySize(t *testing.T) {
	url := startNullServer(t)
	large := strings.Repeat(strings.Repeat("x", 999)+"\n", 3000)
	require.JSONEq(t, nullBulk, post(t, url, strings.NewReader(large)))
	require.Equal(t, int64(3000), seenBy(t, url).Lines)

	post(t, url, strings.NewReader("a\nb\n"))
	post(t, url, io.MultiReader(bytes.NewReader([]byte("c\n")), strings.NewReader("d\n"))) // of unknown length: chunked
	require.Equal(t, int64(4), seenBy(t, url).Lines, "only what came since the last report")
}

func TestNullServerNotesMarks(t *testing.T) {
	url := startNullServer(t)
	post(t, url, strings.NewReader("{}\n{\"mark\":\"a\"}\n{}\n{\"x\":1,\"mark\":\"b\"}\n"))
	seen := seenBy(t, url)
	require.Len(t, seen.Marks, 2)
	require.Equal(t, seen.Last, seen.Marks["a"])
	require.Equal(t, seen.Last, seen.Marks["b"])
}

func TestNullServerNotesMarksOfLargeBodies(t *testing.T) {
	url := startNullServer(t)
	padding := strings.Repeat("x", 1000)
	var body strings.Builder
	for i := range 300 {
		fmt.Fprintf(&body, "{}\n{\"x\":%q,\"mark\":\"%d\"}\n", padding, i)
	}
	require.Less(t, nullBuffer, body.Len(), "larger than the server's buffer")
	post(t, url, strings.NewReader(body.String()))
	require.Len(t, seenBy(t, url).Marks, 300)
}
