package transform

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonedit"
)

// Omit leaves fields out, without decoding the document. A path may have dots; where it passes through an array it
// applies to each element, as in a MongoDB projection. A field that is not there is no error.
func Omit(paths ...string) goatee.Transformer {
	parsed, err := parsePaths("Omit", paths)
	return newRawEdit(err, bsonedit.Omit(parsed))
}

// Pick keeps only the fields it names, without decoding the document. A path may have dots; where it passes through an
// array it applies to each element that is a document and leaves the others out, as in a MongoDB projection. The _id
// is never part of what Elasticsearch gets and need not be named.
func Pick(paths ...string) goatee.Transformer {
	parsed, err := parsePaths("Pick", paths)
	return newRawEdit(err, bsonedit.Pick(parsed))
}

// Rename gives a field another name, without decoding the document. Both names may be dotted paths, to a field of the
// same sub-document: Rename moves nothing. Where the path passes through an array it applies to each element. A field
// that has the new name already is replaced; a document without the field is left as it is.
func Rename(old, name string) goatee.Transformer {
	from, err := parsePath("Rename", old)
	if err != nil {
		return newRawEdit(err, nil)
	}
	to, err := parsePath("Rename", name)
	if err != nil {
		return newRawEdit(err, nil)
	}
	edit, err := bsonedit.Rename(from, to)
	if err != nil {
		err = misuse("Rename", quote(old)+" to "+quote(name), err.Error()+"; to move a field use Doc")
	}
	return newRawEdit(err, edit)
}

// Set gives a field a fixed value, without decoding the document. The path may have dots: sub-documents that are missing
// are made, and a value on the way that is not a document is replaced by one; where the path passes through an array it
// applies to each element. MongoDB's $addFields does the same.
func Set(path string, value any) goatee.Transformer {
	names, err := parsePath("Set", path)
	if err != nil {
		return newRawEdit(err, nil)
	}
	v, err := bsonedit.EncodeValue(value)
	if err != nil {
		return newRawEdit(&goatee.ConfigError{
			Setting: "transform.Set", Problem: "value of " + quote(path), Err: err, Remedy: "give a value that BSON can hold",
		}, nil)
	}
	return newRawEdit(nil, bsonedit.Set(names, v))
}

// rawEdit applies edits to the documents of actions without decoding them. New bytes come from one allocation per
// batch, which lives as long as any of its documents: until they are written.
type rawEdit struct {
	edits []bsonedit.Edit
	err   error
}

func newRawEdit(err error, e bsonedit.Edit) goatee.Transformer {
	if err != nil {
		return &rawEdit{err: err}
	}
	return &rawEdit{edits: []bsonedit.Edit{e}}
}

// then returns the two edits as one.
func (r *rawEdit) then(next *rawEdit) *rawEdit {
	both := &rawEdit{edits: slices.Concat(r.edits, next.edits), err: r.err}
	if both.err == nil {
		both.err = next.err
	}
	return both
}

func (r *rawEdit) step() {}

func (r *rawEdit) LatestOnly() bool { return true }

func (r *rawEdit) Check(context.Context) error { return r.err }

func (r *rawEdit) Transform(ctx context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	return transformOne(ctx, r, c, actions)
}

func (r *rawEdit) TransformBatch(_ context.Context, items []goatee.Item) error {
	if r.err != nil {
		return r.err
	}
	var editor bsonedit.Editor
	editor.Expect(editedSize(items, bsonedit.Growth(r.edits)))
	for i := range items {
		it := &items[i]
		if !hasWork(it) {
			continue
		}
		for j := range it.Actions {
			if err := editAction(&editor, r.edits, &it.Actions[j]); err != nil {
				it.Err = err
				break
			}
		}
	}
	return nil
}

// editedSize is how many bytes the documents of a batch take when each has grown.
func editedSize(items []goatee.Item, growth int) (n int) {
	for i := range items {
		for j := range items[i].Actions {
			if d := document(&items[i].Actions[j]); d != nil && !d.IsDecoded() {
				n += d.Len() + growth
			}
		}
	}
	return n
}

// editAction edits the document of one action, if it writes one.
func editAction(editor *bsonedit.Editor, edits []bsonedit.Edit, a *goatee.Action) error {
	d := document(a)
	if d == nil {
		return nil
	}
	if d.IsDecoded() {
		m, err := a.Body().Map()
		if err != nil {
			return err
		}
		return editMap(edits, m)
	}
	raw, err := d.Raw()
	if err != nil {
		return err
	}
	out, changed, err := editor.Apply(edits, raw)
	if err != nil || !changed {
		return err
	}
	a.Document = goatee.NewDocument(out)
	return nil
}

func editMap(edits []bsonedit.Edit, m bson.M) error {
	for _, e := range edits {
		if err := e.EditMap(m); err != nil {
			return err
		}
	}
	return nil
}
