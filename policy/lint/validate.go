package lint

import (
	"fmt"
	"slices"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/edit"
)

// The bounds within which the cost of Validate grows with the document alone.
const (
	// MaxFindings is how many findings Validate returns at most.
	MaxFindings = 1000

	// maxFixable is the size in bytes over which no fix is worked out. It is far
	// above the limit of every type of policy.
	maxFixable = 1 << 16

	// maxEffort is how many bytes are compared at most in the search for values
	// that others take in, whose cost grows faster than the document.
	maxEffort = 1 << 24

	// maxTried is how many bytes are parsed anew at most to try fixes out.
	maxTried = 1 << 22
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
	v := &validator{
		doc: doc, kind: kind, opts: opts, statement: -1, source: string(data), effort: maxEffort, untried: maxTried,
		formatsOf: map[string][]format{}, actionsOf: map[string][]*facts.Action{}, instead: map[string]string{}, answers: map[question]bool{}, aliases: map[int][]int{},
	}
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
//
// A rule is a method of validator that calls report for each fault. Its codes
// are described in codes/*.txt, where each has an example that a test runs.
var (
	documentRules = []func(*validator){
		(*validator).version, (*validator).size, (*validator).sids, (*validator).repeated,
		(*validator).rolesAnywhere,
		(*validator).grants, (*validator).deputies, (*validator).wording,
	}
	statementRules = []func(*validator, *policy.Statement){
		(*validator).empty,
		(*validator).principals, (*validator).servicePrincipals, (*validator).federation,
		(*validator).actions, (*validator).resources, (*validator).variables,
		(*validator).operators, (*validator).keys, (*validator).keyActions, (*validator).values, (*validator).alwaysOrNever,
		(*validator).passRole, (*validator).organizations,
	}
)

// validator collects the findings of Validate.
type validator struct {
	doc       *policy.Document
	kind      Kind
	opts      Options
	statement int            // index of the one being looked at, or -1
	edits     *edit.Document // nil when the document is too large for fixes
	source    string
	effort    int // what is left of maxEffort
	untried   int // what is left of maxTried
	formatsOf map[string][]format
	actionsOf map[string][]*facts.Action
	instead   map[string]string // what was meant by actions that there are not
	answers   map[question]bool
	findings  []Finding
	aliases   map[int][]int // findings by an offset, other than their own, at which the API refuses the same
	surplus   Finding       // takes what is reported and not kept
}

// report adds a finding, whose severity is that of its code, unless the code is
// for other types of policies. The result is valid until the next call.
func (v *validator) report(code policy.Code, at policy.Position, value, format string, args ...any) *Finding {
	f := Finding{Code: code, Position: at, Statement: v.statement, Value: value, Message: fmt.Sprintf(format, args...), Kind: v.kind}
	if e, ok := LookupCode(code); len(v.findings) == MaxFindings || ok && !e.Applies(v.kind) {
		v.surplus = f
		return &v.surplus
	}
	v.findings = append(v.findings, f)
	return &v.findings[len(v.findings)-1]
}

// reportIn adds a finding about the value of the member whose name stands at a
// position, which is where the API refuses it.
func (v *validator) reportIn(code policy.Code, name policy.Position, value, format string, args ...any) *Finding {
	f := v.report(code, v.valueOf(name), value, format, args...)
	v.alias(f, name)
	return f
}

// alias says that the API refuses what a finding is about at another position.
func (v *validator) alias(f *Finding, at policy.Position) {
	if f != &v.surplus {
		v.aliases[at.Offset] = append(v.aliases[at.Offset], len(v.findings)-1)
	}
}

// valueOf returns where the value of the member stands whose name is at a
// position, or the name's own position in a document that is too large for
// fixes.
func (v *validator) valueOf(name policy.Position) policy.Position {
	if !v.fixable() {
		return name
	}
	return v.edits.ValuePosition(name)
}

// syntax returns how the document's patterns are read.
func (v *validator) syntax() arn.Syntax {
	if v.doc.HasVariables() {
		return arn.Variables
	}
	return 0
}

// conditions calls check for every condition of a statement whose operator
// there is.
func conditions(s *policy.Statement, check func(*policy.Operator, condition.Operator, *policy.Key)) {
	for i := range s.Condition {
		op := &s.Condition[i]
		parsed, ok := condition.ParseOperator(op.Name.Text)
		if !ok {
			continue
		}
		for j := range op.Keys {
			check(op, parsed, &op.Keys[j])
		}
	}
}

// removeOperator returns the edit that takes an operator away, and the whole
// Condition with it when it is the only one.
func (v *validator) removeOperator(s *policy.Statement, op *policy.Operator) edit.Edit {
	if len(s.Condition) == 1 {
		return v.edits.RemoveMember(s.ConditionPosition)
	}
	return v.edits.RemoveMember(op.Name.Position)
}

// removeKey returns the edit that takes a condition key away, and its operator
// with it when it is the only one.
func (v *validator) removeKey(s *policy.Statement, op *policy.Operator, key *policy.Key) edit.Edit {
	if len(op.Keys) == 1 {
		return v.removeOperator(s, op)
	}
	return v.edits.RemoveMember(key.Name.Position)
}

// redundant looks for values of an element that another one takes in, so that
// the element means the same without them. takesIn reports whether the value at
// an index, which has a wildcard, matches the text of another.
func (v *validator) redundant(e *policy.Values, code policy.Code, values []string, takesIn func(i int, other string) bool) {
	var wide, gone, by []int
	first := map[string]int{}
	for i, text := range values {
		if hasStar(text) {
			wide = append(wide, i)
		}
		if _, ok := first[text]; !ok {
			first[text] = i
		}
	}
	within := func(i, j int) bool {
		return !confuses(values[i], values[j]) && takesIn(i, values[j])
	}
	for j, text := range values {
		if i := first[text]; i < j {
			gone, by = append(gone, j), append(by, i)
			continue
		}
		for _, i := range wide {
			if v.effort -= len(values[i]) + len(text); v.effort < 0 {
				return
			}
			if values[i] != text && within(i, j) && !(j < i && hasStar(text) && within(j, i)) {
				gone, by = append(gone, j), append(by, i)
				break
			}
		}
	}
	if len(gone) == 0 {
		return
	}
	at := e.List[gone[0]]
	more := ""
	if n := len(gone) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more of the element are as needless)", n)
	}
	f := v.report(code, at.Position, at.Text, "%q is needless beside %q, which takes it in%s", at.Text, e.List[by[0]].Text, more)
	if v.fixable() {
		if edits, ok := v.edits.RemoveValues(e, gone...); ok {
			f.fix("remove the values that others take in", edits...)
		}
	}
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
	byOffset, byStatement := map[int][]int{}, map[int][]int{}
	for i := range v.findings {
		f := &v.findings[i]
		byOffset[f.Position.Offset] = append(byOffset[f.Position.Offset], i)
		byStatement[f.Statement] = append(byStatement[f.Statement], i)
	}
	for _, r := range refusals {
		known := v.refused(byOffset[r.Position.Offset], r.Code)
		known = v.refused(v.aliases[r.Position.Offset], r.Code) || known
		if !known && r.Statement >= 0 && r.Position == v.doc.Statements[r.Statement].Position {
			known = v.refused(byStatement[r.Statement], r.Code) // found inside of the statement
		}
		if known || len(v.findings) >= MaxFindings {
			continue
		}
		if e, ok := LookupCode(r.Code); ok && len(e.ReportedAs) > 0 {
			r.Code = e.ReportedAs[0]
		}
		byOffset[r.Position.Offset] = append(byOffset[r.Position.Offset], len(v.findings))
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

// refused marks the findings, of those at the given indexes, that say what the
// API refuses with a code. It reports whether there are any.
func (v *validator) refused(indexes []int, code policy.Code) bool {
	e, ok := LookupCode(code)
	known := false
	for _, i := range indexes {
		if f := &v.findings[i]; f.Code == code || ok && slices.Contains(e.ReportedAs, f.Code) {
			f.Refused, known = true, true
		}
	}
	return known
}
