// Package spelling knows how alike two words are, so that a message about a
// name that does not exist can say which one may have been meant. It knows no
// names itself.
package spelling

import "strings"

// maxLength is how long a word may be, in bytes, to be compared.
const maxLength = 128

// Nearest returns the candidate that is most like a word, without regard to
// case, or "" when none is like it: when more than a third of it would have to
// change.
func Nearest(word string, candidates []string) string {
	if len(word) > maxLength {
		return ""
	}
	best, least := "", len(word)/3+1
	lower := strings.ToLower(word)
	for _, c := range candidates {
		if d := distance(lower, strings.ToLower(c), least); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and exchanges of
// neighbours that make b of a. It is limit when there are as many or more.
func distance(a, b string, limit int) int {
	if max(len(a), len(b)) > maxLength || max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := row[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			next[j] = min(replaced, row[j]+1, next[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row, next = row, next, before
	}
	return min(row[len(b)], limit)
}
