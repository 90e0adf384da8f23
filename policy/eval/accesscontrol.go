package eval

import (
	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy/acl"
)

// AccessControl is the access control lists that a request about a bucket of S3,
// or about an object in it, is decided on ("Access control list (ACL) overview",
// Amazon S3 User Guide).
type AccessControl struct {
	// Bucket is the ACL of the bucket; its Owner owns the bucket. It must be set.
	Bucket *acl.List

	// Object is the ACL of the object or of the version that is asked for, or of
	// what a write would replace. NoObject says that there is none. With neither
	// it is not known whose the object is, and nobody is granted what an object's
	// owner decides.
	Object   *acl.List
	NoObject bool

	// IgnorePublic is the setting IgnorePublicAcls of Block Public Access: an ACL
	// that is public grants nothing, and no ACL grants anything to the anonymous.
	IgnorePublic bool
}

// aclAction says what an action is to access control lists.
type aclAction struct {
	name string

	// ofObject is whether the owner of the object decides, and its ACL grants; else
	// it is the owner of the bucket, and the bucket's.
	ofObject   bool
	permission acl.Permission // that allows it; 0 when none does

	// replaces and deletes are what may only be done to one's own objects.
	replaces, deletes bool
}

// aclActions are the actions that ACLs have to do with ("Mapping of ACL permissions
// and access policy permissions"). On all others the bucket's owner decides, by
// policies.
var aclActions = []aclAction{
	{name: "s3:GetObject", ofObject: true, permission: acl.Read},
	{name: "s3:PutObject", permission: acl.Write, replaces: true},
	{name: "s3:ListBucket", permission: acl.Read},
	{name: "s3:DeleteObject", permission: acl.Write, deletes: true},
	{name: "s3:GetObjectVersion", ofObject: true, permission: acl.Read},
	{name: "s3:GetObjectAcl", ofObject: true, permission: acl.ReadACP},
	{name: "s3:GetObjectVersionAcl", ofObject: true, permission: acl.ReadACP},
	{name: "s3:PutObjectAcl", ofObject: true, permission: acl.WriteACP},
	{name: "s3:PutObjectVersionAcl", ofObject: true, permission: acl.WriteACP},
	{name: "s3:GetObjectAttributes", ofObject: true},
	{name: "s3:GetObjectVersionAttributes", ofObject: true},
	{name: "s3:GetObjectTorrent", ofObject: true},
	{name: "s3:GetObjectVersionTorrent", ofObject: true},
	{name: "s3:ListBucketVersions", permission: acl.Read},
	{name: "s3:ListBucketMultipartUploads", permission: acl.Read},
	{name: "s3:GetBucketAcl", permission: acl.ReadACP},
	{name: "s3:PutBucketAcl", permission: acl.WriteACP},
}

func aclActionOf(action string) *aclAction {
	for i := range aclActions {
		if arn.EqualFold(aclActions[i].name, action) {
			return &aclActions[i]
		}
	}
	return nil
}

// NeedsObject reports whether an action is one on which, where ACLs count, the
// owner of the object decides: AccessControl must then say which object it is.
func NeedsObject(action string) bool {
	a := aclActionOf(action)
	return a != nil && a.ofObject
}

// nobodys is the ACL of an object of which nothing is known.
var nobodys = &acl.List{}

// othersObject returns the ACL of the object when it is the object's owner who
// decides, and not the bucket's owner; else nil. The Allow statements of the
// bucket policy are about the bucket owner's objects only ("How Amazon S3
// authorizes a request for an object operation").
func (e *evaluation) othersObject() *acl.List {
	if e.acl == nil || !e.acl.ofObject || e.p.ACLs.NoObject {
		return nil
	}
	switch l := e.p.ACLs.Object; {
	case l == nil:
		return nobodys
	case l.Owner != e.p.ACLs.Bucket.Owner:
		return l
	}
	return nil
}

// isOwner reports whether the principal's own account owns the resource.
func (e *evaluation) isOwner() bool {
	if e.acl == nil {
		return e.isSameAccount()
	}
	if l := e.othersObject(); l != nil {
		return l.Owner != "" && l.Owner == e.r.Principal.CanonicalUserID
	}
	return e.isSameAccount()
}

// aclGrant returns the widest reach of a grant and its index in the ACL.
func (e *evaluation) aclGrant() (how reach, grant int) {
	if e.acl.ofObject && e.p.ACLs.NoObject {
		// Nobody's ACL withholds what is not there. Whether that is told is up to
		// s3:ListBucket.
		return throughAccount, -1
	}
	grant = -1
	l := e.decidingACL()
	if l == nil || !e.mayChange() {
		return how, grant
	}
	for i, g := range l.Grants {
		if h := e.reachOf(g); h > how {
			how, grant = h, i
		}
	}
	return how, grant
}

// decidingACL returns the ACL that can grant the action, or nil.
func (e *evaluation) decidingACL() *acl.List {
	l := e.p.ACLs.Bucket
	if e.acl.ofObject {
		l = e.p.ACLs.Object
	}
	if l != nil && e.p.ACLs.IgnorePublic && (l.IsPublic() || e.r.Principal.Type == Anonymous) {
		return nil
	}
	return l
}

// mayChange reports whether WRITE on the bucket is enough for what is there: it
// lets nobody replace or delete what another account owns.
func (e *evaluation) mayChange() bool {
	if !e.acl.replaces && !e.acl.deletes {
		return true
	}
	if l := e.p.ACLs.Object; l != nil {
		return l.Owner != "" && l.Owner == e.r.Principal.grantee()
	}
	return e.acl.replaces && e.p.ACLs.NoObject
}

// reachOf tells the reach of a grant of what is asked for. An account is granted
// for its own policies to pass on, and so are all accounts together; everyone is
// everyone, as in a policy.
func (e *evaluation) reachOf(g acl.Grant) reach {
	if e.acl.permission == 0 || g.Permission&e.acl.permission == 0 {
		return notReached
	}
	return e.reachOfGrantee(g.Grantee)
}

func (e *evaluation) reachOfGrantee(grantee string) reach {
	c := &e.r.Principal
	switch grantee {
	case acl.AllUsers:
		return throughIssuer
	case acl.AuthenticatedUsers:
		return when(c.AccountID != "" && c.Type != Anonymous, throughAccount)
	case acl.LogDelivery:
		return when(c.Type == Service && arn.EqualFold(c.ServiceName, logDeliveryService), throughAccount)
	}
	return when(grantee != "" && grantee == c.grantee(), throughAccount)
}

// logDeliveryService is the service that the group LogDelivery stands for
// ("Logging requests with server access logging", Amazon S3 User Guide).
const logDeliveryService = "logging.s3.amazonaws.com"

// grantee returns the canonical user id by which an ACL names the principal.
func (p *Principal) grantee() string {
	if p.Type == Anonymous {
		return acl.AnonymousID
	}
	return p.CanonicalUserID
}

// GrantTrace says how a grant of the ACL that could allow a request met it.
type GrantTrace struct {
	Grant   acl.Grant
	Matched bool

	// Element is what did not match: "Permission" or "Grantee"; "Object" when WRITE
	// on the bucket does not reach what another account owns, and "IgnorePublicAcls"
	// when that setting takes the whole ACL out. Empty when Matched.
	Element string
}

// traceGrants adds the grants of the ACL that could allow the request, and who
// owns the object when that is not the bucket's owner.
func (t *Trace) traceGrants(e *evaluation) {
	if e.acl == nil {
		return
	}
	if l := e.othersObject(); l != nil {
		t.IsOthersObject, t.ObjectOwner = true, l.Owner
	}
	l := e.p.ACLs.Bucket
	if t.IsObjectACL = e.acl.ofObject; t.IsObjectACL {
		l = e.p.ACLs.Object
	}
	if l == nil {
		return
	}
	for _, g := range l.Grants {
		gt := GrantTrace{Grant: g}
		switch {
		case e.acl.permission == 0 || g.Permission&e.acl.permission == 0:
			gt.Element = "Permission"
		case e.reachOfGrantee(g.Grantee) == notReached:
			gt.Element = "Grantee"
		case !e.mayChange():
			gt.Element = "Object"
		case e.decidingACL() == nil:
			gt.Element = "IgnorePublicAcls"
		default:
			gt.Matched = true
		}
		t.Grants = append(t.Grants, gt)
	}
}
