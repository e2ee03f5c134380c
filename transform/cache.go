package transform

import (
	"container/list"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/internal/valueset"
)

// cache holds looked-up documents, the most recently used ones, for a limited time. It is safe for concurrent use.
type cache struct {
	max int
	ttl time.Duration

	mu      sync.Mutex
	entries map[string]*list.Element
	recent  *list.List // of *cachedDocument, the latest in front
}

type cachedDocument struct {
	key     string
	doc     bson.Raw
	expires time.Time
}

func newCache(entries int, ttl time.Duration) *cache {
	return &cache{max: entries, ttl: ttl, entries: map[string]*list.Element{}, recent: list.New()}
}

// get adds to found what the cache has and returns what is left to ask for.
func (c *cache) get(refs *valueset.Set, found map[string]bson.Raw) (rest *valueset.Set) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	rest = &valueset.Set{}
	for i, key := range refs.Keys() {
		e := c.entries[key]
		if e == nil || now.After(e.Value.(*cachedDocument).expires) {
			rest.Add(refs.Values()[i])
			continue
		}
		c.recent.MoveToFront(e)
		found[key] = e.Value.(*cachedDocument).doc
	}
	return rest
}

// put remembers what was asked for and found.
func (c *cache) put(asked *valueset.Set, found map[string]bson.Raw) {
	c.mu.Lock()
	defer c.mu.Unlock()
	expires := time.Now().Add(c.ttl)
	for _, key := range asked.Keys() {
		doc := found[key]
		if doc == nil {
			continue
		}
		entry := &cachedDocument{key: key, doc: doc, expires: expires}
		if e := c.entries[key]; e != nil {
			e.Value = entry
			c.recent.MoveToFront(e)
			continue
		}
		c.entries[key] = c.recent.PushFront(entry)
		if c.recent.Len() > c.max {
			oldest := c.recent.Back()
			delete(c.entries, oldest.Value.(*cachedDocument).key)
			c.recent.Remove(oldest)
		}
	}
}
