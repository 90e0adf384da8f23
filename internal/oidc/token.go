package oidc

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/keywright/keywright/internal/awserr"
)

// The errors of tokens and of the providers that they come from
// ("AssumeRoleWithWebIdentity", AWS STS API Reference).
var (
	ErrInvalid       = awserr.New("InvalidIdentityToken", http.StatusBadRequest, "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	ErrExpired       = awserr.New("ExpiredTokenException", http.StatusBadRequest, "Token expired")
	ErrCommunication = awserr.New("IDPCommunicationError", http.StatusBadRequest, "The identity provider cannot be reached.")
)

// algorithms are those that AWS takes. There is none among them that anybody
// could sign with who knows only the public key.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}

const (
	maxToken   = 20000 // characters
	maxIssuer  = 255
	maxSubject = 255
	maxTagged  = 50

	// clockSkew is how far ahead a provider's clock may be: a token that is used
	// at once must not be one of the future.
	clockSkew = 5 * time.Minute
)

// Token is a token that has the form of one. Until Client.Verify returns it,
// anybody may have written it.
type Token struct {
	Issuer     string // the URL of the provider
	Subject    string
	Audience   string   // whom it is for: azp, or the first of aud
	Audiences  []string // aud
	Party      string   // azp, or ""
	Methods    []string // amr
	Email      string
	Issued     time.Time
	Expires    time.Time
	NotBefore  time.Time // zero for none
	Tags       []Tag     // session tags
	Transitive []string  // the keys of those that are transitive
	Source     string    // source identity, or ""

	claims map[string]json.RawMessage
	signed *jose.JSONWebSignature
}

// Tag is a session tag. It is the type of the directory's tags too.
type Tag = struct{ Key, Value string }

// Parse reads a token. It fails with ErrInvalid unless it is a JSON Web Token
// that is signed once, with one of the algorithms that AWS takes, and has the
// claims iss, sub, aud, iat and exp.
func Parse(text string) (*Token, error) {
	if len(text) > maxToken || strings.ContainsFunc(text, notInToken) {
		return nil, ErrInvalid
	}
	signed, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil {
		return nil, ErrInvalid.WithCause(err)
	}
	// What a header calls critical changes how the token is to be read.
	if _, critical := signed.Signatures[0].Protected.ExtraHeaders["crit"]; critical {
		return nil, ErrInvalid.WithCause(errors.New("a header that must be understood"))
	}
	t := &Token{signed: signed}
	payload := signed.UnsafePayloadWithoutVerification()
	if !utf8.Valid(payload) || !bytes.HasPrefix(bytes.TrimLeft(payload, " \t\r\n"), []byte("{")) {
		return nil, ErrInvalid
	}
	if err := json.Unmarshal(payload, &t.claims); err != nil {
		return nil, ErrInvalid.WithCause(err)
	}
	if err := t.read(); err != nil {
		return nil, err
	}
	return t, nil
}

// notInToken reports whether a character cannot be part of a token.
func notInToken(r rune) bool {
	return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-' && r != '_' && r != '.'
}

// read fills in the fields from the claims.
func (t *Token) read() error {
	for _, name := range []string{"iss", "sub", "aud", "iat", "exp"} {
		if !t.has(name) {
			return ErrInvalid.WithMessage("Missing a required claim: %s", name)
		}
	}
	err := errors.Join(
		t.text("iss", &t.Issuer), t.text("sub", &t.Subject), t.text("azp", &t.Party), t.text("email", &t.Email),
		t.texts("aud", &t.Audiences), t.texts("amr", &t.Methods),
		t.time("iat", &t.Issued), t.time("exp", &t.Expires), t.time("nbf", &t.NotBefore),
	)
	switch {
	case err != nil:
		return ErrInvalid.WithCause(err)
	case len(t.Issuer) > maxIssuer:
		return ErrInvalid.WithMessage("The claim iss is longer than %d characters", maxIssuer)
	case t.Subject == "" || len(t.Subject) > maxSubject:
		return ErrInvalid.WithMessage("The claim sub must have 1 to %d characters", maxSubject)
	case len(t.Audiences) == 0:
		return ErrInvalid.WithMessage("Missing a required claim: aud")
	}
	if t.Audience = t.Party; t.Party == "" {
		t.Audience = t.Audiences[0]
	}
	return t.readSession()
}

func (t *Token) has(claim string) bool {
	raw, ok := t.claims[claim]
	return ok && string(raw) != "null"
}

// text reads a claim that is a string, if there is one.
func (t *Token) text(claim string, into *string) error {
	if !t.has(claim) {
		return nil
	}
	if err := json.Unmarshal(t.claims[claim], into); err != nil {
		return fmt.Errorf("claim %s: %w", claim, err)
	}
	return nil
}

// texts reads a claim that is a string or a list of strings, if there is one.
func (t *Token) texts(claim string, into *[]string) error {
	if !t.has(claim) {
		return nil
	}
	var one string
	if json.Unmarshal(t.claims[claim], &one) == nil {
		*into = []string{one}
		return nil
	}
	if err := json.Unmarshal(t.claims[claim], into); err != nil {
		return fmt.Errorf("claim %s: %w", claim, err)
	}
	return nil
}

// time reads a claim that is a time, if there is one: whole seconds since 1970,
// since AWS takes no other form.
func (t *Token) time(claim string, into *time.Time) error {
	if !t.has(claim) {
		return nil
	}
	seconds, err := strconv.ParseInt(string(t.claims[claim]), 10, 64)
	if err != nil || seconds < 0 || seconds > maxSeconds {
		return fmt.Errorf("claim %s is not a number of seconds", claim)
	}
	*into = time.Unix(seconds, 0).UTC()
	return nil
}

// maxSeconds is the last second of the year 9999.
const maxSeconds = 253402300799

// check refuses a token that is not for a provider's clients, or not of this
// time.
func (t *Token) check(p Provider, now time.Time) error {
	switch {
	case t.Issuer != p.URL:
		return ErrInvalid.WithMessage("The issuer of the ID Token is not %s", p.URL)
	case !now.Before(t.Expires):
		return ErrExpired.WithMessage("Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), t.Expires.Unix())
	case t.Issued.After(now.Add(clockSkew)) || t.NotBefore.After(now.Add(clockSkew)):
		return ErrInvalid.WithMessage("The ID Token is not valid yet")
	}
	if t.Party == "" { // the first one that the provider has, when there are more
		i := slices.IndexFunc(t.Audiences, func(a string) bool { return slices.Contains(p.ClientIDs, a) })
		t.Audience = t.Audiences[max(i, 0)]
	}
	if !slices.Contains(p.ClientIDs, t.Audience) {
		return ErrInvalid.WithMessage("Incorrect token audience")
	}
	return nil
}
