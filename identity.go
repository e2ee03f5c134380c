package goatee

import (
	"hash/maphash"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// hasher hashes what will be a document's identity in Elasticsearch: its namespace and the text of its _id. The text,
// because 7 and 7.0 are two keys in BSON and one document in Elasticsearch. Not safe for concurrent use.
type hasher struct {
	seed maphash.Seed
	buf  []byte
	ns   Namespace
	at   int // length of the namespace in buf
}

func newHasher() *hasher { return &hasher{seed: maphash.MakeSeed()} }

// clone returns a hasher for another goroutine that gives the same hashes.
func (h *hasher) clone() *hasher { return &hasher{seed: h.seed} }

// change returns the hash of a change's document. Those of ids that follow one another do so too: what is filed by them
// is found in the processor's cache.
func (h *hasher) change(c *Change) uint64 {
	id := h.identity(c)
	tail := max(len(id)-4, h.at)
	return maphash.Bytes(h.seed, id[:tail]) + digits(id[tail:])
}

// digits reads text as a hexadecimal number; letters that are no digits count as something.
func digits(text []byte) (n uint64) {
	for _, c := range text {
		n = n<<4 + uint64(c&15) + uint64(c>>6)*9
	}
	return n
}

// identity returns the bytes that are hashed, valid until the next call. Most changes of a batch share a namespace.
func (h *hasher) identity(c *Change) []byte {
	if c.Namespace != h.ns || h.at == 0 {
		h.ns = c.Namespace
		h.buf = append(h.buf[:0], c.Namespace.Database...)
		h.buf = append(append(h.buf, '.'), c.Namespace.Collection...)
		h.buf = append(h.buf, 0)
		h.at = len(h.buf)
	}
	buf, err := bsonjson.AppendID(h.buf[:h.at], c.ID.Type, c.ID.Value, bsonjson.IDGoMap)
	if err != nil { // no text: the sink will refuse it, in whatever lane
		return append(h.buf[:h.at], c.ID.Value...)
	}
	h.buf = buf[:h.at]
	return buf
}
