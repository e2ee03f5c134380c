package testservers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// verifyFile refuses a file whose SHA-256 is not the pinned one.
func verifyFile(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		return fmt.Errorf("%s has the SHA-256 %s, but %s is pinned: refused", filepath.Base(path), got, want)
	}
	return nil
}

// verifyDir refuses a folder that does not hold exactly the files of sums, which has the format of sha256sum.
func verifyDir(dir, sums string) error {
	pinned := make(map[string]string)
	for line := range strings.Lines(sums) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			return fmt.Errorf("malformed line %q in the pinned checksums", line)
		}
		pinned[name] = sum
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		sum, ok := pinned[entry.Name()]
		if !ok {
			return fmt.Errorf("%s has no pinned SHA-256: refused", entry.Name())
		}
		if err := verifyFile(filepath.Join(dir, entry.Name()), sum); err != nil {
			return err
		}
		delete(pinned, entry.Name())
	}
	for name := range pinned {
		return fmt.Errorf("%s is pinned but was not downloaded", name)
	}
	return nil
}
