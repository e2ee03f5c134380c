package faultproxy

import (
	"net"
	"sync"
	"time"
)

// chunk is how much is read at once: small, so that a limited rate is even.
const chunk = 16 << 10

// link is one client's connection together with ours to the server.
type link struct {
	client, server net.Conn
	once           sync.Once
	done           chan struct{} // closed when the link has ended
}

func newLink(client, server net.Conn) *link {
	return &link{client: client, server: server, done: make(chan struct{})}
}

// run forwards in both directions and returns when both have ended.
func (l *link) run(f *faults) {
	var both sync.WaitGroup
	both.Go(func() { l.forward(l.server, l.client, ToServer, f) })
	both.Go(func() { l.forward(l.client, l.server, ToClient, f) })
	both.Wait()
}

// forward copies src to dst. Whatever ends it ends the link: no protocol under test uses half-closed connections.
func (l *link) forward(dst, src net.Conn, direction Direction, f *faults) {
	defer l.end()
	buf := make([]byte, chunk)
	for {
		n, err := src.Read(buf)
		if n > 0 && !l.send(dst, buf[:n], direction, f) {
			return
		}
		if err != nil {
			return
		}
	}
}

// send writes b under the faults in force and reports whether the link goes on.
func (l *link) send(dst net.Conn, b []byte, direction Direction, f *faults) bool {
	now := f.get()
	pause := now.delay
	if now.rate > 0 {
		pause += time.Duration(len(b)) * time.Second / time.Duration(now.rate)
	}
	if !l.wait(pause) || !f.pass(b, direction, l.done) {
		return false
	}
	allowed, cut := f.take(len(b), direction)
	_, err := dst.Write(b[:allowed])
	return err == nil && !cut
}

// wait pauses and reports whether the link still lives.
func (l *link) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.done:
		return false
	}
}

// end closes both connections in good order: what was sent arrives.
func (l *link) end() {
	l.once.Do(func() {
		close(l.done)
		_ = l.client.Close()
		_ = l.server.Close()
	})
}

// reset closes both connections at once: what is under way is lost.
func (l *link) reset() {
	l.once.Do(func() {
		close(l.done)
		reset(l.client)
		reset(l.server)
	})
}

func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
