package testservers

import (
	"embed"
	"fmt"
	"path"
)

// Elasticsearch7 is Elasticsearch 7.17.28 with reindexing, parent-join and mapper-extras.
const Elasticsearch7 = "elasticsearch-7.17.28"

// Elasticsearch7Attachment is Elasticsearch7 with the ingest processor attachment. It is not among what Maven has, so the
// extractor that it wraps, Apache Tika, is behind one of our own: text, PDF and Microsoft's formats.
const Elasticsearch7Attachment = "elasticsearch-7.17.28-attachment"

//go:embed kinds
var kindFiles embed.FS

// kind is a search server that is installed from Maven. The folder kinds/NAME holds its launcher, unless it is that of
// another kind, the SHA-256 of every jar and the sources of plugins of our own.
type kind struct {
	name      string
	launcher  string   // the kind whose launcher it has; "" is itself
	sources   []string // Java files to compile with the launcher
	artifacts []string // group:artifact:version
	plugins   []string // class names
	jvm       []string // flags in addition to those of every kind
	settings  []string // in addition to those of every kind
}

func kinds() []kind {
	return []kind{
		elasticsearch7Attachment(),
		{
			name: Elasticsearch7,
			artifacts: []string{
				"org.elasticsearch:elasticsearch:7.17.28",
				"org.elasticsearch.plugin:transport-netty4-client:7.17.28",
				"org.elasticsearch.plugin:parent-join-client:7.17.28",
				"org.elasticsearch.plugin:reindex-client:7.17.28",
				"org.elasticsearch.plugin:mapper-extras-client:7.17.28",
			},
			plugins: []string{
				"org.elasticsearch.transport.Netty4Plugin",
				"org.elasticsearch.join.ParentJoinPlugin",
				"org.elasticsearch.reindex.ReindexPlugin",
				"org.elasticsearch.index.mapper.MapperExtrasPlugin",
			},
			jvm: []string{"-Des.distribution.flavor=default", "-Des.distribution.type=tar"},
		},
	}
}

func elasticsearch7Attachment() kind {
	return kind{
		name:     Elasticsearch7Attachment,
		launcher: Elasticsearch7,
		sources:  []string{"AttachmentPlugin.java"},
		artifacts: []string{
			"org.elasticsearch:elasticsearch:7.17.28",
			"org.elasticsearch.plugin:transport-netty4-client:7.17.28",
			"org.apache.tika:tika-core:2.9.2",
			"org.apache.tika:tika-parser-text-module:2.9.2",
			"org.apache.tika:tika-parser-pdf-module:2.9.2",
			"org.apache.tika:tika-parser-microsoft-module:2.9.2",
		},
		plugins: []string{"org.elasticsearch.transport.Netty4Plugin", "AttachmentPlugin"},
		jvm:     []string{"-Des.distribution.flavor=default", "-Des.distribution.type=tar"},
	}
}

func findKind(name string) (kind, error) {
	for _, k := range kinds() {
		if k.name == name {
			return k, nil
		}
	}
	return kind{}, fmt.Errorf("testservers: Kind(%q) is not known", name)
}

// java returns the launcher and the other sources by file name.
func (k kind) java() (map[string][]byte, error) {
	launched := k
	if k.launcher != "" {
		launched.name = k.launcher
	}
	launcher, err := launched.file("Launcher.java")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"Launcher.java": launcher}
	for _, name := range k.sources {
		if files[name], err = k.file(name); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// file returns a file of the kind's folder.
func (k kind) file(name string) ([]byte, error) {
	return kindFiles.ReadFile(path.Join("kinds", k.name, name))
}
