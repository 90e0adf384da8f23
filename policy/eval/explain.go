package eval

import (
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
)

// Trace says how every statement of every policy that binds a request met it,
// and, where ACLs count, every grant that could allow it.
type Trace struct {
	Policies []PolicyTrace

	// Grants are those of the ACL of the object, when IsObjectACL, or of the bucket.
	Grants      []GrantTrace
	IsObjectACL bool

	// IsOthersObject is whether ObjectOwner, and not the bucket's owner, decides on
	// the object: no Allow of the bucket policy counts, even if it matched. ObjectOwner
	// is "" when it is not known.
	IsOthersObject bool
	ObjectOwner    string
}

// PolicyTrace is the part of one policy in a Trace.
type PolicyTrace struct {
	Policy     *Policy
	Statements []StatementTrace // one for each statement of the document
}

// StatementTrace says whether a statement matched and, if not, the first
// element that did not.
type StatementTrace struct {
	Effect   policy.Effect
	Sid      string
	Position policy.Position // of the statement
	Matched  bool

	Element string // such as "NotAction" or "Condition"; empty when Matched

	// Value is what the request has for that element: its action, resource,
	// principal, or the text of the condition key's values. IsAbsent is true
	// when the request does not have the key.
	Value    []string
	IsAbsent bool

	Condition *condition.Condition // the condition that did not match, or nil
}

// mismatch records what did not match. A nil trace records nothing.
func (t *StatementTrace) mismatch(element, value string) reach {
	if t != nil {
		t.Element, t.Value = element, []string{value}
	}
	return notReached
}

func (t *StatementTrace) mismatchCondition(c *condition.Condition, ctx *condition.Context) reach {
	if t == nil {
		return notReached
	}
	t.Element, t.Condition = "Condition", c
	if v, ok := ctx.Lookup(c.Key()); ok {
		t.Value = v.Strings()
	} else {
		t.IsAbsent = true
	}
	return notReached
}

// Explain decides a request as Decide does, and says how each statement met
// it.
func Explain(r *Request, p *Policies) (Decision, *Trace) {
	t := &Trace{}
	e := evaluation{r: r, p: p}
	if p.ACLs != nil {
		e.acl = aclActionOf(r.Action)
	}
	for _, level := range e.serviceControl() {
		t.add(r, p, level...)
	}
	for _, level := range e.resourceControl() {
		t.add(r, p, level...)
	}
	t.add(r, p, p.Resource)
	t.traceGrants(&e)
	t.add(r, p, p.Identity...)
	t.add(r, p, p.Boundary)
	t.add(r, p, p.Session...)
	return Decide(r, p), t
}

func (t *Trace) add(r *Request, p *Policies, list ...*Policy) {
	for _, of := range list {
		if of == nil {
			continue
		}
		pt := PolicyTrace{Policy: of, Statements: make([]StatementTrace, len(of.statements))}
		for i := range of.statements {
			from := &of.document.Statements[i]
			st := &pt.Statements[i]
			*st = StatementTrace{Effect: from.Effect, Sid: from.Sid.Text, Position: from.Position}
			st.Matched = of.statements[i].match(r, p.Boundary != nil, st) != notReached
		}
		t.Policies = append(t.Policies, pt)
	}
}

// name returns what a message calls the principal.
func (p *Principal) name() string {
	switch p.Type {
	case Anonymous:
		return "anonymous"
	case Service:
		return p.ServiceName
	}
	return p.ARN
}
