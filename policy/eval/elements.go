package eval

import (
	"github.com/keywright/keywright/policy"
)

// Elements says which elements of a statement take in a request: all of them,
// where a trace stops at the first that does not. An element that the statement
// does not have takes in every request.
type Elements struct{ Action, Resource, Principal, Condition bool }

// Match reports whether the statement applies to the request.
func (e Elements) Match() bool { return e.Action && e.Resource && e.Principal && e.Condition }

// Elements returns how a statement of the policy, by its index in the document,
// meets a request that all these policies apply to.
func (p *Policy) Elements(statement int, r *Request, all *Policies) Elements {
	s := &p.statements[statement]
	e := Elements{
		Action:    s.matchAction(r.Action),
		Resource:  !s.hasResource || s.matchResource(r),
		Principal: !s.hasPrincipal || s.matchPrincipal(&r.Principal, all.Boundary != nil) != notReached,
		Condition: true,
	}
	for _, c := range s.conditions {
		e.Condition = e.Condition && c.Match(r.Context)
	}
	return e
}

// Recompile compiles another document in p's place: as the same type, under the
// same name, and with the principals that p names bound to the same unique ids.
// The error is that of Compile.
func (p *Policy) Recompile(doc *policy.Document) (*Policy, error) {
	ids := map[string]string{}
	for i := range p.statements {
		for _, of := range p.statements[i].principals {
			if of.uniqueID != "" {
				ids[of.name] = of.uniqueID
			}
		}
	}
	return Compile(doc, Options{Type: p.kind, Name: p.name, PrincipalIDs: ids})
}
