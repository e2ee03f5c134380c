package config

import (
	"fmt"
	"net"
	"regexp"
	"strings"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/indexname"
)

func pattern(text string) error {
	if _, err := regexp.Compile(text); err != nil {
		return &remedyError{err.Error(), "correct the regular expression; the syntax is Go's RE2"}
	}
	return nil
}

func collectionNamespace(text string) error {
	ns, err := goatee.ParseNamespace(text)
	if err != nil {
		return &remedyError{
			fmt.Sprintf("%q does not name a collection", text),
			"write database.collection, such as shop.orders",
		}
	}
	if err := databaseName(ns.Database); err != nil {
		return err
	}
	return noSpaceAround(text)
}

// noSpaceAround refuses what MongoDB would allow in the name of a collection but what is nearly always a typing error, and
// would go unnoticed: following a collection that does not exist is possible.
func noSpaceAround(text string) error {
	if strings.TrimSpace(text) == text {
		return nil
	}
	return &remedyError{fmt.Sprintf("%q begins or ends with white space", text), "remove the white space"}
}

// streamNamespace accepts a collection, a database and the whole deployment.
func streamNamespace(text string) error {
	switch {
	case text == "":
		return nil
	case !strings.Contains(text, "."):
		return databaseName(text)
	}
	return collectionNamespace(text)
}

func routingNamespace(text string) error {
	if text == "" {
		return nil
	}
	return collectionNamespace(text)
}

func databaseName(text string) error {
	if text == "" || len(text) > 63 || strings.ContainsAny(text, "/\\. \"$*<>:|?\x00") {
		return &remedyError{
			fmt.Sprintf("%q is not a name of a MongoDB database", text),
			`use 1 to 63 bytes without /\. "$*<>:|?`,
		}
	}
	return nil
}

func listenAddress(text string) error {
	if _, _, err := net.SplitHostPort(text); err != nil {
		return &remedyError{fmt.Sprintf("%q is not an address to listen at", text), "write host:port or :port, such as :8080"}
	}
	return nil
}

// indexName applies Elasticsearch's rules, so that a bad name is found before anything is written.
func indexName(text string) error {
	if indexname.Check(text) == nil {
		return nil
	}
	return &remedyError{
		fmt.Sprintf("%q is not an index name that Elasticsearch takes", text),
		`use 1 to 255 bytes in lower case, no \ / * ? " < > | # , : or space, and do not begin with -, _ or +`,
	}
}
