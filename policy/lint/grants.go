package lint

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/policy"
)

// The codes for what policies for S3 grant beyond, or short of, what they are
// for. Access Analyzer has none of them.
const (
	WildcardOnObjects   policy.Code = "WILDCARD_ACTION_ON_OBJECTS"
	BucketControl       policy.Code = "WILDCARD_ACTION_ON_BUCKET"
	ListWholeBucket     policy.Code = "LIST_WHOLE_BUCKET"
	MixedStatement      policy.Code = "MIXED_BUCKET_AND_OBJECT_ACTIONS"
	NeighboursMatch     policy.Code = "PREFIX_MATCHES_NEIGHBOURS"
	VersionsNotListable policy.Code = "VERSIONS_NOT_LISTABLE"
	UploadsNotListable  policy.Code = "UPLOADS_NOT_LISTABLE"
	ObjectACLs          policy.Code = "PUT_OBJECT_ACL_ALLOWED"
	FolderWithoutSlash  policy.Code = "FOLDER_WITHOUT_SLASH"
	ActionWithoutTarget policy.Code = "ACTION_FITS_NO_RESOURCE"
	WriteOnly           policy.Code = "WRITE_WITHOUT_READ"
	OwnerNotChecked     policy.Code = "BUCKET_OWNER_NOT_CHECKED"
	ListAllBuckets      policy.Code = "LIST_ALL_BUCKETS"
	LocationNeedless    policy.Code = "GET_BUCKET_LOCATION_NEEDLESS"
	KeyNotAllowed       policy.Code = "KMS_NOT_ALLOWED"
)

// isGrant reports whether policies of this type grant something, and do not only
// limit what others grant.
func (v *validator) isGrant() bool { return v.kind == Identity || v.kind == Bucket }

// grants looks for what a policy grants that it should not, or should and does
// not.
func (v *validator) grants() {
	if v.kind == Trust {
		return
	}
	a := v.s3Access()
	for i := range a.statements {
		s := &a.statements[i]
		v.statement = s.index
		v.targets(s)
		if s.Effect != policy.Allow {
			continue
		}
		v.folderForms(s)
		if v.isGrant() {
			v.wildcards(s)
			v.neighbours(s)
			v.objectACLs(s)
			v.mixed(s)
			v.listings(a, s)
		}
	}
	v.statement = -1
	if v.isGrant() {
		v.shortfalls(a)
	}
	if v.kind == Identity {
		v.listAllBuckets(a)
		v.encryption(a)
	}
}

// hazards are the actions on objects that nobody means by "all that one does
// with files". They publish, lock or destroy; costs are those that only cost.
var (
	hazards = []string{
		"s3:PutObjectAcl", "s3:PutObjectVersionAcl", "s3:BypassGovernanceRetention", "s3:PutObjectRetention", "s3:PutObjectLegalHold",
		"s3:DeleteObjectVersion", "s3:ReplicateDelete", "s3:ObjectOwnerOverrideToBucketOwner",
	}
	costs = []string{"s3:ReplicateObject", "s3:RestoreObject"}
)

// controls are the actions that belong to whoever runs a bucket.
var controls = []string{
	"s3:DeleteBucket", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:PutBucketPublicAccessBlock", "s3:PutBucketAcl",
	"s3:PutBucketOwnershipControls", "s3:PutLifecycleConfiguration", "s3:PutReplicationConfiguration", "s3:PutBucketVersioning",
}

// wildcards reports actions such as s3:* that take in dangerous ones. "*" alone
// is an administrator's.
func (v *validator) wildcards(s *s3Statement) {
	if len(s.resources) == 0 {
		return
	}
	onBucket := slices.ContainsFunc(s.resources, func(r s3Resource) bool { return r.takes.bucket })
	for i := range s.actions {
		a := &s.actions[i]
		if a.isLiteral() || strings.Trim(a.Text, "*") == "" {
			continue
		}
		if onBucket {
			if found := a.includes(controls); len(found) > 0 {
				v.report(BucketControl, a.Position, a.Text, "%s takes in %s: whoever has it runs the bucket, and can delete it", a.Text, enumerate(found, 4))
				continue
			}
		}
		if found := a.includes(hazards); len(found) > 0 {
			found = append(found, a.includes(costs)...)
			f := v.report(WildcardOnObjects, a.Position, a.Text, "%s takes in %s", a.Text, enumerate(found, len(found)))
			f.Advice = "Write out what is needed, such as " + strings.Join(a.includes(everydayActions), ", ") +
				". Set Object Ownership to BucketOwnerEnforced and turn on Block Public Access, so that no ACL can publish an object."
		}
	}
}

// everydayActions are what working with files takes.
var everydayActions = []string{
	"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:GetObjectTagging", "s3:PutObjectTagging",
}

// enumerate writes a list in words, and how many more there are than it may
// have.
func enumerate(names []string, most int) string {
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " and others"
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// neighbours reports patterns that end in a name and "*", which take in longer
// names as well.
func (v *validator) neighbours(s *s3Statement) {
	for i := range s.resources {
		r := &s.resources[i]
		if name, ok := openEnded(r.bucket); ok && !r.everything {
			v.report(NeighboursMatch, r.Position, r.Text, "%s takes in every bucket in the world whose name begins with %s, such as %s-prod", r.Text, name, name)
		} else if name, ok := openEnded(r.key); ok {
			v.report(NeighboursMatch, r.Position, r.Text, "%s takes in %s/ and every neighbour whose name begins alike, such as %s2/", r.Text, name, name)
		}
	}
	for _, k := range s.conditionsOn("s3:prefix") {
		if !strings.Contains(k.operator.Name, "Like") || k.operator.IsNegated() {
			continue
		}
		for _, value := range k.Values.List {
			if name, ok := openEnded(value.Text); ok {
				v.report(NeighboursMatch, value.Position, value.Text, "the prefix %s takes in %s/ and every neighbour whose name begins alike, such as %s2/", value.Text, name, name)
			}
		}
	}
}

// openEnded returns the name that a pattern has before a "*" at its end. There
// is none when a slash or another separator stands there: "logs/*" and
// "2026-*" say where the name ends.
func openEnded(pattern string) (string, bool) {
	literal := strings.TrimRight(pattern, "*")
	if literal == pattern || literal == "" || wildcardIn(literal) < len(literal) {
		return "", false
	}
	last := literal[len(literal)-1]
	isName := last == '}' || last >= '0' && last <= '9' || last >= 'A' && last <= 'Z' || last >= 'a' && last <= 'z' || last >= 0x80
	return literal, isName
}

// objectACLs reports the right to write ACLs, unless a condition says which.
func (v *validator) objectACLs(s *s3Statement) {
	if s.hasConditionOn("s3:x-amz-acl") {
		return
	}
	for i := range s.actions {
		if a := &s.actions[i]; a.is("s3:PutObjectAcl", "s3:PutObjectVersionAcl") {
			v.report(ObjectACLs, a.Position, a.Text, "%s lets its holder make objects public where ACLs are enabled, and does nothing where they are disabled", a.Text)
		}
	}
}

// listings reports a listing of all keys of a bucket by somebody who has
// business in some of its folders only.
func (v *validator) listings(a *access, s *s3Statement) {
	if s.hasConditionOn("s3:prefix") || len(v.findings) >= MaxFindings {
		return // what a finding says takes a look at every statement
	}
	for i := range s.resources {
		r := &s.resources[i]
		b := a.buckets[r.bucket]
		if !r.takes.bucket || r.everything || b == nil || !b.objects || !b.folders {
			continue
		}
		for j := range s.actions {
			act := &s.actions[j]
			if len(act.includes([]string{"s3:ListBucket", "s3:ListBucketVersions"})) == 0 {
				continue
			}
			f := v.report(ListWholeBucket, act.Position, act.Text, "%s shows the names of all objects in %s, though only %s can be used", act.Text, r.bucket, a.foldersOf(r.bucket))
			f.Advice = `Allow it in a statement of its own, with "Condition": {"StringLike": {"s3:prefix": ` + a.prefixesOf(r.bucket) + `}}.`
			return
		}
	}
}

// foldersOf names the folders of a bucket that statements allow, in words.
func (a *access) foldersOf(bucket string) string { return enumerate(a.folderNames(bucket), 3) }

func (a *access) folderNames(bucket string) []string {
	var names []string
	for i := range a.statements {
		if a.statements[i].Effect != policy.Allow {
			continue
		}
		for j := range a.statements[i].resources {
			r := &a.statements[i].resources[j]
			name := r.folder()
			if r.bucket != bucket || !r.takes.object {
				continue
			}
			if name == "" || r.isSingle() && !strings.HasSuffix(r.key, "/") {
				name = r.key
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// prefixesOf writes the values of a condition on s3:prefix for the folders of a
// bucket.
func (a *access) prefixesOf(bucket string) string {
	var values []string
	for _, name := range a.folderNames(bucket) {
		if strings.HasSuffix(name, "/") {
			values = append(values, `"`+name+`*"`)
		}
	}
	if len(values) == 0 {
		values = []string{`"folder/*"`}
	}
	return "[" + strings.Join(values, ", ") + "]"
}
