package access_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keywright/keywright/internal/access"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/encodedmessage"
	"github.com/keywright/keywright/internal/session"
	"github.com/keywright/keywright/internal/sigv4"
	"github.com/keywright/keywright/policy/condition"
)

// message returns the message of a denial as the caller's account decodes it, and
// false when there is none.
func (w *world) message(accountID string, err error) (m encodedmessage.Message, ok bool) {
	w.Helper()
	var e *awserr.Error
	if !errors.As(err, &e) || e.Status != http.StatusForbidden {
		w.Fatalf("no denial: %v", err)
	}
	text := e.Header.Get(encodedmessage.Header)
	if text == "" {
		return m, false
	}
	plain := must(encodedmessage.Decode(w.keyring, accountID, text))(w)
	if err := json.Unmarshal([]byte(plain), &m); err != nil {
		w.Fatal(err)
	}
	return m, true
}

// TestMessages decodes what denials carry ("DecodeAuthorizationMessage", AWS STS
// API Reference).
func TestMessages(t *testing.T) {
	w := newWorld(t)
	david := w.key(account, "David")

	implicit, ok := w.message(account, w.ask(david, w.get("a")))
	if !ok || implicit.Allowed || implicit.ExplicitDeny || len(implicit.MatchedStatements.Items) != 0 {
		t.Errorf("an implicit denial tells %+v", implicit)
	}
	keys := map[string]string{}
	for _, c := range implicit.Context.Conditions.Items {
		keys[c.Key] = c.Values.Items[0].Value
	}
	if keys["aws:SourceIp"] != "10.1.2.3" || keys["aws:username"] != "David" || keys["aws:PrincipalTag/team"] != "red" {
		t.Errorf("the conditions are %v", keys)
	}
	implicit.Context.Conditions = encodedmessage.Items[encodedmessage.Condition]{}
	if diff := cmp.Diff(encodedmessage.Context{
		Principal: encodedmessage.Principal{ID: w.user.ID, Name: "David", ARN: w.user.ARN},
		Action:    "s3:GetObject", Resource: "arn:aws:s3:::my-company/a",
	}, implicit.Context); diff != "" {
		t.Error(diff)
	}

	w.policy(w.davids(), `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},
		{"Sid":"NotB","Effect":"Deny","Action":["s3:Get*","s3:Put*"],"Resource":"arn:aws:s3:::my-company/b","Condition":{"Bool":{"aws:SecureTransport":"false"}}},
		{"Sid":"NotC","Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::my-company/c"}]}`)
	explicit, _ := w.message(account, w.ask(david, w.get("b")))
	if diff := cmp.Diff(encodedmessage.List(encodedmessage.Statement{
		StatementID: "NotB", Effect: "DENY", Principals: encodedmessage.Values(w.user.ID), PrincipalGroups: encodedmessage.Values(),
		Actions: encodedmessage.Values("s3:Get*", "s3:Put*"), Resources: encodedmessage.Values("arn:aws:s3:::my-company/b"),
		Conditions: encodedmessage.List(encodedmessage.Condition{Key: "aws:SecureTransport", Values: encodedmessage.Values("false")}),
	}), explicit.MatchedStatements); !explicit.ExplicitDeny || diff != "" {
		t.Errorf("an explicit denial: %v\n%s", explicit.ExplicitDeny, diff)
	}

	// The bucket's own account learns what its policy says.
	policy := `{"Version":"2012-10-17","Statement":[{"Sid":"No","Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::my-company/d"}]}`
	if err := w.directory.SetBucketPolicy(t.Context(), w.bucket.ID, []byte(policy), nil); err != nil {
		t.Fatal(err)
	}
	w.bucket, _ = w.directory.Bucket("my-company")
	own, _ := w.message(account, w.ask(david, w.get("d")))
	if !own.ExplicitDeny || len(own.MatchedStatements.Items) != 1 || own.MatchedStatements.Items[0].StatementID != "No" || own.MatchedStatements.Items[0].Principals.Items[0].Value != "*" {
		t.Errorf("a denial by the bucket's policy tells %+v", own.MatchedStatements)
	}
	// Another's account learns nothing of it.
	must(w.directory.CreateUser(t.Context(), directory.User{AccountID: other, Name: "Eve"}))(t)
	tagged := w.get("d")
	tagged.Context = func(c *condition.Context) { c.SetString("s3:ExistingObjectTag/team", "red") }
	eve := w.key(other, "Eve")
	eves, ok := w.message(other, w.ask(eve, tagged))
	for _, c := range eves.Context.Conditions.Items {
		if c.Key == "s3:ExistingObjectTag/team" {
			t.Error("a denial tells of the tags of another account's object")
		}
	}
	if !ok || eves.ExplicitDeny || len(eves.MatchedStatements.Items) != 0 {
		t.Errorf("a denial by another account's policy tells %+v", eves)
	}
	// Nor can it ask by a policy of its own.
	for condition, told := range map[string]bool{`{"StringEquals":{"s3:ExistingObjectTag/team":"red"}}`: false, `{"StringEquals":{"aws:username":"Eve"}}`: true} {
		w.policy(directory.Entity{AccountID: other, Kind: directory.KindUser, Name: "Eve"},
			`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:GetObject","Resource":"*","Condition":`+condition+`}}`)
		if eves, ok := w.message(other, w.ask(eve, tagged)); !ok || eves.ExplicitDeny != told || len(eves.MatchedStatements.Items) > 0 != told {
			t.Errorf("a denial under %s tells %+v", condition, eves)
		}
	}

	// What no policy decided: users' sessions call no IAM.
	token := w.temporary(session.SessionToken, func(s *session.Session) { s.UserID = w.user.ID })
	if m, ok := w.message(account, w.ask(token, access.Need{Action: "iam:ListUsers", Resource: "*"})); !ok || m.ExplicitDeny || m.Context.Action != "iam:ListUsers" {
		t.Errorf("a session's denial tells %+v", m)
	}
}

// TestNoMessages has none for strangers, nor for what denies no request.
func TestNoMessages(t *testing.T) {
	w := newWorld(t)
	if m, ok := w.message("", w.ask(sigv4.Signer{}, w.get("a"))); ok {
		t.Errorf("an anonymous caller gets %+v", m)
	}
	optional := w.get("a")
	optional.Optional = true
	if m, ok := w.message(account, w.ask(w.key(account, "David"), optional)); ok {
		t.Errorf("an optional need gets %+v", m)
	}
}
