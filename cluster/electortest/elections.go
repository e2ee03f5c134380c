package electortest

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
)

func testOneLeads(b *bundle) {
	leader := b.campaign(b.a)
	b.requireNotElected(b.b)
	require.NoError(b, leader.Reading.Err())
	require.NoError(b, leader.Writing.Err())
	b.end(leader)
}

func testTakeOver(b *bundle) {
	leader := b.campaign(b.a)
	ctx, _ := b.context()
	won := start(ctx, b.b) // stands by already
	b.end(leader)
	next := <-won
	require.NoError(b, next.err)
	b.end(next.term)
}

func testFences(b *bundle) {
	var last goatee.Fence
	for i := range 6 {
		term := b.campaign([]goatee.Elector{b.a, b.b, b.b, b.a}[i%4])
		require.Greater(b, term.Fence, last)
		last = term.Fence
		if i == 3 {
			b.lose()
			b.requireEnds(term.Writing, goatee.ErrLeadershipLost, "writing")
		}
		b.end(term)
	}
}

func testNeverTwo(b *bundle) {
	const terms = 3
	var leading atomic.Int32
	var mu sync.Mutex
	var fences []goatee.Fence
	var wg sync.WaitGroup
	ctx, _ := b.context()
	for _, e := range []goatee.Elector{b.a, b.b} {
		wg.Go(func() {
			for range terms {
				term, err := e.Campaign(ctx)
				if err != nil {
					b.Error(err)
					return
				}
				if n := leading.Add(1); n != 1 {
					b.Errorf("%d lead", n)
				}
				mu.Lock()
				fences = append(fences, term.Fence)
				mu.Unlock()
				leading.Add(-1)
				if err := term.Resign(ctx); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Len(b, fences, 2*terms)
	for i := 1; i < len(fences); i++ {
		require.Greater(b, fences[i], fences[i-1], "in the order of leadership")
	}
}

func testAgain(b *bundle) {
	first := b.campaign(b.a)
	b.end(first)
	second := b.campaign(b.a)
	b.lose()
	b.requireEnds(second.Writing, goatee.ErrLeadershipLost, "writing")
	b.end(second)
	third := b.campaign(b.a)
	require.NoError(b, third.Reading.Err())
	b.end(third)
}

func testCampaignEnds(b *bundle) {
	leader := b.campaign(b.a)
	ctx, cancel := b.context()
	standby := start(ctx, b.b)
	cancel(errAsked)
	result := <-standby
	require.Nil(b, result.term)
	require.ErrorIs(b, result.err, errAsked)
	b.end(leader)
}

func testCampaignNotBegun(b *bundle) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errAsked)
	term, err := b.a.Campaign(ctx)
	require.Nil(b, term)
	require.ErrorIs(b, err, errAsked)
	b.end(b.campaign(b.b))
}
