// Package remedy finds the smallest change with which a denied request would be
// allowed: to the request, where a policy only asks for a parameter that it
// lacks, and to the policies that stand in its way. The smallest is the one that
// grants the least beyond the very request; among those, the one with the fewest
// edits. It never proposes a wildcard, save the "*" of an action that is granted
// on no single resource, and the "*" of a request that nobody signed.
//
// Whatever it proposes has been tried: the changed documents were compiled, and
// the request was decided again with them. It does not know who else a policy
// is attached to: what an identity-based policy is made to allow, it allows them
// too.
package remedy

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/edit"
	"github.com/keywright/keywright/policy/eval"
)

// Kind is what a Change does.
type Kind uint8

// The kinds of changes.
const (
	ChangeRequest Kind = iota + 1 // the request is sent with other parameters; no policy changes
	AddValue                      // a value is added to Action, Resource or Principal, or taken from its negation
	AddCondition                  // a value is added to those of a condition key, or taken from a negated one's
	AddStatement
	NewPolicy       // a policy is added, or put where there was none
	NarrowDeny      // a Deny statement comes to except the request
	RemoveStatement // a Deny statement that denies nothing else is taken away
	RemovePolicy    // a policy that does nothing but deny the request is taken away
	SetVersion      // a document is given Version 2012-10-17, so that its ${...} are variables
)

var kindNames = [...]string{
	ChangeRequest: "ChangeRequest", AddValue: "AddValue", AddCondition: "AddCondition", AddStatement: "AddStatement",
	NewPolicy: "NewPolicy", NarrowDeny: "NarrowDeny", RemoveStatement: "RemoveStatement", RemovePolicy: "RemovePolicy", SetVersion: "SetVersion",
}

// String returns the name of the constant.
func (k Kind) String() string {
	if int(k) < len(kindNames) && k != 0 {
		return kindNames[k]
	}
	return "none"
}

// Change is one change of a Remedy.
type Change struct {
	Kind Kind

	// Policy is what is changed: one of those that were passed to Find. It is nil
	// for a new policy and for a change of the request.
	Policy *eval.Policy
	Type   eval.PolicyType // of the policy, also of a new one; 0 for a change of the request
	Level  int             // of a new service or resource control policy: the index of its level, else 0

	// Statement is the index of the statement that is changed, in the document
	// that the changes before this one left; it is -1 when none is.
	Statement int

	Description string // one line, for people
	Note        string // who alone can make the change, or how; empty when nothing is special

	// Edits change the document of the policy, as the changes before this one
	// left it, into Document. A new policy has only a Document, a policy that is
	// taken away neither.
	Edits    []edit.Edit
	Document *policy.Document

	Keys []Key // what a changed request carries
}

// Key is a condition key of a request with the value it is to have. An absent
// one is not to be sent at all.
type Key struct {
	Name, Value string
	IsAbsent    bool
}

// Remedy is a set of changes that together allow the request.
type Remedy struct{ Changes []Change }

// ChangesPolicies reports whether one of the changes is to a policy.
func (r Remedy) ChangesPolicies() bool {
	return slices.ContainsFunc(r.Changes, func(c Change) bool { return c.Kind != ChangeRequest })
}

// Advice is what Find finds.
type Advice struct {
	// Remedies are the ways in which the request would be allowed, each by
	// itself: first what changes the request as far as that helps, then what
	// changes policies alone, then what grants more than the request but mends
	// what its author seems to have meant.
	Remedies []Remedy

	// Obstacle is why no change of a policy would do, for people. It is empty
	// unless a policy or setting stands in the way that none can mend.
	Obstacle string
}

// most is how many changes a remedy has at most. Each mends one policy, so that
// only a request with very many policies against it needs as many.
const most = 64

// Find returns what would allow a request that is denied. For one that is
// allowed it returns nothing. It does not change what it is passed, but looks up
// keys in the request's context.
func Find(r *eval.Request, p *eval.Policies) Advice {
	var a Advice
	if eval.Decide(r, p).Allowed() {
		return a
	}
	alone := search(r, p, policiesOnly)
	if with := search(r, p, requestFirst); with.obstacle == "" && with.hasRequest() {
		a.Remedies = append(a.Remedies, with.remedy())
	}
	if alone.obstacle == "" {
		a.Remedies = append(a.Remedies, alone.remedy())
	} else {
		a.Obstacle = alone.obstacle
	}
	if v := withVersion(r, p); len(v.Changes) > 0 {
		a.Remedies = append(a.Remedies, v)
	}
	return a
}

// preference is which changes a search makes.
type preference bool

const (
	requestFirst preference = true
	policiesOnly preference = false
)

// state is how far a search has come.
type state struct {
	r       *eval.Request
	p       *eval.Policies
	origins map[*eval.Policy]*eval.Policy // of changed policies, those passed to Find
	editing map[*eval.Policy]*edit.Document
	changes []Change

	obstacle string
}

func begin(r *eval.Request, p *eval.Policies) *state {
	return &state{r: r, p: p, origins: map[*eval.Policy]*eval.Policy{}, editing: map[*eval.Policy]*edit.Document{}}
}

// document returns the document of a policy for changing.
func (s *state) document(p *eval.Policy) *edit.Document {
	if s.editing[p] == nil {
		s.editing[p] = edit.Of(p.Document())
	}
	return s.editing[p]
}

func (s *state) remedy() Remedy { return Remedy{s.changes} }

func (s *state) hasRequest() bool {
	return slices.ContainsFunc(s.changes, func(c Change) bool { return c.Kind == ChangeRequest })
}

// search mends one denial after the other until the request is allowed. Every
// step ends one denial and begins none that was not there, so that it ends.
func search(r *eval.Request, p *eval.Policies, prefer preference) *state {
	s := begin(r, p)
	for range most {
		d := eval.Decide(s.r, s.p)
		if d.Allowed() {
			return s
		}
		if prefer == requestFirst && s.changeRequest(d) {
			continue
		}
		if s.obstacle = s.mend(d); s.obstacle != "" {
			return s
		}
	}
	s.obstacle = "more policies deny the request than are looked at"
	return s
}

// mend makes the smallest change to a policy that ends a denial, or returns why
// there is none.
func (s *state) mend(d eval.Decision) string {
	if why := s.unchangeable(d); why != "" {
		return why
	}
	var options []option
	if d.Effect == eval.ExplicitDeny {
		options = s.exceptions(d)
	} else {
		options = s.grants(d.Reason)
	}
	slices.SortStableFunc(options, func(a, b option) int { return a.cost.compare(b.cost) })
	for _, o := range options {
		if s.try(o, d) {
			return ""
		}
	}
	if s.p.RestrictPublicBuckets && s.r.Principal.Type == eval.Anonymous {
		return restrictsPublic
	}
	if d.Effect == eval.ExplicitDeny {
		return "no change of the " + d.Reason.String() + " that denies it would except this request alone"
	}
	return "no statement of a " + d.Reason.String() + " can name this request alone"
}

const restrictsPublic = "Block Public Access (RestrictPublicBuckets) keeps everyone but the owner's account and AWS services " +
	"from a bucket whose policy is public: make the policy name its principals, or change the setting"

// unchangeable returns why no change of a policy can end a denial, or "".
func (s *state) unchangeable(d eval.Decision) string {
	switch {
	case d.Effect == eval.ExplicitDeny && d.Statement < 0:
		return restrictsPublic
	case d.Reason == eval.ResourceControl && d.Effect == eval.ImplicitDeny:
		return "a level of the organization has no resource control policy that allows this, not even RCPFullAWSAccess, which AWS attaches to every level"
	case s.r.Principal.Type == eval.Root && isAssumption(s.r.Action):
		return "the root of an account cannot assume a role, whatever the role's trust policy says"
	case d.Effect == eval.ImplicitDeny && (d.Reason == eval.Resource || d.Reason == eval.Trust || d.Reason == eval.KeyPolicy):
		return s.withoutResourcePolicy()
	}
	return ""
}

// withoutResourcePolicy returns why no resource-based policy can grant the
// request, or "" when one can.
func (s *state) withoutResourcePolicy() string {
	service, _, _ := strings.Cut(s.r.Action, ":")
	if _, trace := eval.Explain(s.r, s.p); trace.IsOthersObject {
		return "the object belongs to another account than the bucket, and only a grant of its access control list can allow this; or disable access control lists (BucketOwnerEnforced)"
	}
	switch {
	case s.r.Resource == "*":
		return "the action is granted on no single resource, so that no resource-based policy can grant it: only a principal of the account has it, by an identity-based policy"
	case s.r.Principal.Type == eval.Anonymous && !arn.EqualFold(service, "s3"):
		return "only Amazon S3 takes requests that nobody signed"
	case s.p.Resource != nil && s.p.Resource.Type() == eval.Trust && !isAssumption(s.r.Action):
		return "a role's trust policy decides on nothing but who may assume the role"
	case s.p.Resource == nil && arn.EqualFold(service, "iam"):
		return "what IAM keeps has no resource-based policy: only principals of its own account get to it"
	}
	return ""
}

// isAssumption reports whether a role's trust policy decides on an action.
func isAssumption(action string) bool {
	for _, a := range []string{"sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"} {
		if arn.EqualFold(action, a) {
			return true
		}
	}
	return false
}

// option is a change that might do.
type option struct {
	Change
	cost cost
}

// cost orders options: by what they grant beyond the request, then by how much
// they write.
type cost struct{ excess, edits int }

func (c cost) compare(o cost) int {
	if c.excess != o.excess {
		return c.excess - o.excess
	}
	return c.edits - o.edits
}

// try makes a change, and reports whether that ended the denial. If not, nothing
// is changed.
func (s *state) try(o option, d eval.Decision) bool {
	var changed *eval.Policy
	target := o.Policy
	if o.Kind == NewPolicy {
		var err error
		if changed, err = eval.Compile(o.Document, eval.Options{Type: o.Type, Name: "new"}); err != nil {
			return false
		}
	} else if o.Kind != RemovePolicy {
		source, err := edit.Apply(target.Document().Bytes(), o.Edits...)
		if err != nil {
			return false
		}
		if o.Document, err = policy.Parse(source); err != nil {
			return false
		}
		if changed, err = target.Recompile(o.Document); err != nil {
			return false
		}
	}
	next := exchange(s.p, target, changed, o.Level)
	after := eval.Decide(s.r, next)
	if !s.ended(d, after, target, changed, next) {
		return false
	}
	s.p = next
	if first, ok := s.origins[target]; ok {
		o.Policy = first
	}
	if changed != nil && target != nil {
		s.origins[changed] = o.Policy
	}
	o.Note = note(o.Change)
	s.changes = append(s.changes, o.Change)
	return true
}

// ended reports whether next no longer has the denial d that a changed policy
// was to end. What it was changed to is nil when it was taken away.
func (s *state) ended(d, after eval.Decision, target, changed *eval.Policy, next *eval.Policies) bool {
	switch {
	case after.Allowed():
		return true
	case d.Effect == eval.ExplicitDeny:
		return changed == nil || s.deniers(changed) < s.deniers(target)
	case after.Effect == eval.ExplicitDeny:
		return false
	case after.Reason == eval.ServiceControl:
		return s.closedLevel(next) > s.closedLevel(s.p)
	}
	return after.Reason != d.Reason
}

// deniers returns how many statements of a policy deny the request.
func (s *state) deniers(p *eval.Policy) int {
	n := 0
	for i := range p.Document().Statements {
		n += count(p.Document().Statements[i].Effect == policy.Deny && p.Elements(i, s.r, s.p).Match())
	}
	return n
}

// closedLevel returns the first level of the service control policies that does
// not allow the request.
func (s *state) closedLevel(p *eval.Policies) int {
	for i, level := range p.ServiceControl {
		if !slices.ContainsFunc(level, s.allows) {
			return i
		}
	}
	return len(p.ServiceControl)
}

func (s *state) allows(p *eval.Policy) bool {
	for i := range p.Document().Statements {
		if p.Document().Statements[i].Effect == policy.Allow && p.Elements(i, s.r, s.p).Match() {
			return true
		}
	}
	return false
}

func isOrganization(t eval.PolicyType) bool {
	return t == eval.ServiceControl || t == eval.ResourceControl
}

// note returns what is special about changing a type of policy.
func note(c Change) string {
	switch {
	case isOrganization(c.Type):
		return "only the management account of the organization, or its delegate, can change this"
	case c.Type == eval.Session:
		return "the policies of a session are fixed when it begins: this takes a new session"
	case isManagedByAWS(c.Policy):
		return "AWS manages this policy: put a changed copy of it in its place"
	}
	return ""
}

func isManagedByAWS(p *eval.Policy) bool {
	return p != nil && strings.HasPrefix(p.Name(), "arn:") && strings.Contains(p.Name(), ":iam::aws:policy/")
}

// exchange returns policies with one in the place of another. A nil policy takes
// it away; in the place of nil it is added to those of its type.
func exchange(p *eval.Policies, from, to *eval.Policy, level int) *eval.Policies {
	next := *p
	list := func(of []*eval.Policy) []*eval.Policy {
		out := slices.Clone(of)
		for i := range out {
			if out[i] == from {
				out[i] = to
			}
		}
		return slices.DeleteFunc(out, func(p *eval.Policy) bool { return p == nil })
	}
	levels := func(of [][]*eval.Policy) [][]*eval.Policy {
		out := slices.Clone(of)
		for i := range out {
			out[i] = list(out[i])
		}
		return out
	}
	if from == nil {
		add(&next, to, level)
		return &next
	}
	next.Identity, next.Session = list(p.Identity), list(p.Session)
	next.ServiceControl, next.ResourceControl = levels(p.ServiceControl), levels(p.ResourceControl)
	if p.Boundary == from {
		next.Boundary = to
	}
	if p.Resource == from {
		next.Resource = to
	}
	return &next
}

func add(p *eval.Policies, one *eval.Policy, level int) {
	with := func(list []*eval.Policy) []*eval.Policy { return append(slices.Clone(list), one) }
	switch one.Type() {
	case eval.Identity:
		p.Identity = with(p.Identity)
	case eval.Session:
		p.Session = with(p.Session)
	case eval.Resource, eval.Trust, eval.KeyPolicy:
		p.Resource = one
	case eval.ServiceControl:
		p.ServiceControl = slices.Clone(p.ServiceControl)
		p.ServiceControl[level] = with(p.ServiceControl[level])
	}
}

// withVersion returns the remedy of giving a document the version of the
// language in which its ${...} are variables, when that is all it lacks.
func withVersion(r *eval.Request, p *eval.Policies) Remedy {
	candidates := slices.Concat(p.Identity, p.Session, []*eval.Policy{p.Boundary, p.Resource})
	for _, of := range candidates {
		if of == nil || of.Document().HasVariables() || !strings.Contains(string(of.Document().Bytes()), "${") {
			continue
		}
		s := begin(r, p)
		d := edit.Of(of.Document())
		o := option{Change: Change{
			Kind: SetVersion, Policy: of, Type: of.Type(), Statement: -1, Edits: []edit.Edit{d.SetVersion(policy.Version2012)},
			Description: "give " + called(of) + ` the Version "2012-10-17", in which ${...} is a variable and not text`,
		}}
		if s.try(o, eval.Decide(r, p)) && eval.Decide(s.r, s.p).Allowed() {
			return s.remedy()
		}
	}
	return Remedy{}
}
