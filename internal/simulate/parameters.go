package simulate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// Parameters are a simulation as the API takes it.
type Parameters struct {
	// AccountID is that of whoever asks: the hypothetical caller's when
	// CallerARN does not say another.
	AccountID string

	// CallerARN is the ARN of the user, group or role that makes the
	// hypothetical request; CallerID its unique id, when it is known. Without a
	// CallerARN nobody in particular makes it.
	CallerARN, CallerID string

	Identity       []Source
	Boundary       *Source
	Resource       *Source
	ServiceControl [][]Source // of each level, from the organization's root down to the account

	ResourceARNs  []string // none is "*"
	ResourceOwner string   // an ARN of the account that owns what does not name its owner; empty is the caller's
	Context       []ContextEntry
}

// Source is a policy document with the SourcePolicyId that results show.
type Source struct {
	ID, Document string

	// Label is what an error calls the document, such as "Policy input list
	// item 1".
	Label string
}

// InvalidError says why a simulation cannot be made of its parameters.
type InvalidError struct{ Message string }

// Error returns the message, which is in the simulator's words where these are
// known.
func (e *InvalidError) Error() string { return e.Message }

func invalid(format string, args ...any) error {
	return &InvalidError{fmt.Sprintf(format, args...)}
}

// CheckAction refuses what cannot name an action: it has a vendor and a colon.
// Whether there is such an action does not matter.
func CheckAction(name string) error {
	if !strings.Contains(name, ":") {
		return invalid("The action is invalid since it is missing names")
	}
	return nil
}

// New makes a simulation as the API does. What an action cannot be about, such as
// a user where it is one on objects, is denied by it without asking any policy.
// The error is an *InvalidError.
func New(p *Parameters) (*Simulation, error) {
	s := &Simulation{typed: true}
	var err error
	if s.Principal, err = p.caller(); err != nil {
		return nil, err
	}
	if err := p.compile(&s.Policies); err != nil {
		return nil, err
	}
	if s.Resources, err = p.resources(s.Principal.AccountID); err != nil {
		return nil, err
	}
	if s.Context, err = newContext(p.Context); err != nil {
		return nil, err
	}
	p.callerKeys(s.Context, &s.Principal)
	return s, nil
}

// caller returns the hypothetical caller. A role is its session without a name,
// so that a policy can name the role and no session; a group is no principal,
// and only what names its account takes it in.
func (p *Parameters) caller() (eval.Principal, error) {
	if p.CallerARN == "" {
		return eval.Principal{Type: eval.User, AccountID: p.AccountID}, nil
	}
	kind, name, ok := Entity(p.CallerARN)
	if !ok {
		return eval.Principal{}, invalid("Invalid caller - Caller must be an IAM user, role or group in this context.")
	}
	a, _ := arn.Parse(p.CallerARN)
	c := eval.Principal{Type: eval.User, ARN: p.CallerARN, AccountID: a.AccountID, UniqueID: p.CallerID}
	if kind == "role" {
		c.Type, c.IssuerARN = eval.AssumedRole, p.CallerARN
		c.ARN = "arn:" + a.Partition + ":sts::" + a.AccountID + ":assumed-role/" + name
	}
	return c, nil
}

// Entity takes the ARN of a user, group or role apart.
func Entity(text string) (kind, name string, ok bool) {
	a, err := arn.Parse(text)
	if err != nil || a.Service != "iam" || a.Region != "" || !arn.IsAccountID(a.AccountID) {
		return "", "", false
	}
	kind, path, _ := strings.Cut(a.Resource, "/")
	name = path[strings.LastIndexByte(path, '/')+1:]
	return kind, name, name != "" && (kind == "user" || kind == "group" || kind == "role")
}

// compile compiles all documents. Its limits are those of the engine: what it
// cannot evaluate is refused.
func (p *Parameters) compile(to *eval.Policies) error {
	var err error
	if to.Identity, err = compileAll(p.Identity, eval.Identity); err != nil {
		return err
	}
	for i, level := range p.ServiceControl {
		if len(level) == 0 {
			return invalid("Organization policy at index %d must contain at least one service control policy", i+1)
		}
		compiled, err := compileAll(level, eval.ServiceControl)
		if err != nil {
			return err
		}
		to.ServiceControl = append(to.ServiceControl, compiled)
	}
	if p.Boundary != nil {
		if to.Boundary, err = p.Boundary.compile(eval.PermissionsBoundary); err != nil {
			return err
		}
	}
	if p.Resource != nil {
		to.Resource, err = p.Resource.compile(p.resourceKind())
	}
	return err
}

// resourceKind returns what the resource policy is: that of roles is a trust
// policy, and that of KMS keys a key policy, which must allow even within the
// account.
func (p *Parameters) resourceKind() eval.PolicyType {
	all := func(is func(name string) bool) bool {
		return len(p.ResourceARNs) > 0 && !slices.ContainsFunc(p.ResourceARNs, func(name string) bool { return !is(name) })
	}
	switch {
	case all(isRole):
		return eval.Trust
	case all(isKey):
		return eval.KeyPolicy
	}
	return eval.Resource
}

func isRole(name string) bool {
	kind, _, ok := Entity(name)
	return ok && kind == "role"
}

func isKey(name string) bool {
	a, err := arn.Parse(name)
	return err == nil && a.Service == "kms" && strings.HasPrefix(a.Resource, "key/")
}

func compileAll(sources []Source, kind eval.PolicyType) ([]*eval.Policy, error) {
	list := make([]*eval.Policy, len(sources))
	for i := range sources {
		var err error
		if list[i], err = sources[i].compile(kind); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (s *Source) compile(kind eval.PolicyType) (*eval.Policy, error) {
	d, err := s.parse()
	if err != nil {
		return nil, err
	}
	p, err := eval.Compile(d, eval.Options{Type: kind, Name: s.ID})
	if err != nil {
		return nil, s.invalid(err)
	}
	return p, nil
}

func (s *Source) parse() (*policy.Document, error) {
	d, err := policy.Parse([]byte(s.Document))
	if err != nil {
		return nil, s.invalid(err)
	}
	return d, nil
}

func (s *Source) invalid(err error) error {
	label := s.Label
	if label == "" {
		label = "Policy " + s.ID
	}
	return invalid("%s has invalid content: %s", label, err)
}

// resources returns the resources with their owners. Who owns a resource only
// matters next to a resource policy: without one a simulation asks the
// caller's side alone, since nothing is known of the other.
func (p *Parameters) resources(callerAccount string) ([]Resource, error) {
	owner := callerAccount
	if p.ResourceOwner != "" {
		a, err := arn.Parse(p.ResourceOwner)
		if err != nil || a.Service != "iam" || !arn.IsAccountID(a.AccountID) {
			return nil, invalid("Invalid Resource Owner.")
		}
		owner = a.AccountID
	}
	if p.Resource != nil && p.CallerARN == "" {
		return nil, invalid("Invalid caller - Caller cannot be null or empty.")
	}
	if p.Resource != nil && len(p.ResourceARNs) == 0 {
		return nil, invalid("Invalid Entity Arn: * does not clearly define entity type and name.")
	}
	list := make([]Resource, len(p.ResourceARNs))
	for i, name := range p.ResourceARNs {
		a, err := arn.Parse(name)
		if err != nil && (name != "*" || len(p.ResourceARNs) > 1 || p.Resource != nil) {
			return nil, invalid("ResourceNames are not in a valid ARN format: %s.", name)
		}
		list[i].Name = name
		if p.Resource != nil {
			if list[i].Account = owner; a.AccountID != "" {
				list[i].Account = a.AccountID
			}
		}
	}
	return list, nil
}

// unnamed is the aws:userid of a simulation without a caller.
const unnamed = "STUB_PRINCIPAL_FOR_POLICY_SIMULATOR"

// callerKeys adds the keys that a caller implies, unless the simulation gives
// them. As the simulator has it, his ARN is his aws:userid too.
func (p *Parameters) callerKeys(c *condition.Context, caller *eval.Principal) {
	add := func(key, value string) {
		if _, given := c.Lookup(key); !given {
			c.SetString(key, value)
		}
	}
	add("aws:PrincipalAccount", caller.AccountID)
	if p.CallerARN == "" {
		add("aws:userid", unnamed)
		return
	}
	add("aws:userid", p.CallerARN)
	add("aws:PrincipalArn", p.CallerARN)
	if kind, name, _ := Entity(p.CallerARN); kind == "user" {
		add("aws:username", name)
	}
}
