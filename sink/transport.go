package sink

import (
	"errors"
	"io"
	"net/http"
)

// Transport makes a transport for a go-elasticsearch client of what it is to send requests by, nil for
// http.DefaultTransport. Two things are better with it: the client works with OpenSearch and with Elasticsearch before
// 7.14, which its own product check does not recognise (Check still finds out what the server is), and a connection
// that the server closes is reported as that.
func Transport(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return transport{next}
}

type transport struct{ next http.RoundTripper }

// errClosed stands for io.EOF, on which the client sends the request again by itself, with the body it has used up, and
// then reports that.
var errClosed = errors.New("the server closed the connection without an answer")

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.next.RoundTrip(r)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = errClosed
		}
		return nil, err
	}
	if res.Header.Get("X-Elastic-Product") == "" {
		res.Header.Set("X-Elastic-Product", "Elasticsearch")
	}
	return res, nil
}
