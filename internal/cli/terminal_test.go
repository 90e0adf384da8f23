package cli

import (
	"bytes"
	"errors"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"github.com/keywright/keywright/internal/findings"
	"github.com/keywright/keywright/policy/eval"
	"github.com/keywright/keywright/policy/lint"
)

// TestNamesStayText gives every command names that would write to a terminal.
// What it says of them must do so in no byte.
func TestNamesStayText(t *testing.T) {
	const name = "x\x1b]0;title\a\u009b31m\u202e.json"
	request := []string{"--action", "s3:GetObject", "--resource", "*"}
	commands := [][]string{
		{name}, {"--" + name}, {"check", name}, {"check", "--" + name}, {"check", "--type", name, "x"}, {"check", "--explain", name},
		{"check", "--bucket", name, "--account", name, "x"}, {"test", name}, {"test", "--run", "(" + name, "x"},
		append([]string{"can", "--policy", name}, request...), append([]string{"can", "--access", name, "--principal", name}, request...),
		append([]string{"can", "--principal", name}, request...), append([]string{"can", "--context", name}, request...),
		append([]string{"can", "--type", name}, request...), {"can", "--action", name, "--resource", name}, {"serve", name}, {"serve", "--log-level", name},
	}
	for _, args := range commands {
		var stdout, stderr bytes.Buffer
		if status := run(t.Context(), args, &stdout, &stderr); status != 2 {
			t.Errorf("%q: status %d, not 2", args, status)
		}
		if stderr.Len() == 0 {
			t.Errorf("%q: no error is told", args)
		}
		said := stdout.String() + stderr.String()
		if i := strings.IndexFunc(said, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q: told raw: %q", args, said[i:])
		}
	}
}

// TestDiffIsForPatch writes every byte of a document to a pipe, and to a terminal
// none that does anything to it.
func TestDiffIsForPatch(t *testing.T) {
	const line = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:GetObject"],"Resource":"arn:aws:s3:::b` + "\u009b31m\u202e" + `/*"}]}`
	files := []findings.File{findings.Check("x\x1b[31m.json", []byte(line+"\r\n"), eval.Identity, lint.Options{})}
	var pipe, terminal bytes.Buffer
	if err := errors.Join(writeDiff(&pipe, files, false), writeDiff(&terminal, files, true)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(pipe.String(), "\n-"+line+"\r\n") {
		t.Errorf("not the bytes of the document:\n%q", pipe.String())
	}
	if !strings.Contains(terminal.String(), `\u009b31m`) {
		t.Errorf("nothing of the document:\n%q", terminal.String())
	}
	if i := strings.IndexFunc(terminal.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("told raw: %q", terminal.String()[i:])
	}
}

// TestCannotPrint ends each command with 2 and the cause when its output cannot be
// written.
func TestCannotPrint(t *testing.T) {
	for _, args := range [][]string{
		{"can", "--action", "s3:GetObject", "--resource", "arn:aws:s3:::b/x"}, {"check", "--list"}, {"check", "--explain", "PLACEHOLDER"},
		{"check", "demo/home-folders.json"}, {"check", "--json", "demo/home-folders.json"}, {"check", "--format", "sarif", "demo/home-folders.json"},
	} {
		var stderr bytes.Buffer
		if status := run(t.Context(), args, fullDisk{}, &stderr); status != 2 || !strings.HasPrefix(stderr.String(), "error: cannot print the ") {
			t.Errorf("%q: status %d, %s", args, status, stderr.String())
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
