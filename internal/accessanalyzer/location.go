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
	l := location{Path: []pathElement{}, Span: span{c.position(f.Position), c.position(f.End)}}
	for i, s := range f.Path {
		switch {
		case s.IsIndex:
			l.Path = append(l.Path, pathElement{Index: &f.Path[i].Index})
		case f.IsName && i == len(f.Path)-1:
			l.Path = append(l.Path, pathElement{Key: &f.Path[i].Name})
		default:
			l.Path = append(l.Path, pathElement{Value: &f.Path[i].Name})
		}
	}
	details := sentence(f.Message)
	if of := f.Finding.Advice; of != "" { // about this finding, not about all of its code
		details += " " + sentence(of)
	}
	return finding{details, f.Severity.String(), string(f.Code), f.LearnMore, []location{l}}
}

// sentence makes a sentence of a message.
func sentence(text string) string {
	r, size := utf8.DecodeRuneInString(text)
	if text = strings.ToUpper(string(r)) + text[size:]; !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}
