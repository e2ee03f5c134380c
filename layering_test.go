package goatee_test

import (
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/goatee-sync/goatee"

// Data flows one way and imports point down: examples → source, transform, sink, resume, cluster, gridfs, goateetest →
// root → internal. Siblings meet in the root's contracts only, so that each can be read, tested and replaced alone, and
// a program that imports the root links neither a MongoDB client nor an Elasticsearch one.
func TestImportsPointDown(t *testing.T) {
	for dir, imports := range packages(t) {
		layer := strings.Split(dir, "/")[0]
		for _, imp := range imports {
			require.NotContains(t, imp, "testify", "%s: test packages stay out of what users link", dir)
			if !strings.HasPrefix(imp, module) {
				requireAllowed(t, dir, imp)
				continue
			}
			target := strings.Split(strings.TrimPrefix(strings.TrimPrefix(imp, module), "/"), "/")[0]
			switch {
			case dir == "internal/bulk":
				require.Contains(t, []string{"", "internal"}, target, "%s imports %s: it knows the root's contracts only", dir, imp)
			case layer == "internal":
				require.Equal(t, "internal", target, "%s imports %s: internal packages know nothing above them", dir, imp)
				require.NotEqual(t, module+"/internal/bulk", imp, "%s imports %s, which imports the root", dir, imp)
			case layer == ".":
				require.Equal(t, "internal", target, "the root imports %s", imp)
				require.NotEqual(t, module+"/internal/bulk", imp, "the root imports %s, which imports the root", imp)
			default:
				require.Contains(t, []string{"", "internal", layer}, target, "%s imports %s: siblings never import each other", dir, imp)
			}
		}
	}
}

// requireAllowed keeps clients out of the packages that do without.
func requireAllowed(t *testing.T, dir, imp string) {
	t.Helper()
	external := strings.Contains(strings.Split(imp, "/")[0], ".")
	bson := strings.HasPrefix(imp, "go.mongodb.org/mongo-driver/bson")
	switch {
	case dir == ".":
		require.True(t, !external || bson, "the root imports %s: the driver's bson packages and the standard library only", imp)
	case strings.HasPrefix(dir, "transform"):
		require.False(t, strings.HasPrefix(imp, "go.mongodb.org") && !bson, "transform imports %s: it links no client", imp)
		require.NotContains(t, imp, "elasticsearch", "transform links no client")
	case dir == "source" || dir == "resume" || dir == "cluster" || dir == "gridfs":
		require.NotContains(t, imp, "elasticsearch", "%s knows MongoDB only", dir)
	}
}

// testOnly are packages that exist for tests, of goatee or of its users: they may import testing and testify.
func testOnly(dir string) bool {
	for _, part := range strings.Split(dir, "/") {
		switch part {
		case "sourcetest", "sinktest", "resumetest", "electortest", "goateetest", "testservers", "faultproxy", "fakees", "bench":
			return true
		}
	}
	return false
}

// packages returns the imports of every package of this module by its folder.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		name := d.Name()
		if path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || isNestedModule(path)) {
			return filepath.SkipDir
		}
		pkg, err := build.ImportDir(path, 0)
		if err == nil && !testOnly(filepath.ToSlash(path)) {
			found[filepath.ToSlash(path)] = pkg.Imports
		}
		return nil
	})
	require.NoError(t, err)
	require.Contains(t, found, ".")
	return found
}

func isNestedModule(dir string) bool {
	matches, _ := filepath.Glob(filepath.Join(dir, "go.mod"))
	return len(matches) > 0
}

func TestFilesStaySmall(t *testing.T) {
	const limit = 600
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		require.LessOrEqual(t, lines(t, path), limit, "%s: which noun inside it wants a file of its own?", path)
		return nil
	})
	require.NoError(t, err)
}

func lines(t *testing.T, path string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return strings.Count(string(b), "\n")
}
