// Package electortest is the conformance suite of goatee.Elector. cluster.Lease passes it; run it on yours:
//
//	func TestConformance(t *testing.T) {
//		electortest.Run(t, electortest.Subject{New: func(t *testing.T) (a, b goatee.Elector, lose func()) {
//			lock := newLock(t)
//			return myelector.New(lock), myelector.New(lock), lock.Expire
//		}})
//	}
package electortest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/goatee-sync/goatee"
)

// Subject is what Run tests.
type Subject struct {
	// New returns two electors of two processes that compete for one leadership. It is called for each test and makes an
	// empty place for it. lose takes the leadership away from the one that has it, as if it had run out, so that either
	// can win it again. What New starts must end with the test, by t.Cleanup.
	New func(t *testing.T) (a, b goatee.Elector, lose func())
	// Patience is how long to wait for what must happen. Default: 30 s.
	Patience time.Duration
	// Calm is how long to wait for what must not happen, such as a second leader: a few attempts of a standby.
	// Default: 100 ms.
	Calm time.Duration
}

// Run tests that one elector leads at a time and that its terms end as goatee.Term says.
func Run(t *testing.T, s Subject) {
	if s.Patience == 0 {
		s.Patience = 30 * time.Second
	}
	if s.Calm == 0 {
		s.Calm = 100 * time.Millisecond
	}
	for name, test := range map[string]func(*bundle){
		"one leads at a time":                                testOneLeads,
		"resigning lets the other one lead":                  testTakeOver,
		"fences grow with every leadership":                  testFences,
		"leaders take turns and never overlap":               testNeverTwo,
		"reading ends with the context, writing does not":    testTwoEnds,
		"nobody else leads while a leader drains":            testDraining,
		"losing the leadership ends both":                    testLosing,
		"losing the leadership while draining ends writing":  testLosingWhileDraining,
		"resigning ends both":                                testResigning,
		"resigning twice takes nothing from the next leader": testResigningTwice,
		"resigning after a loss takes nothing either":        testResigningAfterLoss,
		"an elector can campaign again":                      testAgain,
		"a campaign ends with its context":                   testCampaignEnds,
		"a campaign does not begin with an ended context":    testCampaignNotBegun,
	} {
		t.Run(name, func(t *testing.T) {
			b := &bundle{T: t, Subject: s}
			b.a, b.b, b.lose = s.New(t)
			b.end(b.campaign(b.a)) // what the first use starts and keeps is not a leak
			before := goleak.IgnoreCurrent()
			func() {
				defer b.stop()
				test(b)
			}()
			goleak.VerifyNone(t, before)
		})
	}
}

// bundle is what a test works with.
type bundle struct {
	*testing.T
	Subject
	a, b  goatee.Elector
	lose  func()
	stops []func()
}

// errAsked is the cause with which the tests end contexts.
var errAsked = errors.New("asked to stop")

// context returns one that lives as long as the test may take.
func (b *bundle) context() (context.Context, context.CancelCauseFunc) {
	parent, stop := context.WithTimeout(context.Background(), 4*b.Patience)
	ctx, cancel := context.WithCancelCause(parent)
	b.stops = append(b.stops, stop, func() { cancel(nil) })
	return ctx, cancel
}

// stop ends all of them.
func (b *bundle) stop() {
	for _, stop := range b.stops {
		stop()
	}
}

func (b *bundle) campaign(e goatee.Elector) *goatee.Term {
	b.Helper()
	ctx, _ := b.context()
	return b.campaignWith(ctx, e)
}

// campaignWith wins a leadership.
func (b *bundle) campaignWith(ctx context.Context, e goatee.Elector) *goatee.Term {
	b.Helper()
	select {
	case w := <-start(ctx, e):
		require.NoError(b, w.err)
		require.NotNil(b, w.term)
		require.NoError(b, w.term.Writing.Err(), "a term that begins")
		return w.term
	case <-time.After(b.Patience):
		require.FailNow(b, "nobody leads", "after %v", b.Patience)
		return nil
	}
}

// requireNotElected asserts that an elector does not win for a while.
func (b *bundle) requireNotElected(e goatee.Elector) {
	b.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), b.Calm, errAsked)
	defer cancel()
	w := <-start(ctx, e)
	require.Nil(b, w.term, "another one leads")
	require.ErrorIs(b, w.err, errAsked)
}

// requireEnds waits for the end of a context.
func (b *bundle) requireEnds(ctx context.Context, cause error, what string) {
	b.Helper()
	select {
	case <-ctx.Done():
		require.ErrorIs(b, context.Cause(ctx), cause, what)
	case <-time.After(b.Patience):
		require.FailNow(b, what+" does not end", "after %v", b.Patience)
	}
}

// end resigns.
func (b *bundle) end(term *goatee.Term) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), b.Patience)
	defer cancel()
	require.NoError(b, term.Resign(ctx))
}

// result is what a campaign returned.
type result struct {
	term *goatee.Term
	err  error
}

// start campaigns in a goroutine.
func start(ctx context.Context, e goatee.Elector) <-chan result {
	won := make(chan result, 1)
	go func() {
		term, err := e.Campaign(ctx)
		won <- result{term, err}
	}()
	return won
}
