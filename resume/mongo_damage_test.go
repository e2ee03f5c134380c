package resume_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/resume"
)

var oplog = goatee.SourceID{Name: "oplog", Kind: goatee.KindOplog}

// Documents that people or other programs have changed: the error says which one, what it holds and what to do.
func TestMongoNamesADamagedDocument(t *testing.T) {
	for name, test := range map[string]struct {
		coll, document string
		source         goatee.SourceID
		want           []string
	}{
		"time as a string": {
			"monstache", `{"_id": "default", "ts": "2024-01-01"}`, orders,
			[]string{`{_id: "default"}`, ".monstache: field ts is of type string, expected timestamp", "start each stream from its resume token"},
		},
		"time as a number": {
			"monstache", `{"_id": "default", "ts": 1700000000}`, oplog,
			[]string{"field ts is of type 32-bit integer, expected timestamp"},
		},
		"token as a string": {
			"tokens", `{"_id": {"$oid": "65a000000000000000000001"}, "resumeName": "default", "streamID": "shop.orders", "token": "82"}`, orders,
			[]string{`{_id: {"$oid":"65a000000000000000000001"}}`, ".tokens: field token is of type string, expected embedded document", "start this stream"},
		},
		"token with a broken text": {
			"tokens", `{"_id": 1, "resumeName": "default", "streamID": "shop.orders", "token": {"_data": "82xyz"}}`, orders,
			[]string{".tokens: field token._data is not hexadecimal, expected a resume token"},
		},
		"cluster time of a token": {
			"tokens", `{"_id": 1, "resumeName": "default", "streamID": "shop.orders", "token": {"_data": "82"}, "clusterTime": 5}`, orders,
			[]string{".tokens: field clusterTime is of type 32-bit integer, expected timestamp"},
		},
		"list of complete reads": {
			"directreads", `{"_id": "default", "ns": "shop.views"}`, read("shop.orders"),
			[]string{`{_id: "default"}`, ".directreads: field ns is of type string, expected array", "read all namespaces once more"},
		},
		"position of an unfinished read": {
			"goatee_positions", `{"_id": {"name": "default", "source": "direct-read:shop.orders"}, "token": 5}`, read("shop.orders"),
			[]string{`{_id: {"name": "default","source": "direct-read:shop.orders"}}`, ".goatee_positions: field token is of type", "from its beginning"},
		},
		"position of a source of another kind": {
			"goatee_positions", `{"_id": {"name": "default", "source": "custom"}, "complete": "yes"}`, goatee.SourceID{Name: "custom"},
			[]string{"field complete is of type string, expected boolean"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := database(t)
			insert(t, db, test.coll, test.document)
			_, err := newMongo(t, db).Load(context.Background(), test.source)
			var fault *goatee.ConfigError
			require.ErrorAs(t, err, &fault)
			require.Equal(t, resume.SettingDocument, fault.Setting)
			require.ErrorContains(t, err, "document {_id: ")
			for _, want := range append(test.want, db.Name()+"."+test.coll, test.source.Name, "delete that document to") {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "readWrite", "privileges have nothing to do with it")

			_, err = db.Collection(test.coll).DeleteMany(context.Background(), bson.D{}) // the remedy
			require.NoError(t, err)
			require.True(t, load(t, newMongo(t, db), test.source).IsZero())
		})
	}
}

func TestMongoChecksForDamageBeforeAnythingIsRead(t *testing.T) {
	for name, document := range map[string]string{
		"time":  `{"_id": "default", "ts": "2024-01-01"}`,
		"fence": `{"_id": "default", "fence": "7"}`, // to the server it looks like that of a newer leader
	} {
		t.Run(name, func(t *testing.T) {
			db := database(t)
			insert(t, db, "monstache", document)
			err := newMongo(t, db).Check(context.Background())
			var fault *goatee.ConfigError
			require.ErrorAs(t, err, &fault)
			require.Equal(t, resume.SettingDocument, fault.Setting)
			require.Contains(t, fault.Remedy, "delete that document")
		})
	}
}

// Null is what some programs write where there is nothing.
func TestMongoTakesNullForNothing(t *testing.T) {
	db := database(t)
	insert(t, db, "monstache", `{"_id": "default", "ts": null}`)
	insert(t, db, "tokens", `{"_id": 1, "resumeName": "default", "streamID": "shop.orders", "token": null}`)
	require.True(t, load(t, newMongo(t, db), orders).IsZero())
}
