package lint

import (
	"strings"

	"github.com/keywright/keywright/policy"
)

// variables looks at the policy variables of a statement's resources and
// condition values.
func (v *validator) variables(s *policy.Statement) {
	if element := either(s.Resource, s.NotResource); element != nil {
		for _, r := range element.List {
			v.variablesOf(r)
		}
	}
	for i := range s.Condition {
		for j := range s.Condition[i].Keys {
			key := &s.Condition[i].Keys[j]
			if strings.Contains(key.Name.Text, "${") {
				v.report(variableInElement, key.Name.Position, key.Name.Text, "the condition key %q has a policy variable, and there are none in names of keys: write the key out", key.Name.Text)
			}
			for _, value := range key.Values.List {
				v.variablesOf(value)
			}
		}
	}
}

// variablesOf reports the first fault of a text's variables.
func (v *validator) variablesOf(value policy.Value) {
	rest := value.Text
	if !strings.Contains(rest, "${") {
		return
	}
	if !v.doc.HasVariables() {
		v.report(variableInVersion, value.Position, value.Text, "%q has a policy variable, and this policy is of a version without them, so that it is plain text: write \"Version\": \"2012-10-17\"", value.Text)
		return
	}
	for {
		_, after, ok := strings.Cut(rest, "${")
		if !ok {
			return
		}
		code, why := variableFault(after)
		if code != "" {
			v.report(code, value.Position, value.Text, "a policy variable of %q %s: write it as ${key} or ${key, 'default'}", value.Text, why)
			return
		}
		rest = after
	}
}

// variableFault returns what is wrong with the variable whose text behind ${ is
// given.
func variableFault(text string) (policy.Code, string) {
	name, fallback := "", ""
	hasDefault := false
	quoted, end := false, -1
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\'' && hasDefault:
			quoted = !quoted
		case c == ',' && !hasDefault:
			name, hasDefault = text[:i], true
			fallback = text[i+1:]
		case c == '}' && !quoted:
			end = i
		}
		if end >= 0 {
			break
		}
	}
	switch {
	case end < 0 && quoted && strings.Contains(fallback, "}"):
		return missingQuote, "has a default whose closing quote is missing"
	case end < 0:
		return missingBrace, "has no closing brace"
	case !hasDefault:
		name = text[:end]
	default:
		fallback = strings.TrimSpace(fallback[:end-len(name)-1])
	}
	switch trimmed := strings.TrimSpace(name); {
	case trimmed == "":
		return emptyVariable, "names no key"
	case strings.ContainsAny(name, " \t"):
		return spaceInVariable, "has a space in its key"
	case hasDefault && (len(fallback) < 2 || fallback[0] != '\'' || fallback[len(fallback)-1] != '\''):
		return missingQuote, "has a default that does not stand in single quotes"
	}
	return "", ""
}
