package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// SIGTERM under load drains what has been read and ends with 0; the next start goes on from there.
func TestSIGTERMDrains(t *testing.T) {
	s := newStack(t)
	conf := s.settings().with(settings{"direct-read-namespaces": s.namespaces(faultLoad.collections...)})
	l := s.startLoad(t, faultLoad)
	for range 4 {
		d := startDaemon(t, conf)
		s.awaitChange(t, "orders")
		l.more(t, 50)
		require.Zero(t, d.terminate(t))
	}
	// The rest comes without direct reads: the stored position misses nothing.
	d := startDaemon(t, s.settings())
	l.more(t, 100)
	l.stop(t)
	s.requireAgreement(t, faultLoad.collections...)
	require.Zero(t, d.terminate(t))
}

// A batch run reads everything, of every type of _id, and ends with 0.
func TestExitAfterDirectReads(t *testing.T) {
	s := newStack(t)
	collections := []string{"orders", "customers"}
	s.preload(t, loadOptions{collections: collections, ids: 6000})
	conf := s.settings().with(settings{
		"direct-read-namespaces": s.namespaces(collections...), "exit-after-direct-reads": true,
	})
	for name, change := range map[string]settings{
		"with change streams": {},
		"direct reads only":   {"disable-change-events": true, "change-stream-namespaces": []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			s.es.deleteIndices(t, s.db.Name())
			require.Zero(t, startDaemon(t, conf.with(change)).wait(t))
			s.requireAgreement(t, collections...)
		})
	}
}
