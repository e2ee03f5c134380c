package source

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/x/bsonx/bsoncore"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
	"github.com/goatee-sync/goatee/internal/mongoerr"
)

const (
	// fetchBytes is how many bytes of documents one call of Fetch brings, roughly.
	fetchBytes = 8 << 20
	// fetchIDs is the most changes whose documents one find asks for.
	fetchIDs = 10_000
	// fetchIDBytes is about how many bytes of ids one find asks for: MongoDB takes no command of more than 16 MB, and closes
	// the connection on one of more than 48.
	fetchIDBytes = 4 << 20
	// fetchGuess is the assumed size of a document until one has been seen.
	fetchGuess = 4 << 10
)

// fetchSize remembers how large documents are, so that a find does not ask for more than one reply can hold.
type fetchSize struct{ average atomic.Int64 }

// window returns how many of n changes to fetch at once.
func (s *fetchSize) window(n int) int {
	average := s.average.Load()
	if average == 0 {
		average = fetchGuess
	}
	return min(n, max(1, int(fetchBytes/average)))
}

// observe learns from a reply. One that was full counts at once: the documents are larger than was thought.
func (s *fetchSize) observe(size, documents int, full bool) {
	if documents == 0 {
		return
	}
	seen := int64(max(size/documents, 1))
	if old := s.average.Load(); old != 0 && !full {
		seen = (3*old + seen) / 4
	}
	s.average.Store(max(seen, 1))
}

// Fetch reads the documents of changes with read concern majority, at or after the cluster times of the changes. It
// settles changes from the front and returns the others when it has read about 8 MB. A change whose document MongoDB
// refuses to return, as a failing view does, is given to fail. Missing privileges are an error.
func (s *ChangeStream) Fetch(
	ctx context.Context, changes []*goatee.Change, fail func(*goatee.Change, error),
) (rest []*goatee.Change, err error) {
	return s.fetcher.fetch(ctx, changes, fail)
}

// fetcher reads the documents of changes by their _id. Safe for concurrent use.
type fetcher struct {
	client *mongo.Client
	health *health
	sizes  fetchSize
	// most is how many documents one query asks for at most.
	most int
	// local is for a standalone server, which has neither cluster times nor majorities.
	local bool
	// command returns the query for the documents that a filter on _id matches, all in one reply if they fit.
	command func(ns goatee.Namespace, filter bson.D, batchSize int) bson.D
}

// findCommand finds documents in the collection of the changes.
func findCommand(ns goatee.Namespace, filter bson.D, batchSize int) bson.D {
	return bson.D{
		{Key: "find", Value: ns.Collection},
		{Key: "filter", Value: filter},
		{Key: "batchSize", Value: batchSize},
	}
}

// fetch settles changes from the front, in windows. A query that MongoDB refuses is halved until it asks for one document,
// which is the one at fault; then windows grow again. So a bad document costs a number of queries that grows with the
// logarithm of the window, and the others are not affected.
func (f *fetcher) fetch(
	ctx context.Context, changes []*goatee.Change, fail func(*goatee.Change, error),
) (rest []*goatee.Change, err error) {
	var suspect *goatee.Change // was refused once when it was asked for alone
	most := f.most
	for size, settled := 0, false; len(changes) > 0 && (size < fetchBytes || !settled); {
		window := f.window(changes, most)
		read, complete, err := f.read(ctx, window)
		size += read
		alone := len(window) == 1
		switch {
		case refused(err) && !alone, err == nil && !complete && !alone:
			// An incomplete reply has also made documents larger than was thought.
			most = len(window) / 2
			continue
		case refused(err) && suspect != window[0]:
			suspect = window[0]
			continue
		case refused(err):
			fail(window[0], lookUpError(window[0].Namespace, err))
		case err != nil:
			return nil, cause(err)
		}
		changes, settled = changes[len(window):], true
		most = min(2*most, f.most)
	}
	return changes, nil
}

// window returns the changes at the front whose documents to ask for at once.
func (f *fetcher) window(changes []*goatee.Change, most int) []*goatee.Change {
	n := f.sizes.window(min(len(changes), most))
	bytes := 0
	for i, c := range changes[:n] {
		if bytes += len(c.ID.Value); bytes > fetchIDBytes && i > 0 {
			return changes[:i]
		}
	}
	return changes[:n]
}

// read reads the documents of changes of any namespaces. It is incomplete when a reply could not hold them all.
func (f *fetcher) read(ctx context.Context, changes []*goatee.Change) (size int, complete bool, err error) {
	groups := make(map[goatee.Namespace][]*goatee.Change, 1)
	for _, c := range changes {
		if c.Document.IsZero() {
			groups[c.Namespace] = append(groups[c.Namespace], c)
		}
	}
	for ns, group := range groups {
		l, err := newLookup(group)
		if err != nil {
			return size, false, fatal(lookUpError(ns, err))
		}
		var found found
		err = persist(ctx, f.health, func() (err error) {
			found, err = f.find(ctx, ns, l)
			return err
		})
		switch {
		case mongoerr.AccessDenied(err):
			return size, false, fatal(lookUpError(ns, errAccess(err)))
		case err != nil:
			return size, false, err
		}
		f.sizes.observe(found.size, found.documents, !found.complete)
		size += found.size
		if !found.complete {
			return size, false, nil
		}
	}
	return size, true, nil
}

// found is what one find brought.
type found struct {
	size, documents int
	complete        bool
}

// find reads the documents of one namespace, as many as fit into one reply, and hands them to their changes.
func (f *fetcher) find(ctx context.Context, ns goatee.Namespace, l *lookup) (found, error) {
	// One more than there can be, so that the reply that holds them all also says that there are no more.
	command := f.command(ns, l.filter(), len(l.first)+1)
	after := l.after
	if f.local {
		after = primitive.Timestamp{}
	}
	raw, err := runCommand(ctx, f.client, ns.Database, append(command, readConcern(after)))
	if err != nil {
		return found{}, err
	}
	r, err := parseReply(raw)
	if err != nil {
		return found{}, err
	}
	if r.cursor != 0 {
		_, collection, _ := strings.Cut(r.namespace, ".")
		killCursor(ctx, f.client, ns.Database, collection, r.cursor)
	}
	all := found{complete: r.cursor == 0}
	documents := bsonjson.NewReader(r.documents)
	for documents.Next() {
		if err := l.assign(documents.Value()); err != nil {
			return found{}, fatal(err)
		}
		all.size += len(documents.Value())
		all.documents++
	}
	return all, fatal(documents.Err())
}

// readConcern asks for what a majority has acknowledged, not older than a cluster time. Without a time, as on a
// standalone server, it asks for what the server has.
func readConcern(after primitive.Timestamp) bson.E {
	if after.IsZero() {
		return bson.E{Key: "readConcern", Value: bson.D{{Key: "level", Value: "local"}}}
	}
	return bson.E{Key: "readConcern", Value: bson.D{
		{Key: "level", Value: "majority"}, {Key: "afterClusterTime", Value: after},
	}}
}

// lookup finds the changes that wait for a document by its _id. Changes of one document share one entry.
type lookup struct {
	changes []*goatee.Change
	first   map[string]int32 // by id key: the first change
	next    []int32          // the next change with the same id, -1 at the end
	after   primitive.Timestamp
	key     []byte
}

func newLookup(changes []*goatee.Change) (*lookup, error) {
	l := &lookup{changes: changes, first: make(map[string]int32, len(changes)), next: make([]int32, len(changes))}
	var all []byte
	ends := make([]int, len(changes))
	for i, c := range changes {
		var err error
		if all, err = appendIDKey(all, c.ID.Type, c.ID.Value); err != nil {
			return nil, err
		}
		ends[i] = len(all)
		if c.ClusterTime.After(l.after) {
			l.after = c.ClusterTime
		}
	}
	keys, begin := string(all), 0 // one allocation for all of them
	for i, end := range ends {
		l.next[i] = -1
		if same, ok := l.first[keys[begin:end]]; ok {
			l.next[i] = same
		}
		l.first[keys[begin:end]] = int32(i)
		begin = end
	}
	return l, nil
}

// appendIDKey appends a key that is the same for two ids exactly if MongoDB considers them equal and they belong to one
// document of Elasticsearch, as 5 and 5.0 do.
func appendIDKey(dst []byte, t bsontype.Type, id []byte) ([]byte, error) {
	switch t {
	case bsontype.Int32, bsontype.Int64, bsontype.Double, bsontype.Decimal128:
		return bsonjson.AppendID(append(dst, byte(bsontype.Int32)), t, id, bsonjson.IDGoMap)
	}
	return append(append(dst, byte(t)), id...), nil
}

// filter returns a filter for all the ids. A value that $in would treat as an expression is compared by $eq.
func (l *lookup) filter() bson.D {
	var equal []bson.RawValue
	array, in := bsoncore.AppendArrayStart(nil)
	n := 0
	for _, i := range l.first {
		id := l.changes[i].ID
		if isExpression(id) {
			equal = append(equal, id)
			continue
		}
		in = append(in, byte(id.Type))
		in = strconv.AppendInt(in, int64(n), 10)
		in = append(append(in, 0), id.Value...)
		n++
	}
	in, _ = bsoncore.AppendArrayEnd(in, array)
	filter := byID("$in", bson.RawValue{Type: bsontype.Array, Value: in})
	if len(equal) == 0 {
		return filter
	}
	or := bson.A{filter}
	for _, id := range equal {
		or = append(or, byID("$eq", id))
	}
	return bson.D{{Key: "$or", Value: or}}
}

func byID(operator string, v bson.RawValue) bson.D {
	return bson.D{{Key: "_id", Value: bson.D{{Key: operator, Value: v}}}}
}

// isExpression reports whether $in would treat a value as a pattern or an operator.
func isExpression(id bson.RawValue) bool {
	switch id.Type {
	case bsontype.Regex:
		return true
	case bsontype.EmbeddedDocument:
		return len(id.Value) > 5 && id.Value[5] == '$'
	}
	return false
}

// assign hands a document to its changes.
func (l *lookup) assign(raw []byte) (err error) {
	t, id, ok := bsonjson.FindID(raw)
	if !ok {
		return nil
	}
	if l.key, err = appendIDKey(l.key[:0], t, id); err != nil {
		return err
	}
	i, ok := l.first[string(l.key)]
	if !ok {
		return nil
	}
	for ; i >= 0; i = l.next[i] {
		l.changes[i].Document = document(raw)
	}
	return nil
}
