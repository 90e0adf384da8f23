package policy

import (
	"slices"
	"unicode/utf8"
)

// Step is one step of the way from the root of a document to a part of it: into
// the member of an object by its name, or into the item of an array by its
// index.
type Step struct {
	Name    string
	Index   int
	IsIndex bool
}

// Location is where a part of a document stands.
type Location struct {
	Path   []Step // from the root; empty for the document itself
	IsName bool   // whether the part is the name of the member that Path ends in, and not its value
	Start  Position
	End    Position // of the character after the last one
}

// Locate returns the location of the value, or of the member's name, that begins
// at an offset, such as that of any Position that parsing returned. The second
// result is false when nothing begins there. Its cost grows with the document:
// who asks more than once asks a Locator.
func (d *Document) Locate(offset int) (Location, bool) { return d.Locator().Locate(offset) }

// Locator locates parts of one document. It is immutable and safe for concurrent
// use.
type Locator struct {
	document *Document
	root     node
	lines    []int // offsets of the lines' first bytes
}

// Locator returns the locator of the document.
func (d *Document) Locator() *Locator {
	l := &Locator{document: d, lines: []int{0}}
	s := newScanner(d.source)
	if root, err := s.value(0); err == nil { // as it was when the document was parsed
		l.root = root
	}
	for i := range len(d.source) {
		if d.source[i] == '\n' {
			l.lines = append(l.lines, i+1)
		}
	}
	return l
}

// Locate does as Document.Locate.
func (l *Locator) Locate(offset int) (Location, bool) {
	var found Location
	start, end, ok := found.find(&l.root, offset)
	if !ok {
		return Location{}, false
	}
	found.Start, found.End = l.PositionAt(start), l.PositionAt(end)
	return found, true
}

// PositionAt does as Document.PositionAt.
func (l *Locator) PositionAt(offset int) Position {
	offset = max(0, min(offset, len(l.document.source)))
	line, ok := slices.BinarySearch(l.lines, offset)
	if ok {
		line++
	}
	start := l.lines[line-1]
	return Position{Offset: offset, Line: line, Column: 1 + utf8.RuneCountInString(l.document.source[start:offset])}
}

// PositionAt returns the position of the byte at an offset, which is brought
// into the document's bounds.
func (d *Document) PositionAt(offset int) Position {
	offset = max(0, min(offset, len(d.source)))
	p := Position{Offset: offset, Line: 1}
	start := 0
	for i := range offset {
		if d.source[i] == '\n' {
			p.Line++
			start = i + 1
		}
	}
	p.Column = 1 + utf8.RuneCountInString(d.source[start:offset])
	return p
}

// find sets the path to what begins at offset in n, and returns its bounds.
func (l *Location) find(n *node, offset int) (start, end int, ok bool) {
	if n.position.Offset == offset {
		return offset, n.end, true
	}
	if offset < n.position.Offset || offset >= n.end {
		return 0, 0, false
	}
	for i := range n.items {
		l.Path = append(l.Path, Step{Index: i, IsIndex: true})
		if start, end, ok = l.find(&n.items[i], offset); ok {
			return start, end, true
		}
		l.Path = l.Path[:len(l.Path)-1]
	}
	for i := range n.members {
		m := &n.members[i]
		l.Path = append(l.Path, Step{Name: m.name})
		if m.position.Offset == offset {
			l.IsName = true
			return offset, m.end, true
		}
		if start, end, ok = l.find(&m.value, offset); ok {
			return start, end, true
		}
		l.Path = l.Path[:len(l.Path)-1]
	}
	return 0, 0, false
}
