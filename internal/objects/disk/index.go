package disk

import (
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/keywright/keywright/internal/objects"
)

const (
	cacheSize    = 32 << 20
	memTableSize = 16 << 20
)

// index is the ordered rows of a store. Its methods fail with ErrClosed once it
// is closed, and its writes with the first failure of the log after that one:
// what cannot be synced must not be acknowledged.
type index struct {
	db     *pebble.DB
	lock   *pebble.Lock
	logger *indexLogger

	using  sync.RWMutex // held for reading while db is in use
	closed bool
}

func openIndex(directory string, fs vfs.FS, logger *slog.Logger) (*index, error) {
	lock, err := pebble.LockDirectory(directory, fs)
	var unopened *os.PathError
	if errors.As(err, &unopened) {
		return nil, fmt.Errorf("disk: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("disk: %s is in use: stop the process that has it open, or choose another data directory: %w", directory, err)
	}
	x := &index{lock: lock, logger: &indexLogger{to: logger}}
	x.db, err = pebble.Open(directory, indexOptions(fs, lock, x.logger))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("disk: open %s: %w", directory, err), lock.Close())
	}
	return x, nil
}

func indexOptions(fs vfs.FS, lock *pebble.Lock, logger pebble.Logger) *pebble.Options {
	o := &pebble.Options{
		FS:                          fs,
		Lock:                        lock,
		Logger:                      logger,
		FormatMajorVersion:          pebble.FormatWALSyncChunks,
		CacheSize:                   cacheSize,
		MemTableSize:                memTableSize,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       2,
		L0StopWritesThreshold:       1000,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
	}
	o.Experimental.EnableColumnarBlocks = func() bool { return true }
	for i := range o.Levels {
		o.Levels[i].BlockSize = 32 << 10
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return o
}

// get returns a row's value, or nil when there is none. No value is empty.
func (x *index) get(key []byte) ([]byte, error) {
	var value []byte
	err := x.view(func(r pebble.Reader) error {
		v, closer, err := r.Get(key)
		if errors.Is(err, pebble.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		value = slices.Clone(v)
		return closer.Close()
	})
	return value, err
}

func (x *index) has(key []byte) (bool, error) {
	v, err := x.get(key)
	return v != nil, err
}

// view calls f with the rows, which must not be used after f returns.
func (x *index) view(f func(pebble.Reader) error) error {
	x.using.RLock()
	defer x.using.RUnlock()
	if x.closed {
		return ErrClosed
	}
	err := f(x.db)
	if pebble.IsCorruptionError(err) {
		return fmt.Errorf("disk: %w: %w", objects.ErrCorrupt, err)
	}
	return err
}

// snapshot is the rows as they are at one moment. It must not be used after the
// function that it was handed to returns.
type snapshot struct{ reader pebble.Reader }

// get returns a row's value, or nil when there is none.
func (s snapshot) get(key []byte) ([]byte, error) {
	v, closer, err := s.reader.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	value := slices.Clone(v)
	return value, closer.Close()
}

// rows returns an iterator over the rows whose key begins with a space's and
// bucket's and then with a prefix. It must be closed.
func (s snapshot) rows(of []byte, prefix string) (*pebble.Iterator, error) {
	lower := appendEscaped(slices.Clone(of), prefix)
	return s.reader.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: successor(lower)})
}

// snapshot calls f with the rows as they are now, whatever is changed meanwhile.
func (x *index) snapshot(f func(snapshot) error) error {
	return x.view(func(pebble.Reader) error {
		now := x.db.NewSnapshot()
		return errors.Join(f(snapshot{now}), now.Close())
	})
}

// each calls f with every row from lower up to upper.
func each(r pebble.Reader, lower, upper []byte, f func(key, value []byte) error) error {
	rows, err := r.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return err
	}
	for ok := rows.First(); ok && err == nil; ok = rows.Next() {
		var value []byte
		if value, err = rows.ValueAndErr(); err == nil {
			err = f(rows.Key(), value)
		}
	}
	return errors.Join(err, rows.Close())
}

// changes is a set of changes to the index, made in one step.
type changes struct {
	batch *pebble.Batch
	err   error
}

func (x *index) change() *changes { return &changes{batch: x.db.NewBatch()} }

func (c *changes) set(key, value []byte) { c.note(c.batch.Set(key, value, nil)) }
func (c *changes) delete(key []byte)     { c.note(c.batch.Delete(key, nil)) }

func (c *changes) note(err error) { c.err = errors.Join(c.err, err) }

// durable applies changes and waits until they would survive a loss of power.
// After an error they may or may not be there when the index is next opened.
func (x *index) durable(c *changes) error { return x.apply(c, pebble.Sync) }

// lazily applies changes that a loss of power may undo.
func (x *index) lazily(c *changes) error { return x.apply(c, pebble.NoSync) }

func (x *index) apply(c *changes, o *pebble.WriteOptions) (err error) {
	x.using.RLock()
	defer x.using.RUnlock()
	if x.closed {
		return ErrClosed
	}
	if c.err != nil {
		return c.err
	}
	if err := x.logger.failure(); err != nil {
		return err
	}
	// Pebble panics when its log cannot be written, and tells a log that cannot
	// be synced to the logger alone.
	defer func() {
		if p := recover(); p != nil {
			x.logger.wedged.Store(true)
			x.logger.Fatalf("%v", p)
			err = x.logger.failure()
		}
	}()
	if err := x.db.Apply(c.batch, o); err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	return errors.Join(x.logger.failure(), c.batch.Close())
}

func (x *index) close() error {
	x.using.Lock()
	defer x.using.Unlock()
	if x.closed {
		return nil
	}
	x.closed = true
	var err error
	if !x.logger.wedged.Load() { // its locks may be held for ever otherwise
		err = x.db.Close()
	}
	return errors.Join(err, x.lock.Close())
}

// indexLogger passes what the index logs on, and keeps the first of the errors
// after which it cannot go on.
type indexLogger struct {
	to     *slog.Logger
	fatal  atomic.Pointer[error]
	wedged atomic.Bool
}

func (l *indexLogger) Infof(format string, args ...any) {}

func (l *indexLogger) Errorf(format string, args ...any) {
	l.to.Error("object index: " + fmt.Sprintf(format, args...))
}

func (l *indexLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf("disk: the index failed and takes no writes until it is opened again: "+format, args...)
	if l.fatal.CompareAndSwap(nil, &err) {
		l.to.Error(err.Error())
	}
}

func (l *indexLogger) failure() error {
	if err := l.fatal.Load(); err != nil {
		return *err
	}
	return nil
}

func fingerprint(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

func sortedUnique(places []int) []int {
	slices.Sort(places)
	return slices.Compact(places)
}
