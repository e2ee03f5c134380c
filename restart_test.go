package goatee_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
)

// Two direct reads of one collection: what is remembered for both is forgotten when both have begun again, and they do
// not begin again with every further delete.
func TestTwoDirectReadsOfACollectionBeginAgainOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, src := newElastic(), newFeed("s")
		opts := []goatee.Option{goatee.WithSource(src), goatee.WithSink(es), goatee.WithInFlightBytes(10_000)}
		var reads []*restarting
		for i := range 2 {
			read := &restarting{name: fmt.Sprint("r", i), begun: make(chan int, 1000), emits: make(chan *goatee.Batch)}
			reads = append(reads, read)
			opts = append(opts, goatee.WithSource(read))
		}
		r := start(t, opts...)
		for i := range 200 { // half of the budget holds 104
			src.push(change(goatee.OpDelete, uint32(100+i), i, 0))
			synctest.Wait()
		}
		rest(time.Minute)
		for _, read := range reads {
			require.Equal(t, 2, read.runs, "%s has begun again once", read.name)
		}
		require.LessOrEqual(t, r.Stats().InFlightBytes, int64(5_000))
		require.NoError(t, r.end())
	})
}

// The collection with the most deletes is read again, not the one in which the last delete happens to be.
func TestTheDirectReadWithTheMostDeletesBeginsAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, src := newElastic(), newFeed("s")
		many := &restarting{name: "many", begun: make(chan int, 1000), emits: make(chan *goatee.Batch)}
		few := &restarting{name: "few", of: "shop.logs", begun: make(chan int, 1000), emits: make(chan *goatee.Batch)}
		es.block("blocked")
		r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithSource(many), goatee.WithSource(few),
			goatee.WithInFlightBytes(10_000), goatee.WithTransformer(routed(func(c *goatee.Change) []string {
				if c.ID.Int32() == 999 {
					return []string{"blocked"}
				}
				return nil
			})))
		many.emits <- &goatee.Batch{Changes: []goatee.Change{change(goatee.OpRead, 10, 999, 1)}} // what it brings waits
		for i := range 103 {
			src.push(change(goatee.OpDelete, uint32(100+i), i, 0))
			synctest.Wait()
		}
		for i := range 50 {
			src.push(in("shop.logs", change(goatee.OpDelete, uint32(300+i), i, 0)))
			synctest.Wait()
		}
		rest(time.Minute)
		require.Equal(t, 1, few.runs)
		require.Equal(t, 1, many.runs, "it begins again when what it brought is written")
		es.unblock("blocked")
		rest(time.Minute)
		require.Equal(t, 1, few.runs)
		require.Equal(t, 2, many.runs)
		require.Equal(t, int64(50*48), r.Stats().InFlightBytes)
		require.NoError(t, r.end())
	})
}
