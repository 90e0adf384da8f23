package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/keywright/keywright/internal/objects"
)

// Put implements objects.ObjectStore.
func (s *Store) Put(ctx context.Context, b objects.Bucket, r objects.PutRequest) (objects.Info, error) {
	if err := s.admit(b, r.Content.Size); err != nil {
		return objects.Info{}, err
	}
	made, key, err := s.newObject(b, r.Key, r.Attributes, r.Content.Sealer)
	if err != nil {
		return objects.Info{}, err
	}
	content, err := s.writeContent(ctx, made, key, r.Content)
	if err != nil {
		return objects.Info{}, err
	}
	sum := made.checksum
	if r.Attributes.Encryption.Sealed() {
		if made.checksum, err = key.hide(made.content, sum); err != nil {
			s.abandon(content.segments, err)
			return objects.Info{}, err
		}
	}
	err = s.replace(ctx, b, r.Key, replacement{
		conditions: r.Conditions,
		versioning: r.Versioning,
		build: func(c *changes, _ *objectRecord) (*objectRecord, error) {
			c.nameContent(made.content, content)
			made.modified = s.modified()
			return made, nil
		},
	})
	if err != nil {
		s.abandon(content.segments, err)
		return objects.Info{}, err
	}
	info := made.info(r.Key)
	info.Checksum = sum
	return info, nil
}

// admit refuses content that there is no bucket or no room for, before it is
// read.
func (s *Store) admit(b objects.Bucket, size int64) error {
	if size < 0 {
		return fmt.Errorf("disk: %w: size %d", objects.ErrIncomplete, size)
	}
	if err := s.checkBucket(b); err != nil {
		return err
	}
	return s.checkRoom(size)
}

// newObject returns the record of an object whose content is yet to be written,
// and the key to encrypt it with.
func (s *Store) newObject(b objects.Bucket, key string, a objects.Attributes, sealer objects.KeySealer) (*objectRecord, contentKey, error) {
	k := newContentKey()
	o := &objectRecord{content: newID(s.now()), attributes: a}
	var err error
	o.key, err = s.seal(k, place{b.ID, key, o.content}, a.Encryption, sealer)
	return o, k, err
}

// writeContent writes content and notes in o what came of it.
func (s *Store) writeContent(ctx context.Context, o *objectRecord, k contentKey, c objects.Content) (*contentRecord, error) {
	to := newSums(c)
	source := newBody(ctx, c)
	stored := new(contentRecord)
	var err error
	if c.Size <= inlineSize {
		stored.inline, err = writeInline(source, to, k, o.content)
	} else {
		var one segment
		one.file, err = s.writeFile(k, func(w io.Writer) error { return copyBody(source, to, w) })
		one.size = source.size
		stored.segments = []segment{one}
	}
	if err != nil {
		return nil, err
	}
	o.size, o.md5, o.checksum = source.size, to.etag(), to.checksum()
	return stored, nil
}

// nameContent makes a content and its files known to the index.
func (c *changes) nameContent(content id, r *contentRecord) {
	c.set(row(contentSpace, content[:]), r.encode())
	for _, segment := range r.segments {
		c.delete(row(unnamedSpace, segment.file[:]))
	}
}

// replacement is what is put on top of what a key holds.
type replacement struct {
	conditions objects.Conditions
	versioning objects.Versioner
	// shares is the content of another object that the new one shares.
	shares *id
	// build returns the new object, and may make changes that go with it. What
	// the key holds is nil when that is nothing, or a delete marker.
	build func(c *changes, old *objectRecord) (*objectRecord, error)
}

// replace puts a new object on top of what a key holds, if the conditions hold.
// Nothing else happens to the key meanwhile, nor to its bucket.
func (s *Store) replace(ctx context.Context, b objects.Bucket, key string, r replacement) error {
	return s.change(b, key, func(k *keyChange) error {
		if err := check(r.conditions, k.current); err != nil {
			return err
		}
		made, err := r.build(k.changes, k.current)
		if err != nil {
			return err
		}
		v, err := k.keeps(r.versioning)
		if err != nil {
			return err
		}
		if err := k.push(made, v); err != nil {
			return err
		}
		return k.commit(ctx, r.shares, made)
	})
}

// settle counts one object more that is made of the content of shares and one
// less that is made of the content of old; any may be nil. It reports whether
// the latter was the last, and returns what unlocks both contents.
func (s *Store) settle(c *changes, shares *id, old, made *objectRecord) (dead bool, unlock func(), err error) {
	var names []string
	if old != nil {
		names = append(names, string(old.content[:]))
	}
	if shares != nil {
		names = append(names, string(shares[:]))
	}
	unlock = s.contents.lock(names...)
	if old != nil && made != nil && old.content == made.content {
		return false, unlock, nil
	}
	if shares != nil {
		err = s.share(c, *shares)
	}
	if old != nil && err == nil {
		dead, err = s.unshare(c, old.content)
	}
	return dead, unlock, err
}

// uncertainError is the failure of a change that may show after all when the
// index is next opened; the files that it names must be left alone.
type uncertainError struct{ error }

func (e *uncertainError) Unwrap() error { return e.error }

// abandon removes files that were to be named by a change that failed.
func (s *Store) abandon(segments []segment, err error) {
	var uncertain *uncertainError
	if errors.As(err, &uncertain) {
		return
	}
	s.cleaner.removeFiles(segments)
}

// object returns the record in an object's row, or nil when there is none.
func (s *Store) object(at []byte) (*objectRecord, error) {
	value, err := s.index.get(at)
	if err != nil || value == nil {
		return nil, err
	}
	return decodeObject(value)
}

// check fails when a condition does not hold for an object, nil for none.
func check(c objects.Conditions, o *objectRecord) error {
	switch {
	case c.OwnerID != "" && o != nil && o.attributes.OwnerID != c.OwnerID:
		return fmt.Errorf("disk: %w", objects.ErrOtherOwner)
	case c.IfNoneMatch && o != nil:
		return fmt.Errorf("disk: %w: the object exists", objects.ErrPreconditionFailed)
	case (c.IfMatch != "" || !c.Modified.IsZero()) && o == nil:
		return fmt.Errorf("disk: %w", objects.ErrNoSuchKey)
	case c.IfMatch != "" && c.IfMatch != "*" && c.IfMatch != o.etag():
		return fmt.Errorf("disk: %w: the object's ETag is another", objects.ErrPreconditionFailed)
	case !c.Modified.IsZero() && !c.Modified.Equal(o.modified):
		return fmt.Errorf("disk: %w: the object was put at another time", objects.ErrPreconditionFailed)
	}
	return nil
}

// modified returns the time as records keep it.
func (s *Store) modified() time.Time { return time.Unix(0, s.now().UnixNano()).UTC() }
