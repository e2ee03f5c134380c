// Package recipes holds small answers to what people ask of a synchronization, one to a file, each a plain Go function to
// copy into a program of one's own. The test beside each runs it between a real MongoDB and a real Elasticsearch.
//
//	upper.go      change documents with the Map function of a Monstache plug-in, as it is
//	softdelete.go delete what MongoDB only marks as deleted
//	filter.go     ignore documents
//	fields.go     follow changes of some fields only
//	pipeline.go   let MongoDB choose, for change streams and for direct reads
//	embed.go      put related documents in the place of references
//	view.go       keep an index in step with a view
//	routing.go    keep what is searched together on one shard
//	score.go      choose the index by the document
//	join.go       questions and answers, parents and children
//	company.go    parents and children in an index of another name
//	deletes.go    delete what is not where it would be by default
package recipes
