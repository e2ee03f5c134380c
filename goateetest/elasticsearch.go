package goateetest

import "github.com/goatee-sync/goatee/internal/fakees"

// Elasticsearch is an Elasticsearch in memory: the bulk API with external versions, routing, tombstones that are
// forgotten after a while, and faults on demand. Its Perform method is a transport for the real sink, in the test's own
// process; it is an http.Handler for an httptest.Server as well.
//
//	FailNext(faults ...ElasticsearchFault)   // 429s, 503s, cut connections, … for the next requests
//	OnItem(func(ElasticsearchItem) *ElasticsearchItemError)   // refuse single actions
//	Docs(index), Get(index, id), Indices()   // what it holds
//	Requests(), Bulks()                      // what it was asked
//	Forget()                                 // the versions of deleted documents
type Elasticsearch = fakees.Server

type (
	// ElasticsearchFault is what a request meets instead of an answer.
	ElasticsearchFault = fakees.Fault
	// ElasticsearchDocument is a document as it is held.
	ElasticsearchDocument = fakees.Doc
	// ElasticsearchItem is one action of a bulk request.
	ElasticsearchItem = fakees.Item
	// ElasticsearchItemError refuses one action.
	ElasticsearchItemError = fakees.ItemError
	// ElasticsearchRequest is a request as it came.
	ElasticsearchRequest = fakees.Request
)

// NewElasticsearch returns an Elasticsearch that holds nothing and calls itself 7.17.28.
func NewElasticsearch() *Elasticsearch { return fakees.New() }
