package cli

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/keywright/keywright/internal/accessfile"
	"github.com/keywright/keywright/internal/findings"
	"github.com/keywright/keywright/internal/simulate"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/edit"
	"github.com/keywright/keywright/policy/eval"
	"github.com/keywright/keywright/policy/remedy"
)

// answer is what can says of a request.
type answer struct {
	*explanation
	warnings []string
}

// message is what AWS answers to a request that is denied ("Troubleshoot access
// denied error messages", IAM User Guide). S3 gives the reason only within an
// account, and names no resource where there is none.
func (a *answer) message() string {
	r := a.request
	p := &r.Principal
	switch {
	case a.decision.Allowed():
		return ""
	case p.Type == eval.FederatedIdentity:
		return "Not authorized to perform " + r.Action
	case p.Type == eval.Anonymous || p.Type == eval.Service:
		return "Access Denied"
	}
	resource := " on resource: " + r.Resource
	if strings.HasPrefix(strings.ToLower(r.Action), "s3:") {
		if r.ResourceAccount != "" && r.ResourceAccount != p.AccountID {
			return "Access Denied"
		}
		resource = ` on resource: "` + r.Resource + `"`
		if r.Resource == "*" {
			resource = ""
		}
	}
	return fmt.Sprintf("User: %s is not authorized to perform: %s%s %s", a.principal(), r.Action, resource, a.decision.Because(r.Action))
}

// principal names who asks.
func (a *answer) principal() string {
	p := &a.request.Principal
	switch {
	case p.Type == eval.Anonymous:
		return accessfile.Anonymous
	case p.ServiceName != "":
		return p.ServiceName
	case p.ARN == "":
		return "some user"
	}
	return p.ARN
}

// advice returns what would allow a request that is denied.
func (a *answer) advice() remedy.Advice {
	if a.decision.Allowed() {
		return remedy.Advice{}
	}
	advice := remedy.Find(a.request, a.policies)
	for i := range advice.Remedies {
		for j := range advice.Remedies[i].Changes {
			a.first(&advice.Remedies[i].Changes[j])
		}
	}
	return advice
}

// first makes a change of a policy that is in no file, which is the trust policy
// that a role does not have, one that gives the role its first.
func (a *answer) first(c *remedy.Change) {
	if c.Policy == nil || a.find(c.Policy) != nil || c.Document == nil {
		return
	}
	edits, ok := edit.Of(c.Document).RemoveStatements(0)
	if !ok {
		return
	}
	text, err := edit.Apply(c.Document.Bytes(), edits...)
	if err != nil {
		return
	}
	doc, err := policy.Parse(text)
	if err != nil {
		return
	}
	was := "a statement to the " + c.Type.String() + " " + c.Policy.Name()
	c.Description = strings.Replace(c.Description, was, "a new "+c.Type.String(), 1)
	c.Kind, c.Policy, c.Statement, c.Edits, c.Document = remedy.NewPolicy, nil, -1, nil, doc
}

// output keeps the first error of writing.
type output struct {
	w   io.Writer
	err error
}

func (o *output) line(format string, args ...any) {
	if o.err == nil {
		_, o.err = fmt.Fprintf(o.w, format+"\n", args...)
	}
}

func (a *answer) writeText(w io.Writer) error {
	o := &output{w: w}
	o.line("%s", a.decision.Effect)
	o.line("  %s", plain(a.reason()))
	if m := a.message(); m != "" {
		o.line("  %s", plain(m))
	}
	a.writeStatements(o)
	a.writeAdvice(o)
	return o.err
}

// writeStatements writes how each statement met the request, under its policy.
func (a *answer) writeStatements(o *output) {
	var current *eval.Policy
	a.statements(func(s statement) {
		if a.find(s.policy) == nil {
			return // the trust policy of no role
		}
		if s.policy != current {
			current = s.policy
			o.line("\n%s %s", s.policy.Type(), plain(s.policy.Name()))
		}
		o.line("  %s: %s, %s: %s", a.at(s), s.label(), s.trace.Effect, plain(a.outcome(s)))
	})
	a.writeGrants(o)
}

// writeGrants writes how each grant that could allow the request met it.
func (a *answer) writeGrants(o *output) {
	if len(a.trace.Grants) == 0 {
		return
	}
	o.line("\naccess control list of the %s", a.listed())
	for i, g := range a.trace.Grants {
		outcome := "matches"
		switch {
		case a.decision.Reason == eval.AccessControlList && a.decision.Statement == i:
			outcome = "matches, and decides"
		case g.Element != "":
			outcome = mismatchedGrants[g.Element]
		}
		o.line("  %s for %s: %s", g.Grant.Permission, owner(g.Grant.Grantee), outcome)
	}
}

var mismatchedGrants = map[string]string{
	"Permission":       "another permission than the action needs",
	"Grantee":          "somebody else",
	"Object":           "what is there belongs to another account",
	"IgnorePublicAcls": "ignored by ignorePublicAcls, since the list is public",
}

// outcome says whether a statement decided, matched or did not.
func (a *answer) outcome(s statement) string {
	switch {
	case a.decides(s):
		return "matches, and decides"
	case s.trace.Matched:
		return "matches"
	}
	return a.mismatch(s)
}

func (a *answer) decides(s statement) bool {
	return s.policy == a.decision.Policy && s.index == a.decision.Statement
}

// writeAdvice writes the smallest change that would allow the request, and the
// other ways.
func (a *answer) writeAdvice(o *output) {
	advice := a.advice()
	for i, r := range advice.Remedies {
		title := "smallest change that would allow it"
		if i > 0 {
			title = "or"
		}
		o.line("\n%s:", title)
		for _, c := range r.Changes {
			o.line("  %s", plain(c.Description))
			if c.Note != "" {
				o.line("  (%s)", plain(c.Note))
			}
		}
		for _, d := range a.diffs(r) {
			o.line("\n%s", indented(d))
		}
	}
	if advice.Obstacle != "" {
		o.line("\nno change of a policy would allow it: %s", plain(advice.Obstacle))
	}
}

func indented(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight("    "+plainLine(l), " ")
	}
	return strings.Join(lines, "\n")
}

// plainLine is plain for a line that may have tabs.
func plainLine(s string) string {
	if strings.ContainsRune(s, '\t') {
		s = strings.ReplaceAll(s, "\t", "    ")
	}
	return plain(strings.TrimSuffix(s, "\r"))
}

// diffs are what the changes of a remedy make of each document, as diffs that
// patch reads, and the documents of new policies.
func (a *answer) diffs(r remedy.Remedy) []string {
	var all []string
	var done []*eval.Policy
	for _, c := range r.Changes {
		switch {
		case c.Kind == remedy.NewPolicy && c.Document != nil:
			all = append(all, difference("/dev/null", nil, "new-policy.json", c.Document.Bytes()))
		case c.Policy != nil && !slices.Contains(done, c.Policy):
			done = append(done, c.Policy)
			if d := a.diff(c.Policy, r); d != "" {
				all = append(all, d)
			}
		}
	}
	return all
}

// diff is what the last change of a remedy leaves of a policy's document.
func (a *answer) diff(p *eval.Policy, r remedy.Remedy) string {
	var after []byte
	for _, c := range r.Changes {
		if c.Policy == p && c.Document != nil {
			after = c.Document.Bytes()
		}
	}
	if after == nil {
		return ""
	}
	name := p.Name()
	if d := a.find(p); d != nil && !d.IsVerbatim() {
		name += " (as JSON)" // patch could not change the file
	}
	return difference(name+".orig", p.Document().Bytes(), name, after)
}

// difference is the unified diff of two texts.
func difference(oldName string, before []byte, newName string, after []byte) string {
	text := string(diff.Diff(oldName, ended(before), newName, ended(after)))
	_, text, _ = strings.Cut(text, "\n") // the command that would make it
	return text
}

// ended returns a text whose last line ends.
func ended(text []byte) []byte {
	if len(text) == 0 || bytes.HasSuffix(text, []byte("\n")) {
		return text
	}
	return append(bytes.Clone(text), '\n')
}

// canReport is the document that --json prints: what SimulatePrincipalPolicy
// answers, with more in each result.
type canReport struct {
	EvaluationResults []canResult
	IsTruncated       bool // always false, as there is one result
}

type canResult struct {
	*simulate.EvaluationResult

	Reason         string // in one line, for people
	DecidedBy      string // the type of policy that decided
	Message        string `json:",omitempty"` // with which AWS denies
	Statements     []canStatement
	SmallestChange *canRemedy  `json:",omitempty"` // that would allow a denied request
	OtherChanges   []canRemedy `json:",omitempty"`
	Obstacle       string      `json:",omitempty"` // why no change of a policy would
	Warnings       []string    `json:",omitempty"`
}

// canStatement is how a statement met the request.
type canStatement struct {
	SourcePolicyID   string `json:"SourcePolicyId"`
	SourcePolicyType string // identity, boundary, session, resource, trust, key, scp or rcp
	Index            int    // from 0
	Sid              string `json:",omitempty"`
	Effect           string
	File             string
	StartPosition    simulate.Position // in the file
	Matched          bool
	Decided          bool
	Element          string        `json:",omitempty"` // the first that did not match
	Condition        *canCondition `json:",omitempty"` // when that is Condition
	RequestValues    []string      `json:",omitempty"` // what the request has there
	IsAbsent         bool          `json:",omitempty"` // the request does not have the key
	Mismatch         string        `json:",omitempty"` // for people
}

type canCondition struct {
	Operator string
	Key      string
	Values   []string
}

type canRemedy struct{ Changes []canChange }

// canChange is one change of a remedy.
type canChange struct {
	Kind             string
	SourcePolicyID   string `json:"SourcePolicyId,omitempty"` // of the policy that is changed
	SourcePolicyType string `json:",omitempty"`
	Level            *int   `json:",omitempty"` // of a new policy of an organization
	Statement        *int   `json:",omitempty"` // its index from 0
	Description      string
	Note             string   `json:",omitempty"`
	Document         string   `json:",omitempty"` // the whole policy after the change
	Keys             []canKey `json:",omitempty"` // what the request is to carry
}

type canKey struct {
	ContextKeyName  string
	ContextKeyValue string `json:",omitempty"`
	IsAbsent        bool   `json:",omitempty"`
}

func (a *answer) writeJSON(w io.Writer) error {
	return findings.Encode(w, a.report())
}

func (a *answer) report() canReport {
	r := a.request
	s := &simulate.Simulation{
		Principal: r.Principal, Resources: []simulate.Resource{{Name: r.Resource, Account: r.ResourceAccount}},
		Context: r.Context, Policies: *a.policies,
	}
	result := canResult{
		EvaluationResult: s.Action(r.Action), Reason: a.reason(), DecidedBy: accessfile.PolicyTypeName(a.decision.Reason),
		Message: a.message(), Statements: []canStatement{}, Warnings: a.warnings,
	}
	a.statements(func(s statement) {
		if a.find(s.policy) != nil {
			result.Statements = append(result.Statements, a.statementReport(s))
		}
	})
	advice := a.advice()
	for i, of := range advice.Remedies {
		c := remedyReport(of)
		if i == 0 {
			result.SmallestChange = &c
			continue
		}
		result.OtherChanges = append(result.OtherChanges, c)
	}
	result.Obstacle = advice.Obstacle
	return canReport{EvaluationResults: []canResult{result}}
}

func (a *answer) statementReport(s statement) canStatement {
	t := s.trace
	at, _ := a.position(s)
	r := canStatement{
		SourcePolicyID: s.policy.Name(), SourcePolicyType: accessfile.PolicyTypeName(s.policy.Type()), Index: s.index,
		Sid: t.Sid, Effect: t.Effect.String(), File: at.File, StartPosition: simulate.Position{Line: at.Line, Column: at.Column},
		Matched: t.Matched, Decided: a.decides(s), Element: t.Element, RequestValues: t.Value, IsAbsent: t.IsAbsent,
	}
	if c := t.Condition; c != nil {
		r.Condition = &canCondition{operatorName(c), c.Key(), c.Values()}
	}
	if !t.Matched {
		r.Mismatch = a.mismatch(s)
	}
	return r
}

func remedyReport(r remedy.Remedy) canRemedy {
	var all canRemedy
	for _, c := range r.Changes {
		one := canChange{Kind: c.Kind.String(), Description: c.Description, Note: c.Note}
		if c.Type != 0 {
			one.SourcePolicyType = accessfile.PolicyTypeName(c.Type)
		}
		if c.Policy != nil {
			one.SourcePolicyID = c.Policy.Name()
		} else if c.Type == eval.ServiceControl || c.Type == eval.ResourceControl {
			one.Level = &c.Level
		}
		if c.Statement >= 0 && c.Policy != nil {
			one.Statement = &c.Statement
		}
		if c.Document != nil {
			one.Document = string(c.Document.Bytes())
		}
		for _, k := range c.Keys {
			one.Keys = append(one.Keys, canKey{k.Name, k.Value, k.IsAbsent})
		}
		all.Changes = append(all.Changes, one)
	}
	return all
}
