package resume

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/bson"
)

// run marks what this store has saved, to notice another process that stores positions under the same name at the same
// time. That costs no request: the document in monstache is written by each Save anyway, and the write returns what was
// there before.
//
// Another process's mark between two saves of ours has been made at the same time as we were at work. It takes two of
// them to be sure: when a process is replaced, the last save of the old one may come after the first of the new one. Saves
// with a fencing token are not looked at: there, an Elector sees to it that one process works at a time.
type run struct {
	id, host string
	pid      int

	saved  bool // a mark of ours was there, until somebody replaced it
	met    int
	warned bool
}

func newRun() run {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	// Not host and process id: two containers easily have the same.
	return run{id: fmt.Sprintf("%016x", rand.Uint64()), host: host, pid: os.Getpid()}
}

func (r *run) fields() bson.D {
	return bson.D{{Key: "id", Value: r.id}, {Key: "host", Value: r.host}, {Key: "pid", Value: r.pid}}
}

// meets reports whether a warning is due, given the document as it was before our mark replaced what was there. It is
// called after each save.
func (r *run) meets(before bson.Raw) bool {
	other, marked := before.Lookup("run", "id").StringValueOK()
	if r.saved && marked && other != r.id {
		r.met++
	}
	r.saved = true
	return r.met >= 2 && !r.warned
}

func (r *run) warn(logger *slog.Logger, name string, before bson.Raw) {
	r.warned = true
	logger.Warn(fmt.Sprintf("another process stores positions under the name %q: changes are read and written twice, and "+
		"positions overwrite each other; give each process a name of its own or use an elector", name),
		"host", text(before, "run", "host"), "pid", text(before, "run", "pid"), "saved", text(before, "savedAt"))
}

// text returns a field for a log line, whatever its type.
func text(doc bson.Raw, path ...string) string {
	value := doc.Lookup(path...)
	if s, ok := value.StringValueOK(); ok {
		return s
	}
	if n, ok := value.AsInt64OK(); ok {
		return strconv.FormatInt(n, 10)
	}
	if t, ok := value.TimeOK(); ok {
		return t.UTC().Format(time.RFC3339)
	}
	return value.String()
}
