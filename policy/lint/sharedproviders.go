package lint

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
)

// sharedProviders are the OpenID Connect providers that have one URL for all
// their customers, with the condition key that tells these apart. IAM takes no
// trust policy that does not look at it ("Identity-provider controls for shared
// OIDC providers", IAM User Guide).
var sharedProviders = map[string]string{
	"cognito-identity.amazonaws.com":                         "cognito-identity.amazonaws.com:aud",
	"sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d":   "sts:RoleSessionName",
	"agent.buildkite.com":                                    "agent.buildkite.com:sub",
	"oidc.codefresh.io":                                      "oidc.codefresh.io:sub",
	"studio.datachain.ai/api":                                "studio.datachain.ai/api:sub",
	"token.actions.githubusercontent.com":                    "token.actions.githubusercontent.com:sub",
	"oidc-configuration.audit-log.githubusercontent.com":     "oidc-configuration.audit-log.githubusercontent.com:sub",
	"vstoken.actions.githubusercontent.com":                  "vstoken.actions.githubusercontent.com:sub",
	"gitlab.com":                                             "gitlab.com:sub",
	turbonomicS3 + "22ejnvnnturfmt6km08idd0nt4hekbn7":        turbonomicS3 + "22ejnvnnturfmt6km08idd0nt4hekbn7:sub",
	turbonomicS3 + "23e3sd27sju1hoou6ohfs68vbno607tr":        turbonomicS3 + "23e3sd27sju1hoou6ohfs68vbno607tr:sub",
	turbonomicS3 + "23ne21h005qjl3n33d8dui5dlrmv2tmg":        turbonomicS3 + "23ne21h005qjl3n33d8dui5dlrmv2tmg:sub",
	turbonomicS3 + "24jrf12m5dj7ljlfb4ta2frhrcoadm26":        turbonomicS3 + "24jrf12m5dj7ljlfb4ta2frhrcoadm26:sub",
	turbonomicOpenShift + "2f785sojlpb85i7402pk3qogugim5nfb": turbonomicOpenShift + "2f785sojlpb85i7402pk3qogugim5nfb:sub",
	turbonomicOpenShift + "2c51blsaqa9gkjt0o9rt11mle8mmropu": turbonomicOpenShift + "2c51blsaqa9gkjt0o9rt11mle8mmropu:sub",
	"api.pulumi.com/oidc":                                    "api.pulumi.com/oidc:aud",
	"sandboxes.cloud":                                        "sandboxes.cloud:aud",
	"scalr.io":                                               "scalr.io:sub",
	"tokens.cloud.shisho.dev":                                "tokens.cloud.shisho.dev:sub",
	"app.terraform.io":                                       "app.terraform.io:sub",
	"proidc.upbound.io":                                      "proidc.upbound.io:sub",
	"oidc.vercel.com":                                        "oidc.vercel.com:aud",
}

const (
	turbonomicS3        = "rh-oidc.s3.us-east-1.amazonaws.com/"
	turbonomicOpenShift = "oidc.op1.openshiftapps.com/"
)

// sharedProvider reports the providers whom a statement trusts without a look at
// which of their customers it is.
func (c *checker) sharedProvider(s *policy.Statement) {
	if s.Effect != policy.Allow || s.Principal == nil || !letsWebIdentitiesIn(s) {
		return
	}
	for _, p := range s.Principal.List {
		if p.Type != policy.Federated {
			continue
		}
		kind, name := parseProvider(p.Value.Text)
		key := sharedProviders[strings.ToLower(name)]
		if kind == oidcProvider && key != "" && !hasKey(s, key) {
			c.report(SharedProvider, p.Value.Position, key, name+" vouches for the users of all its customers: a role that trusts it must have a condition on "+key)
		}
	}
}

// letsWebIdentitiesIn reports whether a statement is about assuming the role with
// a token, and not just about what such a session may have.
func letsWebIdentitiesIn(s *policy.Statement) bool {
	if s.Action == nil {
		return true
	}
	return slices.ContainsFunc(s.Action.List, func(v policy.Value) bool {
		w, err := arn.CompileWildcard(v.Text, arn.Wildcards|arn.FoldCase)
		return err == nil && w.Match("sts:AssumeRoleWithWebIdentity", nil)
	})
}
