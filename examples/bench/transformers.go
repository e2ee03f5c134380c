package main

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/transform"
)

// transformer returns the transformer of a job.
func transformer(j *job) (goatee.Transformer, error) {
	switch j.Transform {
	case "metadata":
		return transform.Chain(
			transform.Index(transform.Exact(j.Namespace, "bench-orders")),
			transform.RoutingField("orderNo"),
		), nil
	case "raw":
		return transform.Chain(
			transform.Omit("customer.email", "history"),
			transform.Rename("orderNo", "number"),
			transform.Set("source", "shop"),
		), nil
	case "map":
		return transform.Doc(func(_ context.Context, m bson.M) (bson.M, error) { return editMap(m), nil }), nil
	}
	return nil, fmt.Errorf("no transformer %q", j.Transform)
}

// editMap is what people do to a decoded document.
func editMap(m bson.M) bson.M {
	delete(m, "history")
	m["number"] = m["orderNo"]
	delete(m, "orderNo")
	m["source"] = "shop"
	return m
}
