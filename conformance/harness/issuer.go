package harness

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"time"
)

// Issuer is an OpenID Connect provider: it publishes the key that it signs with,
// over TLS with a certificate that only its thumbprint vouches for.
type Issuer struct {
	URL        string
	Thumbprint string

	server *httptest.Server
	key    *rsa.PrivateKey
}

// NewIssuer starts an issuer, which keeps its certificate in dir.
func NewIssuer(dir string) (*Issuer, error) {
	c, err := NewCertificate(dir)
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, err
	}
	i := &Issuer{Thumbprint: c.Thumbprint()}
	if i.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, err
	}
	i.server = httptest.NewUnstartedServer(i)
	i.server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	i.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	i.server.StartTLS()
	i.URL = i.server.URL
	return i, nil
}

// Close stops the issuer.
func (i *Issuer) Close() { i.server.Close() }

// Thumbprint returns the SHA-1 of the certificate, in hex.
func (c *Certificate) Thumbprint() string {
	block, _ := pem.Decode(c.PEM)
	sum := sha1.Sum(block.Bytes)
	return hex.EncodeToString(sum[:])
}

// ServeHTTP publishes the issuer's configuration and its key.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		json.NewEncoder(w).Encode(map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys", "response_types_supported": []string{"id_token"},
			"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
		})
	case "/keys":
		json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]string{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": encode(i.key.N.Bytes()), "e": encode(big.NewInt(int64(i.key.E)).Bytes()),
		}}})
	default:
		http.NotFound(w, r)
	}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Token returns a token for somebody, good for an hour. more are further claims,
// or others in the place of the usual.
func (i *Issuer) Token(subject, audience string, more map[string]any) (string, error) {
	now := time.Now()
	claims := map[string]any{"iss": i.URL, "sub": subject, "aud": audience, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	maps.Copy(claims, more)
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	input := encode([]byte(`{"alg":"RS256","kid":"1","typ":"JWT"}`)) + "." + encode(payload)
	sum := sha256.Sum256([]byte(input))
	signature, err := i.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return "", err
	}
	return input + "." + encode(signature), nil
}
