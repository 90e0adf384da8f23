package disk

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/minio/sio"

	"github.com/keywright/keywright/internal/objects"
)

// packageSize is how many bytes of a content DARE encrypts and authenticates
// together; packageOverhead is what each grows by.
const (
	packageSize     = 64 << 10
	packageOverhead = 32
)

// contentKey is the random key of one content, from which each of its segments
// has a key of its own.
type contentKey []byte

func newContentKey() contentKey {
	key := make(contentKey, 32)
	rand.Read(key)
	return key
}

// place is what a sealed content key is bound to.
type place struct {
	bucketID, key string
	content       id
}

func (p place) bytes() []byte {
	b := []byte("keywright object content 1")
	for _, name := range []string{p.bucketID, p.key} {
		b = append(binary.AppendUvarint(b, uint64(len(name))), name...)
	}
	return append(b, p.content[:]...)
}

// seal seals a content's key under the store's own and, where e asks for it,
// before that under the sealer's.
func (s *Store) seal(k contentKey, p place, e objects.Encryption, sealer objects.KeySealer) ([]byte, error) {
	inner := []byte(k)
	if err := checkSealer(e, sealer); err != nil {
		return nil, err
	}
	if e.Sealed() {
		var err error
		if inner, err = sealer.Seal(k, p.bytes()); err != nil {
			return nil, fmt.Errorf("disk: seal a content's key: %w", err)
		}
	}
	sealed, err := s.sealer.Seal(inner, p.bytes())
	if err != nil {
		return nil, fmt.Errorf("disk: seal a content's key: %w", err)
	}
	return sealed, nil
}

// checkSealer fails with ErrSealed unless a sealer is given exactly where there
// is a use for it.
func checkSealer(e objects.Encryption, sealer objects.KeySealer) error {
	if e.Sealed() != (sealer != nil) {
		return fmt.Errorf("disk: %w", objects.ErrSealed)
	}
	return nil
}

// unseal fails with ErrCorrupt when the sealed key was made for another place,
// or under another key than the store's, and with what the sealer does.
func (s *Store) unseal(sealed []byte, p place, e objects.Encryption, sealer objects.KeySealer) (contentKey, error) {
	if err := checkSealer(e, sealer); err != nil {
		return nil, err
	}
	k, err := s.sealer.Open(sealed, p.bytes())
	if err != nil {
		return nil, fmt.Errorf("disk: %w: unseal the content's key: %w", objects.ErrCorrupt, err)
	}
	if !e.Sealed() {
		return k, nil
	}
	if k, err = sealer.Open(k, p.bytes()); err != nil {
		return nil, fmt.Errorf("disk: unseal the content's key: %w", err)
	}
	return k, nil
}

func (k contentKey) cipher(segment id) (sio.Config, error) {
	key, err := hkdf.Expand(sha256.New, k, "keywright object segment 1"+string(segment[:]), 32)
	return sio.Config{
		MinVersion:   sio.Version20,
		MaxVersion:   sio.Version20,
		CipherSuites: []byte{sio.AES_256_GCM},
		Key:          key,
	}, err
}

// encrypt returns a writer to w that must be closed.
func (k contentKey) encrypt(segment id, w io.Writer) (io.WriteCloser, error) {
	c, err := k.cipher(segment)
	if err != nil {
		return nil, err
	}
	return sio.EncryptWriter(w, c)
}

// encryptedSize returns the size in which size bytes of content are stored.
func encryptedSize(size int64) int64 {
	return size + (size+packageSize-1)/packageSize*packageOverhead
}

// decrypt returns a reader of the content of size bytes that r holds encrypted,
// from offset on, which is within it.
func (k contentKey) decrypt(segment id, r io.ReaderAt, size, offset int64) (io.Reader, error) {
	c, err := k.cipher(segment)
	if err != nil {
		return nil, err
	}
	first := offset / packageSize
	c.SequenceNumber = uint32(first)
	from := first * (packageSize + packageOverhead)
	d, err := sio.DecryptReader(io.NewSectionReader(r, from, encryptedSize(size)-from), c)
	if err != nil {
		return nil, err
	}
	_, err = io.CopyN(io.Discard, d, offset-first*packageSize)
	return d, corrupt(err)
}

// corrupt returns err, as ErrCorrupt when it says that encrypted bytes are not
// those that were written or not all of them.
func corrupt(err error) error {
	var damage sio.Error
	if errors.As(err, &damage) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("disk: %w: %w", objects.ErrCorrupt, err)
	}
	return err
}
