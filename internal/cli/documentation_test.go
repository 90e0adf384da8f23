package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/keywright/keywright/internal/simulate"
)

// fence is a block of code in a page. The word behind its language is the name
// of a file.
var fence = regexp.MustCompile("(?ms)^```(?:yaml|json) (\\S+)\n(.*?)^```$")

// TestAccessFilePage decides the cases of every example of the page.
func TestAccessFilePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/access-file.md")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	var files []string
	for _, m := range fence.FindAllStringSubmatch(string(page), -1) {
		path := filepath.Join(folder, m[1])
		if err := os.WriteFile(path, []byte(m[2]), 0o600); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(m[2], "account:") {
			files = append(files, path)
		}
	}
	if len(files) < 2 {
		t.Fatalf("%d examples, want 2 or more", len(files))
	}
	var stdout, stderr bytes.Buffer
	if status := run(context.Background(), append([]string{"test", "-v"}, files...), &stdout, &stderr); status != 0 || stderr.Len() > 0 {
		t.Errorf("status %d\n%s%s", status, stdout.String(), stderr.String())
	}
	if n := strings.Count(stdout.String(), ": ok "); n < 14 {
		t.Errorf("%d cases, want 14 or more", n)
	}
}

// TestReadme decides the cases of the README's access file, whose paths begin at
// the project's folder.
func TestReadme(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := fence.FindAllStringSubmatch(string(page), -1)
	if len(examples) == 0 {
		t.Fatal("there is no example")
	}
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "internal/cli"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(folder, "internal/cli/demo"), os.DirFS("demo")); err != nil {
		t.Fatal(err)
	}
	for _, m := range examples {
		path := filepath.Join(folder, m[1])
		if err := os.WriteFile(path, []byte(m[2]), 0o600); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		if status := run(context.Background(), []string{"test", path}, &stdout, &stderr); status != 0 || stderr.Len() > 0 {
			t.Errorf("%s: status %d\n%s%s", m[1], status, stdout.String(), stderr.String())
		}
	}
}

// TestDocumentedKeys: the pages have every key of the documents for programs.
func TestDocumentedKeys(t *testing.T) {
	keys := 0
	for path, of := range map[string][]any{
		"../../docs/access-file.md": {testReport{}, caseReport{}, statementReport{}},
		"../../docs/can.md":         {canReport{}, canResult{}, simulate.EvaluationResult{}, canStatement{}, canCondition{}, canRemedy{}, canChange{}, canKey{}},
	} {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range of {
			for f := range reflect.TypeOf(v).Fields() {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				if name == "" {
					name = f.Name
				}
				if f.Anonymous || !f.IsExported() {
					continue
				}
				if keys++; !bytes.Contains(page, []byte("`"+name+"`")) {
					t.Errorf("%s has no %s of %T", path, name, v)
				}
			}
		}
	}
	if keys < 60 {
		t.Errorf("%d keys, want 60 or more", keys)
	}
}

// TestInterrupted: a Ctrl-C ends a run without an answer.
func TestInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.yaml")
	text := "account: 123456789012\ncases: [{principal: anonymous, action: s3:GetObject, resource: \"arn:aws:s3:::b/k\", expect: denied}]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(context.Background())
	interrupt()
	var stdout, stderr bytes.Buffer
	status := run(ctx, []string{"test", path}, &stdout, &stderr)
	if status != 2 || stdout.Len() > 0 || !strings.HasPrefix(stderr.String(), "error: interrupted before there was an answer\nhint: ") {
		t.Errorf("status %d, output %q, errors %q", status, stdout.String(), stderr.String())
	}
}
