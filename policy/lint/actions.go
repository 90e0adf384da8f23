package lint

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/eval"
)

// judged are the services all of whose actions package facts has.
var judged = []string{"s3", "iam", "sts", "kms", "access-analyzer"}

// noServices are prefixes that people write for services of other names.
var noServices = map[string]string{
	"aws": "", "s3api": "s3", "s3control": "s3", "amazons3": "s3", "aws-s3": "s3", "awss3": "s3", "amazon-s3": "s3",
	"awsiam": "iam", "aws-iam": "iam", "awssts": "sts", "aws-sts": "sts", "awskms": "kms", "aws-kms": "kms",
}

// actions looks at a statement's actions.
func (v *validator) actions(s *policy.Statement) {
	element := either(s.Action, s.NotAction)
	if element == nil {
		return
	}
	for _, a := range element.List {
		v.action(s, a)
	}
	patterns := make([]*arn.Wildcard, len(element.List))
	v.redundant(element, redundantAction, texts(element.List, true), func(i int, other string) bool {
		if patterns[i] == nil {
			w, err := arn.CompileWildcard(element.List[i].Text, arn.Wildcards|arn.FoldCase)
			if err != nil {
				return false
			}
			patterns[i] = &w
		}
		return patterns[i].Match(other, nil)
	})
}

func (v *validator) action(s *policy.Statement, a policy.Value) {
	if strings.Contains(a.Text, "${") {
		v.report(variableInElement, a.Position, a.Text, "%q has a policy variable, and there are none in actions: write the action out", a.Text)
		return
	}
	vendor, name, _ := strings.Cut(a.Text, ":")
	service := strings.ToLower(vendor)
	if a.Text != "*" && hasStar(vendor) && name != "" {
		v.report(wildcardInServiceName, a.Position, a.Text, "the service of %q is a pattern, which takes in every service whose name fits, now and later: write the service out", a.Text)
		return
	}
	switch code, why := eval.CheckAction(a.Text); code {
	case "":
	case eval.InvalidVendor:
		v.report(invalidServiceInAction, a.Position, a.Text, "%q is no service: %s", vendor, why)
		return
	default:
		v.report(InvalidAction, a.Position, a.Text, "%q is no action: %s, such as s3:GetObject", a.Text, why)
		return
	}
	instead, wrong := noServices[service]
	switch {
	case a.Text == "*":
	case wrong:
		v.report(invalidServiceInAction, a.Position, a.Text, "there is no service %q%s", vendor, didYouMean(instead))
	case v.kind == Bucket && service != "s3":
		v.report(unsupportedActionPolicy, a.Position, a.Text, "a bucket policy is about actions of S3, and %q is none: it belongs into an identity's policy, or into that of the resource it is about", a.Text)
	case v.kind == Trust && service != "sts":
		v.report(unsupportedActionPolicy, a.Position, a.Text, "a trust policy is about assuming the role, and %q is not: write sts:AssumeRole, sts:AssumeRoleWithSAML or sts:AssumeRoleWithWebIdentity", a.Text)
	case slices.Contains(judged, service) && len(v.actionsOfPattern(a.Text)) == 0:
		v.report(InvalidAction, a.Position, a.Text, "%s has no action %q%s", service, name, v.actionInstead(service, name))
	}
}

func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return ": did you mean " + name + "?"
}

// actionsOfPattern returns the actions that a pattern takes in.
func (v *validator) actionsOfPattern(pattern string) []*facts.Action {
	if all, ok := v.actionsOf[pattern]; ok {
		return all
	}
	var found []*facts.Action
	if !hasStar(pattern) {
		if a, ok := facts.LookupAction(pattern); ok {
			found = []*facts.Action{a}
		}
	} else if w, err := arn.CompileWildcard(pattern, arn.Wildcards|arn.FoldCase); err == nil {
		all := facts.Actions()
		for i := range all {
			if w.Match(all[i].Name, nil) {
				found = append(found, &all[i])
			}
		}
	}
	v.actionsOf[pattern] = found
	return found
}

// actionInstead returns what someone may have meant by an action that there is
// not, for the end of a message: the actions that the operation of this name
// needs, or the action that is written most alike.
func (v *validator) actionInstead(service, name string) string {
	if len(v.findings) >= MaxFindings || len(name) > 64 {
		return ""
	}
	name = arn.ToLower(name)
	if text, ok := v.instead[service+":"+name]; ok {
		return text
	}
	text := didYouMean(nearestAction(service, name))
	if needs := operationNeeds(service, name); len(needs) > 0 {
		text = ": the operation of this name needs " + listed(needs)
	}
	v.instead[service+":"+name] = text
	return text
}

// operationNeeds returns the actions that an operation always needs.
func operationNeeds(service, name string) []string {
	var needs []string
	operations := facts.Operations()
	for i := range operations {
		o := &operations[i]
		if o.Service != service || !arn.EqualFold(o.Name, name) {
			continue
		}
		for _, c := range o.Checks {
			if c.Required && c.Action != "" && !slices.Contains(needs, c.Action) {
				needs = append(needs, c.Action)
			}
		}
	}
	return needs
}

func nearestAction(service, name string) string {
	best, least := "", max(2, len(name)/4)+1
	actions := facts.Actions()
	for i := range actions {
		of, other, _ := strings.Cut(actions[i].Name, ":")
		if of != service {
			continue
		}
		if n := distance(name, arn.ToLower(other)); n < least {
			best, least = actions[i].Name, n
		}
	}
	return best
}

// distance returns how many characters must be changed, added or removed to
// turn a into b, or only how many more one of them has.
func distance(a, b string) int {
	if n := len(a) - len(b); n > 8 || n < -8 {
		return max(n, -n)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// literals returns the actions that a statement names without wildcards and that
// package facts has.
func (v *validator) literals(s *policy.Statement) []*facts.Action {
	var found []*facts.Action
	if s.Action == nil {
		return nil
	}
	for _, a := range s.Action.List {
		if !hasStar(a.Text) {
			found = append(found, v.actionsOfPattern(a.Text)...)
		}
	}
	return found
}

// allows reports whether a statement's Action or NotAction takes in an action,
// and whether it is named without wildcards.
func allows(s *policy.Statement, action string) (taken, literal bool) {
	element := either(s.Action, s.NotAction)
	if element == nil {
		return false, false
	}
	matched := false
	for _, a := range element.List {
		if strings.EqualFold(a.Text, action) {
			matched, literal = true, true
			continue
		}
		if w, err := arn.CompileWildcard(a.Text, arn.Wildcards|arn.FoldCase); err == nil && hasStar(a.Text) && w.Match(action, nil) {
			matched = true
		}
	}
	if s.NotAction != nil {
		return !matched, false
	}
	return matched, literal
}

// spread is how far a statement that allows a sensitive action spreads.
type spread struct{ notResource, starActionNotResource, notActionNotResource, star, starAction, starNotAction policy.Code }

var (
	passRoleSpread = spread{
		passRoleNotResource, passRoleStarActionNotResource, passRoleNotActionNotResource,
		passRoleStarResource, passRoleStarActionResource, passRoleStarResourceNotAction,
	}
	createSLRSpread = spread{
		createSLRNotResource, createSLRStarActionNotResource, createSLRNotActionNotResource,
		createSLRStarResource, createSLRStarActionResource, createSLRStarResourceNotAction,
	}
)

// passRole looks for statements that let pass any role to a service, or make
// service-linked roles for any service.
func (v *validator) passRole(s *policy.Statement) {
	if s.Effect != policy.Allow || v.kind != Identity && v.kind != PermissionsBoundary && v.kind != Session {
		return
	}
	v.sensitive(s, "iam:PassRole", "iam:PassedToService", "role/a-role-of-another-name", &passRoleSpread)
	v.sensitive(s, "iam:CreateServiceLinkedRole", "iam:AWSServiceName", "role/aws-service-role/any.amazonaws.com/AWSServiceRoleForAny", &createSLRSpread)
}

func (v *validator) sensitive(s *policy.Statement, action, key, any string, codes *spread) {
	taken, literal := allows(s, action)
	element := either(s.Resource, s.NotResource)
	if !taken || element == nil || len(element.List) == 0 || hasKey(s, key) {
		return
	}
	code := policy.Code("")
	star := s.Resource != nil && slices.ContainsFunc(s.Resource.List, func(r policy.Value) bool { return v.takesRole(r, any) })
	switch {
	case s.NotResource != nil && s.NotAction != nil:
		code = codes.notActionNotResource
	case s.NotResource != nil && literal:
		code = codes.notResource
	case s.NotResource != nil:
		code = codes.starActionNotResource
	case !star:
		return
	case s.NotAction != nil:
		code = codes.starNotAction
	case literal:
		code = codes.star
	default:
		code = codes.starAction
	}
	by, on := v.allowing(s, action), policy.Value{Text: "all but NotResource", Position: v.valueOf(element.Position)}
	if s.Resource != nil {
		i := slices.IndexFunc(s.Resource.List, func(r policy.Value) bool { return v.takesRole(r, any) })
		on = s.Resource.List[i]
	}
	f := v.report(code, by.Position, by.Text, "%s on %s allows %s for roles that are not named: name the roles in Resource, or add a condition on %s", by.Text, on.Text, action, key)
	f.Also = []policy.Position{on.Position}
}

// allowing returns the action that allows another, one without wildcards if
// there is one, or what stands for all that NotAction leaves.
func (v *validator) allowing(s *policy.Statement, action string) policy.Value {
	if s.Action == nil {
		return policy.Value{Text: "all but NotAction", Position: v.valueOf(s.NotAction.Position)}
	}
	by := policy.Value{}
	for _, a := range s.Action.List {
		if strings.EqualFold(a.Text, action) {
			return a
		}
		if w, err := arn.CompileWildcard(a.Text, arn.Wildcards|arn.FoldCase); err == nil && !by.IsPresent() && w.Match(action, nil) {
			by = a
		}
	}
	return by
}

// takesRole reports whether a resource takes in a role.
func (v *validator) takesRole(r policy.Value, role string) bool {
	p, err := arn.CompilePattern(r.Text, v.syntax())
	if err != nil {
		return false
	}
	if p.MatchesAll() {
		return true
	}
	service, err := arn.CompileWildcard(p.Field(2), arn.Wildcards)
	return err == nil && service.Match("iam", nil) && p.Resource().Match(role, nil)
}

// hasKey reports whether a statement has a condition on a key.
func hasKey(s *policy.Statement, name string) bool {
	for i := range s.Condition {
		for j := range s.Condition[i].Keys {
			if arn.EqualFold(s.Condition[i].Keys[j].Name.Text, name) {
				return true
			}
		}
	}
	return false
}
