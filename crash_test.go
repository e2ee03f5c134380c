package goatee_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

// Whatever happens: after enough restarts Elasticsearch holds what MongoDB holds, through the transformer, and no position
// has ever passed a change that was not durable. A history of a few documents in a few collections is read by streams that
// overlap and by direct reads that are late, while processes die, lose their leadership, are asked to stop or to pause,
// and Elasticsearch refuses documents, blocks indices and forgets the versions of deleted documents.
//
// GOATEE_CRASH_ROUNDS sets how many histories are tried, GOATEE_CRASH_SEED which one alone.
func TestCrashesLoseNothing(t *testing.T) {
	rounds, first := 400, 0
	if testing.Short() {
		rounds = 60
	}
	if n, err := strconv.Atoi(os.Getenv("GOATEE_CRASH_ROUNDS")); err == nil {
		rounds = n
	}
	if n, err := strconv.Atoi(os.Getenv("GOATEE_CRASH_SEED")); err == nil {
		rounds, first = 1, n
	}
	for seed := first; seed < first+rounds; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) { newCrashes(t, uint64(seed)).run() })
		})
	}
}

// crashes is one history with everything that happens to it.
type crashes struct {
	t       *testing.T
	r       *rand.Rand
	seed    uint64
	slow    bool // writes may take their time
	w       *world
	es      *elastic
	store   *vault
	elect   *election // nil: one process at a time
	views   []string  // the streams there are
	fetch   bool
	shape   shape
	trouble trouble
	plain   bool           // no transformer
	letters map[int32]bool // v of dead letters
	doubts  map[uint32]int // attempts, by time
	extra   bool           // a stream that comes and goes has been there
	indices []string
}

func newCrashes(t *testing.T, seed uint64) *crashes {
	r := rand.New(rand.NewPCG(seed, 9))
	slow := r.IntN(2) == 0 // with drops, writes take no time: synctest's clock stands still while one waits for a mutex
	w := newWorld(r, 20+r.IntN(120), !slow)
	c := &crashes{
		t: t, r: r, slow: slow, seed: seed, w: w, es: newElastic(), letters: map[int32]bool{}, doubts: map[uint32]int{},
		store: &vault{w: w, r: c2(r), saved: map[string]goatee.Position{}, views: map[string]*view{}, reads: map[string]*late{}},
		views: []string{"all", "shop", "orders"}[:1+r.IntN(3)], fetch: r.IntN(2) == 0, shape: shapes[r.IntN(len(shapes))],
	}
	if r.IntN(2) == 0 {
		c.elect = newElection()
	}
	flip := func() bool { return r.IntN(2) == 0 }
	c.trouble = trouble{errors: flip(), refusals: flip(), retries: flip(), doubts: flip(), latest: flip(), batch: flip()}
	if c.plain = c.shape.name == "as it is" && flip(); c.plain {
		c.trouble.errors, c.trouble.retries = false, false
	}
	c.store.shaky = r.IntN(3) == 0
	for _, ns := range collections {
		for _, p := range c.shape.all(ns) {
			if !slices.Contains(c.indices, p.index) {
				c.indices = append(c.indices, p.index)
			}
		}
	}
	c.es.refuses = func(a *goatee.Action) bool {
		return c.trouble.refusals && a.Change.Op.HasDocument() && a.Kind != goatee.ActionDelete && refusedFor(a.Body().Lookup("v").Int32())
	}
	c.es.doubts = func(a *goatee.Action) bool {
		if !c.trouble.doubts || a.Change.ClusterTime.T%5 != 0 {
			return false
		}
		c.doubts[a.Change.ClusterTime.T]++
		return c.doubts[a.Change.ClusterTime.T] < 4
	}
	return c
}

// c2 returns a source of randomness for another goroutine.
func c2(r *rand.Rand) *rand.Rand { return rand.New(rand.NewPCG(r.Uint64(), 1)) }

func (c *crashes) run() {
	ctx, stop := context.WithCancel(c.t.Context())
	over := make(chan struct{})
	go func(r *rand.Rand) { defer close(over); c.w.happen(ctx, r) }(c2(c.r))
	for range c.r.IntN(7) {
		c.incarnation(false)
		c.check()
	}
	stop()
	<-over
	c.w.head.Store(int64(len(c.w.events)))
	c.es.unblock(c.indices...)
	c.store.mu.Lock()
	c.store.shaky = false
	c.store.mu.Unlock()
	c.incarnation(true)
	c.check()
	c.compare()
}

func (c *crashes) describe() string {
	return fmt.Sprintf("seed %d (GOATEE_CRASH_SEED): %d events, %s, streams %v, %+v", c.seed, len(c.w.events), c.shape.name, c.views, c.trouble)
}

// check fails when something has happened that never must.
func (c *crashes) check() {
	c.t.Helper()
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if len(c.w.wrong) > 0 {
		c.t.Fatalf("%s:\n%s", c.describe(), strings.Join(c.w.wrong[:min(5, len(c.w.wrong))], "\n"))
	}
}

// worker is one process of an incarnation.
type worker struct {
	*goatee.Syncer
	process *process
	reads   []*late
	ended   chan error
}

// incarnation runs one process, or two that compete, until it is asked to stop. The last one has no trouble but that of
// documents, and goes on until everything is there.
func (c *crashes) incarnation(last bool) {
	ctx, stop := context.WithCancel(c.t.Context())
	defer stop()
	workers := []*worker{c.worker(last, 0)}
	if c.elect != nil && !last {
		workers = append(workers, c.worker(last, 1))
	}
	for _, w := range workers {
		go func() { w.ended <- w.Run(ctx) }()
	}
	if last {
		c.finish(workers[0])
	} else {
		c.disturb(workers)
	}
	stop()
	for _, w := range workers {
		select {
		case err := <-w.ended:
			if err != nil && !expected(err) {
				c.t.Fatalf("%s: Run returns %v", c.describe(), err)
			}
		case <-time.After(10 * time.Minute):
			c.t.Fatalf("%s: Run does not end", c.describe())
		}
	}
}

func expected(err error) bool {
	for _, known := range []error{errKilled, goatee.ErrDrainTimeout, goatee.ErrLeadershipLost, goatee.ErrFenced} {
		if errors.Is(err, known) {
			return true
		}
	}
	return strings.Contains(err.Error(), "nothing can be stored at present")
}

func (c *crashes) worker(last bool, number int) *worker {
	r := c.r
	w := &worker{process: &process{w: c.w, es: c.es, r: c2(r)}, ended: make(chan error, 1)}
	if c.slow {
		w.process.tired = r.IntN(3) * 20
	}
	pick := func(of ...int) int { return of[r.IntN(len(of))] }
	opts := []goatee.Option{
		goatee.WithSink(w.process), goatee.WithPositions(c.store), goatee.WithLanes(1 + r.IntN(4)),
		goatee.WithInFlightBytes(int64(pick(300, 1500, 10_000, 1<<20))), goatee.WithBatch(1+r.IntN(20), pick(50, 500, 1<<20)),
		goatee.WithCheckpointInterval(time.Duration(pick(1, 10, 300)) * time.Millisecond),
		goatee.WithDeadLetter(func(_ context.Context, d goatee.DeadLetter) error {
			c.w.note(c.w.dead, d.ClusterTime)
			c.w.mu.Lock()
			defer c.w.mu.Unlock()
			if v, ok := d.Document.Lookup("v").Int32OK(); ok {
				c.letters[v] = true
			}
			return nil
		}),
	}
	if !last {
		w.process.left = pick(0, 5, 30, 100)
		opts = append(opts, goatee.WithDrainTimeout(time.Duration(pick(1, 50, 30_000))*time.Millisecond))
	}
	if c.elect != nil {
		opts = append(opts, goatee.WithElector(candidate{c.elect, w.process}))
	}
	if !c.plain {
		tr := &shaping{shape: c.shape, trouble: c.trouble, w: c.w, calls: map[primitive.Timestamp]int{}}
		if c.trouble.batch {
			opts = append(opts, goatee.WithTransformer(batching{tr}))
		} else {
			opts = append(opts, goatee.WithTransformer(tr))
		}
	}
	for _, name := range c.views {
		opts = append(opts, goatee.WithSource(c.view(name)))
	}
	if last && c.extra {
		opts = append(opts, goatee.WithSource(c.view("extra")))
	}
	for i := range r.IntN(4) {
		l := c.late(fmt.Sprintf("read %d", i), collections[r.IntN(len(collections))])
		w.reads = append(w.reads, l)
		opts = append(opts, goatee.WithSource(struct{ goatee.Source }{l}))
	}
	w.Syncer = newSyncer(c.t, opts...)
	return w
}

func (c *crashes) view(name string) goatee.Source {
	of := map[string]goatee.Namespace{"shop": {Database: "shop"}, "orders": orders, "extra": orders}[name]
	v := &view{w: c.w, name: name, of: of, r: c2(c.r), fetch: c.fetch}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	c.store.views[name] = v
	if c.fetch {
		return fetching{v}
	}
	return v
}

func (c *crashes) late(name string, of goatee.Namespace) *late {
	l := &late{w: c.w, name: name, of: of, r: c2(c.r)}
	if c.elect == nil && c.r.IntN(2) == 0 {
		l.name, l.stateful = "stateful "+of.String()+" "+name, true
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	c.store.reads[l.name] = l
	return l
}

// disturb does what it can for a while.
func (c *crashes) disturb(workers []*worker) {
	r := c.r
	for range 5 + r.IntN(40) {
		time.Sleep(time.Duration(r.IntN(400)) * time.Millisecond)
		s := workers[r.IntN(len(workers))]
		index := c.indices[r.IntN(len(c.indices))]
		switch r.IntN(9) {
		case 0:
			c.es.block(index)
		case 1, 2:
			c.es.unblock(index)
		case 3:
			c.es.forget()
		case 4:
			if c.elect != nil {
				c.elect.depose()
			}
		case 5:
			_ = s.Pause(c.views[r.IntN(len(c.views))])
		case 6:
			_ = s.Resume()
		case 7:
			if s.Add(c.t.Context(), c.view("extra")) == nil {
				c.extra = true
			}
		case 8:
			ctx, cancel := context.WithTimeout(c.t.Context(), time.Second)
			_ = s.Remove(ctx, "extra")
			cancel()
		}
	}
}

// finish waits until everything that has happened is there.
func (c *crashes) finish(w *worker) {
	missing := "nothing"
	for range 60 * 60 {
		time.Sleep(time.Second)
		if missing = c.missing(w); missing == "" {
			return
		}
		c.check()
	}
	c.t.Fatalf("%s: after an hour there is missing: %s\n%+v", c.describe(), missing, w.Stats())
}

func (c *crashes) missing(w *worker) string {
	st := w.Stats()
	if st.Waiting > 0 {
		return fmt.Sprintf("%d changes wait", st.Waiting)
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	for _, s := range st.Sources {
		at := int(c.store.saved[s.Name].ClusterTime.I)
		switch {
		case s.DirectRead && !s.Done:
			return s.Name + " is not done"
		case !s.DirectRead && at < len(c.w.events):
			return fmt.Sprintf("%s is at %d of %d", s.Name, at, len(c.w.events))
		}
	}
	if len(st.Sources) == 0 {
		return "everything"
	}
	return ""
}

// compare compares Elasticsearch with MongoDB. A document whose last state cannot be written is a dead letter, and what
// is left of its former states does not matter.
func (c *crashes) compare() {
	want, free := map[string]int32{}, map[string]bool{}
	for k, v := range c.w.at(len(c.w.events)) {
		bad := c.trouble.errors && (failsFor(v) || panicsFor(v)) ||
			c.trouble.refusals && refusedFor(v) && len(c.shape.places(k.ns, v)) > 0
		if bad {
			require.True(c.t, c.letters[v], "%s: document %v can not be written as %d and is no dead letter", c.describe(), k, v)
			for _, p := range c.shape.all(k.ns) {
				free[text(goatee.Target{Index: p.index, Routing: p.routing, ID: fmt.Sprint(k.id)})] = true
			}
			continue
		}
		for _, p := range c.shape.places(k.ns, v) {
			want[text(goatee.Target{Index: p.index, Routing: p.routing, ID: fmt.Sprint(k.id)})] = v
		}
	}
	got := c.es.state()
	maps.DeleteFunc(got, func(t string, _ int32) bool { return free[t] })
	require.Equal(c.t, want, got, c.describe())
}
