package simulate

import (
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/eval"
)

// tally reads from a trace what each type of policy says by itself.
type tally struct {
	policies *eval.Policies
	traces   []eval.PolicyTrace
}

// effect returns the decision of all policies of a type.
func (t *tally) effect(kind eval.PolicyType) eval.Effect {
	return t.of(func(p *eval.Policy) bool { return p.Type() == kind })
}

func (t *tally) of(chosen func(*eval.Policy) bool) eval.Effect {
	result := eval.ImplicitDeny
	for _, pt := range t.traces {
		if !chosen(pt.Policy) {
			continue
		}
		for _, st := range pt.Statements {
			switch {
			case st.Matched && st.Effect == policy.Deny:
				return eval.ExplicitDeny
			case st.Matched:
				result = eval.Allowed
			}
		}
	}
	return result
}

// organizationsAllow reports whether every level of the service control
// policies allows.
func (t *tally) organizationsAllow() bool {
	for _, level := range t.policies.ServiceControl {
		allowed := t.of(func(p *eval.Policy) bool {
			for _, of := range level {
				if of == p {
					return true
				}
			}
			return false
		})
		if allowed != eval.Allowed {
			return false
		}
	}
	return true
}

// details returns the decision of each type of policy that takes part in a
// request across accounts.
func (t *tally) details() DecisionDetails {
	resource := eval.Resource
	if t.policies.Resource != nil {
		resource = t.policies.Resource.Type()
	}
	d := DecisionDetails{
		typeNames[eval.Identity]: t.effect(eval.Identity).String(),
		typeNames[resource]:      t.effect(resource).String(),
	}
	if t.policies.Boundary != nil {
		d[typeNames[eval.PermissionsBoundary]] = t.effect(eval.PermissionsBoundary).String()
	}
	if t.policies.HasSession || len(t.policies.Session) > 0 {
		d[typeNames[eval.Session]] = t.effect(eval.Session).String()
	}
	return d
}
