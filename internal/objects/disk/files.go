package disk

import (
	"errors"
	"io"
	"io/fs"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	shards           = 256
	spareBlock       = 64 // files that one write to the index puts on the list in advance
	writebackSize    = 8 << 20
	writeCategory    = vfs.DiskWriteCategory("keywright-content")
	directoryAllowed = 0o700
)

// files are the immutable files that hold segments of contents, spread over
// directories by the last byte of their ids.
type files struct {
	fs        vfs.FS
	directory string
}

func (f files) shard(file id) string {
	const digits = "0123456789abcdef"
	last := file[len(file)-1]
	return f.fs.PathJoin(f.directory, string([]byte{digits[last>>4], digits[last&15]}))
}

func (f files) path(file id) string { return f.fs.PathJoin(f.shard(file), file.String()) }

// prepare makes the directories.
func (f files) prepare() error {
	for i := range shards {
		if err := f.fs.MkdirAll(f.shard(id{15: byte(i)}), directoryAllowed); err != nil {
			return err
		}
	}
	return errors.Join(
		syncDirectory(f.fs, f.directory),
		syncDirectory(f.fs, f.fs.PathDir(f.directory)))
}

func (f files) create(file id) (vfs.File, error) {
	w, err := f.fs.Create(f.path(file), writeCategory)
	if err != nil {
		return nil, err
	}
	return vfs.NewSyncingFile(w, vfs.SyncingFileOptions{BytesPerSync: writebackSize, NoSyncOnClose: true}), nil
}

func (f files) open(file id) (vfs.File, error) { return f.fs.Open(f.path(file)) }

// remove removes files for good; those that do not exist are no error.
func (f files) remove(all []id) error {
	directories := make(map[string]bool)
	var failed error
	for _, file := range all {
		if err := f.fs.Remove(f.path(file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
		directories[f.shard(file)] = true
	}
	for d := range directories {
		failed = errors.Join(failed, syncDirectory(f.fs, d))
	}
	return failed
}

func syncDirectory(fs vfs.FS, directory string) error {
	d, err := fs.OpenDir(directory)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// makeDirectory makes a directory and those above it, and makes them durable.
func makeDirectory(fs vfs.FS, directory string) error {
	if _, err := fs.Stat(directory); err == nil {
		return nil
	}
	parent := fs.PathDir(directory)
	if parent != directory {
		if err := makeDirectory(fs, parent); err != nil {
			return err
		}
	}
	if err := fs.MkdirAll(directory, directoryAllowed); err != nil {
		return err
	}
	return syncDirectory(fs, parent)
}

// spareFiles are ids of files that are on the list of unnamed files already.
type spareFiles struct {
	mu  sync.Mutex
	ids []id
}

// newFile returns the id of a file that may be made: should it never be named,
// it will be removed.
func (s *Store) newFile() (id, error) {
	s.spare.mu.Lock()
	defer s.spare.mu.Unlock()
	if len(s.spare.ids) == 0 {
		ids := make([]id, spareBlock)
		c := s.index.change()
		for i := range ids {
			ids[i] = newID(s.now())
			c.set(row(unnamedSpace, ids[i][:]), present)
		}
		if err := s.index.durable(c); err != nil {
			return id{}, err
		}
		s.spare.ids = ids
	}
	last := len(s.spare.ids) - 1
	file := s.spare.ids[last]
	s.spare.ids = s.spare.ids[:last]
	return file, nil
}

// writeFile makes a durable file of what write writes, encrypted. After an error
// the file is on its way to be removed.
func (s *Store) writeFile(k contentKey, write func(io.Writer) error) (file id, err error) {
	if file, err = s.newFile(); err != nil {
		return id{}, err
	}
	if err = s.fillFile(file, k, write); err != nil {
		s.cleaner.removeFiles([]segment{{file: file}})
		return id{}, err
	}
	return file, nil
}

func (s *Store) fillFile(file id, k contentKey, write func(io.Writer) error) error {
	f, err := s.files.create(file)
	if err != nil {
		return err
	}
	err = encryptFile(f, file, k, write)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return syncDirectory(s.files.fs, s.files.shard(file))
}

func encryptFile(f vfs.File, file id, k contentKey, write func(io.Writer) error) error {
	// The encrypting writer closes what it writes to if it can.
	w, err := k.encrypt(file, struct{ io.Writer }{f})
	if err != nil {
		return err
	}
	if err = errors.Join(write(w), w.Close()); err != nil {
		return err
	}
	return f.SyncData()
}
