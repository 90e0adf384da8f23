package s3

import (
	"context"
	"encoding/xml"
	"net/http"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
)

func (s *S3) publicAccessBlockRows() []row {
	subresource := []string{"publicAccessBlock"}
	return []row{
		{method: http.MethodGet, scope: bucketScope, query: subresource, operation: s.getPublicAccessBlock()},
		{method: http.MethodPut, scope: bucketScope, query: subresource, operation: s.putPublicAccessBlock()},
		{method: http.MethodDelete, scope: bucketScope, query: subresource, operation: s.deletePublicAccessBlock()},
	}
}

// publicAccessBlockConfiguration is the four settings as a document has them. A
// setting that is left out is off.
type publicAccessBlockConfiguration struct {
	BlockPublicAcls       bool
	IgnorePublicAcls      bool
	BlockPublicPolicy     bool
	RestrictPublicBuckets bool
}

type getPublicAccessBlockResult struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ PublicAccessBlockConfiguration"`
	publicAccessBlockConfiguration
}

type putPublicAccessBlockRequest struct {
	XMLName xml.Name `xml:"PublicAccessBlockConfiguration"`
	publicAccessBlockConfiguration
	closed
}

func (s *S3) getPublicAccessBlock() service.Operation {
	return define(s, spec[struct{}]{
		name: "GetPublicAccessBlock", parse: noInput, needs: bucketAction[struct{}]("s3:GetBucketPublicAccessBlock"),
		serve: func(_ context.Context, r *request, _ struct{}) (*service.Response, error) {
			block := r.bucket.PublicAccessBlock
			if block == nil {
				return nil, awserr.NoSuchPublicAccessBlock.With("BucketName", r.bucket.Name)
			}
			return &service.Response{XML: getPublicAccessBlockResult{
				publicAccessBlockConfiguration: publicAccessBlockConfiguration(*block),
			}}, nil
		},
	})
}

func (s *S3) putPublicAccessBlock() service.Operation {
	return define(s, spec[*directory.PublicAccessBlock]{
		name:  "PutPublicAccessBlock",
		parse: parsePublicAccessBlock,
		needs: bucketAction[*directory.PublicAccessBlock]("s3:PutBucketPublicAccessBlock"),
		serve: setPublicAccessBlock(http.StatusOK),
	})
}

func parsePublicAccessBlock(r *service.Request) (*directory.PublicAccessBlock, error) {
	var in putPublicAccessBlockRequest
	err := r.ReadXML(&in, maxSmallDocument)
	block := directory.PublicAccessBlock(in.publicAccessBlockConfiguration)
	return &block, err
}

func (s *S3) deletePublicAccessBlock() service.Operation {
	return define(s, spec[*directory.PublicAccessBlock]{
		name:  "DeletePublicAccessBlock",
		parse: func(*service.Request) (*directory.PublicAccessBlock, error) { return nil, nil },
		needs: bucketAction[*directory.PublicAccessBlock]("s3:PutBucketPublicAccessBlock"),
		serve: setPublicAccessBlock(http.StatusNoContent),
	})
}

func setPublicAccessBlock(status int) func(context.Context, *request, *directory.PublicAccessBlock) (*service.Response, error) {
	return func(ctx context.Context, r *request, block *directory.PublicAccessBlock) (*service.Response, error) {
		if err := r.s3.directory.SetPublicAccessBlock(ctx, r.bucket.ID, block); err != nil {
			return nil, r.directoryError(err)
		}
		return &service.Response{Status: status}, nil
	}
}
