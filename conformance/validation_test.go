package conformance

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keywright/keywright/conformance/harness"
)

// validated is what the AWS CLI prints of a validation.
type validated struct{ Findings []policyFinding }

type policyFinding struct {
	FindingDetails, FindingType, IssueCode, LearnMoreLink string
	Locations                                             []struct {
		Path []map[string]any
		Span struct{ Start, End place }
	}
}

type place struct{ Line, Column, Offset int }

func validation(t testing.TB, out string) (v validated) {
	t.Helper()
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	return v
}

// TestValidatePolicy has the AWS CLI check documents.
func TestValidatePolicy(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	sh := newShell(t, s, s.Root)
	validate := func(document string, args ...string) validated {
		t.Helper()
		sh.write("p.json", document)
		out := sh.ok(append([]string{"accessanalyzer", "validate-policy", "--policy-document", "file://p.json"}, args...)...)
		ran(t, "client cli validate-policy")
		return validation(t, out)
	}
	document := `{
  "Version": "2012-10-17",
  "Id": "für alle 🔑",
  "Statement": [{"Sid": "ä", "Effect": "Deny", "Principal": "*", "Action": ["s3:GetObject", "s3:HeadObject"], "Resource": "arn:aws:s3:::b/*"}]
}`
	bucket := []string{"--policy-type", "RESOURCE_POLICY", "--validate-policy-resource-type", "AWS::S3::Bucket"}
	found := false
	for _, f := range validate(document, bucket...).Findings {
		if f.IssueCode != "INVALID_ACTION" {
			continue
		}
		found = true
		start, end := f.Locations[0].Span.Start, f.Locations[0].Span.End
		if got := string([]rune(document)[start.Offset:end.Offset]); got != `"s3:HeadObject"` || start.Line != 4 || end.Column-start.Column != len(got) {
			t.Errorf("the finding is at %+v to %+v: %s", start, end, got)
		}
		if got := fmt.Sprint(f.Locations[0].Path); got != "[map[value:Statement] map[index:0] map[value:Action] map[index:1]]" {
			t.Errorf("the path is %s", got)
		}
		if f.FindingType != "ERROR" || !strings.HasPrefix(f.LearnMoreLink, "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#") {
			t.Errorf("%+v", f)
		}
	}
	if !found {
		t.Error("an action that S3 does not have is not found")
	}
	if v := validate("{", "--policy-type", "IDENTITY_POLICY"); len(v.Findings) != 1 || v.Findings[0].FindingType != "ERROR" {
		t.Errorf("%+v", v)
	}
	for severity, document := range map[string]string{
		"ERROR":            `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:HeadObject","Resource":"arn:aws:s3:::b/*"}]}`,
		"SECURITY_WARNING": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:PassRole","Resource":"*"}]}`,
		"WARNING":          `{"Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}`,
		"SUGGESTION":       `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:Get*"],"Resource":"arn:aws:s3:::b/*"}]}`,
	} {
		v := validate(document, "--policy-type", "IDENTITY_POLICY")
		if !slices.ContainsFunc(v.Findings, func(f policyFinding) bool { return f.FindingType == severity }) {
			t.Errorf("%s has no finding that is a %s: %+v", document, severity, v)
		}
	}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"s3:GetObject"}]}`
	if v := validate(trust, "--policy-type", "RESOURCE_POLICY", "--validate-policy-resource-type", "AWS::IAM::AssumeRolePolicyDocument"); len(v.Findings) == 0 {
		t.Error("a trust policy about objects has no findings")
	}

	// The CLI asks for one page after the other.
	five := strings.Replace(document, `"s3:HeadObject"`, `"s3:A","s3:B","s3:C","s3:D","s3:E"`, 1)
	whole, paged := validate(five, bucket...), validate(five, append(bucket, "--page-size", "2")...)
	if len(whole.Findings) < 5 || len(whole.Findings) != len(paged.Findings) {
		t.Errorf("%d findings, %d in pages", len(whole.Findings), len(paged.Findings))
	}

	sh.fails([]string{"accessanalyzer", "validate-policy", "--policy-document", "{}", "--policy-type", "POLICY"}, "ValidationException", "policyType")
	sh.fails([]string{"accessanalyzer", "list-analyzers"}, "NotImplemented", "ListAnalyzers")
	ran(t, "client cli validate-policy")
}

// TestValidatePolicyIsAuthorized checks that the operation goes the way of all.
func TestValidatePolicyIsAuthorized(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	args := []string{"accessanalyzer", "validate-policy", "--policy-document", "{}", "--policy-type", "IDENTITY_POLICY"}
	nobody := newUser(t, s, "nobody")
	newShell(t, s, nobody).fails(args, "AccessDenied", "user/nobody is not authorized to perform: access-analyzer:ValidatePolicy on resource: *",
		"because no identity-based policy allows the access-analyzer:ValidatePolicy action")
	checker := newUser(t, s, "checker", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"access-analyzer:ValidatePolicy","Resource":"*"}]}`)
	contains(t, newShell(t, s, checker).ok(args...), "issueCode")
	wrong := checker
	wrong.SecretAccessKey += "x"
	newShell(t, s, wrong).fails(args, "InvalidSignature")
	wrong.AccessKeyID = "AKIAAAAAAAAAAAAAAAAA"
	newShell(t, s, wrong).fails(args, "UnrecognizedClient")
	ran(t, "client cli validate-policy")

	body := []byte(`{"policyType":"IDENTITY_POLICY","policyDocument":"{}"}`)
	other := sha256.Sum256([]byte(`{"policyType":"IDENTITY_POLICY","policyDocument":"[]"}`))
	json := http.Header{"Content-Type": {"application/json"}}
	for _, c := range []struct {
		name   string
		r      harness.Raw
		status int
		code   string
	}{
		{"signed", harness.Raw{Credentials: checker}, 200, ""},
		{"unsigned", harness.Raw{}, 403, "MissingAuthenticationTokenException"},
		{"signed for another body", harness.Raw{Credentials: checker, Payload: hex.EncodeToString(other[:])}, 403, "InvalidSignatureException"},
		{"signed without its body", harness.Raw{Credentials: checker, Payload: harness.Unsigned}, 403, "InvalidSignatureException"},
		{"signed for another region", harness.Raw{Credentials: checker, Region: "eu-west-7"}, 403, "InvalidSignatureException"},
		{"too large", harness.Raw{Credentials: checker, Body: make([]byte, 300<<10)}, 413, "RequestEntityTooLargeException"},
	} {
		c.r.Method, c.r.URI, c.r.Header, c.r.Service = "POST", "/policy/validation", json.Clone(), "access-analyzer"
		if c.r.Body == nil {
			c.r.Body = body
		}
		reply := raw(t, s, c.r)
		if got := reply.Header.Get("X-Amzn-Errortype"); reply.Status != c.status || got != c.code {
			t.Errorf("%s: %d %s\n%s", c.name, reply.Status, got, reply.Body)
		}
		ran(t, "input validate-policy")
	}
}
