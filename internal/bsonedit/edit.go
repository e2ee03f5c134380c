package bsonedit

import "go.mongodb.org/mongo-driver/bson"

// Edit changes a document in one of its two forms. It is safe for concurrent use.
type Edit interface {
	// Append appends the edited src to dst. changed is false when the result equals src. After an error the result is of
	// no use.
	Append(dst, src []byte) (out []byte, changed bool, err error)
	// EditMap changes a decoded document in place.
	EditMap(m bson.M) error
	// Growth is by how many bytes the edit usually makes a document longer at most. It is a hint for allocations.
	Growth() int
}

// Editor applies edits to the documents of one batch. The bytes of the results come from one allocation as long as
// Expect has said enough; they live as long as any of the results does. The zero Editor is ready to use. An Editor is not
// safe for concurrent use.
type Editor struct {
	buf      []byte
	expected int
	spare    [2][]byte // results between the first edit and the last
}

// Expect says how many bytes the results of the batch will take in all. The memory is allocated when the first document
// is edited. A batch that needs more gets the rest document by document.
func (e *Editor) Expect(n int) { e.expected = n }

// Apply returns src with the edits applied in order; changed is false, and out nil, when nothing changed. src is not
// modified.
func (e *Editor) Apply(edits []Edit, src []byte) (out []byte, changed bool, err error) {
	last := len(edits) - 1
	free := 0 // the spare buffer that does not hold src
	for _, edit := range edits[:last] {
		spare := &e.spare[free]
		var edited bool
		*spare, edited, err = edit.Append((*spare)[:0], src)
		if err != nil {
			return nil, false, err
		}
		if edited {
			src, changed, free = *spare, true, 1-free
		}
	}
	out, edited, err := edits[last].Append(e.room(len(src)+edits[last].Growth()), src)
	if err != nil || !edited && !changed {
		return nil, false, err
	}
	e.keep(out)
	return out, true, nil
}

// room returns an empty slice with a capacity of n or more, to append one document to.
func (e *Editor) room(n int) []byte {
	if cap(e.buf)-len(e.buf) < n {
		e.buf = make([]byte, 0, max(n, e.expected))
		e.expected = 0
	}
	return e.buf[len(e.buf):len(e.buf):cap(e.buf)]
}

// keep reserves what was written into the last room, so that nothing is written over it.
func (e *Editor) keep(out []byte) {
	if len(out) <= cap(e.buf)-len(e.buf) {
		e.buf = e.buf[:len(e.buf)+len(out)]
	}
}

// Growth is that of several edits together.
func Growth(edits []Edit) (n int) {
	for _, e := range edits {
		n += e.Growth()
	}
	return n
}
