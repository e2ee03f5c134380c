package main

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/cmd/config"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/resume"
)

var (
	orders = goatee.Namespace{Database: "shop", Collection: "orders"}
	people = goatee.Namespace{Database: "shop", Collection: "people"}
)

// transformed returns what the settings make of the default action of a change.
func transformed(t *testing.T, c config.Config, change goatee.Change, kind goatee.ActionKind) []goatee.Action {
	t.Helper()
	transformer, err := newTransformer(t.Context(), &c)
	require.NoError(t, err)
	require.NotNil(t, transformer)
	if change.Op.HasDocument() {
		doc, err := goatee.DocumentOf(bson.M{"a": 1})
		require.NoError(t, err)
		change.Document = doc
	}
	actions, err := transformer.Transform(context.Background(), &change, []goatee.Action{{Change: &change, Kind: kind}})
	require.NoError(t, err)
	return actions
}

func TestWithoutSettingsThereIsNoTransformer(t *testing.T) {
	c := config.Default()
	transformer, err := newTransformer(t.Context(), &c)
	require.NoError(t, err)
	require.Nil(t, transformer)
}

func TestMappingsSetIndexAndPipeline(t *testing.T) {
	c := config.Config{Mappings: []config.Mapping{
		{Namespace: "shop.orders", Index: "o", Pipeline: "p"},
		{Namespace: "shop.people", Pipeline: "q"},
		{Pattern: `shop_(.*)\.orders`, Index: "orders-$1"},
	}}
	a := transformed(t, c, goatee.Change{Op: goatee.OpInsert, Namespace: orders}, goatee.ActionIndex)[0]
	require.Equal(t, "o", a.Index)
	require.Equal(t, "p", a.Pipeline)
	a = transformed(t, c, goatee.Change{Op: goatee.OpInsert, Namespace: people}, goatee.ActionIndex)[0]
	require.Empty(t, a.Index)
	require.Equal(t, "q", a.Pipeline)
	a = transformed(t, c, goatee.Change{Op: goatee.OpDelete, Namespace: orders}, goatee.ActionDelete)[0]
	require.Equal(t, "o", a.Index)
	eu := goatee.Namespace{Database: "shop_eu", Collection: "orders"}
	a = transformed(t, c, goatee.Change{Op: goatee.OpInsert, Namespace: eu}, goatee.ActionIndex)[0]
	require.Equal(t, "orders-eu", a.Index)
}

func TestAMappingThatCannotWorkIsFoundAtTheStart(t *testing.T) {
	c := config.Config{Mappings: []config.Mapping{{Pattern: `shop_(.*)\.orders`, Index: "orders-$2"}}}
	_, err := newTransformer(t.Context(), &c)
	require.ErrorContains(t, err, "mapping")
	require.ErrorContains(t, err, "orders-$2")
}

func TestIndexOplogTimeAddsItsFields(t *testing.T) {
	c := config.Default()
	c.ClusterTime.Index = true
	transformer, err := newTransformer(t.Context(), &c)
	require.NoError(t, err)
	change := goateetest.Insert("shop.items", `{"_id": "x", "a": 1}`)
	change.ClusterTime = primitive.Timestamp{T: 1795356306, I: 2}
	require.Contains(t, goateetest.Actions(t, transformer, change),
		`{"a":1,"oplog_ts":{"T":1795356306,"I":2},"oplog_date":"2026/11/22 14:05:06"}`)

	c.ClusterTime.TSField = c.ClusterTime.DateField
	_, err = newTransformer(t.Context(), &c)
	require.ErrorContains(t, err, "transform.ClusterTime")
	require.Contains(t, translate(err.Error()), "oplog-ts-field-name")
}

func TestIndexAsUpdateMergesWhatHasNoPipeline(t *testing.T) {
	c := config.Config{IndexAsUpdate: true, Mappings: []config.Mapping{{Namespace: "shop.orders", Pipeline: "p"}}}
	require.Equal(t, goatee.ActionIndex, transformed(t, c, goatee.Change{Op: goatee.OpInsert, Namespace: orders}, goatee.ActionIndex)[0].Kind)
	require.Equal(t, goatee.ActionUpdate, transformed(t, c, goatee.Change{Op: goatee.OpInsert, Namespace: people}, goatee.ActionIndex)[0].Kind)
	del := transformed(t, c, goatee.Change{Op: goatee.OpDelete, Namespace: people}, goatee.ActionDelete)[0]
	require.Equal(t, goatee.VersionInternal, del.VersionType)
}

// What is merged or left out depends on every change of a document, so none may be collapsed into a later one.
func TestChangesAreCollapsedOnlyWhereThatIsRight(t *testing.T) {
	latest := func(c config.Config) bool {
		transformer, err := newTransformer(t.Context(), &c)
		require.NoError(t, err)
		l, ok := transformer.(goatee.LatestOnly)
		return ok && l.LatestOnly()
	}
	mapped := []config.Mapping{{Namespace: "shop.orders", Index: "o", Pipeline: "p"}}
	require.True(t, latest(config.Config{Mappings: mapped}))
	require.False(t, latest(config.Config{Mappings: mapped, IndexAsUpdate: true}))
	require.False(t, latest(config.Config{Mappings: mapped, DeleteStrategy: config.DeleteIgnore}))
}

func TestDeletesCanBeIgnored(t *testing.T) {
	c := config.Config{DeleteStrategy: config.DeleteIgnore}
	require.Empty(t, transformed(t, c, goatee.Change{Op: goatee.OpDelete, Namespace: orders}, goatee.ActionDelete))
	require.Len(t, transformed(t, c, goatee.Change{Op: goatee.OpDrop, Namespace: orders}, goatee.ActionDrop), 1)
}

func TestResumeFromTimestamp(t *testing.T) {
	require.Equal(t, primitive.Timestamp{T: 1_700_000_000}, clusterTime(1_700_000_000))
	require.Equal(t, primitive.Timestamp{T: 1_700_000_000, I: 7}, clusterTime(1_700_000_000<<32|7))

	memory := resume.NewMemory()
	read := goatee.SourcePosition{SourceID: goatee.SourceID{Name: "read", Kind: goatee.KindDirectRead}, Position: goatee.Position{Complete: true}}
	stream := goatee.SourcePosition{SourceID: goatee.SourceID{Name: "stream", Kind: goatee.KindChangeStream}, Position: goatee.Position{ClusterTime: primitive.Timestamp{T: 9}}}
	require.NoError(t, memory.Save(t.Context(), 0, []goatee.SourcePosition{read, stream}))
	store := fixedStart{PositionStore: memory, at: primitive.Timestamp{T: 5}}
	p, err := store.Load(t.Context(), stream.SourceID)
	require.NoError(t, err)
	require.Equal(t, goatee.Position{ClusterTime: primitive.Timestamp{T: 5}}, p)
	p, err = store.Load(t.Context(), read.SourceID)
	require.NoError(t, err)
	require.True(t, p.Complete)
}

func TestLogLinesStandAboveTheStatusLine(t *testing.T) {
	var out bytes.Buffer
	c := newConsole(&out)
	c.setStatus("50%")
	_, err := c.Write([]byte("event\n"))
	require.NoError(t, err)
	c.setStatus("")
	_, err = c.Write([]byte("last\n"))
	require.NoError(t, err)
	require.Equal(t, clearLine+"50%"+clearLine+"event\n50%"+clearLine+"last\n", out.String())
}
