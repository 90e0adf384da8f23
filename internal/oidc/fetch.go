package oidc

import (
	"context"
	"crypto/sha1" // of which AWS's thumbprints are
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// Provider is an identity provider as an account trusts it.
type Provider struct {
	URL         string // https://..., the issuer of its tokens
	ClientIDs   []string
	Thumbprints []string // SHA-1 of certificates, in hex
}

// The most that is read of what a provider publishes, in bytes, and how long it
// may take.
const (
	maxDocument    = 1 << 20
	defaultTimeout = 5 * time.Second
)

// Options configure a Client. The zero value is good.
type Options struct {
	Roots   *x509.CertPool // who certifies providers; nil is whom the machine trusts
	Timeout time.Duration  // for each document; 0 is 5 s
	Dial    Dial           // nil is the network's
}

// Dial connects to an address, as net.Dialer.DialContext does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Client asks providers for their keys, and remembers them. It is safe for
// concurrent use.
type Client struct {
	roots   *x509.CertPool
	timeout time.Duration
	dial    Dial
	cache   cache
}

// NewClient returns a client that remembers nothing yet.
func NewClient(o Options) *Client {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	return &Client{roots: o.Roots, timeout: o.Timeout, dial: o.Dial}
}

// errThumbprint is in AWS's words for a certificate that nobody vouches for.
var errThumbprint = ErrInvalid.WithMessage("OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint")

// fetchKeys asks a provider where its keys are, and for them. It fails with
// ErrCommunication when it cannot be reached, and with ErrInvalid when what it
// says is of no use.
func (c *Client) fetchKeys(ctx context.Context, p Provider) (*keySet, error) {
	data, err := c.get(ctx, p, strings.TrimSuffix(p.URL, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return nil, err
	}
	var discovery struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(data, &discovery); err != nil {
		return nil, errNoKey.WithCause(err)
	}
	if discovery.Issuer != p.URL {
		return nil, errNoKey.WithCause(fmt.Errorf("the provider calls itself %q", discovery.Issuer))
	}
	if u, err := url.Parse(discovery.Keys); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, errNoKey.WithCause(fmt.Errorf("its jwks_uri is %q", discovery.Keys))
	}
	if data, err = c.get(ctx, p, discovery.Keys); err != nil {
		return nil, err
	}
	keys, err := parseKeys(data)
	if err != nil {
		return nil, errNoKey.WithCause(err)
	}
	return keys, nil
}

// get returns the document at a URL. A client that goes away does not end it:
// others wait for it too.
func (c *Client) get(ctx context.Context, p Provider, from string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, errNoKey.WithCause(err)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "Keywright")
	client := c.http(func(s tls.ConnectionState) error { return c.trust(r.URL.Hostname(), s.PeerCertificates, p.Thumbprints) })
	defer client.CloseIdleConnections()
	answer, err := client.Do(r)
	if err != nil {
		var untrusted *untrustedError
		if errors.As(err, &untrusted) {
			return nil, errThumbprint.WithCause(err)
		}
		return nil, ErrCommunication.WithCause(err)
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode >= 500:
		return nil, ErrCommunication.WithCause(fmt.Errorf("%s: %s", from, answer.Status))
	case answer.StatusCode != http.StatusOK:
		return nil, errNoKey.WithCause(fmt.Errorf("%s: %s", from, answer.Status))
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	if err != nil {
		return nil, ErrCommunication.WithCause(err)
	}
	if len(data) > maxDocument {
		return nil, errNoKey.WithCause(fmt.Errorf("%s is longer than %d bytes", from, maxDocument))
	}
	return data, nil
}

// http returns a client that speaks with whom a function believes by his
// certificate, and goes only where it is sent.
func (c *Client) http(believe func(tls.ConnectionState) error) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            c.dial,
			TLSHandshakeTimeout:    c.timeout,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
			TLSClientConfig: &tls.Config{
				MinVersion:         tls.VersionTLS12,
				InsecureSkipVerify: true, // VerifyConnection does it
				VerifyConnection:   believe,
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type untrustedError struct{ cause error }

// Error says why the certificate is not trusted.
func (e *untrustedError) Error() string { return "the certificate is not trusted: " + e.cause.Error() }

// Unwrap returns what the verification failed with.
func (e *untrustedError) Unwrap() error { return e.cause }

// trust reports an error unless a server's certificate is good for its name, and
// issued by somebody whom the machine trusts, or else by the holder of a
// certificate with one of the thumbprints ("Obtain the thumbprint for an OpenID
// Connect identity provider", IAM User Guide).
func (c *Client) trust(host string, chain []*x509.Certificate, thumbprints []string) error {
	if len(chain) == 0 {
		return &untrustedError{errors.New("there is none")}
	}
	leaf, above := chain[0], x509.NewCertPool()
	for _, certificate := range chain[1:] {
		above.AddCert(certificate)
	}
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: c.roots, Intermediates: above})
	if err == nil {
		return nil
	}
	for _, certificate := range chain {
		if !slices.ContainsFunc(thumbprints, func(t string) bool { return strings.EqualFold(t, thumbprint(certificate)) }) {
			continue
		}
		pinned := x509.NewCertPool()
		pinned.AddCert(certificate)
		if _, err = leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: pinned, Intermediates: above}); err == nil {
			return nil
		}
	}
	return &untrustedError{err}
}

func thumbprint(c *x509.Certificate) string {
	sum := sha1.Sum(c.Raw)
	return hex.EncodeToString(sum[:])
}

// errSeen ends a handshake whose certificates were all that was wanted.
var errSeen = errors.New("the certificates are known")

// Thumbprint returns the thumbprint of the last certificate that the server of a
// provider's URL presents, which is that of its top certificate authority. It
// believes whoever answers, as AWS does when it is told none, and sends him
// nothing. It fails when nobody answers.
func (c *Client) Thumbprint(ctx context.Context, providerURL string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, providerURL, nil)
	if err != nil {
		return "", err
	}
	var chain []*x509.Certificate
	client := c.http(func(s tls.ConnectionState) error {
		chain = s.PeerCertificates
		return errSeen
	})
	answer, err := client.Do(r)
	switch {
	case err == nil:
		answer.Body.Close()
		return "", errors.New("the server does not speak TLS")
	case !errors.Is(err, errSeen) || len(chain) == 0:
		return "", err
	}
	return thumbprint(chain[len(chain)-1]), nil
}
