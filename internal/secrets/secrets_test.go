package secrets_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"

	"github.com/keywright/keywright/internal/secrets"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func generate(t testing.TB) (string, *secrets.Keyring) {
	t.Helper()
	text, err := secrets.Generate()
	check(t, err)
	k, err := secrets.Parse(text)
	check(t, err)
	return text, k
}

// opens reports whether a keyring opens what another has sealed.
func opens(t testing.TB, k, sealer *secrets.Keyring) bool {
	t.Helper()
	sealed, err := sealer.Seal([]byte("plaintext"), []byte("purpose"))
	check(t, err)
	b, err := k.Open(sealed, []byte("purpose"))
	if err != nil && !errors.Is(err, secrets.ErrNotOpened) {
		t.Fatal(err)
	}
	return err == nil && string(b) == "plaintext"
}

func TestSeal(t *testing.T) {
	_, k := generate(t)
	_, other := generate(t)
	if !opens(t, k, k) || opens(t, other, k) {
		t.Error("a keyring opens what it has sealed, and nothing else")
	}
	sealed, err := k.Seal([]byte("plaintext"), []byte("purpose"))
	check(t, err)
	if bytes.Contains(sealed, []byte("plaintext")) {
		t.Error("sealed in the clear")
	}
	again, err := k.Seal([]byte("plaintext"), []byte("purpose"))
	check(t, err)
	if bytes.Equal(sealed, again) {
		t.Error("sealed twice alike")
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := k.Open(changed, []byte("purpose")); !errors.Is(err, secrets.ErrNotOpened) {
			t.Errorf("byte %d was changed: %v", i, err)
		}
	}
	for _, purpose := range [][]byte{nil, []byte("another")} {
		if _, err := k.Open(sealed, purpose); !errors.Is(err, secrets.ErrNotOpened) {
			t.Errorf("opened for %q: %v", purpose, err)
		}
	}
	if _, err := k.Open(nil, nil); !errors.Is(err, secrets.ErrNotOpened) {
		t.Errorf("opened nothing: %v", err)
	}
}

func TestParse(t *testing.T) {
	text, k := generate(t)
	same, err := secrets.Parse("\n " + text + "\n")
	check(t, err)
	if !opens(t, same, k) {
		t.Error("white space changed the key")
	}
	tags, err := keyset.NewHandle(mac.HMACSHA256Tag128KeyTemplate())
	check(t, err)
	var notEncryption bytes.Buffer
	check(t, insecurecleartextkeyset.Write(tags, keyset.NewJSONWriter(&notEncryption)))
	var parsed struct {
		Key []struct{ KeyData struct{ Value string } }
	}
	check(t, json.Unmarshal([]byte(text), &parsed))
	value := parsed.Key[0].KeyData.Value
	for name, bad := range map[string]string{
		"empty": "", "no JSON": "secret", "no keyset": "{}", "cut": text[:len(text)-2], "without its key": strings.Replace(text, value, "", 1),
		"a short key": strings.Replace(text, value, value[:8], 1), "another type": notEncryption.String(),
	} {
		_, err := secrets.Parse(bad)
		if !errors.Is(err, secrets.ErrInvalidKeyset) {
			t.Errorf("%s: %v", name, err)
		} else if bad != "" && strings.Contains(err.Error(), value[:8]) {
			t.Errorf("%s: the error shows the key", name)
		}
	}
}

// TestRotation checks that what was sealed under a key opens after another has
// become the primary one.
func TestRotation(t *testing.T) {
	text, old := generate(t)
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(strings.NewReader(text)))
	check(t, err)
	m := keyset.NewManagerFromHandle(handle)
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	check(t, err)
	check(t, m.SetPrimary(id))
	handle, err = m.Handle()
	check(t, err)
	var rotated bytes.Buffer
	check(t, insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&rotated)))
	k, err := secrets.Parse(rotated.String())
	check(t, err)
	if !opens(t, k, old) || opens(t, old, k) {
		t.Error("the rotated keyring opens what was sealed before, and seals under the new key")
	}
}

func TestOpenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	k, err := secrets.OpenFile(path, filepath.Join(t.TempDir(), "none"))
	check(t, err)
	info, err := os.Stat(path)
	check(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	again, err := secrets.OpenFile(path, path) // what is sealed does not matter while the key is there
	check(t, err)
	if !opens(t, again, k) {
		t.Error("another key")
	}
	left, err := os.ReadDir(filepath.Dir(path))
	check(t, err)
	if len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOpenFileMissing(t *testing.T) {
	folder := t.TempDir()
	path, database := filepath.Join(folder, "key"), filepath.Join(folder, "directory.db")
	check(t, os.WriteFile(database, nil, 0o600))
	_, err := secrets.OpenFile(path, filepath.Join(folder, "none"), database)
	if !errors.Is(err, secrets.ErrKeyFileMissing) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), database) {
		t.Errorf("the key is missing: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a new key was made")
	}
}

func TestOpenFileFails(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "key")
	text, _ := generate(t)
	for _, damaged := range []string{"", text[:len(text)/2]} {
		check(t, os.WriteFile(path, []byte(damaged), 0o600))
		if _, err := secrets.OpenFile(path); !errors.Is(err, secrets.ErrInvalidKeyset) || !strings.Contains(err.Error(), path) {
			t.Errorf("damaged: %v", err)
		}
	}
	for _, path := range []string{folder, filepath.Join(folder, "none", "key")} {
		if _, err := secrets.OpenFile(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestOpenFileAtOnce checks that all who make the file at once get one key.
func TestOpenFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	keyrings := make([]*secrets.Keyring, 8)
	var group sync.WaitGroup
	for i := range keyrings {
		group.Go(func() {
			var err error
			if keyrings[i], err = secrets.OpenFile(path); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, k := range keyrings {
		if k == nil || !opens(t, k, keyrings[0]) {
			t.Fatal("not all have the same key")
		}
	}
}

func TestRedaction(t *testing.T) {
	_, k := generate(t)
	const want = "secrets.Keyring(redacted)"
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		if got := fmt.Sprintf(verb, k); got != want && verb != "%T" {
			t.Errorf("%s: %s", verb, got)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "k", k)
	if !strings.Contains(log.String(), want) || k.String() != want || k.GoString() != want {
		t.Errorf("logged: %s", &log)
	}
}

func TestRandom(t *testing.T) {
	for pattern, make := range map[string]func() string{
		`^AIDA[A-Z2-7]{17}$`:  func() string { return secrets.NewID("AIDA") },
		`^ASIA[A-Z2-7]{16}$`:  func() string { return secrets.NewAccessKeyID("ASIA") },
		`^[A-Za-z0-9+/]{40}$`: secrets.NewSecretAccessKey,
	} {
		seen := map[string]bool{}
		for range 1000 {
			s := make()
			if !regexp.MustCompile(pattern).MatchString(s) || seen[s] {
				t.Fatalf("%s is not %s, or was made twice", s, pattern)
			}
			seen[s] = true
		}
	}
}

func TestRawKey(t *testing.T) {
	key := bytes.Repeat([]byte("secret--"), 4)
	k, err := secrets.NewRawKey(key)
	check(t, err)
	other, err := secrets.NewRawKey(bytes.Repeat([]byte("another-"), 4))
	check(t, err)
	sealed, err := k.Seal([]byte("plaintext"), []byte("purpose"))
	check(t, err)
	if b, err := k.Open(sealed, []byte("purpose")); err != nil || string(b) != "plaintext" {
		t.Errorf("opened %q, %v", b, err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another key":     func() ([]byte, error) { return other.Open(sealed, []byte("purpose")) },
		"another purpose": func() ([]byte, error) { return k.Open(sealed, []byte("other")) },
		"changed":         func() ([]byte, error) { return k.Open(changed, []byte("purpose")) },
		"cut":             func() ([]byte, error) { return k.Open(sealed[:4], []byte("purpose")) },
		"nothing":         func() ([]byte, error) { return k.Open(nil, []byte("purpose")) },
	} {
		if b, err := open(); !errors.Is(err, secrets.ErrNotOpened) || b != nil {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	for _, size := range []int{0, 16, 31, 33} {
		if _, err := secrets.NewRawKey(make([]byte, size)); err == nil {
			t.Errorf("a key of %d bytes is taken", size)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("key", "key", k)
	text, err := json.Marshal(struct{ Key *secrets.RawKey }{k})
	check(t, err)
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s %q %d %x", k, k, k, k, k, k, k), log.String(), string(text)} {
		if strings.Contains(shown, "secret--") || strings.Contains(shown, fmt.Sprintf("%x", "secret--")) {
			t.Errorf("the key is shown: %s", shown)
		}
	}
}

func TestRotate(t *testing.T) {
	text, old := generate(t)
	sealed, err := old.Seal([]byte("plaintext"), []byte("purpose"))
	check(t, err)
	for range 3 {
		text, err = secrets.Rotate(text)
		check(t, err)
		k, err := secrets.Parse(text)
		check(t, err)
		if b, err := k.Open(sealed, []byte("purpose")); err != nil || string(b) != "plaintext" {
			t.Errorf("what was sealed before a rotation opens as %q, %v", b, err)
		}
		if opens(t, old, k) || !opens(t, k, old) || !opens(t, k, k) {
			t.Error("after a rotation it is sealed under the new key")
		}
	}
	if _, err := secrets.Rotate("nonsense"); !errors.Is(err, secrets.ErrInvalidKeyset) {
		t.Error(err)
	}
}
