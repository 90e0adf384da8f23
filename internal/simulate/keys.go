package simulate

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
)

// ContextKeys returns the names of the condition keys that documents refer to,
// in conditions or as policy variables, sorted and as they are written
// ("GetContextKeysForCustomPolicy", IAM API Reference). A document need only
// hold to the grammar. The error is an *InvalidError.
func ContextKeys(sources []Source) ([]string, error) {
	var keys []string
	for i := range sources {
		d, err := sources[i].parse()
		if err != nil {
			return nil, err
		}
		for j := range d.Statements {
			keys = append(keys, statementKeys(&d.Statements[j], d.HasVariables())...)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

func statementKeys(s *policy.Statement, variables bool) []string {
	var keys []string
	add := func(values *policy.Values) {
		if values != nil {
			for _, v := range values.List {
				keys = append(keys, variablesOf(v.Text, variables)...)
			}
		}
	}
	add(s.Resource)
	add(s.NotResource)
	for i := range s.Condition {
		for j := range s.Condition[i].Keys {
			key := &s.Condition[i].Keys[j]
			keys = append(keys, key.Name.Text)
			add(&key.Values)
		}
	}
	return keys
}

// variablesOf returns the keys of the policy variables in a text.
func variablesOf(text string, variables bool) []string {
	if !variables || !strings.Contains(text, "${") {
		return nil
	}
	w, err := arn.CompileWildcard(text, arn.Wildcards|arn.Variables)
	if err != nil {
		return nil
	}
	return w.Variables()
}
