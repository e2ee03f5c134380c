package source

import (
	"fmt"
	"strings"

	"github.com/goatee-sync/goatee"
)

// parseTarget returns what a change stream is to follow: zero for a whole deployment, a database or a collection.
func parseTarget(target string) (goatee.Namespace, error) {
	if target == "" {
		return goatee.Namespace{}, nil
	}
	ns, problem := parseName(target, false)
	if problem == "" {
		return ns, nil
	}
	return goatee.Namespace{}, &goatee.ConfigError{
		Setting: SettingTarget, Problem: fmt.Sprintf("%q: %s", target, problem),
		Remedy: `want "shop.orders" for a collection, "shop" for a database, "" for everything`,
	}
}

// parseNamespace returns the collection or view that a direct read is to read.
func parseNamespace(name string) (goatee.Namespace, error) {
	ns, problem := parseName(name, true)
	if problem == "" {
		return ns, nil
	}
	return goatee.Namespace{}, &goatee.ConfigError{
		Setting: SettingNamespace, Problem: fmt.Sprintf("%q: %s", name, problem),
		Remedy: `give database and collection, such as "shop.orders"`,
	}
}

// parseName divides a name at its first dot and says what is wrong with it, if anything is.
func parseName(name string, collection bool) (ns goatee.Namespace, problem string) {
	database, rest, dot := strings.Cut(name, ".")
	if problem := databaseProblem(database); problem != "" {
		return ns, "as the name of a database: " + problem
	}
	switch {
	case !dot && collection:
		return ns, "the name of the collection is missing"
	case dot:
		if problem := collectionProblem(rest); problem != "" {
			return ns, "as the name of a collection: " + problem
		}
	}
	return goatee.Namespace{Database: database, Collection: rest}, ""
}

// databaseProblem says why MongoDB takes no such name for a database, or "".
func databaseProblem(name string) string {
	switch {
	case name == "":
		return "it is empty"
	case len(name) > 63:
		return "it is longer than 63 bytes"
	case strings.TrimSpace(name) != name:
		return "there is white space around it"
	case strings.ContainsAny(name, "/\\. \"$\x00"):
		return `MongoDB allows no / \ . " $ and spaces`
	}
	return ""
}

// collectionProblem says why there is no such collection, or "". MongoDB allows white space around a name, but it is
// nearly always a typing error, and following a collection that does not exist would go unnoticed.
func collectionProblem(name string) string {
	switch {
	case name == "":
		return "it is empty"
	case strings.TrimSpace(name) != name:
		return "there is white space around it"
	case strings.HasPrefix(name, "."):
		return "it begins with a dot"
	case strings.ContainsAny(name, "$\x00"):
		return "MongoDB allows no $"
	}
	return ""
}
