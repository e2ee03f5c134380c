package benchdocs_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/internal/benchdocs"
)

func TestDocumentsHaveTheSizesThatBenchmarksName(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(int) bson.Raw
		size int
	}{
		{"small", benchdocs.Small, 184},
		{"medium", benchdocs.Medium, 1051},
		{"large", benchdocs.Large, 19900},
	} {
		t.Run(test.name, func(t *testing.T) {
			const n = 500
			total := 0
			for i := range n {
				doc := test.make(i)
				require.NoError(t, doc.Validate())
				require.Equal(t, benchdocs.ID(i), doc.Lookup("_id").ObjectID())
				require.Equal(t, doc, test.make(i))
				total += len(doc)
			}
			require.InEpsilon(t, test.size, total/n, 0.02)
		})
	}
}
