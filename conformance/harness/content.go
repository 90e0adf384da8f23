package harness

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// Content returns the size bytes of content that belong to name. It is the same
// at each call, cannot be compressed, and differs between names at every offset.
func Content(name string, size int64) io.ReadSeeker {
	return &content{key: sha256.Sum256([]byte(name)), size: size}
}

type content struct {
	key        [32]byte
	at, size   int64
	stream     cipher.Stream
	streamFrom int64
}

func (c *content) Read(p []byte) (int, error) {
	if c.at >= c.size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), c.size-c.at)]
	if c.stream == nil || c.streamFrom != c.at {
		c.start()
	}
	clear(p)
	c.stream.XORKeyStream(p, p)
	c.at += int64(len(p))
	c.streamFrom = c.at
	return len(p), nil
}

// start begins the stream of the block that c.at lies in.
func (c *content) start() {
	block, err := aes.NewCipher(c.key[:])
	if err != nil {
		panic(err) // the key has a valid size
	}
	var counter [aes.BlockSize]byte
	for i, n := aes.BlockSize-1, uint64(c.at/aes.BlockSize); n > 0; i, n = i-1, n>>8 {
		counter[i] = byte(n)
	}
	c.stream = cipher.NewCTR(block, counter[:])
	skipped := make([]byte, c.at%aes.BlockSize)
	c.stream.XORKeyStream(skipped, skipped)
}

// Seek implements io.Seeker.
func (c *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.at
	case io.SeekEnd:
		offset += c.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start")
	}
	c.at = offset
	return offset, nil
}

// SameContent reads r to its end and returns an error unless it is what want
// holds.
func SameContent(r, want io.Reader) error {
	const size = 256 << 10
	a, b := make([]byte, size), make([]byte, size)
	for at := int64(0); ; {
		n, err := io.ReadFull(r, a)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return fmt.Errorf("after %d bytes: %w", at+int64(n), err)
		}
		m, _ := io.ReadFull(want, b)
		if n != m || !bytes.Equal(a[:n], b[:m]) {
			return fmt.Errorf("content differs in the %d bytes after offset %d", max(n, m), at)
		}
		if n < size {
			return nil
		}
		at += int64(n)
	}
}
