package fakees_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee/internal/fakees"
)

// ask makes a request and returns the status and the answer.
func ask(t *testing.T, s *fakees.Server, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	require.NoError(t, err)
	res, err := s.Perform(req)
	require.NoError(t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(answer)
}

// bulk returns the statuses of the items.
func bulk(t *testing.T, s *fakees.Server, lines ...string) (statuses []string) {
	t.Helper()
	status, answer := ask(t, s, http.MethodPost, "/_bulk", strings.Join(lines, "\n")+"\n")
	require.Equal(t, http.StatusOK, status, answer)
	for _, part := range strings.Split(answer, `"status":`)[1:] {
		statuses = append(statuses, part[:3])
	}
	return statuses
}

func TestExternalVersions(t *testing.T) {
	s := fakees.New()
	index := func(version, typ string) string {
		return `{"index":{"_index":"i","_id":"a","version":` + version + `,"version_type":"` + typ + `"}}` + "\n{}"
	}
	remove := func(version string) string {
		return `{"delete":{"_index":"i","_id":"a","version":` + version + `,"version_type":"external_gte"}}`
	}
	require.Equal(t, []string{"201", "200", "409", "409", "200", "200", "409", "404", "201"}, bulk(t, s,
		index("5", "external_gte"), index("5", "external_gte"), index("5", "external"), index("4", "external_gte"),
		index("6", "external"), remove("7"), index("6", "external_gte"), remove("8"), index("8", "external_gte")))
}

func TestTombstonesAreForgotten(t *testing.T) {
	const old = `{"index":{"_index":"i","_id":"a","version":1,"version_type":"external_gte"}}` + "\n{}"
	const gone = `{"delete":{"_index":"i","_id":"a","version":2,"version_type":"external_gte"}}`
	synctest.Test(t, func(t *testing.T) {
		s := fakees.New()
		s.GCDeletes = time.Minute
		require.Equal(t, []string{"404", "409"}, bulk(t, s, gone, old))
		time.Sleep(time.Minute + 1)
		require.Equal(t, []string{"201"}, bulk(t, s, old), "the document is back from the dead")
		bulk(t, s, gone)
		s.Forget()
		require.Equal(t, []string{"201"}, bulk(t, s, old))
	})
}

func TestOneBadActionMakesTheRequestInvalid(t *testing.T) {
	for name, body := range map[string]string{
		"versioned update":   `{"update":{"_index":"i","_id":"a","version":1}}` + "\n{\"doc\":{}}\n",
		"versioned create":   `{"create":{"_index":"i","_id":"a","version":1,"version_type":"external"}}` + "\n{}\n",
		"unknown field":      `{"index":{"_index":"i","_id":"a","_type":"t"}}` + "\n{}\n",
		"no newline":         `{"delete":{"_index":"i","_id":"a"}}`,
		"document missing":   `{"index":{"_index":"i","_id":"a"}}` + "\n",
		"not JSON":           "x\n",
		"an id of 513 bytes": `{"delete":{"_index":"i","_id":"` + strings.Repeat("x", 513) + "\"}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := fakees.New()
			status, answer := ask(t, s, http.MethodPost, "/_bulk", `{"index":{"_index":"i","_id":"good"}}`+"\n{}\n"+body)
			require.Equal(t, http.StatusBadRequest, status)
			require.Contains(t, answer, "illegal_argument_exception")
			require.Empty(t, s.Docs("i"))
		})
	}
}

func TestUpdatesMerge(t *testing.T) {
	s := fakees.New()
	require.Equal(t, []string{"201", "200"}, bulk(t, s,
		`{"update":{"_index":"i","_id":"a"}}`, `{"doc":{"x":1},"doc_as_upsert":true}`,
		`{"update":{"_index":"i","_id":"a"}}`, `{"doc":{"y":2},"doc_as_upsert":true}`))
	d, ok := s.Get("i", "a")
	require.True(t, ok)
	require.JSONEq(t, `{"x":1,"y":2}`, d.Source)
}

func TestFaults(t *testing.T) {
	const body = `{"delete":{"_index":"i","_id":"a"}}` + "\n"
	s := fakees.New()
	s.FailNext(fakees.Fault{Reset: true}, fakees.Fault{Cut: true}, fakees.Fault{Status: 429, Body: "later"}, fakees.Fault{})
	perform := func() (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/_bulk", bytes.NewReader([]byte(body)))
		require.NoError(t, err)
		return s.Perform(req)
	}
	_, err := perform()
	require.ErrorContains(t, err, "reset")

	res, err := perform()
	require.NoError(t, err)
	defer res.Body.Close()
	half, err := io.ReadAll(res.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NotEmpty(t, half)

	status, answer := ask(t, s, http.MethodPost, "/_bulk", body)
	require.Equal(t, []any{429, "later"}, []any{status, answer})
	require.Equal(t, []string{"404"}, bulk(t, s, strings.TrimSpace(body)))
	require.Len(t, s.Bulks(), 4)
	require.Equal(t, "a", s.Bulks()[0].Items[0].ID)
}

func TestRoutingTellsCopiesApart(t *testing.T) {
	s := fakees.New()
	bulk(t, s, `{"index":{"_index":"i","_id":"a"}}`, `{"n":1}`, `{"index":{"_index":"i","_id":"a","routing":"r"}}`, `{"n":2}`)
	require.Len(t, s.Docs("i"), 2)
	require.Equal(t, []string{"404"}, bulk(t, s, `{"delete":{"_index":"i","_id":"a","routing":"q"}}`))
	require.Equal(t, []string{"200"}, bulk(t, s, `{"delete":{"_index":"i","_id":"a"}}`))
	d, ok := s.Get("i", "a")
	require.True(t, ok)
	require.Equal(t, "r", d.Routing)
}

func TestMultiGet(t *testing.T) {
	s := fakees.New()
	bulk(t, s, `{"index":{"_index":"i","_id":"a","version":5,"version_type":"external"}}`, `{}`)
	_, answer := ask(t, s, http.MethodPost, "/_mget",
		`{"docs":[{"_index":"i","_id":"a"},{"_index":"i","_id":"b"},{"_index":"j","_id":"a"},{"_index":"i","_id":"a","routing":"r"}]}`)
	require.JSONEq(t, `{"docs":[{"found":true,"_version":5},{"found":false},
		{"error":{"type":"index_not_found_exception"}},{"found":false}]}`, answer)
}

func TestABlockedIndexTakesNothing(t *testing.T) {
	s := fakees.New()
	bulk(t, s, `{"index":{"_index":"i","_id":"a"}}`, `{}`)
	s.Block("i", true)
	require.Equal(t, []string{"403", "201"}, bulk(t, s, `{"delete":{"_index":"i","_id":"a"}}`, `{"index":{"_index":"j","_id":"a"}}`, `{}`))
	status, _ := ask(t, s, http.MethodDelete, "/i", "")
	require.Equal(t, http.StatusForbidden, status)
	s.Block("i", false)
	require.Equal(t, []string{"200"}, bulk(t, s, `{"delete":{"_index":"i","_id":"a"}}`))
}
