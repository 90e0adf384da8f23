package disk_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/objects/disk"
	"github.com/keywright/keywright/internal/objects/objectstest"
)

// sealer is AES-GCM under a fixed key.
type sealer struct{ cipher.AEAD }

func newSealer(t testing.TB) sealer { return newSealerOf(t, 7) }

func newSealerOf(t testing.TB, key byte) sealer {
	t.Helper()
	block, err := aes.NewCipher(bytes.Repeat([]byte{key}, 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return sealer{aead}
}

func (s sealer) Seal(plaintext, associatedData []byte) ([]byte, error) {
	nonce := make([]byte, s.NonceSize())
	rand.Read(nonce)
	return s.AEAD.Seal(nonce, nonce, plaintext, associatedData), nil
}

func (s sealer) Open(ciphertext, associatedData []byte) ([]byte, error) {
	if len(ciphertext) < s.NonceSize() {
		return nil, errors.New("too short")
	}
	return s.AEAD.Open(nil, ciphertext[:s.NonceSize()], ciphertext[s.NonceSize():], associatedData)
}

func openStore(t testing.TB, dir string, o disk.Options) *disk.Store {
	t.Helper()
	o.Sealer = newSealer(t)
	s, err := disk.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	objectstest.Run(t, func(t *testing.T) objects.Store { return openStore(t, t.TempDir(), disk.Options{}) })
}

// remove deletes what a key of a bucket without versions holds.
func remove(ctx context.Context, s objects.Store, b objects.Bucket, key string, c objects.Conditions) error {
	_, err := s.Delete(ctx, b, objects.DeleteRequest{Key: key, Conditions: c})
	return err
}
