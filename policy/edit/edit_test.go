package edit

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keywright/keywright/policy"
)

// The file of cases holds a document, an edit in words, and the document after
// it, each under a line that begins with "--".
func TestEdits(t *testing.T) {
	text, err := os.ReadFile("testdata/edits.txt")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "\n-- ")[1:]
	var document string
	cases := 0
	for _, b := range blocks {
		head, body, _ := strings.Cut(b, "\n")
		body = strings.TrimRight(body, "\n")
		if head == "document" {
			document = body
			continue
		}
		cases++
		d, err := policy.Parse([]byte(document))
		if err != nil {
			t.Fatalf("%s: %v", document, err)
		}
		got, err := Apply(d.Bytes(), made(t, Of(d), strings.Fields(head))...)
		if err != nil {
			t.Errorf("%s: %v", head, err)
			continue
		}
		if string(got) != body {
			t.Errorf("%s of\n%s\n got %s\nwant %s", head, document, got, body)
		}
		if _, err := policy.Parse(got); err != nil {
			t.Errorf("%s: %v\n%s", head, err, got)
		}
	}
	if cases < 25 {
		t.Errorf("%d cases, want 25 or more", cases)
	}
}

func made(t *testing.T, d *Document, words []string) []Edit {
	t.Helper()
	s := &d.Statements[0]
	arg := strings.NewReplacer("_", " ").Replace(strings.Join(words[1:], " "))
	indexes := func() (list []int) {
		for _, w := range words[1:] {
			n, err := strconv.Atoi(w)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, n)
		}
		return list
	}
	must := func(e []Edit, ok bool) []Edit {
		if !ok {
			t.Fatalf("%v is refused", words)
		}
		return e
	}
	switch words[0] {
	case "add-action":
		return []Edit{d.AddValue(s.Action, arg)}
	case "add-two-actions":
		return []Edit{d.AddValue(s.Action, words[1]), d.AddValue(s.Action, words[2])}
	case "remove-actions":
		return must(d.RemoveValues(s.Action, indexes()...))
	case "remove-statements":
		return must(d.RemoveStatements(indexes()...))
	case "replace-action":
		return []Edit{d.ReplaceText(s.Action.List[0].Position, arg)}
	case "rename-action":
		return []Edit{d.ReplaceText(s.Action.Position, arg)}
	case "add-principal":
		return []Edit{d.AddPrincipal(s.Principal, policy.AWS, arg)}
	case "add-service":
		return []Edit{d.AddPrincipal(s.Principal, policy.Service, arg)}
	case "add-statement":
		return []Edit{d.AddStatement(arg)}
	case "add-element":
		return []Edit{d.AddElement(s, words[1], strings.Join(words[2:], " "))}
	case "add-operator":
		return []Edit{d.AddMember(d.ValuePosition(s.ConditionPosition), words[1], strings.Join(words[2:], " "))}
	case "remove-sid":
		l := d.locate(s.Sid.Position)
		name := strings.LastIndex(d.source[:l.Start.Offset], `"Sid"`)
		return []Edit{d.RemoveMember(d.PositionAt(name))}
	case "remove-condition":
		return []Edit{d.RemoveMember(s.ConditionPosition)}
	case "remove-operator":
		return []Edit{d.RemoveMember(s.Condition[0].Name.Position)}
	case "set-version":
		return []Edit{d.SetVersion(arg)}
	}
	t.Fatalf("there is no edit %q", words[0])
	return nil
}

func TestRefused(t *testing.T) {
	d, err := policy.Parse([]byte(`{"Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":"*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	of := Of(d)
	if e, ok := of.RemoveStatements(0); ok {
		t.Errorf("the only statement goes with %+v", e)
	}
	if e, ok := of.RemoveValues(d.Statements[0].Action, 0, 0); ok {
		t.Errorf("the only action goes with %+v", e)
	}
	for _, edits := range [][]Edit{{{3, 5, ""}, {4, 6, ""}}, {{-1, 0, ""}}, {{5, 4, ""}}, {{0, 10_000, ""}}} {
		if _, err := Apply(d.Bytes(), edits...); !errors.Is(err, ErrOverlap) {
			t.Errorf("%v: %v", edits, err)
		}
	}
}

// Whatever the layout: what was not touched stays, and what was added is there.
func TestEveryLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		white := func() string {
			return rapid.SampledFrom([]string{"", " ", "\n", "\n    ", "\t", "\r\n  "}).Draw(t, "white")
		}
		list := func() string {
			values := rapid.SliceOfN(rapid.SampledFrom([]string{`"s3:Get*"`, `"a:b"`, `"\u00e9:\"x"`}), 1, 3).Draw(t, "values")
			if len(values) == 1 && rapid.Bool().Draw(t, "bare") {
				return values[0]
			}
			return "[" + white() + strings.Join(values, white()+","+white()) + white() + "]"
		}
		statement := func() string {
			return "{" + white() + `"Effect"` + white() + ":" + white() + `"Allow",` + white() + `"Action":` + white() + list() +
				"," + white() + `"Resource":"*"` + white() + "}"
		}
		statements := statement()
		if n := rapid.IntRange(0, 3).Draw(t, "more"); n > 0 {
			statements = "[" + white() + statements
			for range n - 1 {
				statements += white() + "," + white() + statement()
			}
			statements += white() + "]"
		}
		source := "{" + white() + `"Statement"` + white() + ":" + white() + statements + white() + "}" + white()
		d, err := policy.Parse([]byte(source))
		if err != nil {
			t.Fatalf("%v in %s", err, source)
		}
		of, last := Of(d), &d.Statements[len(d.Statements)-1]
		edits := []Edit{
			of.AddValue(last.Action, "x:\"y"), of.SetVersion("2012-10-17"),
			of.AddElement(last, "Sid", `"new"`),
		}
		got, err := Apply(d.Bytes(), edits...)
		if err != nil {
			t.Fatal(err)
		}
		after, err := policy.Parse(got)
		if err != nil {
			t.Fatalf("%v in %s", err, got)
		}
		end := &after.Statements[len(after.Statements)-1]
		if n := len(last.Action.List); len(end.Action.List) != n+1 || end.Action.List[n].Text != "x:\"y" || end.Sid.Text != "new" || after.Version.Text != "2012-10-17" {
			t.Fatalf("%s became %s", source, got)
		}
		for i := range last.Action.List {
			if one, ok := of.RemoveValues(last.Action, i); ok {
				got, err := Apply(d.Bytes(), one...)
				if err != nil {
					t.Fatal(err)
				}
				if after, err := policy.Parse(got); err != nil || len(after.Statements[len(d.Statements)-1].Action.List) != len(last.Action.List)-1 {
					t.Fatalf("%v: %s became %s", err, source, got)
				}
			}
		}
	})
}
