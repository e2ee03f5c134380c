package goatee

import (
	"time"

	"go.mongodb.org/mongo-driver/bson/primitive"
)

// Stats is a snapshot of a Syncer, ready for JSON. Counters grow from the start of Run.
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
	// InFlightBytes is the memory of batches that are read and not yet acknowledged, BudgetBytes its limit.
	InFlightBytes int64 `json:"inFlightBytes"`
	BudgetBytes   int64 `json:"budgetBytes"`
	// LastAck is when something was last acknowledged, LastCheckpoint when positions were last stored.
	LastAck        time.Time `json:"lastAck"`
	LastCheckpoint time.Time `json:"lastCheckpoint"`
	// Sink is what the sink counts, nil when it counts nothing.
	Sink *SinkStats `json:"sink,omitempty"`
}

// SourceStats is about one source.
type SourceStats struct {
	Name string `json:"name"`
	// Read counts changes read, ReadBytes their bytes, Estimate how many a direct read expects in all, 0 if unknown.
	Read      int64 `json:"read"`
	ReadBytes int64 `json:"readBytes"`
	Estimate  int64 `json:"estimate,omitempty"`
	// Applied counts changes before the low watermark.
	Applied int64 `json:"applied"`
	// Pending counts batches that are not wholly acknowledged.
	Pending int64 `json:"pending"`
	// ReadTime and AppliedTime are the cluster times of what was last read and of the low watermark.
	ReadTime    primitive.Timestamp `json:"readTime"`
	AppliedTime primitive.Timestamp `json:"appliedTime"`
	// Done says that the source is exhausted and everything it brought is acknowledged.
	Done bool `json:"done"`
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
