package policy

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/keywright/keywright/arn"
)

// MaxSize is the size in bytes over which Parse refuses a document. It is far
// above every limit of AWS, which policy/lint knows.
const MaxSize = 1 << 20

// Parse reads a policy document. It refuses, with an *Error that says where,
// whatever the grammar does not have: duplicate and unknown elements, wrong
// types, text after the end, bad UTF-8. Names of elements and values of Effect
// are case-sensitive.
func Parse(data []byte) (*Document, error) {
	d, err := parse(data)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func parse(data []byte) (*Document, *Error) {
	start := Position{0, 1, 1}
	if len(data) > MaxSize {
		return nil, &Error{start, TooLarge, "", "larger than " + strconv.Itoa(MaxSize) + " bytes"}
	}
	s := newScanner(string(data))
	if s.peek() != '{' {
		return nil, &Error{s.position(), NotJSONObject, "", "a policy is a JSON object: the first byte must be '{'" + insteadOf(s.text)}
	}
	if !utf8.Valid(data) {
		return nil, &Error{start, JSONSyntax, "", "not valid UTF-8"}
	}
	root, err := s.value(0)
	if err != nil {
		return nil, err
	}
	if s.peek(); s.offset != len(s.text) {
		return nil, s.fail("text after the end of the policy")
	}
	d := &Document{source: s.text}
	return d, d.read(root)
}

// insteadOf says what stands where a document should begin, when editors and shells
// write it and nobody sees it.
func insteadOf(text string) string {
	switch {
	case strings.HasPrefix(text, "\uFEFF"):
		return ", but is a byte order mark: save it as UTF-8 without one"
	case strings.HasPrefix(text, "\xFF\xFE"), strings.HasPrefix(text, "\xFE\xFF"):
		return ", but it is UTF-16: save it as UTF-8"
	case strings.Trim(text, " \t\r\n") == "":
		return ", but the document is empty"
	}
	return ""
}

func (d *Document) read(root node) *Error {
	var statements *node
	for i := range root.members {
		m := &root.members[i]
		var err *Error
		switch m.name {
		case "Version":
			if d.Version, err = m.text(); err == nil && d.Version.Text != Version2008 && d.Version.Text != Version2012 {
				err = &Error{d.Version.Position, InvalidVersion, d.Version.Text, "the version is 2012-10-17 or 2008-10-17"}
			}
		case "Id":
			d.ID, err = m.text()
		case "Statement":
			statements = &m.value
		default:
			err = m.unknown("a policy")
		}
		if err != nil {
			return err
		}
	}
	if statements == nil {
		return &Error{root.position, MissingStatement, "", "a policy has a Statement"}
	}
	return d.readStatements(statements)
}

func (d *Document) readStatements(n *node) *Error {
	items := n.items
	switch {
	case n.kind == objectNode:
		items = []node{*n}
	case n.kind != arrayNode:
		return n.wrongType("Statement", "an object or an array of objects")
	case len(items) == 0:
		return &Error{n.position, EmptyStatement, "", "Statement is empty"}
	}
	d.Statements = make([]Statement, len(items))
	for i := range items {
		if items[i].kind != objectNode {
			return items[i].wrongType("a statement", "an object")
		}
		if err := d.Statements[i].read(&items[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Statement) read(n *node) *Error {
	s.Position = n.position
	for i := range n.members {
		if err := s.readElement(&n.members[i]); err != nil {
			return err
		}
	}
	if s.Effect == 0 {
		return &Error{n.position, MissingEffect, "", "a statement has an Effect"}
	}
	for _, pair := range []struct {
		name          string
		first, second Position
	}{
		{"Principal", s.Principal.position(), s.NotPrincipal.position()},
		{"Action", s.Action.position(), s.NotAction.position()},
		{"Resource", s.Resource.position(), s.NotResource.position()},
	} {
		if pair.first.IsValid() && pair.second.IsValid() {
			return &Error{pair.second, ConflictingElements, "Not" + pair.name,
				"a statement has " + pair.name + " or Not" + pair.name + ", not both"}
		}
	}
	return nil
}

func (s *Statement) readElement(m *member) (err *Error) {
	switch m.name {
	case "Sid":
		s.Sid, err = m.text()
	case "Effect":
		err = s.readEffect(m)
	case "Principal":
		s.Principal, err = m.principals()
	case "NotPrincipal":
		s.NotPrincipal, err = m.principals()
	case "Action":
		s.Action, err = m.texts()
	case "NotAction":
		s.NotAction, err = m.texts()
	case "Resource":
		s.Resource, err = m.texts()
	case "NotResource":
		s.NotResource, err = m.texts()
	case "Condition":
		s.ConditionPosition = m.position
		s.Condition, err = m.condition()
	default:
		err = m.unknown("a statement")
	}
	return err
}

func (s *Statement) readEffect(m *member) *Error {
	v, err := m.text()
	if err != nil {
		return err
	}
	s.EffectPosition = v.Position
	switch v.Text {
	case "Allow":
		s.Effect = Allow
	case "Deny":
		s.Effect = Deny
	default:
		return &Error{v.Position, InvalidEffect, v.Text, "Effect is Allow or Deny, not " + strconv.Quote(v.Text)}
	}
	return nil
}

func (v *Values) position() Position {
	if v == nil {
		return Position{}
	}
	return v.Position
}

func (p *Principals) position() Position {
	if p == nil {
		return Position{}
	}
	return p.Position
}

func (n *node) wrongType(what, want string) *Error {
	return &Error{n.position, WrongType, n.text, what + " is " + want + ", not " + kindNames[n.kind]}
}

func (m *member) unknown(where string) *Error {
	return &Error{m.position, UnknownElement, m.name, where + " has no element " + strconv.Quote(m.name)}
}

// text reads a member that is a string.
func (m *member) text() (Value, *Error) {
	if m.value.kind != stringNode {
		return Value{}, m.value.wrongType(m.name, "a string")
	}
	return m.value.value(), nil
}

func (n *node) value() Value {
	v := Value{Text: n.text, Position: n.position}
	switch n.kind {
	case numberNode:
		v.Kind = Number
	case booleanNode:
		v.Kind = Boolean
	}
	return v
}

// texts reads a member that is a string or an array of strings.
func (m *member) texts() (*Values, *Error) {
	return m.values("a string or an array of strings", stringNode)
}

func (m *member) values(want string, kinds ...nodeKind) (*Values, *Error) {
	v := &Values{Name: m.name, Position: m.position}
	items := []node{m.value}
	if m.value.kind == arrayNode {
		items, v.IsArray = m.value.items, true
	}
	v.List = make([]Value, len(items))
	for i := range items {
		if !slices.Contains(kinds, items[i].kind) {
			return nil, items[i].wrongType(m.name, want)
		}
		v.List[i] = items[i].value()
	}
	return v, nil
}

func (m *member) principals() (*Principals, *Error) {
	p := &Principals{Name: m.name, Position: m.position}
	switch m.value.kind {
	case stringNode:
		if m.value.text != "*" {
			return nil, &Error{m.value.position, InvalidPrincipalValue, m.value.text,
				m.name + " is \"*\" or an object"}
		}
		p.Any = m.value.value()
		return p, nil
	case objectNode:
	default:
		return nil, m.value.wrongType(m.name, "\"*\" or an object")
	}
	for i := range m.value.members {
		of := &m.value.members[i]
		t, ok := principalTypes[of.name]
		if !ok {
			return nil, &Error{of.position, InvalidPrincipalType, of.name,
				strconv.Quote(of.name) + " is not a type of principal"}
		}
		values, err := of.texts()
		if err != nil {
			return nil, err
		}
		for _, v := range values.List {
			p.List = append(p.List, Principal{t, v})
		}
	}
	return p, nil
}

func (m *member) condition() ([]Operator, *Error) {
	if m.value.kind != objectNode {
		return nil, m.value.wrongType("Condition", "an object")
	}
	operators := make([]Operator, len(m.value.members))
	for i := range m.value.members {
		of := &m.value.members[i]
		if of.value.kind != objectNode {
			return nil, of.value.wrongType(of.name, "an object of condition keys")
		}
		keys, seen := make([]Key, len(of.value.members)), make(map[string]bool, len(of.value.members))
		for j := range of.value.members {
			key := &of.value.members[j]
			lower := arn.ToLower(key.name)
			if seen[lower] {
				return nil, &Error{key.position, DuplicateKey, key.name,
					strconv.Quote(key.name) + " is there twice: names of condition keys have no case"}
			}
			seen[lower] = true
			values, err := key.values("a value or an array of values", stringNode, numberNode, booleanNode)
			if err != nil {
				return nil, err
			}
			keys[j] = Key{Value{Text: key.name, Position: key.position}, *values}
		}
		operators[i] = Operator{Value{Text: of.name, Position: of.position}, keys}
	}
	return operators, nil
}
