package source

import (
	"bytes"
	"context"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
)

// unconnected returns a client for what does no I/O.
func unconnected(t *testing.T) *mongo.Client {
	t.Helper()
	client, err := mongo.NewClient(options.Client().ApplyURI("mongodb://localhost")) //nolint:staticcheck // connects to nothing
	require.NoError(t, err)
	return client
}

// constructors are the three ways to use options.
func constructors(client *mongo.Client) map[string]func(...Option) error {
	return map[string]func(...Option) error{
		"NewChangeStream": func(o ...Option) error { _, err := NewChangeStream(client, "shop", o...); return err },
		"NewDirectRead":   func(o ...Option) error { _, err := NewDirectRead(client, "shop.orders", o...); return err },
		"NewFinder":       func(o ...Option) error { _, err := NewFinder(client, o...); return err },
	}
}

// TestOptions: each option names itself when it is misused, and when it is given to a constructor it does not concern.
func TestOptions(t *testing.T) {
	re := regexp.MustCompile("x")
	turns, err := NewTurns(1)
	require.NoError(t, err)
	stages := func(string, bool) (mongo.Pipeline, error) { return nil, nil }
	for name, test := range map[string]struct {
		good, bad Option
		takers    string
	}{
		"WithLogger":           {WithLogger(slog.Default()), WithLogger(nil), "NewChangeStream NewDirectRead NewFinder"},
		"WithObserver":         {WithObserver(goatee.Observer{}), nil, "NewChangeStream NewDirectRead NewFinder"},
		"WithPipeline":         {WithPipeline(stages), WithPipeline(nil), "NewChangeStream NewDirectRead"},
		"WithFullDocument":     {WithFullDocument(FullDocumentRequired), WithFullDocument(9), "NewChangeStream"},
		"WithPreImages":        {WithPreImages(PreImagesRequired), WithPreImages(9), "NewChangeStream"},
		"WithInclude":          {WithInclude(re), WithInclude(nil), "NewChangeStream"},
		"WithExclude":          {WithExclude(re), WithExclude(nil), "NewChangeStream"},
		"WithDropInclude":      {WithDropInclude(re), WithDropInclude(nil), "NewChangeStream"},
		"WithDropExclude":      {WithDropExclude(re), WithDropExclude(nil), "NewChangeStream"},
		"WithExcludeDatabases": {WithExcludeDatabases("a"), WithExcludeDatabases("a", ""), "NewChangeStream"},
		"WithBatchSize":        {WithBatchSize(1), WithBatchSize(0), "NewChangeStream"},
		"WithMaxAwait":         {WithMaxAwait(time.Millisecond), WithMaxAwait(time.Microsecond), "NewChangeStream"},
		"WithChunkBytes":       {WithChunkBytes(1), WithChunkBytes(0), "NewDirectRead"},
		"WithBatchBytes":       {WithBatchBytes(1), WithBatchBytes(-1), "NewDirectRead"},
		"WithParallel":         {WithParallel(1), WithParallel(0), "NewDirectRead"},
		"WithStateful":         {WithStateful(true), nil, "NewDirectRead"},
		"WithTurns":            {WithTurns(turns), WithTurns(nil), "NewDirectRead"},
	} {
		t.Run(name, func(t *testing.T) {
			for constructor, construct := range constructors(unconnected(t)) {
				if !strings.Contains(test.takers, constructor) {
					err := construct(test.good)
					requireSetting(t, err, "source."+name)
					require.ErrorContains(t, err, constructor)
					continue
				}
				require.NoError(t, construct(test.good))
				if test.bad != nil {
					requireSetting(t, construct(test.bad), "source."+name)
				}
			}
		})
	}
}

func TestMisuseOfConstructors(t *testing.T) {
	re := regexp.MustCompile("x")
	for constructor, construct := range constructors(unconnected(t)) {
		requireSetting(t, construct(nil), "source."+constructor)
	}
	for constructor, construct := range constructors(nil) {
		requireSetting(t, construct(), "source."+constructor)
	}
	_, err := NewChangeStream(unconnected(t), "shop", WithInclude(re), WithInclude(re))
	requireSetting(t, err, "source.WithInclude")
	_, err = NewTurns(0)
	requireSetting(t, err, "source.NewTurns")
}

func TestNames(t *testing.T) {
	client := unconnected(t)
	for target, ns := range map[string]goatee.Namespace{
		"": {}, "shop": {Database: "shop"}, "shop.orders": {Database: "shop", Collection: "orders"},
		"shop.orders.archive": {Database: "shop", Collection: "orders.archive"},
		"shop.a b":            {Database: "shop", Collection: "a b"},
	} {
		stream, err := NewChangeStream(client, target)
		require.NoError(t, err, target)
		id := goatee.SourceID{Name: "change-stream:" + target, Kind: goatee.KindChangeStream, Namespace: ns}
		require.Equal(t, id, stream.SourceID())
		require.Equal(t, id, goatee.Identify(stream))
		if ns.Collection == "" {
			continue
		}
		read, err := NewDirectRead(client, target)
		require.NoError(t, err, target)
		id = goatee.SourceID{Name: "direct-read:" + target, Kind: goatee.KindDirectRead, Namespace: ns}
		require.Equal(t, id, goatee.Identify(read))
		require.Equal(t, ns, read.Namespace())
	}
	for _, name := range []string{
		".", "shop.", ".orders", "a b.c", "a/b.c", " shop.orders", "shop.orders ", "shop. orders", "shop.orders\n",
		"shop.$cmd", "shop.a$b", "shop..orders", "shop.a\x00", strings.Repeat("d", 64) + ".c",
	} {
		_, err := NewChangeStream(client, name)
		requireSetting(t, err, SettingTarget)
		_, err = NewDirectRead(client, name)
		requireSetting(t, err, SettingNamespace)
	}
	_, err := NewDirectRead(client, "shop")
	requireSetting(t, err, SettingNamespace)
}

// TestWhatIsNeverFollowed: a stream that could never bring anything is a mistake.
func TestWhatIsNeverFollowed(t *testing.T) {
	for _, target := range []string{"state", "state.tokens", "shop.system.views", "shop.fs.chunks"} {
		_, err := NewChangeStream(unconnected(t), target, WithExcludeDatabases("admin", "state"))
		requireSetting(t, err, SettingTarget)
	}
}

// TestInstrument: what an option gave stays, the rest comes from the Syncer.
func TestInstrument(t *testing.T) {
	for _, own := range []bool{false, true} {
		var ownLog, syncerLog bytes.Buffer
		var ownStates, syncerStates int
		count := func(n *int) goatee.Observer {
			return goatee.Observer{State: func(goatee.StateInfo) { *n++ }}
		}
		var opts []Option
		if own {
			opts = []Option{WithLogger(slog.New(slog.NewTextHandler(&ownLog, nil))), WithObserver(count(&ownStates))}
		}
		stream, err := NewChangeStream(unconnected(t), "shop", opts...)
		require.NoError(t, err)
		read, err := NewDirectRead(unconnected(t), "shop.orders", opts...)
		require.NoError(t, err)
		finder, err := NewFinder(unconnected(t), opts...)
		require.NoError(t, err)
		for _, i := range []goatee.Instrumented{stream, read, finder} {
			i.Instrument(slog.New(slog.NewTextHandler(&syncerLog, nil)), count(&syncerStates))
		}
		for _, h := range []*health{stream.health, read.health, finder.health} {
			h.failed(context.DeadlineExceeded)
			h.recovered()
		}
		require.Equal(t, own, strings.Contains(ownLog.String(), "source=direct-read:shop.orders"))
		require.Equal(t, !own, strings.Contains(syncerLog.String(), "source=direct-read:shop.orders"))
		require.Equal(t, own, ownStates == 6)
		require.Equal(t, !own, syncerStates == 6)
	}
}
