package query_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/query/querytest"
	"github.com/keywright/keywright/internal/service"
)

// model is an API made up for these tests.
const model = `{
  "version": "2010-05-08", "namespace": "https://example.com/doc/", "failure": "ServiceFailure",
  "shapes": {
    "name": {"type": "string", "min": 2, "max": 8, "pattern": "[\\w+=,.@-]+"},
    "text": {"type": "string", "max": 5, "pattern": "[\\u0009\\u0020-\\u00FF]*"},
    "count": {"type": "integer", "min": 1, "max": 1000},
    "flag": {"type": "boolean"},
    "status": {"type": "string", "enum": ["Active", "Inactive"]},
    "keys": {"type": "list", "member": "name", "max": 3},
    "tags": {"type": "list", "member": "Tag", "max": 2},
    "Tag": {"type": "structure", "members": {"Key": "name!", "Value": "text!"}},
    "groups": {"type": "list", "member": "Group"},
    "Group": {"type": "structure", "members": {"Names": "keys", "Tags": "tags", "First": "Tag"}}
  },
  "operations": {
    "Echo": {"Name": "name!", "Note": "text", "Count": "count", "Flag": "flag", "Status": "status", "Keys": "keys", "Tags": "tags", "Groups": "groups"},
    "Delete": {}, "Fail": {}, "Later": null
  }
}`

type tag struct{ Key, Value string }

type echo struct {
	Name   string
	Note   *string
	Count  *int
	Flag   bool
	Status string
	Keys   []string
	Tags   []tag
	Groups []group `json:",omitempty"`
}

// group is a structure of lists and of another structure.
type group struct {
	Names []string
	Tags  []tag
	First *tag `json:",omitempty"`
}

func parseModel(t testing.TB) *query.Model {
	t.Helper()
	m, err := query.ParseModel([]byte(model))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func needNothing[In any](*service.Request, *In) ([]service.Need, error) {
	return []service.Need{{Action: "iam:Test", Resource: "*"}}, nil
}

// echoed is the result of Echo: its input, as JSON.
type echoed struct{ JSON string }

func serveEcho(_ context.Context, _ *service.Request, in *echo) (*echoed, error) {
	data, err := json.Marshal(in)
	return &echoed{string(data)}, err
}

func newServer(t testing.TB) *querytest.Server {
	m := parseModel(t)
	s := querytest.New(t, query.New("iam", m, []service.Operation{
		query.Define(m, query.Spec[echo, echoed]{Name: "Echo", Needs: needNothing[echo], Serve: serveEcho}),
		query.Define(m, query.Spec[struct{}, query.NoResult]{
			Name: "Delete", Needs: needNothing[struct{}],
			Serve: func(context.Context, *service.Request, *struct{}) (*query.NoResult, error) {
				return &query.NoResult{}, nil
			},
		}),
		query.Define(m, query.Spec[struct{}, query.NoResult]{
			Name: "Fail", Needs: needNothing[struct{}],
			Check: func(*service.Request, *struct{}) error { return awserr.InvalidInput },
			Serve: func(context.Context, *service.Request, *struct{}) (*query.NoResult, error) {
				return nil, awserr.InternalError
			},
		}),
	}))
	s.Caller = querytest.Root(querytest.AccountID)
	return s
}

// TestParameters runs testdata/parameters.txt: a line of parameters, and then
// the input that they are read as or the message with which they are refused.
func TestParameters(t *testing.T) {
	data, err := os.ReadFile("testdata/parameters.txt")
	if err != nil {
		t.Fatal(err)
	}
	s, params, cases := newServer(t), "", 0
	for n, line := range strings.Split(string(data), "\n") {
		switch mark, rest, _ := strings.Cut(line, " "); mark {
		case "", "#":
		case ">":
			params = rest
		case "=", "!":
			a := s.Post("iam", "Action=Echo&Version=2010-05-08&"+params)
			got := a.Value("JSON")
			if mark == "!" {
				got = strings.ReplaceAll(a.Message, "\n", `\n`)
			}
			if got != rest || mark == "!" && (a.Code != "ValidationError" || a.Status != http.StatusBadRequest) {
				t.Errorf("line %d: %s\n got %s (%s)\nwant %s", n+1, params, got, a.Code, rest)
			}
			cases++
		default:
			t.Fatalf("line %d: %s", n+1, line)
		}
	}
	if cases < 40 {
		t.Errorf("only %d cases", cases)
	}
}

func TestRecognise(t *testing.T) {
	for _, c := range []struct {
		body   string
		status int
		code   string
		text   string
	}{
		{"Version=2010-05-08", 400, "MissingAction", "The request is missing an action or a required parameter."},
		{"Action=Nonsense&Version=2010-05-08", 400, "InvalidAction", "Could not find operation Nonsense for version 2010-05-08"},
		{"Action=Delete&Version=2011-06-15", 400, "InvalidAction", "Could not find operation Delete for version 2011-06-15"},
		{"Action=Delete", 400, "InvalidAction", "Could not find operation Delete for version NO_VERSION_SPECIFIED"},
		{"Action=Later&Version=2010-05-08", 501, "NotImplemented", "The operation Later is not implemented."},
		{"Action=Delete&Action=Echo&Version=2010-05-08", 400, "ValidationError", "The parameters Action and Version must be given once."},
		{"Action=delete&Version=2010-05-08", 400, "InvalidAction", "Could not find operation delete for version 2010-05-08"},
		{"Action=Delete&Version=2010-05-08&Name=x", 400, "ValidationError", `The parameter "Name" is not known to Delete.`},
		{"Action=Fail&Version=2010-05-08", 400, "InvalidInput", "Invalid input."},
		{"Action=Delete&Version=2010-05-08&a=%zz", 400, "MalformedQueryString", "The query string contains a syntax error."},
		{"Action=Delete&Version=2010-05-08&X-Amz-Expires=60", 200, "", ""},
	} {
		a := newServer(t).Post("iam", c.body)
		if a.Status != c.status || a.Code != c.code || a.Message != c.text {
			t.Errorf("%s: %d %s: %s", c.body, a.Status, a.Code, a.Message)
		}
	}
}

// TestSources checks where parameters may stand.
func TestSources(t *testing.T) {
	for _, c := range []struct {
		method, query, body string
		status              int
		want                string // the value of Name, or the error
	}{
		{"POST", "", "Action=Echo&Version=2010-05-08&Name=bob", 200, "bob"},
		{"POST", "Action=Echo&Version=2010-05-08", "Name=bob", 200, "bob"},
		{"GET", "Action=Echo&Version=2010-05-08&Name=bob", "", 200, "bob"},
		{"POST", "Action=Echo&Version=2010-05-08&Name=bob", "Name=bob", 400, "The parameter \"Name\" is given more than once."},
		{"POST", "Name=%zz", "Action=Echo&Version=2010-05-08", 400, "Couldn't parse the specified URI."},
		{"PUT", "", "Action=Echo&Version=2010-05-08&Name=bob", 405, "The specified method is not allowed against this resource."},
	} {
		a := newServer(t).Send(c.method, "iam", c.query, c.body)
		got := a.Message
		if a.Status == 200 {
			var in echo
			if err := json.Unmarshal([]byte(a.Value("JSON")), &in); err != nil {
				t.Fatal(err)
			}
			got = in.Name
		}
		if a.Status != c.status || got != c.want {
			t.Errorf("%s ?%s %s: %d %s", c.method, c.query, c.body, a.Status, got)
		}
	}
}

// TestClaims checks which requests are answered in the protocol's shape without
// a signature.
func TestClaims(t *testing.T) {
	s := query.New("iam", parseModel(t), nil)
	for _, c := range []struct {
		method, path, contentType string
		want                      bool
	}{
		{"POST", "/", "application/x-www-form-urlencoded; charset=utf-8", true},
		{"GET", "/", "application/x-www-form-urlencoded", false},
		{"POST", "/bucket", "application/x-www-form-urlencoded", false},
		{"POST", "/", "application/json", false},
		{"POST", "/", "", false},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Header.Set("Content-Type", c.contentType)
		if s.Claims(r) != c.want {
			t.Errorf("%s %s %s: %v", c.method, c.path, c.contentType, !c.want)
		}
	}
}

var anyID = regexp.MustCompile(`<RequestId>[0-9A-F]{16}</RequestId>`)

func TestDocuments(t *testing.T) {
	s := newServer(t)
	for _, c := range []struct{ body, want string }{
		{"Action=Delete&Version=2010-05-08", `<DeleteResponse xmlns="https://example.com/doc/"><ResponseMetadata>ID</ResponseMetadata></DeleteResponse>`},
		{"Action=Echo&Version=2010-05-08&Name=a%2Bb&Note=%3C%26", `<EchoResponse xmlns="https://example.com/doc/"><EchoResult><JSON>{&#34;Name&#34;:&#34;a+b&#34;,&#34;Note&#34;:&#34;\u003c\u0026&#34;,&#34;Count&#34;:null,&#34;Flag&#34;:false,&#34;Status&#34;:&#34;&#34;,&#34;Keys&#34;:null,&#34;Tags&#34;:null}</JSON></EchoResult><ResponseMetadata>ID</ResponseMetadata></EchoResponse>`},
		{"Action=Fail&Version=2010-05-08", `<ErrorResponse xmlns="https://example.com/doc/"><Error><Type>Sender</Type><Code>InvalidInput</Code><Message>Invalid input.</Message></Error>ID</ErrorResponse>`},
	} {
		a := s.Post("iam", c.body)
		got := anyID.ReplaceAllString(a.Body, "ID")
		if diff := cmp.Diff(`<?xml version="1.0" encoding="UTF-8"?>`+"\n"+c.want, got); diff != "" {
			t.Errorf("%s: %s", c.body, diff)
		}
		if a.RequestID == "" {
			t.Errorf("%s: no request id", c.body)
		}
	}
}

// TestAuthenticationFailures checks that what fails before an operation is known
// is told as IAM and STS tell it.
func TestAuthenticationFailures(t *testing.T) {
	for _, c := range []struct {
		fail   *awserr.Error
		status int
		code   string
		text   string
	}{
		{awserr.InvalidAccessKeyID.With("AWSAccessKeyId", "AKIA"), 403, "InvalidClientTokenId", "The security token included in the request is invalid."},
		{awserr.InvalidToken, 403, "InvalidClientTokenId", "The security token included in the request is invalid."},
		{awserr.ExpiredToken, 403, "ExpiredToken", "The security token included in the request is expired"},
		{awserr.MissingAuthenticationToken, 403, "MissingAuthenticationToken", "Request is missing Authentication Token"},
		{awserr.AuthorizationHeaderMalformed.WithMessage("x"), 400, "IncompleteSignature", "x"},
		{awserr.AuthorizationQueryParametersError.WithMessage("x"), 400, "IncompleteSignature", "x"},
		{awserr.IncompleteSignature.WithMessage("x"), 400, "IncompleteSignature", "x"},
		{awserr.RequestTimeTooSkewed.WithMessage("x"), 403, "SignatureDoesNotMatch", "x"},
		{awserr.SignatureDoesNotMatch.WithMessage("No.").With("StringToSign", "S").With("CanonicalRequest", "C"), 403, "SignatureDoesNotMatch",
			"No.\n\nThe String-to-Sign should have been\n'S'\n\n\nThe Canonical String for this request should have been\n'C'\n"},
		{awserr.InternalError, 500, "ServiceFailure", "The request processing has failed because of an unknown error, exception or failure."},
	} {
		s := newServer(t)
		s.Fail = c.fail
		a := s.Post("iam", "Action=Delete&Version=2010-05-08")
		if a.Status != c.status || a.Code != c.code || a.Message != c.text {
			t.Errorf("%s: %d %s: %q", c.fail.Code, a.Status, a.Code, a.Message)
		}
		if want := map[bool]string{true: "Receiver", false: "Sender"}[c.status >= 500]; a.Value("Type") != want {
			t.Errorf("%s: the fault is the %s's", c.fail.Code, a.Value("Type"))
		}
	}
}

func TestDenied(t *testing.T) {
	s := newServer(t)
	s.Deny["iam:Test"] = true
	if a := s.Call("iam", "Delete"); a.Status != 403 || a.Code != "AccessDenied" || !strings.Contains(a.Message, "is not authorized to perform: iam:Test") {
		t.Errorf("%d %s: %s", a.Status, a.Code, a.Message)
	}
}

// TestDefine checks that no row can be made whose input overlooks a parameter.
func TestDefine(t *testing.T) {
	m := parseModel(t)
	for name, define := range map[string]func(){
		"unknown operation":   func() { define[struct{}](m, "Nonsense") },
		"unserved operation":  func() { define[struct{}](m, "Later") },
		"parameter not read":  func() { define[struct{ Name string }](m, "Echo") },
		"parameter not known": func() { define[struct{ Nonsense string }](m, "Delete") },
		"wrong type": func() {
			define[struct {
				Name   string
				Note   *string
				Count  *string
				Flag   bool
				Status string
				Keys   []string
				Tags   []tag
				Groups []group
			}](m, "Echo")
		},
		"member not read": func() {
			define[struct {
				Name   string
				Note   *string
				Count  *int
				Flag   bool
				Status string
				Keys   []string
				Tags   []struct{ Key string }
				Groups []group
			}](m, "Echo")
		},
		"no needs": func() {
			query.Define(m, query.Spec[struct{}, query.NoResult]{Name: "Delete", Serve: func(context.Context, *service.Request, *struct{}) (*query.NoResult, error) { return nil, nil }})
		},
		"nobody serves": func() {
			query.Define(m, query.Spec[struct{}, query.NoResult]{Name: "Delete", Needs: needNothing[struct{}]})
		},
		"twice": func() {
			row := define[struct{}](m, "Delete")
			query.New("iam", m, []service.Operation{row, row})
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it was defined")
				}
			}()
			define()
		})
	}
}

func define[In any](m *query.Model, name string) service.Operation {
	return query.Define(m, query.Spec[In, query.NoResult]{Name: name, Needs: needNothing[In], Serve: func(context.Context, *service.Request, *In) (*query.NoResult, error) {
		return &query.NoResult{}, nil
	}})
}

func TestParseModel(t *testing.T) {
	for _, bad := range []string{`{`, `{"shapes": {"a": {"type": "string", "pattern": "["}}}`} {
		if _, err := query.ParseModel([]byte(bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

// FuzzParameters checks that any body gets an answer, and that what is accepted
// is read the same when it is sent again in the plainest form.
func FuzzParameters(f *testing.F) {
	f.Add("Name=bob&Count=3&Flag=true&Keys.member.1=ab&Tags.member.1.Key=ab&Tags.member.1.Value=")
	f.Add("Name=bob&Keys=&Tags=&Note=")
	f.Add("Name=bob&Keys.member.2=ab")
	f.Add("Name=bob&Groups.member.1.Names=&Groups.member.2.Tags.member.1.Key=ab&Groups.member.2.Tags.member.1.Value=")
	f.Add("Name=bob&Name=bob")
	f.Add("%00=%ff&Name=%ff")
	f.Fuzz(func(t *testing.T, body string) {
		s := newServer(t)
		a := s.Post("iam", "Action=Echo&Version=2010-05-08&"+body)
		if a.Status != http.StatusOK {
			if a.Code == "" || a.Status >= 500 {
				t.Fatalf("%q: %d %s", body, a.Status, a.Body)
			}
			return
		}
		again := s.Post("iam", "Action=Echo&Version=2010-05-08&"+plain(t, a.Value("JSON")).Encode())
		if again.Value("JSON") != a.Value("JSON") {
			t.Errorf("%q is read as %s, and again as %s", body, a.Value("JSON"), again.Body)
		}
	})
}

// plain returns the parameters of an echoed input.
func plain(t *testing.T, text string) url.Values {
	var in map[string]any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&in); err != nil {
		t.Fatal(err)
	}
	v := url.Values{}
	for name, value := range in {
		addPlain(v, name, value)
	}
	return v
}

func addPlain(v url.Values, name string, value any) {
	switch x := value.(type) {
	case string:
		if x != "" || name != "Status" {
			v.Set(name, x)
		}
	case json.Number:
		v.Set(name, x.String())
	case bool:
		if x {
			v.Set(name, "true")
		}
	case []any:
		if len(x) == 0 {
			v.Set(name, "")
		}
		for i, e := range x {
			addPlain(v, name+".member."+strconv.Itoa(i+1), e)
		}
	case map[string]any:
		for member, e := range x {
			if e == nil { // an empty list
				e = ""
			}
			addPlain(v, name+"."+member, e)
		}
	}
}
