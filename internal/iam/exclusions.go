package iam

import (
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/awserr"
)

// policyIdentifier names policies that a simulation leaves out: by their type, by
// their ARN, or by where they are embedded ("PolicyIdentifier", IAM API
// Reference).
type policyIdentifier struct {
	PolicyType, PolicyArn  string
	InlinePolicyIdentifier *inlineIdentifier
}

type inlineIdentifier struct{ AttachmentType, AttachmentName, PolicyName string }

// exclusions are the identifiers of a request, compiled.
type exclusions struct {
	types  map[string]bool
	arns   []arn.Wildcard
	inline []inlineExclusion
}

type inlineExclusion struct {
	kind, name string
	owner      arn.Wildcard
}

// compileExclusions refuses identifiers that name policies in no way or in two,
// and wildcards where none may be.
func compileExclusions(list []policyIdentifier) (*exclusions, error) {
	x := &exclusions{types: map[string]bool{}}
	for _, i := range list {
		given := 0
		if i.PolicyType != "" {
			given++
			x.types[i.PolicyType] = true
		}
		if i.PolicyArn != "" {
			given++
			w, err := policyPattern(i.PolicyArn)
			if err != nil {
				return nil, err
			}
			x.arns = append(x.arns, w)
		}
		if i.InlinePolicyIdentifier != nil {
			given++
			of := i.InlinePolicyIdentifier
			owner, err := namePattern(of.AttachmentName)
			if err != nil {
				return nil, err
			}
			x.inline = append(x.inline, inlineExclusion{of.AttachmentType, of.PolicyName, owner})
		}
		if given != 1 {
			return nil, awserr.InvalidInput.WithMessage("A policy identifier has exactly one of PolicyType, PolicyArn and InlinePolicyIdentifier.")
		}
	}
	return x, nil
}

// policyPattern reads the ARN of managed policies, whose name may have wildcards.
func policyPattern(text string) (arn.Wildcard, error) {
	a, err := arn.Parse(text)
	name, ok := strings.CutPrefix(a.Resource, "policy/")
	if err != nil || !ok || a.Service != "iam" || strings.ContainsAny(text[:len(text)-len(name)], "*?") {
		return arn.Wildcard{}, awserr.InvalidInput.WithMessage("Invalid policy ARN in an exclusion: %s", text)
	}
	return namePattern(text)
}

// namePattern reads a name with at most one * and any number of ?.
func namePattern(text string) (arn.Wildcard, error) {
	w, err := arn.CompileWildcard(text, arn.Wildcards)
	if err != nil || strings.Count(text, "*") > 1 {
		return arn.Wildcard{}, awserr.InvalidInput.WithMessage("A name in an exclusion has at most one *: %s", text)
	}
	return w, nil
}

// policy reports whether a policy is left out.
func (x *exclusions) policy(s *attachedSource) bool {
	if x.types[s.policyType] {
		return true
	}
	for i := range x.arns {
		if s.arn != "" && x.arns[i].Match(s.arn, nil) {
			return true
		}
	}
	for i := range x.inline {
		of := &x.inline[i]
		if s.policyType == "inline" && of.kind == string(s.owner.Kind) && of.name == s.name && of.owner.Match(s.owner.Name, nil) {
			return true
		}
	}
	return false
}
