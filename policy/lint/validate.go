package lint

import (
	"fmt"
	"slices"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/edit"
)

// The bounds within which the cost of Validate grows with the document alone.
const (
	// MaxFindings is how many findings Validate returns at most.
	MaxFindings = 1000

	// maxFixable is the size in bytes over which no fix is worked out. It is far
	// above the limit of every type of policy.
	maxFixable = 1 << 16
)

// Validate parses a document and returns everything that is wrong with it as a
// policy of the given type, in the order in which it stands in the document. The
// codes are those of IAM Access Analyzer's policy checks where it has one
// ("Access Analyzer policy check reference"), and our own. Actions, resources and
// condition keys of services that package facts does not know are not judged.
//
// The document is nil when it cannot be parsed; then the one finding says why.
func Validate(data []byte, kind Kind, opts Options) (*policy.Document, []Finding) {
	doc, refusals := Parse(data, kind, opts)
	v := &validator{doc: doc, kind: kind, opts: opts, statement: -1}
	if doc != nil {
		if len(data) <= maxFixable {
			v.edits = edit.Of(doc)
		}
		for _, r := range documentRules {
			r(v)
		}
		for i := range doc.Statements {
			v.statement = i
			for _, r := range statementRules {
				r(v, &doc.Statements[i])
			}
		}
	}
	return doc, v.finish(refusals)
}

// The rules of Validate, each of which looks for the faults of one family. They
// need not look for what Check reports, unless they know it better.
var (
	documentRules  = []func(*validator){}
	statementRules = []func(*validator, *policy.Statement){}
)

// validator collects the findings of Validate.
type validator struct {
	doc       *policy.Document
	kind      Kind
	opts      Options
	statement int            // index of the one being looked at, or -1
	edits     *edit.Document // nil when the document is too large for fixes
	findings  []Finding
	surplus   Finding // takes what is reported beyond MaxFindings
}

// report adds a finding, whose severity is that of its code. The result is valid
// until the next call.
func (v *validator) report(code policy.Code, at policy.Position, value, format string, args ...any) *Finding {
	f := Finding{Code: code, Position: at, Statement: v.statement, Value: value, Message: fmt.Sprintf(format, args...), Kind: v.kind}
	if len(v.findings) == MaxFindings {
		v.surplus = f
		return &v.surplus
	}
	v.findings = append(v.findings, f)
	return &v.findings[len(v.findings)-1]
}

// fixable reports whether fixes are worked out for this document. Only then
// v.edits may be used.
func (v *validator) fixable() bool { return v.edits != nil }

// fix sets the fix of a finding.
func (f *Finding) fix(description string, edits ...edit.Edit) {
	f.Fix = &Fix{Description: description, Edits: edits}
}

// finish joins the findings with what the API refuses, and sorts them.
func (v *validator) finish(refusals []Finding) []Finding {
	at := map[int][]int{} // findings by offset
	for i := range v.findings {
		at[v.findings[i].Position.Offset] = append(at[v.findings[i].Position.Offset], i)
	}
	for _, r := range refusals {
		known := false
		e, registered := LookupCode(r.Code)
		for _, i := range at[r.Position.Offset] {
			if f := &v.findings[i]; f.Code == r.Code || registered && slices.Contains(e.ReportedAs, f.Code) {
				f.Refused, known = true, true
			}
		}
		if known || len(v.findings) == MaxFindings {
			continue
		}
		if registered && len(e.ReportedAs) == 1 {
			r.Code = e.ReportedAs[0]
		}
		at[r.Position.Offset] = append(at[r.Position.Offset], len(v.findings))
		v.findings = append(v.findings, r)
	}
	for i := range v.findings {
		if e, ok := LookupCode(v.findings[i].Code); ok {
			v.findings[i].Severity = e.Severity
		}
	}
	slices.SortStableFunc(v.findings, func(a, b Finding) int { return a.Position.Offset - b.Position.Offset })
	return v.findings
}
