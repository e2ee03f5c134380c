package main

import (
	"time"

	"go.mongodb.org/mongo-driver/bson/primitive"
)

// job is what a child process has to do.
type job struct {
	// Pipeline is the key of the pipelines map.
	Pipeline   string `json:"pipeline"`
	MongoURI   string `json:"mongoURI"`
	ElasticURL string `json:"elasticURL"`
	// Namespace holds the documents.
	Namespace string `json:"namespace"`
	// Documents is how many there are to read, or how many changes to follow; 0 follows until it is stopped.
	Documents int `json:"documents"`
	// From is where a change stream begins; zero is now.
	From primitive.Timestamp `json:"from"`
	// Transform is the key of the transformers map; "" is none.
	Transform string `json:"transform,omitempty"`
	// Deletes is how routed documents are deleted: "" as all others, "stateless" or "each".
	Deletes string `json:"deletes,omitempty"`
	// Profile is where to write profiles, without an extension; "" is nowhere.
	Profile string `json:"profile,omitempty"`
}

// message is a line a child process writes: first that it is ready, then what it measured.
type message struct {
	Ready bool `json:"ready,omitempty"`
	// Elapsed is the time the work took, connecting included.
	Elapsed time.Duration `json:"elapsed,omitempty"`
	Mallocs uint64        `json:"mallocs,omitempty"`
	PeakRSS int64         `json:"peakRSS,omitempty"` // bytes
	Error   string        `json:"error,omitempty"`
}
