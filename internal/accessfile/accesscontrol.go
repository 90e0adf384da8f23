package accessfile

import (
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy/acl"
	"github.com/keywright/keywright/policy/eval"
)

// grantees are the names that a file may have for who has no account.
var grantees = map[string]string{
	"AllUsers": acl.AllUsers, "AuthenticatedUsers": acl.AuthenticatedUsers, "LogDelivery": acl.LogDelivery, "anonymous": acl.AnonymousID,
}

// accessControlLists reads the ACLs of buckets, in which they count then, and of
// objects; null is an object that is not there.
func (r *reader) accessControlLists(n *node) {
	var ofObjects []*node
	r.members(n, "accessControlLists", func(key, value *node) {
		a, err := arn.Parse(key.text)
		if err != nil || a.Service != "s3" || a.Region != "" || a.AccountID != "" || a.Resource == "" {
			r.fail(key, "a bucket's ARN such as arn:aws:s3:::my-bucket, or an object's", "%q cannot have an access control list", key.text)
			return
		}
		isObject := strings.Contains(a.Resource, "/")
		if isObject {
			ofObjects = append(ofObjects, key)
		}
		if r.file.acls[key.text] = nil; value.kind != null || !isObject {
			r.file.acls[key.text] = r.acl(value)
		}
	})
	for _, key := range ofObjects {
		if bucket, _, _ := strings.Cut(key.text, "/"); r.file.acls[bucket] == nil {
			r.fail(key, "give the bucket one: in the others ACLs are disabled", "the bucket of %q has no access control list", key.text)
		}
	}
}

// acl reads an ACL, whose owner is the file's account unless it says another.
func (r *reader) acl(n *node) *acl.List {
	l := &acl.List{Owner: r.file.accounts[r.file.Account].canonicalUserID}
	r.fields(n, "an access control list", []field{
		{"owner", func(n *node) { l.Owner = r.grantee(n, "owner") }},
		{"grants", func(n *node) {
			r.items(n, "grants", func(_ int, n *node) { l.Grants = append(l.Grants, r.grant(n)) })
		}},
	})
	if n.kind == mapping && l.Owner == "" {
		r.fail(n, "give an owner, or the canonicalUserId of the account", "the access control list has no owner")
	}
	return l
}

func (r *reader) grant(n *node) (g acl.Grant) {
	failures := r.failures
	r.fields(n, "a grant", []field{
		{"grantee", func(n *node) { g.Grantee = r.grantee(n, "grantee") }},
		{"permission", func(n *node) {
			name, _ := r.choice(n, "permission", permissions)
			g.Permission, _ = acl.ParsePermission(name)
		}},
	})
	if r.failures == failures && (g.Grantee == "" || g.Permission == 0) {
		r.fail(n, "such as {grantee: AllUsers, permission: READ}", "a grant has a grantee and a permission")
	}
	return g
}

var permissions = []string{"READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"}

// grantee reads a canonical user id, the URI of a group, or a name for it.
func (r *reader) grantee(n *node, what string) string {
	name, ok := r.text(n, what)
	if !ok {
		return ""
	}
	if known := grantees[name]; known != "" {
		return known
	}
	if strings.HasPrefix(name, "http") && !acl.IsGroup(name) {
		r.fail(n, meant(name, []string{acl.AllUsers, acl.AuthenticatedUsers, acl.LogDelivery}), "there is no group %q", name)
	}
	if strings.HasPrefix(name, "arn:") || arn.IsAccountID(name) {
		r.fail(n, "an access control list names accounts by canonical user ids", "%q is no canonical user id", name)
	}
	return name
}

// accessControl returns the ACLs that a request is decided on; nil where they are
// disabled. An object that the file says nothing of is the bucket owner's own.
func (f *File) accessControl(r *eval.Request) *eval.AccessControl {
	bucket, _, isObject := strings.Cut(r.Resource, "/")
	l := f.acls[bucket]
	if l == nil {
		return nil
	}
	c := &eval.AccessControl{Bucket: l}
	if a := f.accounts[r.ResourceAccount]; a != nil {
		c.IgnorePublic = a.ignorePublicACLs
	}
	if isObject {
		object, known := f.acls[r.Resource]
		if !known {
			object = acl.Private(l.Owner)
		}
		c.Object, c.NoObject = object, object == nil
	}
	return c
}
