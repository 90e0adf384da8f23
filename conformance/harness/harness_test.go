package harness

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSearchFinds plants secrets where a search must find them.
func TestSearchFinds(t *testing.T) {
	const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	s := &Secrets{}
	s.Add(secret, "")
	for name, content := range map[string]string{
		"alone":                  secret,
		"in a line":              "level=INFO secret=" + secret + " more",
		"in a URL":               "/?token=wJalrXUtnFEMI%2FK7MDENG%2BbPxRfiCYEXAMPLEKEY&x",
		"at the end of a window": strings.Repeat("x", 1<<20-len(secret)) + secret,
		"over two windows":       strings.Repeat("x", 1<<20-5) + secret + strings.Repeat("x", 1<<20),
		"after three windows":    strings.Repeat("x", 3<<20) + secret,
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "folder", "file")
		if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		err := s.Search(dir)
		if err == nil {
			t.Errorf("%s: not found", name)
		} else if !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error is %q", name, err)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte(secret[:39]), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Search(dir); err != nil {
		t.Errorf("found what is not there: %v", err)
	}
	if err := s.Search(filepath.Join(dir, "none")); err == nil {
		t.Error("a file that is not there was searched")
	}
}

// TestContent reads content whole, in pieces and from offsets.
func TestContent(t *testing.T) {
	const size = 100_003
	whole, err := io.ReadAll(Content("name", size))
	if err != nil || len(whole) != size {
		t.Fatalf("%d bytes, %v", len(whole), err)
	}
	r := Content("name", size)
	for _, offset := range []int64{0, 1, 15, 16, 17, 4096, 70_000, size - 1, size} {
		if _, err := r.Seek(offset, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(io.MultiReader(io.LimitReader(r, 7), io.LimitReader(r, 5000), r))
		if err != nil || !bytes.Equal(rest, whole[offset:]) {
			t.Errorf("from offset %d: other content, %v", offset, err)
		}
	}
	if err := SameContent(bytes.NewReader(whole), Content("name", size)); err != nil {
		t.Error(err)
	}
	for name, other := range map[string][]byte{
		"another byte": append(append([]byte{}, whole[:size-1]...), whole[size-1]^1),
		"shorter":      whole[:size-1],
		"longer":       append(append([]byte{}, whole...), 0),
		"nothing":      nil,
	} {
		if SameContent(bytes.NewReader(other), Content("name", size)) == nil {
			t.Errorf("%s: taken for the same", name)
		}
	}
	if SameContent(Content("other", size), Content("name", size)) == nil {
		t.Error("the content of another name is the same")
	}
}
