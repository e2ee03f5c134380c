package relate_test

import (
	"context"
	"fmt"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
	"github.com/goatee-sync/goatee/transform/relate"
)

// A change of a state brings the things that have it, each seen through a view, and only those are indexed. In a program
// the source is a change stream and the Finder reads from MongoDB.
func ExampleNewSource() {
	db := goateetest.NewCollections()
	db.Put("thingdb.state", `{"_id": "on", "text": "switched on"}`)
	db.Put("thingdb.thing", `{"_id": 1, "s": "on"}`)
	db.Put("thingdb.thingview", `{"_id": 1, "s": [{"_id": "on", "text": "switched on"}]}`)
	stream := goateetest.NewSource("change-stream:", goateetest.Update("thingdb.state", `{"_id": "on", "text": "switched on"}`, nil))

	source, err := relate.NewSource(stream, db,
		relate.Relation{Namespace: "thingdb.thing", WithNamespace: "thingdb.thingview"},
		relate.Relation{Namespace: "thingdb.state", WithNamespace: "thingdb.thing", MatchField: "s"},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	sink := goateetest.NewSink()
	s, err := goatee.New(
		goatee.WithSource(source),
		goatee.WithTransformer(transform.Index(
			transform.Exact("thingdb.thing", "things"), transform.Exact("thingdb.thingview", "things"))),
		goatee.WithSink(sink),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Run(context.Background()))
	fmt.Println(sink.Indices(), sink.Documents("things"))
	// Output:
	// <nil>
	// [things] map[1:{"s":[{"_id":"on","text":"switched on"}]}]
}
