package s3

import (
	"context"
	"encoding/xml"
	"net/http"

	"github.com/keywright/keywright/internal/service"
)

// absentRows are the reads of what no bucket has here, and tools that describe a
// bucket ask for: the answer is that of a bucket without it. To put it is refused.
func (s *S3) absentRows() []row {
	return []row{
		{method: http.MethodGet, scope: bucketScope, query: []string{"logging"},
			operation: absent(s, "GetBucketLogging", "s3:GetBucketLogging", "BucketLoggingStatus")},
		{method: http.MethodGet, scope: bucketScope, query: []string{"accelerate"},
			operation: absent(s, "GetBucketAccelerateConfiguration", "s3:GetAccelerateConfiguration", "AccelerateConfiguration")},
	}
}

// absent is an operation that answers with an empty document.
func absent(s *S3, name, action, document string) service.Operation {
	return define(s, spec[struct{}]{
		name: name, parse: noInput, needs: bucketAction[struct{}](action),
		serve: func(context.Context, *request, struct{}) (*service.Response, error) {
			return configurationResponse(struct{ XMLName xml.Name }{xml.Name{Local: document}})
		},
	})
}
