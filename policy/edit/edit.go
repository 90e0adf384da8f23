// Package edit knows how to change a policy document and leave every other
// byte of it as it was: its white space, the order of its elements, and how its
// author wrote them. What is added is laid out like what stands beside it.
//
// It does not know what a change means: whether it grants more or less is for
// who asks for it to find out, with policy/eval.
package edit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/keywright/keywright/policy"
)

// Edit replaces the bytes of a document from the offset Start up to the offset
// End, which are the same for an insertion, with Text.
type Edit struct {
	Start, End int
	Text       string
}

// ErrOverlap is the error of edits that touch the same bytes, or that lie
// outside the document.
var ErrOverlap = errors.New("edit: changes overlap, or lie outside the document")

// Apply returns a copy of a document's source with the edits made, in whatever
// order they are given. Insertions at one place stay in the order given. It
// fails with ErrOverlap.
func Apply(source []byte, edits ...Edit) ([]byte, error) {
	sorted := slices.Clone(edits)
	slices.SortStableFunc(sorted, func(a, b Edit) int {
		if a.Start != b.Start {
			return a.Start - b.Start
		}
		return a.End - b.End
	})
	var out []byte
	at := 0
	for _, e := range sorted {
		if e.Start < at || e.End < e.Start || e.End > len(source) {
			return nil, fmt.Errorf("%w: %d to %d", ErrOverlap, e.Start, e.End)
		}
		out = append(append(out, source[at:e.Start]...), e.Text...)
		at = e.End
	}
	return append(out, source[at:]...), nil
}

// Quote returns text as a JSON string, with no more escapes than JSON asks for.
func Quote(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return `""` // cannot be: a string has a JSON form
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Document is a document that is to be changed. Each of its methods returns an
// edit, and changes nothing by itself. Positions and elements that are passed
// to them must be those of the document; the methods panic when they are not.
type Document struct {
	*policy.Document
	locator *policy.Locator
	source  string
}

// Of returns the document for changing.
func Of(d *policy.Document) *Document { return &Document{d, d.Locator(), string(d.Bytes())} }

// Locate does as policy.Document.Locate, at less cost.
func (d *Document) Locate(offset int) (policy.Location, bool) { return d.locator.Locate(offset) }

// Replace puts other JSON in the place of the value, or of the member's name,
// that begins at a position.
func (d *Document) Replace(at policy.Position, json string) Edit {
	l := d.locate(at)
	return Edit{l.Start.Offset, l.End.Offset, json}
}

// ReplaceText puts another string in the place of the value or name at a
// position.
func (d *Document) ReplaceText(at policy.Position, text string) Edit {
	return d.Replace(at, Quote(text))
}

// AddValue adds a string to an element's values. One that is written without
// brackets gets them.
func (d *Document) AddValue(v *policy.Values, text string) Edit {
	if n := len(v.List); n > 0 {
		return d.addBeside(v.List[n-1].Position, Quote(text))
	}
	bracket := d.valueOf(v.Position)
	return Edit{bracket + 1, bracket + 1, Quote(text)}
}

// RemoveValues takes values of an element away, by their indexes. The second
// result is false when none would be left: an element without values means
// something else.
func (d *Document) RemoveValues(v *policy.Values, indexes ...int) ([]Edit, bool) {
	positions := make([]policy.Position, len(v.List))
	for i := range v.List {
		positions[i] = v.List[i].Position
	}
	return d.removeItems(positions, indexes)
}

// AddPrincipal adds a name to a Principal or NotPrincipal element that is not
// the bare "*", beside those of its type when there are any.
func (d *Document) AddPrincipal(p *policy.Principals, t policy.PrincipalType, name string) Edit {
	for _, of := range slices.Backward(p.List) {
		if of.Type == t {
			return d.addBeside(of.Value.Position, Quote(name))
		}
	}
	return d.addMember(d.valueOf(p.Position), t.String(), Quote(name))
}

// AddStatement adds a statement, given as JSON, behind the last one.
func (d *Document) AddStatement(statement string) Edit {
	return d.addBeside(d.Statements[len(d.Statements)-1].Position, statement)
}

// RemoveStatements takes statements away, by their indexes. The second result
// is false when none would be left: a policy has a statement.
func (d *Document) RemoveStatements(indexes ...int) ([]Edit, bool) {
	positions := make([]policy.Position, len(d.Statements))
	for i := range d.Statements {
		positions[i] = d.Statements[i].Position
	}
	return d.removeItems(positions, indexes)
}

// AddElement adds an element to a statement, behind its others, with a value
// given as JSON.
func (d *Document) AddElement(s *policy.Statement, name, value string) Edit {
	return d.addMember(s.Position.Offset, name, value)
}

// AddMember adds a member to the object at a position, such as a condition
// operator or a key of one, with a value given as JSON.
func (d *Document) AddMember(object policy.Position, name, value string) Edit {
	return d.addMember(object.Offset, name, value)
}

// ValuePosition returns where the value of the member stands whose name is at a
// position, such as that of an Operator, Key, Values or Principals.
func (d *Document) ValuePosition(name policy.Position) policy.Position {
	return d.locator.PositionAt(d.valueOf(name))
}

// RemoveMember takes away the member whose name stands at a position: an
// element of a statement, a condition operator, or a key of one.
func (d *Document) RemoveMember(name policy.Position) Edit {
	l := d.locate(d.locator.PositionAt(d.valueOf(name)))
	return d.cut(name.Offset, l.End.Offset)
}

// SetVersion gives the document a version of the policy language.
func (d *Document) SetVersion(version string) Edit {
	if d.Version.IsPresent() {
		return d.ReplaceText(d.Version.Position, version)
	}
	start := strings.IndexByte(d.source, '{') + 1
	text := `"Version": ` + Quote(version) + ","
	if lead := d.leading(start); strings.Contains(lead, "\n") {
		return Edit{start, start, lead + text}
	}
	if strings.HasPrefix(d.source[start:], " ") {
		return Edit{start, start, " " + text}
	}
	return Edit{start, start, strings.Replace(text, ": ", ":", 1)}
}

func (d *Document) locate(at policy.Position) policy.Location {
	l, ok := d.Locate(at.Offset)
	if !ok {
		panic(fmt.Sprintf("edit: nothing begins at %s of this document", at))
	}
	return l
}

// valueOf returns the offset of the value of the member whose name stands at a
// position.
func (d *Document) valueOf(name policy.Position) int {
	at := d.locate(name).End.Offset
	at = d.skip(at) + 1 // the colon
	return d.skip(at)
}

const white = " \t\r\n"

// skip returns the offset of the first byte from an offset on that is not white
// space.
func (d *Document) skip(at int) int { return at + len(d.leading(at)) }

// leading returns the white space from an offset on.
func (d *Document) leading(at int) string {
	rest := d.source[at:]
	return rest[:len(rest)-len(strings.TrimLeft(rest, white))]
}

// trailing returns the white space up to an offset.
func (d *Document) trailing(at int) string {
	before := d.source[:at]
	return before[len(strings.TrimRight(before, white)):]
}

// addBeside adds JSON behind the item of an array at a position. A value that
// is in no array is put into one.
func (d *Document) addBeside(at policy.Position, value string) Edit {
	l := d.locate(at)
	if n := len(l.Path); n == 0 || !l.Path[n-1].IsIndex {
		text := d.source[l.Start.Offset:l.End.Offset]
		if !strings.Contains(text, "\n") {
			return Edit{l.Start.Offset, l.End.Offset, "[" + text + ", " + value + "]"}
		}
		value = d.layOut(value, text, d.indentation(at.Offset))
		return Edit{l.Start.Offset, l.End.Offset, "[" + text + ", " + value + "]"}
	}
	separator := d.trailing(at.Offset)
	if l.Path[len(l.Path)-1].Index == 0 && !strings.Contains(separator, "\n") {
		separator = " " // what stands behind the bracket is no separator
	}
	value = d.layOut(value, d.source[l.Start.Offset:l.End.Offset], d.indentation(at.Offset))
	return Edit{l.End.Offset, l.End.Offset, "," + separator + value}
}

// addMember adds a member behind the others of the object at an offset.
func (d *Document) addMember(object int, name, value string) Edit {
	l := d.locate(d.locator.PositionAt(object))
	end := l.End.Offset - 1 // the brace
	first := d.skip(object + 1)
	if first == end {
		return Edit{object + 1, object + 1, Quote(name) + ": " + value}
	}
	separator := d.leading(object + 1)
	if !strings.Contains(separator, "\n") {
		separator = " "
	}
	last := end - len(d.trailing(end))
	value = d.layOut(value, d.source[object:l.End.Offset], d.indentation(first))
	return Edit{last, last, "," + separator + Quote(name) + ": " + value}
}

// layOut breaks JSON into lines when what it stands beside is, and indents it
// below prefix as the document indents.
func (d *Document) layOut(value, beside, prefix string) string {
	if !strings.Contains(beside, "\n") || !strings.HasPrefix(value, "{") {
		return value
	}
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(value), prefix, d.unit()); err != nil {
		return value
	}
	if strings.Contains(beside, "\r\n") {
		return strings.ReplaceAll(b.String(), "\n", "\r\n")
	}
	return b.String()
}

// unit returns what the document indents its first level by.
func (d *Document) unit() string {
	lead := d.leading(strings.IndexByte(d.source, '{') + 1)
	if i := strings.LastIndexByte(lead, '\n'); i >= 0 && i+1 < len(lead) {
		return lead[i+1:]
	}
	return "  "
}

// indentation returns the white space that the line of an offset begins with.
func (d *Document) indentation(at int) string {
	line := d.source[strings.LastIndexByte(d.source[:at], '\n')+1 : at]
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// removeItems takes items of an array away, each run of them with the commas
// that go with it.
func (d *Document) removeItems(items []policy.Position, indexes []int) ([]Edit, bool) {
	gone := slices.Clone(indexes)
	slices.Sort(gone)
	gone = slices.Compact(gone)
	if len(gone) >= len(items) {
		return nil, false
	}
	var edits []Edit
	for i := 0; i < len(gone); {
		first := gone[i]
		last := first
		for i++; i < len(gone) && gone[i] == last+1; i++ {
			last++
		}
		edits = append(edits, d.cut(items[first].Offset, d.locate(items[last]).End.Offset))
	}
	return edits, true
}

// cut takes away an item or member with the comma that goes with it.
func (d *Document) cut(start, end int) Edit {
	if next := d.skip(end); d.source[next] == ',' {
		return Edit{start, d.skip(next + 1), ""}
	}
	before := start - len(d.trailing(start))
	if before > 0 && d.source[before-1] == ',' {
		return Edit{before - 1, end, ""}
	}
	return Edit{start, end, ""}
}
