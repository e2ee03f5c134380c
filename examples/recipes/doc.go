// Package recipes holds solutions of common tasks, one in each file: plain Go functions to copy into your program. The test
// of each runs it between a real MongoDB and a real Elasticsearch.
//
//	upper.go      change documents with the Map function of a Monstache plug-in, as it is
//	softdelete.go delete what MongoDB only marks as deleted
//	filter.go     ignore documents
//	fields.go     follow changes of some fields only
//	pipeline.go   have MongoDB choose the documents, for change streams and for direct reads
//	embed.go      put related documents in the place of references
//	view.go       keep an index in step with a view
//	routing.go    keep documents that are searched together on one shard
//	score.go      choose the index by the document
//	join.go       questions and answers, parents and children
//	company.go    parents and children in an index of another name
//	deletes.go    delete documents that are not where they would be by default
package recipes
