package arn

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Resolver gives the value of a policy variable. The second result is false
// when the key is absent, or has no value or several.
type Resolver interface {
	Resolve(key string) (string, bool)
}

// Syntax says what is special in the text of a Wildcard.
type Syntax uint8

// The parts of a Syntax. Without any of them a text stands for itself.
const (
	Wildcards Syntax = 1 << iota // * is any characters, ? is exactly one
	Variables                    // ${key}, ${key, 'default'}, ${*}, ${?} and ${$}
	FoldCase                     // ASCII letters match whatever their case
)

// Wildcard is a compiled string pattern ("IAM policy elements: Variables and
// tags", "IAM JSON policy elements: Condition operators"). A character is a
// Unicode code point. It is immutable and safe for concurrent use.
//
// A match costs time proportional to the text and the pattern, however many
// stars there are; only a piece between two stars that holds ? or a variable
// costs a step for each of its bytes and each 64 bytes of the text.
type Wildcard struct {
	chunks [][]atom // what stands between the stars: one chunk means no star
	source string
	fold   bool
	vars   bool
}

type atomKind uint8

const (
	literal atomKind = iota
	anyCharacter
	variable
)

// atom is a piece of a chunk. text is the literal or, for a variable, its key.
type atom struct {
	kind       atomKind
	text       string
	fallback   string
	hasDefault bool
}

// CompileWildcard compiles s. The error, which wraps ErrMalformed, is for a
// variable that is not closed or has no key.
func CompileWildcard(s string, syntax Syntax) (Wildcard, error) {
	w := Wildcard{source: s, fold: syntax&FoldCase != 0}
	special := ""
	switch syntax & (Wildcards | Variables) {
	case Wildcards:
		special = "*?"
	case Variables:
		special = "$"
	case Wildcards | Variables:
		special = "*?$"
	}
	w.chunks = make([][]atom, 1, 1+strings.Count(s, "*"))
	for s != "" {
		n := strings.IndexAny(s, special)
		if n < 0 {
			n = len(s)
		}
		if n == 0 {
			var err error
			if n, err = w.special(s); err != nil {
				return Wildcard{}, err
			}
		} else {
			w.push(atom{kind: literal, text: s[:n]})
		}
		s = s[n:]
	}
	return w, nil
}

// special reads what s begins with and returns its length.
func (w *Wildcard) special(s string) (int, error) {
	switch {
	case s[0] == '*':
		if last := len(w.chunks) - 1; last == 0 || len(w.chunks[last]) > 0 {
			w.chunks = append(w.chunks, nil)
		}
		return 1, nil
	case s[0] == '?':
		w.push(atom{kind: anyCharacter})
		return 1, nil
	case !strings.HasPrefix(s, "${"):
		w.push(atom{kind: literal, text: s[:1]})
		return 1, nil
	}
	a, n, err := parseVariable(s)
	if err == nil {
		w.push(a)
	}
	return n, err
}

// push adds an atom to the last chunk, joining literals to one.
func (w *Wildcard) push(a atom) {
	w.vars = w.vars || a.kind == variable
	last := &w.chunks[len(w.chunks)-1]
	if n := len(*last); n > 0 && a.kind == literal && (*last)[n-1].kind == literal {
		(*last)[n-1].text += a.text
		return
	}
	*last = append(*last, a)
}

// parseVariable reads the variable at the start of s and gives its length.
func parseVariable(s string) (atom, int, error) {
	malformed := func(why string) (atom, int, error) {
		return atom{}, 0, fmt.Errorf("%w policy variable in %q: %s", ErrMalformed, s, why)
	}
	end := strings.IndexAny(s, "},")
	if end < 0 {
		return malformed("no closing brace")
	}
	key := strings.TrimSpace(s[2:end])
	if key == "" || strings.ContainsAny(key, "${'") && key != "$" {
		return malformed("no key")
	}
	if s[end] == '}' {
		if key == "*" || key == "?" || key == "$" {
			return atom{kind: literal, text: key}, end + 1, nil
		}
		return atom{kind: variable, text: key}, end + 1, nil
	}
	if key == "*" || key == "?" || key == "$" {
		return malformed("an escape has no default")
	}
	rest := strings.TrimLeft(s[end+1:], " ")
	if !strings.HasPrefix(rest, "'") {
		return malformed("the default must stand in single quotes")
	}
	text, rest, ok := strings.Cut(rest[1:], "'")
	if !ok {
		return malformed("no closing quote")
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " "), "}")
	if !ok {
		return malformed("no closing brace")
	}
	return atom{kind: variable, text: key, fallback: text, hasDefault: true}, len(s) - len(rest), nil
}

// String returns the text that was compiled.
func (w *Wildcard) String() string { return w.source }

// HasVariables reports whether the pattern needs a Resolver.
func (w *Wildcard) HasVariables() bool { return w.vars }

// IsLiteral reports whether the pattern matches exactly one string, which
// LiteralPrefix then returns whole.
func (w *Wildcard) IsLiteral() bool {
	return len(w.chunks) == 1 && (len(w.chunks[0]) == 0 ||
		len(w.chunks[0]) == 1 && w.chunks[0][0].kind == literal)
}

// HasWildcards reports whether the pattern has a * or a ?.
func (w *Wildcard) HasWildcards() bool {
	if len(w.chunks) > 1 {
		return true
	}
	for _, c := range w.chunks {
		for _, a := range c {
			if a.kind == anyCharacter {
				return true
			}
		}
	}
	return false
}

// MatchesAll reports whether the pattern matches every string.
func (w *Wildcard) MatchesAll() bool {
	return len(w.chunks) == 2 && len(w.chunks[0]) == 0 && len(w.chunks[1]) == 0
}

// LiteralPrefix returns the characters with which every match begins.
func (w *Wildcard) LiteralPrefix() string {
	if len(w.chunks) > 0 && len(w.chunks[0]) > 0 && w.chunks[0][0].kind == literal {
		return w.chunks[0][0].text
	}
	return ""
}

// Variables returns the keys of the pattern's variables, in order.
func (w *Wildcard) Variables() []string {
	var keys []string
	for _, c := range w.chunks {
		for _, a := range c {
			if a.kind == variable {
				keys = append(keys, a.text)
			}
		}
	}
	return keys
}

// Resolves reports whether every variable has a value. r may be nil when there
// is none.
func (w *Wildcard) Resolves(r Resolver) bool {
	if !w.vars {
		return true
	}
	for _, c := range w.chunks {
		for i := range c {
			if _, ok := c[i].value(r); !ok && c[i].kind == variable {
				return false
			}
		}
	}
	return true
}

// Expand returns the pattern's text with the values of its variables, and
// false when one cannot be resolved. It is for explanations: a wildcard in a
// value can no longer be told from one of the pattern.
func (w *Wildcard) Expand(r Resolver) (string, bool) {
	var b strings.Builder
	for i, c := range w.chunks {
		if i > 0 {
			b.WriteByte('*')
		}
		for j := range c {
			if c[j].kind == anyCharacter {
				b.WriteByte('?')
				continue
			}
			text, ok := c[j].value(r)
			if !ok {
				return "", false
			}
			b.WriteString(text)
		}
	}
	return b.String(), true
}

// Match reports whether the whole of s matches. r may be nil when the pattern
// has no variables; a variable that r cannot resolve matches nothing.
func (w *Wildcard) Match(s string, r Resolver) bool { return w.match(s, nil, r) }

// MatchText is Match for a text that other patterns are matched with too.
func (w *Wildcard) MatchText(t *Text, r Resolver) bool { return w.match(t.s, t, r) }

// Searches reports whether a match can gain from MatchText: whether there is a
// piece between two stars of more than one text.
func (w *Wildcard) Searches() bool {
	for i := 1; i < len(w.chunks)-1; i++ {
		if len(w.chunks[i]) > 1 {
			return true
		}
	}
	return false
}

// match matches s, which is the end of t unless t is nil.
func (w *Wildcard) match(s string, t *Text, r Resolver) bool {
	if len(w.chunks) == 0 {
		return s == ""
	}
	m := matcher{r: r, fold: w.fold}
	if w.IsLiteral() {
		return m.equal(s, w.LiteralPrefix())
	}
	rest, ok := m.prefix(s, w.chunks[0])
	if !ok || len(w.chunks) == 1 {
		return ok && rest == ""
	}
	last := len(w.chunks) - 1
	for _, c := range w.chunks[1:last] {
		if rest, ok = m.find(rest, t, c); !ok {
			return false
		}
	}
	return m.suffix(rest, w.chunks[last])
}

// value returns what a literal or variable stands for.
func (a *atom) value(r Resolver) (string, bool) {
	if a.kind == literal {
		return a.text, true
	}
	if r != nil {
		if v, ok := r.Resolve(a.text); ok {
			return v, true
		}
	}
	return a.fallback, a.hasDefault
}

type matcher struct {
	r    Resolver
	fold bool
}

// prefix matches a chunk at the start of s and returns what follows it.
func (m matcher) prefix(s string, chunk []atom) (rest string, ok bool) {
	for i := range chunk {
		if chunk[i].kind == anyCharacter {
			_, n := utf8.DecodeRuneInString(s)
			if n == 0 {
				return "", false
			}
			s = s[n:]
			continue
		}
		text, ok := chunk[i].value(m.r)
		if !ok || len(s) < len(text) || !m.equal(s[:len(text)], text) {
			return "", false
		}
		s = s[len(text):]
	}
	return s, true
}

// suffix reports whether a chunk matches at the end of s.
func (m matcher) suffix(s string, chunk []atom) bool {
	for i := len(chunk) - 1; i >= 0; i-- {
		if chunk[i].kind == anyCharacter {
			_, n := utf8.DecodeLastRuneInString(s)
			if n == 0 {
				return false
			}
			s = s[:len(s)-n]
			continue
		}
		text, ok := chunk[i].value(m.r)
		if !ok || len(s) < len(text) || !m.equal(s[len(s)-len(text):], text) {
			return false
		}
		s = s[:len(s)-len(text)]
	}
	return true
}

func (m matcher) equal(a, b string) bool {
	if !m.fold {
		return a == b
	}
	return EqualFold(a, b)
}

// EqualFold reports whether a and b are equal but for the case of ASCII
// letters, which is how actions and the names of condition keys compare.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	if a == b {
		return true
	}
	for i := range len(a) {
		if a[i] != b[i] && Lower(a[i]) != Lower(b[i]) {
			return false
		}
	}
	return true
}

// Lower returns the lower-case form of an ASCII letter, and any other byte as
// it is.
func Lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// ToLower returns s with its ASCII letters in lower case.
func ToLower(s string) string {
	for i := range len(s) {
		if s[i] != Lower(s[i]) {
			b := []byte(s)
			for ; i < len(b); i++ {
				b[i] = Lower(b[i])
			}
			return string(b)
		}
	}
	return s
}
