package lint

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// identityPolicy checks what CreatePolicy and PutUserPolicy and their kin
// refuse, in IAM's order: the grammar first, then values, then statements.
// IAM asks neither that an action exists nor that it fits a resource.
func (c *checker) identityPolicy() {
	if c.kind != ResourceControl {
		c.each(func(s *policy.Statement) {
			for _, p := range []*policy.Principals{s.Principal, s.NotPrincipal} {
				if p != nil {
					c.report(eval.UnexpectedPrincipal, p.Position, p.Name, "the policy is for the identity that it is attached to: it has no "+p.Name)
				}
			}
		})
	}
	c.operators()
	c.version()
	c.values()
	c.each(c.resourceForms)
	c.sids()
	c.each(c.hasActions)
	c.each(func(s *policy.Statement) {
		if isEmpty(either(s.Resource, s.NotResource)) {
			c.report(eval.MissingResource, s.Position, "", "the statement has no Resource")
		}
	})
	c.each(c.resourceVendors)
	c.each(c.actionForms)
}

// trustPolicy checks what CreateRole and UpdateAssumeRolePolicy refuse.
func (c *checker) trustPolicy() {
	c.operators()
	c.each(func(s *policy.Statement) {
		if r := either(s.Resource, s.NotResource); r != nil {
			c.report(eval.UnexpectedResource, r.Position, r.Name, "the policy is for the role that it is attached to: it has no "+r.Name)
		}
		if s.NotPrincipal != nil {
			c.report(UnsupportedTrustField, s.NotPrincipal.Position, "NotPrincipal", "a trust policy names whom it trusts")
			return
		}
		c.principals(s)
	})
	c.values()
	c.sids()
	c.each(c.hasActions)
	c.each(c.actionForms)
	c.each(c.trustActions)
	c.each(c.sharedProvider)
}

func (c *checker) operators() {
	c.each(func(s *policy.Statement) {
		for i := range s.Condition {
			name := s.Condition[i].Name
			if _, ok := condition.ParseOperator(name.Text); !ok {
				c.report(eval.InvalidOperator, name.Position, name.Text, "there is no condition operator "+name.Text)
			}
		}
	})
}

func (c *checker) version() {
	if c.opts.Managed && c.doc.Version.Text != policy.Version2012 {
		at := c.doc.Version.Position
		if !at.IsValid() {
			at = policy.Position{Line: 1, Column: 1}
		}
		c.report(VersionTooOld, at, c.doc.Version.Text, "a managed policy has \"Version\": \"2012-10-17\"")
	}
}

func (c *checker) values() {
	c.each(func(s *policy.Statement) {
		for i := range s.Condition {
			if _, ok := condition.ParseOperator(s.Condition[i].Name.Text); !ok {
				continue
			}
			for j := range s.Condition[i].Keys {
				c.conditionValues(&s.Condition[i], &s.Condition[i].Keys[j])
			}
		}
	})
}

func (c *checker) sids() {
	seen := map[string]bool{}
	c.each(func(s *policy.Statement) {
		sid := s.Sid.Text
		if sid == "" {
			return
		}
		if seen[sid] {
			c.report(DuplicateSid, s.Sid.Position, sid, "another statement has the Sid "+sid)
		}
		seen[sid] = true
		if strings.ContainsFunc(sid, func(r rune) bool { return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') }) {
			c.report(InvalidSid, s.Sid.Position, sid, "a Sid holds letters and digits only")
		}
	})
}

func (c *checker) hasActions(s *policy.Statement) {
	if isEmpty(either(s.Action, s.NotAction)) {
		c.report(eval.MissingAction, s.Position, "", "the statement has no Action")
	}
}

func (c *checker) actionForms(s *policy.Statement) {
	if element := either(s.Action, s.NotAction); element != nil {
		for _, v := range element.List {
			if code, why := eval.CheckAction(v.Text); code != "" {
				c.report(code, v.Position, v.Text, why)
			}
		}
	}
}

// resourceForms reports the resources that IAM's older parser fails on: an ARN
// with fewer than six fields.
func (c *checker) resourceForms(s *policy.Statement) {
	element := either(s.Resource, s.NotResource)
	if element == nil {
		return
	}
	for _, v := range element.List {
		if v.Text == "*" || resourceVendor(v.Text).code != "" {
			continue
		}
		var syntax arn.Syntax
		if c.doc.HasVariables() {
			syntax = arn.Variables
		}
		p, err := arn.CompilePattern(v.Text, syntax)
		switch {
		case err != nil:
			c.report(eval.InvalidResource, v.Position, v.Text, err.Error())
		case p.FieldVariables():
			c.report(eval.VariablePlacement, v.Position, v.Text, "policy variables stand after the fifth colon of an ARN")
		}
	}
}

func (c *checker) resourceVendors(s *policy.Statement) {
	if element := either(s.Resource, s.NotResource); element != nil {
		for _, v := range element.List {
			if p := resourceVendor(v.Text); p.code != "" {
				c.report(p.code, v.Position, p.value, p.message)
			}
		}
	}
}

type resourceProblem struct {
	code           policy.Code
	value, message string
}

// iamPaths are what the resource of an IAM ARN begins with.
var iamPaths = []string{
	"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/",
	"sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/",
}

var partitions = []string{"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"}

// resourceVendor checks the first fields of a resource.
func resourceVendor(text string) resourceProblem {
	if strings.Trim(text, "*") == "" && text != "" {
		return resourceProblem{}
	}
	fields := strings.SplitN(text, ":", 6)
	switch {
	case len(fields) < 2 || fields[0] != "arn":
		return resourceProblem{ResourceNotARN, text, "a resource is an ARN or \"*\""}
	case !slices.Contains(partitions, fields[1]) && !(fields[1] == "*" && len(fields) == 6):
		return resourceProblem{InvalidPartition, text, "there is no partition " + fields[1]}
	case len(fields) < 3 || strings.ContainsAny(fields[2], "*?") && len(fields) < 6:
		return resourceProblem{ResourceVendor, text, "the service of a resource is written out"}
	case len(fields) < 4:
		return resourceProblem{}
	}
	service, region := fields[2], fields[3]
	switch {
	case service == "iam" && region != "":
		return resourceProblem{ResourceRegion, text, "IAM has no regions"}
	case service == "s3" && region != "" && len(fields) == 6 && !isRegionalS3(fields[5]):
		return resourceProblem{ResourceRegion, text, "the ARN of a bucket or object has no region"}
	case service == "iam" && len(fields) == 6 && !isIAMPath(fields[5]):
		return resourceProblem{InvalidIAMPath, text, "IAM has no such type of resource"}
	}
	return resourceProblem{}
}

// isRegionalS3 reports whether the resource is one of S3's that live in a
// region, such as an access point, or may be one.
func isRegionalS3(resource string) bool {
	for _, prefix := range []string{"accesspoint/", "access-grants/", "job/", "storage-lens", "async-request/", "*"} {
		if strings.HasPrefix(resource, prefix) {
			return true
		}
	}
	return false
}

// isIAMPath reports whether the resource begins as one of IAM's does, or with
// a wildcard in the place of the type.
func isIAMPath(resource string) bool {
	if resource == "*" || resource == "root" || strings.ContainsAny(strings.SplitN(resource, "/", 2)[0], "*?") {
		return true
	}
	return slices.ContainsFunc(iamPaths, func(p string) bool { return strings.HasPrefix(resource, p) })
}

var assumeRoleActions = []string{
	"sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity", "sts:SetContext",
}

func (c *checker) trustActions(s *policy.Statement) {
	if s.Action == nil {
		return
	}
	for _, v := range s.Action.List {
		w, err := arn.CompileWildcard(v.Text, arn.Wildcards|arn.FoldCase)
		if err != nil || !slices.ContainsFunc(assumeRoleActions, func(a string) bool { return w.Match(a, nil) }) {
			c.report(TrustAction, v.Position, v.Text, "a trust policy is about assuming the role: "+v.Text+" has no place in it")
		}
	}
}
