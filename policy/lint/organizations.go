package lint

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
)

// controlled are the services to whose resources resource control policies
// apply ("Resource control policies (RCPs)").
var controlled = []string{
	"s3", "sts", "kms", "sqs", "secretsmanager", "cognito-identity", "cognito-idp", "cognito-sync", "logs", "dynamodb", "appconfig", "appstream",
	"autoscaling", "codebuild", "codecommit", "comprehend", "comprehendmedical", "dax", "ecr", "health", "kinesisvideo", "aoss",
	"signin", "support", "textract", "transcribe", "translate",
}

// organizations looks at what only policies of AWS Organizations cannot have
// ("RCP syntax").
func (v *validator) organizations(s *policy.Statement) {
	if v.kind != ResourceControl {
		return
	}
	if s.NotAction != nil {
		v.report(rcpNotAction, s.NotAction.Position, "NotAction", "a resource control policy has no NotAction: list with Action what is denied")
	}
	if s.Effect == policy.Allow {
		everywhere := s.Resource != nil && slices.ContainsFunc(s.Resource.List, func(r policy.Value) bool { return r.Text == "*" })
		if !everywhere || len(s.Condition) > 0 {
			v.report(rcpAllow, s.EffectPosition, "Allow", "a resource control policy limits and does not grant: an Allow is for every principal on \"*\" without conditions. Write a Deny")
		}
	}
	if s.Action != nil && s.Effect == policy.Deny {
		for _, a := range s.Action.List {
			vendor, _, ok := strings.Cut(a.Text, ":")
			if a.Text == "*" || ok && (hasStar(vendor) || !slices.Contains(controlled, strings.ToLower(vendor))) {
				v.report(rcpAction, a.Position, a.Text, "%q is not of one service that resource control policies apply to: write one such as s3:* or sts:AssumeRole", a.Text)
			}
		}
	}
	v.relatedKeys(s)
}

var principalIdentityKeys = []string{"aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalAccount", "aws:PrincipalArn"}

// relatedKeys looks for a Deny that hits AWS services where principals are
// meant, or the other way round.
func (v *validator) relatedKeys(s *policy.Statement) {
	if s.Effect != policy.Deny {
		return
	}
	of, source := policy.Value{}, policy.Value{}
	isService, isPrincipal, present := false, false, false
	conditions(s, func(op *policy.Operator, parsed condition.Operator, key *policy.Key) {
		name := key.Name.Text
		is := func(k string) bool { return arn.EqualFold(k, name) }
		switch {
		case parsed.Name == "Null":
			present = present || (is("aws:SourceAccount") || is("aws:SourceArn")) && hasValue(key, "false")
		case slices.ContainsFunc(principalIdentityKeys, is) && !of.IsPresent():
			of = key.Name
		case slices.ContainsFunc(sourceKeys, is) && !source.IsPresent():
			source = key.Name
		case is("aws:PrincipalIsAWSService") && parsed.Name == "Bool":
			isService, isPrincipal = isService || hasValue(key, "true"), isPrincipal || hasValue(key, "false")
		}
	})
	if of.IsPresent() && !isPrincipal {
		v.report(rcpPrincipalKey, of.Position, of.Text, "a Deny on %s hits AWS services as well, which have no such key: add \"BoolIfExists\": {\"aws:PrincipalIsAWSService\": \"false\"}", of.Text)
	}
	if source.IsPresent() && !isService {
		v.report(rcpServiceKey, source.Position, source.Text, "a Deny on %s hits users and roles as well, which have no such key: add \"Bool\": {\"aws:PrincipalIsAWSService\": \"true\"}", source.Text)
	}
	if source.IsPresent() && !present {
		v.report(rcpNullCheck, source.Position, source.Text, "not every service sends %s, and the Deny hits those that do not: add \"Null\": {\"aws:SourceAccount\": \"false\"}", source.Text)
	}
}

func hasValue(key *policy.Key, text string) bool {
	return slices.ContainsFunc(key.Values.List, func(v policy.Value) bool { return strings.EqualFold(v.Text, text) })
}
