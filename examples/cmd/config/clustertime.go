package config

// ClusterTime says whether documents tell the time of their last change, and in which fields. The names are also those
// of time machine entries.
type ClusterTime struct {
	Index      bool
	TSField    string
	DateField  string
	DateFormat string
}

func defaultClusterTime() ClusterTime {
	return ClusterTime{TSField: "oplog_ts", DateField: "oplog_date", DateFormat: "2006/01/02 15:04:05"}
}

func clusterTimeOptions(t *ClusterTime) []option {
	return []option{
		{
			name: "index-oplog-time", value: toggle(&t.Index),
			doc: "add the cluster time of the last change and its date to each document; a direct read's is when it was begun",
		},
		{
			name: "oplog-ts-field-name", value: text(&t.TSField),
			doc: `name of the field with the cluster time, {"T": seconds, "I": increment}, in documents and in time machine entries`,
		},
		{
			name: "oplog-date-field-name", value: text(&t.DateField),
			doc: "name of the field with its date",
		},
		{
			name: "oplog-date-field-format", value: text(&t.DateFormat),
			doc: "layout of that date, in UTC, in Go's notation",
		},
	}
}
