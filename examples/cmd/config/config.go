// Package config assembles the daemon's settings from flags, environment variables, a TOML file and defaults, and checks
// them before anything is connected. One table (options.go) defines every setting; flags, variables, TOML keys,
// suggestions, -print-config and CONFIG.md follow from it.
package config

import (
	"time"

	"github.com/goatee-sync/goatee/transform/relate"
)

// Config is what the daemon runs with. Its fields are documented by the table in options.go.
type Config struct {
	MongoURL string

	ElasticsearchURLs            []string
	ElasticsearchUser            string
	ElasticsearchPassword        string
	ElasticsearchAPIKey          string
	ElasticsearchPEMFile         string
	ElasticsearchValidatePEMFile bool
	ElasticsearchClientTimeout   int
	ElasticsearchMaxConns        int
	ElasticsearchMaxDocs         int
	ElasticsearchMaxBytes        int
	ElasticsearchMaxSeconds      int
	PaceMilliseconds             int
	Gzip                         bool

	DirectReadNamespaces          []string
	DirectReadDynamicIncludeRegex string
	DirectReadDynamicExcludeRegex string
	DirectReadSplitMax            int
	DirectReadConcur              int
	DirectReadStateful            bool
	ExitAfterDirectReads          bool

	ChangeStreamNamespaces    []string
	DisableChangeEvents       bool
	NamespaceRegex            string
	NamespaceExcludeRegex     string
	NamespaceDropRegex        string
	NamespaceDropExcludeRegex string
	DroppedDatabases          bool
	DroppedCollections        bool

	Resume              bool
	ResumeName          string
	ResumeStrategy      int
	ResumeFromTimestamp int64
	ConfigDatabaseName  string
	ClusterName         string

	Mappings []Mapping
	Relates  []relate.Relation
	// Files are the keys about GridFS.
	Files              Files
	IndexAsUpdate      bool
	PruneInvalidJSON   bool
	ShortDoubles       bool
	DeleteStrategy     int
	DeleteIndexPattern string
	RoutingNamespaces  []string
	ClusterTime        ClusterTime
	TimeMachine        TimeMachine

	EnableHTTPServer bool
	HTTPServerAddr   string
	PProf            bool
	Verbose          bool
	Stats            bool
	StatsDuration    time.Duration

	// PrintConfig and ShowVersion ask for a printout instead of a run.
	PrintConfig bool
	ShowVersion bool
	// Warnings are about settings that are accepted and have no effect.
	Warnings []string
}

// Mapping says where the documents of a namespace go, or those of all namespaces that a pattern matches as a whole.
type Mapping struct {
	Namespace string
	Pattern   string
	// Index may hold $1 for the first group of a pattern.
	Index    string
	Pipeline string
}

// The values of resume-strategy.
const (
	ResumeByTimestamp = 0
	ResumeByToken     = 1
)

// The values of delete-strategy.
const (
	DeleteStateless = 0
	DeleteStateful  = 1
	DeleteIgnore    = 2
)

// Default returns the settings of a daemon that is not configured: it follows the whole deployment on this machine.
func Default() Config {
	return Config{
		MongoURL:                     "mongodb://localhost:27017",
		ElasticsearchURLs:            []string{"http://127.0.0.1:9200"},
		ElasticsearchValidatePEMFile: true,
		ElasticsearchMaxConns:        4,
		ElasticsearchMaxDocs:         -1,
		ElasticsearchMaxBytes:        8 << 20,
		ElasticsearchMaxSeconds:      1,
		PaceMilliseconds:             100,
		ChangeStreamNamespaces:       []string{""},
		DroppedDatabases:             true,
		DroppedCollections:           true,
		ResumeName:                   "default",
		ConfigDatabaseName:           "monstache",
		DeleteIndexPattern:           "*",
		ClusterTime:                  defaultClusterTime(),
		TimeMachine:                  defaultTimeMachine(),
		HTTPServerAddr:               ":8080",
		StatsDuration:                30 * time.Second,
	}
}

// DiscoverDirectReads reports whether direct-read-namespaces is exactly [""]: read whatever collections there are.
func (c *Config) DiscoverDirectReads() bool {
	return len(c.DirectReadNamespaces) == 1 && c.DirectReadNamespaces[0] == ""
}
