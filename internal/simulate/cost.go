package simulate

import (
	"slices"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/eval"
)

// Cost returns what one Action may take: how many values of policies are
// compared with how many resources, the more so the more condition keys must be
// searched. A caller that serves others bounds it, and with it the time and the
// length of a result.
func (s *Simulation) Cost() int {
	p := &s.Policies
	values := 1
	for _, list := range slices.Concat([][]*eval.Policy{p.Identity, p.Session, {p.Boundary, p.Resource}}, p.ServiceControl, p.ResourceControl) {
		for _, of := range list {
			if of == nil {
				continue
			}
			for i := range of.Document().Statements {
				values += statementCost(&of.Document().Statements[i])
			}
		}
	}
	return values * max(1, len(s.Resources)) * (1 + len(s.Context.Keys())/searchedAtOnce)
}

// searchedAtOnce is how many condition keys are searched in the time that a
// comparison takes.
const searchedAtOnce = 32

func statementCost(s *policy.Statement) int {
	n := 1
	for _, v := range []*policy.Values{s.Action, s.NotAction, s.Resource, s.NotResource} {
		if v != nil {
			n += len(v.List)
		}
	}
	for _, p := range []*policy.Principals{s.Principal, s.NotPrincipal} {
		if p != nil {
			n += 1 + len(p.List)
		}
	}
	for i := range s.Condition {
		for j := range s.Condition[i].Keys {
			n += 1 + len(s.Condition[i].Keys[j].Values.List)
		}
	}
	return n
}
