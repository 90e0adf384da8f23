package arn

import (
	"fmt"
	"strings"
)

// Pattern is a compiled pattern of ARNs ("IAM JSON policy elements: Resource",
// "ARN condition operators"). Its six parts are matched one by one: a wildcard
// in one of the first five never crosses a colon, while * in the resource
// spans slashes and colons. The pattern "*" matches every string. It is
// immutable and safe for concurrent use.
type Pattern struct {
	source   string
	all      bool
	texts    [5]string    // the first five fields
	head     string       // "arn:aws:s3:::" when they are literal
	fields   *[5]Wildcard // else what they compile to
	resource Wildcard
}

// CompilePattern compiles s; syntax holds Variables or is 0, wildcards are
// always special. The error wraps ErrMalformed: s is neither "*" nor six
// fields of which the first is arn, or a variable in it is malformed.
func CompilePattern(s string, syntax Syntax) (*Pattern, error) {
	p := &Pattern{source: s}
	if s != "" && strings.Trim(s, "*") == "" {
		p.all = true
		return p, nil
	}
	variables := syntax&Variables != 0
	rest, ok := s, true
	for i := range p.texts {
		if p.texts[i], rest, ok = cutField(rest, variables); !ok {
			break
		}
	}
	if !ok || p.texts[0] != "arn" {
		return nil, fmt.Errorf("%w ARN pattern %q: want six fields, the first of them arn", ErrMalformed, s)
	}
	head := s[:len(s)-len(rest)]
	if strings.ContainsAny(head, "*?") || variables && strings.Contains(head, "${") {
		p.fields = new([5]Wildcard)
		for i := range p.texts {
			w, err := CompileWildcard(p.texts[i], Wildcards|syntax&Variables)
			if err != nil {
				return nil, err
			}
			p.fields[i] = w
		}
	} else {
		p.head = head
	}
	var err error
	p.resource, err = CompileWildcard(rest, Wildcards|syntax&Variables)
	return p, err
}

// cutField cuts at the first colon that stands outside variables.
func cutField(s string, variables bool) (field, rest string, ok bool) {
	inside := false
	for i := 0; i < len(s); i++ {
		switch {
		case variables && strings.HasPrefix(s[i:], "${"):
			inside = true
		case inside && s[i] == '}':
			inside = false
		case !inside && s[i] == ':':
			return s[:i], s[i+1:], true
		}
	}
	return "", "", false
}

// String returns the text that was compiled.
func (p *Pattern) String() string { return p.source }

// MatchesAll reports whether the pattern is "*".
func (p *Pattern) MatchesAll() bool { return p.all }

// HasVariables reports whether the pattern has a policy variable and so needs
// a Resolver.
func (p *Pattern) HasVariables() bool { return p.resource.vars || p.FieldVariables() }

// Resolves reports whether every variable of the pattern has a value. r may be
// nil when it has none.
func (p *Pattern) Resolves(r Resolver) bool {
	if p.fields != nil {
		for i := range p.fields {
			if !p.fields[i].Resolves(r) {
				return false
			}
		}
	}
	return p.resource.Resolves(r)
}

// FieldVariables reports whether one of the first five fields has a policy
// variable, which the Resource element does not allow.
func (p *Pattern) FieldVariables() bool {
	if p.fields != nil {
		for i := range p.fields {
			if p.fields[i].vars {
				return true
			}
		}
	}
	return false
}

// Field returns the text of one of the first five fields: 1 is the partition,
// 2 the service, 3 the region and 4 the account. It is empty for "*".
func (p *Pattern) Field(i int) string { return p.texts[i] }

// Resource returns the pattern of the sixth field.
func (p *Pattern) Resource() *Wildcard { return &p.resource }

// LiteralPrefix returns the characters with which every match begins.
func (p *Pattern) LiteralPrefix() string {
	if p.all {
		return ""
	}
	if p.fields == nil {
		return p.head + p.resource.LiteralPrefix()
	}
	prefix := ""
	for i := range p.fields {
		prefix += p.fields[i].LiteralPrefix()
		if !p.fields[i].IsLiteral() {
			break
		}
		prefix += ":"
	}
	return prefix
}

// Match reports whether s matches. r may be nil when the pattern has no
// variables.
func (p *Pattern) Match(s string, r Resolver) bool { return p.match(s, nil, r) }

// MatchText is Match for a text that other patterns are matched with too.
func (p *Pattern) MatchText(t *Text, r Resolver) bool { return p.match(t.s, t, r) }

// Searches reports whether a match can gain from MatchText.
func (p *Pattern) Searches() bool { return p.resource.Searches() }

func (p *Pattern) match(s string, t *Text, r Resolver) bool {
	if p.all {
		return true
	}
	if p.fields == nil {
		return strings.HasPrefix(s, p.head) && p.resource.match(s[len(p.head):], t, r)
	}
	for i := range p.fields {
		field, rest, ok := strings.Cut(s, ":")
		if !ok || !p.fields[i].Match(field, r) {
			return false
		}
		s = rest
	}
	return p.resource.match(s, t, r)
}

// MatchesService reports whether the pattern takes in every resource of a
// service: it is "*", or its account and region are open or empty and its
// resource is *. Such a pattern, and no narrower one, covers an action that
// is granted on no single resource, like s3:ListAllMyBuckets.
func (p *Pattern) MatchesService(service string) bool {
	if p.all {
		return true
	}
	isOpen := func(field string) bool { return strings.Trim(field, "*") == "" }
	if !isOpen(p.texts[3]) || !isOpen(p.texts[4]) || !p.resource.MatchesAll() {
		return false
	}
	if p.fields == nil {
		return p.texts[2] == service
	}
	return p.fields[2].Match(service, nil)
}
