package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// nullBuffer is how much of a request the null server holds at once.
	nullBuffer = 256 << 10
	// markField begins the field by which a lone change is recognised, as it stands in a bulk body.
	markField = `"mark":"`
	// markLimit is the largest body that is searched for marks: 3,000 updates of 1 KB a second, gathered for 100 ms,
	// are 300 KB. In the bodies of a backlog, which are larger, there are none.
	markLimit = 1 << 20
	// nullReport is where the null server tells what it has seen since it was asked last.
	nullReport = "/_null"
)

// nullServer acknowledges every bulk request as cheaply as a server can that reads HTTP.
type nullServer struct {
	mu   sync.Mutex
	seen nullSeen
}

// nullSeen is what the null server tells.
type nullSeen struct {
	// Lines counts the lines of bulk bodies, two for a document.
	Lines int64 `json:"lines"`
	// Last is when the last bulk request was answered, in Unix nanoseconds.
	Last int64 `json:"last"`
	// Marks says when the answer to the request with a mark was written, in Unix nanoseconds.
	Marks map[string]int64 `json:"marks"`
}

// runNull serves until its standard input ends, and writes its address to out first.
func runNull(in io.Reader, out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "http://%s\n", listener.Addr()); err != nil {
		return err
	}
	s := &nullServer{}
	go s.serve(listener)
	_, err = io.Copy(io.Discard, in)
	return err
}

func (s *nullServer) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			c := &nullConn{server: s, conn: conn, in: bufio.NewReaderSize(conn, nullBuffer)}
			for c.exchange() == nil {
				// until the client leaves
			}
		}()
	}
}

// report returns what was seen since the last report.
func (s *nullServer) report() []byte {
	s.mu.Lock()
	seen := s.seen
	s.seen = nullSeen{}
	s.mu.Unlock()
	body, _ := json.Marshal(seen) // numbers and strings
	return body
}

func (s *nullServer) note(lines int, marks []string) {
	now := time.Now().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.Lines += int64(lines)
	s.seen.Last = now
	for _, m := range marks {
		if s.seen.Marks == nil {
			s.seen.Marks = map[string]int64{}
		}
		s.seen.Marks[m] = now
	}
}

// nullConn is one connection.
type nullConn struct {
	server *nullServer
	conn   net.Conn
	in     *bufio.Reader
}

// nullRequest is what matters of a request's head.
type nullRequest struct {
	method, path string
	length       int
	chunked      bool
}

const (
	nullBulk = `{"took":0,"errors":false,"items":[]}`
	nullInfo = `{"name":"null","cluster_name":"null","version":{"number":"7.17.28","build_flavor":"default"},` +
		`"tagline":"You Know, for Search"}`
)

// exchange reads one request and answers it.
func (c *nullConn) exchange() error {
	req, err := c.head()
	if err != nil {
		return err
	}
	lines, marks, err := c.body(req)
	if err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(req.path, "/_bulk") || strings.HasSuffix(req.path, "/_bulk"):
		err = c.answer(req, nullBulk)
		c.server.note(lines, marks)
	case req.path == nullReport:
		err = c.answer(req, string(c.server.report()))
	default:
		err = c.answer(req, nullInfo)
	}
	return err
}

func (c *nullConn) head() (req nullRequest, err error) {
	for n := 0; ; n++ {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return req, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case n == 0:
			fields := strings.Fields(string(line))
			if len(fields) < 2 {
				return req, fmt.Errorf("malformed request line %q", line)
			}
			req.method, req.path = fields[0], fields[1]
		case len(line) == 0:
			return req, nil
		default:
			if err := req.header(line); err != nil {
				return req, err
			}
		}
	}
}

func (r *nullRequest) header(line []byte) (err error) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimSpace(value)
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		r.length, err = strconv.Atoi(string(value))
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		r.chunked = bytes.EqualFold(value, []byte("chunked"))
	}
	return err
}

// body reads the body and counts its lines. Small ones are searched for marks.
func (c *nullConn) body(req nullRequest) (lines int, marks []string, err error) {
	if req.chunked {
		all, err := io.ReadAll(httputil.NewChunkedReader(c.in))
		if err != nil {
			return 0, nil, err
		}
		_, err = c.in.Discard(2) // the empty line behind the last chunk
		return bytes.Count(all, newline), findMarks(all), err
	}
	if req.length <= markLimit {
		all := make([]byte, req.length)
		_, err := io.ReadFull(c.in, all)
		return bytes.Count(all, newline), findMarks(all), err
	}
	for left := req.length; left > 0; {
		if _, err := c.in.Peek(1); err != nil { // reads what there is
			return 0, nil, err
		}
		part, _ := c.in.Peek(min(left, c.in.Buffered()))
		lines += bytes.Count(part, newline)
		left -= len(part)
		_, _ = c.in.Discard(len(part))
	}
	return lines, nil, nil
}

var newline = []byte{'\n'}

// findMarks returns the marks in a bulk body.
func findMarks(body []byte) (marks []string) {
	for {
		_, rest, ok := bytes.Cut(body, []byte(markField))
		if !ok {
			return marks
		}
		mark, rest, ok := bytes.Cut(rest, []byte{'"'})
		if !ok {
			return marks
		}
		marks = append(marks, string(mark))
		body = rest
	}
}

func (c *nullConn) answer(req nullRequest, body string) error {
	head := "HTTP/1.1 200 OK\r\nX-Elastic-Product: Elasticsearch\r\nContent-Type: application/json\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\n\r\n"
	if req.method == "HEAD" {
		body = ""
	}
	_, err := io.WriteString(c.conn, head+body)
	return err
}
