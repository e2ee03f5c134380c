package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// result is what was measured of a row.
type result struct {
	Row       string        `json:"row"`
	Documents int           `json:"documents"`
	Entries   []entryResult `json:"entries"`
}

// entryResult holds the samples of one pipeline.
type entryResult struct {
	Name    string   `json:"name"`
	Samples []sample `json:"samples"`
}

// writeTable writes medians and what they are beside those of the first and of the hand-written pipeline of the row.
func writeTable(out io.Writer, results []*result) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	fmt.Fprintln(w, "row\tpipeline\tdocs/s\tCPU µs/doc\tRSS MiB\tallocs/doc\tmongod µs/doc\tothers\tCPU vs first\tdocs/s vs first\tCPU vs hand\t")
	for _, r := range results {
		var hand *sample
		rows := make([]sample, len(r.Entries))
		for i, e := range r.Entries {
			rows[i] = medians(e.Samples)
			if e.Name == "hand" {
				hand = &rows[i]
			}
		}
		for i, m := range rows {
			cells := []string{
				r.Row, r.Entries[i].Name, number(m.Rate), fmt.Sprintf("%.2f", m.CPU), fmt.Sprintf("%.0f", m.RSS),
				fmt.Sprintf("%.2f", m.Allocs), fmt.Sprintf("%.2f", m.MongoDB), fmt.Sprintf("%.0f %%", m.Others),
			}
			cells = append(cells, compare(m, rows[0], hand)...)
			cells = append(cells, "", strings.TrimLeft(delays(m)+elastic(m, rows[0]), " "))
			fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "\t"), "\t")+"\t")
		}
	}
}

// compare returns CPU and rate beside those of the first pipeline, and how much less CPU it is than by hand.
func compare(m, first sample, hand *sample) []string {
	cells := []string{fmt.Sprintf("%.2f x", m.CPU/first.CPU), fmt.Sprintf("%.0f %%", 100*m.Rate/first.Rate), "-"}
	if hand != nil {
		cells[2] = fmt.Sprintf("%.1f x less", hand.CPU/m.CPU)
	}
	return cells
}

// elastic returns what the real Elasticsearch did, beside the first pipeline.
func elastic(m, first sample) string {
	if m.Elastic == 0 {
		return ""
	}
	return fmt.Sprintf(" elasticsearch %.0f µs/doc, %.2f x", m.Elastic, m.Elastic/first.Elastic)
}

// delays returns what only some rows measure.
func delays(m sample) string {
	var parts []string
	if m.Lag != 0 {
		parts = append(parts, fmt.Sprintf("lag %.0f ms", m.Lag))
	}
	if m.P50 != 0 {
		parts = append(parts, fmt.Sprintf("p50 %.2f ms, p99 %.2f ms", m.P50, m.P99))
	}
	return strings.Join(parts, ", ")
}

// String returns the figures in one line.
func (s sample) String() string {
	line := fmt.Sprintf("%9s docs/s  %8.2f CPU µs/doc  %5.0f MiB  %7.2f allocs/doc  mongod %.2f µs/doc  others %.0f %%",
		number(s.Rate), s.CPU, s.RSS, s.Allocs, s.MongoDB, s.Others)
	if d := delays(s); d != "" {
		line += "  " + d
	}
	if s.Elastic != 0 {
		line += fmt.Sprintf("  elasticsearch %.0f µs/doc", s.Elastic)
	}
	return line
}

// number writes a number with thousands apart.
func number(f float64) string {
	digits := fmt.Sprintf("%.0f", f)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
