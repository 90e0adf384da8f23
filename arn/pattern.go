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
	head     string      // "arn:aws:s3:::" when the first five fields are literal
	fields   [5]Wildcard // else the fields themselves
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
	fields := splitFields(s, syntax&Variables != 0)
	if len(fields) != 6 || fields[0] != "arn" {
		return nil, fmt.Errorf("%w ARN pattern %q: want six fields, the first of them arn", ErrMalformed, s)
	}
	isLiteral := true
	for i := range p.fields {
		w, err := CompileWildcard(fields[i], Wildcards|syntax&Variables)
		if err != nil {
			return nil, err
		}
		p.fields[i] = w
		isLiteral = isLiteral && w.IsLiteral()
	}
	if isLiteral {
		for i := range p.fields {
			p.head += p.fields[i].LiteralPrefix() + ":"
		}
	}
	var err error
	p.resource, err = CompileWildcard(fields[5], Wildcards|syntax&Variables)
	return p, err
}

// splitFields cuts at the first five colons that stand outside variables.
func splitFields(s string, variables bool) []string {
	var fields []string
	start, inside := 0, false
	for i := 0; i < len(s) && len(fields) < 5; i++ {
		switch {
		case variables && strings.HasPrefix(s[i:], "${"):
			inside = true
		case inside && s[i] == '}':
			inside = false
		case !inside && s[i] == ':':
			fields = append(fields, s[start:i])
			start = i + 1
		}
	}
	return append(fields, s[start:])
}

// String returns the text that was compiled.
func (p *Pattern) String() string { return p.source }

// MatchesAll reports whether the pattern is "*".
func (p *Pattern) MatchesAll() bool { return p.all }

// HasVariables reports whether any part of the pattern has a variable, and
// FieldVariables whether one of the first five does.
func (p *Pattern) HasVariables() bool { return p.resource.vars || p.FieldVariables() }

// FieldVariables reports whether one of the first five fields has a policy
// variable, which the Resource element does not allow.
func (p *Pattern) FieldVariables() bool {
	for i := range p.fields {
		if p.fields[i].vars {
			return true
		}
	}
	return false
}

// Field returns the pattern of one of the first five fields: 1 is the
// partition, 2 the service, 3 the region and 4 the account.
func (p *Pattern) Field(i int) *Wildcard { return &p.fields[i] }

// Resource returns the pattern of the sixth field.
func (p *Pattern) Resource() *Wildcard { return &p.resource }

// LiteralPrefix returns the characters with which every match begins.
func (p *Pattern) LiteralPrefix() string {
	if p.head != "" {
		return p.head + p.resource.LiteralPrefix()
	}
	if p.all {
		return ""
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
func (p *Pattern) Match(s string, r Resolver) bool {
	if p.all {
		return true
	}
	if p.head != "" {
		return strings.HasPrefix(s, p.head) && p.resource.Match(s[len(p.head):], r)
	}
	for i := range p.fields {
		field, rest, ok := strings.Cut(s, ":")
		if !ok || !p.fields[i].Match(field, r) {
			return false
		}
		s = rest
	}
	return p.resource.Match(s, r)
}

// MatchesService reports whether the pattern takes in every resource of a
// service: it is "*", or its account and region are open or empty and its
// resource is *. Such a pattern, and no narrower one, covers an action that
// is granted on no single resource, like s3:ListAllMyBuckets.
func (p *Pattern) MatchesService(service string) bool {
	if p.all {
		return true
	}
	open := func(w *Wildcard) bool { return w.source == "" || w.MatchesAll() }
	return p.fields[2].Match(service, nil) && open(&p.fields[3]) && open(&p.fields[4]) && p.resource.MatchesAll()
}
