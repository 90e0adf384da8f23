package accessanalyzer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/internal/access"
	"github.com/keywright/keywright/internal/accessanalyzer"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/sigv4"
	"github.com/keywright/keywright/policy/eval"
)

// authority lets one user in, and allows what a test does not deny.
type authority struct {
	fail   *awserr.Error // what authentication fails with
	denied bool
	asked  []service.Need
}

func (a *authority) Admit(*sigv4.Signature) error { return nil }

func (a *authority) Authenticate(r *http.Request, _ *sigv4.Signature, _ time.Time) (*service.Caller, *sigv4.Body, error) {
	if a.fail != nil {
		return nil, nil, a.fail
	}
	body, err := sigv4.NewBody(r)
	return &service.Caller{Type: eval.User, ARN: "arn:aws:iam::123456789012:user/Eve"}, body, err
}

func (a *authority) Identify(context.Context, service.WebIdentity, time.Time) (*service.Caller, error) {
	return nil, awserr.AccessDenied // no operation here brings a credential
}

func (a *authority) Authorize(q *access.Query) error {
	a.asked = append(a.asked, q.Need)
	if a.denied {
		return awserr.AccessDenied.WithMessage("User: %s is not authorized to perform: %s on resource: %s", q.Caller.ARN, q.Need.Action, q.Need.Resource)
	}
	return nil
}

// noS3 stands where S3 would.
type noS3 struct{}

func (noS3) Name() string { return "s3" }

func (noS3) Recognise(*service.Request) (service.Operation, error) {
	return service.Operation{}, awserr.NotImplemented
}

func (noS3) Fault(w http.ResponseWriter, _ *service.Request, e *awserr.Error) {
	http.Error(w, "s3 "+e.Code, e.Status)
}

// answer is the answer to a request.
type answer struct {
	status int
	code   string // of an error
	body   string
}

type message struct {
	Message, Reason string
	FieldList       []struct{ Name, Message string }
}

func (a answer) message(t testing.TB) (m message) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return m
}

func send(t testing.TB, a *authority, method, target, body string) answer {
	t.Helper()
	return do(t, a, signed(method, target, body))
}

func signed(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, "http://localhost"+target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	sigv4.Signer{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "s", Region: "eu-central-1", Service: "access-analyzer"}.Sign(r, sigv4.UnsignedPayload, time.Now())
	return r
}

func do(t testing.TB, a *authority, r *http.Request) answer {
	t.Helper()
	s, err := accessanalyzer.New()
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	service.NewDispatcher(service.Options{
		Authority: a, S3: noS3{}, Documents: []service.DocumentService{s}, Region: "eu-central-1", Log: slog.New(slog.DiscardHandler),
	}).ServeHTTP(w, r)
	return answer{w.Code, w.Header().Get("X-Amzn-Errortype"), w.Body.String()}
}

func validate(t testing.TB, policyType, resourceType, document, query string) answer {
	t.Helper()
	in := map[string]string{"policyType": policyType, "policyDocument": document}
	if resourceType != "" {
		in["validatePolicyResourceType"] = resourceType
	}
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, &authority{}, "POST", "/policy/validation"+query, string(body))
}

// output is the answer of ValidatePolicy as a client reads it.
type output struct {
	Findings []struct {
		FindingDetails, FindingType, IssueCode, LearnMoreLink string
		Locations                                             []struct {
			Path []map[string]any
			Span struct {
				Start, End struct{ Line, Column, Offset int }
			}
		}
	}
	NextToken string
}

func (a answer) output(t testing.TB) (o output) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("%d %s %s", a.status, a.code, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestValidatePolicy runs testdata/validate.txt: "> TYPE" and, for a resource
// policy, its resource, then a document, then lines of findings that there must
// be, or, behind "!", must not: the type, the code, the path to it, its span as
// line:column(offset), and the text there. What else is found does not matter
// here: that is for policy/lint to say.
func TestValidatePolicy(t *testing.T) {
	data, err := os.ReadFile("testdata/validate.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split("\n"+string(data), "\n> ")[1:]
	found := 0
	for _, c := range cases {
		lines := strings.Split(c, "\n")
		var document, want, unwanted []string
		for _, line := range lines[1:] {
			switch {
			case strings.HasPrefix(line, "= "):
				want = append(want, line[2:])
			case strings.HasPrefix(line, "! "):
				unwanted = append(unwanted, line[2:])
			case line != "" && line[0] != '#':
				document = append(document, line)
			}
		}
		policyType, resourceType, _ := strings.Cut(lines[0], " ")
		text := strings.Join(document, "\n")
		var got []string
		for _, f := range validate(t, policyType, resourceType, text, "").output(t).Findings {
			if len(f.Locations) == 0 || !strings.HasPrefix(f.LearnMoreLink, "https://") || !strings.HasSuffix(f.FindingDetails, ".") {
				t.Errorf("%s: %+v", lines[0], f)
				continue
			}
			words := []string{f.FindingType, f.IssueCode}
			for i, l := range f.Locations {
				if i > 0 {
					words = append(words, "and")
				}
				for _, element := range l.Path {
					for kind, v := range element {
						words = append(words, fmt.Sprintf("%s=%v", kind, v))
					}
				}
				start, end := l.Span.Start, l.Span.End
				words = append(words, fmt.Sprintf("%d:%d(%d)-%d:%d(%d)", start.Line, start.Column, start.Offset, end.Line, end.Column, end.Offset))
				part := []rune(text)
				words = append(words, strings.Join(strings.Fields(string(part[start.Offset:min(end.Offset, len(part))])), " "))
			}
			got = append(got, strings.Join(words, " "))
		}
		for _, line := range want {
			if found++; !slices.Contains(got, line) {
				t.Errorf("%s\n%s\nhas no finding\n= %s\nbut\n= %s", lines[0], text, line, strings.Join(got, "\n= "))
			}
		}
		for _, code := range unwanted {
			if slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, " "+code+" ") }) {
				t.Errorf("%s\n%s\nhas the finding %s", lines[0], text, code)
			}
		}
	}
	t.Logf("gate: %d cases (at least 12), %d findings of them (at least 9)", len(cases), found)
	if len(cases) < 12 || found < 9 {
		t.Errorf("only %d cases, %d findings", len(cases), found)
	}
}

func TestPages(t *testing.T) {
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":["s3:No1","s3:No2","s3:No3","s3:No4","s3:No5"],"Resource":"arn:aws:s3:::b"}]}`
	whole := validate(t, "RESOURCE_POLICY", "AWS::S3::Bucket", document, "").output(t)
	if len(whole.Findings) < 5 || whole.NextToken != "" {
		t.Fatalf("%+v", whole)
	}
	var paged output
	query := "?maxResults=2"
	for pages := 0; ; pages++ {
		page := validate(t, "RESOURCE_POLICY", "AWS::S3::Bucket", document, query).output(t)
		if len(page.Findings) > 2 || pages > len(whole.Findings) {
			t.Fatalf("%d findings on page %d", len(page.Findings), pages)
		}
		paged.Findings = append(paged.Findings, page.Findings...)
		if page.NextToken == "" {
			break
		}
		query = "?maxResults=2&nextToken=" + page.NextToken
	}
	if diff := cmp.Diff(whole, paged); diff != "" {
		t.Error(diff)
	}
	many := strings.Replace(document, `"s3:No1"`, `"s3:No1"`+strings.Repeat(`,"s3:No"`, 300), 1)
	if page := validate(t, "RESOURCE_POLICY", "AWS::S3::Bucket", many, "?maxResults=1000").output(t); len(page.Findings) != 100 || page.NextToken == "" {
		t.Errorf("%d findings on a page, token %q", len(page.Findings), page.NextToken)
	}
}

func TestRefusals(t *testing.T) {
	const ok = `"policyType":"IDENTITY_POLICY","policyDocument":"{}"`
	for _, c := range []struct {
		query, body string
		reason      string
		field, text string
	}{
		{"", `[`, "cannotParse", "", "The body is not a JSON object."},
		{"", `null`, "cannotParse", "", "The body is not a JSON object."},
		{"", ``, "cannotParse", "", "The body is not a JSON object."},
		{"", `{}`, "fieldValidationFailed", "policyDocument", "it must be given"},
		{"", `{"policyDocument":"{}"}`, "fieldValidationFailed", "policyType", "it must be given"},
		{"", `{"policyDocument":{},"policyType":"IDENTITY_POLICY"}`, "cannotParse", "policyDocument", "it is a string"},
		{"", `{"policyDocument":"{}","policyType":"POLICY"}`, "fieldValidationFailed", "policyType", "it is IDENTITY_POLICY, RESOURCE_POLICY, SERVICE_CONTROL_POLICY or RESOURCE_CONTROL_POLICY"},
		{"", `{"policyDocument":"{}","policyType":"RESOURCE_POLICY AWS::S3::Bucket"}`, "fieldValidationFailed", "policyType", "it is IDENTITY_POLICY, RESOURCE_POLICY, SERVICE_CONTROL_POLICY or RESOURCE_CONTROL_POLICY"},
		{"", `{` + ok + `,"validatePolicyResourceType":"AWS::S3::Bucket"}`, "fieldValidationFailed", "validatePolicyResourceType", "only a RESOURCE_POLICY is for a type of resource"},
		{"", `{"policyDocument":"{}","policyType":"RESOURCE_POLICY","validatePolicyResourceType":"AWS::DynamoDB::Table"}`, "notSupported", "validatePolicyResourceType",
			"policies of AWS::DynamoDB::Table are not checked here; without a type of resource, what holds for all resource policies is checked"},
		{"", `{"policyDocument":"{}","policyType":"RESOURCE_POLICY","validatePolicyResourceType":"AWS::S3"}`, "fieldValidationFailed", "validatePolicyResourceType", "it is AWS::S3::Bucket or AWS::IAM::AssumeRolePolicyDocument"},
		{"", `{` + ok + `,"locale":"XX"}`, "fieldValidationFailed", "locale", "it is one of DE, EN, ES, FR, IT, JA, KO, PT_BR, ZH_CN, ZH_TW"},
		{"", `{` + ok + `,"dryRun":true}`, "fieldValidationFailed", "dryRun", "this is not known to ValidatePolicy"},
		{"?maxResults=0", `{` + ok + `}`, "fieldValidationFailed", "maxResults", "it is a number from 1 on"},
		{"?maxResults=1&maxResults=2", `{` + ok + `}`, "fieldValidationFailed", "maxResults", "it is given more than once"},
		{"?nextToken=x", `{` + ok + `}`, "fieldValidationFailed", "nextToken", "it is none that an answer gave"},
		{"?page=1", `{` + ok + `}`, "fieldValidationFailed", "page", "this is not known to ValidatePolicy"},
	} {
		a := send(t, &authority{}, "POST", "/policy/validation"+c.query, c.body)
		m := a.message(t)
		field, text := "", m.Message
		if len(m.FieldList) == 1 {
			field, text = m.FieldList[0].Name, m.FieldList[0].Message
		}
		if a.status != 400 || a.code != "ValidationException" || m.Reason != c.reason || field != c.field || text != c.text || field != "" && m.Message != field+": "+text {
			t.Errorf("%s %s: %d %s %s", c.query, c.body, a.status, a.code, a.body)
		}
	}
	if a := send(t, &authority{}, "POST", "/policy/validation", `{`+ok+`,"locale":"DE","validatePolicyResourceType":null}`); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := send(t, &authority{}, "POST", "/policy/validation", `{"policyDocument":"`+strings.Repeat("x", 256<<10)+`"}`); a.status != 413 || a.code != "RequestEntityTooLargeException" {
		t.Errorf("%d %s", a.status, a.code)
	}
}

// TestFaults checks that what fails before an operation is known is told as the
// protocol tells it.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		fail   *awserr.Error
		status int
		code   string
		text   string
	}{
		{awserr.InvalidAccessKeyID, 403, "UnrecognizedClientException", "The security token included in the request is invalid."},
		{awserr.InvalidToken, 403, "UnrecognizedClientException", "The security token included in the request is invalid."},
		{awserr.ExpiredToken, 403, "ExpiredTokenException", "The security token included in the request is expired"},
		{awserr.SignatureDoesNotMatch.WithMessage("No."), 403, "InvalidSignatureException", "No."},
		{awserr.RequestTimeTooSkewed.WithMessage("Late."), 403, "InvalidSignatureException", "Late."},
		{awserr.SlowDown.WithMessage("Slow."), 429, "ThrottlingException", "Slow."},
		{awserr.InternalError, 500, "InternalServerException", "The request failed because of an internal error."},
	} {
		a := send(t, &authority{fail: c.fail}, "POST", "/policy/validation", "{}")
		if m := a.message(t); a.status != c.status || a.code != c.code || m.Message != c.text || m.Reason != "" {
			t.Errorf("%s: %d %s %s", c.fail.Code, a.status, a.code, a.body)
		}
	}
	denied := &authority{denied: true}
	a := send(t, denied, "POST", "/policy/validation", `{"policyType":"IDENTITY_POLICY","policyDocument":"{}"}`)
	want := "User: arn:aws:iam::123456789012:user/Eve is not authorized to perform: access-analyzer:ValidatePolicy on resource: *"
	if a.status != 403 || a.code != "AccessDeniedException" || a.message(t).Message != want || len(denied.asked) != 1 {
		t.Errorf("%d %s %s", a.status, a.code, a.body)
	}
}

// TestUnsigned checks which requests without a signature are the service's.
func TestUnsigned(t *testing.T) {
	for _, c := range []struct {
		method, target, contentType string
		want                        string
	}{
		{"POST", "/policy/validation", "application/json", "403 MissingAuthenticationTokenException"},
		{"POST", "/policy/validation?maxResults=1", "application/json; charset=utf-8", "403 MissingAuthenticationTokenException"},
		{"POST", "/policy/validation?uploads", "application/json", "501 "},
		{"POST", "/policy/validation", "text/plain", "501 "},
		{"PUT", "/policy/validation", "application/json", "501 "},
		{"PUT", "/analyzer", "application/json", "501 "},
	} {
		r := httptest.NewRequest(c.method, c.target, io.MultiReader())
		r.ContentLength = 0
		r.Header.Set("Content-Type", c.contentType)
		a := do(t, &authority{}, r)
		if got := strconv.Itoa(a.status) + " " + a.code; got != c.want {
			t.Errorf("%s %s %s: %s", c.method, c.target, c.contentType, got)
		}
	}
	broken := signed("POST", "/policy/validation", "{}")
	broken.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x")
	if a := do(t, &authority{}, broken); a.status != 400 || a.code != "IncompleteSignatureException" {
		t.Errorf("%d %s %s", a.status, a.code, a.body)
	}
}

// TestOperations holds the API's operations against the facts: each is known by
// its request, and what is not served says so with its name.
func TestOperations(t *testing.T) {
	data, err := os.ReadFile("api.json")
	if err != nil {
		t.Fatal(err)
	}
	var api map[string]string
	if err := json.Unmarshal(data, &api); err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, o := range facts.Operations() {
		if o.Service != "accessanalyzer" {
			continue
		}
		count++
		method, path, ok := strings.Cut(api[o.Name], " ")
		if !ok {
			t.Errorf("%s is not known", o.Name)
			continue
		}
		path = strings.NewReplacer("{resourceArn}", "arn%3Aaws%3Ax%2Fy", "{", "", "}", "").Replace(path)
		a := send(t, &authority{}, method, path, "")
		want := answer{501, "NotImplementedException", `{"message":"The operation ` + o.Name + ` is not implemented."}`}
		if o.Name == "ValidatePolicy" {
			want = answer{400, "ValidationException", `{"message":"The body is not a JSON object.","reason":"cannotParse"}`}
		}
		if a != want {
			t.Errorf("%s %s %s: %+v", o.Name, method, path, a)
		}
	}
	if count < 37 {
		t.Errorf("only %d operations", count)
	}
	for _, target := range []string{"/", "/policy", "/policy/validation/", "/analyzer//archive-rule"} {
		if a := send(t, &authority{}, "POST", target, ""); a.status != 404 || a.code != "UnknownOperationException" {
			t.Errorf("%s: %+v", target, a)
		}
	}
}

// TestNeeds holds what ValidatePolicy asks for against the facts.
func TestNeeds(t *testing.T) {
	a := &authority{}
	if got := send(t, a, "POST", "/policy/validation", `{"policyType":"IDENTITY_POLICY","policyDocument":"{}"}`); got.status != 200 {
		t.Fatalf("%+v", got)
	}
	o, ok := facts.LookupOperation("accessanalyzer", "ValidatePolicy")
	if !ok || len(o.Checks) != 1 || len(a.asked) != 1 {
		t.Fatalf("the facts have %+v, asked for %+v", o, a.asked)
	}
	action, ok := facts.LookupAction(o.Checks[0].Action)
	if n := a.asked[0]; !ok || n.Action != action.Name || len(action.Resources) == 0 && n.Resource != "*" {
		t.Errorf("asked for %s on %s, documented is %+v", n.Action, n.Resource, action)
	}
}

// FuzzValidatePolicy checks that any document gets an answer whose spans lie in
// it.
func FuzzValidatePolicy(f *testing.F) {
	f.Add("IDENTITY_POLICY", "", `{"Version":"2012-10-17","Statement":[{"Sid":"é","Effect":"Allow","Action":"s3:No","Resource":"*"}]}`)
	f.Add("RESOURCE_POLICY", "AWS::S3::Bucket", "{\n\"Statement\":{}}")
	f.Add("RESOURCE_POLICY", "", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*"}}`)
	f.Fuzz(func(t *testing.T, policyType, resourceType, document string) {
		a := validate(t, policyType, resourceType, document, "")
		if a.status == 400 && a.code == "ValidationException" || a.status == 413 {
			return
		}
		document = strings.ToValidUTF8(document, "\uFFFD")
		for _, of := range a.output(t).Findings {
			s := of.Locations[0].Span
			if s.Start.Offset < 0 || s.End.Offset < s.Start.Offset || s.End.Offset > len([]rune(document))+1 || s.Start.Column < 0 {
				t.Errorf("%q: %+v", document, of)
			}
		}
	})
}

// TestDetails keeps names of actions and ARNs as they are, which have a case of
// their own, and makes sentences of the rest.
func TestDetails(t *testing.T) {
	const document = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/home/*"},
{"Effect":"Allow","Action":"s3:PutBucketPolicy","Resource":"arn:aws:s3:::YOUR-BUCKET-NAME/x"}]}`
	found := validate(t, "IDENTITY_POLICY", "", document, "").output(t).Findings
	names := 0
	for _, f := range found {
		first, _, _ := strings.Cut(f.FindingDetails, " ")
		isName := strings.Contains(first, ":")
		if isName {
			names++
		}
		if isCapital := first[:1] != strings.ToLower(first[:1]); isName && isCapital || !isName && first[:1] != strings.ToUpper(first[:1]) {
			t.Errorf("%s: %s", f.IssueCode, f.FindingDetails)
		}
	}
	if names == 0 || len(found) < 3 {
		t.Errorf("%d findings, %d of which begin with an action: %v", len(found), names, found)
	}
}
