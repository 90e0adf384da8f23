package secrets

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"log/slog"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
)

// RawKeySize is the size in bytes of a RawKey.
const RawKeySize = 32

// RawKey seals secrets under 32 bytes that somebody else keeps, such as a key
// that a client sends with each request. It is immutable and safe for concurrent
// use, and prints as a fixed text.
type RawKey struct{ key string }

// NewRawKey returns the key of RawKeySize bytes. It fails for another number.
func NewRawKey(key []byte) (*RawKey, error) {
	if len(key) != RawKeySize {
		return nil, fmt.Errorf("secrets: a key of %d bytes, not %d", len(key), RawKeySize)
	}
	return &RawKey{string(key)}, nil
}

// aead returns the cipher for one associated data, under a key of its own: a
// client's one key may seal any number of contents.
func (k *RawKey) aead(associatedData []byte) (*subtle.AESGCM, error) {
	derived, err := hkdf.Key(sha256.New, []byte(k.key), nil, "keywright raw key 1"+string(associatedData), 32)
	if err != nil {
		return nil, fmt.Errorf("secrets: derive a key: %w", err)
	}
	return subtle.NewAESGCM(derived)
}

// Seal encrypts plaintext, as Keyring.Seal does.
func (k *RawKey) Seal(plaintext, associatedData []byte) ([]byte, error) {
	a, err := k.aead(associatedData)
	if err != nil {
		return nil, err
	}
	return a.Encrypt(plaintext, associatedData)
}

// Open decrypts what Seal returned. It fails with ErrNotOpened.
func (k *RawKey) Open(sealed, associatedData []byte) ([]byte, error) {
	a, err := k.aead(associatedData)
	if err != nil {
		return nil, err
	}
	plaintext, err := a.Decrypt(sealed, associatedData)
	if err != nil {
		return nil, ErrNotOpened
	}
	return plaintext, nil
}

const redactedKey = "secrets.RawKey(redacted)"

// String returns a fixed text.
func (*RawKey) String() string { return redactedKey }

// GoString returns a fixed text.
func (*RawKey) GoString() string { return redactedKey }

// Format writes a fixed text, whatever the verb.
func (*RawKey) Format(s fmt.State, _ rune) { fmt.Fprint(s, redactedKey) }

// LogValue returns a fixed text.
func (*RawKey) LogValue() slog.Value { return slog.StringValue(redactedKey) }
