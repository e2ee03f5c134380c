package config

// option is one setting: where it comes from, what it means, how its texts are checked and hidden.
type option struct {
	// name is the TOML key.
	name string
	// flag is the name on the command line. Default: name. A list's flag is singular and repeatable.
	flag string
	// env is the environment variable, or "" for none.
	env string
	// doc is one sentence for -help and CONFIG.md.
	doc string
	// value is the field of Config.
	value value
	// check, when not nil, is called with the text, or with each text of a list.
	check func(text string) error
	// redact, when not nil, hides what must not be printed.
	redact func(text string) string
	// tomlOnly settings are tables: they have neither flag nor variable.
	tomlOnly bool
}

func (o option) flagName() string {
	if o.flag != "" {
		return o.flag
	}
	return o.name
}

// options binds every setting to its field of c. The order is that of -help, -print-config and CONFIG.md.
func options(c *Config) []option {
	var all []option
	for _, group := range [][]option{
		mongoOptions(c), elasticsearchOptions(c), changeStreamOptions(c), directReadOptions(c), resumeOptions(c),
		indexOptions(c), fileOptions(&c.Files), clusterTimeOptions(&c.ClusterTime), historyOptions(c), daemonOptions(c),
	} {
		all = append(all, group...)
	}
	return all
}

func mongoOptions(c *Config) []option {
	return []option{
		{
			name: "mongo-url", env: "MONSTACHE_MONGO_URL", value: text(&c.MongoURL), check: mongoURL, redact: RedactURL,
			doc: "MongoDB connection string, with everything such a string can say",
		},
		{
			name: "config-database-name", value: text(&c.ConfigDatabaseName), check: databaseName,
			doc: "MongoDB database for positions; its own changes are never synchronized",
		},
	}
}

func elasticsearchOptions(c *Config) []option {
	return []option{
		{
			name: "elasticsearch-urls", flag: "elasticsearch-url", env: "MONSTACHE_ES_URLS",
			value: list(&c.ElasticsearchURLs), check: elasticsearchURL, redact: RedactURL,
			doc: "Elasticsearch nodes, used in turn; without a scheme it is http://, or https:// if another node has that",
		},
		{
			name: "elasticsearch-user", env: "MONSTACHE_ES_USER", value: text(&c.ElasticsearchUser), redact: redactAll,
			doc: "user for basic authentication",
		},
		{
			name: "elasticsearch-password", env: "MONSTACHE_ES_PASS", value: text(&c.ElasticsearchPassword), redact: redactAll,
			doc: "password for basic authentication",
		},
		{
			name: "elasticsearch-api-key", env: "MONSTACHE_ES_API_KEY", value: text(&c.ElasticsearchAPIKey), redact: redactAll,
			doc: "API key, as id:key or as base64 of that; takes precedence over user and password",
		},
		{
			name: "elasticsearch-pem-file", env: "MONSTACHE_ES_PEM", value: text(&c.ElasticsearchPEMFile),
			doc: "PEM file with the certificate authorities to trust instead of the system's",
		},
		{
			name: "elasticsearch-validate-pem-file", env: "MONSTACHE_ES_VALIDATE_PEM",
			value: toggle(&c.ElasticsearchValidatePEMFile), doc: "verify Elasticsearch's certificate",
		},
		{
			name: "elasticsearch-client-timeout", value: number(&c.ElasticsearchClientTimeout, 0),
			doc: "limit for a whole request, in seconds; 0 is one minute",
		},
		{
			name: "elasticsearch-max-conns", value: numberBetween(&c.ElasticsearchMaxConns, 1, 1024),
			doc: "bulk requests under way at once: the number of lanes",
		},
		{
			name: "elasticsearch-max-docs", value: number(&c.ElasticsearchMaxDocs, -1),
			doc: "actions in one bulk request; -1 or 0 is no limit but that of bytes",
		},
		{
			name: "elasticsearch-max-bytes", value: number(&c.ElasticsearchMaxBytes, 1),
			doc: "bytes in one bulk request; a single larger document still goes, alone",
		},
		{
			name: "elasticsearch-max-seconds", value: number(&c.ElasticsearchMaxSeconds, 0),
			doc: "longest wait of a change for its bulk request, in seconds; pace-milliseconds is usually shorter",
		},
		{
			name: "pace-milliseconds", value: count(&c.PaceMilliseconds, 60_000),
			doc: "about how long changes may wait, while many come, to be looked up and written together; a change that comes " +
				"alone never waits; 0 waits for nothing and costs all servers several times the CPU",
		},
		{
			name: "gzip", value: toggle(&c.Gzip),
			doc: "compress request bodies; worth it below about 100 MB/s of network",
		},
	}
}

func changeStreamOptions(c *Config) []option {
	return []option{
		{
			name: "change-stream-namespaces", flag: "change-stream-namespace", env: "MONSTACHE_CHANGE_STREAM_NS",
			value: list(&c.ChangeStreamNamespaces), check: streamNamespace,
			doc: `one change stream for each: "database.collection", "database", or "" for the whole deployment`,
		},
		{
			name: "disable-change-events", value: toggle(&c.DisableChangeEvents),
			doc: "open no change stream; only direct reads then",
		},
		{
			name: "namespace-regex", env: "MONSTACHE_NS_REGEX", value: text(&c.NamespaceRegex), check: pattern,
			doc: "keep only changes of namespaces that match; drops have their own pattern",
		},
		{
			name: "namespace-exclude-regex", env: "MONSTACHE_NS_EXCLUDE_REGEX", value: text(&c.NamespaceExcludeRegex), check: pattern,
			doc: "ignore changes of namespaces that match",
		},
		{
			name: "namespace-drop-regex", env: "MONSTACHE_NS_DROP_REGEX", value: text(&c.NamespaceDropRegex), check: pattern,
			doc: "apply only drops that match; a database's drop is matched as database.$cmd and as database.cmd",
		},
		{
			name: "namespace-drop-exclude-regex", env: "MONSTACHE_NS_DROP_EXCLUDE_REGEX",
			value: text(&c.NamespaceDropExcludeRegex), check: pattern, doc: "ignore drops that match",
		},
		{
			name: "dropped-databases", value: toggle(&c.DroppedDatabases),
			doc: "delete the indices of a dropped database",
		},
		{
			name: "dropped-collections", value: toggle(&c.DroppedCollections),
			doc: "delete the index of a dropped collection",
		},
	}
}

func directReadOptions(c *Config) []option {
	return []option{
		{
			name: "direct-read-namespaces", flag: "direct-read-namespace", env: "MONSTACHE_DIRECT_READ_NS",
			value: list(&c.DirectReadNamespaces),
			doc:   `collections and views to read whole at the start, next to the change streams; exactly [""] reads all there are`,
		},
		{
			name: "direct-read-dynamic-include-regex", env: "MONSTACHE_DIRECT_READ_NS_DYNAMIC_INCLUDE_REGEX",
			value: text(&c.DirectReadDynamicIncludeRegex), check: pattern,
			doc: `with direct-read-namespaces = [""]: read only namespaces that match`,
		},
		{
			name: "direct-read-dynamic-exclude-regex", env: "MONSTACHE_DIRECT_READ_NS_DYNAMIC_EXCLUDE_REGEX",
			value: text(&c.DirectReadDynamicExcludeRegex), check: pattern,
			doc: `with direct-read-namespaces = [""]: do not read namespaces that match`,
		},
		{
			name: "direct-read-split-max", value: number(&c.DirectReadSplitMax, anyNumber),
			doc: "chunks of a collection that are read at once; 0 is two, a negative number is one",
		},
		{
			name: "direct-read-concur", value: number(&c.DirectReadConcur, 0),
			doc: "namespaces read at once; 0 is all",
		},
		{
			name: "direct-read-stateful", value: toggle(&c.DirectReadStateful),
			doc: "remember complete reads in MongoDB and do not repeat them",
		},
		{
			name: "exit-after-direct-reads", value: toggle(&c.ExitAfterDirectReads),
			doc: "stop when all direct reads are complete and in Elasticsearch; the exit code is 1 if one failed or documents were refused",
		},
	}
}

func resumeOptions(c *Config) []option {
	return []option{
		{
			name: "resume", value: toggle(&c.Resume),
			doc: "keep positions in MongoDB and go on from there; without it a start follows changes from now on",
		},
		{
			name: "resume-name", value: text(&c.ResumeName),
			doc: "name of the stored positions; with cluster-name the cluster's",
		},
		{
			name: "resume-strategy", value: choice(&c.ResumeStrategy, ResumeByTimestamp, ResumeByToken),
			doc: "0 stores cluster times, 1 stores the resume token of each stream",
		},
		{
			name: "resume-from-timestamp", value: number64(&c.ResumeFromTimestamp),
			doc: "start every stream here, whatever is stored: Unix seconds, or seconds<<32|increment; strategy 0 only",
		},
		{
			name: "cluster-name", env: "MONSTACHE_CLUSTER", value: text(&c.ClusterName),
			doc: "processes of one name elect one that works, the others stand by; turns resume on",
		},
	}
}

func indexOptions(c *Config) []option {
	return []option{
		{
			name: "mapping", value: mappings(&c.Mappings), tomlOnly: true,
			doc: "[[mapping]] tables of namespace, index and pipeline: where a collection's documents go; with pattern instead of " +
				"namespace, $1 in index is the first group of the regular expression",
		},
		{
			name: "relate", value: relates(&c.Relates), tomlOnly: true,
			doc: "[[relate]] tables of namespace, with-namespace, src-field, match-field, match-field-type, dot-notation, keep-src " +
				"and max-depth: a change of namespace brings the documents of with-namespace, a collection or view, whose " +
				"match-field equals its src-field (both _id by default)",
		},
		{
			name: "index-as-update", value: toggle(&c.IndexAsUpdate),
			doc: "merge documents into those in Elasticsearch (update with doc_as_upsert) instead of replacing them: fields that " +
				"others wrote stay, and so do fields that have been removed in MongoDB; updates carry no version, and documents " +
				"with an ingest pipeline are replaced all the same",
		},
		{
			name: "short-doubles", value: toggle(&c.ShortDoubles),
			doc: "write a double without a fraction as 30 instead of 30.0, as Monstache does; Elasticsearch then maps a new field " +
				"by whichever document comes first",
		},
		{
			name: "prune-invalid-json", value: toggle(&c.PruneInvalidJSON),
			doc: "leave out values JSON cannot say (NaN, infinities, dates beyond year 9999) instead of refusing the document",
		},
		{
			name: "delete-strategy", value: choice(&c.DeleteStrategy, DeleteStateless, DeleteStateful, DeleteIgnore),
			doc: "how a document of routing-namespaces is found: 0 by a search, 1 by a record in MongoDB; 2 ignores all deletes",
		},
		{
			name: "delete-index-pattern", value: text(&c.DeleteIndexPattern),
			doc: "indices that delete-strategy 0 searches",
		},
		{
			name: "routing-namespaces", flag: "routing-namespace", value: list(&c.RoutingNamespaces), check: routingNamespace,
			doc: `namespaces whose documents may be in other indices or under other routing than the default; "" is all`,
		},
	}
}

func daemonOptions(c *Config) []option {
	return []option{
		{
			name: "enable-http-server", value: toggle(&c.EnableHTTPServer),
			doc: "serve /healthz, /ready, /started, /stats and /instance",
		},
		{
			name: "http-server-addr", env: "MONSTACHE_HTTP_ADDR", value: text(&c.HTTPServerAddr), check: listenAddress,
			doc: "address of the HTTP server",
		},
		{
			name: "pprof", value: toggle(&c.PProf),
			doc: "add /debug/pprof to the HTTP server",
		},
		{
			name: "verbose", value: toggle(&c.Verbose),
			doc: "log what is useful when looking for a fault",
		},
		{
			name: "stats", value: toggle(&c.Stats),
			doc: "log counters every stats-duration",
		},
		{
			name: "stats-duration", value: duration(&c.StatsDuration),
			doc: "interval of stats, in Go's notation such as 30s",
		},
		{
			name: "print-config", value: toggle(&c.PrintConfig),
			doc: "print the settings in effect as TOML, without secrets, and exit",
		},
	}
}
