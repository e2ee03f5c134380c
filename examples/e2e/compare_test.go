package e2e

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// comparison compares collections with their indices, document by document. It keeps digests only, whatever the size.
type comparison struct {
	stack  *stack
	except map[string]bool // ids that are left out on both sides
	omit   string          // a field that is left out on both sides, because it is large; "" for none
}

// requireAgreement waits until every collection equals its index exactly: the same ids and the same documents. Nobody
// may write meanwhile.
func (s *stack) requireAgreement(t testing.TB, collections ...string) {
	t.Helper()
	comparison{stack: s}.require(t, collections...)
}

func (c comparison) require(t testing.TB, collections ...string) {
	t.Helper()
	for _, name := range collections {
		want, err := c.expected(t, c.stack.db.Collection(name))
		if err != nil {
			t.Fatal(err)
		}
		c.await(t, name, want)
	}
}

// await compares until there is no difference; what differs in the end it shows.
func (c comparison) await(t testing.TB, collection string, want map[string]expected) {
	t.Helper()
	index := strings.ToLower(c.stack.db.Name() + "." + collection)
	var differing []string
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(tick) {
		if differing, err = c.differing(index, want); err == nil && len(differing) == 0 {
			return
		}
	}
	if err != nil {
		t.Fatalf("compare %s: %v", index, err)
	}
	t.Fatalf("%d of %d documents of %s differ:\n%s", len(differing), len(want), index,
		c.explain(t, collection, index, differing, want))
}

// expected is what the index must hold for a document.
type expected struct {
	id     bson.RawValue
	digest [sha256.Size]byte
}

func (c comparison) expected(t testing.TB, coll *mongo.Collection) (map[string]expected, error) {
	find := options.Find()
	if c.omit != "" {
		find.SetProjection(bson.D{{Key: c.omit, Value: 0}})
	}
	cursor, err := coll.Find(t.Context(), bson.D{}, find)
	if err != nil {
		return nil, err
	}
	want := map[string]expected{}
	for cursor.Next(t.Context()) {
		id, source, err := expectDocument(cursor.Current)
		if err != nil {
			return nil, err
		}
		if _, twice := want[id]; twice {
			return nil, fmt.Errorf("the test is wrong: two documents of %s have the id %s", coll.Name(), id)
		}
		raw := cursor.Current.Lookup("_id")
		raw.Value = slices.Clone(raw.Value)
		want[id] = expected{id: raw, digest: sha256.Sum256([]byte(source))}
	}
	return want, cursor.Err()
}

func expectDocument(raw bson.Raw) (id, source string, err error) {
	var doc bson.D
	if err := bson.Unmarshal(raw, &doc); err != nil {
		return "", "", err
	}
	for _, e := range doc {
		if e.Key == "_id" {
			id = expectID(e.Value)
		}
	}
	return id, canonical(expectSource(doc)), nil
}

// differing returns the ids that are missing in the index, are there and should not be, or have another document.
func (c comparison) differing(index string, want map[string]expected) ([]string, error) {
	seen := make(map[string]bool, len(want))
	var ids []string
	err := c.stack.es.each(index, c.omit, func(h hit) error {
		seen[h.ID] = true
		source, err := canonicalJSON(h.Source)
		if w, ok := want[h.ID]; !ok || sha256.Sum256([]byte(source)) != w.digest {
			ids = append(ids, h.ID)
		}
		return err
	})
	for id := range want {
		if !seen[id] {
			ids = append(ids, id)
		}
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return c.except[id] })
	sort.Strings(ids)
	return ids, err
}

// explain shows both sides of the first few documents that differ.
func (c comparison) explain(t testing.TB, collection, index string, ids []string, want map[string]expected) string {
	t.Helper()
	const most = 5
	ids = ids[:min(most, len(ids))]
	found, err := c.stack.es.get(index, ids...)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, id := range ids {
		source, version := "nothing", int64(0)
		if h, ok := found[id]; ok {
			source, _ = canonicalJSON(h.Source)
			version = h.Version
		}
		fmt.Fprintf(&b, "%s\n  MongoDB        %s\n  Elasticsearch  %s\n  version        %d.%d\n",
			id, c.inMongo(t, collection, id, want), source, version>>32, version&0xffffffff)
	}
	return b.String()
}

func (c comparison) inMongo(t testing.TB, collection, id string, want map[string]expected) string {
	t.Helper()
	w, ok := want[id]
	if !ok {
		return "nothing"
	}
	raw, err := c.stack.db.Collection(collection).FindOne(t.Context(), bson.D{{Key: "_id", Value: w.id}}).Raw()
	if err != nil {
		return err.Error()
	}
	_, source, err := expectDocument(raw)
	if err != nil {
		return err.Error()
	}
	return source
}
