package sink

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Client sends requests to Elasticsearch and adds its address and the credentials. *elasticsearch.Client of
// go-elasticsearch is one.
type Client interface {
	Perform(*http.Request) (*http.Response, error)
}

const (
	// maxReply bounds what is read of an answer: a bulk reply has some hundred bytes for a refused action.
	maxReply = 64 << 20
	// maxRetryAfter bounds how long a server may ask to be left alone.
	maxRetryAfter = 5 * time.Minute

	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
)

var errReplyTooLong = errors.New("the answer is longer than any bulk reply")

// reply is a complete answer.
type reply struct {
	status     int
	retryAfter time.Duration
	body       []byte
	attempts   int // how often the request was sent, where somebody counts
}

// do sends a request and reads the whole answer into buf, so that the connection can be used again.
func do(client Client, req *http.Request, buf []byte) (reply, error) {
	res, err := client.Perform(req)
	if err != nil {
		return reply{body: buf}, cleanError(err)
	}
	defer func() { _ = res.Body.Close() }() // whatever it says, the answer has been read
	buf, err = readAll(buf[:0], io.LimitReader(res.Body, maxReply+1))
	if err == nil && len(buf) > maxReply {
		err = errReplyTooLong
	}
	if err != nil {
		return reply{body: buf}, fmt.Errorf("read the answer: %w", err)
	}
	return reply{status: res.StatusCode, retryAfter: retryAfter(res.Header), body: buf}, nil
}

// call makes a request with a time limit of its own.
func call(ctx context.Context, client Client, timeout time.Duration, q ask) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	u := &url.URL{Path: q.path, RawQuery: q.query.Encode()}
	req, err := http.NewRequestWithContext(ctx, q.method, u.String(), strings.NewReader(q.body))
	if err != nil {
		return reply{}, err
	}
	if q.body != "" {
		req.Header.Set("Content-Type", typeJSON)
	}
	return do(client, req, nil)
}

// cleanError strips the URL, which may hold credentials.
func cleanError(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func readAll(buf []byte, r io.Reader) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if v == "" {
		return 0
	}
	wait := time.Duration(0)
	if seconds, err := strconv.Atoi(v); err == nil {
		wait = time.Duration(min(seconds, int(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(v); err == nil {
		wait = time.Until(at)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// payload is a request body whose bytes are used again for the next one. An HTTP transport may still read them when it
// has returned, so it counts its readers.
type payload struct {
	open atomic.Int32
}

// idle reports whether the bytes are no longer being read.
func (p *payload) idle() bool { return p.open.Load() == 0 }

// request makes a bulk request of data.
func (p *payload) request(ctx context.Context, u *url.URL, data []byte, compressed bool) *http.Request {
	target := *u
	req := &http.Request{
		Method: http.MethodPost, URL: &target, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {typeNDJSON}, "Accept": {typeJSON}},
		Body:          p.reader(data),
		GetBody:       func() (io.ReadCloser, error) { return p.reader(data), nil },
		ContentLength: int64(len(data)),
	}
	if compressed {
		req.Header.Set("Content-Encoding", "gzip")
	}
	return req.WithContext(ctx)
}

func (p *payload) reader(data []byte) io.ReadCloser {
	p.open.Add(1)
	return &payloadReader{data: *bytes.NewReader(data), payload: p}
}

type payloadReader struct {
	data    bytes.Reader
	payload *payload
	done    atomic.Bool
}

// Read takes the end of the data for the end of reading, because some transports never close a body.
func (r *payloadReader) Read(b []byte) (int, error) {
	n, err := r.data.Read(b)
	if err != nil || r.data.Len() == 0 { // the last bytes are copied: a transport need not ask for the end
		r.finish()
	}
	return n, err
}

func (r *payloadReader) Close() error {
	r.finish()
	return nil
}

func (r *payloadReader) finish() {
	if !r.done.Swap(true) {
		r.payload.open.Add(-1)
	}
}

// deflate compresses data into buf.
func deflate(zw *gzip.Writer, buf *bytes.Buffer, data []byte) ([]byte, error) {
	buf.Reset()
	zw.Reset(buf)
	if _, err := zw.Write(data); err != nil {
		return nil, err
	}
	err := zw.Close()
	return buf.Bytes(), err
}
