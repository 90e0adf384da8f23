// Package secrets knows how secrets are kept: it seals them with authenticated
// encryption under a keyring, and it makes the random parts of credentials. It
// is a thin layer over Tink, whose keysets can be rotated: everything is sealed
// under the primary key and opened under any key of the keyset. It hashes
// passwords with Argon2id, and knows the one-time codes of RFC 6238.
//
// It does not know what it seals, and it never shows a key: a Keyring prints as
// a fixed text however it is formatted.
package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

var (
	// ErrInvalidKeyset is returned, wrapped, for a text that is not a keyset of
	// authenticated encryption.
	ErrInvalidKeyset = errors.New("not a Tink JSON keyset for authenticated encryption")

	// ErrNotOpened is returned by Keyring.Open for what was not sealed under a
	// key of the keyring with the same associated data, or was changed since.
	ErrNotOpened = errors.New("secrets: sealed under another key, for another purpose, or damaged")
)

// Keyring seals and opens secrets. It is immutable and safe for concurrent use.
type Keyring struct{ aead tink.AEAD }

// Generate returns a new keyset with one AES-256-GCM key, in the JSON of Tink
// in clear text: what Parse reads. It is itself a secret.
func Generate() (string, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return "", fmt.Errorf("secrets: making a keyset: %w", err)
	}
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
		return "", fmt.Errorf("secrets: writing a keyset: %w", err)
	}
	return text.String(), nil
}

// Rotate returns a keyset of Generate's with one more key, under which everything
// is sealed from then on; the older ones still open. It fails with
// ErrInvalidKeyset.
func Rotate(text string) (string, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(strings.NewReader(strings.TrimSpace(text))))
	if err != nil {
		return "", ErrInvalidKeyset
	}
	manager := keyset.NewManagerFromHandle(handle)
	id, err := manager.Add(aead.AES256GCMKeyTemplate())
	if err == nil {
		err = manager.SetPrimary(id)
	}
	if err == nil {
		handle, err = manager.Handle()
	}
	if err != nil {
		return "", fmt.Errorf("secrets: rotating a keyset: %w", err)
	}
	var rotated bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&rotated)); err != nil {
		return "", fmt.Errorf("secrets: writing a keyset: %w", err)
	}
	return rotated.String(), nil
}

// Parse reads a keyset as Generate writes it; white space around it is
// ignored. It fails with ErrInvalidKeyset, and the error shows nothing of the
// text.
func Parse(text string) (*Keyring, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(strings.NewReader(strings.TrimSpace(text))))
	if err != nil {
		return nil, ErrInvalidKeyset
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, ErrInvalidKeyset
	}
	return &Keyring{primitive}, nil
}

// Seal encrypts plaintext. associatedData is not part of the result, but
// nothing opens without it: it says what the secret is for.
func (k *Keyring) Seal(plaintext, associatedData []byte) ([]byte, error) {
	sealed, err := k.aead.Encrypt(plaintext, associatedData)
	if err != nil {
		return nil, fmt.Errorf("secrets: sealing: %w", err)
	}
	return sealed, nil
}

// Open decrypts what Seal returned. It fails with ErrNotOpened.
func (k *Keyring) Open(sealed, associatedData []byte) ([]byte, error) {
	plaintext, err := k.aead.Decrypt(sealed, associatedData)
	if err != nil {
		return nil, ErrNotOpened
	}
	return plaintext, nil
}

const redacted = "secrets.Keyring(redacted)"

// String returns a fixed text.
func (*Keyring) String() string { return redacted }

// GoString returns a fixed text.
func (*Keyring) GoString() string { return redacted }

// Format writes a fixed text, whatever the verb.
func (*Keyring) Format(s fmt.State, _ rune) { fmt.Fprint(s, redacted) }

// LogValue returns a fixed text.
func (*Keyring) LogValue() slog.Value { return slog.StringValue(redacted) }
