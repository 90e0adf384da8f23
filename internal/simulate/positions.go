package simulate

import (
	"strings"
	"unicode/utf8"

	"github.com/keywright/keywright/policy"
)

// span is where a statement stands, as the simulator counts.
type span struct{ start, end Position }

// statementSpans returns the spans of a document's statements. The simulator
// reads a document piece by piece and notes where its reader stands before and
// after a statement. So the first one of an array begins behind the bracket, and
// each other one at the end of the one before it; the only statement of a
// document without an array begins behind its brace. All end behind their
// closing brace.
func statementSpans(d *policy.Document) []span {
	text := string(d.Bytes())
	spans := make([]span, len(d.Statements))
	c := cursor{text: text, at: Position{1, 1}}
	for i := range d.Statements {
		begin := d.Statements[i].Position.Offset
		if i == 0 {
			start := begin + 1
			if before := strings.TrimRight(text[:begin], " \t\r\n"); strings.HasSuffix(before, "[") {
				start = len(before)
			}
			spans[i].start = c.to(start)
		} else {
			spans[i].start = spans[i-1].end
		}
		spans[i].end = c.to(begin + objectLength(text[begin:]))
	}
	return spans
}

// objectLength returns the length of the JSON object that text begins with.
func objectLength(text string) int {
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// cursor goes once through a text.
type cursor struct {
	text   string
	offset int
	at     Position
}

// to moves on to an offset and returns its position.
func (c *cursor) to(offset int) Position {
	for c.offset < offset {
		r, size := utf8.DecodeRuneInString(c.text[c.offset:])
		c.offset += size
		c.at.Column++
		if r == '\n' {
			c.at = Position{c.at.Line + 1, 1}
		}
	}
	return c.at
}
