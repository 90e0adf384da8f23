package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/keywright/keywright/internal/accessfile"
)

// reportProblems writes the problems of files, and reports whether an error was
// one or more of them.
func reportProblems(stderr io.Writer, err error) bool {
	var problems accessfile.Problems
	var one *accessfile.Problem
	switch {
	case errors.As(err, &problems):
	case errors.As(err, &one):
		problems = accessfile.Problems{one}
	default:
		return false
	}
	for _, p := range problems {
		fmt.Fprintf(stderr, "error: %s\n", plain(p.Error()))
		if p.Hint != "" {
			fmt.Fprintf(stderr, "hint: %s\n", plain(p.Hint))
		}
	}
	return true
}

// errInterrupted is the error of a command whose work a Ctrl-C ended. Reading
// files and deciding leave nothing behind.
var errInterrupted = usage("nothing was changed", "interrupted before there was an answer")

// interruptible returns what do does, or errInterrupted when the context ends
// first: a file may be a pipe that nobody writes to.
func interruptible[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := do()
		done <- result{v, err}
	}()
	select {
	case <-ctx.Done():
		var none T
		return none, errInterrupted
	case r := <-done:
		return r.value, r.err
	}
}
