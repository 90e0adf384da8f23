package disk

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/keywright/keywright/internal/objects"
)

// CreateBucket implements objects.BucketStore.
func (s *Store) CreateBucket(ctx context.Context, b objects.Bucket) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	lock := s.buckets.of(b.ID)
	lock.Lock()
	defer lock.Unlock()
	if exists, err := s.index.has(bucketRow(b.ID)); exists || err != nil {
		return err
	}
	c := s.index.change()
	c.set(bucketRow(b.ID), present)
	return s.index.durable(c)
}

// DeleteBucket implements objects.BucketStore. The uploads are removed in the
// background: with their bucket gone nobody can reach them.
func (s *Store) DeleteBucket(ctx context.Context, b objects.Bucket) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	lock := s.buckets.of(b.ID)
	lock.Lock()
	defer lock.Unlock()
	if exists, err := s.index.has(bucketRow(b.ID)); !exists || err != nil {
		return err
	}
	var some []byte
	err := s.index.view(func(r pebble.Reader) error {
		objects, versions := rowsOf(objectSpace, b.ID), rowsOf(versionSpace, b.ID)
		return errors.Join(first(r, objects, successor(objects), &some), first(r, versions, successor(versions), &some))
	})
	if err != nil {
		return err
	}
	if some != nil {
		return fmt.Errorf("disk: %w", objects.ErrBucketNotEmpty)
	}
	c := s.index.change()
	c.delete(bucketRow(b.ID))
	c.set(removedRow(b.ID), present)
	if err := s.index.durable(c); err != nil {
		return err
	}
	s.cleaner.removeBucket(b.ID)
	return nil
}

// checkBucket fails with ErrNoSuchBucket when there is no such bucket.
func (s *Store) checkBucket(b objects.Bucket) error {
	exists, err := s.index.has(bucketRow(b.ID))
	if err == nil && !exists {
		err = fmt.Errorf("disk: %w", objects.ErrNoSuchBucket)
	}
	return err
}
