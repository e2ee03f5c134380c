// Package resume keeps positions between runs: in MongoDB, in a file, or in memory.
//
// A position is stored only when everything before it is durable in Elasticsearch, so whatever store is chosen, a kill
// at any instant repeats changes and loses none.
//
// [NewMongo] is the usual choice. Its documents have the shapes Monstache gives them, so a deployment can switch over
// and back. [NewFile] is for a single process with a disk of its own, [NewMemory] for tests and for runs that end with
// the process.
package resume
