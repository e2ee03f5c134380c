package recipes_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/recipes"
	"github.com/goatee-sync/goatee/sink"
	"github.com/goatee-sync/goatee/transform"
)

// deleting is a delete strategy at work.
type deleting struct {
	*kitchen
	recipe
	id func(id string) string // in Elasticsearch
}

// strategies calls test with each strategy that deletes, for orders that are not where they would be by default.
func strategies(t *testing.T, test func(*testing.T, deleting)) {
	same := func(id string) string { return id }
	t.Run("0, by a search", func(t *testing.T) {
		k := newKitchen(t)
		test(t, deleting{k, recipe{
			transformer: recipes.ByRegion(k.name + "-"),
			sink:        func(b *sink.Bulk) (goatee.Sink, error) { return recipes.SearchingDeletes(b, k.name+"*") },
		}, same})
	})
	t.Run("1, by a record, with other ids", func(t *testing.T) {
		k := newKitchen(t)
		state := k.db.Client().Database(k.name + "_state")
		t.Cleanup(func() { require.NoError(t, state.Drop(context.Background())) })
		test(t, deleting{k, recipe{
			transformer: transform.Chain(recipes.ByRegion(k.name+"-"), transform.IDField("number")),
			sink: func(b *sink.Bulk) (goatee.Sink, error) {
				return recipes.RememberingDeletes(b, state.Collection("meta"))
			},
		}, number})
	})
}

func number(id string) string { return "no " + id }

func order(id, region string) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "number", Value: number(id)}, {Key: "region", Value: region}}
}

func (d deleting) want(region string, ids ...string) map[string]string {
	docs := map[string]string{}
	for _, id := range ids {
		docs[d.id(id)] = fmt.Sprintf(`{"number":%q,"region":%q}`, number(id), region)
	}
	return docs
}

func TestDeletesFindDocumentsWhereverTheyAre(t *testing.T) {
	strategies(t, func(t *testing.T, d deleting) {
		d.follow(d.recipe)
		d.insert("orders", order("a", "eu"), order("b", "us"), order("c", "us"))
		d.holds("-eu", d.want("eu", "a"))
		d.holds("-us", d.want("us", "b", "c"))
		d.delete("orders", "a")
		d.delete("orders", "c")
		d.holds("-eu", nil)
		d.holds("-us", d.want("us", "b"))
	})
}

func TestDeletesRightAfterTheirInsertsAreNotLost(t *testing.T) {
	strategies(t, func(t *testing.T, d deleting) {
		stop := d.follow(d.recipe)
		for i := range 30 {
			id := fmt.Sprint(i)
			d.insert("orders", order(id, "eu"))
			d.delete("orders", id)
		}
		d.insert("orders", order("kept", "eu"))
		d.holds("-eu", d.want("eu", "kept"))
		stop()
		d.holds("-eu", d.want("eu", "kept"))
	})
}

func TestDeletesInTheBatchOfTheirInserts(t *testing.T) {
	strategies(t, func(t *testing.T, d deleting) {
		d.before = func() {
			var orders []any
			for i := range 100 {
				orders = append(orders, order(fmt.Sprint(i), "eu"))
			}
			d.insert("orders", orders...)
			_, err := d.db.Collection("orders").DeleteMany(t.Context(), bson.M{})
			require.NoError(t, err)
			d.insert("orders", order("7", "us")) // and again, elsewhere
		}
		stop := d.follow(d.recipe)
		d.holds("-us", d.want("us", "7"))
		stop()
		d.holds("-eu", nil)
		d.holds("-us", d.want("us", "7"))
	})
}

func TestNoDeletes(t *testing.T) {
	k := newKitchen(t)
	stop := k.follow(recipe{transformer: recipes.NoDeletes()})
	k.insert("orders", bson.M{"_id": "a"})
	k.delete("orders", "a")
	k.insert("orders", bson.M{"_id": "after"})
	stays := map[string]string{"a": `{}`, "after": `{}`}
	k.holds(".orders", stays)
	stop()
	k.holds(".orders", stays)
}
