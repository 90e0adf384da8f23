package oidc_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keywright/keywright/internal/oidc"
	"github.com/keywright/keywright/internal/oidc/oidctest"
)

// verifier verifies tokens of an issuer with one client, at times of its own.
type verifier struct {
	*oidctest.Issuer
	t      *testing.T
	client *oidc.Client
	now    time.Time
}

func newVerifier(t *testing.T) *verifier {
	return &verifier{oidctest.New(t), t, oidc.NewClient(oidc.Options{}), now}
}

// verify returns what becomes of a token whose header names a key, and which
// another key may have signed.
func (v *verifier) verify(kid, signedWith string) error {
	v.t.Helper()
	payload, err := json.Marshal(v.Claims("alice", "app", v.now))
	if err != nil {
		v.t.Fatal(err)
	}
	token, err := oidc.Parse(oidctest.Sign(v.t, fmt.Sprintf(`{"alg":"RS256","kid":%q}`, kid), string(payload), "RS256", v.Key(signedWith)))
	if err != nil {
		v.t.Fatal(err)
	}
	return v.client.Verify(v.t.Context(), provider(v.Issuer), token, v.now)
}

// is checks what verify returned, and how often the keys were asked for.
func (v *verifier) is(what string, err, want error, asked int) {
	v.t.Helper()
	if !errors.Is(err, want) || (err == nil) != (want == nil) {
		v.t.Errorf("%s: %v instead of %v", what, err, want)
	}
	if got := v.Asked(oidctest.Keys); got != asked {
		v.t.Errorf("%s: asked for keys %d times instead of %d", what, got, asked)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// TestRemembers checks when keys are fetched anew, and how long old ones serve.
func TestRemembers(t *testing.T) {
	v := newVerifier(t)
	v.is("the first", v.verify("rsa", "rsa"), nil, 1)
	v.is("remembered", v.verify("rsa", "rsa"), nil, 1)
	v.now = v.now.Add(10 * time.Minute)
	v.is("not fresh", v.verify("rsa", "rsa"), nil, 2)

	v.Answer(oidctest.Keys, status(http.StatusServiceUnavailable))
	v.now = v.now.Add(10 * time.Minute)
	v.is("stale", v.verify("rsa", "rsa"), nil, 3)
	v.now = v.now.Add(4 * time.Second)
	v.is("not asked at once again", v.verify("rsa", "rsa"), nil, 3)
	v.now = v.now.Add(50 * time.Minute)
	v.is("too old", v.verify("rsa", "rsa"), oidc.ErrCommunication, 4)
	v.is("nor now", v.verify("rsa", "rsa"), oidc.ErrCommunication, 4)
	v.Answer(oidctest.Keys, nil)
	v.now = v.now.Add(time.Minute)
	v.is("back", v.verify("rsa", "rsa"), nil, 5)
}

// TestRotation checks that a new key is found at once, that an old one ends, and
// that nobody can have the provider asked as often as he likes.
func TestRotation(t *testing.T) {
	v := newVerifier(t)
	v.is("the first", v.verify("rsa", "rsa"), nil, 1)
	v.Add("next", oidctest.RSA(t))
	v.is("in the first half minute", v.verify("next", "next"), oidc.ErrInvalid, 1)
	v.now = v.now.Add(30 * time.Second)
	v.is("then", v.verify("next", "next"), nil, 2)
	for range 10 {
		v.is("none", v.verify("none", "rsa"), oidc.ErrInvalid, 2)
	}
	v.now = v.now.Add(30 * time.Second)
	v.is("none, later", v.verify("none", "rsa"), oidc.ErrInvalid, 3)
	v.is("the old one still", v.verify("rsa", "rsa"), nil, 3)

	old := v.Key("rsa")
	v.Remove("rsa")
	v.now = v.now.Add(10 * time.Minute)
	v.is("the new one", v.verify("next", "next"), nil, 4)
	v.Add("unpublished", old)
	v.is("the old one ends", v.verify("rsa", "unpublished"), oidc.ErrInvalid, 4)
}

// TestDocuments checks what a provider may publish.
func TestDocuments(t *testing.T) {
	const notThere = "Couldn't retrieve verification key from your identity provider"
	write := func(v any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(v) }
	}
	v := newVerifier(t)
	own := oidctest.JWK("rsa", v.Key("rsa"))
	keys := func(list ...any) http.HandlerFunc { return write(map[string]any{"keys": list}) }
	with := func(name, value string) map[string]string {
		k := map[string]string{name: value}
		for n, v := range own {
			if k[n] == "" {
				k[n] = v
			}
		}
		return k
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	many := make([]any, 101)
	for i := range many {
		many[i] = with("kid", fmt.Sprint("rsa-", i))
	}
	many[0] = own
	for _, c := range []struct {
		name, path string
		answer     http.HandlerFunc
		want       string // "" when the token is good
	}{
		{"as it is", oidctest.Keys, nil, ""},
		{"keys of other kinds", oidctest.Keys, keys(own, map[string]string{"kty": "oct", "kid": "rsa", "k": "AAAA"}, map[string]string{"kty": "new"}, 7, nil), ""},
		{"more members", oidctest.Keys, keys(with("issuer", "y")), ""},
		{"for encryption", oidctest.Keys, keys(with("use", "enc")), notThere},
		{"for another algorithm", oidctest.Keys, keys(with("alg", "RS512")), notThere},
		{"a short key", oidctest.Keys, keys(oidctest.JWK("rsa", short)), notThere},
		{"two keys of one kid", oidctest.Keys, keys(own, oidctest.JWK("rsa", oidctest.RSA(t))), notThere},
		{"101 keys", oidctest.Keys, keys(many...), notThere},
		{"no keys", oidctest.Keys, keys(), notThere},
		{"not JSON", oidctest.Keys, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, notThere},
		{"too long", oidctest.Keys, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat(" ", 1<<20+1)) }, notThere},
		{"not found", oidctest.Keys, status(http.StatusNotFound), notThere},
		{"no discovery", oidctest.Discovery, status(http.StatusNotFound), notThere},
		{"broken", oidctest.Discovery, status(http.StatusBadGateway), "cannot be reached"},
		{"cut off", oidctest.Discovery, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "cannot be reached"},
		{"another issuer", oidctest.Discovery, write(map[string]string{"issuer": "https://example.com", "jwks_uri": v.URL + oidctest.Keys}), notThere},
		{"no place of keys", oidctest.Discovery, write(map[string]string{"issuer": v.URL}), notThere},
		{"keys without TLS", oidctest.Discovery, write(map[string]string{"issuer": v.URL, "jwks_uri": "http://127.0.0.1/keys"}), notThere},
		{"keys in a file", oidctest.Discovery, write(map[string]string{"issuer": v.URL, "jwks_uri": "file:///etc/passwd"}), notThere},
		{"sent elsewhere", oidctest.Keys, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://127.0.0.1/latest/meta-data", http.StatusFound)
		}, notThere},
	} {
		v.client = oidc.NewClient(oidc.Options{})
		v.Answer(c.path, c.answer)
		err := v.verify("rsa", "rsa")
		v.Answer(c.path, nil)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestManyProviders checks that what is remembered has an end, and that accounts
// with other thumbprints do not share it.
func TestManyProviders(t *testing.T) {
	v := newVerifier(t)
	v.is("the first", v.verify("rsa", "rsa"), nil, 1)
	token, err := oidc.Parse(v.Token(v.Claims("alice", "app", v.now)))
	if err != nil {
		t.Fatal(err)
	}
	p := provider(v.Issuer)
	p.Thumbprints = []string{strings.Repeat("0", 40)}
	if err := v.client.Verify(t.Context(), p, token, v.now); err == nil || !strings.Contains(err.Error(), "doesn't match configured thumbprint") {
		t.Errorf("an account that trusts another certificate: %v", err)
	}
	for i := range 256 {
		p.Thumbprints = []string{v.Thumbprint, fmt.Sprintf("%040x", i)}
		if err := v.client.Verify(t.Context(), p, token, v.now); err != nil {
			t.Fatal(err)
		}
	}
	v.is("forgotten", v.verify("rsa", "rsa"), nil, 258)
}

// TestTogether checks that many at once ask once, and that the provider may be
// rotated and fail meanwhile.
func TestTogether(t *testing.T) {
	v := newVerifier(t)
	p := provider(v.Issuer)
	token := v.Token(v.Claims("alice", "app", v.now))
	verify := func(ctx context.Context, at time.Time) error {
		parsed, err := oidc.Parse(token)
		if err != nil {
			return err
		}
		return v.client.Verify(ctx, p, parsed, at)
	}
	release := make(chan struct{})
	v.Answer(oidctest.Discovery, func(w http.ResponseWriter, r *http.Request) {
		<-release
		json.NewEncoder(w).Encode(map[string]string{"issuer": v.URL, "jwks_uri": v.URL + oidctest.Keys})
	})
	first := make(chan error)
	go func() { first <- verify(t.Context(), v.now) }()
	for v.Asked(oidctest.Discovery) == 0 {
		time.Sleep(time.Millisecond)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := verify(gone, v.now); !errors.Is(err, oidc.ErrCommunication) {
		t.Errorf("who goes away waits: %v", err)
	}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for i := range 50 {
				if err := verify(t.Context(), v.now.Add(time.Duration(i)*20*time.Second)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	all.Wait()
	if n := v.Asked(oidctest.Keys); n > 1+16*2 {
		t.Errorf("asked for keys %d times", n)
	}
}

// BenchmarkVerify is what a token costs whose provider's keys are remembered.
func BenchmarkVerify(b *testing.B) {
	issuer := oidctest.New(b)
	client, p, text := oidc.NewClient(oidc.Options{}), provider(issuer), issuer.Token(issuer.Claims("alice", "app", now))
	b.ReportAllocs()
	for b.Loop() {
		token, err := oidc.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		if err := client.Verify(b.Context(), p, token, now); err != nil {
			b.Fatal(err)
		}
	}
}
