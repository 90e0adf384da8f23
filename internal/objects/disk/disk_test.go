package disk_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/objects/disk"
)

// sealer is AES-GCM under a fixed key.
type sealer struct{ cipher.AEAD }

func newSealer(t testing.TB) sealer {
	t.Helper()
	block, err := aes.NewCipher(bytes.Repeat([]byte{7}, 32))
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

func TestSmoke(t *testing.T) {
	s, err := disk.Open(t.TempDir(), disk.Options{Sealer: newSealer(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := context.Background()
	b := objects.Bucket{ID: "b1", Name: "x"}
	if err := s.CreateBucket(ctx, b); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, 65536, 131072, 131073, 1 << 20, 3000000} {
		data := make([]byte, size)
		rand.Read(data)
		info, err := s.Put(ctx, b, objects.PutRequest{Key: "k", Content: objects.Content{Body: bytes.NewReader(data), Size: int64(size)}})
		if err != nil {
			t.Fatal(size, err)
		}
		o, err := s.Open(ctx, b, "k")
		if err != nil {
			t.Fatal(size, err)
		}
		r, err := o.Read(ctx, 0, int64(size))
		if err != nil {
			t.Fatal(size, err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatal(size, err, len(got))
		}
		r.Close()
		if size > 10 {
			r, err = o.Read(ctx, int64(size/2), int64(size/3))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, data[size/2:size/2+size/3]) {
				t.Fatal(size, err, len(got))
			}
			r.Close()
		}
		o.Close()
		t.Log(info.ETag)
	}
	page, err := s.List(ctx, b, objects.ListRequest{Max: 10})
	t.Log(page, err)
	if err := s.DeleteBucket(ctx, b); !errors.Is(err, objects.ErrBucketNotEmpty) {
		t.Fatal(err)
	}
	_, err = s.Put(ctx, b, objects.PutRequest{Key: "k", Content: objects.Content{Body: strings.NewReader("abc"), Size: 2}})
	if !errors.Is(err, objects.ErrIncomplete) {
		t.Fatal(err)
	}
}
