package lint

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
)

// principals looks at whom a statement names, and whether it may name anybody.
func (v *validator) principals(s *policy.Statement) {
	element := s.Principal
	if element == nil {
		element = s.NotPrincipal
	}
	if element == nil {
		return
	}
	switch v.kind {
	case Identity, PermissionsBoundary, Session:
		v.report(unsupportedPrincipal, element.Position, element.Name, "%s is for the identity that it is attached to, and has no %s: remove it, or put the statement into the resource's policy", article(v.kind), element.Name)
		return
	case ServiceControl:
		v.report(scpPrincipal, element.Position, element.Name, "a service control policy is for all principals of its accounts, and has no %s: remove it, and use a condition on aws:PrincipalArn", element.Name)
		return
	case ResourceControl:
		if element == s.NotPrincipal || !element.Any.IsPresent() {
			v.report(rcpPrincipal, element.Position, element.Name, "a resource control policy is for everybody: write \"Principal\": \"*\", and use conditions to leave somebody out")
			return
		}
	case Trust:
		if element == s.NotPrincipal {
			v.report(trustNotPrincipal, element.Position, element.Name, "a trust policy has no NotPrincipal: name with Principal whom you trust")
		} else if element.Any.IsPresent() {
			v.report(trustWildcard, element.Any.Position, "*", "\"Principal\": \"*\" would let everybody assume the role: name the accounts, roles or services that you trust")
		}
	case Bucket:
		if element == s.NotPrincipal && s.Effect == policy.Allow {
			v.report(allowNotPrincipal, element.Position, element.Name, "NotPrincipal with Allow would allow everybody else, anonymous callers included: name with Principal whom you mean")
		}
	}
	for i := range element.List {
		v.principal(&element.List[i])
	}
	if v.kind == Trust {
		v.sessionsOfNamedRoles(element)
	}
}

func (v *validator) principal(p *policy.Principal) {
	name, at := p.Value.Text, p.Value.Position
	switch {
	case strings.Contains(name, "${"):
		v.report(variableInElement, at, name, "%q has a policy variable, and there are none in principals: write the principal out, or use a condition", name)
	case hasStar(name) && !(p.Type == policy.AWS && name == "*"):
		v.report(wildcardInPrincipal, at, name, "%q has a wildcard, and a principal of type %s is named in full: use a condition on aws:PrincipalArn for patterns", name, p.Type)
	case p.Type == policy.Federated && v.kind == Bucket:
		v.report(federatedNotSupported, at, name, "a bucket policy cannot name the identity provider %q: name the role that its users assume", name)
	case p.Type == policy.AWS && strings.HasPrefix(name, "AROA"):
		v.report(invalidRoleReference, at, name, "%q is the unique id of a role, which may not exist any more: write the role's ARN", name)
	case p.Type == policy.AWS && strings.HasPrefix(name, "AIDA"):
		v.report(invalidUserReference, at, name, "%q is the unique id of a user, who may not exist any more: write the user's ARN", name)
	case p.Type == policy.Service && !isServicePrincipal(name, false):
		v.report(invalidServicePrincipal, at, name, "%q is not written as services are: write it as service.amazonaws.com", name)
	}
}

// isServicePrincipal reports whether s has the form of a service principal: of a
// service in a Region when regional is true.
func isServicePrincipal(s string, regional bool) bool {
	rest, ok := strings.CutSuffix(s, ".amazonaws.com.cn")
	if !ok {
		rest, ok = strings.CutSuffix(s, ".amazonaws.com")
	}
	if !ok {
		rest, ok = strings.CutSuffix(s, ".amazonaws.eu")
	}
	if !ok || rest == "" || strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
		return false
	}
	if !regional {
		return !slices.Contains(strings.Split(rest, "."), "")
	}
	service, region, ok := strings.Cut(rest, ".")
	return ok && service != "" && isRegion(region)
}

// sessionsOfNamedRoles looks for sessions of roles that are named as well.
func (v *validator) sessionsOfNamedRoles(element *policy.Principals) {
	roles := map[[2]string]string{}
	for _, p := range element.List {
		if a, err := arn.Parse(p.Value.Text); err == nil && a.Service == "iam" {
			if name, ok := strings.CutPrefix(a.Resource, "role/"); ok {
				roles[[2]string{a.AccountID, name[strings.LastIndexByte(name, '/')+1:]}] = p.Value.Text
			}
		}
	}
	for _, p := range element.List {
		a, err := arn.Parse(p.Value.Text)
		if err != nil {
			continue
		}
		name, ok := strings.CutPrefix(a.Resource, "assumed-role/")
		name, _, _ = strings.Cut(name, "/")
		if role := roles[[2]string{a.AccountID, name}]; ok && role != "" {
			v.report(redundantTrustPrincipal, p.Value.Position, p.Value.Text, "%q is needless beside %q, whose session it is: remove it", p.Value.Text, role)
		}
	}
}

var (
	sourceKeys = []string{"aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgID", "aws:SourceOrgPaths"}

	// principalKeys are the keys that requests of AWS services do not carry,
	// which are no IAM identities ("AWS global condition context keys").
	principalKeys = []string{"aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalArn", "aws:PrincipalAccount", "aws:username", "aws:userid", "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge"}
)

// servicePrincipals looks for AWS services that anybody could make act.
func (v *validator) servicePrincipals(s *policy.Statement) {
	if v.kind != Bucket || s.Principal == nil || s.Effect != policy.Allow {
		return
	}
	i := slices.IndexFunc(s.Principal.List, func(p policy.Principal) bool { return p.Type == policy.Service })
	if i < 0 {
		return
	}
	service := s.Principal.List[i].Value
	only := !slices.ContainsFunc(s.Principal.List, func(p policy.Principal) bool { return p.Type != policy.Service })
	conditions(s, func(_ *policy.Operator, op condition.Operator, key *policy.Key) {
		known := slices.ContainsFunc(principalKeys, func(k string) bool { return arn.EqualFold(k, key.Name.Text) }) ||
			strings.HasPrefix(strings.ToLower(key.Name.Text), "aws:principaltag/")
		if only && known && !op.IfExists && op.Name != "Null" {
			v.report(unsupportedServicePrincipalKey, key.Name.Position, key.Name.Text, "requests of %s do not carry %s, which is of IAM identities: use aws:SourceArn or aws:SourceAccount", service.Text, key.Name.Text)
		}
	})
	if slices.ContainsFunc(sourceKeys, func(k string) bool { return hasKey(s, k) }) {
		return
	}
	for _, k := range []string{"aws:Referer", "aws:SourceOwner"} {
		if hasKey(s, k) {
			v.report(recommendedServiceKey, service.Position, service.Text, "hold %s to its source with aws:SourceArn, aws:SourceAccount, aws:SourceOrgID or aws:SourceOrgPaths instead of %s", service.Text, k)
			return
		}
	}
	v.report(restrictServicePrincipal, service.Position, service.Text, "everybody can make %s act on the bucket: hold it to your own with a condition on aws:SourceArn, aws:SourceAccount, aws:SourceOrgID or aws:SourceOrgPaths", service.Text)
}
