package sink

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/goatee-sync/goatee"
)

// TimeMachineOption sets something of a [TimeMachine]. Misuse is a *goatee.ConfigError that names the option.
type TimeMachineOption func(*timeMachineConfig) error

type timeMachineConfig struct {
	namespaces map[goatee.Namespace]bool // nil: all
	prefix     string
	suffix     string
	tsField    string
	dateField  string
	dateFormat string
	reads      bool
	deletes    bool
}

func newTimeMachineConfig(opts []TimeMachineOption) (timeMachineConfig, error) {
	c := timeMachineConfig{
		prefix: "log", suffix: "2006-01-02",
		tsField: "oplog_ts", dateField: "oplog_date", dateFormat: "2006/01/02 15:04:05",
	}
	var err error
	for _, opt := range opts {
		err = errors.Join(err, opt(&c))
	}
	return c, err
}

// WithHistoryNamespaces sets whose changes are recorded, such as "shop.orders". Default: those of all namespaces.
func WithHistoryNamespaces(names ...string) TimeMachineOption {
	return func(c *timeMachineConfig) error {
		c.namespaces = map[goatee.Namespace]bool{}
		for _, name := range names {
			ns, err := goatee.ParseNamespace(name)
			if err != nil {
				return &goatee.ConfigError{
					Setting: "sink.WithHistoryNamespaces", Problem: fmt.Sprintf("%q is not a namespace", name), Err: err,
					Remedy: `give "database.collection"`,
				}
			}
			c.namespaces[ns] = true
		}
		return nil
	}
}

// WithHistoryPrefix sets what the names of history indices begin with. Default: log.
func WithHistoryPrefix(prefix string) TimeMachineOption {
	return func(c *timeMachineConfig) error {
		c.prefix = prefix
		if prefix == "" || strings.ContainsAny(prefix[:1], "-_+.") {
			return misuse("WithHistoryPrefix", fmt.Sprintf("no index name can begin with %q", prefix), "begin it with a letter or a digit")
		}
		return indexPart("WithHistoryPrefix", prefix)
	}
}

// WithHistorySuffix sets the layout, as of time.Time.Format, of the date at the end of the names of history indices:
// how long one of them is in use. The date is that of the change, in UTC. Default: 2006-01-02, an index a day.
func WithHistorySuffix(layout string) TimeMachineOption {
	return func(c *timeMachineConfig) error {
		c.suffix = layout
		if layout == "" {
			return misuse("WithHistorySuffix", "the layout is empty", `give one such as "2006-01"`)
		}
		return indexPart("WithHistorySuffix", time.Unix(0, 0).UTC().Format(layout))
	}
}

// indexPart refuses what cannot be part of the name of an index.
func indexPart(option, s string) error {
	if i := strings.IndexAny(s, "\\/*?\"<>| ,#:"); i >= 0 {
		return misuse(option, fmt.Sprintf("no index name can hold %q", s[i]), "leave that character out")
	}
	return nil
}

// WithHistoryFields sets the names of the fields with the cluster time, an object {T: seconds, I: increment}, and with its
// date in UTC in the given layout, as of time.Time.Format. Default: oplog_ts, oplog_date and 2006/01/02 15:04:05.
func WithHistoryFields(clusterTime, date, layout string) TimeMachineOption {
	return func(c *timeMachineConfig) error {
		c.tsField, c.dateField, c.dateFormat = clusterTime, date, layout
		switch {
		case clusterTime == "" || date == "" || layout == "":
			return misuse("WithHistoryFields", "a name or the layout is empty", "give all three")
		case clusterTime == date || clusterTime == sourceIDField || date == sourceIDField:
			return misuse("WithHistoryFields", "two fields have one name", "give each field a name of its own")
		}
		return nil
	}
}

// WithHistoryOfReads records the documents that direct reads bring too: once for each read. Default: off.
func WithHistoryOfReads(on bool) TimeMachineOption {
	return func(c *timeMachineConfig) error {
		c.reads = on
		return nil
	}
}

// WithHistoryOfDeletes records deletes in MongoDB too: their entries have no fields of the document, and _source_deleted
// is true. Default: off.
func WithHistoryOfDeletes(on bool) TimeMachineOption {
	return func(c *timeMachineConfig) error {
		c.deletes = on
		return nil
	}
}
