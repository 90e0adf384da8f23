package accessfile

import (
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// Anonymous is what a case calls a caller without credentials.
const Anonymous = "anonymous"

// defaultSession is the name of the session of a role that is given by its own
// ARN: a role makes its requests through sessions.
const defaultSession = "session"

// Principal is who makes requests, with the policies that are attached to it
// and the condition keys that it brings.
type Principal struct {
	eval.Principal
	Name string // in the file, or what it was asked for by

	// Context holds the keys that the principal implies, and those that the file
	// gives it.
	Context *condition.Context

	given    map[string]bool // the keys of the file, in lower case
	policies eval.Policies   // those on the principal's side
}

// NewPrincipal returns the principal of an ARN, of the name of an AWS service
// such as logging.s3.amazonaws.com, or "anonymous". It has no policies. The
// second result says what is wrong with the name, or is "".
func NewPrincipal(name string) (*Principal, string) {
	p := &Principal{Name: name, Context: &condition.Context{}}
	var wrong string
	switch {
	case name == Anonymous:
	case isService(name):
		p.Type, p.ServiceName = eval.Service, name
	default:
		p.Principal, wrong = parsePrincipal(name)
		p.policies.HasSession = p.Type == eval.FederatedUser
	}
	p.imply()
	return p, wrong
}

func isService(name string) bool {
	return !strings.Contains(name, ":") && (strings.HasSuffix(name, ".amazonaws.com") || strings.HasSuffix(name, ".amazonaws.com.cn"))
}

// parsePrincipal reads the ARN of a principal.
func parsePrincipal(s string) (eval.Principal, string) {
	p := eval.Principal{ARN: s}
	a, err := arn.Parse(s)
	if err != nil {
		return p, "it is not an ARN"
	}
	kind, name, _ := strings.Cut(a.Resource, "/")
	if (a.Service == "iam" || a.Service == "sts") && !arn.IsAccountID(a.AccountID) {
		return p, "an account's id has 12 to 20 digits"
	}
	p.AccountID = a.AccountID
	switch {
	case a.Service == "iam" && a.Resource == "root":
		p.Type = eval.Root
	case name == "" || strings.HasSuffix(name, "/"):
		return p, "it is not the ARN of a principal"
	case a.Service == "iam" && kind == "user":
		p.Type = eval.User
	case a.Service == "iam" && kind == "role":
		p.Type, p.IssuerARN = eval.AssumedRole, s
		p.ARN = "arn:" + a.Partition + ":sts::" + a.AccountID + ":assumed-role/" + last(name) + "/" + defaultSession
	case a.Service == "sts" && kind == "assumed-role" && strings.Count(name, "/") == 1:
		role, _, _ := strings.Cut(name, "/")
		p.Type, p.IssuerARN = eval.AssumedRole, "arn:"+a.Partition+":iam::"+a.AccountID+":role/"+role
	case a.Service == "sts" && kind == "federated-user":
		p.Type = eval.FederatedUser
	case a.Service == "iam" && (kind == "oidc-provider" || kind == "saml-provider"):
		p.Type, p.AccountID = eval.FederatedIdentity, ""
	default:
		return p, "it is not the ARN of a principal"
	}
	return p, ""
}

// last returns what stands behind the last slash: the name behind a path.
func last(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }

// imply sets the condition keys that follow from who the principal is ("AWS
// global condition context keys"; "IAM policy elements: Variables and tags",
// IAM User Guide), except those that the file gives.
func (p *Principal) imply() {
	set := func(key, value string) {
		if !p.given[strings.ToLower(key)] && value != "" {
			p.Context.SetString(key, value)
		}
	}
	set("aws:PrincipalType", principalTypes[p.Type])
	set("aws:userid", p.userID())
	if p.Type != eval.Anonymous && p.Type != eval.FederatedIdentity && !p.given["aws:principalisawsservice"] {
		p.Context.SetBool("aws:PrincipalIsAWSService", p.Type == eval.Service)
	}
	switch p.Type {
	case eval.User:
		set("aws:username", last(p.ARN))
	case eval.Service:
		set("aws:PrincipalServiceName", p.ServiceName)
		return
	case eval.Anonymous:
		set("aws:PrincipalAccount", "anonymous")
		return
	case eval.FederatedIdentity:
		return
	}
	set("aws:PrincipalAccount", p.AccountID)
	principal := p.ARN
	if p.Type == eval.AssumedRole {
		principal = p.IssuerARN
	}
	set("aws:PrincipalArn", principal)
}

var principalTypes = map[eval.PrincipalType]string{
	eval.Anonymous:     "Anonymous",
	eval.Root:          "Account",
	eval.User:          "User",
	eval.AssumedRole:   "AssumedRole",
	eval.FederatedUser: "FederatedUser",
}

// userID is aws:userid, or "" when the file does not say enough to know it.
func (p *Principal) userID() string {
	switch {
	case p.Type == eval.Anonymous:
		return "anonymous"
	case p.Type == eval.Root:
		return p.AccountID
	case p.Type == eval.FederatedUser:
		return p.AccountID + ":" + last(p.ARN)
	case p.UniqueID == "":
		return ""
	case p.Type == eval.AssumedRole:
		return p.UniqueID + ":" + last(p.ARN)
	case p.Type == eval.User:
		return p.UniqueID
	}
	return ""
}

// learnUniqueID takes the unique id from an aws:userid that the file gives.
func (p *Principal) learnUniqueID() {
	if p.UniqueID != "" || p.Type != eval.User && p.Type != eval.AssumedRole {
		return
	}
	if id, ok := p.Context.Resolve("aws:userid"); ok {
		p.UniqueID, _, _ = strings.Cut(id, ":")
	}
}

// types are the names of the types of principals in a file.
var types = []struct {
	name string
	is   eval.PrincipalType
}{
	{"user", eval.User}, {"assumedRole", eval.AssumedRole}, {"federatedUser", eval.FederatedUser}, {"root", eval.Root},
	{"service", eval.Service}, {"federatedIdentity", eval.FederatedIdentity}, {"anonymous", eval.Anonymous},
}

func typeNames() []string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.name
	}
	return names
}

// typeName returns what a file calls a type.
func typeName(is eval.PrincipalType) string {
	for _, t := range types {
		if t.is == is {
			return t.name
		}
	}
	return ""
}

// principalDraft is a principal of the file while it is read.
type principalDraft struct {
	Principal
	arn, kind, service, provider, issuer, session *node
}

// principal reads one member of principals.
func (r *reader) principal(name string, n *node) *Principal {
	d := principalDraft{Principal: Principal{Name: name, Context: &condition.Context{}}}
	keep := func(to **node) func(*node) {
		return func(n *node) {
			if _, ok := r.text(n, "the value"); ok {
				*to = n
			}
		}
	}
	failures := r.failures
	r.fields(n, "a principal", []field{
		{"arn", keep(&d.arn)},
		{"type", keep(&d.kind)},
		{"service", keep(&d.service)},
		{"provider", keep(&d.provider)},
		{"issuer", keep(&d.issuer)},
		{"sessionName", keep(&d.session)},
		{"uniqueId", func(n *node) { d.UniqueID, _ = r.optional(n, "uniqueId") }},
		{"canonicalUserId", func(n *node) { d.CanonicalUserID, _ = r.optional(n, "canonicalUserId") }},
		{"identity", func(n *node) { d.policies.Identity = append(d.policies.Identity, r.policyList(n, eval.Identity)...) }},
		{"groups", func(n *node) { r.groupsOf(n, &d.policies) }},
		{"boundary", func(n *node) { d.policies.Boundary = r.optionalPolicy(n, eval.PermissionsBoundary) }},
		{"session", func(n *node) { d.policies.Session = r.policyList(n, eval.Session) }},
		{"hasSession", func(n *node) { d.policies.HasSession = r.boolean(n, "hasSession") }},
		{"context", func(n *node) { d.given = r.context(n, d.Context) }},
	})
	if r.failures == failures {
		r.identify(n, &d)
	}
	p := d.Principal
	p.policies.HasSession = p.policies.HasSession || len(p.policies.Session) > 0 || p.Type == eval.FederatedUser
	p.learnUniqueID()
	p.imply()
	return &p
}

// identify finds out who a principal is.
func (r *reader) identify(n *node, d *principalDraft) {
	p := &d.Principal
	switch {
	case d.service != nil:
		p.Type, p.ServiceName = eval.Service, d.service.text
	case d.provider != nil:
		p.Type, p.ARN = eval.FederatedIdentity, d.provider.text
	case d.arn != nil:
		r.identifyByARN(d)
	case d.kind != nil && d.kind.text == typeName(eval.Anonymous):
	default:
		r.fail(n, "give it arn, service, provider, or type: anonymous", "the principal %s does not say who it is", p.Name)
		return
	}
	given := 0
	for _, n := range []*node{d.arn, d.service, d.provider} {
		if n != nil {
			given++
		}
	}
	if given > 1 {
		r.fail(n, "a principal has one of arn, service and provider", "the principal %s says in two ways who it is", p.Name)
	}
	if d.kind == nil {
		return
	}
	if kind, ok := r.choice(d.kind, "type", typeNames()); ok && kind != typeName(p.Type) {
		r.fail(d.kind, "take type away: it follows from the rest", "the principal %s is of type %s, not %s", p.Name, typeName(p.Type), kind)
	}
}

func (r *reader) identifyByARN(d *principalDraft) {
	identity, wrong := parsePrincipal(d.arn.text)
	if wrong != "" {
		r.fail(d.arn, "a principal is a user, a role, a role's session, a federated user, an account's root or an identity provider", "%q cannot be a principal: %s", d.arn.text, wrong)
		return
	}
	identity.UniqueID, identity.CanonicalUserID = d.UniqueID, d.CanonicalUserID
	if d.issuer != nil {
		if identity.Type != eval.AssumedRole && identity.Type != eval.FederatedUser {
			r.fail(d.issuer, "issuer is for sessions: the role of one, or the user who made one", "a principal of type %s has no issuer", typeName(identity.Type))
		}
		if wrong := wrongIssuer(&identity, d.issuer.text); wrong != "" {
			r.fail(d.issuer, wrong, "%q is not the issuer of %s", d.issuer.text, d.arn.text)
		}
		identity.IssuerARN = d.issuer.text
	}
	if d.session != nil {
		if identity.Type != eval.AssumedRole || identity.IssuerARN != d.arn.text {
			r.fail(d.session, "sessionName goes with the ARN of a role", "the ARN of %s does not want a sessionName", d.Name)
			return
		}
		identity.ARN = strings.TrimSuffix(identity.ARN, "/"+defaultSession) + "/" + d.session.text
	}
	d.Principal.Principal = identity
}

// wrongIssuer returns what the issuer of a session should be, or "". A role's
// session names the role without its path, which only the issuer tells.
func wrongIssuer(p *eval.Principal, issuer string) string {
	i, wrong := parsePrincipal(issuer)
	switch {
	case p.Type == eval.FederatedUser && (wrong != "" || i.Type != eval.User && i.Type != eval.Root):
		return "the ARN of the user whose session it is"
	case p.Type == eval.AssumedRole && (wrong != "" || i.IssuerARN != issuer || last(issuer) != last(p.IssuerARN)):
		return "the ARN of the role, with its path"
	case i.AccountID != p.AccountID:
		return "a session belongs to its issuer's account"
	}
	return ""
}
