// Package e2e holds the end-to-end tests: the daemon of examples/cmd, built once and driven by TOML files as users do,
// between a real MongoDB and a real Elasticsearch, under load, with kills and faults. It has no code of its own.
//
// A test lets a seeded random writer change documents, does its harm, and then demands that every document in MongoDB
// equals the one in Elasticsearch and that nothing else is there:
//
//	go test ./e2e -seed 7          # the same random decisions again
//	go test ./e2e -kills 500       # a longer crash test
//	go test ./e2e -documents 1e6   # a longer test of refused documents
//	go test -race ./e2e            # the daemon is built with the race detector too
package e2e
