package main

import (
	"context"
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/transform"
)

// searchField is what searches look at.
const searchField = "searchText"

// searchable is this service's own transformer: it gathers the texts to search for in one field, leaves out what the shop
// pays, and deletes products that are no longer sold.
func searchable() goatee.Transformer {
	return transform.Chain(
		transform.Drop(isDiscontinued),
		transform.Omit("purchasePrice", "supplier.conditions"),
		transform.Doc(addSearchText),
	)
}

func isDiscontinued(d *goatee.Document) bool {
	discontinued, _ := d.Lookup("discontinued").BooleanOK()
	return discontinued
}

func addSearchText(_ context.Context, product bson.M) (bson.M, error) {
	product[searchField] = strings.Join(texts(nil, product["name"], product["category"], product["description"], product["tags"]), " ")
	return product, nil
}

// texts appends the texts among values, which may be arrays, to list.
func texts(list []string, values ...any) []string {
	for _, v := range values {
		switch v := v.(type) {
		case string:
			list = append(list, v)
		case bson.A:
			list = texts(list, v...)
		}
	}
	return list
}
