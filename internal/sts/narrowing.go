package sts

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/lint"
)

// The most that session policies may be: managed ones in number, and all of
// them in characters ("AssumeRole", AWS STS API Reference).
const (
	maxPolicyARNs     = 10
	maxSessionPolicy  = lint.MaxSessionPolicySize
	reservedTagPrefix = "aws:"
)

// policyDescriptor names a managed policy.
type policyDescriptor struct {
	ARN string `query:"arn"`
}

// narrowing is what limits a session below whom it is made for: session
// policies ("Session policies", IAM User Guide).
type narrowing struct {
	Policy     string
	PolicyArns []policyDescriptor
}

func (n *narrowing) policyARNs() []string {
	var list []string
	for _, p := range n.PolicyArns {
		list = append(list, p.ARN)
	}
	return list
}

func (n *narrowing) check() error {
	if len(n.PolicyArns) > maxPolicyARNs {
		return awserr.ValidationError.WithMessage("1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to %d", maxPolicyARNs)
	}
	size := utf8.RuneCountInString(n.Policy)
	for _, p := range n.PolicyArns {
		a, err := arn.Parse(p.ARN)
		if err != nil || a.Service != "iam" || !strings.HasPrefix(a.Resource, "policy/") {
			return awserr.ValidationError.WithMessage("%s is invalid", p.ARN)
		}
		size += utf8.RuneCountInString(p.ARN)
	}
	if size > maxSessionPolicy {
		return awserr.PackedPolicyTooLarge.WithMessage("Packed policy consumes %d%% of allotted space, please use smaller policy.", 100*size/maxSessionPolicy)
	}
	return n.checkPolicy()
}

func (n *narrowing) checkPolicy() error {
	if n.Policy == "" {
		return nil
	}
	_, findings := lint.Parse([]byte(n.Policy), lint.Session, lint.Options{})
	return query.RefuseDocument(findings)
}

// find fails unless every managed policy exists and may be used by the account.
func (n *narrowing) find(d *directory.Directory, accountID string) error {
	for _, p := range n.PolicyArns {
		found, ok := d.Policy(p.ARN)
		if !ok || found.AccountID != accountID && found.AccountID != directory.AWSAccountID {
			return awserr.MalformedPolicyDocument.WithMessage("The policy %s does not exist or cannot be used as a session policy.", p.ARN)
		}
	}
	return nil
}

// tagging is the tags that a session is given ("Pass session tags in AWS STS",
// IAM User Guide).
type tagging struct {
	Tags []directory.Tag
}

func (t *tagging) check() error {
	for i, tag := range t.Tags {
		if hasTag(t.Tags[:i], tag.Key) {
			return awserr.InvalidParameterValue.WithMessage("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		if strings.HasPrefix(strings.ToLower(tag.Key), reservedTagPrefix) {
			return awserr.InvalidParameterValue.WithMessage("Tag keys that begin with %s are reserved: %s", reservedTagPrefix, tag.Key)
		}
	}
	return nil
}

func hasTag(tags []directory.Tag, key string) bool {
	return slices.ContainsFunc(tags, func(t directory.Tag) bool { return strings.EqualFold(t.Key, key) })
}

func hasKey(keys []string, key string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, key) })
}

// setTags adds the condition keys of session tags.
func setTags(c *condition.Context, tags []directory.Tag) {
	if len(tags) == 0 {
		return
	}
	keys := make([]string, len(tags))
	for i, t := range tags {
		keys[i] = t.Key
		c.SetString("aws:RequestTag/"+t.Key, t.Value)
	}
	c.SetStrings("aws:TagKeys", keys)
}
