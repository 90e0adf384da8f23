package findings

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/edit"
	"github.com/keywright/keywright/policy/lint"
)

// documents are policies with faults at odd places: behind characters of several
// bytes, tabs, and the line ends of Windows; and bytes that are no policy.
var documents = []struct{ name, source string }{
	{"clean.json", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}`},
	{"utf8.json", "{\"Version\":\"2012-10-17\",\n\t\"Id\":\"Ä 漢字 😀\",\"Statement\":{\"Sid\":\"ä b\",\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"*\"}}"},
	{"windows.json", "{\r\n\"Version\":\"2012-10-17\",\r\n\"Statement\":{\"Effect\":\"allow\"}\r\n}\r\n"},
	{"empty.json", ""},
	{"cut.json", `{"Version":"2012-10-17","Statement":[{`},
	{"binary.json", "\x00\xff\xfe\x80{"},
	{"huge.json", `{"Statement":"` + strings.Repeat("x", policy.MaxSize)},
	{"bell.json", "{\"Version\":\"\x1b[31m\a\"}"},
	{"sub dir/a%b#c.json", `{"Statement":[]}`},
	{"-", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:HeadObject","Resource":"arn:aws:s3:::b/*"}}`},
}

func checked(t *testing.T) []File {
	t.Helper()
	var files []File
	for _, d := range documents {
		kind, guess := Guess([]byte(d.source))
		f := Check(d.name, []byte(d.source), kind, lint.Options{})
		f.Guess = guess
		files = append(files, f)
	}
	if n := Count(files, lint.Suggestion); n < len(files)-1 {
		t.Fatalf("%d findings in %d files", n, len(files))
	}
	return files
}

func TestGuess(t *testing.T) {
	for source, want := range map[string]lint.Kind{
		`{"Statement":{"Effect":"Allow","Action":"a:b","Resource":"*"}}`:                                                                    lint.Identity,
		`{"Statement":{"Effect":"Allow","Principal":"*","Action":"a:b","Resource":"*"}}`:                                                    lint.Bucket,
		`{"Statement":{"Effect":"Deny","NotPrincipal":"*","Action":"a:b","NotResource":"*"}}`:                                               lint.Bucket,
		`{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}`:                                                        lint.Trust,
		`{"Statement":[{"Effect":"Deny","Action":"a:b"},{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}`:                     lint.Trust,
		`{"Statement":[{"Effect":"Deny","Action":"a:b","Resource":"*"},{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}`: lint.Bucket,
		`{`: lint.Identity,
	} {
		if got, why := Guess([]byte(source)); got != want || (why == "") != (source == "{") {
			t.Errorf("%s is taken for a %s, because %q", source, got, why)
		}
	}
}

// What a person reads has the place, the line and a mark below what is meant,
// and no character that a terminal obeys.
func TestText(t *testing.T) {
	var b bytes.Buffer
	if err := Text(&b, checked(t), false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"utf8.json:2:35: ERROR UNSUPPORTED_SID: ",
		" 2 | \t\"Id\":\"Ä 漢字 😀\",\"Statement\":{\"Sid\":\"ä b\",\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"*\"}}\n" +
			"   | \t" + strings.Repeat(" ", 33) + "^^^^^\n",
		"windows.json:3:23: ERROR INVALID_EFFECT: ",
		" 3 | \"Statement\":{\"Effect\":\"allow\"}\n   |                       ^\n",
		"empty.json:1:1: ERROR JSON_SYNTAX_ERROR: ",
		"  why: ", "  fix: ", `\u001b[31m\u0007`,
		"clean.json: no findings; read as an identity-based policy, since it has no Principal (see --type)\n",
		" in 10 files: ", "huge.json:1:1: ERROR TOO_LARGE: ",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.ContainsAny(b.String(), "\x1b\a\x00") || strings.Contains(b.String(), "\r") {
		t.Errorf("control characters in\n%q", b.String())
	}
	var colourful bytes.Buffer
	if err := Text(&colourful, checked(t), true); err != nil {
		t.Fatal(err)
	}
	plainly := strings.NewReplacer(bold, "", red, "", yellow, "", cyan, "", plain, "").Replace(colourful.String())
	if plainly != b.String() || colourful.Len() == b.Len() {
		t.Errorf("colours change the text:\n%s", plainly)
	}
}

func TestLongLines(t *testing.T) {
	for _, before := range []int{0, 20, 33, 34, 66, 67, 99, 100, 101, 500} {
		for _, after := range []int{0, 1, 50, 99, 100, 500} {
			source := strings.Repeat("ä", before) + "XY" + strings.Repeat("ö", after)
			f := File{Name: "f", Source: []byte(source)}
			at := policy.Position{Offset: 2 * before, Line: 1, Column: 1 + before}
			end := policy.Position{Offset: 2*before + 2, Line: 1, Column: 3 + before}
			f.Findings = []Finding{{Finding: lint.Finding{Code: "X", Position: at}, End: end}}
			var b bytes.Buffer
			if err := Text(&b, []File{f}, false); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(b.String(), "\n")
			shown, mark := []rune(lines[1]), []rune(lines[2])
			i := strings.IndexRune(lines[2], '^')
			i = len([]rune(lines[2][:max(i, 0)]))
			if len(mark) != i+2 || string(shown[i:i+2]) != "XY" || len(shown) > widest+8 {
				t.Errorf("%d before, %d after:\n%s\n%s", before, after, lines[1], lines[2])
			}
		}
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, checked(t)); err != nil {
		t.Fatal(err)
	}
	var report struct {
		Files, Findings []map[string]any
	}
	if err := json.Unmarshal(b.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Files) != len(documents) || len(report.Findings) < len(documents)-1 {
		t.Fatalf("%d files, %d findings", len(report.Files), len(report.Findings))
	}
	for _, f := range report.Findings {
		for _, name := range []string{
			"file", "code", "severity", "line", "column", "endLine", "endColumn", "path", "message", "why", "fix", "fixable", "learnMore",
		} {
			if f[name] == nil || f[name] == "" || f[name] == 0 {
				t.Errorf("a finding has no %s: %v", name, f)
			}
		}
	}
	b.Reset()
	if err := JSON(&b, nil); err != nil || b.String() != "{\n  \"files\": [],\n  \"findings\": []\n}\n" {
		t.Errorf("nothing is %s, %v", b.String(), err)
	}
}

// TestSARIF holds the log to the schema that OASIS publishes for SARIF 2.1.0.
func TestSARIF(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	files := checked(t)
	files[1].Findings[0].Fix = &lint.Fix{Description: "say it otherwise", Edits: []edit.Edit{{Start: 30, End: 32, Text: "x"}, {Start: 32, End: 40}}}
	for _, list := range [][]File{files, nil} {
		var b bytes.Buffer
		if err := SARIF(&b, list, "v1"); err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(&b)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(document); err != nil {
			t.Errorf("%+v", err)
		}
	}
	var log sarifLog
	var b bytes.Buffer
	if err := SARIF(&b, files, "v1"); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if len(run.Results) != Count(files, lint.Suggestion) || len(run.Results[0].Fixes[0].Changes[0].Replacements) != 2 {
		t.Errorf("%d results, first %+v", len(run.Results), run.Results[0])
	}
	for _, r := range run.Results {
		if run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID || r.Locations[0].Physical.Region.StartLine < 1 || r.Level == "" {
			t.Errorf("result %+v", r)
		}
	}
	for name, want := range map[string]string{"-": "stdin", "./a b.json": "a%20b.json", "/x/a#b.json": "file:///x/a%23b.json", "a:b.json": "./a:b.json"} {
		if got := uri(name); got != want {
			t.Errorf("the reference of %s is %s, want %s", name, got, want)
		}
	}
}

// The schema must be able to say no.
func TestSchemaRefuses(t *testing.T) {
	text, err := os.ReadFile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(text) < 100_000 {
		t.Errorf("the schema has %d bytes", len(text))
	}
	schema, err := jsonschema.NewCompiler().Compile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(`{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"k"}},"results":[{"message":{}}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if schema.Validate(document) == nil {
		t.Error("a result without a message passes")
	}
}

// Where more is wrong than is told, that is told.
func TestManyFindings(t *testing.T) {
	source := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:GetObject"` + strings.Repeat(`,"s3:PutObjectAcl"`, 2*lint.MaxFindings) +
		`],"Resource":"arn:aws:s3:::b/*"}}`
	f := Check("f", []byte(source), lint.Identity, lint.Options{})
	var text, document bytes.Buffer
	if err := errors.Join(Text(&text, []File{f}, false), JSON(&document, []File{f})); err != nil {
		t.Fatal(err)
	}
	if !f.IsCut() || !strings.Contains(text.String(), "f: no more than 1000 findings are told") || !strings.Contains(document.String(), `"cut": true`) {
		t.Errorf("%d findings, cut: %v", len(f.Findings), f.IsCut())
	}
}

// TestEncode writes what reads back as it was, and does nothing to a terminal.
func TestEncode(t *testing.T) {
	const text = "a\x1b[31m\u007f\u009b\u202e\U000e0001é\U0001f0a1<&>\n"
	var b strings.Builder
	if err := Encode(&b, []string{text}); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(b.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("raw: %q", b.String()[i:])
	}
	if !strings.Contains(b.String(), "é\U0001f0a1<&>") {
		t.Errorf("more is escaped than need be: %s", b.String())
	}
	var back []string
	if err := json.Unmarshal([]byte(b.String()), &back); err != nil || len(back) != 1 || back[0] != text {
		t.Errorf("%v: reads back as %q, not %q", err, back, text)
	}
}
