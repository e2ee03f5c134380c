package testservers

import (
	"embed"
	"fmt"
	"path"
)

// Elasticsearch7 is Elasticsearch 7.17.28 with reindexing, parent-join and mapper-extras.
const Elasticsearch7 = "elasticsearch-7.17.28"

//go:embed kinds
var kindFiles embed.FS

// kind is a search server that is installed from Maven. The folder kinds/NAME holds its launcher and the SHA-256 of
// every jar.
type kind struct {
	name      string
	artifacts []string // group:artifact:version
	plugins   []string // class names
	jvm       []string // flags in addition to those of every kind
	settings  []string // in addition to those of every kind
}

func kinds() []kind {
	return []kind{
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

func findKind(name string) (kind, error) {
	for _, k := range kinds() {
		if k.name == name {
			return k, nil
		}
	}
	return kind{}, fmt.Errorf("testservers: Kind(%q) is not known", name)
}

// file returns a file of the kind's folder.
func (k kind) file(name string) ([]byte, error) {
	return kindFiles.ReadFile(path.Join("kinds", k.name, name))
}
