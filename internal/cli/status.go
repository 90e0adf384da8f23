package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/keywright/keywright/internal/accessfile"
)

// mistake is an error with which a command that gives answers ends with 2, to
// be told from an answer.
type mistake struct {
	problem string
	hint    string
}

func (m *mistake) Error() string { return m.problem }

// reportAnswer writes the error of a command that gives answers, and returns
// the exit status. The last result is false when it is no such error.
func reportAnswer(stderr io.Writer, err error) (int, bool) {
	var problems accessfile.Problems
	var one *accessfile.Problem
	var m *mistake
	switch {
	case errors.As(err, &problems):
	case errors.As(err, &one):
		problems = accessfile.Problems{one}
	case errors.As(err, &m):
		hinted(stderr, m.problem, m.hint)
	default:
		return 0, false
	}
	for _, p := range problems {
		hinted(stderr, p.Error(), p.Hint)
	}
	return 2, true
}

func hinted(stderr io.Writer, problem, hint string) {
	fmt.Fprintf(stderr, "error: %s\n", problem)
	if hint != "" {
		fmt.Fprintf(stderr, "hint: %s\n", hint)
	}
}
