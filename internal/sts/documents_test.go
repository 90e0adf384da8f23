package sts_test

import (
	"strings"
	"testing"

	"github.com/keywright/keywright/policy/lint/linttest"
)

// TestDocuments passes every document of policy/lint's cases as a session policy,
// by each operation that takes one.
func TestDocuments(t *testing.T) {
	s := newSetting(t)
	for _, call := range [][]string{
		{"CreateUser", "UserName", "u"},
		{"CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}`},
	} {
		if a := s.Call("iam", call[0], call[1:]...); a.Status != 200 {
			t.Fatal(a.Body)
		}
	}
	if err := s.as("user u"); err != nil {
		t.Fatal(err)
	}
	cases := append(linttest.Read(t, "../../policy/lint/testdata/managed.txt", 35), linttest.Read(t, "../../policy/lint/testdata/inline.txt", 3)...)
	for _, call := range [][]string{
		{"AssumeRole", "RoleArn", "arn:aws:iam::123456789012:role/r", "RoleSessionName", "work"},
		{"GetFederationToken", "Name", "guest"},
	} {
		for _, c := range cases {
			if c.Code == "VERSION_TOO_OLD" {
				continue
			}
			a := s.Call("sts", call[0], append(call[1:], "Policy", c.Document)...)
			if c.Accepted {
				if a.Status != 200 {
					t.Errorf("%s refuses %s\n%s: %s", call[0], c.Document, a.Code, a.Message)
				}
				continue
			}
			want := c.Message
			if strings.HasPrefix(want, "Syntax errors") || strings.HasSuffix(want, "legacy parsing") { // the place is added
				want = strings.TrimSuffix(want, ".") + ". " + c.Position + ": "
			}
			if a.Status != 400 || a.Code != "MalformedPolicyDocument" || !strings.HasPrefix(a.Message, want) {
				t.Errorf("%s answers %s\n got %d %s: %s\nwant %s", call[0], c.Document, a.Status, a.Code, a.Message, want)
			}
		}
	}
}
