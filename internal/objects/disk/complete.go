package disk

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/objects"
)

// CompleteUpload implements objects.UploadStore.
func (s *Store) CompleteUpload(ctx context.Context, b objects.Bucket, key, name string, r objects.CompleteRequest) (objects.Info, error) {
	if err := checkOrder(r.Parts); err != nil {
		return objects.Info{}, err
	}
	var made completion
	err := s.replace(ctx, b, key, replacement{
		versioning: r.Versioning,
		build: func(c *changes, old *objectRecord) (*objectRecord, error) {
			var err error
			made, err = s.complete(c, b, key, name, r, old)
			return made.record, err
		},
	})
	var done *alreadyDone
	if errors.As(err, &done) {
		return done.info, nil
	}
	if err != nil {
		return objects.Info{}, err
	}
	s.cleaner.removeFiles(made.gone)
	return made.info(key), nil
}

// checkOrder fails unless every part has a greater number than the one before.
func checkOrder(parts []objects.CompletedPart) error {
	if len(parts) == 0 {
		return fmt.Errorf("disk: %w: none is named", objects.ErrInvalidPart)
	}
	for i := 1; i < len(parts); i++ {
		if parts[i].Number <= parts[i-1].Number {
			return fmt.Errorf("disk: %w: %d after %d", objects.ErrInvalidPartOrder, parts[i].Number, parts[i-1].Number)
		}
	}
	return nil
}

// alreadyDone says that the object is the one that the upload made already.
type alreadyDone struct{ info objects.Info }

func (*alreadyDone) Error() string { return "disk: the upload is complete" }

// completion is an object made of an upload's parts.
type completion struct {
	record   *objectRecord
	checksum objects.Checksum // of the object, as it is told
	parts    []*partRecord
	gone     []segment // the parts that were left out
}

func (c *completion) info(key string) objects.Info {
	info := c.record.info(key)
	info.Checksum = c.checksum
	for _, p := range c.parts {
		part := p.segment.part()
		part.Checksum = p.known
		info.Parts = append(info.Parts, part)
	}
	info.Parts = partsFor(info.Parts, info.Checksum)
	return info
}

// complete makes the object of an upload, or fails with *alreadyDone. The key is
// locked.
func (s *Store) complete(c *changes, b objects.Bucket, key, name string, r objects.CompleteRequest, old *objectRecord) (completion, error) {
	upload, u, err := s.findUpload(b, key, name)
	if errors.Is(err, objects.ErrNoSuchUpload) && old != nil && bytes.Equal(old.upload, u[:]) {
		return completion{}, s.repeat(b, key, r, old, err)
	}
	if err != nil {
		return completion{}, err
	}
	var k contentKey
	if r.Sealer != nil {
		if k, err = s.unseal(upload.key, place{b.ID, key, upload.content}, upload.attributes.Encryption, r.Sealer); err != nil {
			return completion{}, err
		}
	}
	if err := check(r.Conditions, old); err != nil {
		return completion{}, err
	}
	made, err := s.chooseParts(u, k, r.Parts)
	if err != nil {
		return completion{}, err
	}
	made.record = &objectRecord{
		content: upload.content, key: upload.key, modified: s.modified(), attributes: upload.attributes,
		parts: len(made.parts), md5: joinMD5s(made.parts), upload: u[:],
	}
	if l := &made.record.attributes.Lock; l.Mode == "" {
		l.Retention = r.Retention
	}
	var content contentRecord
	for _, p := range made.parts {
		made.record.size += p.segment.size
		content.segments = append(content.segments, p.segment)
	}
	if made.checksum, err = joinChecksums(upload, made.parts); err != nil {
		return completion{}, err
	}
	made.record.checksum = made.checksum
	if err := checkWhole(r, made.record); err != nil {
		return completion{}, err
	}
	if k != nil && upload.attributes.Encryption.Sealed() {
		if made.record.checksum, err = k.hide(upload.content, made.checksum); err != nil {
			return completion{}, err
		}
	}
	c.set(row(contentSpace, upload.content[:]), content.encode())
	c.forgetUpload(uploadRow(b.ID, key, u), slices.Concat(content.segments, made.gone))
	c.unname(made.gone)
	return made, nil
}

// repeat answers a completion of what is complete already, if it is the same
// one, and fails with otherwise if not.
func (s *Store) repeat(b objects.Bucket, key string, r objects.CompleteRequest, old *objectRecord, otherwise error) error {
	info, err := s.infoWithParts(b, key, old)
	if err != nil {
		return err
	}
	if len(r.Parts) != len(info.Parts) {
		return otherwise
	}
	whole := md5.New()
	for i, p := range r.Parts {
		sum, err := hex.DecodeString(p.ETag)
		if err != nil || p.Number != info.Parts[i].Number {
			return otherwise
		}
		whole.Write(sum)
	}
	if !bytes.Equal(whole.Sum(nil), old.md5) {
		return otherwise
	}
	return &alreadyDone{info}
}

// chooseParts returns the parts of an upload that are named.
func (s *Store) chooseParts(u uploadID, k contentKey, named []objects.CompletedPart) (completion, error) {
	var made completion
	left := named
	err := s.eachPart(u, 1, func(p *partRecord) error {
		if len(left) > 0 && left[0].Number == p.segment.number {
			if err := p.know(k); err != nil {
				return err
			}
			if left[0].Checksum.Value != "" && p.known.Value == "" && isHidden(p.segment.checksum) {
				return fmt.Errorf("disk: %w: the checksum of part %d", objects.ErrSealed, p.segment.number)
			}
			if !isPart(left[0], p) {
				return invalidPart(left[0])
			}
			made.parts, left = append(made.parts, p), left[1:]
			return nil
		}
		if len(left) > 0 && left[0].Number < p.segment.number {
			return invalidPart(left[0])
		}
		made.gone = append(made.gone, p.segment)
		return nil
	})
	if err != nil {
		return made, err
	}
	if len(left) > 0 {
		return made, invalidPart(left[0])
	}
	for _, p := range made.parts[:len(made.parts)-1] {
		if p.segment.size < objects.MinPartSize {
			part := p.part()
			return made, &objects.PartError{Number: part.Number, Size: part.Size, ETag: part.ETag, Err: objects.ErrPartTooSmall}
		}
	}
	return made, nil
}

func isPart(named objects.CompletedPart, p *partRecord) bool {
	part := p.part()
	return named.ETag == part.ETag && (named.Checksum.Value == "" ||
		named.Checksum.Algorithm == p.known.Algorithm && named.Checksum.Value == p.known.Value)
}

func invalidPart(named objects.CompletedPart) error {
	return &objects.PartError{Number: named.Number, ETag: named.ETag, Err: objects.ErrInvalidPart}
}

func joinMD5s(parts []*partRecord) []byte {
	whole := md5.New()
	for _, p := range parts {
		whole.Write(p.md5)
	}
	return whole.Sum(nil)
}

// joinChecksums returns the checksum of the whole, of the upload's algorithm and
// type, or none when those of the parts are not revealed.
func joinChecksums(u *uploadRecord, parts []*partRecord) (objects.Checksum, error) {
	if u.checksum == checksum.None {
		return objects.Checksum{}, nil
	}
	sums := make([]checksum.Part, len(parts))
	for i, p := range parts {
		if isHidden(p.segment.checksum) && p.known.Value == "" {
			return objects.Checksum{}, nil
		}
		sum, ok := u.checksum.Decode(p.known.Value)
		if !ok {
			return objects.Checksum{}, damaged(fmt.Errorf("checksum of part %d", p.segment.number))
		}
		sums[i] = checksum.Part{Sum: sum, Length: p.segment.size}
	}
	kind := u.kind
	if kind == "" {
		kind = u.checksum.DefaultType()
	}
	value, err := u.checksum.Multipart(kind, sums)
	return objects.Checksum{Algorithm: u.checksum, Type: kind, Value: value}, err
}

// checkWhole compares the object with what the client knows of it.
func checkWhole(r objects.CompleteRequest, o *objectRecord) error {
	if r.Size >= 0 && r.Size != o.size {
		return fmt.Errorf("disk: %w: %d bytes, not %d", objects.ErrSizeMismatch, o.size, r.Size)
	}
	whole := o.checksum.Value
	if !strings.Contains(r.Checksum.Value, "-") { // clients may leave out the number of parts
		whole, _, _ = strings.Cut(whole, "-")
	}
	if c := r.Checksum; c.Value != "" && (c.Algorithm != o.checksum.Algorithm || c.Value != whole) {
		return fmt.Errorf("disk: %w", objects.ErrBadChecksum)
	}
	return nil
}
