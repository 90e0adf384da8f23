package eval

import (
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
)

// Decide decides a request. It allocates nothing unless the context does.
func Decide(r *Request, p *Policies) Decision {
	e := evaluation{r: r, p: p, hasBoundary: p.Boundary != nil}
	if p.ACLs != nil {
		e.acl = aclActionOf(r.Action)
	}
	if d, ok := e.explicitDeny(); ok {
		return d
	}
	if p.RestrictPublicBuckets && p.Resource != nil && p.Resource.Public() && !e.isOwnerOrService() {
		return Decision{ExplicitDeny, Resource, p.Resource, -1}
	}
	if d, ok := e.organizationAllows(); !ok {
		return d
	}
	how, granted := e.resourceGrant()
	switch r.Principal.Type {
	case Anonymous, Service, FederatedIdentity:
		return granted
	}
	if !e.isOwner() {
		if d := e.principalAllows(throughAccount); !d.Allowed() {
			return d
		}
		return granted
	}
	if p.Resource != nil && p.Resource.kind.mustAllow() && !granted.Allowed() {
		return granted
	}
	if how >= throughIssuer {
		if d := e.principalAllows(how); !d.Allowed() {
			return d
		}
		return granted
	}
	return e.principalAllows(throughAccount)
}

// mustAllow reports whether nobody is allowed anything that the resource's
// policy does not allow, also within its account ("Key policies in AWS KMS",
// and "How AWS enforcement code logic evaluates requests").
func (t PolicyType) mustAllow() bool { return t == Trust || t == KeyPolicy }

// evaluation is one request with its policies.
type evaluation struct {
	r           *Request
	p           *Policies
	hasBoundary bool
	acl         *aclAction // what the action is to ACLs; nil where these do not count
}

// isSameAccount reports whether the principal's own account is the one that the
// resource, or the bucket that it is in, belongs to.
func (e *evaluation) isSameAccount() bool {
	return e.r.ResourceAccount == "" || e.r.ResourceAccount == e.r.Principal.AccountID
}

// isOwnerOrService reports whether RestrictPublicBuckets lets the caller be.
func (e *evaluation) isOwnerOrService() bool {
	switch e.r.Principal.Type {
	case Service:
		return true
	case Anonymous, FederatedIdentity:
		return false
	}
	return e.isSameAccount()
}

// serviceControl returns the service control policies that bind the caller.
// They bind no service-linked role ("Service control policies (SCPs)").
func (e *evaluation) serviceControl() [][]*Policy {
	switch c := &e.r.Principal; c.Type {
	case Anonymous, Service, FederatedIdentity:
		return nil
	case AssumedRole:
		if isServiceLinkedRole(c.IssuerARN) {
			return nil
		}
	}
	return e.p.ServiceControl
}

// resourceControl returns the resource control policies that bind the request.
// They bind neither a service-linked role nor the service that assumes one
// ("Resource control policies (RCPs)").
func (e *evaluation) resourceControl() [][]*Policy {
	switch c := &e.r.Principal; c.Type {
	case AssumedRole:
		if isServiceLinkedRole(c.IssuerARN) {
			return nil
		}
	case Service:
		if e.p.Resource != nil && e.p.Resource.kind == Trust && isServiceLinkedRole(e.r.Resource) {
			return nil
		}
	}
	return e.p.ResourceControl
}

// explicitDeny looks for an applicable Deny in any policy.
func (e *evaluation) explicitDeny() (Decision, bool) {
	for _, level := range e.serviceControl() {
		if d, ok := e.deniedBy(level); ok {
			return d, true
		}
	}
	for _, level := range e.resourceControl() {
		if d, ok := e.deniedBy(level); ok {
			return d, true
		}
	}
	if e.p.Resource != nil && !e.isRootOfItsBucketPolicy() {
		if d, ok := e.denies(e.p.Resource); ok {
			return d, true
		}
	}
	if d, ok := e.deniedBy(e.p.Identity); ok {
		return d, true
	}
	if e.p.Boundary != nil {
		if d, ok := e.denies(e.p.Boundary); ok {
			return d, true
		}
	}
	return e.deniedBy(e.p.Session)
}

// isRootOfItsBucketPolicy reports whether the request is one that a bucket
// policy can never deny: the root of the owner's account reads, sets or
// deletes that policy ("PutBucketPolicy", Amazon S3 API Reference).
func (e *evaluation) isRootOfItsBucketPolicy() bool {
	if e.r.Principal.Type != Root || !e.isSameAccount() {
		return false
	}
	a := e.r.Action
	return arn.EqualFold(a, "s3:GetBucketPolicy") || arn.EqualFold(a, "s3:PutBucketPolicy") ||
		arn.EqualFold(a, "s3:DeleteBucketPolicy")
}

func (e *evaluation) deniedBy(list []*Policy) (Decision, bool) {
	for _, p := range list {
		if d, ok := e.denies(p); ok {
			return d, true
		}
	}
	return Decision{}, false
}

func (e *evaluation) denies(p *Policy) (Decision, bool) {
	found := int32(-1)
	p.deny.search(e.r, func(statements []int32) bool {
		for _, i := range statements {
			if p.statements[i].match(e.r, e.hasBoundary, nil) != notReached {
				found = i
				return false
			}
		}
		return true
	})
	return Decision{ExplicitDeny, p.kind, p, int(found)}, found >= 0
}

// allows returns the widest reach of an Allow in p and its statement.
func (e *evaluation) allows(p *Policy) (how reach, statement int) {
	statement = -1
	p.allow.search(e.r, func(statements []int32) bool {
		for _, i := range statements {
			if h := p.statements[i].match(e.r, e.hasBoundary, nil); h > how {
				how, statement = h, int(i)
			}
		}
		return how < direct
	})
	return how, statement
}

// allowedBy returns the Allow of one of the policies, or an implicit denial.
func (e *evaluation) allowedBy(list []*Policy, kind PolicyType) Decision {
	for _, p := range list {
		if how, i := e.allows(p); how != notReached {
			return Decision{Allowed, kind, p, i}
		}
	}
	return Decision{ImplicitDeny, kind, nil, -1}
}

// organizationAllows asks every level of the resource and service control
// policies for an Allow.
func (e *evaluation) organizationAllows() (Decision, bool) {
	for _, level := range e.resourceControl() {
		if d := e.allowedBy(level, ResourceControl); !d.Allowed() {
			return d, false
		}
	}
	for _, level := range e.serviceControl() {
		if d := e.allowedBy(level, ServiceControl); !d.Allowed() {
			return d, false
		}
	}
	return Decision{}, true
}

// resourceGrant returns what the resource policy, or a grant of an ACL, allows
// the caller.
func (e *evaluation) resourceGrant() (reach, Decision) {
	if e.acl == nil {
		return e.policyGrant()
	}
	how, d := notReached, Decision{ImplicitDeny, Resource, nil, -1}
	if e.othersObject() == nil {
		how, d = e.policyGrant()
	}
	if h, i := e.aclGrant(); h > how {
		return h, Decision{Allowed, AccessControlList, nil, i}
	}
	return how, d
}

// policyGrant returns what the resource policy allows the caller.
func (e *evaluation) policyGrant() (reach, Decision) {
	if e.p.Resource == nil {
		return notReached, Decision{ImplicitDeny, Resource, nil, -1}
	}
	kind := e.p.Resource.kind
	how, i := e.allows(e.p.Resource)
	if how == notReached {
		return how, Decision{ImplicitDeny, kind, nil, -1}
	}
	return how, Decision{Allowed, kind, e.p.Resource, i}
}

// principalAllows asks the policies on the principal's side, except those that
// the reach of a resource policy's Allow overrides.
func (e *evaluation) principalAllows(how reach) Decision {
	d := Decision{Allowed, 0, nil, -1}
	if how == direct {
		return d
	}
	if how < throughIssuer && !e.r.Principal.hasRootPermissions() {
		if d = e.allowedBy(e.p.Identity, Identity); !d.Allowed() {
			return d
		}
	}
	if e.p.Boundary != nil {
		if how, _ := e.allows(e.p.Boundary); how == notReached {
			return Decision{ImplicitDeny, PermissionsBoundary, nil, -1}
		}
	}
	if e.p.HasSession || len(e.p.Session) > 0 {
		if s := e.allowedBy(e.p.Session, Session); !s.Allowed() {
			return s
		}
	}
	return d
}

// match reports how the statement takes in the request. It is the only place
// where a statement meets a request; with a trace it says what did not match.
func (s *statement) match(r *Request, hasBoundary bool, t *StatementTrace) reach {
	if !s.matchAction(r.Action) {
		return t.mismatch(elementName("Action", s.notAction), r.Action)
	}
	if s.hasResource && !s.matchResource(r) {
		return t.mismatch(elementName("Resource", s.notResource), r.Resource)
	}
	how := direct
	if s.hasPrincipal {
		if how = s.matchPrincipal(&r.Principal, hasBoundary); how == notReached {
			return t.mismatch(elementName("Principal", s.notPrincipal), r.Principal.name())
		}
	}
	for _, c := range s.conditions {
		if !c.Match(r.Context) {
			return t.mismatchCondition(c, r.Context)
		}
	}
	return how
}

func elementName(name string, not bool) string {
	if not {
		return "Not" + name
	}
	return name
}

func (s *statement) matchAction(action string) bool {
	for i := range s.actions {
		if s.actions[i].Match(action, nil) {
			return !s.notAction
		}
	}
	return s.notAction
}

// matchResource reports whether the resource is one of the statement's. A
// pattern whose variable has no value matches nothing. As an exception it would
// so except nothing: then an Allow is not to be relied on, and a Deny stands
// ("IAM policy elements: Variables and tags").
func (s *statement) matchResource(r *Request) bool {
	if s.matchPatterns(r) {
		return !s.notResource
	}
	if !s.notResource || s.effect == policy.Deny {
		return s.notResource
	}
	for _, p := range s.resources {
		if !p.Resolves(r.Context) {
			return false
		}
	}
	return true
}

func (s *statement) matchPatterns(r *Request) bool {
	if s.searches && r.Resource != "*" {
		return s.searchPatterns(r)
	}
	for _, p := range s.resources {
		if r.Resource == "*" && p.MatchesService(service(r.Action)) || r.Resource != "*" && p.Match(r.Resource, r.Context) {
			return true
		}
	}
	return false
}

// searchPatterns does as matchPatterns, for patterns that gain from one text
// that is searched for all.
func (s *statement) searchPatterns(r *Request) bool {
	var text arn.Text
	text.Set(r.Resource)
	for _, p := range s.resources {
		if p.MatchText(&text, r.Context) {
			return true
		}
	}
	return false
}

// service returns the vendor of an action, in lower case as ARNs have it.
func service(action string) string {
	vendor, _, _ := strings.Cut(action, ":")
	return arn.ToLower(vendor)
}

// matchPrincipal returns the widest reach of the names. A NotPrincipal takes
// in every caller that has a permissions boundary, whoever is listed ("AWS
// JSON policy elements: NotPrincipal").
func (s *statement) matchPrincipal(c *Principal, hasBoundary bool) reach {
	if s.notPrincipal {
		for i := range s.principals {
			if s.principals[i].excepts(c) && !hasBoundary {
				return notReached
			}
		}
		return direct
	}
	how := notReached
	for i := range s.principals {
		p := &s.principals[i]
		if p.form == anyPrincipal && s.namesPrincipalARN {
			return direct
		}
		how = max(how, p.reaches(c))
	}
	return how
}
