// Package gridfs adds the content of files stored in GridFS to their documents, so that Elasticsearch's attachment
// processor can make them searchable. [NewSource] goes around another source that brings `<bucket>.files`.
//
// The processor runs when a transformer sets Action.Pipeline to the name of an ingest pipeline such as
//
//	PUT _ingest/pipeline/attachment {"processors": [{"attachment": {"field": "file"}}]}
package gridfs
