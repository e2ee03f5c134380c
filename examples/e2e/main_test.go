package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The flags of this package's tests.
var (
	seed      = flag.Uint64("seed", rand.Uint64(), "seed of all random decisions")
	kills     = flag.Int("kills", 20, "rounds of the crash test")
	documents = flag.Float64("documents", 20_000, "good documents around the refused one")
)

const (
	// patience is what anything that must happen gets to happen, also on a machine that is busy with other tests.
	patience = 90 * time.Second
	// tick is how often conditions are looked at.
	tick = 50 * time.Millisecond
)

func TestMain(m *testing.M) {
	flag.Parse()
	fmt.Printf("seed %d (repeat with -seed %[1]d)\n", *seed)
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(servers.close(ctx), binaries.remove()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
		os.Exit(code)
	}))
}

// dice returns a source of random decisions that depends on the seed and the test only.
func dice(t testing.TB, stream uint64) *rand.Rand {
	t.Helper()
	sum := stream
	for _, c := range []byte(t.Name()) {
		sum = sum*31 + uint64(c)
	}
	return rand.New(rand.NewPCG(*seed, sum))
}
