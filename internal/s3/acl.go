package s3

import (
	"context"
	"errors"
	"net/http"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
)

// aclRows are the operations on access control lists. Where these are disabled, as
// they are by default, an ACL can be read, and put only when it says what holds
// anyway ("Controlling ownership of objects and disabling ACLs for your bucket",
// Amazon S3 User Guide).
func (s *S3) aclRows() []row {
	acl, version := []string{"acl"}, []string{"versionId"}
	return []row{
		{method: http.MethodGet, scope: bucketScope, query: acl, operation: s.getBucketACL()},
		{method: http.MethodPut, scope: bucketScope, query: acl, operation: s.putBucketACL()},
		{method: http.MethodGet, scope: objectScope, query: acl, params: version, operation: s.getObjectACL()},
		{method: http.MethodPut, scope: objectScope, query: acl, params: version, operation: s.putObjectACL()},
	}
}

func (s *S3) getBucketACL() service.Operation {
	return define(s, spec[struct{}]{
		name: "GetBucketAcl", parse: noInput, needs: bucketAction[struct{}]("s3:GetBucketAcl"),
		serve: func(_ context.Context, r *request, _ struct{}) (*service.Response, error) {
			return aclResponse(r.bucket.ACL), nil
		},
	})
}

func (s *S3) getObjectACL() service.Operation {
	return define(s, spec[*stored]{
		name: "GetObjectAcl", parse: parseStored, reveals: revealsKey[*stored],
		needs: storedAction("s3:GetObjectAcl"),
		serve: func(_ context.Context, r *request, in *stored) (*service.Response, error) {
			if in.err != nil {
				return nil, in.err
			}
			l, err := aclOf(r.bucket, in.object.Info().Attributes)
			if err != nil {
				return nil, err
			}
			return in.tell(r, aclResponse(l)), nil
		},
	})
}

func (s *S3) putBucketACL() service.Operation {
	return define(s, spec[aclRequest]{
		name: "PutBucketAcl", parse: parseACL, serve: servePutBucketACL,
		needs: func(r *request, _ aclRequest) ([]service.Need, error) {
			return []service.Need{r.onBucket("s3:PutBucketAcl", r.headerKeys(aclHeaders...))}, nil
		},
	})
}

func servePutBucketACL(ctx context.Context, r *request, in aclRequest) (*service.Response, error) {
	if err := r.checkACL(in, ""); err != nil || r.bucket.ACLsDisabled() {
		return &service.Response{}, err
	}
	l, err := r.s3.list(in, r.bucket.ACL.Owner, r.bucket.ACL.Owner)
	if err != nil {
		return nil, err
	}
	if err := r.s3.directory.SetBucketACL(ctx, r.bucket.ID, r.bucket.ACL, l); err != nil {
		return nil, r.aclError(err, "s3:PutBucketAcl", bucketARN(r.bucket.Name))
	}
	return &service.Response{}, nil
}

// aclError words an error of setting an access control list.
func (r *request) aclError(err error, action, resource string) error {
	var refused *directory.ACLError
	switch {
	case errors.Is(err, directory.ErrACLChanged):
		return awserr.OperationAborted.WithCause(err)
	case errors.As(err, &refused) && refused.Public:
		return r.publicACLBlocked(action, resource)
	case refused != nil:
		return awserr.AccessControlListUnsupported
	}
	return r.directoryError(err)
}

// publicACLBlocked is the answer to a public ACL where Block Public Access forbids
// it ("Troubleshoot access denied (403 Forbidden) errors in Amazon S3", Amazon S3
// User Guide).
func (r *request) publicACLBlocked(action, resource string) error {
	if r.Caller.AccountID != r.bucket.AccountID {
		return awserr.AccessDenied
	}
	return awserr.AccessDenied.WithMessage(
		"User: %s is not authorized to perform: %s on resource: %q because public ACLs are prevented by the BlockPublicAcls setting in S3 Block Public Access.",
		r.Caller.ARN, action, resource)
}

type putObjectACLInput struct {
	*stored
	acl aclRequest
}

func (s *S3) putObjectACL() service.Operation {
	return define(s, spec[putObjectACLInput]{
		name: "PutObjectAcl", reveals: revealsKey[putObjectACLInput], serve: servePutObjectACL,
		parse: func(r *service.Request) (in putObjectACLInput, err error) {
			if in.stored, err = parseStored(r); err != nil {
				return in, err
			}
			in.acl, err = parseACL(r)
			return in, err
		},
		needs: func(r *request, in putObjectACLInput) ([]service.Need, error) {
			in.open(r)
			return []service.Need{in.need(r, "s3:PutObjectAcl", r.headerKeys(aclHeaders...), r.headerKeys("x-amz-storage-class"))}, nil
		},
	})
}

func servePutObjectACL(ctx context.Context, r *request, in putObjectACLInput) (*service.Response, error) {
	if in.err != nil {
		return nil, in.err
	}
	p := in.tell(r, &service.Response{})
	if err := r.checkACL(in.acl, ""); err != nil || r.bucket.ACLsDisabled() {
		return p, err
	}
	info := in.object.Info()
	text, err := r.objectACL(in.acl, ownerOf(r.bucket, info.Attributes))
	if err != nil {
		return nil, err
	}
	// What was decided on is what the ACL is for: who lost meanwhile what let him set
	// it must not set it after all.
	_, err = r.s3.objects.SetACL(ctx, r.room(), info, text)
	if errors.Is(err, objects.ErrPreconditionFailed) {
		return nil, awserr.OperationAborted.WithCause(err)
	}
	if err != nil {
		return nil, r.storeError(err)
	}
	return p, nil
}
