package source

import (
	"slices"
	"sync"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/goatee-sync/goatee"
)

// updatesPerSlab is how many update descriptions are allocated at once.
const updatesPerSlab = 512

// pool recycles the slices of batches. The zero pool is ready.
type pool struct{ blocks sync.Pool }

// block is the memory of one batch, except for the bytes its changes point into.
type block struct {
	changes []goatee.Change
	updates []goatee.UpdateDescription
	failed  []goatee.FailedChange
	bytes   int
	pool    *pool
	release func()
}

func (p *pool) get() *block {
	if b, ok := p.blocks.Get().(*block); ok {
		return b
	}
	b := &block{pool: p}
	b.release = b.put
	return b
}

// put gives the block back. Pointers are cleared so that the pool does not keep replies alive.
func (b *block) put() {
	clear(b.changes)
	clear(b.updates)
	clear(b.failed)
	b.changes, b.updates, b.failed, b.bytes = b.changes[:0], b.updates[:0], b.failed[:0], 0
	b.pool.blocks.Put(b)
}

// expect makes room for the changes of a reply of size bytes that begins with a document of first bytes.
func (b *block) expect(size, first int) {
	if n := min(size/max(first, 1)+1, mostDocuments); n > cap(b.changes)-len(b.changes) {
		b.changes = slices.Grow(b.changes, n)
	}
}

// empty reports whether the block holds nothing.
func (b *block) empty() bool { return len(b.changes) == 0 && len(b.failed) == 0 }

// add appends an empty change and returns it.
func (b *block) add() *goatee.Change {
	if len(b.changes) == cap(b.changes) {
		b.changes = slices.Grow(b.changes, max(len(b.changes), 16)) // append would copy large slices more often
	}
	b.changes = b.changes[:len(b.changes)+1]
	return &b.changes[len(b.changes)-1]
}

// update returns an empty update description. A full slab is left to the changes that point into it.
func (b *block) update() *goatee.UpdateDescription {
	if len(b.updates) == cap(b.updates) {
		b.updates = make([]goatee.UpdateDescription, 0, updatesPerSlab)
	}
	b.updates = b.updates[:len(b.updates)+1]
	return &b.updates[len(b.updates)-1]
}

// batch makes the block a batch, which gives it back when it is released.
func (b *block) batch(at goatee.Position) *goatee.Batch {
	return &goatee.Batch{Changes: b.changes, Failed: b.failed, Position: at, Bytes: b.bytes, Release: b.release}
}

// value makes a raw value of bytes that a Reader has checked. Its capacity ends with it, so that an append cannot
// overwrite what follows it in the reply.
func value(t bsontype.Type, v []byte) bson.RawValue {
	return bson.RawValue{Type: t, Value: v[:len(v):len(v)]}
}

// document makes a document of bytes that a Reader has checked to be framed as one.
func document(v []byte) goatee.Document { return goatee.NewDocument(v[:len(v):len(v)]) }
