package findings

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/keywright/keywright/policy/lint"
)

// Text writes the findings of files for people: each on a line that editors
// can jump to, then the source with a mark below what is meant, why it matters,
// and what to do. With colour it uses the escape sequences of terminals. What
// comes from the files cannot: it is shown without control characters.
func Text(w io.Writer, files []File, colour bool) error {
	t := text{colour: colour}
	for i := range files {
		f := &files[i]
		for j := range f.Mended {
			of := &f.Mended[j]
			fmt.Fprintf(&t, "%s:%s: fixed %s: %s\n", printable(f.Name), of.Position, of.Code, printable(of.Fix.Description))
		}
		if len(f.Mended) > 0 {
			t.WriteByte('\n')
		}
		for j := range f.Findings {
			t.finding(f, &f.Findings[j])
		}
	}
	t.summary(files)
	_, err := w.Write(t.Bytes())
	return err
}

type text struct {
	bytes.Buffer
	colour bool
}

const (
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	plain  = "\x1b[0m"
)

// paint returns text in a colour, when there are colours.
func (t *text) paint(colour, s string) string {
	if !t.colour || s == "" {
		return s
	}
	return colour + s + plain
}

func severityColour(s lint.Severity) string {
	switch s {
	case lint.Error, lint.SecurityWarning:
		return red
	case lint.Warning:
		return yellow
	}
	return cyan
}

func (t *text) finding(f *File, of *Finding) {
	where := printable(f.Name) + ":" + of.Position.String()
	fmt.Fprintf(t, "%s: %s %s: %s\n", t.paint(bold, where), t.paint(severityColour(of.Severity), of.Severity.String()), of.Code, printable(of.Message))
	t.source(f, of)
	for _, part := range []struct{ name, text string }{{"why", of.Why}, {"fix", of.Advice}} {
		if part.text != "" {
			fmt.Fprintf(t, "  %s: %s\n", part.name, printable(part.text))
		}
	}
	if of.Fix != nil {
		fmt.Fprintf(t, "  --fix can %s\n", printable(of.Fix.Description))
	}
	t.WriteByte('\n')
}

// widest is how many characters of a source line are shown, and lead how many
// of them before what is marked when the line is longer.
const (
	widest = 100
	lead   = 33
)

// source shows the line of a finding, and marks the part that is meant.
func (t *text) source(f *File, of *Finding) {
	before, after := around(f.Source, of.Position.Offset)
	if before+after == "" {
		return
	}
	left, right := []rune(before), []rune(after)
	marked := len(right)
	if of.End.Line == of.Position.Line {
		marked = max(1, min(of.End.Column-of.Position.Column, len(right)))
	}
	var shown, mark strings.Builder
	if len(left)+len(right) > widest {
		start := 0
		if len(left) > lead {
			start = len(left) - max(lead, widest-len(right))
		}
		if start > 0 {
			left = left[start:]
			shown.WriteRune('…')
			mark.WriteByte(' ')
		}
	}
	for _, r := range left {
		s := printable(string(r))
		shown.WriteString(s)
		if r == '\t' {
			mark.WriteByte('\t')
		} else {
			mark.WriteString(strings.Repeat(" ", utf8.RuneCountInString(s)))
		}
	}
	room := max(0, widest-len(left))
	for i, r := range right[:min(len(right), room)] {
		s := printable(string(r))
		shown.WriteString(s)
		if i < marked {
			mark.WriteString(strings.Repeat("^", utf8.RuneCountInString(s)))
		}
	}
	if len(right) > room {
		shown.WriteRune('…')
	}
	if len(right) == 0 {
		mark.WriteByte('^') // behind the end of the line
	}
	number := strconv.Itoa(of.Position.Line)
	fmt.Fprintf(t, " %s | %s\n", number, strings.TrimRight(shown.String(), " "))
	fmt.Fprintf(t, " %s | %s\n", strings.Repeat(" ", len(number)), t.paint(severityColour(of.Severity), mark.String()))
}

// around returns the line of an offset, before and from it on, without what ends
// it, and no more of it than can be shown.
func around(source []byte, offset int) (before, after string) {
	offset = max(0, min(offset, len(source)))
	start := bytes.LastIndexByte(source[:offset], '\n') + 1
	for start < offset-utf8.UTFMax*widest || start < offset && !utf8.RuneStart(source[start]) {
		start = max(start+1, offset-utf8.UTFMax*widest)
	}
	rest := source[offset:min(len(source), offset+utf8.UTFMax*widest)]
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		rest = bytes.TrimSuffix(rest[:i], []byte("\r"))
	}
	return string(source[start:offset]), strings.ToValidUTF8(string(rest), "\ufffd")
}

// printable returns a text without the control characters that would make a
// terminal do something: they are shown as JSON writes them. A tab stays.
func printable(s string) string {
	if !strings.ContainsFunc(s, unprintable) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unprintable(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func unprintable(r rune) bool {
	return r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp))
}

// summary says what was looked at, as what, and how much was found.
func (t *text) summary(files []File) {
	var count [lint.Suggestion + 1]int
	total, fixable := 0, 0
	for i := range files {
		f := &files[i]
		if len(f.Findings) == 0 || f.Guess != "" {
			fmt.Fprintf(t, "%s: %s%s\n", printable(f.Name), plural(len(f.Findings), "finding"), guess(f))
		}
		if f.IsCut() {
			fmt.Fprintf(t, "%s: no more than %d findings are told: mend these, then check again\n", printable(f.Name), len(f.Findings))
		}
		for j := range f.Findings {
			total++
			count[f.Findings[j].Severity]++
			if f.Findings[j].Fix != nil {
				fixable++
			}
		}
	}
	if total == 0 {
		return
	}
	var parts []string
	for s, n := range count {
		if n > 0 {
			parts = append(parts, plural(n, severityName(lint.Severity(s))))
		}
	}
	fmt.Fprintf(t, "%s in %s: %s", plural(total, "finding"), plural(len(files), "file"), strings.Join(parts, ", "))
	if fixable > 0 {
		fmt.Fprintf(t, "; --fix mends %d", fixable)
	}
	t.WriteByte('\n')
}

func guess(f *File) string {
	if f.Guess == "" {
		return ""
	}
	return "; read as " + article(f.Type) + " " + f.Type.String() + ", since " + f.Guess + " (see --type)"
}

func severityName(s lint.Severity) string {
	return strings.ReplaceAll(strings.ToLower(s.String()), "_", " ")
}

func article(k lint.Kind) string {
	if k == lint.Identity {
		return "an"
	}
	return "a"
}

func plural(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
