package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// historyPage is how many entries one search returns.
const historyPage = 200

// Entry is what a [TimeMachine] has recorded of one change.
type Entry struct {
	// Index is where the entry is.
	Index string
	// ClusterTime is that of the change.
	ClusterTime primitive.Timestamp
	// Deleted says that the document was deleted: Document is {} then.
	Deleted bool
	// Document is the document after the change, without the fields that the time machine has added.
	Document json.RawMessage
	// Source is the entry as Elasticsearch holds it.
	Source json.RawMessage
}

// History reads what a [TimeMachine] with the same options has recorded. It asks one shard of each index of a document's
// history, and all shards for an id with a comma. It is safe for concurrent use.
type History struct {
	client  Client
	config  timeMachineConfig
	timeout time.Duration
}

// NewHistory returns a reader. Only those options count that say where entries are and what their fields are called.
func NewHistory(client Client, opts ...TimeMachineOption) (*History, error) {
	if client == nil {
		return nil, misuse("NewHistory", "client is nil", "give the client of Elasticsearch")
	}
	c, err := newTimeMachineConfig(opts)
	if err != nil {
		return nil, err
	}
	return &History{client: client, config: c, timeout: defaults().requestTimeout}, nil
}

// Entries returns all entries of the document with an id in an index, such as "shop.orders", the oldest first. It finds
// what has been written before the call. The first error ends it.
func (h *History) Entries(ctx context.Context, index, id string) iter.Seq2[Entry, error] {
	return h.walk(ctx, historyQuery{index: index, id: id, order: "asc"})
}

// AsOf returns the entry of the last change at or before a time, to the second: what the document was then. ok is false
// when nothing had been recorded of it by that time.
func (h *History) AsOf(ctx context.Context, index, id string, at time.Time) (e Entry, ok bool, err error) {
	for e, err := range h.walk(ctx, historyQuery{index: index, id: id, order: "desc", until: &at}) {
		return e, err == nil, err
	}
	return Entry{}, false, nil
}

// historyQuery is what one walk looks for.
type historyQuery struct {
	index, id, order string
	until            *time.Time
}

func (h *History) walk(ctx context.Context, q historyQuery) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		prefix := strings.ToLower(h.config.prefix + "." + q.index + ".")
		if err := h.refresh(ctx, prefix+"*"); err != nil {
			yield(Entry{}, err)
			return
		}
		for after := ""; ; {
			hits, err := h.search(ctx, prefix+"*", q, after)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, hit := range hits {
				after = hit.Get("sort").Raw
				if h.belongs(hit, prefix, q.id) && !yield(h.entry(hit), nil) {
					return
				}
			}
			if len(hits) < historyPage {
				return
			}
		}
	}
}

// belongs reports whether a hit is an entry of the document: "shop.*" matches the history of shop.orders too, and ids that
// are analysed alike differ.
func (h *History) belongs(hit gjson.Result, prefix, id string) bool {
	suffix, ok := strings.CutPrefix(hit.Get("_index").String(), prefix)
	if !ok || hit.Get("_source."+sourceIDField).String() != id {
		return false
	}
	_, err := time.Parse(h.config.suffix, suffix)
	return err == nil
}

func (h *History) entry(hit gjson.Result) Entry {
	source := hit.Get("_source")
	e := Entry{Index: hit.Get("_index").String(), Source: json.RawMessage(source.Raw)}
	doc := []byte{'{'}
	source.ForEach(func(key, value gjson.Result) bool {
		switch key.String() {
		case sourceIDField, h.config.dateField:
		case deletedField:
			e.Deleted = value.Bool()
		case h.config.tsField:
			e.ClusterTime = primitive.Timestamp{T: uint32(value.Get("T").Uint()), I: uint32(value.Get("I").Uint())} //nolint:gosec // written as such
		default:
			if len(doc) > 1 {
				doc = append(doc, ',')
			}
			doc = append(append(append(doc, key.Raw...), ':'), value.Raw...)
		}
		return true
	})
	e.Document = append(doc, '}')
	return e
}

// refresh makes visible what has been written. Who may only read sees what a periodic refresh has made visible.
func (h *History) refresh(ctx context.Context, pattern string) error {
	_, err := h.ask(ctx, ask{method: http.MethodPost, path: "/" + pattern + "/_refresh", query: lenient()}, http.StatusForbidden)
	return err
}

func lenient() url.Values {
	return url.Values{"ignore_unavailable": {"true"}, "allow_no_indices": {"true"}}
}

func (h *History) search(ctx context.Context, pattern string, q historyQuery, after string) ([]gjson.Result, error) {
	body, err := h.body(q, after)
	if err != nil {
		return nil, err
	}
	query := lenient()
	if !strings.Contains(q.id, ",") { // a comma separates several values: all shards are asked then
		query.Set("routing", q.id)
	}
	query.Set("allow_partial_search_results", "false")
	answer, err := h.ask(ctx, ask{method: http.MethodPost, path: "/" + pattern + "/_search", query: query, body: body})
	if err != nil {
		return nil, err
	}
	return gjson.GetBytes(answer, "hits.hits").Array(), nil
}

// body asks for the id as dynamic mappings index it: as a keyword if it is short, and as a text.
func (h *History) body(q historyQuery, after string) (string, error) {
	type m map[string]any
	order := m{"order": q.order, "unmapped_type": "long"}
	filter := []any{m{"bool": m{"should": []any{
		m{"term": m{sourceIDField + ".keyword": q.id}}, m{"match_phrase": m{sourceIDField: q.id}},
	}}}}
	if q.until != nil {
		filter = append(filter, m{"range": m{h.config.tsField + ".T": m{"lte": q.until.Unix()}}})
	}
	body := m{
		"size": historyPage, "query": m{"bool": m{"filter": filter}},
		"sort": []any{m{h.config.tsField + ".T": order}, m{h.config.tsField + ".I": order}, m{"_seq_no": m{"order": q.order}}},
	}
	if after != "" {
		body["search_after"] = json.RawMessage(after)
	}
	var b bytes.Buffer
	err := json.NewEncoder(&b).Encode(body)
	return b.String(), err
}

// ask returns the answer to a request: empty where there is no index, or for a status that is tolerated.
func (h *History) ask(ctx context.Context, q ask, tolerated ...int) ([]byte, error) {
	res, err := call(ctx, h.client, h.timeout, q)
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	for _, status := range append(tolerated, http.StatusNotFound) {
		if res.status == status {
			return nil, nil
		}
	}
	if res.status >= 300 {
		return nil, fmt.Errorf("read the history: %w", requestError(res))
	}
	return res.body, nil
}
