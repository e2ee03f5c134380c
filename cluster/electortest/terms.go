package electortest

import (
	"context"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
)

func testTwoEnds(b *bundle) {
	ctx, cancel := b.context()
	term := b.campaignWith(ctx, b.a)
	require.NoError(b, term.Reading.Err())
	cancel(errAsked)
	b.requireEnds(term.Reading, errAsked, "reading")
	require.NoError(b, term.Writing.Err(), "what has been read is still written")
	b.end(term)
}

func testDraining(b *bundle) {
	ctx, cancel := b.context()
	term := b.campaignWith(ctx, b.a)
	cancel(errAsked)
	b.requireNotElected(b.b)
	require.NoError(b, term.Writing.Err())
	b.end(term)
	b.end(b.campaign(b.b))
}

func testLosing(b *bundle) {
	term := b.campaign(b.a)
	b.lose()
	b.requireEnds(term.Reading, goatee.ErrLeadershipLost, "reading")
	b.requireEnds(term.Writing, goatee.ErrLeadershipLost, "writing")
	next := b.campaign(b.b)
	require.Greater(b, next.Fence, term.Fence)
	b.end(next)
	b.end(term)
}

func testLosingWhileDraining(b *bundle) {
	ctx, cancel := b.context()
	term := b.campaignWith(ctx, b.a)
	cancel(errAsked)
	b.requireEnds(term.Reading, errAsked, "reading")
	b.lose()
	b.requireEnds(term.Writing, goatee.ErrLeadershipLost, "writing")
	require.ErrorIs(b, context.Cause(term.Reading), errAsked, "the first cause stays")
	b.end(term)
}

func testResigning(b *bundle) {
	term := b.campaign(b.a)
	b.end(term)
	require.Error(b, term.Reading.Err(), "nothing is read after resigning")
	require.Error(b, term.Writing.Err(), "nothing is written after resigning")
	require.NotErrorIs(b, context.Cause(term.Reading), goatee.ErrLeadershipLost, "it was given up, not lost")
	require.NotErrorIs(b, context.Cause(term.Writing), goatee.ErrLeadershipLost, "it was given up, not lost")
}

func testResigningTwice(b *bundle) {
	first := b.campaign(b.a)
	b.end(first)
	b.end(first)
	second := b.campaign(b.b)
	b.end(first)
	b.requireNotElected(b.a)
	require.NoError(b, second.Writing.Err())
	b.end(second)
}

func testResigningAfterLoss(b *bundle) {
	first := b.campaign(b.a)
	b.lose()
	b.requireEnds(first.Writing, goatee.ErrLeadershipLost, "writing")
	second := b.campaign(b.b)
	b.end(first)
	b.end(first)
	require.ErrorIs(b, context.Cause(first.Writing), goatee.ErrLeadershipLost, "the first cause stays")
	b.requireNotElected(b.a)
	require.NoError(b, second.Reading.Err())
	require.NoError(b, second.Writing.Err())
	b.end(second)
}
