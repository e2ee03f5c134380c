package recipes_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/examples/recipes"
)

func TestCompany(t *testing.T) {
	k := newKitchen(t)
	k.createIndex("-company", recipes.CompanyMapping)
	k.follow(recipe{transformer: recipes.Company(k.name+".company", k.name+"-company")})
	k.insert("company",
		bson.D{{Key: "_id", Value: "london"}, {Key: "type", Value: "branch"}, {Key: "name", Value: "London Westminster"}, {Key: "city", Value: "London"}},
		bson.D{{Key: "_id", Value: "paris"}, {Key: "type", Value: "branch"}, {Key: "name", Value: "Paris Opéra"}, {Key: "city", Value: "Paris"}},
		bson.D{{Key: "_id", Value: "alice"}, {Key: "type", Value: "employee"}, {Key: "name", Value: "Alice Smith"}, {Key: "branch", Value: "london"}})
	london := `{"name":"London Westminster","city":"London","relation":{"name":"branch"}}`
	alice := `{"name":"Alice Smith","relation":{"name":"employee","parent":"london"}}`
	k.holds("-company", map[string]string{
		"london": london, "alice": alice, "paris": `{"name":"Paris Opéra","city":"Paris","relation":{"name":"branch"}}`,
	})
	require.Equal(t, map[string]string{"alice": alice},
		k.found("-company", "", `{"has_parent": {"parent_type": "branch", "query": {"match": {"city": "london"}}}}`))
	require.Equal(t, map[string]string{"london": london},
		k.found("-company", "", `{"has_child": {"type": "employee", "query": {"match_all": {}}}}`))
}
