package oidc_test

import (
	"crypto"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/oidc"
	"github.com/keywright/keywright/internal/oidc/oidctest"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 678, time.UTC)

func provider(i *oidctest.Issuer) oidc.Provider {
	return oidc.Provider{URL: i.URL, ClientIDs: []string{"app", "other"}, Thumbprints: []string{i.Thumbprint}}
}

// tokenCase is a case of testdata/tokens.txt.
type tokenCase struct{ name, header, claims, algorithm, key, want string }

var (
	times   = regexp.MustCompile(`\$now([+-][0-9]+)`)
	repeats = regexp.MustCompile(`\$\((.)\*([0-9]+)\)`)
)

func expand(text, issuer, stranger string) string {
	text = strings.NewReplacer("$iss", issuer, "$stranger", stranger).Replace(text)
	text = times.ReplaceAllStringFunc(text, func(s string) string {
		n, _ := strconv.Atoi(times.FindStringSubmatch(s)[1])
		return strconv.FormatInt(now.Unix()+int64(n), 10)
	})
	return repeats.ReplaceAllStringFunc(text, func(s string) string {
		m := repeats.FindStringSubmatch(s)
		n, _ := strconv.Atoi(m[2])
		return strings.Repeat(m[1], n)
	})
}

func tokenCases(t testing.TB) (cases []tokenCase) {
	t.Helper()
	data, err := os.ReadFile("testdata/tokens.txt")
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(string(data), "\n") {
		word, rest, _ := strings.Cut(line, " ")
		if word == "case" {
			cases = append(cases, tokenCase{name: rest, header: `{"alg":"RS256","kid":"rsa"}`, algorithm: "RS256", key: "rsa"})
		}
		if word == "" || word == "#" || word == "case" {
			continue
		}
		switch c := &cases[len(cases)-1]; word {
		case "header":
			c.header = rest
		case "claims":
			c.claims = rest
		case "sign":
			c.algorithm, c.key, _ = strings.Cut(rest, " ")
		case "=":
			c.want = rest
		default:
			t.Fatalf("testdata/tokens.txt:%d: %s", n+1, line)
		}
	}
	return cases
}

// said is what a token says, as the cases write it.
func said(t *oidc.Token) string {
	var words []string
	for _, c := range t.Claims("idp.example.com") {
		words = append(words, c.Key+"="+strings.Join(c.Values, ","))
	}
	slices.SortStableFunc(words, func(a, b string) int { return order(a) - order(b) })
	var tags []string
	for _, tag := range t.Tags {
		tags = append(tags, tag.Key+":"+tag.Value)
	}
	if tags != nil {
		words = append(words, "tags="+strings.Join(tags, ","))
	}
	if t.Transitive != nil {
		words = append(words, "transitive="+strings.Join(t.Transitive, ","))
	}
	if t.Source != "" {
		words = append(words, "source="+t.Source)
	}
	return strings.Join(words, " ")
}

func order(word string) int {
	key, _, _ := strings.Cut(word, "=")
	return slices.Index([]string{"sub", "aud", "oaud", "amr", "email"}, key)
}

func TestTokens(t *testing.T) {
	issuer := oidctest.New(t)
	issuer.Add("p384", oidctest.EC(t, elliptic.P384()))
	issuer.Add("p521", oidctest.EC(t, elliptic.P521()))
	stranger := oidctest.RSA(t)
	jwk, err := json.Marshal(oidctest.JWK("rsa", stranger))
	if err != nil {
		t.Fatal(err)
	}
	cases := tokenCases(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var key crypto.Signer = stranger
			if c.key != "stranger" {
				key = issuer.Key(c.key)
			}
			of := func(text string) string { return expand(text, issuer.URL, string(jwk)) }
			text := oidctest.Sign(t, of(c.header), of(c.claims), c.algorithm, key)
			got := outcome(t, provider(issuer), text)
			if want := of(c.want); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
	if len(cases) < 60 {
		t.Errorf("only %d cases", len(cases))
	}
}

// outcome is what a client that knows nothing yet makes of a token.
func outcome(t *testing.T, p oidc.Provider, text string) string {
	token, err := oidc.Parse(text)
	if err == nil {
		err = oidc.NewClient(oidc.Options{}).Verify(t.Context(), p, token, now)
	}
	var e *awserr.Error
	switch {
	case errors.As(err, &e):
		return e.Code + ": " + e.Message
	case err != nil:
		return err.Error()
	}
	return said(token)
}

// TestForms checks texts that are no token at all.
func TestForms(t *testing.T) {
	issuer := oidctest.New(t)
	good := issuer.Token(issuer.Claims("alice", "app", now))
	parts := strings.Split(good, ".")
	for name, text := range map[string]string{
		"empty": "", "one part": parts[0], "two parts": parts[0] + "." + parts[1], "four parts": good + "." + parts[2],
		"white space": good + "\n", "padding": parts[0] + "=." + parts[1] + "." + parts[2], "standard base64": parts[0] + ".+/." + parts[2],
		"in JSON":       `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"no header":     "." + parts[1] + "." + parts[2],
		"no payload":    parts[0] + ".." + parts[2],
		"not UTF-8":     oidctest.Sign(t, `{"alg":"RS256","kid":"rsa"}`, "{\"sub\":\"\xff\"}", "RS256", issuer.Key("rsa")),
		"an encryption": strings.Repeat("eyJhbGciOiJkaXIifQ.", 4) + "AA",
	} {
		if _, err := oidc.Parse(text); !errors.Is(err, oidc.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := outcome(t, provider(issuer), good); got != "sub=alice aud=app oaud=app" {
		t.Errorf("a good one: %s", got)
	}
	for i := range parts { // every part counts
		changed := slices.Clone(parts)
		changed[i] = changed[i][:len(changed[i])-4] + "AAAA"
		if got := outcome(t, provider(issuer), strings.Join(changed, ".")); !strings.HasPrefix(got, "InvalidIdentityToken: ") {
			t.Errorf("part %d changed: %s", i, got)
		}
	}
}

// TestListedClaims checks the keys that AWS lists for some providers.
func TestListedClaims(t *testing.T) {
	issuer := oidctest.New(t)
	claims := issuer.Claims("alice", "app", now)
	claims["repository"], claims["actor_id"], claims["ref"] = "o/r", 7, []string{"a", "b"}
	claims["google"] = map[string]any{"organization_number": 12}
	claims["project_id"] = "not GitHub's"
	claims["SourceIp"], claims["SecureTransport"], claims["ExternalId"] = "10.0.0.1", true, "secret"
	token, err := oidc.Parse(issuer.Token(claims))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"token.actions.githubusercontent.com": "actor_id=7 repository=o/r",
		"accounts.google.com":                 "google/organization_number=12",
		"idp.example.com":                     "",
		"aws":                                 "",
		"sts":                                 "",
	} {
		var got []string
		for _, c := range token.Claims(name) {
			if order(c.Key) < 0 {
				got = append(got, c.Key+"="+strings.Join(c.Values, ","))
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// FuzzParse looks for tokens that break the reading of them, or that are read as
// something that no provider has signed.
func FuzzParse(f *testing.F) {
	issuer := oidctest.New(f)
	for _, c := range tokenCases(f) {
		f.Add(expand(c.header, issuer.URL, "{}"), expand(c.claims, issuer.URL, "{}"))
	}
	client := oidc.NewClient(oidc.Options{})
	key, stranger := issuer.Key("rsa"), oidctest.EC(f, elliptic.P256())
	f.Fuzz(func(t *testing.T, header, claims string) {
		for _, text := range []string{header, header + "." + claims + ".AA"} {
			if _, err := oidc.Parse(text); err != nil && !errors.Is(err, oidc.ErrInvalid) {
				t.Fatal(err)
			}
		}
		forged, err := oidc.Parse(oidctest.Sign(t, header, claims, "ES256", stranger))
		if err != nil {
			if !errors.Is(err, oidc.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		if client.Verify(t.Context(), provider(issuer), forged, now) == nil {
			t.Fatalf("a stranger's signature: %s %s", header, claims)
		}
		token, err := oidc.Parse(oidctest.Sign(t, header, claims, "RS256", key))
		if err != nil || client.Verify(t.Context(), provider(issuer), token, now) != nil {
			return
		}
		if token.Subject == "" || token.Issuer != issuer.URL || !slices.Contains([]string{"app", "other"}, token.Audience) || !now.Before(token.Expires) {
			t.Fatalf("verified: %s", said(token))
		}
	})
}
