package accessfile

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// relativeTo returns the path of a file that another one names.
func relativeTo(file, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(file), name)
}

// Principal finds a principal of the file by its name or ARN. Another ARN, the
// name of an AWS service, and anonymous are principals without policies. The
// error is a *Problem.
func (f *File) Principal(name string) (*Principal, error) {
	if p := f.principals[name]; p != nil {
		return p, nil
	}
	found := f.byARN[name]
	switch {
	case len(found) == 1:
		return f.principals[found[0]], nil
	case len(found) > 1:
		return nil, &Problem{Position{File: f.Name}, fmt.Sprintf("%q is the ARN of several principals", name), "say which: " + strings.Join(found, ", ")}
	}
	p, wrong := NewPrincipal(name)
	if wrong != "" {
		hint := meant(name, f.PrincipalNames())
		if hint == "" || len(f.principals) == 0 {
			hint = "a principal is a name of the file, an ARN, an AWS service, or anonymous"
		}
		return nil, &Problem{Position{File: f.Name}, fmt.Sprintf("there is no principal %q", name), hint}
	}
	f.adopt(p)
	return p, nil
}

// Request returns the request that a question states, and the policies of the
// file that apply to it. It sets the keys that follow from the resource over
// those of the principal, under those that the question gives.
func (f *File) Request(q Question) (*eval.Request, *eval.Policies) {
	r, p := &eval.Request{}, &eval.Policies{}
	f.request(&q, r, p)
	return r, p
}

func (f *File) request(q *Question, r *eval.Request, p *eval.Policies) {
	*r = eval.Request{Principal: q.Principal.Principal, Action: q.Action, Resource: q.Resource, ResourceAccount: q.ResourceAccount, Context: q.Context}
	if r.ResourceAccount == "" {
		r.ResourceAccount = f.ownerOf(q.Resource)
	}
	if r.Context == nil {
		r.Context = &condition.Context{}
	}
	q.implyResource(r)
	r.Context.Over(q.Principal.Context)

	*p = q.Principal.policies
	if a := f.accounts[r.ResourceAccount]; a != nil {
		p.ResourceControl = a.resourceControl
		p.RestrictPublicBuckets = a.restrictPublicBuckets
	}
	p.Resource = f.resourcePolicy(q.Action, q.Resource)
	p.ACLs = f.accessControl(r)
}

// implyResource sets the keys that follow from the resource's account.
func (q *Question) implyResource(r *eval.Request) {
	keys := []string{"aws:ResourceAccount", "s3:ResourceAccount"}
	if service, _, _ := strings.Cut(q.Action, ":"); !arn.EqualFold(service, "s3") {
		keys = keys[:1]
	}
	if r.ResourceAccount == "" {
		return
	}
	for _, key := range keys {
		if lower := strings.ToLower(key); !q.Given[lower] && !q.Principal.given[lower] {
			r.Context.SetString(key, r.ResourceAccount)
		}
	}
}

// ownerOf returns the account in a resource's ARN, or else that of the file.
func (f *File) ownerOf(resource string) string {
	if a, err := arn.Parse(resource); err == nil && arn.IsAccountID(a.AccountID) {
		return a.AccountID
	}
	return f.Account
}

// resourcePolicy returns the policy of the bucket of a resource, the trust
// policy of a role that is to be assumed, or the policy of a KMS key.
func (f *File) resourcePolicy(action, resource string) *eval.Policy {
	service, _, _ := strings.Cut(action, ":")
	if arn.EqualFold(service, "sts") {
		if p := f.resources[resource]; p != nil {
			return p
		}
		if strings.Contains(resource, ":role/") {
			return nobodysTrust
		}
		return nil
	}
	if arn.EqualFold(service, "kms") {
		if p := f.resources[resource]; p != nil || !strings.Contains(resource, ":key/") {
			return p
		}
		return nobodysKey
	}
	if bucket, _, _ := strings.Cut(resource, "/"); strings.HasPrefix(bucket, "arn:") {
		if p := f.resources[bucket]; p != nil && p.Type() == eval.Resource {
			return p
		}
	}
	return nil
}

// nobodysTrust is the trust policy of a role of which the file has none, and
// nobodysKey the policy of such a key: who may must be said.
var (
	nobodysTrust = nobodys(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"Service":"nobody.invalid"},"Action":"sts:AssumeRole"}]}`, eval.Trust, "no trust policy")
	nobodysKey   = nobodys(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"Service":"nobody.invalid"},"Action":"kms:*","Resource":"*"}]}`, eval.KeyPolicy, "no key policy")
)

func nobodys(document string, as eval.PolicyType, name string) *eval.Policy {
	p, err := eval.Compile(constant(document), eval.Options{Type: as, Name: name})
	if err != nil {
		panic(err)
	}
	return p
}

// policyTypeNames are the names of the types of policies in decidedBy, which
// are those of the command line.
var policyTypeNames = map[eval.PolicyType]string{
	0:                        "root",
	eval.Identity:            "identity",
	eval.PermissionsBoundary: "boundary",
	eval.Session:             "session",
	eval.Resource:            "resource",
	eval.Trust:               "trust",
	eval.ServiceControl:      "scp",
	eval.ResourceControl:     "rcp",
	eval.KeyPolicy:           "key",
	eval.AccessControlList:   "acl",
}

// PolicyTypeName returns the short name of a type of policy: identity,
// boundary, session, resource, trust, key, scp or rcp, root for what an account's
// root is allowed by default, and acl for a grant of an access control list.
func PolicyTypeName(t eval.PolicyType) string { return policyTypeNames[t] }

// oneCase reads a case, or returns nil.
func (r *reader) oneCase(i int, n *node) *Case {
	c := &Case{Position: r.at(n)}
	q := Question{Context: &condition.Context{}}
	have := map[string]*node{}
	take := func(name string, to *string) field {
		return field{name, func(n *node) {
			have[name] = n
			if s, ok := r.text(n, name); ok {
				*to = s
			}
		}}
	}
	var principal, expect string
	failures := r.failures
	r.fields(n, "a case", []field{
		take("name", &c.Name), take("principal", &principal), take("action", &q.Action), take("resource", &q.Resource),
		{"resourceAccount", func(n *node) { have["resourceAccount"] = n; q.ResourceAccount, _ = r.optional(n, "resourceAccount") }},
		{"context", func(n *node) { q.Given = r.context(n, q.Context) }},
		take("expect", &expect), take("decidedBy", &c.DecidedBy),
	})
	if n.kind != mapping {
		return nil
	}
	for _, name := range []string{"principal", "action", "resource", "expect"} {
		if have[name] == nil {
			r.fail(n, "", "the case has no %s", name)
		}
	}
	if r.failures > failures {
		return nil
	}
	r.checkCase(c, &q, expect, have)
	p, err := r.file.Principal(principal)
	if err != nil {
		problem := err.(*Problem)
		r.fail(have["principal"], problem.Hint, "%s", problem.Message)
	}
	if r.failures > failures {
		return nil
	}
	if c.Name == "" {
		c.Name = fmt.Sprintf("case %d", i+1)
	}
	c.Expect, c.Principal, q.Principal = Expect(expect), p, p
	r.file.request(&q, &c.Request, &c.Policies)
	return c
}

var expectations = []string{string(Allowed), string(Denied), string(ExplicitDeny), string(ImplicitDeny)}

// checkCase checks the values of a case that has all that it needs.
func (r *reader) checkCase(c *Case, q *Question, expect string, have map[string]*node) {
	if !slices.Contains(expectations, expect) {
		r.fail(have["expect"], meant(expect, expectations), "expect cannot be %q", expect)
	}
	if c.DecidedBy != "" {
		names := slices.Sorted(maps.Values(policyTypeNames))
		if !slices.Contains(names, c.DecidedBy) {
			r.fail(have["decidedBy"], meant(c.DecidedBy, names), "decidedBy cannot be %q", c.DecidedBy)
		}
	}
	if wrong := CheckAction(q.Action); wrong != "" {
		r.fail(have["action"], wrong, "%q is no action", q.Action)
	}
	if q.Resource != "*" && !arn.Is(q.Resource) {
		r.fail(have["resource"], "a resource is an ARN such as arn:aws:s3:::my-bucket/key, or *", "%q is no resource", q.Resource)
	}
	if q.ResourceAccount != "" && !arn.IsAccountID(q.ResourceAccount) {
		r.fail(have["resourceAccount"], "an account's id has 12 to 20 digits", "%q is no account", q.ResourceAccount)
	}
}

// CheckAction returns why a text cannot be the action of a request, or "".
func CheckAction(action string) string {
	if code, why := eval.CheckAction(action); code != "" {
		return why + ", such as s3:GetObject"
	}
	if strings.ContainsAny(action, "*?") {
		return "a request has one action; ask for each by itself"
	}
	return ""
}
