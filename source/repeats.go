package source

import (
	"hash/maphash"
	"log/slog"

	"go.mongodb.org/mongo-driver/bson/bsontype"
)

// mostRepeats is how many different ids a repeats remembers, 4 MB of them or so.
const mostRepeats = 1 << 18

// repeats counts documents whose _id another document had before: of a view that repeats ids, Elasticsearch keeps one
// document each. Memory is bounded: when there are too many ids, only those are remembered whose hash ends in one zero
// bit more, and what is counted among them stands for the others. Not safe for concurrent use.
type repeats struct {
	limit int
	seed  maphash.Seed
	seen  map[uint64]struct{}
	bits  uint // hashes that end in so many zero bits are remembered
	count int64
}

func newRepeats(limit int) *repeats {
	return &repeats{limit: limit, seed: maphash.MakeSeed(), seen: make(map[uint64]struct{})}
}

// add notes the _id of a document. A nil repeats notes nothing.
func (r *repeats) add(t bsontype.Type, id []byte) {
	if r == nil {
		return
	}
	var h maphash.Hash
	h.SetSeed(r.seed)
	_ = h.WriteByte(byte(t))
	_, _ = h.Write(id)
	sum := h.Sum64()
	if !r.samples(sum) {
		return
	}
	if _, ok := r.seen[sum]; ok {
		r.count++
		return
	}
	r.seen[sum] = struct{}{}
	for len(r.seen) > r.limit {
		r.thin()
	}
}

func (r *repeats) samples(sum uint64) bool { return sum&(1<<r.bits-1) == 0 }

// thin forgets about half of the ids, and with them half of what was counted.
func (r *repeats) thin() {
	r.bits++
	r.count /= 2
	for sum := range r.seen {
		if !r.samples(sum) {
			delete(r.seen, sum)
		}
	}
}

// report says how many documents had an _id that was there before.
func (r *repeats) report(log *slog.Logger, namespace string) {
	if r == nil || r.count == 0 {
		return
	}
	log.Warn("documents of a view or pipeline have an _id that another one had before: Elasticsearch keeps the last of them",
		"namespace", namespace, "repeated", r.count<<r.bits, "exact", r.bits == 0)
}
