package accessfile

import (
	"bytes"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/keywright/keywright/policy/eval"
)

// opener reads the files of an archive.
func opener(a *txtar.Archive) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		for _, f := range a.Files {
			if f.Name == name {
				return f.Data, nil
			}
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
}

// listing writes problems as the files of testdata/problems do.
func listing(err error) string {
	var b strings.Builder
	problems, ok := err.(Problems)
	if !ok {
		return fmt.Sprint(err)
	}
	for _, p := range problems {
		b.WriteString(p.Error())
		if p.Hint != "" {
			b.WriteString(" | " + p.Hint)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestProblems reads the wrong files of testdata/problems, each of which ends
// with the problems that it has.
func TestProblems(t *testing.T) {
	paths, err := filepath.Glob("testdata/problems/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := a.Files[len(a.Files)-1]
			if want.Name != "problems" {
				t.Fatal("the last file is not problems")
			}
			total += bytes.Count(want.Data, []byte("\n"))
			_, err = Parse(a.Files[0].Name, a.Files[0].Data, opener(a))
			if diff := cmp.Diff(string(want.Data), listing(err)); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
	if total < 60 {
		t.Errorf("%d problems, want 60 or more", total)
	}
	t.Logf("%d problems", total)
}

// TestTexts reads texts that are no access file at all.
func TestTexts(t *testing.T) {
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 10), ", "))
	}
	for name, of := range map[string]struct{ file, text, want string }{
		"empty":        {"a.yaml", "", "a.yaml: the file is empty"},
		"empty JSON":   {"a.json", " \n", "a.json:2:1: the file is empty"},
		"comment":      {"a.yaml", "# nothing", "a.yaml: the file is empty"},
		"list":         {"a.yaml", "[]", "a.yaml:1:1: an access file must be a mapping, but is a list"},
		"two":          {"a.yaml", "a: b\n---\nc: d\n", "a.yaml: the file has more than one YAML document"},
		"syntax":       {"a.yaml", "account: x\nb: c: d", "a.yaml:2:5: mapping values are not allowed in this context"},
		"tab":          {"a.yaml", "cases:\n\t- x", "a.yaml:2:1: found character that cannot start any token"},
		"UTF-8":        {"a.yaml", "a: \xff", "a.yaml: the file is not UTF-8"},
		"JSON syntax":  {"a.json", "{\"account\": x}", "a.json:1:13: invalid character 'x' looking for beginning of value"},
		"JSON end":     {"a.json", "{\n\"account\": ", "a.json:2:12: the document ends too early"},
		"JSON behind":  {"a.json", "{}\n{}", "a.json:2:1: text stands behind the end of the document"},
		"JSON deep":    {"a.json", deep, "a.json:1:65: values stand in values more than 64 levels deep"},
		"deep":         {"a.yaml", "a: " + deep, "a.yaml:1:68: values stand in values more than 64 levels deep"},
		"deeper":       {"a.yaml", strings.Repeat("[", 20000), "a.yaml:1:10001: values stand in values more than 64 levels deep"},
		"large":        {"a.yaml", strings.Repeat("#", MaxSize+1), "a.yaml: the file is larger than 8 MiB"},
		"bomb":         {"a.yaml", bomb, "the aliases stand for more than 100000 values"},
		"loop":         {"a.yaml", "a: &a [*a]", "a.yaml:1:8: the alias *a stands within what it stands for"},
		"no anchor":    {"a.yaml", "a: *a", "a.yaml:1:4: unknown anchor 'a' referenced"},
		"tag":          {"a.yaml", "a: !Sub b\nc: !!binary aGk=\nd: !x {}", "a.yaml:1:4: the tag !Sub means nothing here\na.yaml:2:4: the tag !!binary means nothing here\na.yaml:3:4: the tag !x means nothing here"},
		"merge":        {"a.yaml", "a: &a {b: c}\nd: {<<: *a}", "a.yaml:2:5: the merge key << means nothing here"},
		"key":          {"a.yaml", "account: 123456789012\n? [a]\n: b", "a.yaml:2:3: a key must be a text, but is a list"},
		"many":         {"a.yaml", "account: 123456789012\n" + manyKeys(200), "a.yaml:101:1: an access file has no key \"k99\""},
		"many cases":   {"a.yaml", "account: 123456789012\ncases:\n" + strings.Repeat("- {}\n- x\n", 200), "a.yaml:42:3: a case must be a mapping, but is a text"},
		"byte order":   {"a.json", "\ufeff{\"account\": \"123456789012\"}", ""},
		"UTF-16 pairs": {"a.json", `{"account": "123456789012", "\ud83d\ude00": 1}`, "a.json:1:29: an access file has no key \"😀\""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(of.file, []byte(of.text), opener(&txtar.Archive{}))
			got := ""
			if err != nil {
				got = err.Error()
			}
			if !strings.HasSuffix(got, of.want) || of.want == "" && got != "" {
				t.Errorf("got %.300s\nwant %s", got, of.want)
			}
		})
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d: 1\n", i)
	}
	return b.String()
}

// manyCases is an access file of n cases, half of them allowed.
func manyCases(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`account: "123456789012"
policies:
  home:
    Version: "2012-10-17"
    Statement:
      - {Effect: Allow, Action: s3:ListBucket, Resource: "arn:aws:s3:::my-company", Condition: {StringLike: {"s3:prefix": ["home/${aws:username}/*"]}}}
      - {Effect: Allow, Action: "s3:*", Resource: "arn:aws:s3:::my-company/home/${aws:username}/*"}
  tls:
    Version: "2012-10-17"
    Statement: {Effect: Deny, Principal: "*", Action: "s3:*", Resource: ["arn:aws:s3:::my-company", "arn:aws:s3:::my-company/*"], Condition: {Bool: {"aws:SecureTransport": false}}}
  full: {Version: "2012-10-17", Statement: {Effect: Allow, Action: "*", Resource: "*"}}
principals:
  alice: {arn: "arn:aws:iam::123456789012:user/alice", identity: [home]}
  bob: {arn: "arn:aws:iam::123456789012:user/bob", identity: [home]}
resourcePolicies: {"arn:aws:s3:::my-company": tls}
serviceControlPolicies: [[full]]
resourceControlPolicies: [[full]]
cases:
`)
	for i := range n {
		fmt.Fprintf(&b, `  - name: folder %d
    principal: %s
    action: s3:GetObject
    resource: arn:aws:s3:::my-company/home/alice/x%d
    context: {"aws:SourceIp": 10.0.0.1, "s3:ExistingObjectTag/team": [a, b]}
    expect: %s
`, i, []string{"alice", "bob"}[i%2], i, []string{"allowed", "denied"}[i%2])
	}
	return b.Bytes()
}

// BenchmarkTenThousandCases reads a file of 10,000 cases, compiles its policies
// and decides every case.
func BenchmarkTenThousandCases(b *testing.B) {
	data := manyCases(10_000)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		f, err := Parse("access.yaml", data, nil)
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range f.Cases {
			if !c.Holds(eval.Decide(&c.Request, &c.Policies)) {
				b.Fatalf("%s: %s", c.Position, c.Name)
			}
		}
		if len(f.Cases) != 10_000 {
			b.Fatalf("%d cases", len(f.Cases))
		}
	}
}

// FuzzParse reads any text as a YAML and as a JSON file. What can be read is
// decided; what cannot has a problem with a place in the file.
func FuzzParse(f *testing.F) {
	f.Add(manyCases(2))
	f.Add([]byte(`{"account": "123456789012", "policies": {"p": {"Statement": {}}}, "cases": [{}]}`))
	f.Add([]byte("account: 123456789012\npolicies: {p: |\n  {\"Statement\": [}\n}"))
	f.Add([]byte("a: &a [*a]\n? b\n: c"))
	f.Add([]byte("cases: [" + strings.Repeat("{},", 200) + "]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{"access.yaml", "access.json"} {
			file, err := Parse(name, data, opener(&txtar.Archive{}))
			if err != nil {
				checkProblems(t, err, data)
				continue
			}
			for _, c := range file.Cases {
				eval.Decide(&c.Request, &c.Policies)
			}
		}
	})
}

func checkProblems(t *testing.T, err error, data []byte) {
	t.Helper()
	problems, ok := err.(Problems)
	if !ok || len(problems) == 0 || len(problems) > maxProblems+1 {
		t.Fatalf("%T: %v", err, err)
	}
	lines := bytes.Count(data, []byte("\n")) + bytes.Count(data, []byte("\r")) + bytes.Count(data, []byte("\u2028")) +
		bytes.Count(data, []byte("\u2029")) + bytes.Count(data, []byte("\u0085")) + 1
	for _, p := range problems {
		if p.Message == "" || p.Position.Line > lines+1 {
			t.Fatalf("%v, in a text of %d lines", p, lines)
		}
	}
}
