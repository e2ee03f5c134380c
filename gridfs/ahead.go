package gridfs

import (
	"context"
	"encoding/base64"
	"sync"

	"github.com/goatee-sync/goatee"
)

// aheadBytes bounds the content that is read before its turn, in bytes of text, unless it is a single file's.
const aheadBytes = 32 << 20

// ahead reads the files of a batch in parallel and hands them over in order. Only its downloads are goroutines; its
// methods belong to one.
type ahead struct {
	files   *files
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	changes []*goatee.Change // of files that are not begun
	begun   []download       // in order
	bytes   int              // of those begun
}

// download is a file on its way.
type download struct {
	bytes int
	done  chan error
}

func (f *files) ahead(ctx context.Context, changes []goatee.Change, ordinals []int) *ahead {
	a := &ahead{files: f}
	a.ctx, a.cancel = context.WithCancel(ctx)
	for _, i := range ordinals {
		a.changes = append(a.changes, &changes[i])
	}
	return a
}

// next waits until the next file has its content, and returns why it has none.
func (a *ahead) next() error {
	a.begin()
	d := a.begun[0]
	a.begun, a.bytes = a.begun[1:], a.bytes-d.bytes
	return <-d.done
}

// begin begins as many downloads as there may be. What a download changes is its own change.
func (a *ahead) begin() {
	for len(a.changes) > 0 && len(a.begun) < a.files.downloads {
		c := a.changes[0]
		bytes := a.files.textBytes(c)
		if len(a.begun) > 0 && a.bytes+bytes > aheadBytes {
			return
		}
		d := download{bytes: bytes, done: make(chan error, 1)}
		a.changes, a.begun, a.bytes = a.changes[1:], append(a.begun, d), a.bytes+bytes
		a.running.Go(func() { d.done <- a.files.attach(a.ctx, c) })
	}
}

// stop ends what is on its way and waits for it.
func (a *ahead) stop() {
	a.cancel()
	a.running.Wait()
}

// textBytes is the length of a file's content as text, 0 if it is not read.
func (f *files) textBytes(c *goatee.Change) int {
	raw, err := c.Document.Raw()
	if err != nil {
		return 0
	}
	length, _ := raw.Lookup("length").AsInt64OK()
	if length < 0 || length > f.maxFileSize {
		return 0
	}
	return base64.StdEncoding.EncodedLen(int(length))
}
