package accessanalyzer

import (
	"strings"
	"unicode/utf8"

	"github.com/keywright/keywright/internal/findings"
	"github.com/keywright/keywright/policy"
)

// counter counts the characters of a text before bytes of it, which are asked
// for mostly in order.
type counter struct {
	text       string
	bytes      int
	characters int
}

func (c *counter) before(offset int) int {
	offset = min(max(offset, 0), len(c.text))
	if offset < c.bytes {
		c.bytes, c.characters = 0, 0
	}
	c.characters += utf8.RuneCountInString(c.text[c.bytes:offset])
	c.bytes = offset
	return c.characters
}

func (c *counter) position(p policy.Position) position {
	return position{Line: p.Line, Column: p.Column - 1, Offset: c.before(p.Offset)}
}

func (c *counter) finding(f *findings.Finding) finding {
	locations := []location{c.location(policy.Location{Path: f.Path, IsName: f.IsName, Start: f.Position, End: f.End})}
	for _, l := range f.Others {
		locations = append(locations, c.location(l))
	}
	details := sentence(f.Message)
	if of := f.Finding.Advice; of != "" { // about this finding, not about all of its code
		details += " " + sentence(of)
	}
	return finding{details, f.Severity.String(), string(f.Code), f.LearnMore, locations}
}

func (c *counter) location(of policy.Location) location {
	l := location{Path: []pathElement{}, Span: span{c.position(of.Start), c.position(of.End)}}
	for i, s := range of.Path {
		switch {
		case s.IsIndex:
			l.Path = append(l.Path, pathElement{Index: &of.Path[i].Index})
		case of.IsName && i == len(of.Path)-1:
			l.Path = append(l.Path, pathElement{Key: &of.Path[i].Name})
		default:
			l.Path = append(l.Path, pathElement{Value: &of.Path[i].Name})
		}
	}
	return l
}

// sentence makes a sentence of a message. A message that begins with the name of
// an action, a condition key or a resource goes on beginning with it as it is.
func sentence(text string) string {
	if first, _, _ := strings.Cut(text, " "); !strings.ContainsAny(first, ":$*") {
		r, size := utf8.DecodeRuneInString(text)
		text = strings.ToUpper(string(r)) + text[size:]
	}
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}
