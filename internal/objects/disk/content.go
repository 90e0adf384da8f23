package disk

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/objects"
)

const (
	// inlineSize is the largest content that stands in the index. The index
	// writes a row twice and more, a file costs two syncs of its own: measured,
	// a row is faster up to this size and slower at twice of it.
	inlineSize = packageSize

	bufferSize   = 256 << 10
	bufferCount  = 3 // of one body: being read or written, being hashed, waiting
	emptyReadMax = 100
)

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// sums are taken of a body while it is written.
type sums struct {
	md5       hash.Hash // nil for none
	other     hash.Hash // nil for none
	algorithm checksum.Algorithm
}

// newSums returns the sums to take of a content. The MD5 of one under a key of
// its own would tell something of it to whoever may only list.
func newSums(c objects.Content) *sums {
	s := &sums{algorithm: c.Checksum}
	if c.Sealer == nil {
		s.md5 = md5.New()
	}
	if c.Checksum != checksum.None {
		s.other = c.Checksum.New()
	}
	return s
}

func (s *sums) add(p []byte) {
	if s.md5 != nil {
		s.md5.Write(p)
	}
	if s.other != nil {
		s.other.Write(p)
	}
}

// etag returns the MD5, or what stands in for it.
func (s *sums) etag() []byte {
	if s.md5 != nil {
		return s.md5.Sum(nil)
	}
	b := make([]byte, md5.Size)
	rand.Read(b)
	return b
}

func (s *sums) checksum() objects.Checksum {
	if s.other == nil {
		return objects.Checksum{}
	}
	return objects.Checksum{
		Algorithm: s.algorithm,
		Type:      checksum.FullObject,
		Value:     checksum.Encode(s.other.Sum(nil)),
	}
}

// body reads a body of exactly the announced size, or of at most that.
type body struct {
	ctx  context.Context
	from io.Reader
	left int64
	open bool
	size int64 // read
}

// newBody returns the body of c, where none is an empty one.
func newBody(ctx context.Context, c objects.Content) *body {
	if c.Body == nil {
		c.Body = bytes.NewReader(nil)
	}
	return &body{ctx: ctx, from: c.Body, left: c.Size, open: c.Open}
}

// fill reads until p or the body is full. Anything but the announced size is
// ErrIncomplete, and an error of the body is returned wrapped.
func (b *body) fill(p []byte) ([]byte, error) {
	p = p[:min(int64(len(p)), b.left)]
	n, err := b.read(p)
	if err != nil {
		return nil, err
	}
	b.size += int64(n)
	if n < len(p) && b.open {
		b.left = 0
		return p[:n], nil
	}
	if n < len(p) {
		return nil, fmt.Errorf("disk: %w: it ends %d bytes early", objects.ErrIncomplete, b.left-int64(n))
	}
	if b.left -= int64(n); b.left > 0 {
		return p, nil
	}
	switch n, err := b.read(make([]byte, 1)); {
	case err != nil:
		return nil, err
	case n > 0:
		return nil, fmt.Errorf("disk: %w: it goes on", objects.ErrIncomplete)
	}
	return p, nil
}

// read reads until p is full or the body ends, which is no error.
func (b *body) read(p []byte) (n int, err error) {
	for empty := 0; n < len(p); {
		if err := b.ctx.Err(); err != nil {
			return n, err
		}
		m, err := b.from.Read(p[n:])
		n += m
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, fmt.Errorf("disk: read the body: %w", err)
		}
		if empty++; m > 0 {
			empty = 0
		}
		if empty == emptyReadMax {
			return n, fmt.Errorf("disk: read the body: %w", io.ErrNoProgress)
		}
	}
	return n, nil
}

// writeInline returns a body of at most inlineSize bytes encrypted.
func writeInline(b *body, to *sums, k contentKey, content id) ([]byte, error) {
	buffer := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buffer)
	plain, err := b.fill(buffer[:inlineSize])
	if err != nil {
		return nil, err
	}
	to.add(plain)
	var stored bytes.Buffer
	stored.Grow(int(encryptedSize(int64(len(plain)))))
	w, err := k.encrypt(content, &stored)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(plain)
	err = errors.Join(err, w.Close())
	return stored.Bytes(), err
}

// copyBody writes a body to w while another goroutine takes its sums.
func copyBody(b *body, to *sums, w io.Writer) error {
	free := make(chan *[bufferSize]byte, bufferCount)
	full := make(chan chunk, bufferCount)
	for range bufferCount {
		free <- nil
	}
	var hashing sync.WaitGroup
	hashing.Go(func() {
		for c := range full {
			to.add(c.bytes)
			free <- c.buffer
		}
	})
	err := copyChunks(b, w, free, full)
	close(full)
	hashing.Wait()
	for range len(free) {
		if buffer := <-free; buffer != nil {
			buffers.Put(buffer)
		}
	}
	return err
}

type chunk struct {
	buffer *[bufferSize]byte
	bytes  []byte
}

// copyChunks takes buffers from free, nil for one yet to be made, and passes
// them on to full when they are read. It is done with a buffer when it takes
// the next.
func copyChunks(b *body, w io.Writer, free <-chan *[bufferSize]byte, full chan<- chunk) error {
	for more := true; more; more = b.left > 0 {
		buffer := <-free
		if buffer == nil {
			buffer = buffers.Get().(*[bufferSize]byte)
		}
		p, err := b.fill(buffer[:])
		if err != nil {
			buffers.Put(buffer)
			return err
		}
		full <- chunk{buffer, p}
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return nil
}
