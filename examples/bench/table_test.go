package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTableShowsMediansAndRatios(t *testing.T) {
	var out strings.Builder
	writeTable(&out, []*result{{Row: "direct", Documents: 10, Entries: []entryResult{
		{Name: "ceiling", Samples: []sample{{Rate: 200_000, CPU: 4}, {Rate: 100_000, CPU: 2}, {Rate: 400_000, CPU: 8}}},
		{Name: "goatee", Samples: []sample{{Rate: 150_000, CPU: 5}}},
		{Name: "hand", Samples: []sample{{Rate: 10_000, CPU: 60}}},
	}}, {Row: "latency", Entries: []entryResult{
		{Name: "goatee", Samples: []sample{{CPU: 1, Rate: 20, P50: 0.5, P99: 1.25}}},
	}}})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 5, "a head and a line for each pipeline")

	goatee := strings.Fields(lines[2])
	require.Equal(t, []string{"direct", "goatee", "150,000", "5.00"}, goatee[:4])
	require.Contains(t, lines[2], "1.25 x", "CPU beside the median of the first pipeline")
	require.Contains(t, lines[2], "75 %", "docs/s beside the median of the first pipeline")
	require.Contains(t, lines[2], "12.0 x less", "CPU beside the hand-written pipeline")
	require.Contains(t, lines[4], "p50 0.50 ms, p99 1.25 ms")
	require.NotContains(t, lines[4], "less", "nothing is written by hand in that row")
}

func TestNumbersHaveTheirThousandsApart(t *testing.T) {
	for want, f := range map[string]float64{"0": 0.4, "999": 999, "1,000": 999.6, "1,234,567": 1234567} {
		require.Equal(t, want, number(f))
	}
}
