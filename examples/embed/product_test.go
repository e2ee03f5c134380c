package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
)

// transformed returns the action that the transformer makes of an insert of doc.
func transformed(t *testing.T, doc bson.M) goatee.Action {
	t.Helper()
	raw, err := bson.Marshal(doc)
	require.NoError(t, err)
	c := &goatee.Change{
		Op: goatee.OpInsert, Namespace: goatee.Namespace{Database: "shop", Collection: "products"},
		ID: bson.Raw(raw).Lookup("_id"), Document: goatee.NewDocument(raw),
	}
	actions, err := searchable().Transform(context.Background(), c, []goatee.Action{{Change: c}})
	require.NoError(t, err)
	require.Len(t, actions, 1)
	return actions[0]
}

func TestWhatCustomersSearchForIsInOneField(t *testing.T) {
	a := transformed(t, bson.M{"_id": 1, "name": "Amber Lantern", "tags": bson.A{"light", "garden"}, "stock": 7})
	doc, err := a.Body().Map()
	require.NoError(t, err)
	require.Equal(t, "Amber Lantern light garden", doc[searchField])
	require.EqualValues(t, 7, doc["stock"])
}

func TestWhatTheShopPaysIsNotIndexed(t *testing.T) {
	a := transformed(t, bson.M{
		"_id": 1, "name": "x", "purchasePrice": 5, "supplier": bson.M{"name": "Acme", "conditions": "secret"},
	})
	doc, err := a.Body().Map()
	require.NoError(t, err)
	require.NotContains(t, doc, "purchasePrice")
	require.Equal(t, bson.M{"name": "Acme"}, doc["supplier"])
}

func TestProductsThatAreNoLongerSoldDisappear(t *testing.T) {
	require.Equal(t, goatee.ActionDelete, transformed(t, bson.M{"_id": 1, "discontinued": true}).Kind)
	require.Equal(t, goatee.ActionIndex, transformed(t, bson.M{"_id": 1, "discontinued": false}).Kind)
}
