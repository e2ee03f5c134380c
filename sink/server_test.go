package sink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/fakees"
	"github.com/goatee-sync/goatee/internal/testservers"
	"github.com/goatee-sync/goatee/sink"
	"github.com/goatee-sync/goatee/sink/sinktest"
)

// elastic is a real Elasticsearch and what a test asks of it.
type elastic struct {
	sink.Client
	t      *testing.T
	prefix string // of this test's indices
}

func newElastic(t *testing.T) *elastic {
	t.Helper()
	server := testservers.Elasticsearch(t)
	prefix := testservers.UniqueName(t)
	server.DropIndices(t, prefix)
	return &elastic{Client: server.Client(t), t: t, prefix: prefix}
}

func (e *elastic) do(ctx context.Context, method, path, body string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := e.Perform(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// must makes a request that succeeds.
func (e *elastic) must(method, path, body string) []byte {
	e.t.Helper()
	status, answer, err := e.do(e.t.Context(), method, path, body)
	require.NoError(e.t, err)
	require.Less(e.t, status, 300, "%s %s: %s", method, path, answer)
	return answer
}

// Get makes elastic a sinktest.Reader.
func (e *elastic) Get(ctx context.Context, index, id, routing string) (json.RawMessage, error) {
	path := "/" + index + "/_doc/" + url.PathEscape(id)
	if id == ".." || id == "." {
		path = "/" + index + "/_doc/" + strings.ReplaceAll(id, ".", "%2E")
	}
	if routing != "" {
		path += "?routing=" + url.QueryEscape(routing)
	}
	status, answer, err := e.do(ctx, http.MethodGet, path, "")
	if err != nil || status == http.StatusNotFound {
		return nil, err
	}
	var doc struct {
		Source json.RawMessage `json:"_source"`
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("status %d: %s", status, answer)
	}
	return doc.Source, json.Unmarshal(answer, &doc)
}

func (e *elastic) has(index, id, want string) {
	e.t.Helper()
	got, err := e.Get(e.t.Context(), index, id, "")
	require.NoError(e.t, err)
	if want == "" {
		require.Nil(e.t, got)
		return
	}
	require.JSONEq(e.t, want, string(got))
}

// in returns an action on an index of this test.
func (e *elastic) in(index string, a goatee.Action) goatee.Action {
	a.Index = e.prefix + index
	return a
}

func TestBulkPassesTheSuite(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) (goatee.Sink, sinktest.Reader, sinktest.Features) {
		es := newElastic(t)
		testservers.Elasticsearch(t).DropIndices(t, "goatee")
		return newBulk(t, es), es, sinktest.Features{Block: es.block}
	})
}

func TestBulkPassesTheSuiteOnTheFake(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) (goatee.Sink, sinktest.Reader, sinktest.Features) {
		es := fakees.New()
		return newBulk(t, es), fakeReader{es}, fakeFeatures(es)
	})
}

func fakeFeatures(es *fakees.Server) sinktest.Features {
	return sinktest.Features{Block: func(_ *testing.T, index string) func() {
		es.Block(index, true)
		return func() { es.Block(index, false) }
	}}
}

// block makes an index read-only.
func (e *elastic) block(t *testing.T, index string) func() {
	unblock := func() { e.must(http.MethodPut, "/"+index+"/_settings", `{"index.blocks.read_only":null}`) }
	e.must(http.MethodPut, "/"+index+"/_settings", `{"index.blocks.read_only":true}`)
	t.Cleanup(func() {
		if t.Failed() {
			_, _, _ = e.do(context.Background(), http.MethodPut, "/"+index+"/_settings", `{"index.blocks.read_only":null}`)
		}
	})
	return unblock
}

type fakeReader struct{ es *fakees.Server }

func (r fakeReader) Get(_ context.Context, index, id, _ string) (json.RawMessage, error) {
	d, ok := r.es.Get(index, id)
	if !ok {
		return nil, nil
	}
	return json.RawMessage(d.Source), nil
}

func TestElasticsearchIsAccepted(t *testing.T) {
	require.NoError(t, newBulk(t, newElastic(t)).Check(t.Context()))
}

func TestMappingRefusalsNameTheDocument(t *testing.T) {
	es := newElastic(t)
	es.must(http.MethodPut, "/"+es.prefix, `{"mappings":{"properties":{"n":{"type":"integer"}}}}`)
	var actions []goatee.Action
	for i := range 1000 {
		actions = append(actions, es.in("", index(i, 1, bson.M{"n": i})))
	}
	actions[321] = es.in("", index("bad one", 1, bson.M{"n": "not a number"}))
	b := newBulk(t, es, sink.WithMaxActions(400))
	var batch *goatee.BatchError
	require.ErrorAs(t, b.Write(t.Context(), actions), &batch)
	require.Len(t, batch.Failed, 1)
	f := batch.Failed[0]
	require.Equal(t, 321, f.Ordinal)
	require.Equal(t, []any{es.prefix, "bad one", 400, "mapper_parsing_exception"}, []any{f.Target.Index, f.Target.ID, f.Status, f.Type})
	require.Contains(t, f.Reason, "failed to parse field [n] of type [integer]")
	require.Contains(t, f.Reason, "not a number", "the cause of the cause is told")
	es.must(http.MethodPost, "/"+es.prefix+"/_refresh", "")
	require.Contains(t, string(es.must(http.MethodGet, "/"+es.prefix+"/_count", "")), `"count":999`)
	require.EqualValues(t, 999, b.SinkStats().Indexed)
}

func TestRefusalsOfEveryKind(t *testing.T) {
	es := newElastic(t)
	for name, tc := range map[string]struct {
		action goatee.Action
		says   string
	}{
		"an index in upper case": {es.in("-UP", index("u", 1, bson.M{})), "invalid_index_name_exception"},
		"a metadata field":       {es.in("", index("m", 1, bson.D{{Key: "_source", Value: 1}, {Key: "x", Value: 1}})), "_source"},
		"an empty field name":    {es.in("", index("e", 1, bson.M{"": 1})), "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			actions := []goatee.Action{es.in("", index("a", 1, bson.M{"x": 1})), tc.action, es.in("", index("b", 1, bson.M{"x": 1}))}
			var batch *goatee.BatchError
			require.ErrorAs(t, newBulk(t, es).Write(t.Context(), actions), &batch)
			require.Len(t, batch.Failed, 1, "%v", batch)
			require.Equal(t, 1, batch.Failed[0].Ordinal)
			require.ErrorContains(t, batch.Failed[0], tc.says)
			es.has(es.prefix, "a", `{"x":1}`)
			es.has(es.prefix, "b", `{"x":1}`)
		})
	}
}

func TestDropsOnElasticsearch(t *testing.T) {
	for name, tc := range dropCases {
		t.Run(name, func(t *testing.T) {
			es := newElastic(t)
			// The test's own database instead of shop.
			rename := strings.NewReplacer("shop", es.prefix, "Shop", strings.ToUpper(es.prefix))
			var all, gone []string
			for _, name := range dropIndices {
				all = append(all, ownIndex(es, rename, name))
			}
			for _, name := range tc.gone {
				gone = append(gone, ownIndex(es, rename, name))
			}
			for _, name := range all {
				es.must(http.MethodPut, "/"+name, `{"settings":{"number_of_replicas":0}}`)
			}
			if name == "database" {
				es.must(http.MethodPost, "/"+es.prefix+".carts/_close", "")
			}
			a := tc.drop
			c := *a.Change
			c.Namespace.Database = rename.Replace(c.Namespace.Database)
			if c.To != nil {
				c.To = &goatee.Namespace{Database: rename.Replace(c.To.Database), Collection: c.To.Collection}
			}
			if a.Index != "" {
				a.Index = ownIndex(es, rename, a.Index)
			}
			a.Change = &c
			require.NoError(t, newBulk(t, es, tc.opts...).Write(t.Context(), []goatee.Action{a}))
			for _, name := range all {
				status, _, err := es.do(t.Context(), http.MethodHead, "/"+name, "")
				require.NoError(t, err)
				require.Equal(t, !contains(gone, name), status == http.StatusOK, name)
			}
		})
	}
}

func ownIndex(es *elastic, rename *strings.Replacer, name string) string {
	if own := rename.Replace(name); own != name {
		return own
	}
	return es.prefix + "-" + name
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

func TestDropOfAnAliasOnElasticsearch(t *testing.T) {
	es := newElastic(t)
	es.must(http.MethodPut, "/"+es.prefix+"-v2", `{"aliases":{"`+es.prefix+`.orders":{}}}`)
	var batch *goatee.BatchError
	b := newBulk(t, es)
	require.ErrorAs(t, b.Write(t.Context(), []goatee.Action{drop(goatee.OpDrop, es.prefix+".orders")}), &batch)
	require.ErrorContains(t, batch.Failed[0], "alias")
	require.NoError(t, b.Write(t.Context(), []goatee.Action{drop(goatee.OpDropDatabase, es.prefix)}))
	es.must(http.MethodHead, "/"+es.prefix+"-v2", "")
}

func TestConnectionFaultsOverTheWire(t *testing.T) {
	es := newElastic(t)
	proxy := &cuttingClient{Client: es}
	b := newBulk(t, proxy, sink.WithBackoff(time.Millisecond, time.Millisecond), sink.WithGzip(true))
	for round := range uint32(20) {
		proxy.cuts = 2
		require.NoError(t, b.Write(t.Context(), []goatee.Action{es.in("", index("a", round, bson.M{"n": round}))}))
		es.has(es.prefix, "a", fmt.Sprintf(`{"n":%d}`, round))
	}
}

// cuttingClient cuts answers in the middle.
type cuttingClient struct {
	sink.Client
	cuts int
}

func (c *cuttingClient) Perform(r *http.Request) (*http.Response, error) {
	res, err := c.Client.Perform(r)
	if err != nil || c.cuts == 0 {
		return res, err
	}
	c.cuts--
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), errReader{}))
	return res, nil
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
