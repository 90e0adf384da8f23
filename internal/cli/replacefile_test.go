package cli

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A file is replaced whole or not at all, and nothing is left beside it.
func TestReplaceFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "policy.json")
	pipe := filepath.Join(dir, "pipe")
	if err := os.WriteFile(path, []byte("before"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(path, []byte("older"), []byte("after")); !errors.Is(err, errChanged) {
		t.Errorf("a file that has changed: %v", err)
	}
	protected := filepath.Join(t.TempDir(), "protected")
	if err := os.WriteFile(protected, []byte("before"), 0o444); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(protected, []byte("before"), []byte("after")); !errors.Is(err, errNoWrite) {
		t.Errorf("replacing a write-protected file: %v", err)
	}
	if err := replaceFile(pipe, nil, []byte("after")); !errors.Is(err, errNoFile) {
		t.Errorf("a pipe: %v", err)
	}
	if err := replaceFile(filepath.Join(dir, "missing"), nil, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "before" {
		t.Errorf("it holds %q, %v", data, err)
	}
	if err := replaceFile(path, []byte("before"), []byte("after")); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	info, err2 := os.Stat(path)
	if err != nil || err2 != nil || string(data) != "after" || info.Mode() != 0o640 {
		t.Errorf("it holds %q with mode %v, %v, %v", data, info.Mode(), err, err2)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("left are %v, %v", left, err)
	}
}
