package cluster

import (
	"cmp"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// Workers divides documents among named workers by their ids: each id belongs to exactly one. All workers must be given
// the same names, in any order. It is safe for concurrent use.
type Workers struct {
	names []string
	// One of the two, in the order of names.
	hashes []uint64
	ring   []point
}

// NewEven returns workers that have about equal shares. When a worker is added or removed, only the documents that it
// gains or loses move. Its errors are *goatee.ConfigError.
func NewEven(names []string) (*Workers, error) {
	sorted, err := workerNames(SettingEven, names)
	if err != nil {
		return nil, err
	}
	hashes := make([]uint64, len(sorted))
	for i, name := range sorted {
		hashes[i] = hash64([]byte(name))
	}
	return &Workers{names: sorted, hashes: hashes}, nil
}

// NewRing returns workers with the shares Monstache gives them, for fleets in which both run. The shares are very
// uneven: of two workers named worker1 and worker2 the second has 99 of 100 documents. Its errors are
// *goatee.ConfigError.
func NewRing(names []string) (*Workers, error) {
	sorted, err := workerNames(SettingRing, names)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(sorted, func(a, b string) int { return pointOf([]byte(a + "-0")).compare(pointOf([]byte(b + "-0"))) })
	points := make([]point, len(sorted))
	for i, name := range sorted {
		points[i] = pointOf([]byte(name + "-0"))
	}
	return &Workers{names: sorted, ring: points}, nil
}

// Owner returns the name of the worker that a document belongs to, given its _id in Elasticsearch.
func (w *Workers) Owner(id string) string { return w.names[w.pick([]byte(id))] }

// Share returns a function for Partition that selects the changes of one worker. Those without an _id, drops above all,
// belong to one worker too, by their namespace.
func (w *Workers) Share(name string) (owns func(*goatee.Change) bool, err error) {
	worker := slices.Index(w.names, name)
	if worker < 0 {
		return nil, &goatee.ConfigError{
			Setting: SettingShare, Problem: fmt.Sprintf("%q is not one of the workers %q", name, w.names),
			Remedy: "use one of these names, or add this one to the list that all processes are given",
		}
	}
	return func(c *goatee.Change) bool {
		var buf [128]byte
		return w.pick(w.appendKey(buf[:0], c)) == worker
	}, nil
}

func (w *Workers) appendKey(dst []byte, c *goatee.Change) []byte {
	if c.ID.Type == 0 {
		return append(dst, c.Namespace.String()...)
	}
	if w.ring != nil && (c.ID.Type == bsontype.Binary || c.ID.Type == bsontype.Double) {
		return appendGoText(dst, c.ID)
	}
	text, err := bsonjson.AppendID(dst, c.ID.Type, c.ID.Value, bsonjson.IDGoMap)
	if err != nil { // an _id without a text: Elasticsearch will refuse it, whichever worker sends it
		return append(dst, c.ID.Value...)
	}
	return text
}

// appendGoText prints the two types whose text in Elasticsearch is not what Monstache's workers hash.
func appendGoText(dst []byte, id bson.RawValue) []byte {
	var v any
	if err := id.Unmarshal(&v); err != nil {
		return append(dst, id.Value...)
	}
	return fmt.Append(dst, v)
}

func workerNames(setting string, names []string) ([]string, error) {
	sorted := slices.Sorted(slices.Values(names))
	problem := ""
	switch {
	case len(sorted) == 0:
		problem = "no workers"
	case sorted[0] == "":
		problem = "a worker without a name"
	case len(slices.Compact(slices.Clone(sorted))) < len(sorted):
		problem = fmt.Sprintf("two workers of the same name among %q", sorted)
	}
	if problem != "" {
		return nil, &goatee.ConfigError{Setting: setting, Problem: problem, Remedy: "give each worker a name of its own"}
	}
	return sorted, nil
}

// pick returns the worker an id belongs to.
func (w *Workers) pick(id []byte) int {
	if w.ring != nil {
		key := pointOf(id)
		next := slices.IndexFunc(w.ring, func(p point) bool { return p.compare(key) > 0 })
		return max(next, 0) // behind the last point comes the first
	}
	return rendezvous(w.hashes, hash64(id))
}

// rendezvous returns the worker whose hash mixes best with that of the id.
func rendezvous(workers []uint64, id uint64) int {
	best, most := 0, uint64(0)
	for i, worker := range workers {
		if h := mix(worker ^ id); h > most {
			best, most = i, h
		}
	}
	return best
}

// hash64 is FNV-1a followed by mix, because its upper bits hardly depend on the last bytes.
func hash64(b []byte) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, c := range b {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return mix(h)
}

// mix spreads each bit over all bits: the finalizer of MurmurHash3.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// point is a place on the ring, ordered as a pair of signed numbers.
type point struct{ high, low int64 }

func pointOf(b []byte) point {
	sum := md5.Sum(b)
	return point{
		high: int64(binary.LittleEndian.Uint64(sum[:8])),
		low:  int64(binary.LittleEndian.Uint64(sum[8:])),
	}
}

func (p point) compare(q point) int {
	return cmp.Or(cmp.Compare(p.high, q.high), cmp.Compare(p.low, q.low))
}
