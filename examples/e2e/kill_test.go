package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Killed at any moment, again and again, goatee loses nothing and leaves nothing behind.
func TestKill(t *testing.T) {
	s := newStack(t)
	o := loadOptions{collections: []string{"orders", "customers", "Stock.Items"}, ids: 300, pause: 2 * time.Millisecond}
	l := s.startLoad(t, o)
	r := dice(t, 99)
	conf := s.settings().with(settings{"direct-read-namespaces": s.namespaces(o.collections...)})
	for round := range *kills {
		// The strategies keep their positions in different places: after a change the older one counts again.
		conf["resume-strategy"] = round / 2 % 2
		d := startDaemon(t, conf)
		time.Sleep(time.Duration(r.IntN(2000)) * time.Millisecond) // the random moment
		d.requireRunning(t)
		d.kill()
	}
	d := startDaemon(t, conf)
	l.more(t, 200)
	l.stop(t)
	s.requireAgreement(t, o.collections...)
	require.Zero(t, d.terminate(t))
	s.requireAgreement(t, o.collections...)
}

// Without direct reads everything depends on the stored position.
func TestKillWithChangeStreamsOnly(t *testing.T) {
	for name, strategy := range map[string]int{"timestamp": 0, "token": 1} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t)
			o := loadOptions{collections: []string{"orders", "customers"}, ids: 100, pause: 2 * time.Millisecond}
			r := dice(t, 99)
			conf := s.settings().with(settings{
				"resume-strategy":          strategy,
				"change-stream-namespaces": s.namespaces(o.collections...), // each with its own position
			})
			d := startDaemon(t, conf)
			s.awaitFollowing(t, o.collections...)
			l := s.startLoad(t, o)
			for range max(*kills/4, 1) {
				time.Sleep(time.Duration(r.IntN(1500)) * time.Millisecond) // the random moment
				d.requireRunning(t)
				d.kill()
				l.more(t, 50)
				d = startDaemon(t, conf)
			}
			l.more(t, 200)
			l.stop(t)
			s.requireAgreement(t, o.collections...)
			require.Zero(t, d.terminate(t))
		})
	}
}

// Collections and the database are dropped and created again, while goatee runs and while it does not.
func TestKillWithDrops(t *testing.T) {
	s := newStack(t)
	o := loadOptions{collections: []string{"orders", "customers"}, ids: 100, pause: 2 * time.Millisecond, tolerant: true}
	r := dice(t, 99)
	conf := s.settings()
	s.follow(t, conf, o.collections...)
	l := s.startLoad(t, o)
	for round := range max(*kills/2, 1) {
		conf["resume-strategy"] = round % 2
		conf["direct-read-namespaces"] = s.namespaces(o.collections[:r.IntN(3)]...)
		d := startDaemon(t, conf)
		time.Sleep(time.Duration(r.IntN(800)) * time.Millisecond) // the random moment
		s.dropSomething(t, r)
		time.Sleep(time.Duration(r.IntN(400)) * time.Millisecond)
		d.requireRunning(t)
		d.kill()
		s.dropSomething(t, r)
	}
	delete(conf, "direct-read-namespaces")
	d := startDaemon(t, conf)
	l.more(t, 200)
	l.stop(t)
	s.requireAgreement(t, o.collections...)
	require.Zero(t, d.terminate(t))
}

// follow runs goatee until it has positions for the collections.
func (s *stack) follow(t *testing.T, conf settings, collections ...string) {
	t.Helper()
	d := startDaemon(t, conf)
	s.awaitFollowing(t, collections...)
	require.Zero(t, d.terminate(t))
}

func (s *stack) dropSomething(t *testing.T, r *rand.Rand) {
	t.Helper()
	switch r.IntN(6) {
	case 0:
		require.NoError(t, s.db.Drop(t.Context()))
	case 1, 2:
		require.NoError(t, s.db.Collection("orders").Drop(t.Context()))
	}
}
