package s3

import (
	"encoding/xml"
	"errors"
	"net/http"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
)

// fault is an error document ("Error responses", Amazon S3 API Reference).
type fault struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	Fields    []faultField
	RequestID string `xml:"RequestId,omitempty"`
	HostID    string `xml:"HostId,omitempty"`
}

type faultField struct {
	XMLName xml.Name
	Value   string `xml:",chardata"`
}

// Fault writes an error. A HEAD request and a 304 get no document.
func (s *S3) Fault(w http.ResponseWriter, r *service.Request, e *awserr.Error) {
	h := w.Header()
	for name, values := range e.Header {
		h[name] = values
	}
	s.tellRegion(h, r)
	if r.HTTP.Method == http.MethodHead || e.Status == http.StatusNotModified {
		w.WriteHeader(e.Status)
		return
	}
	f := fault{Code: e.Code, Message: e.Message, RequestID: r.ID, HostID: r.HostID}
	for _, x := range e.Fields {
		f.Fields = append(f.Fields, faultField{xml.Name{Local: x.Name}, x.Value})
	}
	if isControl(r.HTTP) {
		f.RequestID, f.HostID = "", ""
		service.WriteXML(w, e.Status, controlFault{Error: f, RequestID: r.ID, HostID: r.HostID})
		return
	}
	service.WriteXML(w, e.Status, f)
}

// tellRegion tells where a bucket is, which every caller may know, whatever
// went wrong ("HeadBucket", Amazon S3 API Reference).
func (s *S3) tellRegion(h http.Header, r *service.Request) {
	a, err := s.addressOf(r.HTTP)
	if err != nil || a.scope() != bucketScope {
		return
	}
	if b, ok := s.directory.Bucket(a.bucket); ok {
		h.Set("X-Amz-Bucket-Region", b.Region)
	}
}

// storeErrors says how conditions of the store are answered.
var storeErrors = []struct {
	condition error
	answer    *awserr.Error
}{
	{objects.ErrNoSuchBucket, awserr.NoSuchBucket},
	{objects.ErrBucketNotEmpty, awserr.BucketNotEmpty},
	{objects.ErrNoSuchKey, awserr.NoSuchKey},
	{objects.ErrNoSuchVersion, awserr.NoSuchVersion},
	{objects.ErrLocked, awserr.AccessDenied.WithMessage("Access Denied because object protected by object lock.")},
	{objects.ErrOtherOwner, awserr.OperationAborted},
	{objects.ErrNoSuchUpload, awserr.NoSuchUpload},
	{objects.ErrPreconditionFailed, awserr.PreconditionFailed},
	{objects.ErrIncomplete, awserr.IncompleteBody},
	{objects.ErrInvalidPart, awserr.InvalidPart},
	{objects.ErrInvalidPartOrder, awserr.InvalidPartOrder},
	{objects.ErrPartTooSmall, awserr.EntityTooSmall},
	{objects.ErrBadChecksum, awserr.BadDigest},
	{objects.ErrSealed, errKeyMissing},
}

// storeError returns what a client is told of an error of the store, on a key
// of a bucket or on the bucket. An error of the body is passed on: it has been
// worded already.
func storeError(err error, bucket *directory.Bucket, key string) error {
	var worded *awserr.Error
	if err == nil || errors.As(err, &worded) {
		return err
	}
	if marked := markerError(err, key); marked != nil {
		return marked
	}
	for _, x := range storeErrors {
		if !errors.Is(err, x.condition) {
			continue
		}
		answer := x.answer.WithCause(err)
		switch answer.Code {
		case awserr.BucketNotEmpty.Code:
			if keepsVersions(bucket) {
				answer = answer.WithMessage("The bucket you tried to delete is not empty. You must delete all versions in the bucket.")
			}
			return answer.With("BucketName", bucket.Name)
		case awserr.NoSuchBucket.Code:
			return answer.With("BucketName", bucket.Name)
		case awserr.NoSuchKey.Code:
			return answer.With("Key", key)
		}
		return answer
	}
	return awserr.InternalError.WithCause(err)
}

// storeError is the error of the store on the request's object.
func (r *request) storeError(err error) error { return storeError(err, r.bucket, r.Key) }

func invalidArgument(name, value, format string, args ...any) *awserr.Error {
	return awserr.InvalidArgument.WithMessage(format, args...).With("ArgumentName", name).With("ArgumentValue", value)
}
