package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// bucketPolicy checks what PutBucketPolicy refuses ("Bucket policies for
// Amazon S3", "Required permissions for Amazon S3 API operations").
func (c *checker) bucketPolicy() {
	c.statement = -1
	if n := BucketPolicySize(c.doc.Bytes()); n > MaxBucketPolicySize {
		c.report(PolicyTooLarge, policy.Position{Line: 1, Column: 1}, "", fmt.Sprintf("the policy has %d bytes, %d at most", n, MaxBucketPolicySize))
	}
	c.each(func(s *policy.Statement) {
		before := len(c.findings)
		c.principals(s)
		actions := c.bucketActions(s)
		target := c.bucketResources(s)
		if len(c.findings) > before {
			return
		}
		c.applicability(s, target)
		c.bucketConditions(s, actions, target)
	})
}

// principals checks the Principal element of a resource or trust policy.
func (c *checker) principals(s *policy.Statement) {
	element := s.Principal
	if element == nil {
		element = s.NotPrincipal
	}
	if element == nil {
		c.report(eval.MissingPrincipal, s.Position, "", "the statement does not say whom it is for: it has no Principal")
		return
	}
	if s.NotPrincipal != nil && s.Effect == policy.Allow {
		c.report(eval.AllowNotPrincipal, element.Position, element.Name, "NotPrincipal with Allow would allow everybody else, anonymous callers included")
	}
	if !element.Any.IsPresent() && len(element.List) == 0 {
		c.report(EmptyPrincipal, element.Position, element.Name, element.Name+" names nobody")
	}
	for _, p := range element.List {
		if why := eval.CheckPrincipal(p); why != "" {
			c.report(eval.InvalidPrincipal, p.Value.Position, p.Type.String()+":"+p.Value.Text, why)
		} else if c.kind == Bucket && (p.Type == policy.Federated || p.Type == policy.AWS && isUniqueID(p.Value.Text)) {
			c.report(eval.InvalidPrincipal, p.Value.Position, p.Type.String()+":"+p.Value.Text, "a bucket policy cannot name this principal")
		}
	}
}

// isUniqueID reports whether an AWS principal is neither an account nor an ARN,
// so that it is what IAM shows of a deleted user or role.
func isUniqueID(name string) bool {
	return name != "*" && !arn.IsAccountID(name) && !arn.Is(name)
}

// bucketActions checks the actions and returns those of S3 that they take in.
func (c *checker) bucketActions(s *policy.Statement) []*facts.Action {
	element := either(s.Action, s.NotAction)
	if isEmpty(element) {
		c.report(eval.MissingAction, s.Position, "", "the statement has no Action")
		return nil
	}
	var named []*facts.Action
	for _, v := range element.List {
		of := s3Actions(v.Text)
		if len(of) == 0 {
			c.report(InvalidAction, v.Position, v.Text, fmt.Sprintf("S3 has no action %q", v.Text))
		}
		named = append(named, of...)
	}
	if s.Action != nil {
		return named
	}
	var rest []*facts.Action
	for _, a := range s3Actions("s3:*") {
		if !slices.Contains(named, a) {
			rest = append(rest, a)
		}
	}
	return rest
}

// s3Actions returns the actions of S3 that a pattern takes in.
func s3Actions(pattern string) []*facts.Action {
	if code, _ := eval.CheckAction(pattern); code != "" {
		return nil
	}
	w, err := arn.CompileWildcard(pattern, arn.Wildcards|arn.FoldCase)
	if err != nil {
		return nil
	}
	if w.IsLiteral() {
		if a, ok := facts.LookupAction(pattern); ok && strings.HasPrefix(a.Name, "s3:") {
			return []*facts.Action{a}
		}
		return nil
	}
	var found []*facts.Action
	all := facts.Actions()
	for i := range all {
		if strings.HasPrefix(all[i].Name, "s3:") && w.Match(all[i].Name, nil) {
			found = append(found, &all[i])
		}
	}
	return found
}

// target says which types of resources a statement's resources take in.
type target struct{ bucket, object bool }

// suits reports whether an action applies to the target.
func (t target) suits(a *facts.Action) bool {
	return t.bucket && a.HasResource("bucket") || t.object && a.HasResource("object")
}

// bucketResources checks that every resource is of the bucket.
func (c *checker) bucketResources(s *policy.Statement) target {
	element := either(s.Resource, s.NotResource)
	if isEmpty(element) {
		c.report(eval.MissingResource, s.Position, "", "the statement has no Resource")
		return target{}
	}
	var t target
	for _, v := range element.List {
		of, ok := c.bucketResource(v.Text)
		if !ok {
			c.report(ForeignResource, v.Position, v.Text, "a bucket policy names its own bucket and what is in it, and nothing else")
		}
		t.bucket, t.object = t.bucket || of.bucket, t.object || of.object
	}
	if s.NotResource != nil {
		return target{true, true}
	}
	return t
}

// bucketResource reads a resource of the bucket: its name whole, then the end,
// a slash, or a wildcard, which takes in both the bucket and its objects.
func (c *checker) bucketResource(text string) (target, bool) {
	var syntax arn.Syntax
	if c.doc.HasVariables() {
		syntax = arn.Variables
	}
	p, err := arn.CompilePattern(text, syntax)
	if err != nil || p.MatchesAll() || p.FieldVariables() {
		return target{}, false
	}
	rest, ok := strings.CutPrefix(text, "arn:"+p.Field(1)+":s3:::")
	if !ok || !slices.Contains(partitions, p.Field(1)) {
		return target{}, false
	}
	bucket := c.opts.Bucket
	if bucket == "" {
		bucket = rest[:len(rest)-len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyz0123456789.-_ABCDEFGHIJKLMNOPQRSTUVWXYZ"))]
	}
	rest, ok = strings.CutPrefix(rest, bucket)
	switch {
	case !ok || bucket == "":
		return target{}, false
	case rest == "":
		return target{bucket: true}, true
	case rest[0] == '/':
		return target{object: true}, true
	case rest[0] == '*' || rest[0] == '?':
		return target{true, true}, true
	}
	return target{}, false
}

// applicability checks that each action fits a resource of the statement.
func (c *checker) applicability(s *policy.Statement, t target) {
	if s.Action == nil {
		return
	}
	for _, v := range s.Action.List {
		if !slices.ContainsFunc(s3Actions(v.Text), t.suits) {
			c.report(ActionNotApplicable, v.Position, v.Text,
				fmt.Sprintf("%s applies to none of the statement's resources: bucket actions need the bucket's ARN, object actions its objects'", v.Text))
		}
	}
}

func (c *checker) bucketConditions(s *policy.Statement, actions []*facts.Action, t target) {
	for i := range s.Condition {
		op := &s.Condition[i]
		if _, ok := condition.ParseOperator(op.Name.Text); !ok {
			c.report(eval.InvalidOperator, op.Name.Position, op.Name.Text, fmt.Sprintf("there is no condition operator %q", op.Name.Text))
			continue
		}
		for j := range op.Keys {
			c.conditionKey(op.Keys[j].Name, actions, t)
			c.conditionValues(op, &op.Keys[j])
		}
	}
}

func (c *checker) conditionKey(name policy.Value, actions []*facts.Action, t target) {
	key, ok := facts.LookupKey(name.Text)
	vendor, _, _ := strings.Cut(name.Text, ":")
	switch {
	case ok && key.Global || strings.Contains(vendor, "."):
		return // every request can carry it, or an identity provider does
	case !ok || !arn.EqualFold(vendor, "s3") && !arn.EqualFold(vendor, "aws"):
		c.report(InvalidConditionKey, name.Position, name.Text, fmt.Sprintf("S3 has no condition key %q", name.Text))
		return
	}
	for _, a := range actions {
		if t.suits(a) && a.HasKey(key.Name) {
			return
		}
	}
	c.report(ConditionsNotApply, name.Position, name.Text, "no request for the statement's actions on its resources has "+name.Text)
}

// conditionValues checks the form of the values that a key is compared with.
func (c *checker) conditionValues(op *policy.Operator, key *policy.Key) {
	for _, v := range key.Values.List {
		_, err := condition.Compile(op.Name.Text, key.Name.Text, []string{v.Text}, c.doc.HasVariables())
		if err == nil {
			continue
		}
		code := eval.InvalidValue
		switch parsed, _ := condition.ParseOperator(op.Name.Text); {
		case strings.HasSuffix(parsed.Name, "IpAddress"):
			code = InvalidIPAddress
		case strings.HasPrefix(parsed.Name, "Date"):
			code = InvalidDate
		}
		c.report(code, v.Position, v.Text, err.Error())
	}
}
