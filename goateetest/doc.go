// Package goateetest helps to test transformers and whole pipelines without a server.
//
// A transformer is a function from a change to bulk actions. Make the change, look at the actions:
//
//	func TestOrdersAreRoutedByCustomer(t *testing.T) {
//		c := goateetest.Insert("shop.orders", `{"_id": 1, "customer": "ada", "total": {"$numberDouble": "9.5"}}`)
//		goateetest.Golden(t, "testdata/order.ndjson", goateetest.Actions(t, transformer, c))
//	}
//
// [Deterministic] checks what goatee relies on: that the transformer gives the same for the same change, called twice
// and called from several goroutines. [NewSource] and [NewSink] run a whole pipeline in memory, [NewElasticsearch] is
// an Elasticsearch for the real sink.
//
// Nothing sleeps and nothing listens on a port, so all of it works within testing/synctest too.
package goateetest
