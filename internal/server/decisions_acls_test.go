package server

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/keywright/keywright/policy/acl"
	"github.com/keywright/keywright/policy/eval"
)

// prepareACLs brings the bucket of an attempt, and its object, into the state of
// the case's access control lists, or disables them when it has none.
func (w *world) prepareACLs(a *attempt) error {
	b := a.bucket
	if a.c.ACLs == nil {
		return b.disableACLs()
	}
	if err := b.enableACLs(); err != nil {
		return err
	}
	a.acls = &eval.AccessControl{
		Bucket: w.realACL(a.c.ACLs.Bucket), Object: w.realACL(a.c.ACLs.Object), NoObject: a.c.ACLs.NoObject, IgnorePublic: a.c.ACLs.IgnorePublic,
	}
	if a.acls.Bucket.Owner != b.owner.canonicalID {
		return cannot("a bucket's owner is its account")
	}
	if a.key != "" {
		if err := w.prepareObject(a); err != nil {
			return err
		}
	}
	return b.putACL(a.acls.Bucket)
}

// prepareObject puts the object as its owner, and its ACL.
func (w *world) prepareObject(a *attempt) error {
	ctx, b, l := context.Background(), a.bucket, a.acls.Object
	if _, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &a.key}); err != nil {
		return err
	}
	b.objects[a.key] = unknown
	if l == nil {
		return nil
	}
	owner := w.s3(w.rootOf(l.Owner), nil)
	grantee := l.Owner
	if grantee == acl.AnonymousID {
		grantee = acl.AllUsers
	}
	if err := b.putACL(&acl.List{Owner: b.owner.canonicalID, Grants: []acl.Grant{{Grantee: grantee, Permission: acl.Write}}}); err != nil {
		return err
	}
	if _, err := owner.PutObject(ctx, &s3.PutObjectInput{Bucket: &b.name, Key: &a.key, Body: strings.NewReader(content)}); err != nil {
		return err
	}
	_, err := owner.PutObjectAcl(ctx, &s3.PutObjectAclInput{Bucket: &b.name, Key: &a.key, AccessControlPolicy: documentOf(l)})
	return err
}

// rootOf returns the credentials of the root of the account with a canonical user
// id; nobody's for the one of anonymous callers.
func (w *world) rootOf(canonicalID string) (root aws.Credentials) {
	for _, a := range w.accounts {
		if a.canonicalID == canonicalID {
			root = a.root
		}
	}
	return root
}

// realACL returns an ACL with the canonical user ids of the server.
func (w *world) realACL(l *acl.List) *acl.List {
	if l == nil {
		return nil
	}
	real := func(id string) string {
		if known := w.ids[id]; known != "" {
			return known
		}
		return id
	}
	made := &acl.List{Owner: real(l.Owner)}
	for _, g := range l.Grants {
		made.Grants = append(made.Grants, acl.Grant{Grantee: real(g.Grantee), Permission: g.Permission})
	}
	return made
}

func (b *bucket) enableACLs() error {
	if err := b.removePolicy(); err != nil {
		return err
	}
	if err := b.restrict(false, false); err != nil {
		return err
	}
	b.acls = true
	return b.own(s3types.ObjectOwnershipObjectWriter)
}

func (b *bucket) disableACLs() error {
	if !b.acls {
		return nil
	}
	b.acls = false
	if err := b.putACL(acl.Private(b.owner.canonicalID)); err != nil {
		return err
	}
	return b.own(s3types.ObjectOwnershipBucketOwnerEnforced)
}

func (b *bucket) own(as s3types.ObjectOwnership) error {
	_, err := b.client.PutBucketOwnershipControls(context.Background(), &s3.PutBucketOwnershipControlsInput{
		Bucket: &b.name, OwnershipControls: &s3types.OwnershipControls{Rules: []s3types.OwnershipControlsRule{{ObjectOwnership: as}}},
	})
	return err
}

func (b *bucket) putACL(l *acl.List) error {
	_, err := b.client.PutBucketAcl(context.Background(), &s3.PutBucketAclInput{Bucket: &b.name, AccessControlPolicy: documentOf(l)})
	return err
}

// documentOf returns an ACL as the SDK has it.
func documentOf(l *acl.List) *s3types.AccessControlPolicy {
	p := &s3types.AccessControlPolicy{Owner: &s3types.Owner{ID: &l.Owner}, Grants: []s3types.Grant{}}
	for _, g := range l.Grants {
		who := &s3types.Grantee{Type: s3types.TypeCanonicalUser, ID: aws.String(g.Grantee)}
		if acl.IsGroup(g.Grantee) {
			who = &s3types.Grantee{Type: s3types.TypeGroup, URI: aws.String(g.Grantee)}
		}
		p.Grants = append(p.Grants, s3types.Grant{Grantee: who, Permission: s3types.Permission(g.Permission.String())})
	}
	return p
}
