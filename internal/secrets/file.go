package secrets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrKeyFileMissing is returned, wrapped, by OpenFile when the key file is gone
// but what was sealed under it is not.
var ErrKeyFileMissing = errors.New("the key file is missing")

// OpenFile reads the keyset in the file at path, and makes the file, readable
// by its owner only, when there is none. sealed names files that hold what was
// sealed under the keyset: while one of them exists, a missing key file is
// ErrKeyFileMissing, because a new key would open nothing.
//
// The file appears whole or not at all, and is durable when OpenFile returns.
// Of several processes that make it at once, all get the keyset of the first.
func OpenFile(path string, sealed ...string) (*Keyring, error) {
	k, err := readFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	for _, name := range sealed {
		if _, err := os.Stat(name); err == nil {
			return nil, fmt.Errorf("%w: %s holds secrets that only the key of %s opens; "+
				"restore that file from its backup, or give the key in the environment", ErrKeyFileMissing, name, path)
		}
	}
	if err := createFile(path); err != nil {
		return nil, fmt.Errorf("making the key file %s: %w", path, err)
	}
	return readFile(path)
}

func readFile(path string) (*Keyring, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	k, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("the key file %s is damaged (%w); restore it from its backup", path, err)
	}
	return k, nil
}

// createFile makes a key file, unless another process is first.
func createFile(path string) error {
	text, err := Generate()
	if err != nil {
		return err
	}
	folder := filepath.Dir(path)
	temporary, err := writeTemporary(folder, text+"\n")
	if err != nil {
		return err
	}
	// A link, unlike a rename, never replaces a key that is already in use.
	switch err := os.Link(temporary, path); {
	case err == nil, errors.Is(err, fs.ErrExist):
		err = os.Remove(temporary)
		if err != nil {
			return err
		}
	default: // a file system without hard links
		if err := os.Rename(temporary, path); err != nil {
			return errors.Join(err, os.Remove(temporary))
		}
	}
	return syncFolder(folder)
}

// writeTemporary writes a durable file that only its owner may read.
func writeTemporary(folder, text string) (name string, err error) {
	f, err := os.CreateTemp(folder, ".key-*")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
