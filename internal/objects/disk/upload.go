package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/objects"
)

// CreateUpload implements objects.UploadStore.
func (s *Store) CreateUpload(ctx context.Context, b objects.Bucket, r objects.UploadRequest) (objects.Upload, error) {
	if r.ChecksumType != "" && (r.Checksum == checksum.None || !r.Checksum.Supports(r.ChecksumType)) {
		return objects.Upload{}, fmt.Errorf("disk: %w: %s of type %q", checksum.ErrUnsupported, r.Checksum, r.ChecksumType)
	}
	u := uploadRecord{
		content: newID(s.now()), initiated: s.modified(), checksum: r.Checksum, kind: r.ChecksumType,
		attributes: r.Attributes, initiator: r.Initiator, asked: r.AskedEncryption,
	}
	var err error
	if u.key, err = s.seal(newContentKey(), place{b.ID, r.Key, u.content}, r.Attributes.Encryption, r.Sealer); err != nil {
		return objects.Upload{}, err
	}
	uploadID := newUploadID(u.initiated)
	bucket := s.buckets.of(b.ID)
	bucket.RLock()
	defer bucket.RUnlock()
	if err := errors.Join(s.checkBucket(b), ctx.Err()); err != nil {
		return objects.Upload{}, err
	}
	c := s.index.change()
	c.set(uploadRow(b.ID, r.Key, uploadID), u.encode())
	return u.upload(r.Key, uploadID), s.index.durable(c)
}

func (u *uploadRecord) upload(key string, uploadID uploadID) objects.Upload {
	return objects.Upload{
		UploadRequest: objects.UploadRequest{
			Key: key, Attributes: u.attributes, Checksum: u.checksum, ChecksumType: u.kind, Initiator: u.initiator, AskedEncryption: u.asked,
		},
		ID:        uploadID.String(),
		Initiated: u.initiated,
	}
}

// findUpload returns an upload in progress, or fails with ErrNoSuchBucket or
// ErrNoSuchUpload.
func (s *Store) findUpload(b objects.Bucket, key, name string) (*uploadRecord, uploadID, error) {
	if err := s.checkBucket(b); err != nil {
		return nil, uploadID{}, err
	}
	u, ok := parseUploadID(name)
	if !ok {
		return nil, u, fmt.Errorf("disk: %w", objects.ErrNoSuchUpload)
	}
	value, err := s.index.get(uploadRow(b.ID, key, u))
	if err != nil {
		return nil, u, err
	}
	if value == nil {
		return nil, u, fmt.Errorf("disk: %w", objects.ErrNoSuchUpload)
	}
	record, err := decodeUpload(value)
	return record, u, err
}

// GetUpload implements objects.UploadStore.
func (s *Store) GetUpload(ctx context.Context, b objects.Bucket, key, name string) (objects.Upload, error) {
	if err := ctx.Err(); err != nil {
		return objects.Upload{}, err
	}
	record, u, err := s.findUpload(b, key, name)
	if err != nil {
		return objects.Upload{}, err
	}
	return record.upload(key, u), nil
}

// PutPart implements objects.UploadStore. A part of any size is a file, so that
// completing the upload need not touch it.
func (s *Store) PutPart(ctx context.Context, b objects.Bucket, key, name string, number int, c objects.Content) (objects.Part, error) {
	if number < 1 || number > objects.MaxPartNumber {
		return objects.Part{}, fmt.Errorf("disk: %w: number %d", objects.ErrInvalidPart, number)
	}
	upload, u, err := s.findUpload(b, key, name)
	if err != nil {
		return objects.Part{}, err
	}
	if err := s.admit(b, c.Size); err != nil {
		return objects.Part{}, err
	}
	if upload.checksum != checksum.None {
		c.Checksum = upload.checksum
	}
	k, err := s.unseal(upload.key, place{b.ID, key, upload.content}, upload.attributes.Encryption, c.Sealer)
	if err != nil {
		return objects.Part{}, err
	}
	to := newSums(c)
	source := newBody(ctx, c)
	file, err := s.writeFile(k, func(w io.Writer) error { return copyBody(source, to, w) })
	if err != nil {
		return objects.Part{}, err
	}
	part := &partRecord{
		segment:  segment{file: file, size: source.size, number: number, checksum: to.checksum()},
		md5:      to.etag(),
		modified: s.modified(),
	}
	if upload.attributes.Encryption.Sealed() {
		part.segment.checksum, err = k.hide(file, to.checksum())
	}
	if err == nil {
		err = s.commitPart(ctx, b, key, name, u, part)
	}
	if err != nil {
		s.abandon([]segment{part.segment}, err)
		return objects.Part{}, err
	}
	done := part.part()
	done.Checksum = to.checksum()
	return done, nil
}

// commitPart names a part's file in place of the one of the same number.
func (s *Store) commitPart(ctx context.Context, b objects.Bucket, key, name string, u uploadID, p *partRecord) error {
	unlock, err := s.lockUpload(b, key)
	if err != nil {
		return err
	}
	defer unlock()
	if _, _, err := s.findUpload(b, key, name); err != nil {
		return err
	}
	at := partRow(u, p.segment.number)
	old, err := s.part(at)
	if err != nil {
		return err
	}
	c := s.index.change()
	c.set(at, p.encode())
	c.delete(row(unnamedSpace, p.segment.file[:]))
	var gone []segment
	if old != nil {
		gone = append(gone, old.segment)
		c.unname(gone)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.index.durable(c); err != nil {
		return &uncertainError{err}
	}
	s.cleaner.removeFiles(gone)
	return nil
}

// lockUpload keeps the bucket and everything under a key as it is.
func (s *Store) lockUpload(b objects.Bucket, key string) (unlock func(), err error) {
	bucket := s.buckets.of(b.ID)
	bucket.RLock()
	if err := s.checkBucket(b); err != nil {
		bucket.RUnlock()
		return nil, err
	}
	unlockKey := s.keys.lock(string(objectRow(b.ID, key)))
	return func() {
		unlockKey()
		bucket.RUnlock()
	}, nil
}

// unname puts the files of segments on the list of those that are to be removed.
func (c *changes) unname(gone []segment) {
	for _, one := range gone {
		c.set(row(unnamedSpace, one.file[:]), present)
	}
}

func (s *Store) part(at []byte) (*partRecord, error) {
	value, err := s.index.get(at)
	if err != nil || value == nil {
		return nil, err
	}
	return decodePart(value)
}

// CopyPart implements objects.UploadStore. It reads the source, since the part's
// ETag is the MD5 of its bytes.
func (s *Store) CopyPart(ctx context.Context, source objects.Object, offset, length int64, b objects.Bucket, key, name string, number int, sealer objects.KeySealer) (objects.Part, error) {
	content, err := source.Read(ctx, offset, length)
	if err != nil {
		return objects.Part{}, err
	}
	defer content.Close()
	return s.PutPart(ctx, b, key, name, number, objects.Content{Body: content, Size: length, Sealer: sealer})
}

// AbortUpload implements objects.UploadStore.
func (s *Store) AbortUpload(ctx context.Context, b objects.Bucket, key, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	unlock, err := s.lockUpload(b, key)
	if err != nil {
		return err
	}
	defer unlock()
	_, u, err := s.findUpload(b, key, name)
	if err != nil {
		return err
	}
	return s.forgetUpload(uploadRow(b.ID, key, u))
}

// forgetUpload removes an upload, by its row's key, and all its parts.
func (s *Store) forgetUpload(at []byte) error {
	var gone []segment
	err := s.eachPart(uploadOf(at), 1, func(p *partRecord) error {
		gone = append(gone, p.segment)
		return nil
	})
	if err != nil {
		return err
	}
	c := s.index.change()
	c.forgetUpload(at, gone)
	c.unname(gone)
	if err := s.index.durable(c); err != nil {
		return err
	}
	s.cleaner.removeFiles(gone)
	return nil
}

// forgetUpload removes the rows of an upload with the given parts.
func (c *changes) forgetUpload(at []byte, parts []segment) {
	u := uploadOf(at)
	for _, p := range parts {
		c.delete(partRow(u, p.number))
	}
	c.delete(at)
}

// eachPart calls f with the parts of an upload from a number on, in order.
func (s *Store) eachPart(u uploadID, from int, f func(*partRecord) error) error {
	return s.index.view(func(r pebble.Reader) error {
		return each(r, partRow(u, from), successor(row(partSpace, u[:])), func(_, value []byte) error {
			p, err := decodePart(value)
			if err != nil {
				return err
			}
			return f(p)
		})
	})
}

var errEnough = errors.New("enough")

// ListParts implements objects.UploadStore.
func (s *Store) ListParts(ctx context.Context, b objects.Bucket, key, name string, r objects.ListPartsRequest) (objects.PartsPage, error) {
	if err := ctx.Err(); err != nil {
		return objects.PartsPage{}, err
	}
	record, u, err := s.findUpload(b, key, name)
	if err != nil {
		return objects.PartsPage{}, err
	}
	page := objects.PartsPage{Upload: record.upload(key, u)}
	if r.Max <= 0 || r.After >= objects.MaxPartNumber {
		return page, nil
	}
	var k contentKey
	if r.Sealer != nil {
		if k, err = s.unseal(record.key, place{b.ID, key, record.content}, record.attributes.Encryption, r.Sealer); err != nil {
			return objects.PartsPage{}, err
		}
	}
	err = s.eachPart(u, max(r.After, 0)+1, func(p *partRecord) error {
		if len(page.Parts) == r.Max {
			page.Truncated = true
			return errEnough
		}
		if err := p.know(k); err != nil {
			return err
		}
		one := p.part()
		one.Checksum = p.known
		page.Parts = append(page.Parts, one)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return objects.PartsPage{}, err
	}
	return page, nil
}

// ListUploads implements objects.UploadStore.
func (s *Store) ListUploads(ctx context.Context, b objects.Bucket, r objects.ListUploadsRequest) (objects.UploadsPage, error) {
	if err := errors.Join(ctx.Err(), s.checkBucket(b)); err != nil {
		return objects.UploadsPage{}, err
	}
	start, err := uploadsAfter(b, r)
	if err != nil {
		return objects.UploadsPage{}, err
	}
	rows := rowsOf(uploadSpace, b.ID)
	all := scan{rows: rows, start: start, prefix: r.Prefix, delimiter: r.Delimiter, after: r.KeyAfter, max: r.Max}
	var page objects.UploadsPage
	var lastKey, lastID string
	page.Truncated, err = all.run(s.index, func(e entry) error {
		lastKey, lastID = e.name, ""
		if e.common {
			page.Prefixes = append(page.Prefixes, e.name)
			return ctx.Err()
		}
		record, err := decodeUpload(e.value)
		if err != nil {
			return err
		}
		if len(e.suffix) != len(uploadID{}) {
			return damaged(errors.New("an upload's row is malformed"))
		}
		upload := record.upload(e.name, uploadID(e.suffix))
		lastID = upload.ID
		page.Uploads = append(page.Uploads, upload)
		return ctx.Err()
	})
	if err != nil {
		return objects.UploadsPage{}, err
	}
	if page.Truncated {
		page.NextKey, page.NextUploadID = lastKey, lastID
	}
	return page, nil
}

// uploadsAfter returns the first row of a page of uploads.
func uploadsAfter(b objects.Bucket, r objects.ListUploadsRequest) ([]byte, error) {
	rows := rowsOf(uploadSpace, b.ID)
	switch {
	case r.KeyAfter == "":
		return rows, nil
	case r.UploadAfter == "":
		return past(rows, r.KeyAfter), nil
	}
	u, ok := parseUploadID(r.UploadAfter)
	if !ok {
		return nil, fmt.Errorf("disk: %w: to list after", objects.ErrNoSuchUpload)
	}
	return append(bytes.Clone(uploadRow(b.ID, r.KeyAfter, u)), 0), nil
}
