// Package gridfs adds the content of files stored in GridFS to their documents, so that Elasticsearch's attachment
// processor can make them searchable. [NewSource] goes around another source that brings `<bucket>.files`.
//
// The processor runs when a transformer sets Action.Pipeline to the name of an ingest pipeline with it, such as
// [PipelineName] with [PipelineBody], which sink.PutIngestPipeline puts there. The text is then in attachment.content.
package gridfs

// PipelineName is the ingest pipeline that Monstache sends files through.
const PipelineName = "attachment"

// PipelineBody defines an ingest pipeline that extracts the text of a file. It needs Elasticsearch's plug-in
// ingest-attachment; Elasticsearch 8 has it built in.
const PipelineBody = `{"description":"Extract file information","processors":[{"attachment":{"field":"file"}}]}`
