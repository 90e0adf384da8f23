// Package oidctest is an OpenID Connect provider for tests: it publishes its
// keys over TLS, with a certificate of an authority of its own, and signs
// whatever it is given. It is told to rotate, to fail and to lie.
package oidctest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Issuer is a provider that runs until its test ends.
type Issuer struct {
	URL        string
	Thumbprint string         // of its certificate authority
	Leaf       string         // the thumbprint of its own certificate
	Roots      *x509.CertPool // its certificate authority

	t      testing.TB
	mutex  sync.Mutex
	keys   map[string]crypto.Signer // by kid
	order  []string                 // of kids, as published
	answer map[string]http.HandlerFunc
	asked  map[string]int
}

// The paths of what an issuer publishes.
const (
	Discovery = "/.well-known/openid-configuration"
	Keys      = "/keys"
)

// New starts an issuer whose keys are "rsa", of RSA, and "ec", of P-256.
func New(t testing.TB) *Issuer {
	t.Helper()
	return start(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
}

// NewNamed starts an issuer whose certificate is good for names only, among which
// is not that of its URL. Who gets to it by another URL meets an issuer of that.
func NewNamed(t testing.TB, names ...string) *Issuer {
	t.Helper()
	return start(t, &x509.Certificate{DNSNames: names})
}

// Dial connects to the issuer, whatever address it is given.
func (i *Issuer) Dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(i.URL, "https://"))
}

// start starts an issuer whose certificate has the names of another.
func start(t testing.TB, names *x509.Certificate) *Issuer {
	t.Helper()
	i := &Issuer{t: t, keys: map[string]crypto.Signer{}, answer: map[string]http.HandlerFunc{}, asked: map[string]int{}}
	server := httptest.NewUnstartedServer(i)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{i.certify(names)}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it
	server.StartTLS()
	t.Cleanup(server.Close)
	i.URL = server.URL
	i.Add("rsa", RSA(t))
	i.Add("ec", EC(t, elliptic.P256()))
	return i
}

// RSA returns a key of 2,048 bits.
func RSA(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// EC returns a key on a curve.
func EC(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// certify makes the authority and the server's certificate, with both in the
// chain.
func (i *Issuer) certify(names *x509.Certificate) tls.Certificate {
	authority, server := EC(i.t, elliptic.P256()), EC(i.t, elliptic.P256())
	of := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), BasicConstraintsValid: true,
		}
	}
	top, leaf := of(1, "authority"), of(2, "issuer")
	top.IsCA, top.KeyUsage = true, x509.KeyUsageCertSign
	leaf.IPAddresses, leaf.DNSNames = names.IPAddresses, names.DNSNames
	topDER, err := x509.CreateCertificate(rand.Reader, top, top, authority.Public(), authority)
	if err != nil {
		i.t.Fatal(err)
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, top, server.Public(), authority)
	if err != nil {
		i.t.Fatal(err)
	}
	i.Thumbprint, i.Leaf, i.Roots = thumbprint(topDER), thumbprint(leafDER), x509.NewCertPool()
	parsed, err := x509.ParseCertificate(topDER)
	if err != nil {
		i.t.Fatal(err)
	}
	i.Roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{leafDER, topDER}, PrivateKey: server}
}

func thumbprint(der []byte) string {
	sum := sha1.Sum(der)
	return hex.EncodeToString(sum[:])
}

// Add publishes a key, in place of the one with the same kid.
func (i *Issuer) Add(kid string, key crypto.Signer) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if i.keys[kid] == nil {
		i.order = append(i.order, kid)
	}
	i.keys[kid] = key
}

// Remove publishes a key no more.
func (i *Issuer) Remove(kid string) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	delete(i.keys, kid)
}

// Key returns a key that is published.
func (i *Issuer) Key(kid string) crypto.Signer {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return i.keys[kid]
}

// Answer has a path answered by f from now on; nil is as before.
func (i *Issuer) Answer(path string, f http.HandlerFunc) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.answer[path] = f
}

// Asked returns how often a path was asked for.
func (i *Issuer) Asked(path string) int {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return i.asked[path]
}

// ServeHTTP answers as the provider.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mutex.Lock()
	i.asked[r.URL.Path]++
	answer := i.answer[r.URL.Path]
	i.mutex.Unlock()
	path, discovery := strings.CutSuffix(r.URL.Path, Discovery)
	switch {
	case answer != nil:
		answer(w, r)
	case discovery:
		url := "https://" + r.Host + path
		i.write(w, map[string]any{"issuer": url, "jwks_uri": url + Keys})
	case strings.HasSuffix(r.URL.Path, Keys):
		i.write(w, map[string]any{"keys": i.published()})
	default:
		http.NotFound(w, r)
	}
}

func (i *Issuer) write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		i.t.Error(err)
	}
}

func (i *Issuer) published() []map[string]string {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	keys := []map[string]string{}
	for _, kid := range i.order {
		if k := i.keys[kid]; k != nil {
			keys = append(keys, JWK(kid, k))
		}
	}
	return keys
}

// JWK returns a public key as issuers publish it.
func JWK(kid string, key crypto.Signer) map[string]string {
	switch k := key.Public().(type) {
	case *rsa.PublicKey:
		return map[string]string{"kty": "RSA", "use": "sig", "kid": kid, "n": encode(k.N.Bytes()), "e": encode(big.NewInt(int64(k.E)).Bytes())}
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 4, and both coordinates in full length
		if err != nil {
			return nil
		}
		half := len(point) / 2
		return map[string]string{
			"kty": "EC", "use": "sig", "kid": kid, "crv": k.Curve.Params().Name,
			"x": encode(point[1 : 1+half]), "y": encode(point[1+half:]),
		}
	}
	return nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Claims returns what an ID token says at least.
func (i *Issuer) Claims(subject, audience string, now time.Time) map[string]any {
	return map[string]any{"iss": i.URL, "sub": subject, "aud": audience, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
}

// Token returns a token with claims, signed with the key "rsa".
func (i *Issuer) Token(claims map[string]any) string {
	i.t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		i.t.Fatal(err)
	}
	return Sign(i.t, `{"alg":"RS256","kid":"rsa","typ":"JWT"}`, string(payload), "RS256", i.Key("rsa"))
}

var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

// Sign returns a token of a header and a payload, which may be anything, signed
// with an algorithm, whatever the header says. HS256 uses the public key as
// its secret, in DER; none leaves the signature out.
func Sign(t testing.TB, header, payload, algorithm string, key crypto.Signer) string {
	t.Helper()
	input := encode([]byte(header)) + "." + encode([]byte(payload))
	if algorithm == "none" {
		return input + "."
	}
	if algorithm == "HS256" {
		secret, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		return input + "." + encode(mac.Sum(nil))
	}
	hash := hashes[algorithm[2:]]
	h := hash.New()
	h.Write([]byte(input))
	var signature []byte
	var err error
	switch k := key.(type) {
	case *rsa.PrivateKey:
		var options crypto.SignerOpts = hash
		if strings.HasPrefix(algorithm, "PS") {
			options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
		}
		signature, err = k.Sign(rand.Reader, h.Sum(nil), options)
	case *ecdsa.PrivateKey:
		var r, s *big.Int
		if r, s, err = ecdsa.Sign(rand.Reader, k, h.Sum(nil)); err == nil {
			size := (k.Curve.Params().BitSize + 7) / 8
			signature = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(signature)
}
