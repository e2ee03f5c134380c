// Package testservers gives tests, benchmarks and the demo real MongoDB and Elasticsearch servers with one call.
//
//	db := testservers.MongoDB(t)       // a replica set
//	es := testservers.Elasticsearch(t) // a single node
//
// Nothing but python3 with pip, a JDK (17 or newer) and Maven is needed: the servers are installed once, by name,
// version and SHA-256, into the user's cache folder. Where those tools are missing the test fails (it is never skipped)
// and names the alternatives.
//
// # Shared and dedicated servers
//
// Without options the servers are shared by every test of one "go test" run, also between packages: the first test that
// asks starts them and they end with the go command. Use [UniqueName], [Mongo.UniqueDB] and [Elastic.DropIndices] so
// that tests do not meet. A test that kills, stops, pauses or configures a server asks for one of its own with
// [Dedicated] or with any option that says so.
//
// GOATEE_MONGODB_URI and GOATEE_ELASTICSEARCH_URL name servers that run already; they then are the shared ones. A
// dedicated server is always started on this machine, whatever the variables say.
//
// # Lifetime
//
// A server never outlives the process it was started for, even if that process is killed: a small shell next to the
// server watches the process, then kills the server and removes its data.
package testservers
