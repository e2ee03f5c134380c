package sink_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/sink"
)

// earlyClient answers before it has read the request, as a server may; the transport reads on meanwhile.
type earlyClient struct {
	replies []earlyReply
	bodies  []io.Reader
	gave    func()
}

func (c *earlyClient) Perform(r *http.Request) (*http.Response, error) {
	c.bodies = append(c.bodies, r.Body)
	reply := earlyReply{200, `{"errors":false,"items":[]}`}
	if len(c.replies) > 0 {
		reply, c.replies = c.replies[0], c.replies[1:]
	}
	if reply.status == 0 {
		c.gave()
		return nil, context.Canceled
	}
	return &http.Response{
		StatusCode: reply.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(reply.body)),
	}, nil
}

type earlyReply struct {
	status int // 0 for none: the context ends
	body   string
}

// read returns what the transport reads of request n in the end.
func (c *earlyClient) read(t *testing.T, n int, zipped bool) string {
	t.Helper()
	raw, err := io.ReadAll(c.bodies[n])
	require.NoError(t, err)
	if !zipped {
		return string(raw)
	}
	zr, err := gzip.NewReader(bytes.NewReader(raw))
	require.NoError(t, err)
	plain, err := io.ReadAll(zr)
	require.NoError(t, err)
	return string(plain)
}

func TestBuffersStayAsTheyAreWhileTheyAreRead(t *testing.T) {
	done := earlyReply{200, `{"errors":false,"items":[]}`}
	partly := earlyReply{200, `{"errors":true,"items":[{"index":{"status":201}},{"index":{"status":429}}]}`}
	large := earlyReply{status: 413}
	for _, zipped := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		client := &earlyClient{replies: []earlyReply{partly, done, large, done, done, {}}, gave: cancel}
		b := newBulk(t, client, sink.WithGzip(zipped), sink.WithBackoff(1, 1), sink.WithMaxActions(2))
		write := func(ctx context.Context, letters ...string) error {
			var actions []goatee.Action
			for _, l := range letters {
				actions = append(actions, index(l+"1", 1, bson.M{"x": l}), index(l+"2", 1, bson.M{"x": l}))
			}
			return b.Write(ctx, actions)
		}
		require.NoError(t, write(ctx, "a"))
		require.NoError(t, write(ctx, "b"))
		require.ErrorIs(t, write(ctx, "c"), context.Canceled)
		client.replies = nil
		require.NoError(t, write(t.Context(), "d", "e"))

		require.Len(t, client.bodies, 8)
		for n, want := range []string{"a1 a2", "a2", "b1 b2", "b1", "b2", "c1 c2", "d1 d2", "e1 e2"} {
			body := client.read(t, n, zipped)
			require.Equal(t, len(strings.Fields(want)), strings.Count(body, "_index"), "request %d: %s", n, body)
			for _, id := range strings.Fields(want) {
				require.Contains(t, body, `"_id":"`+id+`"`, "request %d", n)
			}
		}
	}
}
