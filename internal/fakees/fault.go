package fakees

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"
)

// Fault is what happens to one request. The zero value lets it pass.
type Fault struct {
	// Delay is how long the server waits before it does anything.
	Delay time.Duration
	// Reset closes the connection without an answer, and without having done anything.
	Reset bool
	// Status answers with this status and Body, and does nothing.
	Status int
	Body   string
	// RetryAfter is sent as the header of that name with Status.
	RetryAfter string
	// Cut does what was asked and closes the connection in the middle of the answer.
	Cut bool
	// Reply does what was asked and answers with this text instead of the outcome.
	Reply string
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(r)
	if err != nil {
		failure(http.StatusBadRequest, "parse_exception", err.Error()).write(w)
		return
	}
	f := s.record(r, body)
	if !f.wait(r) || f.Reset {
		panic(http.ErrAbortHandler)
	}
	if f.Status != 0 {
		f.refuse(w)
		return
	}
	rec := httptest.NewRecorder()
	s.route(r, body).write(rec)
	switch {
	case f.Cut:
		cut(w, rec.Body.Bytes())
	case f.Reply != "":
		w.Header().Set("Content-Type", "text/html")
		send(w, []byte(f.Reply))
	default:
		copyAnswer(w, rec)
	}
}

// wait reports whether the client is still there after the delay.
func (f Fault) wait(r *http.Request) bool {
	if f.Delay == 0 {
		return true
	}
	timer := time.NewTimer(f.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (f Fault) refuse(w http.ResponseWriter) {
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	w.WriteHeader(f.Status)
	send(w, []byte(f.Body))
}

func cut(w http.ResponseWriter, answer []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	w.WriteHeader(http.StatusOK)
	send(w, answer[:len(answer)/2])
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	panic(http.ErrAbortHandler)
}

func copyAnswer(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.WriteHeader(rec.Code)
	send(w, rec.Body.Bytes())
}

// send writes an answer. A client that has gone away is no failure of the server.
func send(w io.Writer, answer []byte) { _, _ = w.Write(answer) }

// Perform answers a request as a client over a connection would see it, without a connection.
func (s *Server) Perform(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	aborted := s.serve(rec, r)
	if r.Body != nil {
		_ = r.Body.Close()
	}
	switch {
	case r.Context().Err() != nil:
		return nil, r.Context().Err()
	case aborted && rec.Body.Len() == 0:
		return nil, errors.New("connection reset by peer")
	}
	res := rec.Result()
	if aborted {
		res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(rec.Body.Bytes()), brokenReader{}))
	}
	return res, nil
}

// serve reports whether the handler closed the connection.
func (s *Server) serve(rec *httptest.ResponseRecorder, r *http.Request) (aborted bool) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			aborted = true
		default:
			panic(v)
		}
	}()
	s.ServeHTTP(rec, r)
	return false
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
