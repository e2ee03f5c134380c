package gridfs

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/goatee-sync/goatee"
)

// SettingCredentials is what a *goatee.ConfigError names as its Setting when MongoDB denies the client access to files.
const SettingCredentials = "gridfs: MongoDB client credentials"

// Option sets an option of NewSource.
type Option func(*config) error

type config struct {
	maxFileSize int64
	downloads   int
	namespaces  map[goatee.Namespace]bool // empty: all whose collections end in .files
	logger      *slog.Logger              // nil: that of the Syncer
	observer    *goatee.Observer          // nil: that of the Syncer
}

// A BSON document's size is a signed 32-bit number and base64 makes 4 bytes of 3.
const mostFileSize = 1 << 30

// Each download is a query under way.
const mostDownloads = 256

func defaults() config {
	return config{maxFileSize: 64 << 20, downloads: 4}
}

// misuse is the error of the constructor or an option that was given what it cannot use.
func misuse(name, problem, remedy string) error {
	return &goatee.ConfigError{Setting: "gridfs." + name, Problem: problem, Remedy: remedy}
}

// WithMaxFileSize sets the size in bytes above which a file is not read: its document gets an empty `file`. At most
// 1 GiB. Elasticsearch must accept requests of 4/3 of it (http.max_content_length, 100 MB by default). Default: 64 MiB.
func WithMaxFileSize(bytes int64) Option {
	return func(c *config) error {
		if bytes < 1 || bytes > mostFileSize {
			return misuse("WithMaxFileSize", fmt.Sprintf("%d bytes", bytes), fmt.Sprintf("use 1 to %d bytes", mostFileSize))
		}
		c.maxFileSize = bytes
		return nil
	}
}

// WithDownloads sets how many files of a batch are read at the same time, 1 to 256. Their order stays. Default: 4.
func WithDownloads(n int) Option {
	return func(c *config) error {
		if n < 1 || n > mostDownloads {
			return misuse("WithDownloads", fmt.Sprintf("%d files", n), fmt.Sprintf("use 1 to %d", mostDownloads))
		}
		c.downloads = n
		return nil
	}
}

// WithNamespaces says which collections hold files; their names end in ".files". Default: all whose names do.
func WithNamespaces(namespaces ...goatee.Namespace) Option {
	return func(c *config) error {
		if len(namespaces) == 0 {
			return misuse("WithNamespaces", "no namespace", "leave it out for all collections of files")
		}
		c.namespaces = make(map[goatee.Namespace]bool, len(namespaces))
		for _, ns := range namespaces {
			if ns.Database == "" || !isFiles(ns) {
				return misuse("WithNamespaces", fmt.Sprintf("%q is not a collection of files", ns),
					"name it with its database and .files, such as shop.fs.files")
			}
			c.namespaces[ns] = true
		}
		return nil
	}
}

// WithLogger sets the logger, which is told of files left out and when files cannot be read and can be again.
// Default: that of the Syncer; nothing is logged without one.
func WithLogger(l *slog.Logger) Option {
	return func(c *config) error {
		if l == nil {
			return misuse("WithLogger", "the logger is nil", "leave it out to use the Syncer's")
		}
		c.logger = l
		return nil
	}
}

// WithObserver sets who is told, by Observer.State, when files cannot be read and can be again; the component is
// "gridfs of" and the source's name. Default: the Syncer's observer.
func WithObserver(o goatee.Observer) Option {
	return func(c *config) error { c.observer = &o; return nil }
}

func isFiles(ns goatee.Namespace) bool {
	bucket, ok := strings.CutSuffix(ns.Collection, ".files")
	return ok && bucket != ""
}
