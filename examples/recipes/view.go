package recipes

import (
	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/transform"
)

// ThingView follows the collections that a view is made of, because views have no changes of their own: a thing that
// changes is read again from the view, and so are all things of a state that changes. stream brings the changes of both.
//
//	ThingView(stream, finder, "thingdb")
func ThingView(stream goatee.Source, finder transform.Finder, database string) goatee.Source {
	return transform.RelateSource(stream, finder,
		transform.Relate{Namespace: database + ".thing", WithNamespace: database + ".thingview"},
		transform.Relate{Namespace: database + ".state", WithNamespace: database + ".thing", MatchField: "s"},
	)
}

// ThingIndex has collection and view in one index.
func ThingIndex(database, index string) goatee.Transformer {
	return transform.Index(transform.Exact(database+".thing", index), transform.Exact(database+".thingview", index))
}
