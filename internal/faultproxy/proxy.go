package faultproxy

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Direction is one of the two ways through a proxy.
type Direction uint8

// The directions.
const (
	ToServer Direction = iota
	ToClient
)

// Proxy forwards TCP connections to a target, with the faults a test asks for. Its methods may be called concurrently
// and while connections are in use.
type Proxy struct {
	target   string
	listener net.Listener
	faults   faults
	accepted atomic.Int64
	running  sync.WaitGroup

	mu     sync.Mutex
	links  map[*link]struct{}
	closed bool
}

// New starts a proxy to target, a host and port, on a free port of this machine; it ends with the test.
func New(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("faultproxy: %v", err)
	}
	p := &Proxy{target: target, listener: listener, links: map[*link]struct{}{}}
	p.faults.init()
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Addr returns the host and port to connect to.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Accepted returns how many connections have been accepted so far, refused ones included.
func (p *Proxy) Accepted() int64 { return p.accepted.Load() }

// Open returns how many connections are open now.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// Cut resets all connections. New ones are accepted as before.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.reset()
	}
}

// Refuse resets every new connection while on. Open ones are not touched.
func (p *Proxy) Refuse(on bool) { p.faults.change(func(f *settings) { f.refuse = on }) }

// Blackhole holds everything that arrives, in both directions, while on: connections are accepted and stay open, and
// nothing comes back. What was held goes on when it ends.
func (p *Proxy) Blackhole(on bool) { p.faults.change(func(f *settings) { f.blackhole = on }) }

// Hold keeps from its client whatever holds text, and all that follows on that connection, until the next call; nil
// holds nothing. What a server sends in several pieces is seen piece by piece: text should occur more than once.
func (p *Proxy) Hold(text []byte) { p.faults.change(func(f *settings) { f.hold = text }) }

// Held returns how many connections wait for the end of a blackhole or a hold.
func (p *Proxy) Held() int64 { return p.faults.held.Load() }

// Delay makes everything that is forwarded wait for d first, in both directions. 0 ends it.
func (p *Proxy) Delay(d time.Duration) { p.faults.change(func(f *settings) { f.delay = d }) }

// Limit sets how many bytes a second each connection forwards in each direction. 0 ends it.
func (p *Proxy) Limit(bytesPerSecond int) {
	p.faults.change(func(f *settings) { f.rate = bytesPerSecond })
}

// CutAfter closes the connection that forwards the nth next byte in the direction right behind that byte, counted over
// all connections; once. A negative n takes the fault back.
func (p *Proxy) CutAfter(n int64, direction Direction) {
	p.faults.change(func(f *settings) { f.cutAfter[direction] = n })
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.accepted.Add(1)
		if p.faults.get().refuse {
			reset(client)
			continue
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// serve forwards one connection until either side ends it.
func (p *Proxy) serve(client net.Conn) {
	server, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(context.Background(), "tcp", p.target)
	if err != nil {
		reset(client)
		return
	}
	l := newLink(client, server)
	if !p.add(l) {
		l.reset()
		return
	}
	defer p.remove(l)
	l.run(&p.faults)
}

func (p *Proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.links[l] = struct{}{}
	return true
}

func (p *Proxy) remove(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close()
	p.Cut()
	p.running.Wait()
}
