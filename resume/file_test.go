package resume_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/resume"
)

func TestFileIsReadableJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "positions.json")
	s := resume.NewFile(path)
	save(t, s, 3, orders, goatee.Position{Token: token(t, "8265"), ClusterTime: at(1700000000, 2)})
	save(t, s, 3, read("shop.orders"), goatee.Position{Complete: true})

	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"version": 1,
		"fence": 3,
		"positions": {
			"change-stream:shop.orders": {"token": {"_data": "8265"}, "clusterTime": {"t": 1700000000, "i": 2}},
			"direct-read:shop.orders": {"complete": true}
		}
	}`, string(data))
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file is left")
}

func TestFileIsCreatedByTheFirstSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "positions.json")
	s := resume.NewFile(path)
	require.NoError(t, s.Check(context.Background()))
	require.True(t, load(t, s, orders).IsZero())
	require.NoFileExists(t, path)
	save(t, s, 0, orders, goatee.Position{ClusterTime: at(1, 1)})
	require.FileExists(t, path)
}

// A process killed between writing the temporary file and the rename leaves a torn temporary file and the old positions.
func TestFileIgnoresWhatAKillLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "positions.json")
	want := goatee.Position{Token: token(t, "8265"), ClusterTime: at(2, 1)}
	save(t, resume.NewFile(path), 0, orders, want)
	require.NoError(t, os.WriteFile(path+".tmp", []byte(`{"version": 1, "positions": {"change-str`), 0o600))

	s := resume.NewFile(path)
	require.NoError(t, s.Check(context.Background()))
	require.Equal(t, want, load(t, s, orders))
	save(t, s, 0, customers, want)
	require.Equal(t, want, load(t, s, orders))
	require.NoFileExists(t, path+".tmp")
}

func TestFileNamesPathAndRemedy(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		remedy  string
	}{
		"empty":          {"", "restore it from a backup"},
		"torn":           {`{"version": 1, "positions": {"change`, "restore it from a backup"},
		"not ours":       {`[1, 2]`, "restore it from a backup"},
		"another format": {`{"version": 2, "positions": {}}`, "restore it from a backup"},
		"bad token":      {`{"version": 1, "positions": {"change-stream:shop.orders": {"token": "8265"}}}`, "restore"},
		"torn token":     {`{"version": 1, "positions": {"change-stream:shop.orders": {"tokenBytes": "AAAA"}}}`, "restore"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "positions.json")
			require.NoError(t, os.WriteFile(path, []byte(test.content), 0o600))
			_, err := resume.NewFile(path).Load(context.Background(), orders)
			var fault *goatee.ConfigError
			require.ErrorAs(t, err, &fault)
			require.ErrorContains(t, err, path)
			require.Contains(t, fault.Remedy, test.remedy)
		})
	}
}

func TestFileRefusesToReplaceACorruptFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "positions.json")
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	err := resume.NewFile(path).Save(context.Background(), 0,
		[]goatee.SourcePosition{{SourceID: orders, Position: goatee.Position{ClusterTime: at(1, 1)}}})
	require.ErrorContains(t, err, "is not a file of positions")
	require.FileExists(t, path)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "{", string(data))
}

func TestFileInAMissingFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "positions.json")
	s := resume.NewFile(path)
	require.ErrorContains(t, s.Check(context.Background()), "create the folder "+filepath.Dir(path))
	err := s.Save(context.Background(), 0,
		[]goatee.SourcePosition{{SourceID: orders, Position: goatee.Position{ClusterTime: at(1, 1)}}})
	require.ErrorContains(t, err, path)
}

func TestFileThatIsAFolder(t *testing.T) {
	dir := t.TempDir()
	require.ErrorContains(t, resume.NewFile(dir).Check(context.Background()), dir+" cannot be read")
}

// Direct reads keep _id values in their tokens: of any type, also strings that are not UTF-8.
func TestFileKeepsAnyTokenByteByByte(t *testing.T) {
	s := resume.NewFile(filepath.Join(t.TempDir(), "positions.json"))
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		value := randomValue(random)
		raw, err := bson.Marshal(bson.D{{Key: "after", Value: value}})
		require.NoError(t, err)
		save(t, s, 0, orders, goatee.Position{Token: raw})
		require.Equal(t, bson.Raw(raw), load(t, s, orders).Token, "%#v", value)
	}
}

func TestFileRefusesATokenThatIsNoDocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "positions.json")
	err := resume.NewFile(path).Save(context.Background(), 0,
		[]goatee.SourcePosition{{SourceID: orders, Position: goatee.Position{Token: bson.Raw{1, 2, 3}}}})
	require.ErrorContains(t, err, orders.Name)
	require.NoFileExists(t, path)
}

func randomValue(r *rand.Rand) any {
	text := make([]byte, r.IntN(12))
	for i := range text {
		text[i] = byte(r.Uint32())
	}
	switch r.IntN(10) {
	case 0:
		return string(text)
	case 1:
		return primitive.Binary{Subtype: byte(r.IntN(6)), Data: text}
	case 2:
		return r.NormFloat64() * float64(r.Int64())
	case 3:
		return r.Int64() - r.Int64()
	case 4:
		return r.Int32()
	case 5:
		return primitive.DateTime(r.Int64() - r.Int64())
	case 6:
		return primitive.NewDecimal128(r.Uint64(), r.Uint64())
	case 7:
		return primitive.Regex{Pattern: "^a", Options: "xi"}
	case 8:
		return bson.D{{Key: "b", Value: r.Int32()}, {Key: "a", Value: json.Number("1")}, {Key: "b", Value: true}}
	default:
		return primitive.Timestamp{T: r.Uint32(), I: r.Uint32()}
	}
}
