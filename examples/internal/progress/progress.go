// Package progress shows how far direct reads are.
package progress

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/goatee-sync/goatee"
)

// Reads is how far all direct reads together are.
type Reads struct {
	// Documents are read and applied, as far as one can tell: change streams apply at the same time. Bytes are read.
	// Estimate is how many documents are expected, 0 as long as one read does not know.
	Documents, Estimate, Bytes int64
	// Refused counts those of the documents that Elasticsearch or a transformer refused, Failed the reads that ended with
	// an error.
	Refused int64
	Failed  int
	// Complete says that every read has ended and what it has read is acknowledged.
	Complete bool
	// Elapsed is the time since the work began.
	Elapsed time.Duration
}

// Of sums up the direct reads of st.
func Of(st goatee.Stats, now time.Time) Reads {
	r := Reads{}
	reads, known := 0, true
	done := true
	for _, src := range st.Sources {
		if !src.DirectRead {
			continue
		}
		reads++
		r.Documents += src.Applied
		r.Bytes += src.ReadBytes
		r.Refused += min(src.DeadLetters, src.Applied)
		if src.Error != "" {
			r.Failed++
		}
		r.Estimate += max(src.Estimate, src.Applied)
		known = known && (src.Estimate > 0 || src.Done)
		done = done && src.Done
	}
	if !known {
		r.Estimate = 0
	}
	r.Complete = reads > 0 && done
	if !st.Started.IsZero() {
		r.Elapsed = now.Sub(st.Started)
	}
	return r
}

// Rate is the documents read in a second.
func (r Reads) Rate() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Documents) / r.Elapsed.Seconds()
}

// Remaining is about how long it will still take, 0 if that cannot be told yet.
func (r Reads) Remaining() time.Duration {
	left := r.Estimate - r.Documents
	if left <= 0 || r.Elapsed < time.Second || r.Documents < r.Estimate/100 || r.Rate() == 0 {
		return 0
	}
	return time.Duration(float64(left) / r.Rate() * float64(time.Second)).Round(time.Second)
}

// Bar draws one line for a terminal, whose bar is width cells wide.
func (r Reads) Bar(width int) string {
	if r.Estimate == 0 {
		return fmt.Sprintf("%d documents, %.0f/s", r.Documents, r.Rate())
	}
	full := int(int64(width) * min(r.Documents, r.Estimate) / r.Estimate)
	line := fmt.Sprintf("[%s%s] %3d%%  %d of %d documents, %.0f/s", strings.Repeat("=", full), strings.Repeat(" ", width-full),
		100*min(r.Documents, r.Estimate)/r.Estimate, r.Documents, r.Estimate, r.Rate())
	if left := r.Remaining(); left > 0 {
		line += fmt.Sprintf(", %v left", left)
	}
	return line
}

// pollInterval is how soon the end of the reads is noticed.
const pollInterval = 100 * time.Millisecond

// Watch calls show at each interval until the reads are complete or ctx ends, and returns how far they are then.
func Watch(ctx context.Context, stats func() goatee.Stats, interval time.Duration, show func(Reads)) Reads {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	shown := time.Now()
	for {
		r := Of(stats(), time.Now())
		if r.Complete || ctx.Err() != nil {
			return r
		}
		if time.Since(shown) >= interval {
			shown = time.Now()
			show(r)
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}
