package source

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
)

// DiscoverNamespaces returns the namespaces of all collections and views that a direct read of everything is about,
// sorted: not those of the databases admin, config, local and stateDB, no system collections and no chunks of files;
// those that include matches and exclude does not. A nil expression excludes nothing.
func DiscoverNamespaces(
	ctx context.Context, client *mongo.Client, include, exclude *regexp.Regexp, stateDB string,
) ([]string, error) {
	databases, err := client.ListDatabaseNames(ctx, bson.D{})
	if err != nil {
		return nil, fmt.Errorf("list databases: %w", err)
	}
	internal := []string{"admin", "config", "local", stateDB}
	var namespaces []string
	for _, database := range databases {
		if slices.Contains(internal, database) {
			continue
		}
		collections, err := client.Database(database).ListCollectionNames(ctx, bson.D{})
		if err != nil {
			return nil, fmt.Errorf("list collections of %s: %w", database, err)
		}
		for _, collection := range collections {
			name := database + "." + collection
			if !isSystem(collection) && matches(include, exclude, name) {
				namespaces = append(namespaces, name)
			}
		}
	}
	slices.Sort(namespaces)
	return namespaces, nil
}
