package s3

import (
	"context"
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
)

// S3 Control is the API for what belongs to an account. Its requests are signed
// for S3, and are told apart by a header that those for buckets never have: their
// host begins with the account's id, which could be a bucket's name as well, and
// so could the first element of their path.
const (
	controlPath     = "/v20180820/"
	headerAccountID = "x-amz-account-id"
)

func isControl(r *http.Request) bool {
	return strings.HasPrefix(r.URL.EscapedPath(), controlPath) && r.Header.Values(headerAccountID) != nil
}

// controlOperation returns the operation of S3 Control that a request asks for. All
// that is served is Block Public Access of the account.
func (s *S3) controlOperation(r *service.Request) (service.Operation, error) {
	var err error
	if r.Query, err = parseQuery(r.HTTP.URL.RawQuery); err != nil {
		return service.Operation{}, err
	}
	for name := range r.HTTP.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") && lower != headerAccountID && !isServedHeader(lower) {
			return service.Operation{}, notImplemented(lower)
		}
	}
	if len(r.Query) == 0 && r.HTTP.URL.EscapedPath() == controlPath+"configuration/publicAccessBlock" {
		switch r.HTTP.Method {
		case http.MethodGet:
			return s.getAccountPublicAccessBlock(), nil
		case http.MethodPut:
			return s.putAccountPublicAccessBlock(), nil
		case http.MethodDelete:
			return s.deleteAccountPublicAccessBlock(), nil
		}
	}
	return service.Operation{}, awserr.NotImplemented.WithMessage("Of S3 Control this server implements GetPublicAccessBlock, PutPublicAccessBlock and DeletePublicAccessBlock.")
}

// accountAction returns the needs of an operation on the caller's account.
// Nobody has anything to do with another's.
func accountAction[In any](action string) func(*service.Request, In) ([]service.Need, error) {
	return func(r *service.Request, _ In) ([]service.Need, error) {
		if id := r.HTTP.Header.Values(headerAccountID); len(id) != 1 || id[0] != r.Caller.AccountID {
			return nil, awserr.AccessDenied
		}
		return []service.Need{{Action: action, Resource: "*", Context: requestContext(r, r.Caller.AccountID, nil)}}, nil
	}
}

type getAccountPublicAccessBlockResult struct {
	XMLName xml.Name `xml:"http://awss3control.amazonaws.com/doc/2018-08-20/ PublicAccessBlockConfiguration"`
	publicAccessBlockConfiguration
}

func (s *S3) getAccountPublicAccessBlock() service.Operation {
	return service.Define(service.Spec[struct{}]{
		Name: "GetPublicAccessBlock (Account)", Parse: noInput, Needs: accountAction[struct{}]("s3:GetAccountPublicAccessBlock"),
		Serve: func(_ context.Context, r *service.Request, _ struct{}) (*service.Response, error) {
			block, ok := s.directory.AccountPublicAccessBlock(r.Caller.AccountID)
			if !ok {
				return nil, awserr.NoSuchPublicAccessBlock.With("AccountId", r.Caller.AccountID)
			}
			return &service.Response{XML: getAccountPublicAccessBlockResult{publicAccessBlockConfiguration: publicAccessBlockConfiguration(block)}}, nil
		},
	})
}

func (s *S3) putAccountPublicAccessBlock() service.Operation {
	return service.Define(service.Spec[*directory.PublicAccessBlock]{
		Name: "PutPublicAccessBlock (Account)", Parse: parsePublicAccessBlock, Needs: accountAction[*directory.PublicAccessBlock]("s3:PutAccountPublicAccessBlock"),
		Serve: s.setAccountPublicAccessBlock(http.StatusCreated),
	})
}

func (s *S3) deleteAccountPublicAccessBlock() service.Operation {
	return service.Define(service.Spec[*directory.PublicAccessBlock]{
		Name:  "DeletePublicAccessBlock (Account)",
		Parse: func(*service.Request) (*directory.PublicAccessBlock, error) { return nil, nil },
		Needs: accountAction[*directory.PublicAccessBlock]("s3:PutAccountPublicAccessBlock"),
		Serve: s.setAccountPublicAccessBlock(http.StatusNoContent),
	})
}

func (s *S3) setAccountPublicAccessBlock(status int) func(context.Context, *service.Request, *directory.PublicAccessBlock) (*service.Response, error) {
	return func(ctx context.Context, r *service.Request, block *directory.PublicAccessBlock) (*service.Response, error) {
		if err := s.directory.SetAccountPublicAccessBlock(ctx, r.Caller.AccountID, block); err != nil {
			return nil, err
		}
		return &service.Response{Status: status}, nil
	}
}

// controlFault is an error document of S3 Control, in which the error stands
// within another element than in S3's.
type controlFault struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Error     fault    `xml:"Error"`
	RequestID string   `xml:"RequestId"`
	HostID    string   `xml:"HostId"`
}
