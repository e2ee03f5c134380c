package config

// legacy is a key of Monstache that goatee knows and does not implement. One that would change what is indexed is
// refused, unless it is set to its zero value; one that would not is accepted with a warning.
type legacy struct {
	name string
	// flag is the name on the command line. Default: name.
	flag string
	// env are environment variables that set it.
	env []string
	// isBool says that its flag needs no value; tomlOnly that it has no flag.
	isBool, tomlOnly bool
	refused          bool
	// onByDefault says that true is what it is without being set.
	onByDefault bool
	// keys are those of a table.
	keys []string
	// why says what is missing without it, or why it has no effect.
	why string
}

// isInitial reports whether a key is set to what it would be without being set.
func (l legacy) isInitial(v any) bool {
	if l.onByDefault {
		return v == true
	}
	return isZeroTOML(v)
}

func (l legacy) flagName() string {
	if l.flag != "" {
		return l.flag
	}
	return l.name
}

func legacyKeys() []legacy {
	all := append(refusedKeys(), dependentKeys()...)
	return append(all, harmlessKeys()...)
}

// refusedKeys change what is read or what is indexed.
func refusedKeys() []legacy {
	const scripts = "goatee runs no scripts or plugins; write a transformer in Go"
	all := []legacy{
		{name: "enable-oplog", isBool: true, why: "goatee follows change streams"},
		{name: "mongo-config-url", env: []string{"MONSTACHE_MONGO_CONFIG_URL"}, why: "goatee follows change streams of mongos"},
		{name: "mongo-write-url", env: []string{"MONSTACHE_MONGO_WRITE_URL"}, why: "positions are stored through mongo-url"},
		{name: "replay", isBool: true, why: "streams start at the stored position or now"},
		{name: "resume-from-earliest-timestamp", isBool: true, why: "each stream resumes at its own position"},
		{name: "worker", env: []string{"MONSTACHE_WORKER"}, why: "one process does all the work"},
		{name: "workers", why: "one process does all the work"},
		{name: "enable-patches", isBool: true, why: "no history of patches is kept"},
		{name: "disable-delete-protection", isBool: true, why: "a delete never deletes by query"},
		{name: "mapper-plugin-path", why: scripts},
		{name: "script", tomlOnly: true, why: scripts},
		{name: "filter", tomlOnly: true, why: scripts},
		{name: "pipeline", tomlOnly: true, why: scripts},
		{
			name: "aws-connect", tomlOnly: true, env: []string{"MONSTACHE_AWS_ACCESS_KEY", "MONSTACHE_AWS_SECRET_KEY"},
			why: "requests are not signed for AWS",
		},
		{
			name: "elasticsearch-pki-auth", tomlOnly: true, env: []string{"MONSTACHE_ES_PKI_CERT", "MONSTACHE_ES_PKI_KEY"},
			why: "no client certificate is sent to Elasticsearch",
		},
		{name: "mongo-pem-file", tomlOnly: true, why: "use tlsCAFile in mongo-url"},
		{name: "mongo-x509-settings", tomlOnly: true, why: "use tlsCertificateKeyFile in mongo-url"},
	}
	for i := range all {
		all[i].refused = true
	}
	return all
}

// dependentKeys only say how something works that is refused above.
func dependentKeys() []legacy {
	const (
		oplog   = "it belongs to enable-oplog"
		patches = "it belongs to enable-patches"
	)
	return []legacy{
		{name: "mongo-oplog-database-name", env: []string{"MONSTACHE_MONGO_OPLOG_DB"}, why: oplog},
		{name: "mongo-oplog-collection-name", env: []string{"MONSTACHE_MONGO_OPLOG_COL"}, why: oplog},
		{name: "patch-namespaces", flag: "patch-namespace", env: []string{"MONSTACHE_PATCH_NS"}, why: patches},
		{name: "merge-patch-attribute", why: patches},
		{name: "pipe-allow-disk", isBool: true, why: "it belongs to scripts"},
		{name: "post-processors", why: "it belongs to mapper-plugin-path"},
		{name: "stats-index-format", why: "it belongs to index-stats"},
		{name: "aws-connect.region", tomlOnly: true, env: []string{"MONSTACHE_AWS_REGION"}, why: "it belongs to aws-connect"},
	}
}

// harmlessKeys never changed what is indexed, or say what goatee does anyway.
func harmlessKeys() []legacy {
	const logs = "goatee logs to standard error; the service manager keeps and rotates logs"
	return []legacy{
		{name: "debug", isBool: true, why: "use verbose"},
		{name: "index-stats", isBool: true, why: "counters are not written to Elasticsearch; they go to the log and to /stats"},
		{name: "enable-easy-json", isBool: true, why: "there is one JSON encoder"},
		{name: "fail-fast", isBool: true, why: "a fatal error always stops; a refused document is logged and harms no other"},
		{name: "resume-write-unsafe", isBool: true, why: "positions are always written durably"},
		{name: "direct-read-no-timeout", isBool: true, why: "direct reads reopen a cursor that timed out"},
		{name: "direct-read-bounded", isBool: true, why: "direct reads end where the collection ends; later changes come from change streams"},
		{name: "elasticsearch-retry", isBool: true, why: "what may pass is always retried"},
		{name: "file-highlighting", isBool: true, why: "attachment.content can always be highlighted"},
		{name: "relate-threads", why: "related documents are read as the pipeline takes them"},
		{name: "relate-buffer", why: "no relation is ever skipped: a full pipeline makes the change stream wait"},
		{name: "elasticsearch-version", why: "no behaviour depends on it"},
		{name: "elasticsearch-healthcheck-timeout-startup", why: "the start check has its own limit"},
		{name: "elasticsearch-healthcheck-timeout", why: "a node that fails is left out by itself"},
		{name: "backoff-exempt-status-codes", tomlOnly: true, why: "a refused document never delays others"},
		{name: "gtm-settings", tomlOnly: true, keys: []string{"channel-size", "buffer-size", "buffer-duration", "max-await-time"}, why: "memory is bounded in bytes, not in channel slots"},
		{
			name: "logs", tomlOnly: true, env: []string{"MONSTACHE_LOG_DIR"}, why: logs,
			keys: []string{"info", "warn", "error", "trace", "stats"},
		},
		{
			name: "log-rotate", tomlOnly: true, why: logs,
			env:  []string{"MONSTACHE_LOG_MAX_SIZE", "MONSTACHE_LOG_MAX_AGE", "MONSTACHE_LOG_MAX_BACKUPS"},
			keys: []string{"max-size", "max-age", "max-backups", "localtime", "compress"},
		},
		{name: "graylog-addr", env: []string{"MONSTACHE_GRAYLOG_ADDR"}, why: logs},
		{name: "mongo-validate-pem-file", tomlOnly: true, onByDefault: true, why: "use tlsInsecure in mongo-url"},
		{
			name: "mongo-dial-settings", tomlOnly: true, why: "use tls, connectTimeoutMS and the like in mongo-url",
			keys: []string{"ssl", "timeout", "read-timeout", "write-timeout"},
		},
		{
			name: "mongo-session-settings", tomlOnly: true, why: "use socketTimeoutMS and the like in mongo-url",
			keys: []string{"socket-timeout", "sync-timeout"},
		},
	}
}
