package plugin_test

import (
	"context"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform/plugin"
)

// show prints the bulk actions that a transformer makes of changes, without versions.
func show(tr goatee.Transformer, changes ...*goatee.Change) {
	text, err := goateetest.NDJSON(tr, changes...)
	if err != nil {
		fmt.Println("error:", err)
	}
	fmt.Print(strings.ReplaceAll(text, `,"version":7301444403200000001,"version_type":"external_gte"`, ""))
}

// The Map function of a Monstache plug-in, unchanged but for the package name.
func ExampleMap() {
	tr := plugin.Map(func(input *plugin.MapInput) (output *plugin.MapOutput, err error) {
		doc := input.Document
		for k, v := range doc {
			switch v := v.(type) {
			case string:
				doc[k] = strings.ToUpper(v)
			}
		}
		output = &plugin.MapOutput{Document: doc}
		return
	})
	show(tr, goateetest.Insert("test.test", `{"_id": 1, "name": "ada"}`))
	// Output:
	// {"index":{"_index":"test.test","_id":"1"}}
	// {"name":"ADA"}
}

// The Filter function of a Monstache plug-in.
func ExampleFilter() {
	tr := plugin.Filter(func(input *plugin.MapInput) (keep bool, err error) {
		return input.Document["interesting"] == true, nil
	})
	show(tr, goateetest.Insert("db.collection", `{"_id": 2}`), goateetest.Insert("db.collection", `{"_id": 3, "interesting": true}`))
	// Output:
	// {"index":{"_index":"db.collection","_id":"3"}}
	// {"interesting":true}
}

// An action in another index for each order, acknowledged together with the order itself.
func ExampleProcess() {
	tr := plugin.Process(func(_ context.Context, in *plugin.ProcessInput) error {
		d, err := goatee.DocumentOf(bson.M{"order": in.Document["_id"], "what": in.Operation})
		if err != nil {
			return err
		}
		in.Add(goatee.Action{Index: "audit", ID: fmt.Sprint(in.Document["_id"], "-", in.Timestamp.T, "-", in.Timestamp.I), Document: d})
		return nil
	})
	show(tr, goateetest.Insert("shop.orders", `{"_id": 1, "total": 3}`), goateetest.Delete("shop.orders", 1))
	// Output:
	// {"index":{"_index":"shop.orders","_id":"1"}}
	// {"total":3}
	// {"index":{"_index":"audit","_id":"1-1700000000-1"}}
	// {"order":1,"what":"i"}
	// {"delete":{"_index":"shop.orders","_id":"1"}}
	// {"index":{"_index":"audit","_id":"1-1700000000-1"}}
	// {"order":1,"what":"d"}
}
