package lint

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/edit"
	"github.com/keywright/keywright/policy/eval"
)

// What fixes do to policies for folders of buckets, of every type: nothing is
// allowed that was not, nothing is lost that a client of S3 can ask for, but an
// object that has the name of a folder, and no statement changes but the one
// that is meant.
func TestGuideFixes(t *testing.T) {
	requests := folderRequests()
	fixed := map[policy.Code]int{}
	check := func(t failer, document string, kind Kind) {
		doc, findings := Validate([]byte(document), kind, Options{})
		if doc == nil {
			t.Fatalf("%s: %s", document, list(findings))
		}
		before, err := eval.Compile(doc, eval.Options{Type: kind})
		if err != nil {
			return // what the API refuses has no decisions
		}
		for i := range findings {
			f := &findings[i]
			if f.Fix == nil {
				continue
			}
			after := afterFix(t, document, doc, f)
			fixed[f.Code]++
			decideBoth(t, f, document, kind, before, after, requests)
		}
	}
	_, all := guides(t)
	for _, g := range all {
		check(t, g.document, g.kind)
	}
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]Kind{Identity, Identity, Bucket, PermissionsBoundary}).Draw(t, "type")
		for range 10 {
			check(t, drawFolderPolicy(t, kind), kind)
		}
	})
	t.Log(fixed)
	if fixed[MixedStatement] < 30 || fixed[FolderWithoutSlash] < 30 {
		t.Errorf("too few fixes: %v", fixed)
	}
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// afterFix makes a fix, and holds it to its statement.
func afterFix(t failer, document string, doc *policy.Document, f *Finding) *eval.Policy {
	t.Helper()
	text, err := edit.Apply([]byte(document), f.Fix.Edits...)
	if err != nil {
		t.Fatalf("%s at %s: %v\n%s", f.Code, f.Position, err, document)
	}
	for i := range doc.Statements {
		l, _ := doc.Locate(doc.Statements[i].Position.Offset)
		if statement := document[l.Start.Offset:l.End.Offset]; i != f.Statement && !strings.Contains(string(text), statement) {
			t.Fatalf("%s at %s changes another statement:\n%s\n%s", f.Code, f.Position, document, text)
		}
	}
	fixed, err := policy.Parse(text)
	if err != nil {
		t.Fatalf("%s at %s: %v\n%s", f.Code, f.Position, err, text)
	}
	p, err := eval.Compile(fixed, eval.Options{Type: f.Kind})
	if err != nil {
		t.Fatalf("%s at %s: %v\n%s", f.Code, f.Position, err, text)
	}
	return p
}

func decideBoth(t failer, f *Finding, document string, kind Kind, before, after *eval.Policy, requests []eval.Request) {
	t.Helper()
	for i := range requests {
		r := &requests[i]
		was := eval.Decide(r, policiesWith(before, kind)).Allowed()
		is := eval.Decide(r, policiesWith(after, kind)).Allowed()
		lost := was && !is && !(f.Code == FolderWithoutSlash && r.Resource == f.Value)
		if is && !was || lost && isOurs(f) {
			t.Fatalf("%s at %s: %s on %s was allowed: %v, and is: %v\n%s", f.Code, f.Position, r.Action, r.Resource, was, is, document)
		}
	}
}

// isOurs reports whether a finding is none of Access Analyzer's.
func isOurs(f *Finding) bool {
	e, ok := LookupCode(f.Code)
	return ok && e.IssueCode == ""
}

// policiesWith returns the policies of a request in which one plays its part.
func policiesWith(p *eval.Policy, kind Kind) *eval.Policies {
	switch kind {
	case Bucket:
		return &eval.Policies{Resource: p}
	case PermissionsBoundary:
		return &eval.Policies{Identity: []*eval.Policy{allowAll}, Boundary: p}
	case Trust:
		return &eval.Policies{Identity: []*eval.Policy{allowAll}, Resource: p}
	}
	return &eval.Policies{Identity: []*eval.Policy{p}}
}

// folderRequests are requests that clients of S3 can make: each action on what
// it applies to.
func folderRequests() []eval.Request {
	var requests []eval.Request
	for _, user := range []string{"David", "Adele"} {
		for _, prefix := range []string{"absent", "", "in", "in/", "in/x", "out/"} {
			c := &condition.Context{}
			c.SetString("aws:username", user)
			c.SetBool("aws:SecureTransport", prefix != "")
			if prefix != "absent" {
				c.SetString("s3:prefix", prefix)
			}
			add := func(action, resource string) {
				requests = append(requests, eval.Request{
					Principal: eval.Principal{Type: eval.User, ARN: "arn:aws:iam::111122223333:user/" + user, AccountID: "111122223333", UniqueID: "AIDA" + user},
					Action:    action, Resource: resource, ResourceAccount: "111122223333", Context: c,
				})
			}
			for _, bucket := range []string{"b", "b2"} {
				for _, action := range []string{"s3:ListBucket", "s3:GetBucketLocation", "s3:DeleteBucket"} {
					add(action, "arn:aws:s3:::"+bucket)
				}
				for _, key := range []string{"in", "in/", "in/x", "in/x/y", "inner/x", "out/x", user + "/x"} {
					for _, action := range []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject"} {
						add(action, "arn:aws:s3:::"+bucket+"/"+key)
					}
				}
			}
			add("s3:ListAllMyBuckets", "*")
		}
	}
	return requests
}

func drawFolderPolicy(t *rapid.T, kind Kind) string {
	line := rapid.SampledFrom([]string{"", "\n", "\n  ", "\r\n\t"}).Draw(t, "line")
	var statements []string
	for i := range rapid.IntRange(1, 3).Draw(t, "statements") {
		elements := []string{`"Effect": ` + some(t, "effect", 1, `"Allow"`, `"Allow"`, `"Allow"`, `"Deny"`)}
		if rapid.Bool().Draw(t, "sid") {
			elements = append(elements, `"Sid": "S`+strings.Repeat("x", i)+some(t, "suffix", 1, "", "Objects")+`"`)
		}
		if kind == Bucket {
			elements = append(elements, some(t, "principal", 1, `"Principal": "*"`, `"Principal": {"AWS": "arn:aws:iam::111122223333:user/David"}`))
		}
		elements = append(elements,
			`"Action": [`+some(t, "actions", 4, `"s3:ListBucket"`, `"s3:GetBucketLocation"`, `"s3:GetObject"`, `"s3:PutObject"`, `"S3:deleteobject"`, `"s3:Get*"`)+"]",
			`"Resource": [`+some(t, "resources", 4, `"arn:aws:s3:::b"`, `"arn:aws:s3:::b2"`, `"arn:aws:s3:::b/in"`, `"arn:aws:s3:::b/in/*"`, `"arn:aws:s3:::b/${aws:username}/*"`, `"arn:aws:s3:::b*"`, `"arn:aws:s3:::b/*"`)+"]")
		if rapid.IntRange(0, 2).Draw(t, "conditional") == 0 {
			elements = append(elements, `"Condition": {`+some(t, "condition", 1,
				`"StringLike": {"s3:prefix": ["in/*", "in"]}`, `"Bool": {"aws:SecureTransport": "true"}`, `"StringNotEquals": {"s3:prefix": "out/"}`)+"}")
		}
		statements = append(statements, "{"+line+strings.Join(elements, ", "+line)+line+"}")
	}
	text := "[" + strings.Join(statements, ", ") + "]"
	if len(statements) == 1 && rapid.Bool().Draw(t, "bare") {
		text = statements[0]
	}
	return "{" + line + `"Version": "2012-10-17", ` + line + `"Statement": ` + text + line + "}"
}
