package eval

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/eval/evaltest"
)

// cases returns the lines of a file of cases.
func cases(t *testing.T, path string, least int) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var found []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if line := lines.Text(); line != "" && !strings.HasPrefix(line, "#") {
			found = append(found, line)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(found) < least {
		t.Fatalf("%s has %d cases, want %d or more", path, len(found), least)
	}
	return found
}

func TestCompileRefuses(t *testing.T) {
	for _, line := range cases(t, "testdata/refused.txt", 30) {
		f := strings.SplitN(line, " ", 4)
		doc, err := policy.Parse([]byte(f[3]))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		_, err = Compile(doc, Options{Type: policyTypes[f[0]]})
		e := (*policy.Error)(nil)
		if !errors.As(err, &e) || string(e.Code) != f[1] || e.Position.String() != f[2] {
			t.Errorf("%s: %+v", line, e)
		}
	}
}

func TestCompileNeedsType(t *testing.T) {
	doc, err := policy.Parse([]byte(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Compile(doc, Options{}); err == nil {
		t.Error("Compile without a type succeeds")
	}
}

func TestPublic(t *testing.T) {
	for _, line := range cases(t, "testdata/public.txt", 45) {
		f := strings.SplitN(line, " ", 3)
		text := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"},
			{"Effect":"Allow","Principal":%s,"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":%s}]}`, f[1], f[2])
		doc, err := policy.Parse([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		p, err := Compile(doc, Options{Type: Resource})
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if got := strconv.FormatBool(p.Public()); got != f[0] {
			t.Errorf("%s: %s", line, got)
		}
	}
}

// One public statement makes a policy public.
func TestPublicStatementAmongOthers(t *testing.T) {
	doc, err := policy.Parse([]byte(`{"Statement":[
		{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"s3:*","Resource":"*"},
		{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := Compile(doc, Options{Type: Resource}); err != nil || !p.Public() {
		t.Errorf("Public = %v, %v", p.Public(), err)
	}
}

// "Troubleshoot access denied error messages"
func TestBecause(t *testing.T) {
	for want, d := range map[string]Decision{
		"because no identity-based policy allows the s3:GetObject action":  {ImplicitDeny, Identity, nil, -1},
		"because no permissions boundary allows the s3:GetObject action":   {ImplicitDeny, PermissionsBoundary, nil, -1},
		"because no session policy allows the s3:GetObject action":         {ImplicitDeny, Session, nil, -1},
		"because no resource-based policy allows the s3:GetObject action":  {ImplicitDeny, Resource, nil, -1},
		"because no role trust policy allows the s3:GetObject action":      {ImplicitDeny, Trust, nil, -1},
		"because no service control policy allows the s3:GetObject action": {ImplicitDeny, ServiceControl, nil, -1},
		"with an explicit deny in an identity-based policy":                {ExplicitDeny, Identity, nil, 0},
		"with an explicit deny in a permissions boundary":                  {ExplicitDeny, PermissionsBoundary, nil, 0},
		"with an explicit deny in a session policy":                        {ExplicitDeny, Session, nil, 0},
		"with an explicit deny in a resource-based policy":                 {ExplicitDeny, Resource, nil, 0},
		"with an explicit deny in the role trust policy":                   {ExplicitDeny, Trust, nil, 0},
		"with an explicit deny in a service control policy":                {ExplicitDeny, ServiceControl, nil, 0},
		"with an explicit deny in a resource control policy":               {ExplicitDeny, ResourceControl, nil, 0},
		"": {Allowed, Identity, nil, 0},
	} {
		if got := d.Because("s3:GetObject"); got != want {
			t.Errorf("%+v: %q, want %q", d, got, want)
		}
	}
	if (Decision{}).Allowed() {
		t.Error("the zero Decision allows")
	}
}

// A trace names the first element that did not match, and the value it met.
func TestExplain(t *testing.T) {
	f, err := evaltest.Parse("", `policy p identity
{"Version":"2012-10-17","Statement":[
{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"},
{"Sid":"second","Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::c/*"},
{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":"Adele"}}},
{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}},
{"Effect":"Deny","NotAction":"s3:Get*","Resource":"*"},
{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}

as David
identity p
allowed s3:GetObject b/x`, somebody(t))
	if err != nil {
		t.Fatal(err)
	}
	_, trace := Explain(requestOfCase(f.Cases[0]), newScene(t).policies(&f.Cases[0].State))
	st := trace.Policies[0].Statements
	want := []struct {
		element, value string
		absent         bool
	}{{"Action", "s3:GetObject", false}, {"Resource", "arn:aws:s3:::b/x", false}, {"Condition", "David", false}, {"Condition", "", true}, {"NotAction", "s3:GetObject", false}, {"", "", false}}
	for i, w := range want {
		if got := st[i]; got.Element != w.element || strings.Join(got.Value, " ") != w.value || got.IsAbsent != w.absent || got.Matched != (w.element == "") {
			t.Errorf("statement %d: %+v", i, got)
		}
	}
	if c := st[2].Condition; c == nil || c.Key() != "aws:username" || c.Operator().Name != "StringEquals" {
		t.Errorf("condition %+v", c)
	}
	if st[1].Sid != "second" || st[1].Position.Line != 3 || st[1].Effect != policy.Allow {
		t.Errorf("statement 1: %+v", st[1])
	}
	if trace.Policies[0].Policy.Name() != "p" || trace.Policies[0].Policy.Type() != Identity {
		t.Errorf("policy %q", trace.Policies[0].Policy.Name())
	}
}

// What is compiled in a policy's place keeps its name, type and bindings.
func TestRecompile(t *testing.T) {
	parse := func(text string) *policy.Document {
		doc, err := policy.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	const arn, id = "arn:aws:iam::111111111111:user/David", "AIDADAVIDAAAAAAAAAAAA"
	grant := `{"Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/%s"}`
	before, err := Compile(parse(`{"Statement":`+fmt.Sprintf(grant, "a")+`}`), Options{Type: Resource, Name: "n", PrincipalIDs: map[string]string{arn: id}})
	if err != nil {
		t.Fatal(err)
	}
	after, err := before.Recompile(parse(`{"Statement":` + fmt.Sprintf(grant, "c") + `}`))
	if err != nil {
		t.Fatal(err)
	}
	if after.Name() != "n" || after.Type() != Resource {
		t.Errorf("%s %s", after.Name(), after.Type())
	}
	for _, of := range []struct {
		id, resource string
		allowed      bool
	}{{id, "c", true}, {id, "a", false}, {"AIDADAVIDBBBBBBBBBBBB", "c", false}} {
		r := &Request{Principal: Principal{Type: User, ARN: arn, AccountID: "111111111111", UniqueID: of.id}, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/" + of.resource}
		if got := Decide(r, &Policies{Resource: after}).Allowed(); got != of.allowed {
			t.Errorf("%+v: %v", of, got)
		}
	}
	if _, err := before.Recompile(parse(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)); err == nil {
		t.Error("a resource-based policy without Principal is compiled")
	}
}
