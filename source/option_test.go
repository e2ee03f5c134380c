package source

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

func TestOptionsRefuseMisuse(t *testing.T) {
	client, err := mongo.NewClient(options.Client().ApplyURI("mongodb://localhost")) //nolint:staticcheck // connects to nothing
	require.NoError(t, err)
	re := regexp.MustCompile("x")
	both := map[string]ReadOption{"WithLogger": WithLogger(nil), "WithPipeline": WithPipeline(nil)}
	stream := map[string]ChangeStreamOption{
		"WithFullDocument": WithFullDocument(9), "WithPreImages": WithPreImages(9), "WithInclude": WithInclude(nil),
		"WithExclude": WithExclude(nil), "WithDropInclude": WithDropInclude(nil), "WithDropExclude": WithDropExclude(nil),
		"WithExcludeDatabases": WithExcludeDatabases("a", ""), "WithBatchSize": WithBatchSize(0),
		"WithMaxAwait": WithMaxAwait(time.Microsecond),
	}
	read := map[string]DirectReadOption{
		"WithChunkBytes": WithChunkBytes(0), "WithBatchBytes": WithBatchBytes(-1), "WithParallel": WithParallel(0),
	}
	for name, opt := range both {
		stream[name], read[name] = opt, opt
	}
	for name, opt := range stream {
		_, err := NewChangeStream(client, "shop", opt)
		require.ErrorContains(t, err, name)
	}
	for name, opt := range read {
		_, err := NewDirectRead(client, "shop.orders", opt)
		require.ErrorContains(t, err, name)
	}
	_, err = NewChangeStream(client, "shop", WithInclude(re), WithInclude(re))
	require.ErrorContains(t, err, "twice")
	_, err = NewChangeStream(nil, "shop")
	require.Error(t, err)
	_, err = NewDirectRead(nil, "shop.orders")
	require.Error(t, err)
	_, err = NewFinder(nil)
	require.Error(t, err)
	_, err = NewFinder(client, WithLogger(nil))
	require.ErrorContains(t, err, "WithLogger")
}
