package lint

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/keywright/keywright/policy"
)

// Every check of Access Analyzer's page is a code, or is listed with the reason
// why it is none.
func TestAccessAnalyzer(t *testing.T) {
	text, err := os.ReadFile("testdata/access-analyzer.txt")
	if err != nil {
		t.Fatal(err)
	}
	omitted := map[string]string{}
	for _, o := range NotApplicable() {
		if o.Reason == "" {
			t.Errorf("%s is not looked for, without a reason", o.IssueCode)
		}
		omitted[o.IssueCode] = o.Reason
	}
	checks := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.SplitN(strings.TrimSpace(line), " ", 3)
		severity, code, name := fields[0], fields[1], fields[2]
		checks[code] = true
		e, ok := LookupCode(policy.Code(code))
		switch {
		case ok && omitted[code] != "":
			t.Errorf("%s is a code and is listed as none", code)
		case ok && (e.IssueCode != code || e.Severity.String() != severity || e.Title != name):
			t.Errorf("%s is %s, %q, with the issue code %q; Access Analyzer has %s, %q", code, e.Severity, e.Title, e.IssueCode, severity, name)
		case !ok && omitted[code] == "":
			t.Errorf("%s is neither a code nor listed as none", code)
		}
	}
	if len(checks) != 151 {
		t.Errorf("the page has %d checks, want 151", len(checks))
	}
	for _, e := range Codes() {
		if e.IssueCode != "" && !checks[e.IssueCode] {
			t.Errorf("%s says that it is a code of Access Analyzer, and is not on the page", e.Code)
		}
	}
	for code := range omitted {
		if !checks[code] {
			t.Errorf("%s is listed as not looked for, and is not on the page", code)
		}
	}
	t.Logf("%d checks, %d of them not looked for", len(checks), len(omitted))
}

// What the API refuses is among the findings, and nothing else is marked so.
func TestRefused(t *testing.T) {
	seen := 0
	for _, e := range Codes() {
		for i := range e.Examples {
			x := &e.Examples[i]
			_, refusals := Parse(x.Source(), x.Kind, x.Options)
			_, findings := Validate(x.Source(), x.Kind, x.Options)
			refused := false
			for _, f := range findings {
				refused = refused || f.Refused
			}
			if refused != (len(refusals) > 0) {
				t.Errorf("%s: the API refuses it with %s, and Validate finds %s\n%s", e.Code, list(refusals), list(findings), x.Document)
			}
			seen++
		}
	}
	if seen < 150 {
		t.Errorf("%d examples, want 150 or more", seen)
	}
}

// Whole documents have the findings that they should have, and no others.
func TestDocuments(t *testing.T) {
	text, err := os.ReadFile("testdata/documents.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(string(text), "\nsource ")[1:]
	for _, c := range cases {
		source, rest, _ := strings.Cut(c, "\ndocument ")
		name, rest, _ := strings.Cut(rest, "\n")
		document, want, ok := strings.Cut(rest, "\nfindings\n")
		kind, known := ParseKind(name)
		if !ok || !known {
			t.Fatalf("%s: malformed", source)
		}
		_, findings := Validate([]byte(document), kind, Options{})
		got := ""
		for _, f := range findings {
			if e, ok := LookupCode(f.Code); ok && e.IssueCode != "" {
				got += string(f.Code) + " " + f.Position.String()
				for _, at := range f.Also {
					got += " " + at.String()
				}
				got += "\n"
			}
		}
		if strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s:\n%s\nfound\n%swant\n%s", source, document, got, want)
		}
	}
	if len(cases) < 12 {
		t.Errorf("%d documents, want 12 or more", len(cases))
	}
}

// Single values are judged by their form.
func TestForms(t *testing.T) {
	text, err := os.ReadFile("testdata/forms.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		cases++
		fields := strings.Split(line, " | ")
		kind, ok := ParseKind(fields[0])
		if !ok || len(fields) != 3 {
			t.Fatalf("malformed: %s", line)
		}
		_, findings := Validate([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow",`+fields[1]+`}}`), kind, Options{})
		var got []string
		for _, f := range findings {
			if e, ok := LookupCode(f.Code); ok && e.IssueCode != "" {
				got = append(got, string(f.Code))
			}
		}
		if want := strings.TrimSuffix(fields[2], "-"); strings.Join(got, " ") != want {
			t.Errorf("%s\nfound %s", line, list(findings))
		}
	}
	if cases < 70 {
		t.Errorf("%d cases, want 70 or more", cases)
	}
	t.Logf("%d cases", cases)
}

// Only the first findings are returned of a document with many.
func TestManyFindings(t *testing.T) {
	document := large(10000, `{"Sid":"","Effect":"Allow","Action":"s3:Nothing","Resource":"arn:aws:s3:::b/%d"}`)
	_, findings := Validate(document, Identity, Options{})
	if len(findings) != MaxFindings {
		t.Errorf("%d findings, want %d", len(findings), MaxFindings)
	}
}

// large returns a policy of n statements, in each of which its number stands.
func large(n int, statement string) []byte {
	var b bytes.Buffer
	b.WriteString(`{"Version":"2012-10-17","Statement":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, statement, i)
	}
	b.WriteString("]}")
	return b.Bytes()
}

// costly are documents that would be if the cost grew faster than their size.
var costly = []struct {
	name string
	kind Kind
	make func(n int) []byte
}{
	{"statements", Identity, func(n int) []byte {
		return large(n/90, `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/%d/*"}`)
	}},
	{"faults", Identity, func(n int) []byte {
		return large(n/90, `{"Sid":"","Effect":"Allow","Action":"s3:GetObjects","Resource":"arn:aws:s3:::b/%d/*"}`)
	}},
	{"actions", Identity, func(n int) []byte {
		return []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Resource":"*","Action":["` + strings.Repeat(`s3:G*t?","`, n/12) + `s3:*"]}}`)
	}},
	{"patterns", Identity, func(n int) []byte {
		return []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":[` +
			repeat(n/40, `"arn:aws:s3:::bucket/*a*b*c*/%d/*",`) + `"arn:aws:s3:::c"]}}`)
	}},
	{"keys", Identity, func(n int) []byte {
		return conditional("StringLikeIfExists", repeat(n/40, `"aws:PrincipalTag/%d":["*","a"],`))
	}},
	{"qualifiers", Identity, func(n int) []byte {
		return conditional("ForAllValues:StringEquals", repeat(n/40, `"aws:PrincipalTag/%d":["b","a"],`))
	}},
	{"keys of S3", Bucket, func(n int) []byte {
		return conditional("StringEquals", repeat(n/40, `"s3:ExistingObjectTag/%d":["b","a"],`))
	}},
	{"unknown keys", Bucket, func(n int) []byte { return conditional("StringEquals", repeat(n/40, `"s3:Nothing%d":["b","a"],`)) }},
	{"providers", Trust, func(n int) []byte {
		return []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":{"Federated":[` +
			repeat(n/60, `"p%d.example",`) + `"q.example"]},"Condition":{"StringEquals":{` + repeat(n/60, `"p%d.example:sub":"a",`) + `"q.example:aud":"a"}}}}`)
	}},
}

func repeat(n int, text string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, text, i)
	}
	return b.String()
}

func conditional(operator, keys string) []byte {
	return []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{"` +
		operator + `":{` + keys + `"s3:prefix":"a"}}}}`)
}

func BenchmarkValidate(b *testing.B) {
	for _, c := range costly {
		for _, size := range []int{2000, 20000, 1000000} {
			document := c.make(size)
			b.Run(fmt.Sprintf("%s/%dKB", c.name, size/1000), func(b *testing.B) {
				b.SetBytes(int64(len(document)))
				for b.Loop() {
					if doc, findings := Validate(document, c.kind, Options{}); doc == nil || len(findings) > MaxFindings {
						b.Fatal(len(findings), findings)
					}
				}
			})
		}
	}
}
