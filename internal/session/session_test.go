package session_test

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/internal/session"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

const sessionPolicy = `{"Version":"2012-10-17","Statement":[{"Sid":"Home","Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],` +
	`"Resource":"arn:aws:s3:::my-company/home/David/*"},{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::my-company",` +
	`"Condition":{"StringLike":{"s3:prefix":["home/David/*"]}}}]}`

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newKeyring(t testing.TB) *secrets.Keyring {
	t.Helper()
	text, err := secrets.Generate()
	check(t, err)
	k, err := secrets.Parse(text)
	check(t, err)
	return k
}

func assumedRole() *session.Session {
	s := session.New(session.AssumedRole, "111111111111", now, time.Hour)
	s.RoleID, s.SessionName = secrets.NewID("AROA"), "David"
	return s
}

// plain has no method that hides what it holds.
type plain session.Session

func equal(t testing.TB, got, want *session.Session) {
	t.Helper()
	if diff := cmp.Diff((*plain)(want), (*plain)(got)); diff != "" {
		t.Errorf("another session (-sealed +opened):\n%s", diff)
	}
}

func TestNew(t *testing.T) {
	s := session.New(session.SessionToken, "111111111111", now.Add(time.Nanosecond), time.Hour)
	if !strings.HasPrefix(s.AccessKeyID, "ASIA") || len(s.AccessKeyID) != 20 || len(s.SecretAccessKey) != 40 {
		t.Errorf("key %s with a secret of %d characters", s.AccessKeyID, len(s.SecretAccessKey))
	}
	if !s.Issued.Equal(now) || !s.Expires.Equal(now.Add(time.Hour)) || s.Kind != session.SessionToken || s.AccountID != "111111111111" {
		t.Errorf("issued %v, expires %v", s.Issued, s.Expires)
	}
}

func TestRoundTrip(t *testing.T) {
	k := newKeyring(t)
	text := rapid.StringN(0, 60, 240)
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]session.Kind{session.AssumedRole, session.SessionToken, session.FederatedUser}).Draw(t, "kind")
		s := session.New(kind, "111111111111", now, time.Duration(rapid.IntRange(1, 129600).Draw(t, "seconds"))*time.Second)
		s.SessionName, s.Policy, s.SourceIdentity = "n"+text.Draw(t, "name"), text.Draw(t, "policy"), text.Draw(t, "source identity")
		if s.Chained = rapid.Bool().Draw(t, "chained"); kind == session.AssumedRole {
			s.RoleID = "AROAEXAMPLE"
			if rapid.Bool().Draw(t, "web identity") {
				s.WebIdentity = &session.WebIdentity{
					ProviderARN: "arn:aws:iam::111111111111:oidc-provider/" + "p" + text.Draw(t, "provider"),
					Subject:     "s" + text.Draw(t, "subject"), Audience: "a" + text.Draw(t, "audience"),
					Methods: rapid.SliceOfN(text, 1, 3).Draw(t, "methods"),
				}
			}
		} else {
			s.UserID = rapid.SampledFrom([]string{"", "AIDAEXAMPLE"}).Draw(t, "user")
			s.MultiFactorAuth = rapid.SampledFrom([]time.Time{{}, now}).Draw(t, "second factor")
		}
		for range rapid.IntRange(0, 3).Draw(t, "tags") {
			s.Tags = append(s.Tags, session.Tag{Key: text.Draw(t, "key"), Value: text.Draw(t, "value")})
			s.TransitiveTagKeys = append(s.TransitiveTagKeys, text.Draw(t, "transitive"))
			s.PolicyARNs = append(s.PolicyARNs, text.Draw(t, "arn"))
		}
		token, err := session.Seal(k, s)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(token) {
			t.Fatalf("a token that needs escaping: %s", token)
		}
		opened, err := session.Open(k, token)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff((*plain)(s), (*plain)(opened)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestSizes holds tokens to what they measure now: clients send one with every
// request.
func TestSizes(t *testing.T) {
	k := newKeyring(t)
	size := func(s *session.Session) int {
		t.Helper()
		token, err := session.Seal(k, s)
		check(t, err)
		return len(token)
	}
	bare := assumedRole()
	withPolicy := assumedRole()
	withPolicy.Policy = sessionPolicy
	if n := size(bare); n > 220 {
		t.Errorf("a bare session takes %d characters", n)
	}
	if n := size(withPolicy); n > 320 {
		t.Errorf("a session with a policy of %d characters takes %d", len(sessionPolicy), n)
	}

	// The most that policies may hold fits even when it does not compress.
	full := assumedRole()
	full.Policy = random(2048)
	for range 10 {
		full.PolicyARNs = append(full.PolicyARNs, random(204))
	}
	if n := size(full); n > session.MaxTokenLength {
		t.Errorf("policies at their limits take %d characters", n)
	}
	for i := range 50 {
		full.Tags = append(full.Tags, session.Tag{Key: fmt.Sprint(i), Value: random(256)})
	}
	if _, err := session.Seal(k, full); !errors.Is(err, session.ErrTooLarge) {
		t.Errorf("too much: %v", err)
	}
	full.Policy = random(70 << 10)
	if _, err := session.Seal(k, full); !errors.Is(err, session.ErrTooLarge) {
		t.Errorf("far too much: %v", err)
	}
}

func random(n int) string {
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(secrets.NewSecretAccessKey())
	}
	return b.String()[:n]
}

func TestIncomplete(t *testing.T) {
	k := newKeyring(t)
	for name, spoil := range map[string]func(*session.Session){
		"no kind":                         func(s *session.Session) { s.Kind = 0 },
		"an unknown kind":                 func(s *session.Session) { s.Kind = 4 },
		"no access key":                   func(s *session.Session) { s.AccessKeyID = "" },
		"no secret":                       func(s *session.Session) { s.SecretAccessKey = "" },
		"no account":                      func(s *session.Session) { s.AccountID = "" },
		"no duration":                     func(s *session.Session) { s.Expires = s.Issued },
		"no role":                         func(s *session.Session) { s.RoleID = "" },
		"no name":                         func(s *session.Session) { s.SessionName = "" },
		"a role and a user":               func(s *session.Session) { s.UserID = "AIDAEXAMPLE" },
		"a user with a role":              func(s *session.Session) { s.Kind = session.SessionToken },
		"a web identity without provider": func(s *session.Session) { s.WebIdentity = &session.WebIdentity{Subject: "s", Audience: "a"} },
		"a web identity without subject": func(s *session.Session) {
			s.WebIdentity = &session.WebIdentity{ProviderARN: "arn:aws:iam::111111111111:oidc-provider/p", Audience: "a"}
		},
		"a user with a web identity": func(s *session.Session) {
			s.Kind, s.RoleID = session.SessionToken, ""
			s.WebIdentity = &session.WebIdentity{ProviderARN: "arn:aws:iam::111111111111:oidc-provider/p", Subject: "s", Audience: "a"}
		},
		"federated with a role": func(s *session.Session) { s.Kind = session.FederatedUser },
	} {
		s := assumedRole()
		spoil(s)
		if _, err := session.Seal(k, s); err == nil || strings.Contains(err.Error(), assumedRole().SecretAccessKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	k := newKeyring(t)
	s := assumedRole()
	token, err := session.Seal(k, s)
	check(t, err)
	other, err := session.Seal(newKeyring(t), s)
	check(t, err)
	bad := map[string]string{
		"empty": "", "another key": other, "cut": token[:len(token)-1], "longer": token + "A", "padded": token + "=",
		"white space": token + "\n", "another version": "Ag" + token[2:], "only a version": "AQ", "too long": strings.Repeat("A", session.MaxTokenLength+1),
	}
	for i := range token {
		changed := []byte(token)
		changed[i] = 'A' + (changed[i]-'A'+1)%26
		bad[fmt.Sprintf("character %d", i)] = string(changed)
	}
	for name, text := range bad {
		if _, err := session.Open(k, text); !errors.Is(err, session.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	opened, err := session.Open(k, token)
	check(t, err)
	equal(t, opened, s)
}

// TestVersion1 opens a token of the first version: its encoding and dictionary
// never change.
func TestVersion1(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile("testdata/version1/" + name)
		check(t, err)
		return strings.TrimSpace(string(b))
	}
	k, err := secrets.Parse(read("keyset.json"))
	check(t, err)
	got, err := session.Open(k, read("token"))
	check(t, err)
	want := &session.Session{
		Kind: session.AssumedRole, AccessKeyID: "ASIAEXAMPLEEXAMPLE22", SecretAccessKey: "an example of a secret, and of no account",
		AccountID: "123456789012345678", Issued: now, Expires: now.Add(time.Hour), RoleID: "AROAEXAMPLE", SessionName: "David",
		SourceIdentity: "david@example.com", Policy: sessionPolicy, PolicyARNs: []string{"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"},
		Tags: []session.Tag{{Key: "Department", Value: "<é&>"}}, TransitiveTagKeys: []string{"Department"}, Chained: true,
	}
	equal(t, got, want)
}

func TestRedaction(t *testing.T) {
	s := assumedRole()
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "s", s)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "s", s)
	text, err := json.Marshal(s)
	check(t, err)
	all := log.String() + string(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		all += fmt.Sprintf(verb, s)
	}
	if strings.Contains(all, s.SecretAccessKey) || !strings.Contains(all, s.AccessKeyID) {
		t.Errorf("printed: %s", all)
	}
}

// clear is a Sealer that does not seal: it lets a fuzzer reach what is inside.
type clear struct{}

func (clear) Seal(plaintext, _ []byte) ([]byte, error) { return plaintext, nil }
func (clear) Open(sealed, _ []byte) ([]byte, error)    { return sealed, nil }

func TestUnpackingIsBounded(t *testing.T) {
	s := assumedRole()
	s.Policy = strings.Repeat("a", 40<<10) // compresses to nothing
	token, err := session.Seal(clear{}, s)
	check(t, err)
	opened, err := session.Open(clear{}, token)
	check(t, err)
	equal(t, opened, s)
	for name, text := range map[string]string{
		"a bomb": `{"p":"` + strings.Repeat("a", 10<<20) + `"}`, "no JSON": "session", "trailing data": "{} {}", "nothing": "",
	} {
		var packed bytes.Buffer
		packed.WriteByte(1) // the version
		w, err := flate.NewWriter(&packed, flate.BestCompression)
		check(t, err)
		_, err = w.Write([]byte(text))
		check(t, err)
		check(t, w.Close())
		for _, b := range [][]byte{packed.Bytes(), packed.Bytes()[:packed.Len()-1]} {
			if _, err := session.Open(clear{}, base64.RawURLEncoding.EncodeToString(b)); !errors.Is(err, session.ErrMalformed) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func FuzzOpen(f *testing.F) {
	k := newKeyring(f)
	for _, seal := range []session.Sealer{k, clear{}} {
		token, err := session.Seal(seal, assumedRole())
		check(f, err)
		f.Add(token)
	}
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := session.Open(k, token); !errors.Is(err, session.ErrMalformed) && err != nil {
			t.Errorf("sealed: %v", err)
		}
		s, err := session.Open(clear{}, token)
		if err != nil {
			if !errors.Is(err, session.ErrMalformed) {
				t.Errorf("clear: %v", err)
			}
			return
		}
		again, err := session.Seal(clear{}, s)
		if err != nil {
			return // it may be longer than the token that it came from
		}
		if s2, err := session.Open(clear{}, again); err != nil || !cmp.Equal((*plain)(s2), (*plain)(s)) {
			t.Errorf("opened, sealed and opened: %v, %v", s2, err)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	k := newKeyring(b)
	s := assumedRole()
	s.Policy = sessionPolicy
	token, err := session.Seal(k, s)
	check(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := session.Open(k, token); err != nil {
			b.Fatal(err)
		}
	}
}
