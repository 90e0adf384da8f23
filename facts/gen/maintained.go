package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maintained is operations.json: what no package has, each line with the page
// that it comes from.
type maintained struct {
	Sources          map[string]string
	DependentActions []struct {
		Action    string
		Dependent []string
		Source    []string
	}
	Operations []struct {
		Service, Name, Method, URI, Scope, Note string
		Checks                                  []struct {
			On, Action, VersionAction string
			Resources                 []string
			Required                  bool
			When                      json.RawMessage
			OnMissing                 string
			Source                    []string
			Note                      string
		}
	}
}

func parseMaintained(data []byte) (*maintained, error) {
	m := &maintained{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return m, d.Decode(m)
}

// The closed lists of words in checks.
var (
	scopes    = []string{"", "account", "bucket", "object", "none"}
	onMissing = []string{"", "deny", "deny-item", "omit-header", "doc-only"}
)

// check holds what people wrote against what the package has.
func (m *maintained) check(p *iamData) error {
	var errs []error
	report := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	used := map[string]bool{}
	sources := func(where string, ids []string) {
		if len(ids) == 0 {
			report("%s names no source", where)
		}
		for _, id := range ids {
			used[id] = true
			if m.Sources[id] == "" {
				report("%s names the unknown source %q", where, id)
			}
		}
	}
	for _, d := range m.DependentActions {
		sources(d.Action, d.Source)
		if !p.has(d.Action) {
			report("the action %s is not in the package", d.Action)
		}
	}
	for i, o := range m.Operations {
		where := o.Service + " " + o.Name
		if i > 0 && cmp.Or(cmp.Compare(m.Operations[i-1].Service, o.Service), cmp.Compare(m.Operations[i-1].Name, o.Name)) >= 0 {
			report("%s stands in the wrong place: operations are sorted by service and name", where)
		}
		if !slices.Contains(scopes, o.Scope) {
			report("%s has the unknown scope %q", where, o.Scope)
		}
		for _, c := range o.Checks {
			sources(where, c.Source)
			if !slices.Contains(onMissing, c.OnMissing) {
				report("%s has the unknown onMissing %q", where, c.OnMissing)
			}
			for _, action := range []string{c.Action, c.VersionAction} {
				if !p.has(action) && c.Note == "" {
					report("%s needs %s, which is not in the package; a note must say why", where, action)
				}
			}
		}
	}
	for _, id := range sorted(m.Sources) {
		if !used[id] {
			report("nothing comes from the source %q", id)
		}
	}
	return errors.Join(errs...)
}

// has reports whether the package has an action. It is not asked for those of
// services that are not kept.
func (p *iamData) has(action string) bool {
	service, name, _ := strings.Cut(action, ":")
	byName, kept := p.Actions[service]
	_, ok := byName[name]
	return ok || !kept
}

// dependent returns the actions that are needed with another: the package's, or
// those that stand here because it has none.
func (m *maintained) dependent(action string, otherwise []string) []string {
	for _, d := range m.DependentActions {
		if d.Action == action {
			return d.Dependent
		}
	}
	return otherwise
}

func (m *maintained) operations() (records []record) {
	for _, o := range m.Operations {
		var checks []record
		for _, c := range o.Checks {
			checks = append(checks, record{
				"on": c.On, "action": c.Action, "versionAction": c.VersionAction, "resources": c.Resources,
				"required": c.Required, "onMissing": c.OnMissing, "when": sortedJSON(c.When),
			}.full())
		}
		records = append(records, record{"service": o.Service, "name": o.Name, "method": o.Method, "uri": o.URI, "scope": o.Scope, "checks": checks})
	}
	return records
}

// sortedJSON writes a value without blanks and with sorted names.
func sortedJSON(data json.RawMessage) json.RawMessage {
	if len(data) == 0 {
		return nil
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		panic(err) // it was parsed before
	}
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return out
}
