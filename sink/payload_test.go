package sink

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPayloadKnowsItsReaders(t *testing.T) {
	var p payload
	first, second := p.reader([]byte("some bytes")), p.reader([]byte("some bytes"))
	require.False(t, p.idle())
	require.NoError(t, first.Close())
	require.NoError(t, first.Close(), "net/http closes twice at times")
	require.False(t, p.idle(), "the second still reads")
	_, err := io.ReadAll(second)
	require.NoError(t, err)
	require.True(t, p.idle(), "go-elasticsearch does not close what it compresses")
	require.NoError(t, second.Close())
	require.True(t, p.idle())
}
