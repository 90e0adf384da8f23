package s3

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"slices"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/acl"
)

func (s *S3) ownershipRows() []row {
	query := []string{"ownershipControls"}
	return []row{
		{method: http.MethodGet, scope: bucketScope, query: query, operation: s.getBucketOwnershipControls()},
		{method: http.MethodPut, scope: bucketScope, query: query, operation: s.putBucketOwnershipControls()},
		{method: http.MethodDelete, scope: bucketScope, query: query, operation: s.deleteBucketOwnershipControls()},
	}
}

// objectOwnerships are the values of Object Ownership ("Controlling ownership of
// objects and disabling ACLs for your bucket", Amazon S3 User Guide).
var objectOwnerships = []string{directory.BucketOwnerEnforced, directory.BucketOwnerPreferred, directory.ObjectWriter}

// ownershipControls is the document of Object Ownership.
type ownershipControls struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ OwnershipControls"`
	Rules   []ownershipRule
}

type ownershipRule struct {
	XMLName         xml.Name `xml:"Rule"`
	ObjectOwnership string
}

type putOwnershipControlsRequest struct {
	XMLName xml.Name `xml:"OwnershipControls"`
	Rules   []struct {
		ObjectOwnership string
		closed
	} `xml:"Rule"`
	closed
}

func (s *S3) getBucketOwnershipControls() service.Operation {
	return define(s, spec[struct{}]{
		name: "GetBucketOwnershipControls", parse: noInput, needs: bucketAction[struct{}]("s3:GetBucketOwnershipControls"),
		serve: func(_ context.Context, r *request, _ struct{}) (*service.Response, error) {
			if r.bucket.Ownership == "" {
				return nil, awserr.New("OwnershipControlsNotFoundError", http.StatusNotFound, "The bucket ownership controls were not found").
					With("BucketName", r.bucket.Name)
			}
			return &service.Response{XML: ownershipControls{Rules: []ownershipRule{{ObjectOwnership: r.bucket.Ownership}}}}, nil
		},
	})
}

func (s *S3) putBucketOwnershipControls() service.Operation {
	return define(s, spec[string]{
		name: "PutBucketOwnershipControls", needs: bucketAction[string]("s3:PutBucketOwnershipControls"),
		parse: func(r *service.Request) (string, error) {
			var in putOwnershipControlsRequest
			if err := r.ReadXML(&in, maxSmallDocument); err != nil {
				return "", err
			}
			if len(in.Rules) != 1 || !slices.Contains(objectOwnerships, in.Rules[0].ObjectOwnership) {
				return "", awserr.MalformedXML
			}
			return in.Rules[0].ObjectOwnership, nil
		},
		serve: func(ctx context.Context, r *request, ownership string) (*service.Response, error) {
			return r.setOwnership(ctx, ownership, http.StatusOK)
		},
	})
}

func (s *S3) deleteBucketOwnershipControls() service.Operation {
	return define(s, spec[struct{}]{
		name: "DeleteBucketOwnershipControls", parse: noInput, needs: bucketAction[struct{}]("s3:PutBucketOwnershipControls"),
		serve: func(ctx context.Context, r *request, _ struct{}) (*service.Response, error) {
			return r.setOwnership(ctx, "", http.StatusNoContent)
		},
	})
}

func (r *request) setOwnership(ctx context.Context, ownership string, status int) (*service.Response, error) {
	err := r.s3.directory.SetBucketOwnership(ctx, r.bucket.ID, ownership)
	if errors.As(err, new(*directory.ACLError)) {
		return nil, awserr.InvalidBucketACLWithOwnership.With("BucketName", r.bucket.Name)
	}
	if err != nil {
		return nil, r.directoryError(err)
	}
	return &service.Response{Status: status}, nil
}

// ownerOf returns the canonical user id of the owner of an object: who has put it
// or, where ACLs are disabled and of those from before there were owners, the
// bucket's owner.
func ownerOf(b *directory.Bucket, a objects.Attributes) string {
	if b.ACLsDisabled() {
		return b.ACL.Owner
	}
	return cmp.Or(a.OwnerID, b.ACL.Owner)
}

// owners are the owners of objects as listings show them. A nil one shows none.
type owners struct {
	bucket *directory.Bucket
	last   *identity
}

func (r *request) owners() *owners { return &owners{bucket: r.bucket} }

func (o *owners) of(a objects.Attributes) *identity {
	if o == nil {
		return nil
	}
	if id := ownerOf(o.bucket, a); o.last == nil || o.last.ID != id {
		o.last = &identity{ID: id}
	}
	return o.last
}

// aclOf returns the access control list of an object. Where ACLs are disabled it
// says that the bucket's owner may do everything, whatever the object's own is.
func aclOf(b *directory.Bucket, a objects.Attributes) (*acl.List, error) {
	owner := ownerOf(b, a)
	if b.ACLsDisabled() {
		return acl.Private(owner), nil
	}
	return acl.Decode(owner, a.ACL)
}

// callerID is the canonical user id of who makes the request, to whom what he
// makes belongs.
func (r *request) callerID() string {
	if r.Caller.Anonymous() {
		return acl.AnonymousID
	}
	return r.Caller.CanonicalID
}

// newOwnerID is whose the next object, upload or delete marker of the request
// is.
func (r *request) newOwnerID() string {
	if r.bucket.ACLsDisabled() {
		return r.bucket.ACL.Owner
	}
	return r.callerID()
}

// checkACL refuses, where ACLs are disabled, one that would change who may do
// what. A public one too is refused for the ACLs that the bucket has not, before
// Block Public Access could forbid it. uploader is who makes an object with it, and
// "" where an ACL alone is set.
func (r *request) checkACL(in aclRequest, uploader string) error {
	if r.bucket.ACLsDisabled() && in.changes(r.bucket.ACL.Owner, uploader) {
		return awserr.AccessControlListUnsupported
	}
	return nil
}

// own says in the attributes of an object that is made whose it is, and what its
// access control list grants.
func (r *request) own(a *objects.Attributes, in aclRequest) error {
	a.OwnerID, a.ACL = r.newOwnerID(), ""
	if err := r.checkACL(in, r.callerID()); err != nil || r.bucket.ACLsDisabled() {
		return err
	}
	if in.canned == "bucket-owner-full-control" && r.bucket.Ownership == directory.BucketOwnerPreferred {
		a.OwnerID = r.bucket.ACL.Owner
	}
	var err error
	a.ACL, err = r.objectACL(in, a.OwnerID)
	return err
}

// objectACL returns the text of the ACL that a request asks for, on the request's
// object; "" when it asks for none.
func (r *request) objectACL(in aclRequest, owner string) (string, error) {
	if !in.given {
		return "", nil
	}
	l, err := r.s3.list(in, owner, r.bucket.ACL.Owner)
	if err != nil {
		return "", err
	}
	if l.IsPublic() && r.s3.directory.PublicAccess(r.bucket).BlockPublicAcls {
		action := "s3:PutObject"
		if r.Query.Has("acl") {
			action = "s3:PutObjectAcl"
		}
		return "", r.publicACLBlocked(action, bucketARN(r.bucket.Name)+"/"+r.Key)
	}
	return l.Encode(), nil
}

// about completes a need with the access control list of the object that it is
// about: what was found when that was opened. Where ACLs are disabled there is
// nothing to complete.
func about(n service.Need, o objects.Object, err error) service.Need {
	var marker *objects.DeleteMarkerError
	switch {
	case n.Bucket.ACLsDisabled():
	case o != nil:
		n.Object, _ = aclOf(n.Bucket, o.Info().Attributes) // one that cannot be read is not known
	case errors.As(err, &marker) && marker.Named:
		n.Object = acl.Private(n.Bucket.ACL.Owner) // whoever has made it, it hides the bucket's object
	case errors.Is(err, objects.ErrNoSuchKey) || errors.Is(err, objects.ErrNoSuchVersion):
		n.NoObject = true
	}
	return n
}

// aboutCurrent is about for what a key of the request's bucket holds now.
func (r *request) aboutCurrent(n service.Need, key string) service.Need {
	if n.Bucket.ACLsDisabled() {
		return n
	}
	o, err := r.s3.objects.Open(r.HTTP.Context(), r.room(), key, "")
	if err == nil {
		defer o.Close()
	}
	return about(n, o, err)
}

// changing completes a need to replace or delete what a key holds, for those who
// may do that to their own objects only, and returns the owner that what is
// there must then have: "" when it does not matter.
func (r *request) changing(n *service.Need, key string) (ownerID string) {
	// The bucket's account needs no grant, unless it is one to everyone that lets
	// in whom it has given nothing.
	if r.bucket.ACLsDisabled() || r.Caller.AccountID == r.bucket.AccountID && !r.bucket.ACL.IsPublic() {
		return ""
	}
	*n = r.aboutCurrent(*n, key)
	if n.Object != nil {
		return n.Object.Owner
	}
	return r.callerID()
}

// ofNew completes a need to give a new object its ACL with whose it will be.
func (r *request) ofNew(n service.Need) service.Need {
	if !r.bucket.ACLsDisabled() {
		n.Object = acl.Private(r.callerID())
	}
	return n
}
