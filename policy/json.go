package policy

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is deeper than any policy: document, statements, statement,
// condition, operator, values.
const maxDepth = 16

// node is a JSON value with its place.
type node struct {
	kind     nodeKind
	text     string // string, number or literal
	position Position
	end      int      // offset after the last byte
	members  []member // object
	items    []node   // array
}

type member struct {
	name     string
	position Position // of the name
	end      int      // offset after the name
	value    node
}

type nodeKind uint8

const (
	nullNode nodeKind = iota
	stringNode
	numberNode
	booleanNode
	objectNode
	arrayNode
)

var kindNames = [...]string{"null", "a string", "a number", "a boolean", "an object", "an array"}

// scanner reads JSON text strictly as RFC 8259 has it. It keeps its place so
// that a position costs nothing but when asked for in order.
type scanner struct {
	text         string
	offset       int
	line         int
	lineStart    int // offset of the line's first byte
	columnOffset int // offset up to which column is counted
	column       int

	// What the objects and arrays being read have so far, the innermost last:
	// each takes its part away, at its exact size, when it ends.
	members []member
	items   []node
}

func newScanner(text string) *scanner {
	return &scanner{text: text, line: 1, column: 1}
}

// position returns the place of the next byte.
func (s *scanner) position() Position {
	if s.columnOffset < s.lineStart {
		s.columnOffset, s.column = s.lineStart, 1
	}
	s.column += utf8.RuneCountInString(s.text[s.columnOffset:s.offset])
	s.columnOffset = s.offset
	return Position{s.offset, s.line, s.column}
}

func (s *scanner) fail(message string) *Error {
	return &Error{Position: s.position(), Code: JSONSyntax, Message: message}
}

func (s *scanner) space() {
	for s.offset < len(s.text) {
		switch s.text[s.offset] {
		case '\n':
			s.line++
			s.lineStart = s.offset + 1
		case ' ', '\t', '\r':
		default:
			return
		}
		s.offset++
	}
}

// peek returns the next byte that is not white space, or 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.offset == len(s.text) {
		return 0
	}
	return s.text[s.offset]
}

func (s *scanner) value(depth int) (node, *Error) {
	c := s.peek()
	n := node{position: s.position()}
	if depth > maxDepth {
		return n, &Error{Position: n.position, Code: TooLarge, Message: "nested too deeply"}
	}
	var err *Error
	switch {
	case c == '{':
		n.kind = objectNode
		n.members, err = s.object(depth)
	case c == '[':
		n.kind = arrayNode
		n.items, err = s.array(depth)
	case c == '"':
		n.kind = stringNode
		n.text, err = s.string()
	case c == '-' || '0' <= c && c <= '9':
		n.kind = numberNode
		n.text, err = s.number()
	default:
		n.kind, n.text, err = s.word()
	}
	n.end = s.offset
	return n, err
}

func (s *scanner) object(depth int) ([]member, *Error) {
	s.offset++ // {
	if s.peek() == '}' {
		s.offset++
		return nil, nil
	}
	base := len(s.members)
	var seen map[string]bool // only for objects of many members
	for {
		if s.peek() != '"' {
			return nil, s.fail("expected the name of an element, in double quotes")
		}
		m := member{position: s.position()}
		var err *Error
		if m.name, err = s.string(); err != nil {
			return nil, err
		}
		m.end = s.offset
		before := s.members[base:]
		if seen = remember(seen, before); seen[m.name] || seen == nil && has(before, m.name) {
			return nil, &Error{m.position, DuplicateElement, m.name, strconv.Quote(m.name) + " is there twice"}
		}
		if s.peek() != ':' {
			return nil, s.fail("expected a colon after the name of an element")
		}
		s.offset++
		if m.value, err = s.value(depth + 1); err != nil {
			return nil, err
		}
		s.members = append(s.members, m)
		if done, err := s.next('}'); done || err != nil {
			members := slices.Clone(s.members[base:])
			s.members = s.members[:base]
			return members, err
		}
	}
}

// fewMembers is how many members are looked through one by one.
const fewMembers = 16

// remember keeps the names of an object's members once they are many.
func remember(seen map[string]bool, members []member) map[string]bool {
	if len(members) < fewMembers {
		return nil
	}
	if seen == nil {
		seen = map[string]bool{}
		for i := range members {
			seen[members[i].name] = true
		}
	}
	seen[members[len(members)-1].name] = true
	return seen
}

func has(members []member, name string) bool {
	for i := range members {
		if members[i].name == name {
			return true
		}
	}
	return false
}

func (s *scanner) array(depth int) ([]node, *Error) {
	s.offset++ // [
	if s.peek() == ']' {
		s.offset++
		return nil, nil
	}
	base := len(s.items)
	for {
		n, err := s.value(depth + 1)
		if err != nil {
			return nil, err
		}
		s.items = append(s.items, n)
		if done, err := s.next(']'); done || err != nil {
			items := slices.Clone(s.items[base:])
			s.items = s.items[:base]
			return items, err
		}
	}
}

// next reads a comma, or the end of the object or array.
func (s *scanner) next(end byte) (done bool, err *Error) {
	switch s.peek() {
	case end:
		s.offset++
		return true, nil
	case ',':
		s.offset++
		return false, nil
	}
	return false, s.fail("expected a comma or " + strconv.Quote(string(end)))
}

var words = [...]struct {
	text string
	kind nodeKind
}{{"null", nullNode}, {"true", booleanNode}, {"false", booleanNode}}

func (s *scanner) word() (nodeKind, string, *Error) {
	for _, w := range words {
		if strings.HasPrefix(s.text[s.offset:], w.text) {
			s.offset += len(w.text)
			return w.kind, w.text, nil
		}
	}
	return 0, "", s.fail("expected a value")
}

func (s *scanner) number() (string, *Error) {
	start := s.offset
	accept := func(set string) bool {
		if s.offset < len(s.text) && strings.IndexByte(set, s.text[s.offset]) >= 0 {
			s.offset++
			return true
		}
		return false
	}
	digits := func() bool {
		n := s.offset
		for accept("0123456789") {
		}
		return s.offset > n
	}
	accept("-")
	if !accept("0") && !digits() {
		return "", s.fail("malformed number")
	}
	if accept(".") && !digits() {
		return "", s.fail("malformed number")
	}
	if accept("eE") {
		accept("+-")
		if !digits() {
			return "", s.fail("malformed number")
		}
	}
	return s.text[start:s.offset], nil
}

func (s *scanner) string() (string, *Error) {
	s.offset++ // "
	start := s.offset
	for ; s.offset < len(s.text); s.offset++ {
		switch c := s.text[s.offset]; {
		case c == '"':
			s.offset++
			return s.text[start : s.offset-1], nil
		case c == '\\':
			return s.escaped(start)
		case c < ' ':
			return "", s.fail("a control character in a string")
		}
	}
	return "", s.fail("a string without end")
}

// escaped reads on from the first backslash of a string.
func (s *scanner) escaped(start int) (string, *Error) {
	var b strings.Builder
	b.WriteString(s.text[start:s.offset])
	for s.offset < len(s.text) {
		switch c := s.text[s.offset]; {
		case c == '"':
			s.offset++
			return b.String(), nil
		case c == '\\':
			r, n := unescape(s.text[s.offset:])
			if n == 0 {
				return "", s.fail("malformed escape in a string")
			}
			b.WriteRune(r)
			s.offset += n
		case c < ' ':
			return "", s.fail("a control character in a string")
		default:
			b.WriteByte(c)
			s.offset++
		}
	}
	return "", s.fail("a string without end")
}

var escapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape reads the escape at the start of s and gives its length, or 0 when
// it is malformed. A surrogate without its pair is malformed.
func unescape(s string) (rune, int) {
	if len(s) < 2 {
		return 0, 0
	}
	if r, ok := escapes[s[1]]; ok {
		return r, 2
	}
	r, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, ok := hex4(s[6:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(n), err == nil
}
