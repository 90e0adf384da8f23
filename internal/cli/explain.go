package cli

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/accessfile"
	"github.com/keywright/keywright/internal/simulate"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/acl"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// explanation puts a decision into words. find returns the document of a
// policy, or nil for one that is in no file.
type explanation struct {
	request  *eval.Request
	policies *eval.Policies
	decision eval.Decision
	trace    *eval.Trace
	find     func(*eval.Policy) *accessfile.Document
}

func explain(r *eval.Request, p *eval.Policies, find func(*eval.Policy) *accessfile.Document) *explanation {
	d, t := simulate.Explain(r, p)
	return &explanation{r, p, d, t, find}
}

// statement is one of a policy's, and how the request met it.
type statement struct {
	policy *eval.Policy
	index  int
	trace  *eval.StatementTrace
}

func (s statement) source() *policy.Statement { return &s.policy.Document().Statements[s.index] }

// label is what a person calls the statement: its Sid, or its number.
func (s statement) label() string {
	if s.trace.Sid != "" {
		return plain(s.trace.Sid)
	}
	return fmt.Sprintf("statement %d", s.index+1)
}

// at returns where a statement stands, or "" when it is in no file.
func (e *explanation) at(s statement) string {
	if p, ok := e.position(s); ok {
		return p.String()
	}
	return ""
}

func (e *explanation) position(s statement) (accessfile.Position, bool) {
	if d := e.find(s.policy); d != nil {
		return d.Position(s.trace.Position), true
	}
	return accessfile.Position{}, false
}

// named is the label of a statement with its place.
func (e *explanation) named(s statement) string {
	if at := e.at(s); at != "" {
		return s.label() + " (" + at + ")"
	}
	return s.label() + " (" + plain(s.policy.Name()) + ")"
}

// statements calls visit for every statement of every policy.
func (e *explanation) statements(visit func(statement)) {
	for i := range e.trace.Policies {
		p := &e.trace.Policies[i]
		for j := range p.Statements {
			visit(statement{p.Policy, j, &p.Statements[j]})
		}
	}
}

// decider returns the statement that decided.
func (e *explanation) decider() (statement, bool) {
	var found statement
	e.statements(func(s statement) {
		if s.policy == e.decision.Policy && s.index == e.decision.Statement {
			found = s
		}
	})
	return found, found.policy != nil
}

// reason says in one line why the decision is as it is.
func (e *explanation) reason() string {
	d := e.decision
	if s, ok := e.decider(); ok {
		verb := "allows it"
		if d.Effect == eval.ExplicitDeny {
			verb = "denies it"
		}
		return fmt.Sprintf("%s in the %s %s", e.named(s), d.Reason, verb)
	}
	switch {
	case d.Allowed() && d.Reason == eval.AccessControlList:
		return e.granted()
	case d.Allowed() && d.Reason == 0:
		return "an account's root is allowed by default"
	case d.Allowed():
		return "the " + d.Reason.String() + " allows it"
	case d.Effect == eval.ExplicitDeny:
		return "the bucket policy is public, and restrictPublicBuckets lets only the owner's account and AWS services in"
	}
	because := strings.TrimPrefix(d.Because(e.request.Action), "because ")
	if d.Reason == eval.Resource && e.trace.IsOthersObject {
		return fmt.Sprintf("%s; the object belongs to %s, so that no bucket policy allows it, and %s", because, owner(e.trace.ObjectOwner), e.ungranted())
	}
	if s, ok := e.nearest(); ok {
		return fmt.Sprintf("%s; nearest is %s: %s", because, e.named(s), e.mismatch(s))
	}
	return because + "; " + e.none()
}

// granted says which grant allows the request.
func (e *explanation) granted() string {
	if e.decision.Statement < 0 {
		return "there is no such object, and so no access control list that withholds it; s3:ListBucket decides whether that is told"
	}
	return e.grant(e.decision.Statement) + " allows it"
}

// grant names a grant of the access control list that could allow the request.
func (e *explanation) grant(i int) string {
	g := e.trace.Grants[i].Grant
	return fmt.Sprintf("the grant of %s to %s in the %s's access control list", g.Permission, owner(g.Grantee), e.listed())
}

// listed is whose access control list could allow the request.
func (e *explanation) listed() string {
	if e.trace.IsObjectACL {
		return "object"
	}
	return "bucket"
}

// ungranted says why no grant allows the request.
func (e *explanation) ungranted() string {
	for _, g := range e.trace.Grants {
		if g.Element == "IgnorePublicAcls" {
			return "ignorePublicAcls ignores its access control list"
		}
	}
	return "its access control list does not grant it"
}

// owner names a canonical user id or group as people call it.
func owner(id string) string {
	switch id {
	case "":
		return "somebody who is not known"
	case acl.AnonymousID:
		return "who signs nothing"
	}
	return plain(id[strings.LastIndexByte(id, '/')+1:])
}

// none says that no policy of the type that had to allow has an Allow.
func (e *explanation) none() string {
	for i := range e.trace.Policies {
		if p := e.trace.Policies[i].Policy; p.Type() == e.decision.Reason && e.find(p) != nil {
			return "none of its statements allows anything"
		}
	}
	switch e.decision.Reason {
	case eval.Resource, eval.Trust, eval.KeyPolicy:
		return "the resource has none"
	case eval.ServiceControl, eval.ResourceControl:
		return "a level of the organization has none"
	}
	return "the principal has none"
}

// nearest returns, after an implicit denial, the Allow of the type that had to
// allow of which most elements matched.
func (e *explanation) nearest() (statement, bool) {
	var best statement
	most := -1
	e.statements(func(s statement) {
		if s.policy.Type() != e.decision.Reason || s.trace.Effect != policy.Allow || s.trace.Matched {
			return
		}
		if n := matched(s.trace); n > most && e.find(s.policy) != nil {
			best, most = s, n
		}
	})
	return best, most >= 0
}

// matched is how far a request came in a statement.
func matched(t *eval.StatementTrace) int {
	switch strings.TrimPrefix(t.Element, "Not") {
	case "Action":
		return 0
	case "Resource":
		return 1
	case "Principal":
		return 2
	}
	return 3
}

// mismatch says which element of a statement did not match, and on what.
func (e *explanation) mismatch(s statement) string {
	t, from := s.trace, s.source()
	switch t.Element {
	case "Action":
		return fmt.Sprintf("Action: %s does not match %s", plain(e.request.Action), either(from.Action))
	case "NotAction":
		return fmt.Sprintf("NotAction: %s matches %s", plain(e.request.Action), either(from.NotAction))
	case "Resource":
		return fmt.Sprintf("Resource: %s does not match %s%s", plain(e.request.Resource), either(from.Resource), e.variables(s.policy, texts(from.Resource.List)))
	case "NotResource":
		return fmt.Sprintf("NotResource: %s matches %s%s", plain(e.request.Resource), either(from.NotResource), e.variables(s.policy, texts(from.NotResource.List)))
	case "Principal":
		return fmt.Sprintf("Principal: %s is not %s", plain(strings.Join(t.Value, ", ")), principals(from.Principal))
	case "NotPrincipal":
		return fmt.Sprintf("NotPrincipal: %s is %s", plain(strings.Join(t.Value, ", ")), principals(from.NotPrincipal))
	}
	return e.conditionMismatch(s.policy, t)
}

func (e *explanation) conditionMismatch(p *eval.Policy, t *eval.StatementTrace) string {
	c := t.Condition
	has := "no " + c.Key()
	if !t.IsAbsent {
		has = choice(t.Value, "and")
		if len(t.Value) == 0 {
			has = "an empty list"
		}
	}
	return fmt.Sprintf("Condition %s %s: the request has %s; the statement asks for %s%s",
		operatorName(c), plain(c.Key()), has, asks(c), e.variables(p, c.Values()))
}

// operatorName writes an operator as a policy does.
func operatorName(c *condition.Condition) string {
	op := c.Operator()
	name := op.Name
	switch op.Qualifier {
	case condition.ForAllValues:
		name = "ForAllValues:" + name
	case condition.ForAnyValue:
		name = "ForAnyValue:" + name
	}
	if op.IfExists {
		name += "IfExists"
	}
	return name
}

// asking is what the operators ask for, before the values.
var asking = map[string]string{
	"StringEquals": "", "StringNotEquals": "anything but ", "StringEqualsIgnoreCase": "in any case ",
	"StringNotEqualsIgnoreCase": "anything, in any case, but ", "StringLike": "a match of ", "StringNotLike": "no match of ",
	"NumericEquals": "", "NumericNotEquals": "anything but ", "NumericLessThan": "less than ", "NumericLessThanEquals": "at most ",
	"NumericGreaterThan": "more than ", "NumericGreaterThanEquals": "at least ",
	"DateEquals": "", "DateNotEquals": "anything but ", "DateLessThan": "before ", "DateLessThanEquals": "at the latest ",
	"DateGreaterThan": "after ", "DateGreaterThanEquals": "at the earliest ",
	"Bool": "", "BinaryEquals": "", "IpAddress": "an address in ", "NotIpAddress": "an address outside ",
	"ArnEquals": "a match of ", "ArnLike": "a match of ", "ArnNotEquals": "no match of ", "ArnNotLike": "no match of ",
}

// asks says what a condition asks for.
func asks(c *condition.Condition) string {
	op := c.Operator()
	if op.Name == "Null" {
		if len(c.Values()) == 1 && strings.EqualFold(c.Values()[0], "true") {
			return "none"
		}
		return "one"
	}
	join := "or"
	if op.IsNegated() {
		join = "and"
	}
	what := asking[op.Name] + choice(c.Values(), join)
	switch op.Qualifier {
	case condition.ForAllValues:
		return what + " in every value"
	case condition.ForAnyValue:
		return what + " in one of the values"
	}
	return what
}

// variables says what the policy variables in texts of a policy stand for, or that
// its version has none.
func (e *explanation) variables(p *eval.Policy, patterns []string) string {
	var known []string
	seen := map[string]bool{}
	for _, text := range patterns {
		w, err := arn.CompileWildcard(text, arn.Variables|arn.Wildcards)
		if err != nil {
			continue
		}
		for _, name := range w.Variables() {
			if seen[strings.ToLower(name)] {
				continue
			}
			seen[strings.ToLower(name)] = true
			if v, ok := e.request.Context.Resolve(name); ok {
				known = append(known, fmt.Sprintf("%s is %s", plain(name), strconv.Quote(v)))
			} else {
				known = append(known, fmt.Sprintf("the request has no single value of %s", plain(name)))
			}
		}
	}
	switch {
	case len(known) == 0:
		return ""
	case !p.Document().HasVariables():
		return ` (where ${...} is text: variables need "Version": "` + policy.Version2012 + `")`
	}
	return " (" + strings.Join(known, ", ") + ")"
}

// mostValues is how many values of an element a line shows.
const mostValues = 6

func either(v *policy.Values) string { return choice(texts(v.List), "or") }

func texts(list []policy.Value) []string {
	all := make([]string, len(list))
	for i, v := range list {
		all[i] = v.Text
	}
	return all
}

// choice writes values as a list in a sentence.
func choice(values []string, join string) string {
	shown := make([]string, 0, mostValues)
	for _, v := range values {
		if len(shown) == mostValues && len(values) > mostValues+1 {
			shown = append(shown, fmt.Sprintf("%d more", len(values)-mostValues))
			break
		}
		shown = append(shown, strconv.Quote(v))
	}
	if len(shown) < 2 {
		return strings.Join(shown, "")
	}
	return strings.Join(shown[:len(shown)-1], ", ") + " " + join + " " + shown[len(shown)-1]
}

func principals(p *policy.Principals) string {
	if p.Any.IsPresent() {
		return strconv.Quote(p.Any.Text)
	}
	names := make([]string, len(p.List))
	for i, one := range p.List {
		names[i] = one.Value.Text
	}
	return choice(names, "or")
}

// plain returns a text that does nothing to a terminal: one with characters
// that cannot be seen is quoted.
func plain(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
