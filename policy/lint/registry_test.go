package lint

import (
	"bytes"
	"strings"
	"testing"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/edit"
	"github.com/keywright/keywright/policy/eval"
)

// Every code is explained, and has an example in which it is found and one in
// which it is not.
func TestCodes(t *testing.T) {
	examples, fixes := 0, 0
	for _, e := range Codes() {
		if e.Title == "" || e.What == "" || len(e.Kinds) == 0 {
			t.Errorf("%s has no title, says not what it is, or is for no type of policy", e.Code)
		}
		if e.Shown() && (e.Why == "" || e.Fix == "") {
			t.Errorf("%s does not say why it matters, or what to do about it", e.Code)
		}
		if len(e.Examples) == 0 {
			t.Errorf("%s has no example", e.Code)
		}
		for i := range e.Examples {
			examples++
			if checkExample(t, e, &e.Examples[i]) {
				fixes++
			}
		}
	}
	t.Logf("%d codes, %d examples, %d fixes", len(Codes()), examples, fixes)
	if len(Codes()) < 40 || examples < 40 {
		t.Error("there are too few codes or examples")
	}
}

// checkExample checks one example of a code. It reports whether it has a fix.
func checkExample(t *testing.T, e *Entry, x *Example) bool {
	t.Helper()
	source := x.Source()
	if !e.Applies(x.Kind) {
		t.Errorf("%s: an example of a type that it is not for: %s", e.Code, x.Kind)
	}
	if len(e.ReportedAs) > 0 {
		_, refusals := Parse(source, x.Kind, x.Options)
		if find(refusals, e.Code, x.At) == nil {
			t.Errorf("%s at %s: the API refuses it with %s\n%s", e.Code, x.At, list(refusals), x.Document)
		}
	}
	doc, findings := Validate(source, x.Kind, x.Options)
	f := find(findings, e.Code, x.At)
	for _, code := range e.ReportedAs {
		if g := find(findings, code, ""); f == nil && g != nil && g.Refused {
			f = g
		}
	}
	if f == nil {
		t.Errorf("%s at %s: found %s\n%s", e.Code, x.At, list(findings), x.Document)
		return false
	}
	checkFindings(t, doc, findings)
	without := x.Without
	if without == "" {
		without = x.Fixed
	}
	if without == "" {
		t.Errorf("%s: there is no document without it", e.Code)
	}
	doc, findings = Validate([]byte(without), x.Kind, x.Options)
	checkFindings(t, doc, findings)
	if g := find(findings, f.Code, ""); g != nil {
		t.Errorf("%s is found at %s of a document without it\n%s", e.Code, g.Position, without)
	}
	return checkFix(t, e, x, f)
}

// checkFix checks that a finding has the fix that its example shows.
func checkFix(t *testing.T, e *Entry, x *Example, f *Finding) bool {
	t.Helper()
	if f.Fix == nil {
		if x.Fixed != "" {
			t.Errorf("%s at %s has no fix", e.Code, x.At)
		}
		return false
	}
	fixed, err := edit.Apply(x.Source(), f.Fix.Edits...)
	if err != nil || f.Fix.Description == "" {
		t.Errorf("%s at %s: fix %q: %v", e.Code, x.At, f.Fix.Description, err)
	}
	if !bytes.Equal(fixed, []byte(x.Fixed)) {
		t.Errorf("%s at %s: fixed\n%swant\n%s", e.Code, x.At, fixed, x.Fixed)
	}
	doc, findings := Validate(fixed, x.Kind, x.Options)
	if doc == nil {
		t.Fatalf("%s at %s: the fixed document does not parse: %s", e.Code, x.At, list(findings))
	}
	if _, err := eval.Compile(doc, eval.Options{Type: x.Kind}); err != nil {
		t.Errorf("%s at %s: the fixed document does not compile: %v", e.Code, x.At, err)
	}
	if find(findings, f.Code, "") != nil {
		t.Errorf("%s at %s is still found in the fixed document\n%s", e.Code, x.At, fixed)
	}
	return true
}

// checkFindings checks what holds for all findings of a document.
func checkFindings(t *testing.T, doc *policy.Document, findings []Finding) {
	t.Helper()
	var locator *policy.Locator
	if doc != nil {
		locator = doc.Locator()
	}
	for i := range findings {
		f := &findings[i]
		e, ok := LookupCode(f.Code)
		if !ok || !e.Shown() {
			t.Errorf("%s at %s is reported, and is no code that Validate reports", f.Code, f.Position)
			continue
		}
		if f.Message == "" || strings.Contains(f.Message, "%!") || f.Severity != e.Severity || !e.Applies(f.Kind) {
			t.Errorf("finding %+v does not go with its code, or has no message", *f)
		}
		if doc == nil {
			continue
		}
		for _, at := range f.Also {
			if _, ok := locator.Locate(at.Offset); !ok {
				t.Errorf("%s at %s: nothing begins at %s", f.Code, f.Position, at)
			}
		}
		l, ok := locator.Locate(f.Position.Offset)
		if !ok {
			t.Errorf("%s at %s: nothing begins there", f.Code, f.Position)
		}
		statement := -1
		if len(l.Path) > 0 && l.Path[0].Name == "Statement" {
			statement = 0
			if len(l.Path) > 1 && l.Path[1].IsIndex {
				statement = l.Path[1].Index
			}
		}
		if f.Statement != statement {
			t.Errorf("%s at %s: statement %d, and stands in %d", f.Code, f.Position, f.Statement, statement)
		}
	}
}

// find returns the finding with a code at a position, or anywhere when the
// position is empty.
func find(findings []Finding, code policy.Code, at string) *Finding {
	for i := range findings {
		if f := &findings[i]; f.Code == code && (at == "" || f.Position.String() == at) {
			return f
		}
	}
	return nil
}

func list(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString("\n  " + string(f.Code) + " " + f.Position.String() + " " + f.Message)
	}
	return b.String()
}
