package cluster

import (
	"log/slog"
	"time"

	"github.com/goatee-sync/goatee"
)

// report tells log and observer what changes, once per change. It is used by one goroutine at a time: that of the
// campaign, then that of the renewals.
type report struct {
	lease   string
	logger  *slog.Logger
	observe func(goatee.StateInfo) // nil if nobody is to be told
	failing bool
	// leader is the other process that leads, the zero holding as long as there is none.
	leader holding
}

// answered is told of every request to MongoDB, whether it had an answer.
func (r *report) answered(err error) {
	if r.failing == (err != nil) {
		return
	}
	r.failing = err != nil
	if r.failing {
		r.logger.Warn("cannot ask MongoDB for the lease; trying again until it works", "error", err)
	} else {
		r.logger.Info("MongoDB can be asked for the lease again")
	}
	if r.observe != nil {
		r.observe(goatee.StateInfo{Component: "lease " + r.lease, Err: err})
	}
}

func (r *report) standingBy(leader holding) {
	if leader.holder == r.leader.holder && leader.fence == r.leader.fence {
		return
	}
	r.leader = leader
	r.logger.Info("standing by: another process leads", "host", leader.host, "since", leader.since.UTC().Format(time.RFC3339))
}

func (r *report) won(now holding) {
	if r.leader != (holding{}) {
		r.logger.Info("taking over", "from", r.leader.host, "fence", uint64(now.fence))
	}
	r.leader = holding{}
}
