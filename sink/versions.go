package sink

import (
	"context"
	"net/http"
	"net/url"

	"github.com/tidwall/gjson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// getIDs is how many documents one request asks for.
const getIDs = 1000

// versions asks which documents there are, and for their versions. It sees what has just been written. Where that cannot
// be told, as for a closed index, a document may be there: its version is 0 then.
func (b *Bulk) versions(ctx context.Context, targets []goatee.Target) (map[goatee.Target]int64, error) {
	found := map[goatee.Target]int64{}
	for start := 0; start < len(targets); start += getIDs {
		if err := b.getVersions(ctx, targets[start:min(start+getIDs, len(targets))], found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (b *Bulk) getVersions(ctx context.Context, targets []goatee.Target, found map[goatee.Target]int64) error {
	res, err := b.insist(ctx, ask{
		method: http.MethodPost, path: "/_mget", body: getQuery(targets), final: settledOrForbidden,
		query: url.Values{"_source": {"false"}, "filter_path": {"docs.found,docs._version,docs.error.type"}},
	})
	if err != nil {
		return err
	}
	docs := gjson.GetBytes(res.body, "docs").Array()
	if len(docs) != len(targets) {
		for _, t := range targets {
			found[t] = 0
		}
		return nil
	}
	for i, doc := range docs {
		if doc.Get("found").Bool() || mayBeThere(doc.Get("error.type").String()) {
			found[targets[i]] = doc.Get("_version").Int()
		}
	}
	return nil
}

// mayBeThere reports whether an error about a document leaves open whether it exists.
func mayBeThere(errType string) bool {
	return errType != "index_not_found_exception" && (isBlocked(errType, "") || isTransientType(errType, ""))
}

func getQuery(targets []goatee.Target) string {
	b := []byte(`{"docs":[`)
	for i, t := range targets {
		if i > 0 {
			b = append(b, ',')
		}
		b = bsonjson.AppendString(append(b, `{"_index":`...), t.Index)
		b = bsonjson.AppendString(append(b, `,"_id":`...), t.ID)
		b = append(b, '}')
	}
	return string(append(b, `]}`...))
}
