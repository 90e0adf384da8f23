package directory_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/directory/directorytest"
)

func TestDirectory(t *testing.T) {
	directorytest.Run(t, func(t testing.TB) directorytest.Store { return newFile(t) })
}

// file is a SQLite database of its own folder.
type file string

func newFile(t testing.TB) file { return file(filepath.Join(t.TempDir(), "directory.db")) }

func (f file) Open(ctx context.Context, o directory.Options) (*directory.Directory, error) {
	o.Path = string(f)
	return directory.Open(ctx, o)
}

func (f file) Bytes() ([]byte, error) {
	names, err := filepath.Glob(string(f) + "*")
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all.Write(b)
	}
	return all.Bytes(), nil
}
