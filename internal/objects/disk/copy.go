package disk

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/objects"
)

// Copy implements objects.ObjectStore. The objects share the content; an object
// of another store, or whose copy is not under the same key, is read and put.
func (s *Store) Copy(ctx context.Context, source objects.Object, b objects.Bucket, r objects.CopyRequest) (objects.Info, error) {
	from, ok := source.(*object)
	if !ok || from.store != s || !isSameKey(from.info.Attributes.Encryption, r.Attributes.Encryption) {
		return s.copyForeign(ctx, source, b, r)
	}
	if err := s.checkBucket(b); err != nil {
		return objects.Info{}, err
	}
	made, sum, err := s.copyRecord(ctx, from, b, r)
	if err != nil {
		return objects.Info{}, err
	}
	err = s.replace(ctx, b, r.Key, replacement{
		conditions: r.Conditions,
		versioning: r.Versioning,
		shares:     &made.content,
		build: func(*changes, *objectRecord) (*objectRecord, error) {
			made.modified = s.modified()
			return made, nil
		},
	})
	if err != nil {
		return objects.Info{}, err
	}
	info := made.info(r.Key)
	info.Checksum = sum
	info.Parts = partsFor(from.Info().Parts, sum)
	return info, nil
}

// isSameKey reports whether contents are under the same key beside the store's.
// Of those that only clients have nobody knows.
func isSameKey(a, b objects.Encryption) bool {
	return !a.Sealed() && !b.Sealed() || a.KeyID != "" && a.KeyID == b.KeyID
}

// copyRecord returns the record of the copy, the source's content with its key
// sealed for another place, and the checksum of the copy as it is told.
func (s *Store) copyRecord(ctx context.Context, from *object, b objects.Bucket, r objects.CopyRequest) (*objectRecord, objects.Checksum, error) {
	sum, made := from.Info().Checksum, *from.record
	made.attributes, made.upload, made.version, made.null = r.Attributes, nil, versionID{}, true
	k, err := from.contentKey()
	if err != nil {
		return nil, sum, err
	}
	if made.key, err = s.seal(k, place{b.ID, r.Key, made.content}, r.Attributes.Encryption, r.Sealer); err != nil {
		return nil, sum, err
	}
	if r.Checksum == checksum.None || r.Checksum == made.checksum.Algorithm {
		return &made, sum, nil
	}
	if sum, err = sumOf(ctx, from, r.Checksum); err != nil {
		return nil, sum, err
	}
	made.checksum = sum
	if r.Attributes.Encryption.Sealed() {
		made.checksum, err = k.hide(made.content, sum)
	}
	return &made, sum, err
}

// sumOf reads an object once for its checksum.
func sumOf(ctx context.Context, o objects.Object, a checksum.Algorithm) (objects.Checksum, error) {
	r, err := o.Read(ctx, 0, o.Info().Size)
	if err != nil {
		return objects.Checksum{}, err
	}
	defer r.Close()
	h := a.New()
	if _, err := io.Copy(h, r); err != nil {
		return objects.Checksum{}, err
	}
	return objects.Checksum{Algorithm: a, Type: checksum.FullObject, Value: checksum.Encode(h.Sum(nil))}, nil
}

func (s *Store) copyForeign(ctx context.Context, source objects.Object, b objects.Bucket, r objects.CopyRequest) (objects.Info, error) {
	info := source.Info()
	content, err := source.Read(ctx, 0, info.Size)
	if err != nil {
		return objects.Info{}, err
	}
	defer content.Close()
	if r.Checksum == checksum.None {
		r.Checksum = info.Checksum.Algorithm
	}
	return s.Put(ctx, b, objects.PutRequest{
		Key:        r.Key,
		Content:    objects.Content{Body: content, Size: info.Size, Checksum: r.Checksum, Sealer: r.Sealer},
		Attributes: r.Attributes,
		Conditions: r.Conditions,
		Versioning: r.Versioning,
	})
}

// share counts one object more that is made of a content. A content that died
// while it was open for reading lives again.
func (s *Store) share(c *changes, content id) error {
	dead, err := s.index.has(row(deadSpace, content[:]))
	if err != nil {
		return err
	}
	if dead {
		c.delete(row(deadSpace, content[:]))
		return nil
	}
	n, err := s.shares(content)
	if err != nil {
		return err
	}
	c.set(row(sharedSpace, content[:]), encodeShares(n+1))
	return nil
}

// unshare counts one object less that is made of a content, and reports whether
// it was the last.
func (s *Store) unshare(c *changes, content id) (dead bool, err error) {
	n, err := s.shares(content)
	if err != nil {
		return false, err
	}
	switch n {
	case 1:
		c.set(row(deadSpace, content[:]), present)
	case 2:
		c.delete(row(sharedSpace, content[:]))
	default:
		c.set(row(sharedSpace, content[:]), encodeShares(n-1))
	}
	return n == 1, nil
}

// shares returns how many objects are made of a content that is not dead.
func (s *Store) shares(content id) (uint64, error) {
	value, err := s.index.get(row(sharedSpace, content[:]))
	if err != nil || value == nil {
		return 1, err
	}
	n, size := binary.Uvarint(value)
	if size != len(value) || n < 2 {
		return 0, fmt.Errorf("disk: %w: count of objects that share content %s", objects.ErrCorrupt, content)
	}
	return n, nil
}

func encodeShares(n uint64) []byte { return binary.AppendUvarint(nil, n) }
