package lint

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
)

// provider is what kind of identity provider a Federated principal is.
type provider uint8

const (
	noProvider provider = iota
	samlProvider
	oidcProvider
)

// parseProvider reads a Federated principal. name is the provider's name, with
// which the condition keys of its tokens begin.
func parseProvider(s string) (kind provider, name string) {
	if a, err := arn.Parse(s); err == nil && a.Service == "iam" {
		if name, ok := strings.CutPrefix(a.Resource, "saml-provider/"); ok && name != "" {
			return samlProvider, name
		}
		if name, ok := strings.CutPrefix(a.Resource, "oidc-provider/"); ok && name != "" {
			return oidcProvider, name
		}
		return noProvider, ""
	}
	if !strings.Contains(s, ".") || strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789-./_") != "" || strings.HasPrefix(s, ".") {
		return noProvider, ""
	}
	return oidcProvider, s
}

const gitHub = "token.actions.githubusercontent.com"

// federation looks at the identity providers that a trust policy names.
func (v *validator) federation(s *policy.Statement) {
	if v.kind != Trust || s.Principal == nil {
		return
	}
	issuers := issuersOf(s)
	var kinds []provider // of every principal, noProvider for those that are not Federated
	for _, p := range s.Principal.List {
		kind, name := noProvider, ""
		if p.Type == policy.Federated && !hasStar(p.Value.Text) {
			if kind, name = parseProvider(p.Value.Text); kind == noProvider {
				v.report(invalidFederatedSyntax, p.Value.Position, p.Value.Text, "%q is no identity provider: write the domain of one, or the ARN of a saml-provider or oidc-provider", p.Value.Text)
				return
			}
		}
		kinds = append(kinds, kind)
		if kind == oidcProvider && s.Effect == policy.Allow {
			v.oidc(s, p.Value, name, issuers)
		}
	}
	v.mismatchedActions(s, kinds)
	v.audience(s)
}

// issuersOf returns what the condition keys of a statement begin with, in small
// letters.
func issuersOf(s *policy.Statement) map[string]bool {
	issuers := map[string]bool{}
	for i := range s.Condition {
		for j := range s.Condition[i].Keys {
			name := strings.ToLower(s.Condition[i].Keys[j].Name.Text)
			issuers[name[:max(0, strings.LastIndexByte(name, ':'))]] = true
		}
	}
	return issuers
}

// oidc looks for the condition that holds a web identity to those that are
// meant.
func (v *validator) oidc(s *policy.Statement, at policy.Value, name string, issuers map[string]bool) {
	switch {
	case strings.EqualFold(name, gitHub) && !hasKey(s, gitHub+":sub"):
		v.report(missingGitHubKey, at.Position, at.Text, "every repository of GitHub can assume the role: add a condition on %s:sub with the repository and branch that may, such as repo:company/app:ref:refs/heads/main", gitHub)
	case !issuers[strings.ToLower(name)]:
		v.report(missingOIDCKey, at.Position, at.Text, "everybody whom %s knows can assume the role: add conditions on %s:aud and %s:sub", name, name, name)
	}
}

// mismatchedActions looks for actions that the principals cannot use.
func (v *validator) mismatchedActions(s *policy.Statement, kinds []provider) {
	if s.Action == nil || len(kinds) == 0 {
		return
	}
	for _, a := range s.Action.List {
		want, instead := noProvider, "sts:AssumeRoleWithSAML for a SAML provider, or sts:AssumeRoleWithWebIdentity for an OpenID Connect provider"
		switch {
		case strings.EqualFold(a.Text, "sts:AssumeRole"):
		case strings.EqualFold(a.Text, "sts:AssumeRoleWithSAML"):
			want, instead = samlProvider, "it with a SAML provider as the Federated principal"
		case strings.EqualFold(a.Text, "sts:AssumeRoleWithWebIdentity"):
			want, instead = oidcProvider, "it with an OpenID Connect provider as the Federated principal"
		default:
			continue
		}
		if i := slices.IndexFunc(kinds, func(k provider) bool { return k != want }); i >= 0 && !slices.Contains(kinds, want) {
			f := v.report(mismatchedAction, a.Position, a.Text, "%q cannot use %s: use %s", s.Principal.List[i].Value.Text, a.Text, instead)
			f.Also = []policy.Position{s.Principal.List[i].Value.Position}
		}
	}
}

// audience looks at the conditions on claims of tokens.
func (v *validator) audience(s *policy.Statement) {
	conditions(s, func(op *policy.Operator, parsed condition.Operator, key *policy.Key) {
		issuer, claim, _ := strings.Cut(key.Name.Text, ":")
		if !strings.Contains(issuer, ".") {
			return
		}
		switch {
		case claim == "aud" && parsed.Qualifier == condition.ForAnyValue:
			v.report(forAnyValueAudience, op.Name.Position, key.Name.Text, "a token has one %s: remove ForAnyValue:, which asks for less than all", key.Name.Text)
		case claim == "aud" && parsed.Qualifier == condition.ForAllValues:
			v.report(confirmAudience, op.Name.Position, key.Name.Text, "a token has one %s, unless its issuer says otherwise: remove ForAllValues:, which holds for a token without the claim too", key.Name.Text)
		case claim == "sub" && strings.EqualFold(issuer, gitHub) && strings.HasSuffix(parsed.Name, "Like"):
			for _, value := range key.Values.List {
				if hasStar(value.Text) {
					v.report(specificGitHub, value.Position, value.Text, "%q takes in more than one branch or repository: write the repository and branch out, such as repo:company/app:ref:refs/heads/main", value.Text)
				}
			}
		}
	})
}

var rolesAnywhereNeeds = []string{"sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"}

// rolesAnywhere looks for a trust policy that lets IAM Roles Anywhere in and
// does not allow it all that it needs.
func (v *validator) rolesAnywhere() {
	if v.kind != Trust {
		return
	}
	at, statement := policy.Value{}, -1
	missing := slices.Clone(rolesAnywhereNeeds)
	for i := range v.doc.Statements {
		s := &v.doc.Statements[i]
		if s.Effect != policy.Allow || s.Principal == nil {
			continue
		}
		for _, p := range s.Principal.List {
			if p.Type != policy.Service || p.Value.Text != "rolesanywhere.amazonaws.com" {
				continue
			}
			if statement < 0 {
				at, statement = p.Value, i
			}
			missing = slices.DeleteFunc(missing, func(a string) bool { taken, _ := allows(s, a); return taken })
			break
		}
	}
	if statement >= 0 && len(missing) > 0 {
		v.statement = statement
		v.report(rolesAnywhereActions, at.Position, at.Text, "%s needs %s too: add to the statement's Action", at.Text, strings.Join(missing, " and "))
		v.statement = -1
	}
}
