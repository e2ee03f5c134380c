// Command bench measures goatee between a real mongod and a null Elasticsearch, beside what bounds it and beside what
// people write by hand.
//
//	make bench                                  # from the repository's root: everything, medians of 5 runs
//	make bench ARGS='-quick'                    # small sizes, one run: does it work?
//	make bench ARGS='-rows medium -cpuprofile /tmp/profiles'
//
// # What is measured
//
// Every pipeline of every run is a process of its own, started for it, so that nothing is shared and nothing is warm:
//
//   - docs/s is the number of documents divided by the time from before the process connects to MongoDB until the last
//     document is acknowledged;
//   - CPU µs/doc is user and system time of the whole process, start included, as the kernel reports it at its exit;
//   - RSS is the kernel's high-water mark (VmHWM);
//   - allocs/doc is the difference of runtime.MemStats.Mallocs.
//
// mongod, the null Elasticsearch, the program that drives the runs and the measured process share the cores of the
// machine, so docs/s is a figure of the whole machine; CPU per document is that of the measured process alone. The
// column "others" says how much of the machine was busy with none of them: above some percent, repeat the row. A real
// Elasticsearch counts among the others.
//
// The pipelines of a row take turns, run by run, so that a disturbance hits all of them alike. The table shows medians.
//
// # The pipelines
//
//   - goatee is the library, wired as examples/cmd wires it when nothing is configured.
//   - ceiling is the least that can be done: one cursor whose next getMore is always under way, the transcoder, bulk
//     bodies with action lines and versions, thrown away. As many goroutines transcode as there are cores.
//   - raw (updates only) reads the change stream in the same way and throws the events away.
//   - hand is what people write: the driver's cursor or change stream, bson.M, encoding/json, esutil.BulkIndexer with
//     their default settings.
//
// The null Elasticsearch counts lines and answers {"took":0,"errors":false}, whatever it is sent. The hand-written
// pipeline, which would read every item of a real answer, gains from that; goatee asks for short answers anyway.
//
// Latency is the time from the answer to a write with write concern majority, before which no change stream may bring
// the change, to the answer of the null Elasticsearch to the bulk request with it, at 20 writes a second.
package main
