package simulate

import (
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// missing returns the condition keys that the request lacks and that statements
// for its action and resource ask for, in the order of the policies.
func (s *Simulation) missing(r *eval.Request, t *eval.Trace) []string {
	var keys List[string]
	known := set[string]{}
	for _, pt := range t.Policies {
		if kind := pt.Policy.Type(); kind == eval.ServiceControl || kind == eval.ResourceControl {
			continue
		}
		d := pt.Policy.Document()
		for i := range pt.Statements {
			m := missingKeys{context: s.Context, variables: d.HasVariables()}
			switch pt.Statements[i].Element {
			case "Resource":
				if m.resources(d.Statements[i].Resource, r.Resource); len(m.keys) == 0 {
					continue
				}
			case "Condition":
			default:
				continue
			}
			m.conditions(&d.Statements[i])
			keys = known.add(keys, m.keys)
		}
	}
	return keys
}

// missingKeys collects the keys that one statement misses.
type missingKeys struct {
	context   *condition.Context
	variables bool
	keys      []string
}

// resources adds the variables without values of the patterns that could match
// the resource if they had some.
func (m *missingKeys) resources(patterns *policy.Values, resource string) {
	if !m.variables || patterns == nil {
		return
	}
	for _, v := range patterns.List {
		before := len(m.keys)
		p, err := arn.CompilePattern(m.anything(v.Text), arn.Variables)
		if err != nil || !p.Match(resource, m.context) {
			m.keys = m.keys[:before]
		}
	}
}

// anything returns a pattern with a star in the place of each variable without
// a value.
func (m *missingKeys) anything(pattern string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(pattern, "${")
		b.WriteString(before)
		name, after, closed := strings.Cut(rest, "}")
		switch variable := "${" + name + "}"; {
		case !found || !closed:
			return b.String()
		case m.unresolved(variable):
			b.WriteByte('*')
		default:
			b.WriteString(variable)
		}
		pattern = after
	}
}

// unresolved adds the keys of a text's variables that have neither value nor
// default, and reports whether there are any.
func (m *missingKeys) unresolved(text string) bool {
	before := len(m.keys)
	for text != "" {
		_, rest, _ := strings.Cut(text, "${")
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			break
		}
		if w, err := arn.CompileWildcard("${"+name+"}", arn.Variables); err == nil && !w.Resolves(m.context) {
			m.keys = append(m.keys, w.Variables()...)
		}
		text = after
	}
	return len(m.keys) > before
}

// conditions adds the absent keys of the conditions that do not hold, and the
// variables without values in what they are compared with.
func (m *missingKeys) conditions(s *policy.Statement) {
	for i := range s.Condition {
		for j := range s.Condition[i].Keys {
			key := &s.Condition[i].Keys[j]
			texts := make([]string, len(key.Values.List))
			for k, v := range key.Values.List {
				texts[k] = v.Text
			}
			c, err := condition.Compile(s.Condition[i].Name.Text, key.Name.Text, texts, m.variables)
			if err != nil || c.Match(m.context) {
				continue
			}
			if _, present := m.context.Lookup(key.Name.Text); !present {
				m.keys = append(m.keys, key.Name.Text)
				continue
			}
			for _, text := range texts {
				if m.variables {
					m.unresolved(text)
				}
			}
		}
	}
}
