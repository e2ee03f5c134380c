package goateetest

import (
	"os"
	"path/filepath"
	"testing"
)

// updateGolden is the environment variable that makes Golden write files instead of comparing.
const updateGolden = "GOATEE_UPDATE"

// Golden fails the test when got is not what the file holds. Run the tests with GOATEE_UPDATE=1 to write the files, and
// look at the difference before committing them.
func Golden(t testing.TB, path, got string) {
	t.Helper()
	if os.Getenv(updateGolden) != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run with %s=1 to write it", err, updateGolden)
	}
	if got != string(want) {
		t.Fatalf("%s differs; run with %s=1 to accept\nwant:\n%s\ngot:\n%s", path, updateGolden, want, got)
	}
}
