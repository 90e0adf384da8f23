package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keywright/keywright/internal/query/querytest"
	"github.com/keywright/keywright/policy/lint/linttest"
)

const policyDocument = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`

// TestDocuments puts every document of policy/lint's cases by each operation that
// takes such a document: all check alike, and refuse in IAM's words.
func TestDocuments(t *testing.T) {
	const trust = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}`
	s, _, _ := newServer(t)
	call := func(operation string, params ...string) {
		t.Helper()
		if a := s.Call("iam", operation, params...); a.Status != 200 {
			t.Fatalf("%s: %s", operation, a.Body)
		}
	}
	call("CreateUser", "UserName", "u")
	call("CreateGroup", "GroupName", "g")
	call("CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", trust)

	n := 0
	unique := func() string { n++; return fmt.Sprint("p", n) }
	inline := func(operation, kind, name string) put {
		return func(document string) *querytest.Answer {
			defer s.Call("iam", strings.Replace(operation, "Put", "Delete", 1), kind, name, "PolicyName", "p") // so that none counts in the next one's size
			return s.Call("iam", operation, kind, name, "PolicyName", "p", "PolicyDocument", document)
		}
	}
	for _, of := range []struct {
		file    string
		least   int
		managed bool
		puts    map[string]put
	}{
		{"managed", 35, true, map[string]put{
			"CreatePolicy": func(document string) *querytest.Answer {
				return s.Call("iam", "CreatePolicy", "PolicyName", unique(), "PolicyDocument", document)
			},
			"CreatePolicyVersion": func(document string) *querytest.Answer {
				name := unique()
				call("CreatePolicy", "PolicyName", name, "PolicyDocument", policyDocument)
				return s.Call("iam", "CreatePolicyVersion", "PolicyArn", "arn:aws:iam::123456789012:policy/"+name, "PolicyDocument", document)
			},
		}},
		{"managed", 35, false, map[string]put{
			"PutUserPolicy":  inline("PutUserPolicy", "UserName", "u"),
			"PutGroupPolicy": inline("PutGroupPolicy", "GroupName", "g"),
			"PutRolePolicy":  inline("PutRolePolicy", "RoleName", "r"),
		}},
		{"inline", 3, false, map[string]put{
			"PutUserPolicy":  inline("PutUserPolicy", "UserName", "u"),
			"PutGroupPolicy": inline("PutGroupPolicy", "GroupName", "g"),
			"PutRolePolicy":  inline("PutRolePolicy", "RoleName", "r"),
		}},
		{"trust", 14, false, map[string]put{
			"CreateRole": func(document string) *querytest.Answer {
				return s.Call("iam", "CreateRole", "RoleName", unique(), "AssumeRolePolicyDocument", document)
			},
			"UpdateAssumeRolePolicy": func(document string) *querytest.Answer {
				return s.Call("iam", "UpdateAssumeRolePolicy", "RoleName", "r", "PolicyDocument", document)
			},
		}},
	} {
		for _, c := range linttest.Read(t, "../../policy/lint/testdata/"+of.file+".txt", of.least) {
			if c.Code == "VERSION_TOO_OLD" && !of.managed {
				continue
			}
			for operation, put := range of.puts {
				checkAnswer(t, operation, c, put(c.Document))
			}
		}
	}
}

// put is a way to put a document.
type put func(document string) *querytest.Answer

func checkAnswer(t *testing.T, operation string, c linttest.Case, a *querytest.Answer) {
	t.Helper()
	if c.Accepted {
		if a.Status != 200 {
			t.Errorf("%s refuses %s\n%s: %s", operation, c.Document, a.Code, a.Message)
		}
		return
	}
	want := c.Message
	if strings.HasPrefix(want, "Syntax errors") || strings.HasSuffix(want, "legacy parsing") { // the place is added
		want = strings.TrimSuffix(want, ".") + ". " + c.Position + ": "
	}
	if a.Status != 400 || a.Code != "MalformedPolicyDocument" || !strings.HasPrefix(a.Message, want) {
		t.Errorf("%s answers %s\n got %d %s: %s\nwant %s", operation, c.Document, a.Status, a.Code, a.Message, want)
	}
}
