package relate

import (
	"context"
	"log/slog"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/goatee-sync/goatee"
)

// checkTimeout bounds how long Check reads definitions of views: a Finder tries again for as long as it may.
const checkTimeout = 10 * time.Second

// Check checks the inner source, and then warns of related views that make several documents of one, or one of several.
func (s *Source) Check(ctx context.Context) error {
	if c, ok := goatee.As[goatee.Checker](s.inner); ok {
		if err := c.Check(ctx); err != nil {
			return err
		}
	}
	limited, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	warned := map[goatee.Namespace]bool{}
	for _, r := range s.ordered {
		if warned[r.with] {
			continue
		}
		warned[r.with] = true
		if stage := s.losingStage(limited, r.with); stage != "" {
			s.logger.WarnContext(ctx, "a related view does not keep the _id of the documents it is made of: when they shrink or "+
				"are deleted, documents that the view made of them before stay in Elasticsearch", "view", r.with.String(), "stage", stage)
		}
	}
	return nil
}

// Instrument sets the logger for Check, and gives logger and observer to the Finder, if it takes them.
func (s *Source) Instrument(logger *slog.Logger, observer goatee.Observer) {
	s.logger = logger
	if i, ok := s.finder.(goatee.Instrumented); ok {
		i.Instrument(logger, observer)
	}
}

// viewDepth is how many views MongoDB lets be made of each other.
const viewDepth = 20

// losingStage returns the first stage of a view's definition with which a document of the view does not have the _id of one
// document of its collection. It returns "" for a collection and for a view that keeps the _id, and also when it is not
// allowed to read definitions: it helps to find a mistake, and nothing depends on it.
func (s *Source) losingStage(ctx context.Context, view goatee.Namespace) string {
	for range viewDepth {
		on := ""
		definitions := goatee.Namespace{Database: view.Database, Collection: "system.views"}
		for doc, err := range s.finder.Find(ctx, definitions, bson.D{{Key: "_id", Value: view.String()}}, nil) {
			if err != nil {
				return ""
			}
			if stage := losing(doc.Lookup("pipeline")); stage != "" {
				return stage
			}
			on, _ = doc.Lookup("viewOn").StringValueOK()
		}
		if on == "" {
			return ""
		}
		view.Collection = on
	}
	return ""
}

// losing returns the first stage of a pipeline that does not keep the _id.
func losing(pipeline bson.RawValue) string {
	array, _ := pipeline.ArrayOK()
	stages, err := array.Values()
	if err != nil {
		return ""
	}
	for _, stage := range stages {
		document, _ := stage.DocumentOK()
		operators, err := document.Elements()
		if err != nil || len(operators) == 0 {
			continue
		}
		name, argument := operators[0].Key(), operators[0].Value()
		switch name {
		case "$unwind", "$group", "$bucket", "$bucketAuto", "$sortByCount", "$count", "$facet", "$replaceRoot", "$replaceWith":
			return name
		case "$project", "$addFields", "$set":
			if setsID(argument) {
				return name
			}
		}
	}
	return ""
}

// setsID reports whether the argument of a stage that sets fields says anything about the _id but that it is kept.
func setsID(argument bson.RawValue) bool {
	fields, _ := argument.DocumentOK()
	id := fields.Lookup("_id")
	switch id.Type {
	case 0:
		return false
	case bsontype.Boolean:
		return !id.Boolean()
	case bsontype.Int32, bsontype.Int64:
		return id.AsInt64() == 0
	case bsontype.Double:
		return id.Double() == 0
	}
	text, _ := id.StringValueOK()
	return text != "$_id"
}
