package directory_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/directory/directorytest"
)

func TestDirectory(t *testing.T) {
	directorytest.Run(t, func(t testing.TB) directorytest.Store { return newFile(t) })
}

// file is a SQLite database of its own folder.
type file string

func newFile(t testing.TB) file { return file(filepath.Join(t.TempDir(), "directory.db")) }

func (f file) Open(ctx context.Context, o directory.Options) (*directory.Directory, error) {
	o.Path = string(f)
	return directory.Open(ctx, o)
}

func (f file) Bytes() ([]byte, error) {
	names, err := filepath.Glob(string(f) + "*")
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all.Write(b)
	}
	return all.Bytes(), nil
}

// FuzzProviderURL holds whatever is taken as the URL of a provider to what others
// make of it: the same text, a host, and the ARN of one resource without
// wildcards.
func FuzzProviderURL(f *testing.F) {
	for _, url := range []string{
		"https://idp.example.com", "https://idp.example.com/", "https://idp.example.com:8443/realms/a%20b", "https://1.2.3.4/x;y=z",
		"https://a@b", "https://a?b", "https://a#b", "https://a/../b", "https://a//b", "https://[::1]", "https://a:", "https://a\\b", "https://*/", "https://é",
	} {
		f.Add(url, "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1")
	}
	d := newDirectory(f, newFile(f), newKeyring(f))
	f.Fuzz(func(t *testing.T, text, thumbprint string) {
		_, err := d.CreateOpenIDConnectProvider(t.Context(), directory.OpenIDConnectProvider{AccountID: "none", URL: text, Thumbprints: []string{thumbprint}})
		var missing *directory.NotFoundError
		if !errors.As(err, &missing) { // refused for what it is
			return
		}
		u, err := url.Parse(text)
		if err != nil || u.String() != text || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			t.Fatalf("taken as the URL of a provider: %q (%v)", text, err)
		}
		a, err := arn.Parse(directory.OpenIDConnectProviderARN("111111111111", text))
		if err != nil || a.Resource != "oidc-provider/"+text[len("https://"):] || strings.ContainsAny(a.Resource, "*?${} ") {
			t.Fatalf("its ARN is %v (%v)", a, err)
		}
		if _, err := hex.DecodeString(thumbprint); err != nil || len(thumbprint) != 40 {
			t.Fatalf("taken as a thumbprint: %q", thumbprint)
		}
	})
}
