package remedy

import (
	"strconv"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/edit"
	"github.com/keywright/keywright/policy/eval"
)

// view is a statement of a policy beside a request.
type view struct {
	of     *eval.Policy
	doc    *edit.Document
	index  int
	s      *policy.Statement
	meets  eval.Elements
	tests  []test // its conditions
	misses int    // how many elements and conditions do not hold
}

// test is one key of one condition operator.
type test struct {
	operator *policy.Operator
	key      *policy.Key
	op       condition.Operator
	compiled *condition.Condition
	holds    bool
}

func (s *state) view(of *eval.Policy, index int) view {
	doc := of.Document()
	v := view{of: of, doc: s.document(of), index: index, s: &doc.Statements[index], meets: of.Elements(index, s.r, s.p)}
	for i := range v.s.Condition {
		for j := range v.s.Condition[i].Keys {
			operator := &v.s.Condition[i]
			t := test{operator: operator, key: &operator.Keys[j]}
			t.op, _ = condition.ParseOperator(operator.Name.Text)
			t.compiled, _ = condition.Compile(operator.Name.Text, t.key.Name.Text, texts(t.key.Values.List), doc.HasVariables())
			t.holds = t.compiled != nil && t.compiled.Match(s.r.Context)
			v.tests = append(v.tests, t)
			v.misses += count(!t.holds)
		}
	}
	v.misses += count(!v.meets.Action) + count(!v.meets.Resource) + count(!v.meets.Principal)
	return v
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func texts(values []policy.Value) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = v.Text
	}
	return list
}

// name returns what a description calls the statement.
func (v view) name() string {
	name := "statement " + strconv.Itoa(v.index+1)
	if v.s.Sid.Text != "" {
		name += " (" + v.s.Sid.Text + ")"
	}
	return name + " of " + called(v.of)
}

// called returns what a description calls a policy.
func called(p *eval.Policy) string {
	if p.Name() == "" || p.Name() == "new" {
		return "the " + p.Type().String()
	}
	return "the " + p.Type().String() + " " + p.Name()
}

// raw returns the JSON of the member whose name stands at a position.
func (v view) raw(name policy.Position) string { return v.json(v.doc.ValuePosition(name)) }

// json returns the JSON of the value at a position.
func (v view) json(at policy.Position) string {
	l, ok := v.doc.Locate(at.Offset)
	if !ok {
		return ""
	}
	return string(v.doc.Bytes()[l.Start.Offset:l.End.Offset])
}

// literal returns a text as a document writes it where it stands for itself and
// nothing else. It fails where a * or ? would be a wildcard and cannot be
// written as a variable.
func literal(text string, isPattern, variables bool) (string, bool) {
	if !variables {
		return text, !isPattern || !strings.ContainsAny(text, "*?")
	}
	if isPattern {
		return strings.NewReplacer("${", "${$}{", "*", "${*}", "?", "${?}").Replace(text), true
	}
	return strings.ReplaceAll(text, "${", "${$}{"), true
}

// literalResource is literal for a resource, of which "*" stands for a request
// on no single one.
func literalResource(resource string, variables bool) (string, bool) {
	if resource == "*" {
		return resource, true
	}
	return literal(resource, true, variables)
}

// isPattern reports whether an operator's values are patterns.
func isPattern(op condition.Operator) bool {
	return op.Name == "StringLike" || op.Name == "StringNotLike" || strings.HasPrefix(op.Name, "Arn")
}

// takesVariables reports whether ${...} is a variable in an operator's values.
func takesVariables(op condition.Operator) bool {
	return strings.HasPrefix(op.Name, "String") || strings.HasPrefix(op.Name, "Arn") || op.Name == "Bool"
}

// breadth is how much an element's values take in beside one of them.
func breadth(v *policy.Values, one string, variables bool) int {
	if v == nil {
		return 0
	}
	if strings.HasPrefix(v.Name, "Not") {
		return vast
	}
	n := 0
	for _, value := range v.List {
		switch {
		case value.Text == "*" && one != "*":
			n += vast
		case strings.ContainsAny(value.Text, "*?") && one != "*", variables && strings.Contains(value.Text, "${"):
			n += wide
		case !arn.EqualFold(value.Text, one):
			n++
		}
	}
	return n
}

// How much a wildcard, and one without any bounds, takes in beside a name.
const (
	wide = 100
	vast = 10_000
)

// principalBreadth is how many callers but one a Principal element takes in.
func (s *state) principalBreadth(v view) int {
	p := v.s.Principal
	if p == nil || v.of.Type() == eval.ResourceControl {
		return 0
	}
	if p.Any.IsPresent() {
		return count(s.r.Principal.Type != eval.Anonymous) * vast
	}
	n := 0
	for _, one := range p.List {
		switch {
		case one.Value.Text == "*":
			n += count(s.r.Principal.Type != eval.Anonymous) * vast
		case s.isOwnName(one):
		case arn.IsAccountID(one.Value.Text), strings.HasSuffix(one.Value.Text, ":root"), one.Type == policy.CanonicalUser:
			n += wide
		default:
			n++
		}
	}
	return n
}

func (s *state) isOwnName(one policy.Principal) bool {
	for _, name := range s.names() {
		if name.Type == one.Type && name.Value.Text == one.Value.Text {
			return true
		}
	}
	return false
}

// names are how a policy can name the caller, the best first. There are none
// for anonymous, whom only "*" takes in.
func (s *state) names() []policy.Principal {
	c := &s.r.Principal
	name := func(t policy.PrincipalType, texts ...string) (list []policy.Principal) {
		for _, text := range texts {
			if text != "" {
				list = append(list, policy.Principal{Type: t, Value: policy.Value{Text: text}})
			}
		}
		return list
	}
	switch c.Type {
	case eval.Anonymous:
		return nil
	case eval.Service:
		return name(policy.Service, c.ServiceName)
	case eval.FederatedIdentity:
		return name(policy.Federated, c.ARN)
	case eval.AssumedRole:
		return name(policy.AWS, c.IssuerARN, c.UniqueID, c.ARN)
	case eval.FederatedUser:
		return name(policy.AWS, c.ARN)
	}
	return name(policy.AWS, c.ARN, c.UniqueID)
}
