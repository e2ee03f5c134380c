package faultproxy_test

import (
	"bytes"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee/internal/faultproxy"
)

// echo starts a server that sends everything back, and returns its address.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			})
		}
	})
	t.Cleanup(func() { listener.Close(); running.Wait() })
	return listener.Addr().String()
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	return conn
}

func roundTrip(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	_, err := conn.Write([]byte(text))
	require.NoError(t, err)
	got := make([]byte, len(text))
	_, err = io.ReadFull(conn, got)
	require.NoError(t, err)
	require.Equal(t, text, string(got))
}

// requireReset connects and wants the connection reset, which may show as early as that.
func requireReset(t *testing.T, address string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err == nil {
		defer conn.Close()
		require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
		_, err = conn.Read(make([]byte, 1))
	}
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestProxyForwards(t *testing.T) {
	p := faultproxy.New(t, echo(t))
	a, b := dial(t, p.Addr()), dial(t, p.Addr())
	roundTrip(t, a, "one")
	roundTrip(t, b, "two")
	require.EqualValues(t, 2, p.Accepted())
	require.Equal(t, 2, p.Open())
	a.Close()
	require.Eventually(t, func() bool { return p.Open() == 1 }, 10*time.Second, time.Millisecond)
}

func TestCutResetsOpenConnectionsOnly(t *testing.T) {
	p := faultproxy.New(t, echo(t))
	conn := dial(t, p.Addr())
	roundTrip(t, conn, "before")
	p.Cut()
	_, err := conn.Read(make([]byte, 1))
	require.Error(t, err)
	roundTrip(t, dial(t, p.Addr()), "after")
}

func TestRefuseResetsNewConnectionsOnly(t *testing.T) {
	p := faultproxy.New(t, echo(t))
	open := dial(t, p.Addr())
	roundTrip(t, open, "before")
	p.Refuse(true)
	requireReset(t, p.Addr())
	roundTrip(t, open, "meanwhile")
	p.Refuse(false)
	roundTrip(t, dial(t, p.Addr()), "after")
}

func TestAnUnreachableServerResetsTheClient(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	listener.Close()
	p := faultproxy.New(t, listener.Addr().String())
	requireReset(t, p.Addr())
}

func TestBlackholeHoldsWhatArrives(t *testing.T) {
	p := faultproxy.New(t, echo(t))
	conn := dial(t, p.Addr())
	roundTrip(t, conn, "before")
	p.Blackhole(true)
	_, err := conn.Write([]byte("held"))
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = conn.Read(make([]byte, 1))
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout(), "%v", err)

	p.Blackhole(false)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(30*time.Second)))
	got := make([]byte, len("held"))
	_, err = io.ReadFull(conn, got)
	require.NoError(t, err)
	require.Equal(t, "held", string(got))
}

func TestHoldKeepsATextFromItsClientOnly(t *testing.T) {
	p := faultproxy.New(t, echo(t))
	held, other := dial(t, p.Addr()), dial(t, p.Addr())
	roundTrip(t, held, "before")
	roundTrip(t, other, "before")
	p.Hold([]byte("secret"))
	_, err := held.Write([]byte("the secret text"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return p.Held() == 1 }, 10*time.Second, time.Millisecond)
	roundTrip(t, other, "harmless")

	p.Hold(nil)
	got := make([]byte, len("the secret text"))
	_, err = io.ReadFull(held, got)
	require.NoError(t, err)
	require.Equal(t, "the secret text", string(got))
	require.Eventually(t, func() bool { return p.Held() == 0 }, 10*time.Second, time.Millisecond)
}

func TestABlackholeDoesNotKeepTheProxyFromEnding(t *testing.T) {
	server := echo(t)
	t.Run("", func(t *testing.T) {
		p := faultproxy.New(t, server)
		conn := dial(t, p.Addr())
		roundTrip(t, conn, "before")
		p.Blackhole(true)
		_, err := conn.Write([]byte("held"))
		require.NoError(t, err)
	})
}

func TestDelayAndLimitSlowDown(t *testing.T) {
	p := faultproxy.New(t, echo(t))
	conn := dial(t, p.Addr())
	for name, fault := range map[string]func(){
		"delay": func() { p.Delay(20 * time.Millisecond) },
		"limit": func() { p.Limit(200) },
	} {
		t.Run(name, func(t *testing.T) {
			fault()
			began := time.Now()
			roundTrip(t, conn, "slow")
			require.GreaterOrEqual(t, time.Since(began), 40*time.Millisecond)
			p.Delay(0)
			p.Limit(0)
		})
	}
}

func TestCutAfterBreaksOffBehindTheByte(t *testing.T) {
	for name, direction := range map[string]faultproxy.Direction{
		"request": faultproxy.ToServer, "response": faultproxy.ToClient,
	} {
		t.Run(name, func(t *testing.T) {
			p := faultproxy.New(t, echo(t))
			conn := dial(t, p.Addr())
			roundTrip(t, conn, "before")
			p.CutAfter(5, direction)
			_, err := conn.Write(bytes.Repeat([]byte("x"), 64<<10))
			if err == nil && direction == faultproxy.ToClient {
				got, _ := io.ReadAll(conn)
				require.LessOrEqual(t, len(got), 5)
			} else if err == nil {
				_, _ = io.ReadAll(conn)
			}
			require.Eventually(t, func() bool { return p.Open() == 0 }, 10*time.Second, time.Millisecond)
			roundTrip(t, dial(t, p.Addr()), "after: the fault happens once")
		})
	}
}

func TestCutAfterCanBeTakenBack(t *testing.T) {
	p := faultproxy.New(t, echo(t))
	p.CutAfter(0, faultproxy.ToClient)
	p.CutAfter(-1, faultproxy.ToClient)
	roundTrip(t, dial(t, p.Addr()), "whole")
}
