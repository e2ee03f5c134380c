// Package relate makes changes of one collection re-index documents of others: those that refer to the changed document,
// or that a view makes of it. NewSource puts relations in front of a change stream.
//
// # Views
//
// With a relation by _id to a view, a document that the view no longer shows is deleted from Elasticsearch. That needs a
// view whose documents have the _ids of the documents they are made of. A view that makes several documents of one
// ($unwind), or one of several ($group), or that sets another _id, cannot be followed that way: when a document shrinks
// or is deleted, the documents that the view made of it before are no longer known, and stay in Elasticsearch; so does the
// whole index when the collection is dropped. Check logs one warning for such a view, if the user of the Finder may read
// the collection system.views of its database, where MongoDB keeps definitions. Make such documents with a transformer
// instead, or rebuild the index from time to time.
package relate
