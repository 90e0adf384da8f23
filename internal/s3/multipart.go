package s3

import (
	"context"
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/condition"
)

func (s *S3) multipartRows() []row {
	return []row{
		{method: http.MethodPost, scope: objectScope, query: []string{"uploads"}, operation: s.createMultipartUpload()},
		{method: http.MethodDelete, scope: objectScope, query: []string{"uploadId"}, operation: s.abortMultipartUpload()},
		{method: http.MethodGet, scope: bucketScope, query: []string{"uploads"},
			params:    []string{"delimiter", "encoding-type", "key-marker", "max-uploads", "prefix", "upload-id-marker"},
			operation: s.listMultipartUploads()},
	}
}

type createUploadInput struct {
	write
	checksum     checksum.Algorithm // None when the client named none
	checksumType checksum.Type
}

type createUploadResult struct {
	XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ InitiateMultipartUploadResult"`
	Bucket   string
	Key      string
	UploadID string `xml:"UploadId"`
}

func (s *S3) createMultipartUpload() service.Operation {
	return define(s, spec[*createUploadInput]{
		name: "CreateMultipartUpload", parse: parseCreateUpload, needs: createUploadNeeds, serve: serveCreateUpload,
	})
}

func parseCreateUpload(r *service.Request) (in *createUploadInput, err error) {
	in = &createUploadInput{}
	if in.write, err = parseWrite(r); err != nil {
		return in, err
	}
	in.checksum, in.checksumType, err = uploadChecksum(r.HTTP.Header)
	return in, err
}

const headerChecksumType = "x-amz-checksum-type"

// uploadChecksum reads the checksum that the parts and the object will have.
func uploadChecksum(h http.Header) (checksum.Algorithm, checksum.Type, error) {
	a, err := chosenChecksum(h)
	if err != nil {
		return a, "", err
	}
	kind := checksum.Type(h.Get(headerChecksumType))
	switch {
	case kind == "" && a == checksum.None:
		return a, "", nil
	case a == checksum.None:
		return a, "", awserr.InvalidRequest.WithMessage("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
	case kind == "":
		return a, a.DefaultType(), nil
	case kind != checksum.FullObject && kind != checksum.Composite:
		return a, "", awserr.InvalidRequest.WithMessage("Value for x-amz-checksum-type header is invalid.")
	case !a.Supports(kind):
		return a, "", awserr.InvalidRequest.WithMessage("The %s checksum type cannot be used with the %s checksum algorithm.", kind, strings.ToLower(a.String()))
	}
	return a, kind, nil
}

// errAnonymousUpload is the answer to who begins an upload without a signature
// ("Uploading and copying objects using multipart upload", Amazon S3 User Guide).
var errAnonymousUpload = awserr.AccessDenied.WithMessage("Anonymous users cannot initiate multipart uploads.  Please authenticate.")

func createUploadNeeds(r *request, in *createUploadInput) ([]service.Need, error) {
	if r.Caller.Anonymous() {
		return nil, errAnonymousUpload
	}
	needs := in.write.needs(r, in.attributes.Tags)
	object, none := needs[0].Object, needs[0].NoObject
	needs[0] = r.onObject("s3:PutObject", r.headerKeys(writeHeaders...), in.encryption.contextKey, r.headerKeys(aclHeaders...), requestTags(in.attributes.Tags), r.lockKeys(in.lock), creation(false))
	needs[0].Object, needs[0].NoObject = object, none
	return needs, nil
}

func serveCreateUpload(ctx context.Context, r *request, in *createUploadInput) (*service.Response, error) {
	if err := r.own(&in.attributes, in.acl); err != nil {
		return nil, err
	}
	if !hasObjectLock(r.bucket) && hasLock(r.HTTP.Header) {
		return nil, errNoObjectLock
	}
	in.attributes.Lock = in.lock
	made, err := in.encryption.protect(ctx, r)
	if err != nil {
		return nil, err
	}
	in.attributes.Encryption = made.encryption
	request := objects.UploadRequest{
		Key: r.Key, Attributes: in.attributes, Sealer: made.sealer, Checksum: in.checksum, ChecksumType: in.checksumType, Initiator: r.initiator(),
		AskedEncryption: in.encryption.algorithm,
	}
	if request.Checksum == checksum.None {
		request.Checksum = defaultChecksum // without a type: see chosen
	}
	u, err := r.s3.objects.CreateUpload(ctx, r.room(), request)
	if err != nil {
		return nil, r.storeError(err)
	}
	p := &service.Response{XML: createUploadResult{Bucket: r.bucket.Name, Key: r.Key, UploadID: u.ID}}
	tellEncryption(p, made.encryption, in.encryption.customer)
	in.encryption.tellContext(p)
	p.SetHeader("X-Amz-Checksum-Algorithm", in.checksum.String())
	p.SetHeader("X-Amz-Checksum-Type", string(in.checksumType))
	r.tellAbortion(p, u)
	return p, nil
}

// chosen reports whether the client that began an upload chose its checksum. The
// checksum of one that chose none is not shown before the object is complete.
func chosen(u objects.Upload) bool { return u.ChecksumType != "" }

// initiator is who begins an upload.
func (r *request) initiator() objects.Initiator {
	c := r.Caller
	if c.Root() {
		return objects.Initiator{ID: c.CanonicalID, DisplayName: c.DisplayName(), UserID: c.UserID}
	}
	return objects.Initiator{ID: c.ARN, DisplayName: c.DisplayName(), UserID: c.UserID}
}

// initiatorElement is an initiator as answers show it.
func initiatorElement(i objects.Initiator) identity { return identity{i.ID, i.DisplayName} }

// uploadInput is an upload that a request names, as it is when the needs are
// found.
type uploadInput struct {
	id     string
	upload objects.Upload
	err    error
}

func parseUpload(r *service.Request) (*uploadInput, error) {
	return &uploadInput{id: r.Query.Get("uploadId")}, nil
}

// find looks the upload up.
func (in *uploadInput) find(ctx context.Context, r *request) {
	in.upload, in.err = r.s3.objects.GetUpload(ctx, r.room(), r.Key, in.id)
	in.err = in.storeError(r, in.err)
}

// storeError names the upload in the errors that are about it.
func (in *uploadInput) storeError(r *request, err error) error {
	if err == nil {
		return nil
	}
	e := awserr.From(r.storeError(err))
	switch e.Code {
	case awserr.NoSuchUpload.Code, awserr.InvalidPart.Code, awserr.InvalidPartOrder.Code:
		return e.With("UploadId", in.id)
	}
	return e
}

// initiatorNeeds are the needs of an operation that who began the upload may do
// unless he is denied it ("Multipart upload API and permissions", Amazon S3
// User Guide).
func initiatorNeeds[In interface{ initiated() *uploadInput }](action string) func(*request, In) ([]service.Need, error) {
	return func(r *request, in In) ([]service.Need, error) {
		u := in.initiated()
		u.find(r.HTTP.Context(), r)
		n := r.onObject(action)
		if u.err == nil {
			n.Owner = u.upload.Initiator.UserID
		}
		return []service.Need{n}, nil
	}
}

func (in *uploadInput) initiated() *uploadInput { return in }

// find is uploadInput's, and returns the needs of the use of the upload's KMS key.
func (in *sealedUpload) find(r *request, actions ...string) []service.Need {
	in.uploadInput.find(r.HTTP.Context(), r)
	if in.err != nil {
		return nil
	}
	return in.opening.find(r, in.upload.Attributes.Encryption, actions...)
}

// sealedUpload is an upload whose key a request opens.
type sealedUpload struct {
	uploadInput
	opening opening
}

// optionalSealer is sealer for what reads no content: a customer's key need not be
// given, but for its checksums.
func (in *sealedUpload) optionalSealer() (objects.KeySealer, error) {
	if isCustomers(in.upload.Attributes.Encryption) && in.opening.customer == nil {
		return nil, nil
	}
	return in.sealer()
}

// contextKeys set the encryption that was asked for when the upload was begun:
// what continues it has no header for that ("UploadPart", Amazon S3 API
// Reference). A customer's key comes with each request.
func (in *sealedUpload) contextKeys(r *request) keys {
	customers := r.headerKeys(headerCustomer + "algorithm")
	return func(c *condition.Context) {
		customers(c)
		if asked := in.upload.AskedEncryption; asked != "" {
			c.SetString("s3:"+headerEncryption, asked)
		}
		if key := in.upload.Attributes.Encryption.KeyID; key != "" {
			c.SetString("s3:"+headerKMSKey, key)
		}
	}
}

func (in *sealedUpload) sealer() (objects.KeySealer, error) { return in.opening.partSealer(in.upload) }

func (s *S3) abortMultipartUpload() service.Operation {
	return define(s, spec[*uploadInput]{
		name: "AbortMultipartUpload", parse: parseUpload, needs: initiatorNeeds[*uploadInput]("s3:AbortMultipartUpload"),
		serve: func(ctx context.Context, r *request, in *uploadInput) (*service.Response, error) {
			if in.err != nil {
				return nil, in.err
			}
			if err := s.objects.AbortUpload(ctx, r.room(), r.Key, in.id); err != nil {
				return nil, in.storeError(r, err)
			}
			return &service.Response{Status: http.StatusNoContent}, nil
		},
	})
}

type listUploadsInput struct {
	request objects.ListUploadsRequest
	encode  encoding
}

type listUploadsResult struct {
	XMLName            xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListMultipartUploadsResult"`
	Bucket             string
	KeyMarker          string
	UploadIDMarker     string `xml:"UploadIdMarker"`
	NextKeyMarker      string
	NextUploadIDMarker string `xml:"NextUploadIdMarker"`
	Delimiter          *string
	Prefix             string
	EncodingType       string `xml:",omitempty"`
	MaxUploads         int
	IsTruncated        bool
	Uploads            []uploadElement `xml:"Upload"`
	CommonPrefixes     []commonPrefix
}

type uploadElement struct {
	Key               string
	UploadID          string `xml:"UploadId"`
	Initiator         identity
	Owner             identity
	StorageClass      string
	Initiated         string
	ChecksumAlgorithm string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
}

func (s *S3) listMultipartUploads() service.Operation {
	return define(s, spec[listUploadsInput]{
		name: "ListMultipartUploads", parse: parseListUploads, serve: serveListUploads,
		needs: bucketAction[listUploadsInput]("s3:ListBucketMultipartUploads"),
	})
}

func parseListUploads(r *service.Request) (in listUploadsInput, err error) {
	q := r.Query
	in.request = objects.ListUploadsRequest{Prefix: q.Get("prefix"), Delimiter: q.Get("delimiter"), KeyAfter: q.Get("key-marker")}
	if in.request.KeyAfter != "" { // without it the other marker has no meaning
		in.request.UploadAfter = q.Get("upload-id-marker")
	}
	if in.encode, err = parseEncoding(r); err != nil {
		return in, err
	}
	in.request.Max, err = parseMax("max-uploads", q["max-uploads"])
	return in, err
}

func serveListUploads(ctx context.Context, r *request, in listUploadsInput) (*service.Response, error) {
	p, err := r.s3.objects.ListUploads(ctx, r.room(), in.request)
	if err != nil {
		return nil, r.storeError(err)
	}
	result := listUploadsResult{
		Bucket: r.bucket.Name, KeyMarker: in.encode.text(in.request.KeyAfter), UploadIDMarker: in.request.UploadAfter,
		NextKeyMarker: in.encode.text(p.NextKey), NextUploadIDMarker: p.NextUploadID,
		Delimiter: in.encode.optional(in.request.Delimiter, in.request.Delimiter != ""), Prefix: in.encode.text(in.request.Prefix),
		EncodingType: in.encode.name(), MaxUploads: in.request.Max, IsTruncated: p.Truncated,
		CommonPrefixes: in.encode.prefixes(p.Prefixes),
	}
	for _, u := range p.Uploads {
		e := uploadElement{
			Key: in.encode.text(u.Key), UploadID: u.ID, Initiator: initiatorElement(u.Initiator), Owner: identity{ID: ownerOf(r.bucket, u.Attributes)},
			StorageClass: classOf(u.Attributes), Initiated: timestamp(u.Initiated),
		}
		if chosen(u) {
			e.ChecksumAlgorithm, e.ChecksumType = u.Checksum.String(), string(u.ChecksumType)
		}
		result.Uploads = append(result.Uploads, e)
	}
	return &service.Response{XML: result}, nil
}
