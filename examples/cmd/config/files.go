package config

import (
	"fmt"
	"strings"
)

// Files says which files in GridFS get their content into Elasticsearch.
type Files struct {
	// Index has the documents of Namespaces carry the content of their files. Then there is at least one.
	Index      bool
	Namespaces []string
	// MaxSize is the size in bytes above which content is left out; 0 is the library's default.
	MaxSize int64
	// Downloaders is how many files a source reads at once; 0 is the library's default.
	Downloaders        int
	DisablePipelinePut bool
}

func fileOptions(f *Files) []option {
	return []option{
		{
			name: "index-files", value: toggle(&f.Index),
			doc: "add the content of GridFS files to the documents of file-namespaces, as base64 in the field file, and send them " +
				"through the ingest pipeline attachment, which extracts their text into attachment.content; Elasticsearch 7 needs " +
				"its plug-in ingest-attachment",
		},
		{
			name: "file-namespaces", flag: "file-namespace", env: "MONSTACHE_FILE_NS", value: list(&f.Namespaces),
			doc: `with index-files: the collections of files, such as "shop.fs.files"; change-stream-namespaces and ` +
				`direct-read-namespaces say how they are read, as for any other`,
		},
		{
			name: "max-file-size", value: number64(&f.MaxSize),
			doc: "size in bytes above which a file is not read and its file stays empty; 0 is 67108864, the most is 1073741824; " +
				"Elasticsearch must take requests of 4/3 of it",
		},
		{
			name: "file-downloaders", value: count(&f.Downloaders, 256),
			doc: "files that each change stream and direct read reads at once, with at most 32 MiB of text read ahead; 0 is 4",
		},
		{
			name: "disable-file-pipeline-put", value: toggle(&f.DisablePipelinePut),
			doc: "do not create the ingest pipeline attachment at the start: it is there",
		},
	}
}

// checkFiles finds files that are asked for without a collection. Without index-files the other keys mean nothing, as in
// Monstache, where many leave them in the file.
func (s *settings) checkFiles() {
	const key = "file-namespaces"
	f := &s.config.Files
	switch {
	case s.anyFailed(key, "index-files"):
	case !f.Index && len(f.Namespaces) > 0:
		s.warn("%s%s has no effect without index-files", key, s.origin(key))
	case f.Index && len(f.Namespaces) == 0:
		s.fail("index-files", s.origin("index-files"), &remedyError{
			"file-namespaces is missing: it names the collections of files",
			`set file-namespaces, such as ["shop.fs.files"], or remove index-files`,
		})
	case f.Index:
		s.checkFileNamespaces(f.Namespaces)
	}
}

func (s *settings) checkFileNamespaces(namespaces []string) {
	const key = "file-namespaces"
	for _, ns := range namespaces {
		err := collectionNamespace(ns)
		if _, collection, _ := strings.Cut(ns, "."); err == nil && (!strings.HasSuffix(collection, ".files") || collection == ".files") {
			err = &remedyError{
				fmt.Sprintf("%q is not a collection of files", ns), "name the bucket's collection that ends in .files, such as shop.fs.files",
			}
		}
		if err != nil {
			s.fail(key, s.origin(key), err)
			return
		}
	}
}
