package fakees

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// parseBulk reads a bulk body as strictly as Elasticsearch does: one bad action line makes the whole request invalid.
func parseBulk(body []byte) ([]Item, error) {
	if len(body) == 0 || body[len(body)-1] != '\n' {
		return nil, errors.New("the bulk request must be terminated by a newline [\\n]")
	}
	lines := bytes.Split(body[:len(body)-1], []byte("\n"))
	var items []Item
	for i := 0; i < len(lines); i++ {
		item, err := parseAction(lines[i])
		if err != nil {
			return items, fmt.Errorf("malformed action/metadata line [%d]: %w", i+1, err)
		}
		if item.Op != "delete" {
			if i++; i == len(lines) {
				return items, errors.New("the last action has no document")
			}
			item.Source = string(lines[i])
		}
		items = append(items, item)
	}
	return items, nil
}

func parseAction(line []byte) (Item, error) {
	var action map[string]json.RawMessage
	if err := json.Unmarshal(line, &action); err != nil {
		return Item{}, err
	}
	for op, meta := range action {
		if len(action) != 1 {
			break
		}
		item := Item{Op: op}
		d := json.NewDecoder(bytes.NewReader(meta))
		d.DisallowUnknownFields()
		return item, errors.Join(d.Decode(&item), item.valid())
	}
	return Item{}, errors.New("expected one action")
}

func (i Item) valid() error {
	versioned := i.Version != nil || i.VersionType != ""
	switch {
	case i.Op == "update" && versioned:
		return errors.New("update requests do not support versioning")
	case i.Op == "create" && versioned:
		return errors.New("create operations only support internal versioning")
	case i.Op != "index" && i.Op != "create" && i.Op != "update" && i.Op != "delete":
		return errors.New("unknown action " + i.Op)
	case len(i.ID) > 512:
		return errors.New("id is too long, must be no longer than 512 bytes")
	}
	return nil
}

func (s *Server) bulk(body []byte) answer {
	items, err := parseBulk(body)
	if err != nil {
		return failure(http.StatusBadRequest, "illegal_argument_exception", err.Error())
	}
	failed := false
	results := make([]any, len(items))
	for i, item := range items {
		result, e := s.apply(item)
		if e != nil {
			failed = true
			result = map[string]any{"status": e.Status, "error": map[string]any{"type": e.Type, "reason": e.Reason}}
		}
		result["_index"], result["_id"] = item.Index, item.ID
		results[i] = map[string]any{item.Op: result}
	}
	// Encoded by hand so that errors comes first, as it does in Elasticsearch.
	encoded, err := json.Marshal(results)
	if err != nil {
		return failure(http.StatusInternalServerError, "exception", err.Error())
	}
	head := `{"took":1,"errors":` + strconv.FormatBool(failed) + `,"items":`
	return answer{http.StatusOK, json.RawMessage(head + string(encoded) + "}")}
}

func (s *Server) apply(item Item) (map[string]any, *ItemError) {
	if s.onItem != nil {
		if e := s.onItem(item); e != nil {
			return nil, e
		}
	}
	if s.blocked[item.Index] {
		return nil, &ItemError{http.StatusForbidden, "cluster_block_exception", readOnly(item.Index)}
	}
	docs := s.index(item.Index)
	key := docKey{item.ID, item.Routing}
	current := docs[key]
	if current != nil && !current.deletedAt.IsZero() && s.GCDeletes > 0 && time.Since(current.deletedAt) > s.GCDeletes {
		delete(docs, key)
		current = nil
	}
	if e := conflict(item, current); e != nil {
		return nil, e
	}
	live := current != nil && current.deletedAt.IsZero()
	next := &Doc{Source: item.Source, Version: nextVersion(item, current), Routing: item.Routing}
	status := http.StatusCreated
	switch {
	case item.Op == "delete":
		next.deletedAt = time.Now()
		status = http.StatusOK
		if !live {
			status = http.StatusNotFound
		}
	case item.Op == "update":
		if err := next.merge(item.Source, current, live); err != nil {
			return nil, &ItemError{http.StatusBadRequest, "x_content_parse_exception", err.Error()}
		}
	case !json.Valid([]byte(item.Source)):
		return nil, &ItemError{http.StatusBadRequest, "mapper_parsing_exception", "failed to parse"}
	}
	if live && item.Op != "delete" {
		status = http.StatusOK
	}
	docs[key] = next
	return map[string]any{"status": status, "_version": next.Version}, nil
}

func conflict(item Item, current *Doc) *ItemError {
	if current == nil {
		return nil
	}
	conflict := false
	switch item.VersionType {
	case "external":
		conflict = current.Version >= *item.Version
	case "external_gte":
		conflict = current.Version > *item.Version
	}
	if conflict || item.Op == "create" && current.deletedAt.IsZero() {
		return &ItemError{http.StatusConflict, "version_conflict_engine_exception",
			fmt.Sprintf("[%s]: version conflict, current version [%d]", item.ID, current.Version)}
	}
	return nil
}

func nextVersion(item Item, current *Doc) int64 {
	switch {
	case item.Version != nil:
		return *item.Version
	case current != nil:
		return current.Version + 1
	}
	return 1
}

// merge makes d what an update with doc_as_upsert leaves behind: the top-level fields of both.
func (d *Doc) merge(update string, current *Doc, live bool) error {
	var u struct {
		Doc map[string]json.RawMessage `json:"doc"`
	}
	if err := json.Unmarshal([]byte(update), &u); err != nil {
		return err
	}
	fields := map[string]json.RawMessage{}
	if live {
		if err := json.Unmarshal([]byte(current.Source), &fields); err != nil {
			return err
		}
	}
	maps.Copy(fields, u.Doc)
	source, err := json.Marshal(fields)
	d.Source = string(source)
	return err
}
