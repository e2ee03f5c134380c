// Package resumetest is the conformance suite of goatee.PositionStore. goatee's own stores pass it; run it on yours:
//
//	func TestConformance(t *testing.T) {
//		resumetest.Run(t, func(t *testing.T) func() goatee.PositionStore {
//			path := filepath.Join(t.TempDir(), "positions")
//			return func() goatee.PositionStore { return mystore.Open(path) }
//		})
//	}
package resumetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

// Run tests a store with change streams, an oplog, direct reads and sources of other kinds. A store may give
// a stream of which it has no position one that no other stream has passed, as resume.Mongo does; nothing stored is
// nothing for all.
//
// prepare is called for each test and makes an empty place of its own for it; what it returns opens
// a store on that place, any number of times, as a process does that is started again. A store in memory is opened by
// returning the same one.
func Run(t *testing.T, prepare func(t *testing.T) (open func() goatee.PositionStore)) {
	for name, test := range map[string]func(*testing.T, func() goatee.PositionStore){
		"nothing stored is the zero position":              testNothingStored,
		"every kind of position survives reopening":        testKinds,
		"tokens come back byte by byte":                    testTokenBytes,
		"sources are kept apart":                           testSourcesApart,
		"a save replaces the whole position of a source":   testReplace,
		"a save leaves the other sources alone":            testOthersUntouched,
		"a zero position takes the stored one away":        testZero,
		"a complete read can be begun again":               testReadAgain,
		"a stale fencing token changes nothing":            testStaleFence,
		"a new fencing token takes over":                   testTakeOver,
		"without fencing token nothing is compared":        testNoFence,
		"a save without positions announces a new fence":   testEmptySave,
		"positions can be many":                            testMany,
		"the store keeps no memory of the caller's tokens": testTokenCopied,
		"a save with an ended context stores nothing new":  testEndedContext,
	} {
		t.Run(name, func(t *testing.T) { test(t, prepare(t)) })
	}
}

var (
	orders     = stream("shop.orders")
	customers  = stream("shop.customers")
	shop       = goatee.SourceID{Name: "change-stream:shop", Kind: goatee.KindChangeStream, Namespace: goatee.Namespace{Database: "shop"}}
	deployment = goatee.SourceID{Name: "change-stream:", Kind: goatee.KindChangeStream}
	oplog      = goatee.SourceID{Name: "oplog", Kind: goatee.KindOplog}
	readOrders = read("shop.orders")
	readViews  = read("shop.views")
	custom     = other("shop.orders")
)

func stream(ns string) goatee.SourceID {
	return goatee.SourceID{Name: "change-stream:" + ns, Kind: goatee.KindChangeStream, Namespace: namespace(ns)}
}

func read(ns string) goatee.SourceID {
	return goatee.SourceID{Name: "direct-read:" + ns, Kind: goatee.KindDirectRead, Namespace: namespace(ns)}
}

func other(name string) goatee.SourceID { return goatee.SourceID{Name: name} }

func namespace(s string) goatee.Namespace {
	db, coll, _ := strings.Cut(s, ".")
	return goatee.Namespace{Database: db, Collection: coll}
}

func position(t *testing.T, n uint32) goatee.Position {
	return goatee.Position{
		Token:       token(t, bson.D{{Key: "_data", Value: fmt.Sprintf("82%08X000000012B0229296E04", n)}}),
		ClusterTime: primitive.Timestamp{T: n, I: 1},
	}
}

func token(t *testing.T, v any) bson.Raw {
	raw, err := bson.Marshal(v)
	require.NoError(t, err)
	return raw
}

func save(t *testing.T, s goatee.PositionStore, fence goatee.Fence, source goatee.SourceID, p goatee.Position) {
	t.Helper()
	require.NoError(t, s.Save(context.Background(), fence, []goatee.SourcePosition{{SourceID: source, Position: p}}))
}

func requirePosition(t *testing.T, s goatee.PositionStore, source goatee.SourceID, want goatee.Position) {
	t.Helper()
	got, err := s.Load(context.Background(), source)
	require.NoError(t, err)
	require.Equal(t, want, got, "position of %q", source.Name)
}
