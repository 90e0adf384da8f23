package simulate_test

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/simulate"
	"github.com/keywright/keywright/policy/eval/evaltest"
)

// TestDecisions simulates the cases of decisions that a simulation can be given,
// each on its own, and expects what they expect.
func TestDecisions(t *testing.T) {
	files, err := filepath.Glob("../../policy/eval/testdata/decisions/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	decided, left := 0, map[string]int{}
	for _, path := range files {
		f, err := evaltest.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range f.Cases {
			if why := beyond(c); why != "" {
				left[why]++
				continue
			}
			s, err := simulate.New(parameters(c))
			if err != nil {
				t.Errorf("%s: %v", c.At, err)
				continue
			}
			decided++
			if got := s.Action(c.Action).EvalDecision; got != c.Effect {
				t.Errorf("%s: %s %s: %s, want %s", c.At, c.Action, c.Resource, got, c.Effect)
			}
		}
	}
	for _, why := range slices.SortedFunc(maps.Keys(left), func(a, b string) int { return cmp.Compare(left[b], left[a]) }) {
		t.Logf("not to be simulated, %d: %s", left[why], why)
	}
	const least = 1400
	t.Logf("gate: %d decisions simulated (at least %d)", decided, least)
	if decided < least {
		t.Errorf("only %d decisions", decided)
	}
}

// beyond returns why a simulation cannot be given a case, and "" when it can.
func beyond(c *evaltest.Case) string {
	p := c.Principal
	switch {
	case p == nil || p.Type != "user" && p.Type != "role":
		return "only users, groups and roles are simulated"
	case c.HasSession || len(c.Session) > 0:
		return "there are no session policies"
	case len(c.ResourceControl) > 0 || c.RestrictPublicBuckets:
		return "there are neither resource control policies nor Block Public Access"
	case c.ACLs != nil:
		return "there are no access control lists"
	case slices.ContainsFunc(c.ServiceControl, func(level []*evaltest.Policy) bool { return len(level) == 0 }):
		return "a level of an organization has policies"
	case !simulate.Suits(c.Action, c.Resource):
		return "the action cannot be about the resource"
	case c.Resource != "*" && !arn.Is(c.Resource):
		return "the resource is no ARN"
	}
	for _, of := range c.Policies() {
		switch {
		case of.Bound != nil:
			return "names are bound to unique ids"
		case strings.Contains(of.Document, "CanonicalUser"):
			return "the caller has no canonical user id"
		case p.Type == "role" && strings.Contains(of.Document, ":assumed-role/"):
			return "a role is simulated, and no session of it"
		}
	}
	return cmp.Or(beyondResource(c), beyondKeys(c))
}

func beyondResource(c *evaltest.Case) string {
	owner := c.Owner
	if a, err := arn.Parse(c.Resource); err == nil && a.AccountID != "" {
		owner = a.AccountID
	}
	kind, _, _ := simulate.Entity(c.Resource)
	of := c.State.Resource
	switch {
	case owner != c.Owner:
		return "the resource's name says another owner"
	case of == nil && owner != c.Principal.AccountID:
		return "without a resource policy only the caller's side is asked"
	case of == nil:
		return ""
	case c.Resource == "*":
		return "a resource policy is one of resources"
	case (kind == "role") != (of.Type == "trust"):
		return "the resource policy of a role is its trust policy"
	}
	return ""
}

func beyondKeys(c *evaltest.Case) string {
	for _, k := range slices.Concat(c.Principal.Keys, c.Keys) {
		if len(k.Values) == 0 || len(k.Name) < 5 {
			return "a key has a name of five characters and a value"
		}
	}
	given := c.Context()
	implied := []string{"aws:PrincipalAccount", "aws:PrincipalArn", "aws:userid"}
	if c.Principal.Type == "user" {
		implied = append(implied, "aws:username")
	}
	for _, key := range implied {
		if _, ok := given.Lookup(key); !ok && strings.Contains(strings.ToLower(documents(c)), strings.ToLower(key)) {
			return "the simulator fills a key that the case leaves out"
		}
	}
	return ""
}

func documents(c *evaltest.Case) string {
	var b strings.Builder
	for _, p := range c.Policies() {
		b.WriteString(p.Document)
	}
	return b.String()
}

var entryTypes = map[string]string{"": "string", "list": "stringList", "int": "numeric", "bool": "boolean", "ip": "ip", "time": "date"}

func parameters(c *evaltest.Case) *simulate.Parameters {
	p := &simulate.Parameters{AccountID: c.Principal.AccountID, CallerARN: c.Principal.ARN, CallerID: c.Principal.UniqueID}
	if c.Principal.Type == "role" {
		p.CallerARN = c.Principal.IssuerARN
	}
	if c.Resource != "*" {
		p.ResourceARNs, p.ResourceOwner = []string{c.Resource}, "arn:aws:iam::"+c.Owner+":root"
	}
	p.Identity = sources(c.Identity)
	if c.Boundary != nil {
		p.Boundary = &simulate.Source{ID: c.Boundary.Name, Document: c.Boundary.Document}
	}
	if c.State.Resource != nil {
		p.Resource = &simulate.Source{ID: c.State.Resource.Name, Document: c.State.Resource.Document}
	}
	for _, level := range c.ServiceControl {
		p.ServiceControl = append(p.ServiceControl, sources(level))
	}
	entries := map[string]simulate.ContextEntry{} // the request's keys take the place of the principal's
	for _, k := range slices.Concat(c.Principal.Keys, c.Keys) {
		entries[strings.ToLower(k.Name)] = simulate.ContextEntry{Name: k.Name, Type: entryTypes[k.Type], Values: k.Values}
	}
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		p.Context = append(p.Context, entries[key])
	}
	return p
}

func sources(list []*evaltest.Policy) []simulate.Source {
	var all []simulate.Source
	for _, p := range list {
		all = append(all, simulate.Source{ID: p.Name, Document: p.Document})
	}
	return all
}
