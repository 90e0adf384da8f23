package policy

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParseRefuses(t *testing.T) {
	f, err := os.Open("testdata/errors.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cases := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cases++
		word := strings.SplitN(line, " ", 3)
		document, err := strconv.Unquote(word[2])
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		_, err = Parse([]byte(document))
		e := (*Error)(nil)
		if !errors.As(err, &e) {
			t.Errorf("%s: no error", line)
			continue
		}
		if string(e.Code) != word[0] || e.Position.String() != word[1] {
			t.Errorf("%s: %s %v", line, e.Code, e)
		}
		if !strings.HasPrefix(e.Error(), word[1]+": ") {
			t.Errorf("%s: the text %q does not begin with the position", line, e.Error())
		}
	}
	if cases < 70 {
		t.Errorf("%d cases, want 70 or more", cases)
	}
}

// TestWhatNobodySees names what editors and shells write before a document.
func TestWhatNobodySees(t *testing.T) {
	for document, want := range map[string]string{
		"\ufeff{}": "byte order mark", "\xff\xfe{\x00}\x00": "UTF-16", "\xfe\xff\x00{\x00}": "UTF-16", " \r\n": "empty", "": "empty",
	} {
		if _, err := Parse([]byte(document)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", document, err, want)
		}
	}
}

const full = `{
  "Version": "2012-10-17",
  "Id": "id",
  "Statement": [
    {"Sid": "é", "Effect": "Allow", "Principal": {"AWS": ["*", "111111111111"], "Service": "x.amazonaws.com"},
     "Action": "s3:GetObject", "Resource": [],
     "Condition": {"NumericLessThan": {"n": [1.50, "2"]}, "Bool": {"b": true}}},
    {"Effect": "Deny", "NotPrincipal": "*", "NotAction": ["a:b"], "NotResource": "\u0041\/\ud83d\ude00"}
  ]
}
`

func TestParse(t *testing.T) {
	d, err := Parse([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	if string(d.Bytes()) != full {
		t.Error("Bytes are not those that were parsed")
	}
	if d.Version.Text != Version2012 || !d.HasVariables() || d.ID.Text != "id" || len(d.Statements) != 2 {
		t.Errorf("document %+v", d)
	}
	first, second := &d.Statements[0], &d.Statements[1]
	if first.Effect != Allow || first.Sid.Text != "é" || second.Effect != Deny || second.Sid.IsPresent() {
		t.Errorf("statements %+v", d.Statements)
	}
	at := func(line, column int) string { return Position{Line: line, Column: column}.String() }
	for _, tt := range []struct{ what, got, want string }{
		{"first statement", first.Position.String(), at(5, 5)},
		{"Effect, after a character of two bytes", first.EffectPosition.String(), at(5, 28)},
		{"Principal", first.Principal.Position.String(), at(5, 37)},
		{"second name", first.Principal.List[1].Value.Position.String(), at(5, 64)},
		{"action", first.Action.List[0].Position.String(), at(6, 16)},
		{"number", first.Condition[0].Keys[0].Values.List[0].Position.String(), at(7, 46)},
		{"NotAction", second.NotAction.Position.String(), at(8, 45)},
	} {
		if tt.got != tt.want {
			t.Errorf("%s stands at %s, want %s", tt.what, tt.got, tt.want)
		}
	}
	if v := first.Condition[0].Keys[0].Values.List[0]; v.Text != "1.50" || v.Kind != Number {
		t.Errorf("number %+v", v)
	}
	if v := first.Condition[1].Keys[0].Values; v.List[0].Text != "true" || v.List[0].Kind != Boolean || v.IsArray {
		t.Errorf("boolean %+v", v)
	}
	if first.Resource == nil || len(first.Resource.List) != 0 || !first.Resource.IsArray {
		t.Errorf("empty array %+v", first.Resource)
	}
	if got := second.NotResource.List[0].Text; got != "A/😀" {
		t.Errorf("escapes give %q", got)
	}
	if second.NotPrincipal.Any.Text != "*" || second.Principal != nil {
		t.Errorf("NotPrincipal %+v", second.NotPrincipal)
	}
	named := d.Principals()
	if len(named) != 3 || named[1].Value.Text != "111111111111" || named[1].Type != AWS || named[2].Type.String() != "Service" || named[0].Not {
		t.Errorf("principals %+v", named)
	}
}

// A lone statement is the same as an array of one.
func TestSingleStatement(t *testing.T) {
	statement := `{"Effect":"Allow","Action":"a:b","Resource":"*"}`
	one, err1 := Parse([]byte(`{"Statement": ` + statement + `}`))
	many, err2 := Parse([]byte(`{"Statement":[` + statement + `]}`))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if diff := cmp.Diff(one.Statements, many.Statements); diff != "" {
		t.Error(diff)
	}
	if one.HasVariables() || one.Version.IsPresent() {
		t.Error("a document without Version has variables")
	}
}

func TestTooLarge(t *testing.T) {
	_, err := Parse([]byte("{" + strings.Repeat(" ", MaxSize)))
	if e := (*Error)(nil); !errors.As(err, &e) || e.Code != TooLarge {
		t.Errorf("error %v, want %s", err, TooLarge)
	}
}

// An object of many members is searched for duplicates as one of few.
func TestManyMembers(t *testing.T) {
	for _, n := range []int{2, 15, 16, 17, 18, 40} {
		for _, twice := range []int{0, n / 2, n - 1} {
			var b strings.Builder
			for i := range n {
				b.WriteString(`"k` + strconv.Itoa(i) + `":1,`)
			}
			members := b.String() + `"k` + strconv.Itoa(twice) + `":1`
			_, err := Parse([]byte(`{"Statement":{"Condition":{"NumericEquals":{` + members + `}}}}`))
			if e := (*Error)(nil); !errors.As(err, &e) || e.Code != DuplicateElement {
				t.Errorf("%d members, the %dth twice: %v", n, twice, err)
			}
		}
	}
}

// What Parse takes as JSON, encoding/json takes too, and strings read alike.
func TestStringsAsEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "sid")
		quoted, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		d, perr := Parse([]byte(`{"Statement":{"Sid":` + string(quoted) + `,"Effect":"Allow"}}`))
		if perr != nil {
			t.Fatal(perr)
		}
		var want string
		if err := json.Unmarshal(quoted, &want); err != nil || d.Statements[0].Sid.Text != want {
			t.Fatalf("Sid %q, want %q", d.Statements[0].Sid.Text, want)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(`{"Statement":{"Effect":"Allow","Action":["a:b"],"Resource":"*","Condition":{"Null":{"k":[true,1e5,"x"]}}}}`))
	f.Add([]byte("{\"a\":\"\\ud800\xff\"}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse(data)
		if err != nil {
			e := (*Error)(nil)
			if !errors.As(err, &e) || e.Code == "" || !e.Position.IsValid() || e.Position.Offset > len(data) {
				t.Fatalf("error %#v", err)
			}
			return
		}
		if string(d.Bytes()) != string(data) {
			t.Fatal("Bytes are not those that were parsed")
		}
		if !json.Valid(data) {
			t.Fatal("encoding/json does not take what Parse takes")
		}
		for _, s := range d.Statements {
			if s.Effect != Allow && s.Effect != Deny || !s.Position.IsValid() {
				t.Fatalf("statement %+v", s)
			}
			for _, element := range []*Values{s.Action, s.NotAction, s.Resource, s.NotResource} {
				if element != nil && len(data) < 1<<12 {
					checkValues(t, d, element.List)
				}
			}
		}
	})
}

// checkValues finds each value where it is said to stand, as encoding/json reads
// it.
func checkValues(t *testing.T, d *Document, values []Value) {
	for _, v := range values {
		l, ok := d.Locate(v.Position.Offset)
		if !ok || l.Start != v.Position {
			t.Fatalf("%+v is located at %+v", v, l)
		}
		var text string
		if err := json.Unmarshal(d.Bytes()[l.Start.Offset:l.End.Offset], &text); err != nil || text != v.Text {
			t.Fatalf("%+v is %q: %v", v, text, err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(full)))
	for b.Loop() {
		if _, err := Parse([]byte(full)); err != nil {
			b.Fatal(err)
		}
	}
}
