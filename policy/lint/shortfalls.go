package lint

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
)

// keyCondition is a condition on one key.
type keyCondition struct {
	*policy.Key
	operator condition.Operator
}

// conditionsOn returns the statement's conditions on a key.
func (s *s3Statement) conditionsOn(key string) []keyCondition {
	return conditionsOn(s.Statement, func(name string) bool { return strings.EqualFold(name, key) })
}

func (s *s3Statement) hasConditionOn(key string) bool { return len(s.conditionsOn(key)) > 0 }

// conditionsOn returns the conditions of a statement on the keys that is accepts.
func conditionsOn(s *policy.Statement, is func(name string) bool) []keyCondition {
	var found []keyCondition
	for i := range s.Condition {
		op, ok := condition.ParseOperator(s.Condition[i].Name.Text)
		if !ok {
			continue
		}
		for j := range s.Condition[i].Keys {
			if k := &s.Condition[i].Keys[j]; is(k.Name.Text) {
				found = append(found, keyCondition{k, op})
			}
		}
	}
	return found
}

// targets reports actions that fit none of their statement's resources. In a
// bucket policy S3 refuses them.
func (v *validator) targets(s *s3Statement) {
	if v.kind == Bucket || s.Resource == nil || len(s.resources) == 0 || len(s.resources) != len(s.Resource.List) {
		return
	}
	var t target
	everything := false
	for i := range s.resources {
		r := &s.resources[i]
		t.bucket, t.object = t.bucket || r.takes.bucket, t.object || r.takes.object
		everything = everything || r.everything
	}
	if everything {
		return
	}
	for i := range s.actions {
		a := &s.actions[i]
		if len(a.takesIn) == 0 || slices.ContainsFunc(a.takesIn, func(of *facts.Action) bool { return t.suits(of) || isElsewhere(of) }) {
			continue
		}
		f := v.report(ActionWithoutTarget, a.Position, a.Text, "%s applies to none of the statement's resources, so it does nothing", a.Text)
		f.Advice = whereInstead(a.takesIn[0], s.resources[0].bucket)
	}
}

// isElsewhere reports whether an action is on neither buckets nor objects, such
// as those on access points, whose resources are not judged here.
func isElsewhere(a *facts.Action) bool {
	return len(a.Resources) > 0 && !a.HasResource("bucket") && !a.HasResource("object")
}

func whereInstead(a *facts.Action, bucket string) string {
	switch {
	case a.HasResource("object"):
		return "Put it into a statement on objects: arn:aws:s3:::" + bucket + "/*."
	case a.Name == "s3:ListBucket" || a.Name == "s3:ListBucketVersions":
		return "Put it into a statement on the bucket, arn:aws:s3:::" + bucket + ", and limit it to a folder with a condition on s3:prefix."
	case a.HasResource("bucket"):
		return "Put it into a statement on the bucket: arn:aws:s3:::" + bucket + "."
	}
	return `Put it into a statement of its own with "Resource": "*": it applies to no single bucket.`
}

// folderForms reports objects that look like a folder without what stands in it.
func (v *validator) folderForms(s *s3Statement) {
	for i := range s.resources {
		r := &s.resources[i]
		if !r.isSingle() || strings.HasSuffix(r.key, "/") || r.key == "" {
			continue
		}
		name := r.key[strings.LastIndexByte(r.key, '/')+1:]
		covered := slices.ContainsFunc(s.resources, func(o s3Resource) bool { return o.bucket == r.bucket && o.key == r.key+"/*" })
		if !covered && strings.Contains(literalText(name), ".") {
			continue // a file
		}
		if covered {
			f := v.report(FolderWithoutSlash, r.Position, r.Text, "%s is one object of exactly that name, and no folder; %s/* beside it is the folder", r.Text, r.Text)
			f.Advice = "Take it away."
			v.fixRemovingResource(f, s, r)
			continue
		}
		f := v.report(FolderWithoutSlash, r.Position, r.Text, "%s is one object of exactly that name, and not what is in a folder", r.Text)
		f.Advice = "Write " + r.Text + "/* when a folder is meant."
	}
}

// literalText returns a pattern without its variables.
func literalText(s string) string {
	for {
		before, rest, ok := strings.Cut(s, "${")
		if !ok {
			return s
		}
		_, after, _ := strings.Cut(rest, "}")
		s = before + after
	}
}

func (v *validator) fixRemovingResource(f *Finding, s *s3Statement, r *s3Resource) {
	if !v.fixable() {
		return
	}
	i := slices.IndexFunc(s.Resource.List, func(of policy.Value) bool { return of.Position == r.Position })
	if edits, ok := v.edits.RemoveValues(s.Resource, i); ok {
		f.fix("take "+r.Text+" away", edits...)
	}
}

// shortfalls reports what a policy allows on a bucket that does not work as
// meant without something that it does not allow.
func (v *validator) shortfalls(a *access) {
	for _, b := range a.order {
		allows := func(name string) bool { return b.actions[name] || a.everywhere[name] }
		lists := allows("s3:ListBucket")
		if at, ok := b.written["s3:GetObjectVersion"]; ok && lists && !allows("s3:ListBucketVersions") {
			f := v.reportAt(VersionsNotListable, at, "versions of objects in %s can be read, but not listed", b.name)
			f.Advice = "Allow s3:ListBucketVersions on arn:aws:s3:::" + b.name + "."
			if !allows("s3:GetObjectTagging") && !allows("s3:GetObjectVersionTagging") {
				f.Message += ", and their tags cannot be read"
				f.Advice += " To keep tags, allow s3:GetObjectTagging and s3:GetObjectVersionTagging on the objects."
			}
		}
		if at, ok := b.firstWritten("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"); ok && b.whole && lists && !allows("s3:ListBucketMultipartUploads") {
			v.reportAt(UploadsNotListable, at, "unfinished uploads to %s can be ended, but not found", b.name)
		}
		if at, ok := b.written["s3:GetBucketLocation"]; ok && lists && !a.everywhere["s3:ListAllMyBuckets"] {
			v.reportAt(LocationNeedless, at, "nobody needs s3:GetBucketLocation to learn the region of %s", b.name)
		}
		if at, ok := b.written["s3:PutObject"]; ok && v.kind == Identity && !allows("s3:GetObject") {
			v.writeOnly(a, b, at, allows)
		}
	}
}

// reportAt adds a finding about an action that stands in some statement.
func (v *validator) reportAt(code policy.Code, at writtenAction, format string, args ...any) *Finding {
	v.statement = at.statement
	f := v.report(code, at.Position, at.Text, format, args...)
	v.statement = -1
	return f
}

func (b *bucketAccess) firstWritten(names ...string) (writtenAction, bool) {
	for _, name := range names {
		if at, ok := b.written[name]; ok {
			return at, true
		}
	}
	return writtenAction{}, false
}

// writeOnly reports what somebody who only writes to a bucket may not have
// thought of.
func (v *validator) writeOnly(a *access, b *bucketAccess, at writtenAction, allows func(string) bool) {
	if allows("s3:ListBucket") {
		f := v.reportAt(WriteOnly, at, "objects in %s can be written and listed, but not read", b.name)
		if !allows("s3:DeleteObject") {
			f.Message += " or deleted"
		}
	}
	if !a.checksOwner() {
		v.reportAt(OwnerNotChecked, at, "whoever owns the name %s gets what is written", b.name)
	}
}

// checksOwner reports whether a statement asks who owns the bucket.
func (a *access) checksOwner() bool {
	return slices.ContainsFunc(a.statements, func(s s3Statement) bool {
		return s.hasConditionOn("s3:ResourceAccount") || s.hasConditionOn("aws:ResourceAccount") || s.hasConditionOn("aws:ResourceOrgID")
	})
}

// encryption reports a condition that asks for a KMS key in a policy that allows
// nothing of KMS.
func (v *validator) encryption(a *access) {
	var at *policy.Value
	for i := range a.statements {
		s := &a.statements[i]
		if s.Effect != policy.Allow {
			continue
		}
		if s.Action == nil || slices.ContainsFunc(s.Action.List, isKMS) {
			return
		}
		for _, k := range conditionsOn(s.Statement, isEncryptionKey) {
			if at == nil && asksForKMS(&k) {
				at, v.statement = &k.Values.List[0], s.index
			}
		}
	}
	if at != nil {
		v.report(KeyNotAllowed, at.Position, at.Text, "objects must be encrypted with a KMS key, and nothing allows to use one")
	}
	v.statement = -1
}

func isKMS(action policy.Value) bool {
	vendor, _, _ := strings.Cut(action.Text, ":")
	return arn.EqualFold(vendor, "kms") || vendor == "*"
}

func isEncryptionKey(name string) bool {
	return strings.EqualFold(name, "s3:x-amz-server-side-encryption") || strings.EqualFold(name, "s3:x-amz-server-side-encryption-aws-kms-key-id")
}

// asksForKMS reports whether a condition on encryption holds for KMS keys.
func asksForKMS(k *keyCondition) bool {
	if k.operator.IsNegated() || k.operator.Name == "Null" || len(k.Values.List) == 0 {
		return false
	}
	value := k.Values.List[0].Text
	return strings.HasPrefix(value, "aws:kms") || strings.HasPrefix(value, "arn:") && strings.Contains(value, ":kms:")
}

// listAllBuckets reports the right to see the names of all buckets in a policy
// that is about some of them.
func (v *validator) listAllBuckets(a *access) {
	if len(a.order) == 0 {
		return
	}
	for i := range a.statements {
		s := &a.statements[i]
		if s.Effect != policy.Allow {
			continue
		}
		for j := range s.actions {
			if act := &s.actions[j]; act.is("s3:ListAllMyBuckets") {
				v.statement = s.index
				v.report(ListAllBuckets, act.Position, act.Text, "s3:ListAllMyBuckets shows the names of all buckets of the account")
				v.statement = -1
				return
			}
		}
	}
}
