package simulate

import (
	"strings"

	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// Simulation is a hypothetical request whose action is still open: who makes
// it, on what, and under which policies. It is for one goroutine at a time.
type Simulation struct {
	Principal eval.Principal
	Resources []Resource // none is "*"
	Context   *condition.Context

	// Policies take part under the names with which they were compiled: these
	// are the SourcePolicyIds of the results.
	Policies eval.Policies

	typed bool // whether resources that the action cannot be about are denied
	spans map[*eval.Policy][]span
}

// Resource is a resource of a simulation.
type Resource struct {
	Name    string // an ARN, or "*"
	Account string // that owns it; empty is the principal's own
}

// Action decides an action on each of the resources. The name is taken as it
// is: a wildcard in it stands for itself.
func (s *Simulation) Action(name string) *EvaluationResult {
	resources := s.Resources
	if len(resources) == 0 {
		resources = []Resource{{Name: "*"}}
	}
	results := make([]outcome, len(resources))
	for i, r := range resources {
		results[i] = s.decide(name, r)
	}
	return s.sum(name, resources, results)
}

// outcome is what was found for one resource.
type outcome struct {
	effect    eval.Effect
	matched   []MatchedStatement
	missing   []string
	boundary  bool // whether the boundary allows
	refused   bool // by the service control policies
	details   DecisionDetails
	isForeign bool
}

func (s *Simulation) decide(action string, resource Resource) outcome {
	if s.typed && !suits(action, resource.Name) {
		return outcome{boundary: true}
	}
	r := &eval.Request{
		Principal: s.Principal, Action: action, Resource: resource.Name,
		ResourceAccount: resource.Account, Context: s.Context,
	}
	decision, trace := eval.Explain(r, &s.Policies)
	t := tally{policies: &s.Policies, traces: trace.Policies}
	o := outcome{effect: decision.Effect, boundary: t.effect(eval.PermissionsBoundary) == eval.Allowed}
	if s.inOrganization() && !t.organizationsAllow() {
		o.refused = true
		return o
	}
	o.isForeign = resource.Account != "" && resource.Account != s.Principal.AccountID
	if o.isForeign {
		o.details = t.details()
	}
	o.matched = s.matched(&t, decision.Effect, o.isForeign)
	if decision.Effect == eval.ImplicitDeny {
		o.missing = s.missing(r, trace)
	}
	return o
}

func (s *Simulation) inOrganization() bool {
	switch s.Principal.Type {
	case eval.Anonymous, eval.Service, eval.FederatedIdentity:
		return false
	}
	return len(s.Policies.ServiceControl) > 0
}

// matched returns the statements that determine a result: the denials of an
// explicit denial, else the statements that grant. Across accounts, where both
// sides must grant, those of the side that does are shown in a denial too.
func (s *Simulation) matched(t *tally, effect eval.Effect, isForeign bool) []MatchedStatement {
	wanted := policy.Allow
	switch {
	case effect == eval.ExplicitDeny:
		wanted = policy.Deny
	case effect == eval.ImplicitDeny && !isForeign:
		return nil
	}
	var list []MatchedStatement
	for _, pt := range t.traces {
		if wanted == policy.Allow && !grants(pt.Policy.Type()) {
			continue
		}
		for i, st := range pt.Statements {
			if st.Matched && st.Effect == wanted {
				list = append(list, s.statement(pt.Policy, i))
			}
		}
	}
	return list
}

// grants reports whether policies of the type can grant. The others limit what
// these do.
func grants(t eval.PolicyType) bool {
	return t == eval.Identity || t == eval.Resource || t == eval.Trust || t == eval.KeyPolicy
}

// typeNames are the simulator's names of the types of policies, for the first
// three, and ours in its manner for those that it does not know.
var typeNames = [...]string{
	eval.Identity:            "IAM Policy",
	eval.Resource:            "Resource Policy",
	eval.PermissionsBoundary: "Permissions Boundary Policy",
	eval.Session:             "Session Policy",
	eval.Trust:               "Trust Policy",
	eval.ServiceControl:      "Service Control Policy",
	eval.ResourceControl:     "Resource Control Policy",
	eval.KeyPolicy:           "Key Policy",
}

func (s *Simulation) statement(p *eval.Policy, i int) MatchedStatement {
	spans, known := s.spans[p]
	if !known {
		spans = statementSpans(p.Document())
		if s.spans == nil {
			s.spans = map[*eval.Policy][]span{}
		}
		s.spans[p] = spans
	}
	return MatchedStatement{p.Name(), typeNames[p.Type()], spans[i].start, spans[i].end}
}

// sum puts the outcomes of one action together: an action is allowed when it is
// allowed on every resource.
func (s *Simulation) sum(action string, resources []Resource, outcomes []outcome) *EvaluationResult {
	e := &EvaluationResult{
		EvalActionName: action, EvalResourceName: commonName(action, resources),
		MatchedStatements: List[MatchedStatement]{}, MissingContextValues: List[string]{},
	}
	worst, organizations, boundary := eval.Allowed, true, true
	for _, o := range outcomes {
		worst = worse(worst, o.effect)
		organizations, boundary = organizations && !o.refused, boundary && o.boundary
	}
	e.EvalDecision = worst.String()
	if s.inOrganization() {
		e.OrganizationsDecisionDetail = &OrganizationsDecisionDetail{organizations}
	}
	if s.Policies.Boundary != nil {
		e.PermissionsBoundaryDecisionDetail = &PermissionsBoundaryDecisionDetail{boundary}
	}
	matched, missing := set[MatchedStatement]{}, set[string]{}
	for _, o := range outcomes {
		if o.effect == eval.ExplicitDeny || worst != eval.ExplicitDeny && o.effect == eval.Allowed {
			e.MatchedStatements = matched.add(e.MatchedStatements, o.matched)
		}
		e.MissingContextValues = missing.add(e.MissingContextValues, o.missing)
	}
	if organizations {
		s.specify(e, resources, outcomes)
	}
	return e
}

// worse returns the one of two effects that decides for both.
func worse(a, b eval.Effect) eval.Effect {
	for _, e := range []eval.Effect{eval.ExplicitDeny, eval.ImplicitDeny} {
		if a == e || b == e {
			return e
		}
	}
	return eval.Allowed
}

// set is what a list has.
type set[T comparable] map[T]bool

// add appends to a list what it does not have yet.
func (s set[T]) add(list List[T], items []T) List[T] {
	for _, i := range items {
		if !s[i] {
			s[i] = true
			list = append(list, i)
		}
	}
	return list
}

// specify adds what holds for each resource.
func (s *Simulation) specify(e *EvaluationResult, resources []Resource, outcomes []outcome) {
	for i, o := range outcomes {
		if o.isForeign || resources[i].Name != "*" {
			e.EvalDecisionDetails = mergeDetails(e.EvalDecisionDetails, o.details)
		}
		if resources[i].Name == "*" {
			continue
		}
		r := ResourceSpecificResult{
			EvalResourceName: resources[i].Name, EvalResourceDecision: o.effect.String(),
			MatchedStatements:    append(List[MatchedStatement]{}, o.matched...),
			MissingContextValues: append(List[string]{}, o.missing...),
		}
		if s.Policies.Boundary != nil {
			r.PermissionsBoundaryDecisionDetail = &PermissionsBoundaryDecisionDetail{o.boundary}
		}
		if o.isForeign {
			r.EvalDecisionDetails = &o.details
		}
		e.ResourceSpecificResults = append(e.ResourceSpecificResults, r)
	}
}

// mergeDetails adds the decisions for one more resource, of which the worse one
// counts for each type of policy.
func mergeDetails(all *DecisionDetails, one DecisionDetails) *DecisionDetails {
	if all == nil {
		all = &DecisionDetails{}
	}
	for name, effect := range one {
		if before, known := (*all)[name]; !known || before == eval.Allowed.String() || effect == eval.ExplicitDeny.String() {
			(*all)[name] = effect
		}
	}
	return all
}

// commonName is what a result for several resources calls them: the simulator
// shows the form that the action's resources have.
func commonName(action string, resources []Resource) string {
	if len(resources) == 1 {
		return resources[0].Name
	}
	a, known := facts.LookupAction(action)
	switch {
	case known && a.HasResource("object"):
		return "arn:aws:s3:::${BucketName}/${KeyName}"
	case known && strings.HasPrefix(a.Name, "iam:") && len(a.Resources) > 0:
		return "arn:aws:iam::${Account}:${ResourceType}/${ResourceName}"
	}
	return "*"
}
