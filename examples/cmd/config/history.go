package config

// TimeMachine says of which namespaces every change is recorded, and where.
type TimeMachine struct {
	Namespaces  []string
	Prefix      string
	Suffix      string
	DirectReads bool
	Deletes     bool
}

func defaultTimeMachine() TimeMachine { return TimeMachine{Prefix: "log", Suffix: "2006-01-02"} }

func historyOptions(c *Config) []option {
	h := &c.TimeMachine
	return []option{
		{
			name: "time-machine-namespaces", flag: "time-machine-namespace", env: "MONSTACHE_TIME_MACHINE_NS",
			value: list(&h.Namespaces), check: collectionNamespace,
			doc: "namespaces of which every change is recorded as an entry of its own",
		},
		{
			name: "time-machine-index-prefix", value: text(&h.Prefix),
			doc: "what the names of indices with such entries begin with: prefix.index.date",
		},
		{
			name: "time-machine-index-suffix", value: text(&h.Suffix),
			doc: "layout of the change's date at their end, in Go's notation",
		},
		{
			name: "time-machine-direct-reads", value: toggle(&h.DirectReads),
			doc: "record the documents that direct reads bring too",
		},
		{
			name: "time-machine-deletes", value: toggle(&h.Deletes),
			doc: "record deletes too, by entries whose `_source_deleted` is true",
		},
	}
}
