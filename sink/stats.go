package sink

import (
	"sync/atomic"

	"github.com/goatee-sync/goatee"
)

// counters are what SinkStats shows.
type counters struct {
	requests, retries, bytes              atomic.Int64
	indexed, deleted, updated, superseded atomic.Int64
	refused                               atomic.Int64
}

func (c *counters) snapshot() goatee.SinkStats {
	return goatee.SinkStats{
		Requests:   c.requests.Load(),
		Retries:    c.retries.Load(),
		Bytes:      c.bytes.Load(),
		Indexed:    c.indexed.Load(),
		Deleted:    c.deleted.Load(),
		Updated:    c.updated.Load(),
		Superseded: c.superseded.Load(),
		Refused:    c.refused.Load(),
	}
}

// tally counts one write before it is added to the counters at once.
type tally [goatee.ActionDrop + 1]int64

func (c *counters) add(t tally) {
	c.indexed.Add(t[goatee.ActionIndex] + t[goatee.ActionCreate])
	c.updated.Add(t[goatee.ActionUpdate])
	c.deleted.Add(t[goatee.ActionDelete])
}
