package encodedmessage_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keywright/keywright/internal/encodedmessage"
	"github.com/keywright/keywright/internal/secrets"
)

const account = "123456789012"

func newKeyring(t testing.TB) *secrets.Keyring {
	t.Helper()
	text, err := secrets.Generate()
	if err != nil {
		t.Fatal(err)
	}
	k, err := secrets.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func message() encodedmessage.Message {
	return encodedmessage.Message{
		ExplicitDeny: true,
		MatchedStatements: encodedmessage.List(encodedmessage.Statement{
			StatementID: "No", Effect: "DENY", Principals: encodedmessage.Values("AIDAEXAMPLE"), PrincipalGroups: encodedmessage.Values(),
			Actions: encodedmessage.Values("s3:*"), Resources: encodedmessage.Values("*"),
			Conditions: encodedmessage.List(encodedmessage.Condition{Key: "aws:SecureTransport", Values: encodedmessage.Values("false")}),
		}),
		Failures: encodedmessage.Values(),
		Context: encodedmessage.Context{
			Principal: encodedmessage.Principal{ID: "AIDAEXAMPLE", Name: "Bob", ARN: "arn:aws:iam::123456789012:user/Bob"},
			Action:    "s3:GetObject", Resource: "arn:aws:s3:::b/<&>",
			Conditions: encodedmessage.List(encodedmessage.Condition{Key: "aws:UserAgent", Values: encodedmessage.Values("curl")}),
		},
	}
}

const documented = `{"allowed":false,"explicitDeny":true,"matchedStatements":{"items":[{"statementId":"No","effect":"DENY",` +
	`"principals":{"items":[{"value":"AIDAEXAMPLE"}]},"principalGroups":{"items":[]},"actions":{"items":[{"value":"s3:*"}]},` +
	`"resources":{"items":[{"value":"*"}]},"conditions":{"items":[{"key":"aws:SecureTransport","values":{"items":[{"value":"false"}]}}]}}]},` +
	`"failures":{"items":[]},"context":{"principal":{"id":"AIDAEXAMPLE","name":"Bob","arn":"arn:aws:iam::123456789012:user/Bob"},` +
	`"action":"s3:GetObject","resource":"arn:aws:s3:::b/<&>","conditions":{"items":[{"key":"aws:UserAgent","values":{"items":[{"value":"curl"}]}}]}}}`

// TestRoundTrip has the shape that AWS's messages have.
func TestRoundTrip(t *testing.T) {
	k := newKeyring(t)
	text, err := encodedmessage.Encode(k, account, message())
	if err != nil || !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(text) {
		t.Fatalf("%s, %v", text, err)
	}
	got, err := encodedmessage.Decode(k, account, text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(documented, got); diff != "" {
		t.Error(diff)
	}
}

func TestInvalid(t *testing.T) {
	k := newKeyring(t)
	text, err := encodedmessage.Encode(k, account, message())
	if err != nil {
		t.Fatal(err)
	}
	token, err := k.Seal([]byte("x"), []byte("keywright session token 1"))
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"empty": "", "text": "hello there", "cut": text[:len(text)-2], "longer": text + "AA", "a space": text + " ", "another's": string(token),
		"too long": strings.Repeat("A", encodedmessage.MaxLength+1), "changed": "AAAA" + text[4:], "a line": text[:8] + "\n" + text[8:],
	} {
		if got, err := encodedmessage.Decode(k, account, bad); !errors.Is(err, encodedmessage.ErrInvalid) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := encodedmessage.Decode(k, "999999999999", text); !errors.Is(err, encodedmessage.ErrInvalid) {
		t.Errorf("another account decodes it: %v", err)
	}
	if _, err := encodedmessage.Decode(newKeyring(t), account, text); !errors.Is(err, encodedmessage.ErrInvalid) {
		t.Errorf("another key decodes it: %v", err)
	}
}

// TestBounded encodes more than there is room for: who asked for what stays.
func TestBounded(t *testing.T) {
	k := newKeyring(t)
	decoded := func(m encodedmessage.Message) (got encodedmessage.Message) {
		t.Helper()
		text, err := encodedmessage.Encode(k, account, m)
		if err != nil || len(text) > encodedmessage.MaxLength {
			t.Fatalf("%d characters, %v", len(text), err)
		}
		plain, err := encodedmessage.Decode(k, account, text)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(plain), &got); err != nil {
			t.Fatal(err)
		}
		if got.Context.Principal != m.Context.Principal || got.Context.Resource != m.Context.Resource || got.ExplicitDeny != m.ExplicitDeny {
			t.Fatalf("the message is %+v", got)
		}
		return got
	}
	long := message()
	long.Context.Conditions.Items[0].Values = encodedmessage.Values(strings.Repeat("ü", 300))
	if got := decoded(long).Context.Conditions.Items[0].Values.Items[0].Value; got != strings.Repeat("ü", 255)+"…" {
		t.Errorf("a long value is %q", got)
	}
	many := message()
	for i := range 500 {
		many.Context.Conditions.Items = append(many.Context.Conditions.Items,
			encodedmessage.Condition{Key: fmt.Sprint("aws:PrincipalTag/", i), Values: encodedmessage.Values(secrets.NewSecretAccessKey())})
	}
	if got := decoded(many); len(got.Context.Conditions.Items) == 0 || len(got.Context.Conditions.Items) > 250 || len(got.MatchedStatements.Items) != 1 {
		t.Errorf("%d conditions and %d statements are left", len(got.Context.Conditions.Items), len(got.MatchedStatements.Items))
	}
	for range 500 {
		many.MatchedStatements.Items[0].Resources.Items = append(many.MatchedStatements.Items[0].Resources.Items, encodedmessage.Value{Value: secrets.NewSecretAccessKey()})
	}
	if got := decoded(many); len(got.MatchedStatements.Items) != 0 {
		t.Errorf("%d statements are left", len(got.MatchedStatements.Items))
	}
}

func FuzzDecode(f *testing.F) {
	k := newKeyring(f)
	text, err := encodedmessage.Encode(k, account, message())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", text, text[:20], "===="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		plain, err := encodedmessage.Decode(k, account, given)
		if err == nil && (given != text || plain != documented) || err != nil && !errors.Is(err, encodedmessage.ErrInvalid) {
			t.Errorf("%q decodes to %q, %v", given, plain, err)
		}
	})
}
