package resume_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/resume"
)

// process is one of several that store positions in one database.
type process struct {
	*resume.Mongo
	log bytes.Buffer
	now uint32
}

func newProcess(t *testing.T, db *mongo.Database, name string) *process {
	t.Helper()
	s, err := resume.NewMongo(db, name)
	require.NoError(t, err)
	p := &process{Mongo: s}
	p.Instrument(slog.New(slog.NewTextHandler(&p.log, nil)), goatee.Observer{})
	return p
}

// work saves positions n times.
func (p *process) work(t *testing.T, fence goatee.Fence, n int) {
	t.Helper()
	for range n {
		p.now++
		save(t, p, fence, orders, goatee.Position{Token: token(t, "8201"), ClusterTime: at(p.now, 1)})
	}
}

func (p *process) warnings() int {
	return strings.Count(p.log.String(), "another process stores positions")
}

func TestMongoWarnsOnceOfAnotherProcess(t *testing.T) {
	db := database(t)
	a, b := newProcess(t, db, "default"), newProcess(t, db, "default")
	for range 5 {
		a.work(t, 0, 1)
		b.work(t, 0, 3) // at another pace
	}
	for _, p := range []*process{a, b} {
		require.Equal(t, 1, p.warnings())
		require.Contains(t, p.log.String(), `under the name \"default\"`)
		require.Regexp(t, `host=\S+ pid=\d+ saved=20\d\d-`, p.log.String())
	}
}

func TestMongoDoesNotWarnOf(t *testing.T) {
	for name, work := range map[string]func(t *testing.T, db *mongo.Database) []*process{
		"a restart": func(t *testing.T, db *mongo.Database) (all []*process) {
			for range 3 {
				p := newProcess(t, db, "default")
				p.work(t, 0, 3)
				all = append(all, p)
			}
			return all
		},
		"the last save of the process before": func(t *testing.T, db *mongo.Database) []*process {
			a, b := newProcess(t, db, "default"), newProcess(t, db, "default")
			a.work(t, 0, 3)
			b.work(t, 0, 1)
			a.work(t, 0, 1)
			b.work(t, 0, 3)
			return []*process{a, b}
		},
		"leaders that take turns": func(t *testing.T, db *mongo.Database) []*process {
			a, b := newProcess(t, db, "default"), newProcess(t, db, "default")
			for fence := range goatee.Fence(6) {
				[]*process{a, b}[fence%2].work(t, fence+1, 2)
			}
			return []*process{a, b}
		},
		"another name": func(t *testing.T, db *mongo.Database) []*process {
			a, b := newProcess(t, db, "default"), newProcess(t, db, "other")
			for range 5 {
				a.work(t, 0, 1)
				b.work(t, 0, 1)
			}
			return []*process{a, b}
		},
		"what Monstache has written": func(t *testing.T, db *mongo.Database) []*process {
			insert(t, db, "monstache", monstacheTime)
			a := newProcess(t, db, "default")
			a.work(t, 0, 3)
			return []*process{a}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, p := range work(t, database(t)) {
				require.Zero(t, p.warnings(), p.log.String())
			}
		})
	}
}

func TestMongoSaysWhoSaved(t *testing.T) {
	db := database(t)
	newProcess(t, db, "default").work(t, 0, 1)
	doc := documents(t, db, "monstache")[0]
	run := doc["run"].(bson.M)
	require.NotEmpty(t, run["id"])
	require.NotEmpty(t, run["host"])
	require.NotZero(t, run["pid"])
	require.IsType(t, primitive.DateTime(0), doc["savedAt"])
	require.Equal(t, at(1, 1), doc["ts"], "Monstache's own field")
}
