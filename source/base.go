package source

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
)

// mostViews is how deep views may be nested; MongoDB allows 20.
const mostViews = 20

// base is what a view, or the pipeline of a direct read, is made of: a collection and stages.
type base struct {
	namespace goatee.Namespace
	stages    []bson.RawValue
	collation bson.RawValue // of the view, zero where there is none
	view      bool
}

// resolve follows a view, whose documents the stages are applied to, down to its collection.
func resolve(ctx context.Context, client *mongo.Client, ns goatee.Namespace, stages mongo.Pipeline) (*base, error) {
	b := &base{namespace: ns}
	for _, stage := range stages {
		raw, err := bson.Marshal(stage)
		if err != nil {
			return nil, fatal(fmt.Errorf("stage of a pipeline: %w", err))
		}
		b.stages = append(b.stages, bson.RawValue{Type: bsontype.EmbeddedDocument, Value: raw})
	}
	for range mostViews {
		entry, err := listed(ctx, client, b.namespace)
		if err != nil {
			return nil, err
		}
		if kind, _ := entry.Lookup("type").StringValueOK(); kind != "view" {
			if kind != "collection" {
				return nil, fatal(fmt.Errorf("%s is neither a collection nor a view", b.namespace))
			}
			return b, nil
		}
		if err := b.descend(entry); err != nil {
			return nil, err
		}
	}
	return nil, fatal(errors.New("its views are nested too deeply"))
}

// descend goes from a view to what it is a view of.
func (b *base) descend(entry bson.Raw) error {
	on, ok := entry.Lookup("options", "viewOn").StringValueOK()
	stages, isArray := entry.Lookup("options", "pipeline").ArrayOK()
	if !ok || !isArray {
		return fatal(fmt.Errorf("MongoDB describes %s without its pipeline", b.namespace))
	}
	values, err := stages.Values()
	if err != nil {
		return fatal(err)
	}
	if !b.view {
		b.collation = entry.Lookup("options", "collation")
	}
	b.view, b.namespace.Collection = true, on
	b.stages = append(values[:len(values):len(values)], b.stages...)
	return nil
}

// command returns the query for those documents of the view that come of the documents a filter matches. Unlike a filter
// on the view it reaches no other document, whatever the stages are.
func (b *base) command(_ goatee.Namespace, filter bson.D, batchSize int) bson.D {
	stages := bson.A{bson.D{{Key: "$match", Value: filter}}}
	for _, stage := range b.stages {
		if stageName(stage) != "$sort" { // order is of no use here
			stages = append(stages, stage)
		}
	}
	command := bson.D{
		{Key: "aggregate", Value: b.namespace.Collection},
		{Key: "pipeline", Value: stages},
		{Key: "allowDiskUse", Value: true},
		{Key: "cursor", Value: bson.D{{Key: "batchSize", Value: batchSize}}},
	}
	switch {
	case !b.collation.IsZero():
		command = append(command, bson.E{Key: "collation", Value: b.collation})
	case b.view:
		// A view compares bytes unless it has a collation of its own, its collection may not.
		command = append(command, bson.E{Key: "collation", Value: bson.D{{Key: "locale", Value: "simple"}}})
	}
	return command
}

// keepsIDs reports whether each document comes of the one document of the collection that has its _id: then it can be
// read by that alone. A stage that is not known to keep ids does not.
func (b *base) keepsIDs() bool {
	for _, stage := range b.stages {
		if name := stageName(stage); !stageKeepsIDs(name, stage.Document().Lookup(name)) {
			return false
		}
	}
	return true
}

// stageName returns the name of a stage, which is a document of one element, or "".
func stageName(stage bson.RawValue) string {
	doc, _ := stage.DocumentOK()
	elements, err := doc.Elements()
	if err != nil || len(elements) != 1 {
		return ""
	}
	return elements[0].Key()
}

func stageKeepsIDs(name string, v bson.RawValue) bool {
	switch name {
	case "$match", "$sort", "$redact":
		return true
	case "$addFields", "$set":
		return !hasID(v)
	case "$lookup", "$graphLookup":
		doc, _ := v.DocumentOK()
		as, _ := doc.Lookup("as").StringValueOK()
		return !isID(as)
	case "$unset":
		return unsetKeepsID(v)
	case "$project":
		return projectKeepsID(v)
	}
	return false
}

func unsetKeepsID(v bson.RawValue) bool {
	if name, ok := v.StringValueOK(); ok {
		return !isID(name)
	}
	array, _ := v.ArrayOK()
	values, err := array.Values()
	if err != nil {
		return false
	}
	for _, v := range values {
		if name, ok := v.StringValueOK(); !ok || isID(name) {
			return false
		}
	}
	return true
}

// projectKeepsID reports whether a $project leaves the _id as it is: it does not name it, or as true or a number.
func projectKeepsID(v bson.RawValue) bool {
	doc, _ := v.DocumentOK()
	id, err := doc.LookupErr("_id")
	if err != nil {
		return !hasID(v)
	}
	if keep, ok := id.BooleanOK(); ok {
		return keep
	}
	n, ok := id.AsInt64OK()
	return ok && n != 0
}

// hasID reports whether a document names the _id or something in it.
func hasID(v bson.RawValue) bool {
	doc, _ := v.DocumentOK()
	elements, err := doc.Elements()
	if err != nil {
		return true
	}
	for _, e := range elements {
		if isID(e.Key()) {
			return true
		}
	}
	return false
}

func isID(path string) bool { return path == "_id" || strings.HasPrefix(path, "_id.") }
