package remedy

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/edit"
	"github.com/keywright/keywright/policy/eval"
)

// What the changes cost to read: a value more, a statement more, a policy more.
const (
	oneValue     = 1
	oneStatement = 2
	onePolicy    = 4
)

// grants returns the changes with which a policy of a type would come to allow
// the request.
func (s *state) grants(kind eval.PolicyType) []option {
	level := 0
	if kind == eval.ServiceControl {
		level = s.closedLevel(s.p)
	}
	list := s.policiesOf(kind, level)
	var near []view // Allow statements, the nearest to the request first
	for _, of := range list {
		for i := range of.Document().Statements {
			if of.Document().Statements[i].Effect == policy.Allow {
				near = append(near, s.view(of, i))
			}
		}
	}
	slices.SortStableFunc(near, func(a, b view) int { return a.misses - b.misses })
	pins := s.pins(near)
	var options []option
	for _, v := range near {
		if v.misses == 1 && !isManagedByAWS(v.of) {
			options = append(options, s.extensions(v, pins)...)
		}
	}
	for _, of := range list {
		if !isManagedByAWS(of) || kind == eval.PermissionsBoundary {
			options = append(options, s.newStatement(of, near, pins)...)
		}
	}
	if kind != eval.PermissionsBoundary && (len(list) == 0 || kind != eval.Resource && kind != eval.Trust && kind != eval.KeyPolicy) {
		options = append(options, s.newPolicy(kind, level, near, pins)...)
	}
	return options
}

// policiesOf returns the policies of a type, of one level where it has levels.
func (s *state) policiesOf(kind eval.PolicyType, level int) []*eval.Policy {
	one := func(p *eval.Policy) []*eval.Policy {
		if p == nil {
			return nil
		}
		return []*eval.Policy{p}
	}
	switch kind {
	case eval.Identity:
		return s.p.Identity
	case eval.PermissionsBoundary:
		return one(s.p.Boundary)
	case eval.Session:
		return s.p.Session
	case eval.ServiceControl:
		return s.p.ServiceControl[level]
	}
	return one(s.p.Resource)
}

// pins returns the keys of the request that the policies ask for where all else
// holds: what grants the request should hold them to the values it has.
func (s *state) pins(near []view) []string {
	var keys []string
	for _, v := range near {
		if !v.meets.Action || !v.meets.Resource || !v.meets.Principal {
			continue
		}
		for _, t := range v.tests {
			name := arn.ToLower(t.key.Name.Text)
			value, ok := s.r.Context.Lookup(name)
			ok = ok && value.Kind() != condition.Strings
			if p, is := parameterOf(name); (ok || is && p.part == partAlways) && !slices.Contains(keys, name) {
				keys = append(keys, name)
			}
		}
	}
	return keys
}

// unpinned returns how many of the keys a statement does not hold to one value.
func (v view) unpinned(pins []string, but *test) int {
	n := 0
	for _, key := range pins {
		if but != nil && arn.EqualFold(but.key.Name.Text, key) {
			continue
		}
		n += count(!slices.ContainsFunc(v.tests, func(t test) bool { return t.isOneValue() && arn.EqualFold(t.key.Name.Text, key) }))
	}
	return n
}

// isOneValue reports whether a condition holds its key to one value.
func (t *test) isOneValue() bool {
	return len(t.key.Values.List) == 1 && !t.op.IsNegated() && !t.op.IfExists &&
		(t.op.Name == "StringEquals" || t.op.Name == "Bool" || isPattern(t.op) && !strings.ContainsAny(t.key.Values.List[0].Text, "*?"))
}

// extensions returns how the one element of an Allow statement that does not
// hold can be made to, if the others are about nothing but the request: what is
// added would go with all else that they take in.
func (s *state) extensions(v view, pins []string) []option {
	vars := v.doc.HasVariables()
	resource, _ := literalResource(s.r.Resource, vars)
	actions, resources, callers := breadth(v.s.Action, s.r.Action, false), breadth(v.s.Resource, resource, vars), s.principalBreadth(v)
	if v.s.Action == nil {
		actions = vast
	}
	if v.s.Resource == nil && v.of.Type() != eval.Trust {
		resources = vast
	}
	free := v.unpinned(pins, nil)
	switch {
	case !v.meets.Action && resources+callers == 0:
		return v.extend(v.s.Action, v.s.NotAction, s.r.Action, cost{free, oneValue})
	case !v.meets.Resource && actions+callers == 0:
		if text, ok := literalResource(s.r.Resource, vars); ok {
			return v.extend(v.s.Resource, v.s.NotResource, text, cost{free, oneValue})
		}
	case !v.meets.Principal && actions+resources == 0:
		return s.extendPrincipals(v, cost{free, oneValue})
	case !v.meets.Condition && actions+resources+callers == 0:
		for i := range v.tests {
			if t := &v.tests[i]; !t.holds {
				return s.extendCondition(v, t, cost{v.unpinned(pins, t), oneValue})
			}
		}
	}
	return nil
}

// option returns a change of the statement.
func (v view) option(kind Kind, c cost, description string, edits ...edit.Edit) option {
	return option{Change: Change{Kind: kind, Policy: v.of, Type: v.of.Type(), Statement: v.index, Description: description, Edits: edits}, cost: c}
}

// extend adds a value to an element, or takes it from the element's negation.
func (v view) extend(element, not *policy.Values, value string, c cost) []option {
	if element != nil {
		return []option{v.option(AddValue, c, "add "+edit.Quote(value)+" to "+element.Name+" in "+v.name(), v.doc.AddValue(element, value))}
	}
	if edits, ok := v.without(not, func(text string) bool { return arn.EqualFold(text, value) }); ok {
		return []option{v.option(AddValue, c, "take "+edit.Quote(value)+" from "+not.Name+" in "+v.name(), edits...)}
	}
	return nil
}

// without takes the values of an element away that are one value.
func (v view) without(element *policy.Values, is func(string) bool) ([]edit.Edit, bool) {
	var gone []int
	for i, value := range element.List {
		if is(value.Text) {
			gone = append(gone, i)
		}
	}
	if len(gone) == 0 {
		return nil, false
	}
	return v.doc.RemoveValues(element, gone...)
}

func (s *state) extendPrincipals(v view, c cost) []option {
	if v.s.Principal == nil {
		return nil
	}
	var options []option
	for i, name := range s.names() {
		options = append(options, v.option(AddValue, cost{c.excess, c.edits + i}, "add "+edit.Quote(name.Value.Text)+" to Principal in "+v.name(),
			v.doc.AddPrincipal(v.s.Principal, name.Type, name.Value.Text)))
	}
	return options
}

// extendCondition adds what the request has for a key to the values of an
// operator that asks for one of them, or takes it from those that it forbids.
// Of operators that compare sizes, and of Bool and Null, a value more would be
// the end of the condition.
func (s *state) extendCondition(v view, t *test, c cost) []option {
	have, ok := s.r.Context.Lookup(t.key.Name.Text)
	if !ok {
		return nil
	}
	key := t.key.Name.Text
	if t.op.IsNegated() {
		edits, ok := v.without(&t.key.Values, func(text string) bool { return slices.Contains(have.Strings(), text) })
		if !ok {
			return nil
		}
		return []option{v.option(AddCondition, c, "take "+quoted(have.Strings())+" from the values of "+key+" ("+t.operator.Name.Text+") in "+v.name(), edits...)}
	}
	var edits []edit.Edit
	var added []string
	for _, text := range have.Strings() {
		text, ok := s.conditionValue(t, text, v.doc.HasVariables())
		if !ok {
			return nil
		}
		if t.op.Qualifier == condition.ForAllValues && s.accepts(t, v, text) {
			continue
		}
		edits, added = append(edits, v.doc.AddValue(&t.key.Values, text)), append(added, text)
		if t.op.Qualifier != condition.ForAllValues {
			break
		}
	}
	if len(edits) == 0 {
		return nil
	}
	c.edits += len(edits) - 1
	if len(edits) > 1 && !t.key.Values.IsArray {
		return nil
	}
	return []option{v.option(AddCondition, c, "add "+quoted(added)+" to the values of "+key+" ("+t.operator.Name.Text+") in "+v.name(), edits...)}
}

func quoted(texts []string) string {
	list := make([]string, len(texts))
	for i, text := range texts {
		list[i] = edit.Quote(text)
	}
	return strings.Join(list, ", ")
}

// accepts reports whether a condition already takes in one value of its key.
func (s *state) accepts(t *test, v view, value string) bool {
	c, err := condition.Compile(t.op.Name, t.key.Name.Text, texts(t.key.Values.List), v.doc.HasVariables())
	one := &condition.Context{}
	one.Over(s.r.Context)
	one.SetString(t.key.Name.Text, value)
	return err == nil && c.Match(one)
}

// conditionValue returns a value of a key as an operator's list has it.
func (s *state) conditionValue(t *test, text string, variables bool) (string, bool) {
	switch t.op.Name {
	case "StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike":
		return literal(text, isPattern(t.op), variables)
	case "NumericEquals", "DateEquals", "IpAddress":
		return text, true
	case "BinaryEquals":
		return base64.StdEncoding.EncodeToString([]byte(text)), true
	}
	return "", false
}
