// Package sink writes to Elasticsearch.
//
// [Bulk] is the sink: it builds bulk request bodies from raw BSON in one pass, retries what may pass, takes a conflict
// with a newer version for success, and isolates what is refused for good. Around it go the delete strategies
// [Stateless] and [Stateful], and [TimeMachine], which records every change, each a goatee.Sink that hands on to another.
package sink
