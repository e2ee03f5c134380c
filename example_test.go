package goatee_test

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
)

// A whole pipeline in memory: a source with one change, a transformer, a sink.
func Example() {
	sink := goateetest.NewSink()
	upper := goatee.TransformFunc(func(_ context.Context, _ *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
		fields, err := actions[0].Body().Map()
		if err != nil {
			return nil, err
		}
		fields["checked"] = true
		return actions, nil
	})
	insert := goateetest.Insert("shop.orders", `{"_id": 1, "total": 30}`)
	s, err := goatee.New(
		goatee.WithSource(goateetest.NewSource("orders", insert)),
		goatee.WithTransformer(upper),
		goatee.WithSink(sink),
	)
	if err == nil {
		err = s.Run(context.Background()) // until the source is exhausted
	}
	fmt.Println(sink.Documents("shop.orders")["1"], err)
	// Output: {"checked":true,"total":30} <nil>
}

// What a transformer would have written, without a Syncer.
func ExamplePrepare() {
	archive := goatee.TransformFunc(func(_ context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
		if closed, _ := c.Document.Lookup("closed").BooleanOK(); closed {
			actions[0].Index = "archive"
		}
		return actions, nil
	})
	raw, err := bson.Marshal(bson.D{{Key: "_id", Value: 1}, {Key: "closed", Value: true}})
	if err != nil {
		fmt.Println(err)
		return
	}
	change := &goatee.Change{
		Op: goatee.OpInsert, Namespace: goatee.Namespace{Database: "shop", Collection: "orders"},
		ID: bson.Raw(raw).Lookup("_id"), Document: goatee.NewDocument(raw),
	}
	items, err := goatee.Prepare(context.Background(), archive, []*goatee.Change{change})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range items[0].Actions {
		fmt.Println(a.Kind, a.Index, a.Change.ID)
	}
	// Output: index archive {"$numberInt":"1"}
}

// A service that does not answer is no reason to lose a document: the change is transformed again later.
func ExampleRetry() {
	down := errors.New("the price service does not answer")
	price := goatee.TransformFunc(func(context.Context, *goatee.Change, []goatee.Action) ([]goatee.Action, error) {
		return nil, goatee.Retry(fmt.Errorf("ask for the price: %w", down))
	})
	_, err := price.Transform(context.Background(), nil, nil)
	fmt.Println(err, errors.Is(err, down))
	// Output: ask for the price: the price service does not answer true
}
