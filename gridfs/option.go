package gridfs

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/goatee-sync/goatee"
)

// Option sets an option of NewSource.
type Option func(*config) error

type config struct {
	maxFileSize int64
	namespaces  map[goatee.Namespace]bool // empty: all whose collections end in .files
	logger      *slog.Logger
}

// A BSON document's size is a signed 32-bit number and base64 makes 4 bytes of 3.
const mostFileSize = 1 << 30

func defaults() config {
	return config{maxFileSize: 64 << 20, logger: slog.New(slog.DiscardHandler)}
}

// WithMaxFileSize sets the size in bytes above which a file is not read: its document gets an empty `file`. At most
// 1 GiB. Elasticsearch must accept requests of 4/3 of it (http.max_content_length, 100 MB by default). Default: 64 MiB.
func WithMaxFileSize(bytes int64) Option {
	return func(c *config) error {
		if bytes < 1 || bytes > mostFileSize {
			return &goatee.ConfigError{
				Setting: "gridfs.WithMaxFileSize", Problem: fmt.Sprintf("%d bytes", bytes),
				Remedy: fmt.Sprintf("use 1 to %d bytes", mostFileSize),
			}
		}
		c.maxFileSize = bytes
		return nil
	}
}

// WithNamespaces says which collections hold files; their names end in ".files". Default: all whose names do.
func WithNamespaces(namespaces ...goatee.Namespace) Option {
	return func(c *config) error {
		if len(namespaces) == 0 {
			return &goatee.ConfigError{
				Setting: "gridfs.WithNamespaces", Problem: "no namespace", Remedy: "leave the option out for all collections of files",
			}
		}
		c.namespaces = make(map[goatee.Namespace]bool, len(namespaces))
		for _, ns := range namespaces {
			if ns.Database == "" || !isFiles(ns) {
				return &goatee.ConfigError{
					Setting: "gridfs.WithNamespaces", Problem: fmt.Sprintf("%q is no collection of files", ns),
					Remedy: "name it with its database and .files, such as shop.fs.files",
				}
			}
			c.namespaces[ns] = true
		}
		return nil
	}
}

// WithLogger sets the logger, which is told of files left out and when files cannot be read and can be again.
// Default: none.
func WithLogger(l *slog.Logger) Option {
	return func(c *config) error {
		if l == nil {
			return &goatee.ConfigError{
				Setting: "gridfs.WithLogger", Problem: "no logger", Remedy: "leave the option out to log nothing",
			}
		}
		c.logger = l
		return nil
	}
}

func isFiles(ns goatee.Namespace) bool {
	bucket, ok := strings.CutSuffix(ns.Collection, ".files")
	return ok && bucket != ""
}
