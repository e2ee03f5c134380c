package main

import (
	"log/slog"
	"strings"

	"github.com/goatee-sync/goatee/cluster"
	"github.com/goatee-sync/goatee/gridfs"
	"github.com/goatee-sync/goatee/resume"
	"github.com/goatee-sync/goatee/sink"
	"github.com/goatee-sync/goatee/source"
)

// keys are the daemon's keys by what the library calls the same setting. A word that contains another comes first.
var keys = []string{
	sink.SettingAddress, "elasticsearch-urls",
	sink.SettingCredentials, "elasticsearch-user, elasticsearch-password, elasticsearch-api-key",
	"sink.WithIndexPattern", "delete-index-pattern",
	"sink.WithRoutedNamespaces", "routing-namespaces",
	"sink.NewStateful", "delete-strategy",
	"sink.WithHistoryNamespaces", "time-machine-namespaces",
	"sink.WithHistoryPrefix", "time-machine-index-prefix",
	"sink.WithHistorySuffix", "time-machine-index-suffix",
	"sink.WithHistoryFields", "oplog-ts-field-name, oplog-date-field-name, oplog-date-field-format",
	gridfs.SettingCredentials, "mongo-url",
	source.SettingAddress, "mongo-url",
	source.SettingCredentials, "mongo-url",
	source.SettingDeployment, "mongo-url",
	source.SettingTarget, "change-stream-namespaces",
	source.SettingNamespace, "direct-read-namespaces",
	source.SettingPipeline, "pipeline",
	source.SettingFullDocument, "change-stream-namespaces",
	resume.SettingDatabase, "config-database-name",
	resume.SettingName, "resume-name",
	resume.SettingDocument, "stored position",
	resume.SettingFile, "position file",
	cluster.SettingCollection, "config-database-name",
	cluster.SettingName, "cluster-name",
	cluster.SettingEven, "workers",
	cluster.SettingRing, "workers",
	cluster.SettingShare, "worker",
	"relate.Relation.Namespace", "relate.namespace",
	"relate.Relation.WithNamespace", "relate.with-namespace",
	"relate.Relation.SrcField", "relate.src-field",
	"relate.Relation.MatchFieldType", "relate.match-field-type",
	"relate.Relation.MatchField", "relate.match-field",
	"relate.Relation.MaxDepth", "relate.max-depth",
	sink.SettingIngestPipeline, "index-files",
	"transform.Index", "mapping",
	"transform.ClusterTime", "oplog-ts-field-name, oplog-date-field-name, oplog-date-field-format",
}

// translate replaces the library's names of settings by the daemon's keys.
func translate(message string) string { return strings.NewReplacer(keys...).Replace(message) }

// translateErrors does so in the attributes of a log line.
func translateErrors(_ []string, a slog.Attr) slog.Attr {
	if err, ok := a.Value.Any().(error); ok {
		return slog.String(a.Key, translate(err.Error()))
	}
	return a
}
