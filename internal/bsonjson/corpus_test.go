package bsonjson_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

type corpusFile struct {
	Valid []struct {
		Description   string `json:"description"`
		CanonicalBSON string `json:"canonical_bson"`
	} `json:"valid"`
	DecodeErrors []struct {
		Description string `json:"description"`
		BSON        string `json:"bson"`
	} `json:"decodeErrors"`
}

// The BSON corpus is the one that the driver's own tests use.
func TestDriverCorpus(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "go.mongodb.org/mongo-driver").Output()
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "testdata", "bson-corpus", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { checkCorpusFile(t, file) })
	}
}

func checkCorpusFile(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var corpus corpusFile
	require.NoError(t, json.Unmarshal(text, &corpus))
	for _, valid := range corpus.Valid {
		raw, err := hex.DecodeString(valid.CanonicalBSON)
		require.NoError(t, err)
		out, err := bsonjson.AppendDocument(nil, raw, &bsonjson.Options{Prune: true})
		require.NoError(t, err, valid.Description)
		require.True(t, json.Valid(out), "%s: %s", valid.Description, out)

		var want bson.M
		require.NoError(t, bson.Unmarshal(raw, &want))
		got, err := bsonjson.DecodeMap(raw)
		require.NoError(t, err, valid.Description)
		if valid.Description != "subtype 0x02 (Zero-length)" {
			// Printed, since NaN does not equal itself.
			require.Equal(t, fmt.Sprintf("%#v", want), fmt.Sprintf("%#v", got), valid.Description)
		}
		checkTotal(t, raw)
	}
	for _, bad := range corpus.DecodeErrors {
		raw, err := hex.DecodeString(bad.BSON)
		require.NoError(t, err)
		checkTotal(t, raw)
		// Invalid UTF-8 is replaced, and an old binary without its inner length
		// taken as it is. All else that is malformed is refused.
		tolerated := strings.Contains(bad.Description, "UTF-8") || strings.Contains(bad.Description, "subtype 0x02")
		_, err = bsonjson.AppendDocument(nil, raw, nil)
		require.Equal(t, tolerated, err == nil, bad.Description)
	}
}
