package goateetest

import (
	"errors"
	"strconv"
	"strings"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// appendAction appends an action as the bulk API takes it.
func appendAction(dst []byte, a *goatee.Action) ([]byte, error) {
	if a.Change == nil {
		return dst, errors.New("an action without Change: set it to the change it comes from")
	}
	dst = append(append(append(dst, `{"`...), a.Kind.String()...), `":{"_index":`...)
	dst = bsonjson.AppendString(dst, indexOf(a))
	if a.Kind == goatee.ActionDrop {
		return append(dst, "}}\n"...), nil
	}
	id, err := idOf(a)
	if err != nil {
		return dst, err
	}
	dst = bsonjson.AppendString(append(dst, `,"_id":`...), id)
	dst = appendMetadata(dst, a)
	dst = append(dst, "}}\n"...)
	if a.Kind == goatee.ActionDelete {
		return dst, nil
	}
	return appendBody(dst, a)
}

func appendMetadata(dst []byte, a *goatee.Action) []byte {
	if a.Routing != "" {
		dst = bsonjson.AppendString(append(dst, `,"routing":`...), a.Routing)
	}
	if v := a.ExternalVersion(); v != 0 && a.Kind != goatee.ActionCreate {
		dst = strconv.AppendInt(append(dst, `,"version":`...), v, 10)
		dst = bsonjson.AppendString(append(dst, `,"version_type":`...), a.VersionType.String())
	}
	if a.Pipeline != "" && a.Kind != goatee.ActionUpdate && a.Kind != goatee.ActionDelete {
		dst = bsonjson.AppendString(append(dst, `,"pipeline":`...), a.Pipeline)
	}
	if a.RetryOnConflict > 0 && a.Kind == goatee.ActionUpdate {
		dst = strconv.AppendInt(append(dst, `,"retry_on_conflict":`...), int64(a.RetryOnConflict), 10)
	}
	return dst
}

func appendBody(dst []byte, a *goatee.Action) ([]byte, error) {
	if a.Kind != goatee.ActionUpdate {
		dst, err := appendDocument(dst, a.Body())
		return append(dst, '\n'), err
	}
	dst, err := appendDocument(append(dst, `{"doc":`...), a.Body())
	return append(dst, ",\"doc_as_upsert\":true}\n"...), err
}

func appendDocument(dst []byte, d *goatee.Document) ([]byte, error) {
	o := bsonjson.Options{OmitID: true}
	switch {
	case d.IsZero():
		return dst, errors.New("an action without a document to write")
	case d.IsDecoded():
		m, err := d.Map()
		if err != nil {
			return dst, err
		}
		return bsonjson.AppendValue(dst, m, &o)
	}
	raw, err := d.Raw()
	if err != nil {
		return dst, err
	}
	return bsonjson.AppendDocument(dst, raw, &o)
}

// indexOf returns where an action goes.
func indexOf(a *goatee.Action) string {
	if a.Index != "" {
		return a.Index
	}
	name := strings.ToLower(a.Change.Namespace.String())
	if a.Kind == goatee.ActionDrop && a.Change.Namespace.Collection == "" {
		name += ".*"
	}
	return name
}

// idOf returns the id an action has in Elasticsearch.
func idOf(a *goatee.Action) (string, error) {
	if a.ID != "" {
		return a.ID, nil
	}
	if a.Change.ID.Type == 0 {
		return "", errors.New("an action without id: its change has no _id and the action sets no ID")
	}
	id, err := bsonjson.AppendID(nil, a.Change.ID.Type, a.Change.ID.Value, bsonjson.IDGoMap)
	return string(id), err
}
