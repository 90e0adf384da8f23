package remedy

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/edit"
	"github.com/keywright/keywright/policy/eval"
)

// grant is what a new statement allows: the request, under the conditions of
// the nearest statement that there is.
type grant struct {
	near       view // near.of is nil when no statement is near
	conditions []operatorJSON
	pinned     []string // keys that it holds to the request's values
}

// operatorJSON is one operator of a Condition with its keys, as JSON.
type operatorJSON struct {
	name string
	keys []member
}

type member struct{ name, value string }

// grantOf keeps of the nearest statement what its author asks for, and holds the
// request's own values where those that he asks for do not hold. variables says
// whether ${...} is a variable in the document that the grant is for.
func (s *state) grantOf(near []view, variables bool) grant {
	var g grant
	i := slices.IndexFunc(near, func(v view) bool { return v.meets.Action })
	isSameAction := i >= 0
	if !isSameAction {
		i = slices.IndexFunc(near, view.isNear)
	}
	if i >= 0 {
		g.near = near[i]
	}
	keeps := func(t test) bool {
		p, ok := parameterOf(t.key.Name.Text)
		raw := g.near.raw(t.key.Name.Position)
		return t.holds && (!ok || p.part == noPart) && (g.near.doc.HasVariables() == variables || !strings.Contains(raw, "${"))
	}
	for _, t := range g.near.tests {
		if keeps(t) {
			g.add(t.operator.Name.Text, t.key.Name.Text, g.near.raw(t.key.Name.Position))
			if t.isOneValue() {
				g.pinned = append(g.pinned, arn.ToLower(t.key.Name.Text))
			}
		}
	}
	for _, t := range g.near.tests {
		if isSameAction && !keeps(t) {
			g.pin(s.r, t.key.Name.Text, variables)
		}
	}
	if _, ok := s.r.Context.Lookup("s3:prefix"); ok {
		g.pin(s.r, "s3:prefix", variables) // what a listing is of, as much as the bucket
	}
	return g
}

// isNear reports whether a statement is about the request's resource and not
// about all there are.
func (v view) isNear() bool {
	return v.meets.Resource && v.s.Resource != nil && !slices.ContainsFunc(v.s.Resource.List, func(one policy.Value) bool {
		p, err := arn.CompilePattern(one.Text, 0)
		return err != nil || p.MatchesAll() || p.Resource().LiteralPrefix() == ""
	})
}

func (g *grant) add(operator, key, value string) {
	for i := range g.conditions {
		of := &g.conditions[i]
		if of.name != operator {
			continue
		}
		if !slices.ContainsFunc(of.keys, func(m member) bool { return arn.EqualFold(m.name, key) }) {
			of.keys = append(of.keys, member{key, value})
		}
		return
	}
	g.conditions = append(g.conditions, operatorJSON{operator, []member{{key, value}}})
}

// pin holds a key to the value that the request has, when it has a single one.
// Times are not held: the next request would be denied.
func (g *grant) pin(r *eval.Request, key string, variables bool) {
	name := arn.ToLower(key)
	if slices.Contains(g.pinned, name) {
		return
	}
	v, ok := r.Context.Lookup(key)
	if !ok {
		if p, ok := parameterOf(key); ok && p.part == partAlways && g.near.of != nil {
			g.pinned = append(g.pinned, name)
			g.add("Null", key, `"true"`)
		}
		return
	}
	operator := map[condition.Kind]string{condition.String: "StringEquals", condition.Int: "NumericEquals", condition.Bool: "Bool", condition.Address: "IpAddress"}[v.Kind()]
	if operator == "" {
		return
	}
	text := v.Strings()[0]
	if operator == "StringEquals" {
		text, _ = literal(text, false, variables)
	}
	g.pinned = append(g.pinned, name)
	g.add(operator, key, edit.Quote(text))
}

// cost adds to what a change costs how many keys the grant leaves open.
func (g *grant) cost(pins []string, edits int) cost {
	c := cost{0, edits}
	for _, key := range pins {
		c.excess += count(!slices.Contains(g.pinned, key))
	}
	return c
}

// statement writes the grant as a statement. It fails when it cannot be told
// apart from others in a document without variables.
func (s *state) statement(kind eval.PolicyType, g grant, who string, variables bool) (string, bool) {
	if strings.ContainsAny(s.r.Action, "*?") {
		return "", false
	}
	var b strings.Builder
	b.WriteString(`{"Effect":"Allow",`)
	if who != "" {
		b.WriteString(`"Principal":` + who + ",")
	}
	b.WriteString(`"Action":` + edit.Quote(s.r.Action))
	if kind != eval.Trust {
		resource, ok := literalResource(s.r.Resource, variables)
		if !ok {
			return "", false
		}
		b.WriteString(`,"Resource":` + edit.Quote(resource))
	}
	if len(g.conditions) > 0 {
		b.WriteString(`,"Condition":` + conditionJSON(g.conditions))
	}
	b.WriteString("}")
	return b.String(), true
}

func conditionJSON(list []operatorJSON) string {
	var operators []string
	for _, o := range list {
		var keys []string
		for _, k := range o.keys {
			keys = append(keys, edit.Quote(k.name)+":"+k.value)
		}
		operators = append(operators, edit.Quote(o.name)+":{"+strings.Join(keys, ",")+"}")
	}
	return "{" + strings.Join(operators, ",") + "}"
}

// whoJSON returns the Principal elements that a new statement could have: none
// for a policy that is attached to the caller.
func (s *state) whoJSON(kind eval.PolicyType) []string {
	switch kind {
	case eval.Resource, eval.Trust, eval.KeyPolicy:
	default:
		return []string{""}
	}
	if s.r.Principal.Type == eval.Anonymous {
		return []string{`"*"`}
	}
	var list []string
	for _, n := range s.names() {
		list = append(list, "{"+edit.Quote(n.Type.String())+":"+edit.Quote(n.Value.Text)+"}")
	}
	return list
}

// newStatement adds the grant to a policy. A document in which a * of the
// request cannot be written gets the version in which it can, unless that would
// give another meaning to what it holds.
func (s *state) newStatement(of *eval.Policy, near []view, pins []string) []option {
	d := s.document(of)
	var options []option
	for i, who := range s.whoJSON(of.Type()) {
		var edits []edit.Edit
		g := s.grantOf(near, d.HasVariables())
		text, ok := s.statement(of.Type(), g, who, d.HasVariables())
		if !ok && !d.HasVariables() && !strings.Contains(string(d.Bytes()), "${") {
			edits = append(edits, d.SetVersion(policy.Version2012))
			g = s.grantOf(near, true)
			text, ok = s.statement(of.Type(), g, who, true)
		}
		if !ok {
			continue
		}
		options = append(options, option{cost: g.cost(pins, oneStatement+i+count(g.near.of != of)), Change: Change{
			Kind: AddStatement, Policy: of, Type: of.Type(), Statement: len(d.Statements), Edits: append(edits, d.AddStatement(text)),
			Description: "add a statement to " + called(of) + " that allows " + s.what(g, who),
		}})
	}
	return options
}

// newPolicy makes a policy of the grant.
func (s *state) newPolicy(kind eval.PolicyType, level int, near []view, pins []string) []option {
	g := s.grantOf(near, true)
	if kind == eval.Resource && isAssumption(s.r.Action) {
		kind = eval.Trust
	}
	var options []option
	for i, who := range s.whoJSON(kind) {
		text, ok := s.statement(kind, g, who, true)
		if !ok {
			continue
		}
		doc, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[` + text + `]}`))
		if err != nil {
			continue
		}
		options = append(options, option{cost: g.cost(pins, onePolicy+i), Change: Change{
			Kind: NewPolicy, Type: kind, Level: level, Statement: 0, Document: doc,
			Description: "add a new " + kind.String() + " that allows " + s.what(g, who),
		}})
	}
	return options
}

// what describes a grant.
func (s *state) what(g grant, who string) string {
	text := s.r.Action
	if s.r.Resource != "*" {
		text += " on " + s.r.Resource
	}
	switch {
	case who == `"*"`:
		text += " to everyone"
	case who != "":
		text += " to " + s.callerName()
	}
	if len(g.conditions) > 0 {
		text += ", if " + conditionJSON(g.conditions)
	}
	return text
}

func (s *state) callerName() string {
	names := s.names()
	if len(names) == 0 {
		return "everyone"
	}
	return names[0].Value.Text
}
