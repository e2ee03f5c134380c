// Package similar finds what was probably meant by a name with a mistake in it.
package similar

// Nearest returns the name that is most like want, or "" if none is like it. tolerance is how many bytes may always
// differ; of long names, a third may.
func Nearest(want string, names []string, tolerance int) string {
	best, least := "", max(tolerance, len(want)/3)+1
	for _, name := range names {
		if d := distance(want, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// distance is the number of bytes to insert, delete or replace to make a into b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
