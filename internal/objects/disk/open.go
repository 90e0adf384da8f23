package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/keywright/keywright/internal/objects"
)

// Open implements objects.ObjectStore.
func (s *Store) Open(ctx context.Context, b objects.Bucket, key, versionID string) (objects.Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for {
		record, err := s.lookUp(b, key, versionID)
		if err != nil {
			return nil, err
		}
		// A content that is still the object's after it was pinned was not
		// removed before.
		s.pins.add(record.content)
		o := &object{store: s, place: place{b.ID, key, record.content}, record: record, info: record.info(key)}
		again, err := s.lookUp(b, key, versionID)
		if err == nil && again.content == record.content {
			err = o.loadParts()
			if err == nil {
				return o, nil
			}
		} else if err != nil && isMissing(err) {
			err = nil // it was deleted: the next look says what there is
		}
		if err = errors.Join(err, o.Close()); err != nil {
			return nil, err
		}
	}
}

// lookUp finds a version. Versions move when others are made or deleted: one that
// is named is looked for in the rows of one moment.
func (s *Store) lookUp(b objects.Bucket, key, versionID string) (record *objectRecord, err error) {
	if versionID == "" {
		record, err = s.version(s.index, b, key, "")
	} else {
		err = s.index.snapshot(func(rows snapshot) error {
			record, err = s.version(rows, b, key, versionID)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	return s.found(record, b, key, versionID)
}

func isMissing(err error) bool {
	var marker *objects.DeleteMarkerError
	return errors.As(err, &marker) || errors.Is(err, objects.ErrNoSuchKey) || errors.Is(err, objects.ErrNoSuchVersion)
}

// object is an object opened for reading.
type object struct {
	store  *Store
	place  place
	record *objectRecord
	info   objects.Info
	closed atomic.Bool

	key  atomic.Pointer[contentKey]   // once Unseal has opened it
	told atomic.Pointer[objects.Info] // info with the checksums that the key reveals

	loading sync.Mutex
	content *contentRecord // nil until it is loaded
}

// Info implements objects.Object.
func (o *object) Info() objects.Info {
	if told := o.told.Load(); told != nil {
		return *told
	}
	return o.info
}

// Close implements objects.Object.
func (o *object) Close() error {
	if o.closed.CompareAndSwap(false, true) && o.store.pins.release(o.place.content) {
		o.store.cleaner.removeContent(o.place.content)
	}
	return nil
}

// infoWithParts returns the Info of an object whose key is locked.
func (s *Store) infoWithParts(b objects.Bucket, key string, record *objectRecord) (objects.Info, error) {
	o := &object{store: s, place: place{b.ID, key, record.content}, record: record, info: record.info(key)}
	err := o.loadParts()
	return o.info, err
}

// loadParts puts the parts into an Info that has them.
func (o *object) loadParts() error {
	if o.record.parts == 0 {
		return nil
	}
	content, err := o.load()
	if err != nil {
		return err
	}
	parts := make([]objects.Part, len(content.segments))
	for i, s := range content.segments {
		parts[i] = s.part()
	}
	o.info.Parts = partsFor(parts, o.info.Checksum)
	return nil
}

// part returns the part that a segment was, as an object's Info tells it.
func (s segment) part() objects.Part {
	return objects.Part{Number: s.number, Size: s.size, Checksum: shown(s.checksum)}
}

// partsFor returns parts as those of an object with checksum c: their own sums
// are told when they are of its algorithm.
func partsFor(parts []objects.Part, c objects.Checksum) []objects.Part {
	parts = slices.Clone(parts)
	for i := range parts {
		if parts[i].Checksum.Algorithm != c.Algorithm {
			parts[i].Checksum = objects.Checksum{}
		}
	}
	return parts
}

func (o *object) load() (*contentRecord, error) {
	o.loading.Lock()
	defer o.loading.Unlock()
	if o.content != nil {
		return o.content, nil
	}
	value, err := o.store.index.get(row(contentSpace, o.place.content[:]))
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, fmt.Errorf("disk: %w: content %s is missing", objects.ErrCorrupt, o.place.content)
	}
	o.content, err = decodeContent(value)
	return o.content, err
}

// Unseal implements objects.Object.
func (o *object) Unseal(sealer objects.KeySealer) error {
	e := o.info.Attributes.Encryption
	if !e.Sealed() {
		return nil
	}
	k, err := o.store.unseal(o.record.key, o.place, e, sealer)
	if err != nil {
		return err
	}
	info, err := o.reveal(k)
	if err != nil {
		return err
	}
	o.told.Store(&info)
	o.key.Store(&k)
	return nil
}

// reveal returns the Info with its checksums.
func (o *object) reveal(k contentKey) (info objects.Info, err error) {
	info = o.info
	if info.Checksum, err = k.reveal(o.place.content, o.record.checksum); err != nil || o.record.parts == 0 {
		return info, err
	}
	content, err := o.load()
	if err != nil {
		return info, err
	}
	parts := make([]objects.Part, len(content.segments))
	for i, s := range content.segments {
		parts[i] = s.part()
		if parts[i].Checksum, err = k.reveal(s.file, s.checksum); err != nil {
			return info, err
		}
	}
	info.Parts = partsFor(parts, info.Checksum)
	return info, nil
}

// contentKey returns the key of an object that is not closed.
func (o *object) contentKey() (contentKey, error) {
	if o.closed.Load() {
		return nil, fmt.Errorf("disk: %w", fs.ErrClosed)
	}
	if k := o.key.Load(); k != nil {
		return *k, nil
	}
	return o.store.unseal(o.record.key, o.place, o.info.Attributes.Encryption, nil)
}

// Read implements objects.Object.
func (o *object) Read(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	if offset < 0 || length < 0 || offset > o.info.Size || length > o.info.Size-offset {
		return nil, fmt.Errorf("disk: read of %d bytes from %d on, of %d", length, offset, o.info.Size)
	}
	k, err := o.contentKey()
	if err != nil {
		return nil, err
	}
	content, err := o.load()
	if err != nil {
		return nil, err
	}
	r := &reader{ctx: ctx, files: o.store.files, key: k, left: length, offset: offset}
	if content.segments == nil {
		r.inline = content.inline
		r.segments = []segment{{file: o.place.content, size: o.info.Size}}
		if int64(len(content.inline)) != encryptedSize(o.info.Size) {
			return nil, fmt.Errorf("disk: %w: content %s has another size", objects.ErrCorrupt, o.place.content)
		}
	} else {
		r.segments = content.segments
	}
	return r, nil
}

// reader reads a range of a content, segment by segment.
type reader struct {
	ctx      context.Context
	files    files
	key      contentKey
	inline   []byte // the one segment, when it is in no file
	segments []segment
	offset   int64 // into the first of segments
	left     int64 // of the range

	from io.Reader // decrypts the first of segments, or nil
	here int64     // left in the first of segments
	file io.Closer // of the first of segments, or nil
	err  error
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.err == nil {
		r.err = r.ctx.Err()
	}
	if r.err == nil && r.left == 0 {
		r.err = io.EOF
	}
	if r.err == nil && r.from == nil {
		r.err = r.next()
	}
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.from.Read(p[:min(int64(len(p)), r.here, r.left)])
	r.here -= int64(n)
	r.left -= int64(n)
	if err != nil && (err != io.EOF || min(r.here, r.left) > 0) {
		r.err = corrupt(err)
		return 0, r.err
	}
	if r.here == 0 {
		r.err = r.finish()
	}
	return n, nil
}

// next begins the next segment.
func (r *reader) next() error {
	for len(r.segments) > 0 && r.offset >= r.segments[0].size {
		r.offset -= r.segments[0].size
		r.segments = r.segments[1:]
	}
	if len(r.segments) == 0 {
		return fmt.Errorf("disk: %w: the content is shorter than its object", objects.ErrCorrupt)
	}
	at := r.segments[0]
	var source io.ReaderAt = bytes.NewReader(r.inline)
	if r.inline == nil {
		f, err := r.files.open(at.file)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("disk: %w: %w", objects.ErrCorrupt, err)
		}
		if err != nil {
			return err
		}
		source, r.file = f, f
	}
	var err error
	r.from, err = r.key.decrypt(at.file, source, at.size, r.offset)
	r.here = at.size - r.offset
	return err
}

// finish ends a segment that was read to its end.
func (r *reader) finish() error {
	var beyond [1]byte
	n, err := r.from.Read(beyond[:])
	if n > 0 || err != io.EOF {
		return fmt.Errorf("disk: %w: a segment does not end where it should: %w", objects.ErrCorrupt, err)
	}
	r.offset, r.segments = 0, r.segments[1:]
	return r.closeSegment()
}

func (r *reader) closeSegment() error {
	r.from = nil
	if r.file == nil {
		return nil
	}
	f := r.file
	r.file = nil
	return f.Close()
}

// Close implements io.Closer.
func (r *reader) Close() error {
	r.err = fs.ErrClosed
	return r.closeSegment()
}
