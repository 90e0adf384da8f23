package remedy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/edit"
	"github.com/keywright/keywright/policy/eval"
)

// mostCopies is how many statements one Deny statement may become.
const mostCopies = 4

// exclusion takes one value of one element out of a Deny statement. It is a
// function of the statement, so that it can be made in a copy.
type exclusion struct {
	what string
	make func(v view) ([]edit.Edit, bool)
}

// extent is how one element of a Deny statement takes in the request.
type extent uint8

const (
	exact    extent = iota // it takes in nothing else
	divided                // it takes in more, and can do without the request's value
	covering               // it takes in more, and cannot be told to do without
)

// exceptions returns the changes with which a Deny statement would let the
// request pass.
//
// A request is a point: an action, a resource, a caller, a value for each key.
// A statement without its action denies what the statement denies but for that
// action, and one without its resource what it denies but for that resource.
// The two together deny all that it denied but that action on that resource. So
// a statement becomes as many as have something to do without, and what none can
// do without is let pass for every value.
func (s *state) exceptions(d eval.Decision) []option {
	v := s.view(d.Policy, d.Statement)
	var parts []exclusion
	isExact := true
	for _, p := range s.pieces(v) {
		isExact = isExact && p.extent == exact
		if p.extent == divided && s.excludes(v, p.exclusion) {
			parts = append(parts, p.exclusion)
		}
	}
	var options []option
	isOnlyOne := len(v.doc.Statements) == 1 && v.of.Type() == eval.PermissionsBoundary
	if len(parts) == 0 && (!isExact || isOnlyOne) {
		if e, ok := s.notCaller(v); ok && s.excludes(v, e) {
			parts = append(parts, e)
		}
	}
	if len(parts) > 0 {
		parts = parts[:min(len(parts), mostCopies)]
		if o, ok := v.narrowed(parts); ok {
			options = append(options, o)
		}
	}
	if isExact {
		options = append(options, v.gone()...)
	}
	return options
}

// piece is an element of a Deny statement.
type piece struct {
	extent    extent
	exclusion exclusion
}

func (s *state) pieces(v view) []piece {
	pieces := []piece{s.callerPiece(v), s.actionPiece(v)}
	if v.of.Type() != eval.Trust {
		pieces = append(pieces, s.resourcePiece(v))
	}
	for i := range v.tests {
		if t := &v.tests[i]; !arn.EqualFold(t.key.Name.Text, "aws:PrincipalArn") {
			pieces = append(pieces, s.testPiece(t))
		}
	}
	return pieces
}

// callerPiece is the Principal, or for the policies of an organization, which
// apply to many callers, who is the caller. A policy that is attached to the
// caller has none.
func (s *state) callerPiece(v view) piece {
	p := v.s.Principal
	if p != nil && len(p.List) > 0 && !slices.ContainsFunc(p.List, func(one policy.Principal) bool { return !s.isOwnName(one) }) {
		return piece{extent: exact}
	}
	if v.s.NotPrincipal != nil && s.r.Principal.Type == eval.User && s.p.Boundary == nil && !v.s.NotPrincipal.Any.IsPresent() {
		name := s.names()[0]
		return piece{divided, exclusion{name.Value.Text, func(v view) ([]edit.Edit, bool) {
			return []edit.Edit{v.doc.AddPrincipal(v.s.NotPrincipal, name.Type, name.Value.Text)}, true
		}}}
	}
	if p == nil && v.s.NotPrincipal == nil && v.of.Type() != eval.ServiceControl {
		return piece{extent: exact}
	}
	if e, ok := s.notCaller(v); ok {
		return piece{divided, e}
	}
	return piece{extent: covering}
}

// notCaller holds a statement off one caller by the condition key that has his
// ARN, which a session shares with its role and which a request that nobody
// signed does not have ("AWS global condition context keys").
func (s *state) notCaller(v view) (exclusion, bool) {
	if name, ok := s.r.Context.Resolve("aws:PrincipalServiceName"); ok && s.r.Principal.Type == eval.Service {
		return exclusion{name, func(v view) ([]edit.Edit, bool) {
			return v.notValue("StringNotEquals", "aws:PrincipalServiceName", name)
		}}, true
	}
	own, ok := s.r.Context.Resolve("aws:PrincipalArn")
	switch {
	case ok:
		return exclusion{own, func(v view) ([]edit.Edit, bool) {
			return v.notValue("ArnNotEquals", "aws:PrincipalArn", own)
		}}, true
	case s.r.Principal.Type == eval.Anonymous:
		return exclusion{"who is anonymous", func(v view) ([]edit.Edit, bool) {
			return v.notValue("Null", "aws:PrincipalArn", "false")
		}}, true
	}
	return exclusion{}, false
}

func (s *state) actionPiece(v view) piece {
	if strings.ContainsAny(s.r.Action, "*?") {
		return piece{extent: covering}
	}
	return listPiece(v.s.Action, v.s.NotAction, s.r.Action, func(text string) bool { return arn.EqualFold(text, s.r.Action) },
		func(v view) (*policy.Values, *policy.Values) { return v.s.Action, v.s.NotAction })
}

func (s *state) resourcePiece(v view) piece {
	text, ok := literalResource(s.r.Resource, v.doc.HasVariables())
	if !ok || text == "*" {
		return piece{extent: covering}
	}
	return listPiece(v.s.Resource, v.s.NotResource, text, func(of string) bool { return of == text },
		func(v view) (*policy.Values, *policy.Values) { return v.s.Resource, v.s.NotResource })
}

// listPiece is an element that lists values: one of many can be taken from it,
// "*" can become all but one, and what is listed as excepted can be one more.
func listPiece(element, not *policy.Values, value string, is func(string) bool, of func(view) (element, not *policy.Values)) piece {
	what := value
	if not != nil {
		return piece{divided, exclusion{what, func(v view) ([]edit.Edit, bool) {
			_, not := of(v)
			return []edit.Edit{v.doc.AddValue(not, value)}, true
		}}}
	}
	if !slices.ContainsFunc(element.List, func(v policy.Value) bool { return !is(v.Text) }) {
		return piece{extent: exact}
	}
	if slices.ContainsFunc(element.List, func(v policy.Value) bool { return v.Text == "*" }) {
		return piece{divided, exclusion{what, func(v view) ([]edit.Edit, bool) {
			element, _ := of(v)
			return []edit.Edit{v.doc.ReplaceText(element.Position, "Not"+element.Name),
				v.doc.Replace(v.doc.ValuePosition(element.Position), "["+edit.Quote(value)+"]")}, true
		}}}
	}
	return piece{divided, exclusion{what, func(v view) ([]edit.Edit, bool) {
		element, _ := of(v)
		return v.without(element, is)
	}}}
}

// testPiece is a condition of the statement, which the request's value meets.
func (s *state) testPiece(t *test) piece {
	key := t.key.Name.Text
	have, ok := s.r.Context.Lookup(key)
	if !ok || t.op.Name == "Bool" || t.op.Name == "Null" || t.isOneValue() {
		return piece{extent: exact}
	}
	operator := map[condition.Kind]string{condition.String: "StringNotEquals", condition.Address: "NotIpAddress", condition.Int: "NumericNotEquals"}[have.Kind()]
	if operator == "" || t.op.Qualifier != condition.None {
		return piece{extent: covering}
	}
	value := have.Strings()[0]
	if t.op.IsNegated() {
		operator = t.operator.Name.Text
	}
	return piece{divided, exclusion{key + " " + edit.Quote(value), func(v view) ([]edit.Edit, bool) { return v.notValue(operator, key, value) }}}
}

// notValue adds a value to those that a negated operator excepts.
func (v view) notValue(operator, key, value string) ([]edit.Edit, bool) {
	op, _ := condition.ParseOperator(operator)
	if takesVariables(op) || isPattern(op) {
		var ok bool
		if value, ok = literal(value, isPattern(op), v.doc.HasVariables()); !ok {
			return nil, false
		}
	}
	if !v.s.ConditionPosition.IsValid() {
		return []edit.Edit{v.doc.AddElement(v.s, "Condition", "{"+edit.Quote(operator)+":{"+edit.Quote(key)+":"+edit.Quote(value)+"}}")}, true
	}
	for i := range v.s.Condition {
		of := &v.s.Condition[i]
		if of.Name.Text != operator {
			continue
		}
		for j := range of.Keys {
			if arn.EqualFold(of.Keys[j].Name.Text, key) {
				return []edit.Edit{v.doc.AddValue(&of.Keys[j].Values, value)}, true
			}
		}
		return []edit.Edit{v.doc.AddMember(v.doc.ValuePosition(of.Name.Position), key, edit.Quote(value))}, true
	}
	return []edit.Edit{v.doc.AddMember(v.doc.ValuePosition(v.s.ConditionPosition), operator, "{"+edit.Quote(key)+":"+edit.Quote(value)+"}")}, true
}

// excludes reports whether a statement with an exclusion lets the request pass.
func (s *state) excludes(v view, e exclusion) bool {
	edits, ok := e.make(v)
	if !ok {
		return false
	}
	source, err := edit.Apply(v.doc.Bytes(), edits...)
	if err != nil {
		return false
	}
	doc, err := policy.Parse(source)
	if err != nil {
		return false
	}
	changed, err := v.of.Recompile(doc)
	return err == nil && !changed.Elements(v.index, s.r, s.p).Match()
}

// narrowed is the statement with the first exclusion, and a copy of it with each
// of the others.
func (v view) narrowed(parts []exclusion) (option, bool) {
	edits, ok := parts[0].make(v)
	if !ok {
		return option{}, false
	}
	what := []string{parts[0].what}
	var copies []string
	for i, e := range parts[1:] {
		text, ok := v.copied(e, i+2)
		if !ok {
			return option{}, false
		}
		copies, what = append(copies, text), append(what, e.what)
	}
	if len(copies) > 0 {
		if edits, ok = v.besides(edits, copies); !ok {
			return option{}, false
		}
	}
	o := v.option(NarrowDeny, cost{0, len(parts)}, "except "+strings.Join(what, " together with ")+" from "+v.name(), edits...)
	if len(copies) > 0 {
		o.Description += fmt.Sprintf(", which takes %d statements", len(parts))
	}
	return o, true
}

// copied returns a copy of the statement with an exclusion, under another Sid.
func (v view) copied(e exclusion, number int) (string, bool) {
	const before = `{"Version":`
	source := before + edit.Quote(policy.Version2012) + `,"Statement":` + v.json(v.s.Position) + "}"
	if !v.doc.HasVariables() {
		source = strings.Replace(source, policy.Version2012, policy.Version2008, 1)
	}
	doc, err := policy.Parse([]byte(source))
	if err != nil {
		return "", false
	}
	alone := view{of: v.of, doc: edit.Of(doc), s: &doc.Statements[0]}
	edits, ok := e.make(alone)
	if !ok {
		return "", false
	}
	if sid := doc.Statements[0].Sid; sid.IsPresent() {
		edits = append(edits, alone.doc.ReplaceText(sid.Position, fmt.Sprintf("%s%d", sid.Text, number)))
	}
	changed, err := edit.Apply(doc.Bytes(), edits...)
	if err != nil {
		return "", false
	}
	if doc, err = policy.Parse(changed); err != nil {
		return "", false
	}
	return view{doc: edit.Of(doc)}.json(doc.Statements[0].Position), true
}

// besides adds statements to the edits of one that stays.
func (v view) besides(edits []edit.Edit, statements []string) ([]edit.Edit, bool) {
	l, ok := v.doc.Locate(v.s.Position.Offset)
	if !ok {
		return nil, false
	}
	if l.Path[len(l.Path)-1].IsIndex {
		for _, text := range statements {
			edits = append(edits, v.doc.AddStatement(text))
		}
		return edits, true
	}
	first := edit.Edit{Start: l.Start.Offset, End: l.Start.Offset, Text: "["}
	last := edit.Edit{Start: l.End.Offset, End: l.End.Offset, Text: ", " + strings.Join(statements, ", ") + "]"}
	return append(append([]edit.Edit{first}, edits...), last), true
}

// gone takes the statement away, or the policy with it when it is the only one.
// A boundary that is taken away would no longer bound.
func (v view) gone() []option {
	c := cost{0, oneStatement}
	if edits, ok := v.doc.RemoveStatements(v.index); ok {
		return []option{v.option(RemoveStatement, c, "take away "+v.name(), edits...)}
	}
	if v.of.Type() == eval.PermissionsBoundary {
		return nil
	}
	o := v.option(RemovePolicy, c, "take away "+called(v.of)+", which does nothing but deny this")
	o.Statement = -1
	return []option{o}
}
