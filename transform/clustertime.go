package transform

import (
	"context"
	"time"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonedit"
)

// ClusterTime adds two fields to each document, without decoding it: the cluster time of the change, which Elasticsearch
// gets as {"T": seconds, "I": increment}, and its date in UTC in a layout as of time.Time.Format. For direct reads it is
// the time at which the read was begun. The names are top-level fields; what a document has there is replaced.
func ClusterTime(clusterTime, date, layout string) goatee.Transformer {
	paths := [2]bsonedit.Path{}
	for i, name := range []string{clusterTime, date} {
		path, err := parsePath("ClusterTime", name)
		if err != nil {
			return &perChange{err: err}
		}
		if len(path) != 1 {
			return &perChange{err: misuse("ClusterTime", "path "+quote(name), "name a top-level field")}
		}
		paths[i] = path
	}
	switch {
	case clusterTime == date:
		return &perChange{err: misuse("ClusterTime", "both fields have the name "+quote(date), "give each a name of its own")}
	case layout == "":
		return &perChange{err: misuse("ClusterTime", "the layout is empty", "give one such as 2006-01-02")}
	}
	return perDocument(func(_ context.Context, c *goatee.Change, a *goatee.Action) error {
		ts, err := bsonedit.EncodeValue(c.ClusterTime)
		if err != nil {
			return err
		}
		text, err := bsonedit.EncodeValue(time.Unix(int64(c.ClusterTime.T), 0).UTC().Format(layout))
		if err != nil {
			return err
		}
		var editor bsonedit.Editor
		return editAction(&editor, []bsonedit.Edit{bsonedit.Set(paths[0], ts), bsonedit.Set(paths[1], text)}, a)
	})
}
