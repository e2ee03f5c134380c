package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
)

// index writes a document to Elasticsearch as somebody else would.
func (s *stack) index(index, id, body string) {
	s.t.Helper()
	res, err := s.es.Index(index, strings.NewReader(body), s.es.Index.WithDocumentID(id), s.es.Index.WithRefresh("true"))
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, res.Body.Close()) }()
	text, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	require.False(s.t, res.IsError(), "%s", text)
}

func TestIndexAsUpdateMerges(t *testing.T) {
	s := newStack(t)
	name := s.db.Name() + ".a"
	s.index(name, "1", `{"b":2}`)
	s.insert("a", bson.M{"_id": 1, "a": 1})
	p := start(t, s.config("direct-read-namespaces = ['DB.a']\nchange-stream-namespaces = ['DB.a']\nindex-as-update = true\ngzip = true"))
	s.waitFor(name, "1", `{"b":2,"a":1}`)
	_, err := s.db.Collection("a").DeleteOne(t.Context(), bson.M{"_id": 1})
	require.NoError(t, err)
	s.waitFor(name, "1", "")
	s.insert("a", bson.M{"_id": 1, "a": 3})
	s.waitFor(name, "1", `{"a":3}`)
	_, err = s.db.Collection("a").DeleteOne(t.Context(), bson.M{"_id": 1})
	require.NoError(t, err)
	s.waitFor(name, "1", "")
	p.stop()
}

func TestIgnoredDeletesLeaveTheLastState(t *testing.T) {
	s := newStack(t)
	p := start(t, s.config("change-stream-namespaces = ['DB.a']\ndelete-strategy = 2"))
	p.waitLog("listening for events")
	s.insert("a", bson.M{"_id": 1, "n": 1})
	_, err := s.db.Collection("a").UpdateByID(t.Context(), 1, bson.M{"$set": bson.M{"n": 2}})
	require.NoError(t, err)
	s.waitFor(s.db.Name()+".a", "1", `{"n":2}`)
	_, err = s.db.Collection("a").DeleteOne(t.Context(), bson.M{"_id": 1})
	require.NoError(t, err)
	s.insert("a", bson.M{"_id": "after"})
	s.waitFor(s.db.Name()+".a", "after", `{}`)
	p.stop()
	require.Equal(t, `{"n":2}`, s.source(s.db.Name()+".a", "1"))
}

func TestDeletesInRoutingNamespacesFindTheDocument(t *testing.T) {
	for _, strategy := range []string{"0", "1"} {
		t.Run("delete-strategy "+strategy, func(t *testing.T) {
			s := newStack(t)
			s.insert("a", bson.M{"_id": "x"})
			p := start(t, s.config("direct-read-namespaces = ['DB.a']\nchange-stream-namespaces = ['DB.a']\n"+
				"routing-namespaces = ['DB.a']\ndelete-index-pattern = 'DB*'\ndelete-strategy = "+strategy))
			s.waitFor(s.db.Name()+".a", "x", "{}")
			_, err := s.db.Collection("a").DeleteOne(t.Context(), bson.M{"_id": "x"})
			require.NoError(t, err)
			s.waitFor(s.db.Name()+".a", "x", "")
			p.stop()
		})
	}
}

func TestADroppedCollectionLeavesItsIndexWhenAsked(t *testing.T) {
	for _, propagate := range []bool{true, false} {
		t.Run(fmt.Sprintf("dropped-collections = %v", propagate), func(t *testing.T) {
			s := newStack(t)
			s.insert("a", bson.M{"_id": "x"})
			p := start(t, s.config(fmt.Sprintf("direct-read-namespaces = ['DB.a']\nchange-stream-namespaces = ['DB']\n"+
				"dropped-collections = %v", propagate)))
			s.waitFor(s.db.Name()+".a", "x", "{}")
			require.NoError(t, s.db.Collection("a").Drop(t.Context()))
			s.insert("b", bson.M{"_id": "after"})
			s.waitFor(s.db.Name()+".b", "after", "{}")
			p.stop()
			require.Equal(t, !propagate, s.source(s.db.Name()+".a", "x") != "")
		})
	}
}

func TestResumeFromATimestampReadsWhatCameAfterIt(t *testing.T) {
	s := newStack(t)
	before := time.Now().Add(-time.Second).Unix()
	s.insert("a", bson.M{"_id": "earlier"})
	s.insert("other", bson.M{"_id": 1})
	p := start(t, s.config(fmt.Sprintf("change-stream-namespaces = ['DB.a']\nresume-from-timestamp = %d", before)))
	s.waitFor(s.db.Name()+".a", "earlier", "{}")
	p.stop()
}

func TestAStandbyTakesOver(t *testing.T) {
	s := newStack(t)
	toml := s.config("change-stream-namespaces = ['DB.a']\ncluster-name = 'DB'\nenable-http-server = true")
	leader := start(t, toml, "-http-server-addr", freeAddress(t))
	leader.waitLog("listening for events")
	address := freeAddress(t)
	standby := start(t, toml, "-http-server-addr", address)
	require.Eventually(t, func() bool {
		code, body := get(t, "http://"+address+"/ready")
		return code == http.StatusOK && body == "standby"
	}, waitLimit, waitTick)
	s.insert("a", bson.M{"_id": 1})
	s.waitFor(s.db.Name()+".a", "1", "{}")
	require.Empty(t, standby.log.line("listening for events"))
	require.NotEmpty(t, standby.log.line("standing by"))

	leader.signal(syscall.SIGKILL)
	s.insert("a", bson.M{"_id": 2})
	s.waitFor(s.db.Name()+".a", "2", "{}")
	standby.waitLog("listening for events")
	standby.stop()
}
