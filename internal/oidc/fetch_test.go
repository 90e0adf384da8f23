package oidc_test

import (
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keywright/keywright/internal/oidc"
	"github.com/keywright/keywright/internal/oidc/oidctest"
)

// TestTrust checks by which certificates a provider is believed.
func TestTrust(t *testing.T) {
	issuer := oidctest.New(t)
	another := oidctest.New(t)
	claims := issuer.Claims("alice", "app", now)
	named := oidctest.NewNamed(t, "idp.example.com")
	for _, i := range []*oidctest.Issuer{named, another} {
		i.Answer(oidctest.Discovery, func(http.ResponseWriter, *http.Request) { t.Error("it was asked") })
	}
	for _, c := range []struct {
		name        string
		url         string
		roots       *x509.CertPool
		thumbprints []string
		want        string
	}{
		{"its thumbprint", issuer.URL, nil, []string{issuer.Thumbprint}, ""},
		{"the thumbprint of its own certificate", issuer.URL, nil, []string{issuer.Leaf}, ""},
		{"in capitals", issuer.URL, nil, []string{another.Thumbprint, strings.ToUpper(issuer.Thumbprint)}, ""},
		{"a root that the machine trusts", issuer.URL, issuer.Roots, []string{another.Thumbprint}, ""},
		{"neither", issuer.URL, another.Roots, []string{another.Thumbprint}, "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"},
		{"none", issuer.URL, nil, nil, "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"},
		{"a certificate for another name", named.URL, named.Roots, []string{named.Thumbprint}, "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"},
		{"a name that is not in the certificate", strings.Replace(another.URL, "127.0.0.1", "localhost", 1), another.Roots, []string{another.Thumbprint}, "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"},
		{"nobody there", "https://127.0.0.1:1", nil, []string{issuer.Thumbprint}, "The identity provider cannot be reached."},
	} {
		claims["iss"] = c.url
		token, err := oidc.Parse(issuer.Token(claims))
		if err != nil {
			t.Fatal(err)
		}
		err = oidc.NewClient(oidc.Options{Roots: c.roots}).Verify(t.Context(), oidc.Provider{URL: c.url, ClientIDs: []string{"app"}, Thumbprints: c.thumbprints}, token, now)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestSlowProvider checks that a provider that does not answer is given up.
func TestSlowProvider(t *testing.T) {
	issuer := oidctest.New(t)
	done := make(chan struct{})
	defer close(done)
	issuer.Answer(oidctest.Keys, func(http.ResponseWriter, *http.Request) { <-done })
	token, err := oidc.Parse(issuer.Token(issuer.Claims("alice", "app", now)))
	if err != nil {
		t.Fatal(err)
	}
	const timeout = 300 * time.Millisecond
	client := oidc.NewClient(oidc.Options{Timeout: timeout})
	// The second comes five seconds after the first, and less after he was given up.
	for _, at := range []time.Time{now, now.Add(5*time.Second + timeout/2)} {
		err = client.Verify(t.Context(), provider(issuer), token, at)
		if err == nil || !strings.Contains(err.Error(), "IDPCommunicationError") {
			t.Errorf("it was waited for: %v", err)
		}
	}
	if n := issuer.Asked(oidctest.Discovery); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestThumbprint(t *testing.T) {
	issuer := oidctest.New(t)
	client := oidc.NewClient(oidc.Options{})
	got, err := client.Thumbprint(t.Context(), issuer.URL+"/realms/a")
	if err != nil || got != issuer.Thumbprint {
		t.Errorf("%s instead of %s: %v", got, issuer.Thumbprint, err)
	}
	if issuer.Asked("/realms/a") != 0 {
		t.Error("it was sent a request")
	}
	for _, url := range []string{"https://127.0.0.1:1", "https://nobody.invalid"} {
		if got, err := client.Thumbprint(t.Context(), url); err == nil {
			t.Errorf("%s has thumbprint %s", url, got)
		}
	}
}
