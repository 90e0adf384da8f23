// Package disk is the embedded object store: objects in one directory of one
// machine, encrypted under keys that a Sealer keeps. It knows how bytes are laid
// out, made durable and taken away again; it holds to the contract of package
// objects and refuses to decide anything else.
//
// An ordered index (Pebble) names everything. Small contents stand in the index
// beside their names, larger ones in immutable files that are synced before the
// index names them and removed after it names them no more. Every file that the
// index does not name is on a list in the index before it exists, so that
// nothing is ever searched for.
package disk

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/keywright/keywright/internal/objects"
)

// Sealer encrypts the key that each content is encrypted with, and binds it to
// its place: Open fails for other associated data than Seal was given.
type Sealer interface {
	Seal(plaintext, associatedData []byte) ([]byte, error)
	Open(ciphertext, associatedData []byte) ([]byte, error)
}

// Options say how a store is opened.
type Options struct {
	Sealer Sealer           // required
	Logger *slog.Logger     // nil discards
	Now    func() time.Time // nil is time.Now
	FS     vfs.FS           // nil is the operating system's; index and files both live in it
}

// ErrClosed is returned by every method of a store after Close.
var ErrClosed = errors.New("disk: the store is closed")

// minFree is the room in bytes that writes of content leave on the disk, for
// the index to go on with its log and for deletions to make room again.
const minFree = 64 << 20

// Store is an objects.Store in a directory.
type Store struct {
	sealer Sealer
	logger *slog.Logger
	now    func() time.Time

	index   *index
	files   files
	spare   spareFiles
	pins    pins
	cleaner *cleaner

	// Locks are taken in this order. A key's lock is held while its row changes,
	// a content's while its references do.
	buckets  readWriteStripes
	keys     stripes
	contents stripes
}

var _ objects.Store = (*Store)(nil)

// Open opens the store in dir, which is made when it does not exist. One process
// at a time can have a directory open.
func Open(dir string, o Options) (*Store, error) {
	if o.Sealer == nil {
		return nil, errors.New("disk: a store needs a sealer")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	return open(dir, o)
}

func open(dir string, o Options) (*Store, error) {
	f := files{fs: o.FS, directory: o.FS.PathJoin(dir, "files")}
	indexDirectory := o.FS.PathJoin(dir, "index")
	if err := makeDirectory(o.FS, indexDirectory); err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	x, err := openIndex(indexDirectory, o.FS, o.Logger)
	if err != nil {
		return nil, err
	}
	if err := f.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("disk: %w", err), x.close())
	}
	s := &Store{sealer: o.Sealer, logger: o.Logger, now: o.Now, index: x, files: f}
	s.cleaner = startCleaner(s)
	return s, nil
}

// Close waits until what was deleted is removed, and closes the store. Objects
// that are still open can be closed after it, but not read.
func (s *Store) Close() error {
	s.cleaner.stop()
	return s.index.close()
}

// checkRoom fails with ENOSPC while writing size bytes can still be refused
// without harm. A file system that does not tell its room is written until it
// fails.
func (s *Store) checkRoom(size int64) error {
	usage, err := s.files.fs.GetDiskUsage(s.files.directory)
	if err == nil && usage.AvailBytes < uint64(size)+minFree {
		return fmt.Errorf("disk: %w", syscall.ENOSPC)
	}
	return nil
}

// stripes is a fixed number of locks shared by all names.
type stripes [1024]sync.Mutex

// lock locks what the names fall on and returns what unlocks it.
func (s *stripes) lock(names ...string) (unlock func()) {
	places := make([]int, 0, len(names))
	for _, name := range names {
		places = append(places, int(fingerprint(name)%uint64(len(s))))
	}
	places = sortedUnique(places)
	for _, i := range places {
		s[i].Lock()
	}
	return func() {
		for _, i := range places {
			s[i].Unlock()
		}
	}
}

// readWriteStripes is stripes of locks that readers share.
type readWriteStripes [64]sync.RWMutex

func (s *readWriteStripes) of(name string) *sync.RWMutex { return &s[fingerprint(name)%uint64(len(s))] }
