package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"go.mongodb.org/mongo-driver/mongo/gridfs"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee/internal/testservers"
)

// TestTheTextOfFilesIsFound: a search finds what is written in files and shows where.
func TestTheTextOfFilesIsFound(t *testing.T) {
	s := newStack(t)
	e := testservers.Elasticsearch(t, testservers.Kind(testservers.Elasticsearch7Attachment))
	s.url, s.es = e.URL(), e.Client(t)
	bucket, err := gridfs.NewBucket(s.db, options.GridFSBucket().SetName("docs"))
	require.NoError(t, err)
	upload := func(name string, content []byte) {
		require.NoError(t, bucket.UploadFromStreamWithID(name, name, bytes.NewReader(content)))
	}
	upload("one.pdf", pdf("The heron waits in the reeds"))
	upload("two.txt", []byte("A heron stands on one leg"))
	upload("empty.txt", nil)
	p := start(t, s.config(`
index-files = true
file-namespaces = ["DB.docs.files"]
direct-read-namespaces = ["DB.docs.files"]
change-stream-namespaces = ["DB"]
`))
	p.waitLog("listening for events")
	upload("three.docx", docx(t, "Two herons and a heron in a letter"))

	index := s.db.Name() + ".docs.files"
	want := map[string]string{
		"one.pdf":    "The <em>heron</em> waits in the reeds",
		"two.txt":    "A <em>heron</em> stands on one leg",
		"three.docx": "Two herons and a <em>heron</em> in a letter",
	}
	require.Eventually(t, func() bool { return len(s.highlights(index, "heron")) == len(want) }, waitLimit, waitTick)
	require.Equal(t, want, s.highlights(index, "heron"))
	p.stop()
	require.NotEmpty(t, s.source(index, "empty.txt"))
	require.NotEmpty(t, p.log.line("summary", "deadLetters=0"))
}

// highlights returns, by id, what a search for a word in the text of files marks.
func (s *stack) highlights(index, word string) map[string]string {
	s.t.Helper()
	refreshed, err := s.es.Indices.Refresh(s.es.Indices.Refresh.WithIndex(index))
	require.NoError(s.t, err)
	require.NoError(s.t, refreshed.Body.Close())
	query := fmt.Sprintf(`{"query":{"match":{"attachment.content":%q}},"highlight":{"fields":{"attachment.content":{}}}}`, word)
	res, err := s.es.Search(s.es.Search.WithIndex(index), s.es.Search.WithBody(bytes.NewReader([]byte(query))))
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, res.Body.Close()) }()
	body, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	found := map[string]string{}
	for _, hit := range gjson.GetBytes(body, "hits.hits").Array() {
		found[hit.Get("_id").String()] = hit.Get(`highlight.attachment\.content.0`).String()
	}
	return found
}

// pdf returns a page with a line of text. The table of its objects says where each begins.
func pdf(text string) []byte {
	page := fmt.Sprintf("BT /F1 18 Tf 72 720 Td (%s) Tj ET", text)
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var at []int
	for i, object := range []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(page), page),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	} {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	table := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, offset := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, table)
	return b.Bytes()
}

// docx returns a letter with a line of text.
func docx(t *testing.T, text string) []byte {
	t.Helper()
	const (
		ooxml    = "application/vnd.openxmlformats-"
		word     = ooxml + "officedocument.wordprocessingml.document.main+xml"
		schemas  = "http://schemas.openxmlformats.org/"
		document = schemas + "officeDocument/2006/relationships/officeDocument"
	)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, part := range [][2]string{
		{"[Content_Types].xml", `<Types xmlns="` + schemas + `package/2006/content-types">` +
			`<Default Extension="rels" ContentType="` + ooxml + `package.relationships+xml"/>` +
			`<Override PartName="/word/document.xml" ContentType="` + word + `"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="` + schemas + `package/2006/relationships">` +
			`<Relationship Id="r1" Type="` + document + `" Target="word/document.xml"/></Relationships>`},
		{"word/document.xml", `<w:document xmlns:w="` + schemas + `wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>` + text +
			`</w:t></w:r></w:p></w:body></w:document>`},
	} {
		w, err := z.Create(part[0])
		require.NoError(t, err)
		_, err = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`+part[1])
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}
