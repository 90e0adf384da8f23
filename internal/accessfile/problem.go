package accessfile

import (
	"fmt"
	"slices"
	"strings"
)

// Position is a place in a file. Line and Column begin at 1; Column counts
// characters. Line is 0 when the problem is with the file as a whole.
type Position struct {
	File         string
	Line, Column int
}

// String writes the position as file:line:column.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problem is one thing that is wrong with an access file or a policy.
type Problem struct {
	Position Position
	Message  string
	Hint     string // what would be right; may be empty
}

// Error returns the position and the message.
func (p *Problem) Error() string { return p.Position.String() + ": " + p.Message }

// Problems is the error of a file: all that is wrong with it, in the order of
// the file. It has at least one element.
type Problems []*Problem

// Error returns every problem on a line of its own.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// maxProblems is after how many problems a file is not looked at further.
const maxProblems = 100

// sorted returns the problems in the order of their positions, without those
// that were found twice.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b *Problem) int {
		if c := strings.Compare(a.Position.File, b.Position.File); c != 0 {
			return c
		}
		if a.Position.Line != b.Position.Line {
			return a.Position.Line - b.Position.Line
		}
		return a.Position.Column - b.Position.Column
	})
	return slices.CompactFunc(p, func(a, b *Problem) bool { return *a == *b })
}
