package cli

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
)

// The errors of replaceFile, besides those of the system.
var (
	errChanged = errors.New("it has changed since it was read")
	errNoFile  = errors.New("it is no ordinary file")
	errNoWrite = errors.New("it is write-protected")
)

// replaceFile puts new content in the place of a file's, in one step: whoever
// reads the file, and however this ends, it holds the one or the other. The file
// keeps its permissions, and a symbolic link goes on to point at it.
func replaceFile(name string, before, after []byte) error {
	path, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errNoFile
	}
	if info.Mode().Perm()&0o222 == 0 { // which a rename would get around
		return errNoWrite
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".keywright-*")
	if err != nil {
		return err
	}
	err = f.Chmod(info.Mode().Perm())
	if err == nil {
		_, err = f.Write(after)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = renameUnchanged(f.Name(), path, before)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

func renameUnchanged(from, to string, before []byte) error {
	now, err := os.ReadFile(to)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, before) {
		return errChanged
	}
	return os.Rename(from, to)
}

func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
