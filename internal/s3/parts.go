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
)

func (s *S3) partRows() []row {
	upload, number := []string{"uploadId"}, []string{"partNumber"}
	return []row{
		{method: http.MethodPut, scope: objectScope, query: upload, params: number, operation: s.uploadPart()},
		{method: http.MethodPut, scope: objectScope, query: upload, params: number, header: headerCopySource, operation: s.uploadPartCopy()},
		{method: http.MethodGet, scope: objectScope, query: upload, params: []string{"max-parts", "part-number-marker"}, operation: s.listParts()},
	}
}

type partInput struct {
	sealedUpload
	number  int
	content objects.Content
}

func (s *S3) uploadPart() service.Operation {
	return define(s, spec[*partInput]{
		name: "UploadPart", parse: parseUploadPart, serve: serveUploadPart,
		needs: func(r *request, in *partInput) ([]service.Need, error) {
			put := r.onObject("s3:PutObject", creation(false), in.contextKeys(r))
			r.changing(&put, r.Key)
			return append(in.find(r, partActions...), put), nil
		},
	})
}

// partActions are what a part of an upload under a KMS key needs ("Multipart
// upload API and permissions", Amazon S3 User Guide).
var partActions = []string{generateDataKey, "kms:Decrypt"}

func parseUploadPart(r *service.Request) (in *partInput, err error) {
	in = &partInput{sealedUpload: sealedUpload{uploadInput: uploadInput{id: r.Query.Get("uploadId")}}}
	if in.number, err = parsePartNumber(r); err != nil {
		return nil, err
	}
	if in.opening.customer, err = parseCustomerKey(r, headerCustomer); err != nil {
		return nil, err
	}
	in.content, err = contentOf(r, objects.MaxPartSize)
	return in, err
}

func serveUploadPart(ctx context.Context, r *request, in *partInput) (*service.Response, error) {
	if in.err != nil {
		return nil, in.err
	}
	if err := in.checkChecksum(); err != nil {
		return nil, err
	}
	var err error
	if in.content.Sealer, err = in.sealer(); err != nil {
		return nil, err
	}
	in.content.Checksum = in.upload.Checksum
	part, err := r.s3.objects.PutPart(ctx, r.room(), r.Key, in.id, in.number, in.content)
	if err != nil {
		return nil, in.storeError(r, err)
	}
	p := &service.Response{}
	p.SetHeader("Etag", quoted(part.ETag))
	tellEncryption(p, in.upload.Attributes.Encryption, in.opening.customer)
	if chosen(in.upload) && part.Checksum.Value != "" {
		p.SetHeader(part.Checksum.Algorithm.Header(), part.Checksum.Value)
	}
	return p, nil
}

// checkChecksum refuses a part with a checksum of another algorithm than was
// chosen for the upload.
func (in *partInput) checkChecksum() error {
	sent := in.content.Checksum
	if sent == checksum.None || !chosen(in.upload) || sent == in.upload.Checksum {
		return nil
	}
	return checksumMismatch(in.upload.Checksum, sent)
}

func checksumMismatch(expected, actual checksum.Algorithm) error {
	return awserr.InvalidRequest.WithMessage("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
		strings.ToLower(expected.String()), strings.ToLower(actual.String()))
}

type partCopyInput struct {
	sealedUpload
	number int
	source source
	header string // x-amz-copy-source-range, or ""
	bytes  byteRange
}

type copyPartResult struct {
	XMLName      xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CopyPartResult"`
	LastModified string
	ETag         string
	checksums
}

func (s *S3) uploadPartCopy() service.Operation {
	return define(s, spec[*partCopyInput]{
		name: "UploadPartCopy", parse: parseUploadPartCopy, serve: serveUploadPartCopy,
		needs: func(r *request, in *partCopyInput) ([]service.Need, error) {
			if err := in.source.open(r); err != nil {
				return nil, err
			}
			put := r.onObject("s3:PutObject", creation(false), in.source.contextKey, in.contextKeys(r))
			r.changing(&put, r.Key)
			needs := append([]service.Need{in.source.need(r, "s3:GetObject"), put}, in.source.decryptNeeds(r)...)
			return append(needs, in.find(r, partActions...)...), nil
		},
		reveals: func(r *request, in *partCopyInput) service.Need { return in.source.reveals(r) },
	})
}

const headerCopyRange = "x-amz-copy-source-range"

func parseUploadPartCopy(r *service.Request) (in *partCopyInput, err error) {
	in = &partCopyInput{sealedUpload: sealedUpload{uploadInput: uploadInput{id: r.Query.Get("uploadId")}}}
	if in.number, err = parsePartNumber(r); err != nil {
		return nil, err
	}
	if in.source, err = parseSource(r); err != nil {
		return nil, err
	}
	if in.opening.customer, err = parseCustomerKey(r, headerCustomer); err != nil {
		return nil, err
	}
	in.header = r.HTTP.Header.Get(headerCopyRange)
	if in.header == "" {
		return in, nil
	}
	var ok bool
	in.bytes, ok = parseRange(in.header)
	if !ok || in.bytes.first < 0 || strings.HasSuffix(in.header, "-") {
		return nil, invalidArgument(headerCopyRange, in.header, "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
	}
	return in, nil
}

// extent finds the part of the source that is copied, which must lie within it.
func (in *partCopyInput) extent(size int64) (offset, length int64, err error) {
	switch {
	case in.header == "":
		return 0, size, nil
	case in.bytes.first >= size:
		return 0, 0, awserr.InvalidRequest.WithMessage("The specified copy range is invalid for the source object size")
	case in.bytes.last >= size:
		return 0, 0, invalidArgument(headerCopyRange, in.header, "Range specified is not valid for source object of size: %d", size)
	}
	return in.bytes.first, in.bytes.last - in.bytes.first + 1, nil
}

func serveUploadPartCopy(ctx context.Context, r *request, in *partCopyInput) (*service.Response, error) {
	if in.source.err != nil {
		return nil, in.source.err
	}
	offset, length, err := in.extent(in.source.object.Info().Size)
	if err != nil {
		return nil, err
	}
	if err := in.source.check(r, length); err != nil {
		return nil, err
	}
	if in.err != nil {
		return nil, in.err
	}
	sealer, err := in.sealer()
	if err != nil {
		return nil, err
	}
	part, err := r.s3.objects.CopyPart(ctx, in.source.object, offset, length, r.room(), r.Key, in.id, in.number, sealer)
	if err != nil {
		return nil, in.storeError(r, err)
	}
	result := copyPartResult{LastModified: timestamp(part.Modified), ETag: quoted(part.ETag)}
	if chosen(in.upload) {
		result.checksums = checksumElements(part.Checksum)
	}
	p := &service.Response{XML: result}
	tellEncryption(p, in.upload.Attributes.Encryption, in.opening.customer)
	in.source.tellVersion(p)
	return p, nil
}

type listPartsInput struct {
	sealedUpload
	page page
}

type listPartsResult struct {
	XMLName              xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListPartsResult"`
	Bucket               string
	Key                  string
	UploadID             string `xml:"UploadId"`
	Initiator            identity
	Owner                identity
	StorageClass         string
	PartNumberMarker     int
	NextPartNumberMarker int
	MaxParts             int
	IsTruncated          bool
	ChecksumAlgorithm    string        `xml:",omitempty"`
	ChecksumType         string        `xml:",omitempty"`
	Parts                []partElement `xml:"Part"`
}

type partElement struct {
	PartNumber   int
	LastModified string
	ETag         string
	Size         int64
	checksums
}

func (s *S3) listParts() service.Operation {
	return define(s, spec[*listPartsInput]{
		name: "ListParts", parse: parseListParts, serve: serveListParts,
		needs: func(r *request, in *listPartsInput) ([]service.Need, error) {
			needs, err := initiatorNeeds[*listPartsInput]("s3:ListMultipartUploadParts")(r, in)
			if err != nil || in.err != nil {
				return needs, err
			}
			return append(needs, in.opening.find(r, in.upload.Attributes.Encryption, "kms:Decrypt")...), nil
		},
	})
}

func parseListParts(r *service.Request) (in *listPartsInput, err error) {
	in = &listPartsInput{sealedUpload: sealedUpload{uploadInput: uploadInput{id: r.Query.Get("uploadId")}}}
	if in.opening.customer, err = parseCustomerKey(r, headerCustomer); err != nil {
		return nil, err
	}
	in.page, err = parsePage("max-parts", r.Query["max-parts"], "part-number-marker", r.Query["part-number-marker"])
	return in, err
}

func serveListParts(ctx context.Context, r *request, in *listPartsInput) (*service.Response, error) {
	if in.err != nil {
		return nil, in.err
	}
	sealer, err := in.optionalSealer()
	if err != nil {
		return nil, err
	}
	p, err := r.s3.objects.ListParts(ctx, r.room(), r.Key, in.id, objects.ListPartsRequest{After: in.page.after, Max: in.page.max, Sealer: sealer})
	if err != nil {
		return nil, in.storeError(r, err)
	}
	u := p.Upload
	result := listPartsResult{
		Bucket: r.bucket.Name, Key: r.Key, UploadID: in.id, Initiator: initiatorElement(u.Initiator), Owner: identity{ID: ownerOf(r.bucket, u.Attributes)},
		StorageClass: classOf(u.Attributes), PartNumberMarker: in.page.after, MaxParts: in.page.max, IsTruncated: p.Truncated,
	}
	if chosen(u) {
		result.ChecksumAlgorithm, result.ChecksumType = u.Checksum.String(), string(u.ChecksumType)
	}
	for _, part := range p.Parts {
		e := partElement{PartNumber: part.Number, LastModified: timestamp(part.Modified), ETag: quoted(part.ETag), Size: part.Size}
		if chosen(u) {
			e.checksums = checksumElements(part.Checksum)
		}
		result.Parts = append(result.Parts, e)
		result.NextPartNumberMarker = part.Number
	}
	answer := &service.Response{XML: result}
	r.tellAbortion(answer, u)
	return answer, nil
}
