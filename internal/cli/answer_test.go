package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/keywright/keywright/internal/accessfile"
	"github.com/keywright/keywright/policy/eval"
)

// FuzzAnswer puts the decisions on any policy into words: there is always a
// reason, and no text of a policy or request reaches a terminal as it is.
func FuzzAnswer(f *testing.F) {
	home, err := os.ReadFile("demo/home-folders.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(home), "s3:ListBucket", "arn:aws:s3:::my-company", "s3:prefix=home/", uint8(0))
	f.Add(`{"Statement":{"Sid":"\u001b[2J","Effect":"Deny","NotPrincipal":{"AWS":"123456789012"},"NotAction":"s3:*","NotResource":"*"}}`, "s3:\x1bGet", "arn:aws:s3:::b/\x07", "a:b=[\x1b,x]", uint8(3))
	f.Add(`{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:*","Condition":{"ForAllValues:StringNotLike":{"a:b":["${a:c, '\u0009'}*"]},"Null":{"a:d":true}}}}`, "sts:AssumeRole", "arn:aws:iam::123456789012:role/r", "a:b=x", uint8(4))
	f.Fuzz(func(t *testing.T, document, action, resource, pair string, as uint8) {
		path := filepath.Join(t.TempDir(), "policy.json")
		if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		q := question{
			policies: []typedFile{{path, eval.PolicyType(as % (uint8(eval.ResourceControl) + 1))}}, principal: "arn:aws:iam::123456789012:user/David",
			action: action, resource: resource, context: []string{pair},
		}
		if q.check() != nil {
			return
		}
		a, err := q.ask()
		if err != nil {
			return
		}
		a.warnings = q.warnings()
		checkAnswer(t, a)
	})
}

func checkAnswer(t *testing.T, a *answer) {
	t.Helper()
	var text, document bytes.Buffer
	if err := a.writeText(&text); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text.String()) {
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("a line that does something to a terminal: %q", line)
		}
	}
	if err := a.writeJSON(&document); err != nil {
		t.Fatal(err)
	}
	var report struct {
		EvaluationResults []struct{ EvalDecision, Reason, Message string }
	}
	if err := json.Unmarshal(document.Bytes(), &report); err != nil || len(report.EvaluationResults) != 1 {
		t.Fatalf("%v: %s", err, document.String())
	}
	r := report.EvaluationResults[0]
	if r.EvalDecision != a.decision.Effect.String() || r.Reason == "" || (r.Message == "") != a.decision.Allowed() {
		t.Fatalf("decided %s: %+v", a.decision.Effect, r)
	}
}

// TestAdvice: what is told of requests that nobody would make.
func TestAdvice(t *testing.T) {
	for _, of := range []struct{ action, resource, want string }{
		{"s3:GetObject", "arn:aws:s3:::b/k/l", ""},
		{"S3:GETOBJECT", "arn:aws-cn:s3:::b/k", ""},
		{"s3:GetObject", "arn:aws:s3:eu-central-1:123456789012:accesspoint/a/object/k/l", ""},
		{"s3:GetObject", "arn:aws:s3:::b", "s3:GetObject is not asked for on arn:aws:s3:::b, but on "},
		{"s3:ListBucket", "arn:aws:s3:::b", ""},
		{"s3:ListBucket", "arn:aws:s3:::b/k", "s3:ListBucket is not asked for on arn:aws:s3:::b/k, but on "},
		{"s3:ListAllMyBuckets", "*", ""},
		{"s3:ListAllMyBuckets", "arn:aws:s3:::b", "s3:ListAllMyBuckets is asked for on the resource * only"},
		{"iam:GetUser", "arn:aws:iam::123456789012:user/path/x", ""},
		{"sts:AssumeRole", "arn:aws:iam::123456789012:role/path/r", ""},
		{"s3:ListObjectsV2", "arn:aws:s3:::b", "there is no action s3:ListObjectsV2; the operation ListObjectsV2 needs s3:ListBucket"},
		{"s3:CopyObject", "arn:aws:s3:::b/k", "there is no action s3:CopyObject; the operation CopyObject needs s3:"},
		{"s3:Zzzzzzzzzzzzzzzz", "*", "there is no action s3:Zzzzzzzzzzzzzzzz"},
		{"sqs:SendMessage", "arn:aws:sqs:eu-central-1:123456789012:q", ""},
	} {
		if got := advice(of.action, of.resource); !strings.HasPrefix(got, of.want) || of.want == "" && got != "" {
			t.Errorf("%s on %s: %q, want %q", of.action, of.resource, got, of.want)
		}
	}
	for key, want := range map[string]string{
		"aws:sourceip": "", "aws:PrincipalTag/team": "", "own:key": "", "token.actions.githubusercontent.com:sub": "", "gitlab.com:AUD": "", "aws": "there is no condition key aws", "gitlab.com:projekt_id": "there is no condition key gitlab.com:projekt_id; did you mean gitlab.com:project_id?",
		"s3:prefxi": "there is no condition key s3:prefxi; did you mean s3:prefix?",
	} {
		if got := unknownKey(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

// TestMessages: the words in which AWS denies, for each kind of principal.
func TestMessages(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/r"
	for _, of := range []struct{ principal, account, action, resource, want string }{
		{"anonymous", "", "s3:GetObject", "arn:aws:s3:::b/k", "Access Denied"},
		{"logging.s3.amazonaws.com", "", "s3:PutObject", "arn:aws:s3:::b/k", "Access Denied"},
		{"arn:aws:iam::123456789012:user/David", "", "s3:GetObject", "arn:aws:s3:::b/k", `User: arn:aws:iam::123456789012:user/David is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::b/k" because no identity-based policy allows the s3:GetObject action`},
		{"arn:aws:iam::123456789012:user/David", "210987654321", "s3:GetObject", "arn:aws:s3:::b/k", "Access Denied"},
		{role, "", "iam:GetRole", role, "User: arn:aws:sts::123456789012:assumed-role/r/session is not authorized to perform: iam:GetRole on resource: arn:aws:iam::123456789012:role/r because no identity-based policy allows the iam:GetRole action"},
		{"arn:aws:iam::123456789012:oidc-provider/idp.example.com", "", "sts:AssumeRoleWithWebIdentity", role, "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
	} {
		p, wrong := accessfile.NewPrincipal(of.principal)
		if wrong != "" {
			t.Fatal(of.principal, wrong)
		}
		r, policies := accessfile.New(p.AccountID).Request(accessfile.Question{Principal: p, Action: of.action, Resource: of.resource, ResourceAccount: of.account})
		a := &answer{explanation: explain(r, policies, func(*eval.Policy) *accessfile.Document { return nil })}
		if got := a.message(); got != of.want {
			t.Errorf("%s: %q, want %q", of.principal, got, of.want)
		}
	}
}
