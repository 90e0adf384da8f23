package lint

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
)

// keyActions looks for condition keys that requests for the statement's actions
// do not carry.
func (v *validator) keyActions(s *policy.Statement) {
	actions := v.literals(s)
	seen := map[string]bool{}
	conditions(s, func(op *policy.Operator, parsed condition.Operator, key *policy.Key) {
		fact, ok := facts.LookupKey(key.Name.Text)
		if !ok || seen[fact.Name] {
			return
		}
		seen[fact.Name] = true
		v.missingAction(s, key.Name, fact)
		v.perimeterKey(s, key.Name, fact)
		if parsed.IfExists || parsed.Name == "Null" {
			return // says itself that the key may be absent
		}
		switch fact.Name {
		case "aws:ResourceTag/", "aws:RequestTag/", "aws:TagKeys":
			v.tagKey(s, actions, key.Name, fact)
			return
		}
		if !fact.Global {
			v.unsupported(s, actions, key, fact, parsed)
		}
	})
}

// carries reports whether requests for an action can carry a key: the action's
// own, or one of a resource that it is about.
func carries(a *facts.Action, key string) bool {
	if a.HasKey(key) {
		return true
	}
	service, _, _ := strings.Cut(a.Name, ":")
	resources := facts.Resources()
	for i := range resources {
		r := &resources[i]
		if r.Service == service && a.HasResource(r.Type) && slices.Contains(r.Keys, key) {
			return true
		}
	}
	return false
}

// without returns the names of the actions whose requests do not carry a key.
func without(actions []*facts.Action, key string) []string {
	var names []string
	for _, a := range actions {
		if !carries(a, key) && !slices.Contains(names, a.Name) {
			names = append(names, a.Name)
		}
	}
	return names
}

func (v *validator) unsupported(s *policy.Statement, actions []*facts.Action, key *policy.Key, fact *facts.Key, op condition.Operator) {
	names := without(actions, fact.Name)
	if len(names) == 0 {
		return
	}
	outcome := "never holds for them"
	if op.IsNegated() || op.Qualifier == condition.ForAllValues {
		outcome = "always holds for them"
	}
	var at []policy.Position
	for _, a := range s.Action.List {
		if slices.ContainsFunc(names, func(n string) bool { return arn.EqualFold(n, a.Text) }) {
			at = append(at, a.Position)
		}
	}
	name := key.Name
	f := v.report(unsupportedActionKey, at[0], names[0], "requests for %s do not carry %s, so the condition %s: put them into a statement without it", listed(names), name.Text, outcome)
	f.Also = append(at[1:], v.valueOf(name.Position))
	v.alias(f, name.Position)
}

// listed writes a few names of a list.
func listed(names []string) string {
	const few = 5
	if len(names) > few {
		return strings.Join(names[:few], ", ") + " and others"
	}
	if n := len(names) - 1; n > 0 {
		return strings.Join(names[:n], ", ") + " and " + names[n]
	}
	return names[0]
}

// tagKey looks for actions that tags say nothing about.
func (v *validator) tagKey(s *policy.Statement, actions []*facts.Action, name policy.Value, fact *facts.Key) {
	if s.NotAction != nil {
		if s.Effect == policy.Deny {
			v.report(denyNotActionTagKey, name.Position, name.Text, "many of the actions that NotAction leaves do not carry %s, and are not denied: list with Action those that do", name.Text)
		} else {
			v.report(allowNotActionTagKey, name.Position, name.Text, "many of the actions that NotAction leaves do not carry %s, and are not allowed: list with Action those that do", name.Text)
		}
		return
	}
	if s.Action == nil {
		return
	}
	names := without(actions, fact.Name)
	for _, a := range s.Action.List {
		vendor, _, _ := strings.Cut(strings.ToLower(a.Text), ":")
		if all := v.actionsOfPattern(a.Text); hasStar(a.Text) && slices.Contains(judged, vendor) && len(all) > 0 && len(without(all, fact.Name)) == len(all) {
			names = append(names, a.Text)
		}
	}
	switch {
	case len(names) == 0:
	case s.Effect == policy.Deny:
		v.report(denyTagKey, name.Position, name.Text, "requests for %s do not carry %s, so the statement does not deny them: deny them in another way, such as by the names of resources", listed(names), name.Text)
	default:
		v.report(allowTagKey, name.Position, name.Text, "requests for %s do not carry %s, so the statement does not allow them: put them into a statement without this condition", listed(names), name.Text)
	}
}

// missingAction looks for keys of sessions that only another action can set.
func (v *validator) missingAction(s *policy.Statement, name policy.Value, fact *facts.Key) {
	needs := ""
	switch fact.Name {
	case "sts:SourceIdentity":
		needs = "sts:SetSourceIdentity"
	case "sts:TransitiveTagKeys", "aws:RequestTag/", "aws:TagKeys":
		needs = "sts:TagSession"
	}
	if needs == "" || s.Effect != policy.Allow || s.Action == nil {
		return
	}
	assumes := slices.ContainsFunc(s.Action.List, func(a policy.Value) bool { return strings.HasPrefix(strings.ToLower(a.Text), "sts:assumerole") })
	if taken, _ := allows(s, needs); assumes && !taken {
		v.report(missingActionKey, name.Position, name.Text, "only %s lets a request set %s: add it to the statement's Action", needs, name.Text)
	}
}

// perimeter are the services whose requests carry the keys of VPC endpoints
// ("AWS global condition context keys").
var perimeter = []string{
	"apprunner", "discovery", "athena", "servicediscovery", "applicationinsights", "cloudformation", "comprehendmedical", "compute-optimizer",
	"ecr", "ecs", "kinesisanalytics", "route53", "datasync", "dynamodb", "ebs", "scheduler", "firehose", "gamelift", "medical-imaging", "healthlake",
	"omics", "iam", "iotfleetwise", "iotwireless", "kms", "lambda", "payment-cryptography", "polly", "acm-pca", "rbin", "rekognition",
	"servicequotas", "s3", "shield", "storagegateway", "ssm-contacts", "textract", "transcribe", "transfer",
}

// perimeterKey looks for keys of VPC endpoints where requests do not carry them.
func (v *validator) perimeterKey(s *policy.Statement, name policy.Value, fact *facts.Key) {
	if fact.Name != "aws:VpceAccount" && fact.Name != "aws:VpceOrgID" && fact.Name != "aws:VpceOrgPaths" {
		return
	}
	element := either(s.Action, s.NotAction)
	if element == nil {
		return
	}
	for _, a := range element.List {
		vendor, _, _ := strings.Cut(strings.ToLower(a.Text), ":")
		if s.NotAction != nil || hasStar(vendor) || !slices.Contains(perimeter, vendor) || arn.EqualFold(a.Text, "iam:PassRole") {
			v.report(supportedServices, name.Position, name.Text, "requests for %q need not carry %s, which not every service has: name actions of those that do, such as s3:*", a.Text, name.Text)
			return
		}
	}
}
