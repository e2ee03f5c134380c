package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/indexname"
)

// remedyError is a problem with what to do about it.
type remedyError struct{ problem, remedy string }

func (e *remedyError) Error() string { return e.problem + " (" + e.remedy + ")" }

// within puts where an error happened in front of it and keeps its remedy.
func within(where string, err error) error {
	if err == nil {
		return nil
	}
	var r *remedyError
	if errors.As(err, &r) {
		return &remedyError{where + ": " + r.problem, r.remedy}
	}
	return fmt.Errorf("%s: %w", where, err)
}

func mongoURL(text string) error {
	if strings.HasPrefix(text, "mongodb://") || strings.HasPrefix(text, "mongodb+srv://") {
		return nil
	}
	return &remedyError{
		fmt.Sprintf("%q is no MongoDB connection string", RedactURL(text)),
		"it begins with mongodb:// or mongodb+srv://",
	}
}

// elasticsearchURL does not repeat the parser's words: they may hold a password.
func elasticsearchURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return &remedyError{fmt.Sprintf("%q is no URL of Elasticsearch", RedactURL(text)), "write it like http://127.0.0.1:9200"}
	}
	return nil
}

func pattern(text string) error {
	if _, err := regexp.Compile(text); err != nil {
		return &remedyError{err.Error(), "correct the regular expression; the syntax is Go's RE2"}
	}
	return nil
}

func collectionNamespace(text string) error {
	if _, err := goatee.ParseNamespace(text); err != nil {
		return &remedyError{
			fmt.Sprintf("%q does not name a collection", text),
			"write database.collection, such as shop.orders",
		}
	}
	return nil
}

// streamNamespace accepts a collection, a database and the whole deployment.
func streamNamespace(text string) error {
	if text == "" || !strings.Contains(text, ".") {
		return nil
	}
	return collectionNamespace(text)
}

func routingNamespace(text string) error {
	if text == "" {
		return nil
	}
	return collectionNamespace(text)
}

func notEmpty(text string) error {
	if text == "" {
		return &remedyError{"empty", "remove it for the default"}
	}
	return nil
}

func databaseName(text string) error {
	if text == "" || len(text) > 63 || strings.ContainsAny(text, "/\\. \"$*<>:|?\x00") {
		return &remedyError{
			fmt.Sprintf("%q is no name of a MongoDB database", text),
			`use 1 to 63 bytes without /\. "$*<>:|?`,
		}
	}
	return nil
}

func listenAddress(text string) error {
	if _, _, err := net.SplitHostPort(text); err != nil {
		return &remedyError{fmt.Sprintf("%q is no address to listen at", text), "write host:port or :port, such as :8080"}
	}
	return nil
}

// indexName applies Elasticsearch's rules, so that a bad name is found before anything is written.
func indexName(text string) error {
	if indexname.Check(text) == nil {
		return nil
	}
	return &remedyError{
		fmt.Sprintf("%q is no index name Elasticsearch takes", text),
		`use 1 to 255 bytes in lower case, no \ / * ? " < > | # , : or space, and do not begin with -, _ or +`,
	}
}
