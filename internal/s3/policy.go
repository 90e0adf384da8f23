package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/lint"
)

func (s *S3) policyRows() []row {
	subresource := []string{"policy"}
	return []row{
		{method: http.MethodGet, scope: bucketScope, query: subresource, operation: s.getBucketPolicy()},
		{method: http.MethodPut, scope: bucketScope, query: subresource, operation: s.putBucketPolicy()},
		{method: http.MethodDelete, scope: bucketScope, query: subresource, operation: s.deleteBucketPolicy()},
		{method: http.MethodGet, scope: bucketScope, query: []string{"policyStatus"}, operation: s.getBucketPolicyStatus()},
	}
}

func (s *S3) getBucketPolicy() service.Operation {
	return define(s, spec[struct{}]{
		name: "GetBucketPolicy", parse: noInput, needs: bucketAction[struct{}]("s3:GetBucketPolicy"),
		serve: func(_ context.Context, r *request, _ struct{}) (*service.Response, error) {
			if err := r.checkPolicyOwner(); err != nil {
				return nil, err
			}
			if r.bucket.Policy == nil {
				return nil, awserr.NoSuchBucketPolicy.With("BucketName", r.bucket.Name)
			}
			p := &service.Response{Data: r.bucket.Policy.Document}
			p.SetHeader("Content-Type", "application/json")
			return p, nil
		},
	})
}

// checkPolicyOwner refuses a caller of another account, even one that the
// policy allows ("PutBucketPolicy", Amazon S3 API Reference).
func (r *request) checkPolicyOwner() error {
	if r.Caller.AccountID != r.bucket.AccountID {
		return awserr.MethodNotAllowed.With("Method", r.HTTP.Method).With("ResourceType", "BUCKETPOLICY")
	}
	return nil
}

// maxPolicyBody is the longest body of PutBucketPolicy. The limit of a policy
// does not count the white space between its elements.
const maxPolicyBody = 256 << 10

func (s *S3) putBucketPolicy() service.Operation {
	return define(s, spec[[]byte]{
		name:  "PutBucketPolicy",
		parse: func(r *service.Request) ([]byte, error) { return r.ReadBody(maxPolicyBody) },
		needs: bucketAction[[]byte]("s3:PutBucketPolicy"),
		serve: servePutBucketPolicy,
	})
}

func servePutBucketPolicy(ctx context.Context, r *request, document []byte) (*service.Response, error) {
	if err := r.checkPolicyOwner(); err != nil {
		return nil, err
	}
	doc, findings := lint.Parse(document, lint.Bucket, lint.Options{Bucket: r.bucket.Name})
	for _, f := range findings {
		if f.Severity == lint.Error {
			return nil, awserr.MalformedPolicy.WithMessage("%s", lint.S3Message(f)).WithCause(errors.New(f.Position.String() + ": " + f.Message))
		}
	}
	ids, err := r.s3.principalIDs(doc)
	if err != nil {
		return nil, err
	}
	err = r.s3.directory.SetBucketPolicy(ctx, r.bucket.ID, document, ids)
	var public *directory.PublicPolicyError
	if errors.As(err, &public) {
		return nil, r.publicPolicyBlocked()
	}
	if err != nil {
		return nil, r.directoryError(err)
	}
	return &service.Response{Status: http.StatusNoContent}, nil
}

// principalIDs returns the unique ids of the users and roles that a policy
// names. Those of accounts that live here must exist ("AWS JSON policy elements:
// Principal", IAM User Guide); others are taken as they stand.
func (s *S3) principalIDs(doc *policy.Document) (map[string]string, error) {
	ids := map[string]string{}
	for _, p := range doc.Principals() {
		if p.Type != policy.AWS {
			continue
		}
		id, known := s.directory.PrincipalID(p.Value.Text)
		switch {
		case known && id == "":
			return nil, awserr.MalformedPolicy.WithMessage("Invalid principal in policy").With("Detail", `"AWS" : "`+p.Value.Text+`"`)
		case known:
			ids[p.Value.Text] = id
		}
	}
	return ids, nil
}

// publicPolicyBlocked is the answer to a public policy where Block Public Access
// forbids it ("Troubleshoot access denied (403 Forbidden) errors in Amazon S3",
// Amazon S3 User Guide).
func (r *request) publicPolicyBlocked() error {
	if r.Caller.AccountID != r.bucket.AccountID {
		return awserr.AccessDenied
	}
	return awserr.AccessDenied.WithMessage(
		"User: %s is not authorized to perform: s3:PutBucketPolicy on resource: %q because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
		r.Caller.ARN, bucketARN(r.bucket.Name))
}

func (s *S3) deleteBucketPolicy() service.Operation {
	return define(s, spec[struct{}]{
		name: "DeleteBucketPolicy", parse: noInput, needs: bucketAction[struct{}]("s3:DeleteBucketPolicy"),
		serve: func(ctx context.Context, r *request, _ struct{}) (*service.Response, error) {
			if err := r.checkPolicyOwner(); err != nil {
				return nil, err
			}
			if err := s.directory.SetBucketPolicy(ctx, r.bucket.ID, nil, nil); err != nil {
				return nil, r.directoryError(err)
			}
			return &service.Response{Status: http.StatusNoContent}, nil
		},
	})
}

type policyStatus struct {
	XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ PolicyStatus"`
	IsPublic bool
}

func (s *S3) getBucketPolicyStatus() service.Operation {
	return define(s, spec[struct{}]{
		name: "GetBucketPolicyStatus", parse: noInput, needs: bucketAction[struct{}]("s3:GetBucketPolicyStatus"),
		serve: func(_ context.Context, r *request, _ struct{}) (*service.Response, error) {
			if r.bucket.Policy == nil {
				return nil, awserr.NoSuchBucketPolicy.With("BucketName", r.bucket.Name)
			}
			return &service.Response{XML: policyStatus{IsPublic: r.bucket.Policy.Compiled.Public()}}, nil
		},
	})
}
