package goatee

import (
	"hash/maphash"
	"strings"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// hasher hashes what will be a document's identity in Elasticsearch: its namespace and the text of its _id. The text,
// because 7 and 7.0 are two keys in BSON and one document in Elasticsearch. Not safe for concurrent use.
type hasher struct {
	seed  maphash.Seed
	other maphash.Seed // of the second half of a targetHash
	buf   []byte
	ns    Namespace
	at    int    // length of the namespace in buf
	index string // where documents of ns go by default
	text  []byte // scratch of target
}

func newHasher() *hasher { return &hasher{seed: maphash.MakeSeed(), other: maphash.MakeSeed()} }

// clone returns a hasher for another goroutine that gives the same hashes.
func (h *hasher) clone() *hasher { return &hasher{seed: h.seed, other: h.other} }

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
	h.use(c.Namespace)
	buf, err := bsonjson.AppendID(h.buf[:h.at], c.ID.Type, c.ID.Value, bsonjson.IDGoMap)
	if err != nil { // no text: the sink will refuse it, in whatever lane
		return append(h.buf[:h.at], c.ID.Value...)
	}
	h.buf = buf[:h.at]
	return buf
}

// use makes ns the namespace at the front of the buffer.
func (h *hasher) use(ns Namespace) {
	if ns == h.ns && h.at > 0 {
		return
	}
	h.ns, h.index = ns, strings.ToLower(ns.String())
	h.buf = append(h.buf[:0], ns.Database...)
	h.buf = append(append(h.buf, '.'), ns.Collection...)
	h.buf = append(h.buf, 0)
	h.at = len(h.buf)
}

// indexOf returns the index that an action is for.
func (h *hasher) indexOf(a *Action) string {
	if a.Index != "" {
		return a.Index
	}
	h.use(a.Change.Namespace)
	return h.index
}

// targetHash stands for an index, an id and a routing. With 128 bits two targets never share one in practice.
type targetHash [2]uint64

// target returns the hash of where an action goes.
func (h *hasher) target(a *Action) targetHash {
	text := append(h.text[:0], h.indexOf(a)...)
	text = append(text, 0)
	if a.ID != "" {
		text = append(text, a.ID...)
	} else if id, err := bsonjson.AppendID(text, a.Change.ID.Type, a.Change.ID.Value, bsonjson.IDGoMap); err == nil {
		text = id
	} else {
		text = append(text, a.Change.ID.Value...)
	}
	text = append(append(text, 0), a.Routing...)
	h.text = text
	return targetHash{maphash.Bytes(h.seed, text), maphash.Bytes(h.other, text)}
}
