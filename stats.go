package goatee

import (
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/bson/primitive"
)

// Stats is a snapshot of a Syncer, ready for JSON. Counters grow from the start of Run, over all leaderships.
type Stats struct {
	// Started is when Run began; zero before.
	Started time.Time `json:"started"`
	// Leading says whether this process works or stands by.
	Leading bool `json:"leading"`
	// Sources in the order they were given.
	Sources []SourceStats `json:"sources"`
	// Applied counts changes that need nothing more: written, skipped, superseded, coalesced or dead-lettered.
	Applied int64 `json:"applied"`
	// Coalesced counts changes that a newer one of the same document in the same batch made needless.
	Coalesced int64 `json:"coalesced"`
	// DeadLetters counts changes and actions that were refused for good.
	DeadLetters int64 `json:"deadLetters"`
	// Waiting counts changes that are kept aside: for a blocked index, or because their transformer asked to be called
	// again later. All others go on.
	Waiting int64 `json:"waiting"`
	// Blocked are the indices that take no writes at present.
	Blocked []BlockedStats `json:"blocked,omitempty"`
	// Ready says that the direct reads that were there at the start are complete and that every stream has caught up.
	Ready bool `json:"ready"`
	// InFlightBytes is the memory of batches that are read and not yet acknowledged, BudgetBytes its limit.
	InFlightBytes int64 `json:"inFlightBytes"`
	BudgetBytes   int64 `json:"budgetBytes"`
	// LastAck is when something was last acknowledged, LastCheckpoint when positions were last stored.
	LastAck        time.Time `json:"lastAck"`
	LastCheckpoint time.Time `json:"lastCheckpoint"`
	// Sink is what the sink counts, nil when it counts nothing.
	Sink *SinkStats `json:"sink,omitempty"`
}

// BlockedStats is about an index that takes no writes at present.
type BlockedStats struct {
	Index string `json:"index"`
	// Since is when that was noticed.
	Since time.Time `json:"since"`
	// Waiting counts the changes that are known to wait for it.
	Waiting int64 `json:"waiting"`
	// Reason is what Elasticsearch said, cut to a few hundred bytes.
	Reason string `json:"reason"`
}

// SourceStats is about one source.
type SourceStats struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Read counts changes read, ReadBytes their bytes, Estimate how many a direct read expects in all, 0 if unknown.
	Read      int64 `json:"read"`
	ReadBytes int64 `json:"readBytes"`
	Estimate  int64 `json:"estimate,omitempty"`
	// Applied counts changes of batches that need nothing more, DeadLetters those of them that were refused for good.
	Applied     int64 `json:"applied"`
	DeadLetters int64 `json:"deadLetters"`
	// Pending counts batches that are not wholly acknowledged.
	Pending int64 `json:"pending"`
	// ReadTime and AppliedTime are the cluster times of what was last read and of the low watermark. Zero when the source
	// is done.
	ReadTime    primitive.Timestamp `json:"readTime"`
	AppliedTime primitive.Timestamp `json:"appliedTime"`
	// CaughtUp says that the source had nothing more to read lately and that everything it brought is applied.
	CaughtUp bool `json:"caughtUp"`
	// LagSeconds is about how far what is applied is behind MongoDB, by MongoDB's clock; 0 when the source has caught up,
	// or when its time is not known.
	LagSeconds float64 `json:"lagSeconds"`
	// Paused says that Pause holds the source.
	Paused bool `json:"paused,omitempty"`
	// Done says that the source is exhausted, or has failed, and everything it brought is acknowledged.
	Done bool `json:"done"`
	// Error is why a direct read has failed; empty if it has not.
	Error string `json:"error,omitempty"`
	// DirectRead says that the source reads documents as they are.
	DirectRead bool `json:"directRead,omitempty"`
}

// SinkStats is what a Sink counts.
type SinkStats struct {
	// Requests counts bulk requests, Retries those sent again in whole or in part, Bytes their bodies before compression.
	Requests int64 `json:"requests"`
	Retries  int64 `json:"retries"`
	Bytes    int64 `json:"bytes"`
	// Indexed, Deleted and Updated count acknowledged actions; Superseded those that a newer version made needless.
	Indexed    int64 `json:"indexed"`
	Deleted    int64 `json:"deleted"`
	Updated    int64 `json:"updated"`
	Superseded int64 `json:"superseded"`
	// Refused counts actions refused for good.
	Refused int64 `json:"refused"`
}

// SinkReporter is a Sink that counts.
type SinkReporter interface {
	SinkStats() SinkStats
}

// totals are the counters that outlast a leadership.
type totals struct {
	mu      sync.Mutex
	sources map[string]*sourceCounts
	counts  counts
}

type counts struct {
	applied, coalesced, deadLetters atomic.Int64
	lastAck                         atomic.Int64 // Unix nanoseconds
}

// of returns the counters of a source.
func (t *totals) of(name string) *sourceCounts {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sources == nil {
		t.sources = map[string]*sourceCounts{}
	}
	if t.sources[name] == nil {
		t.sources[name] = &sourceCounts{}
	}
	return t.sources[name]
}

func (p *pipeline) stats(st *Stats) {
	st.Applied = p.counts.applied.Load()
	st.Coalesced = p.counts.coalesced.Load()
	st.DeadLetters = p.counts.deadLetters.Load()
	st.InFlightBytes = p.budget.Used()
	st.LastAck = unixNano(p.counts.lastAck.Load())
	st.LastCheckpoint = unixNano(p.saver.last.Load())
	p.room.stats(st)
	for _, src := range p.list() {
		st.Sources = append(st.Sources, src.stats(time.Now()))
	}
}

func (s *sourceState) stats(now time.Time) SourceStats {
	st := SourceStats{
		Name: s.name, Kind: s.id.Kind.String(), Read: s.read.Load(), ReadBytes: s.readBytes.Load(), Applied: s.applied.Load(),
		DeadLetters: s.deadLetters.Load(), Pending: int64(s.marks.Pending()), Done: s.done.Load(), DirectRead: s.direct != nil,
		Paused: s.gate.shut.Load(),
	}
	if err := s.failed(); err != nil {
		st.Error = err.Error()
	}
	if e, ok := As[Estimator](s.Source); ok {
		st.Estimate = e.Estimate()
	}
	if st.Done {
		return st
	}
	st.ReadTime, st.AppliedTime = fromTimestamp(s.readTime.Load()), s.low().ClusterTime
	st.CaughtUp = s.atHead.Load() && st.Pending == 0
	if !st.CaughtUp && s.head.Load() != 0 && !st.AppliedTime.IsZero() {
		behind := now.Unix() - s.skew.Load() - int64(st.AppliedTime.T)
		st.LagSeconds = max(0, float64(behind))
	}
	return st
}

func unixNano(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}
