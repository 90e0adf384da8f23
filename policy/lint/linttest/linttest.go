// Package linttest reads the cases of documents that an API takes or refuses,
// so that each way of putting a document can be held to all of them.
package linttest

import (
	"os"
	"strings"
	"testing"
)

// Case is a document with what the API answers when it is put.
type Case struct {
	Document string
	Accepted bool

	// Of what is refused: the code and position of the first finding, and the
	// message.
	Code, Position, Message string
}

// Read reads a file of cases, of which there must be at least so many: pairs of
// lines, "accepted" or the code, the position and the message, and then the
// document.
func Read(t testing.TB, path string, least int) []Case {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	if len(lines) < 2*least || len(lines)%2 != 0 {
		t.Fatalf("%s: %d lines, want %d or more, in pairs", path, len(lines), 2*least)
	}
	var cases []Case
	for i := 0; i < len(lines); i += 2 {
		c := Case{Document: lines[i+1], Accepted: lines[i] == "accepted"}
		if !c.Accepted {
			c.Code, c.Message, _ = strings.Cut(lines[i], " ")
			c.Position, c.Message, _ = strings.Cut(c.Message, " ")
		}
		cases = append(cases, c)
	}
	return cases
}
