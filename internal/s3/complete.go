package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
)

func (s *S3) completeRows() []row {
	return []row{{
		method: http.MethodPost, scope: objectScope, query: []string{"uploadId"},
		conditional: writeConditionals, operation: s.completeMultipartUpload(),
	}}
}

// maxCompleteBody has room for 10,000 parts with their checksums.
const maxCompleteBody = 4 << 20

type completeRequest struct {
	XMLName xml.Name       `xml:"CompleteMultipartUpload"`
	Parts   completedParts `xml:"Part"`
	closed
}

type completedParts []completedElement

// UnmarshalXML reads one part more.
func (l *completedParts) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	return appendElement((*[]completedElement)(l), objects.MaxPartNumber, d, &start)
}

type completedElement struct {
	PartNumber int
	ETag       string
	checksums
	closed
}

// completeInput is what a client says of the upload that it completes.
type completeInput struct {
	sealedUpload
	parts        []completedElement
	conditions   objects.Conditions
	checksum     objects.Checksum // of the whole object; without Value when it says nothing
	checksumType checksum.Type    // "" when it says nothing
	size         int64            // -1 when it says nothing
}

type completeResult struct {
	XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUploadResult"`
	Location string
	Bucket   string
	Key      string
	ETag     string
	checksums
	ChecksumType string `xml:",omitempty"`
}

func (s *S3) completeMultipartUpload() service.Operation {
	return define(s, spec[*completeInput]{
		name: "CompleteMultipartUpload", parse: parseComplete, reveals: revealsKey[*completeInput], serve: serveComplete,
		needs: func(r *request, in *completeInput) ([]service.Need, error) {
			needs := []service.Need{r.onObject("s3:PutObject", r.headerKeys("if-match", "if-none-match"), creation(true), in.contextKeys(r))}
			in.conditions.OwnerID = r.changing(&needs[0], r.Key)
			if in.conditions.IfMatch != "" {
				needs = append(needs, r.aboutCurrent(r.onObject("s3:GetObject"), r.Key))
			}
			return append(needs, in.find(r, "kms:Decrypt")...), nil
		},
	})
}

func parseComplete(r *service.Request) (in *completeInput, err error) {
	in, h := &completeInput{sealedUpload: sealedUpload{uploadInput: uploadInput{id: r.Query.Get("uploadId")}}}, r.HTTP.Header
	if in.conditions, err = writeConditions(h); err != nil {
		return nil, err
	}
	if in.size, err = objectSize(h); err != nil {
		return nil, err
	}
	if in.opening.customer, err = parseCustomerKey(r, headerCustomer); err != nil {
		return nil, err
	}
	if in.checksum, err = objectChecksum(h); err != nil {
		return nil, err
	}
	in.checksumType = checksum.Type(h.Get(headerChecksumType))
	return in, nil
}

// objectSize reads x-amz-mp-object-size, or returns -1.
func objectSize(h http.Header) (int64, error) {
	const header = "x-amz-mp-object-size"
	if h.Values(header) == nil {
		return -1, nil
	}
	n, err := strconv.ParseInt(h.Get(header), 10, 64)
	if err != nil || n < 0 {
		return 0, awserr.InvalidRequest.WithMessage("Value for %s header is invalid.", header)
	}
	return n, nil
}

// objectChecksum reads the checksum of the whole object, which is in the header
// that other operations have for the checksum of the body.
func objectChecksum(h http.Header) (sum objects.Checksum, err error) {
	for name, values := range h {
		name = strings.ToLower(name)
		if !strings.HasPrefix(name, checksum.HeaderPrefix) || name == headerChecksumType {
			continue
		}
		a, ok := checksum.FromHeader(name)
		switch {
		case !ok:
			return sum, errChecksumAlgorithm
		case sum.Value != "" || len(values) > 1:
			return sum, awserr.InvalidRequest.WithMessage("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		digest, _, _ := strings.Cut(values[0], "-")
		if _, ok := a.Decode(digest); !ok {
			return sum, awserr.InvalidRequest.WithMessage("Value for %s header is invalid.", name)
		}
		sum = objects.Checksum{Algorithm: a, Value: values[0]}
	}
	return sum, nil
}

// readParts reads the document, the longest there is: only for who may complete
// the upload. A checksum of it cannot be in the headers, where the object's is.
func (in *completeInput) readParts(r *service.Request) error {
	switch n := r.Body.DecodedLength(); {
	case n == 0:
		return awserr.MissingRequestBody
	case n > maxCompleteBody:
		return awserr.MaxMessageLengthExceeded
	}
	if err := r.Body.VerifyContentMD5(); err != nil {
		return err
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var document completeRequest
	if err := service.DecodeXML(data, &document); err != nil {
		return err
	}
	if len(document.Parts) == 0 {
		return awserr.InvalidRequest.WithMessage("You must specify at least one part")
	}
	for i := range document.Parts {
		p := &document.Parts[i]
		if p.PartNumber < 1 || p.PartNumber > objects.MaxPartNumber {
			return invalidArgument("partNumber", itoa(p.PartNumber), "Part number must be an integer between 1 and %d, inclusive", objects.MaxPartNumber)
		}
		p.ETag = strings.Trim(p.ETag, `"`)
	}
	in.parts = document.Parts
	return nil
}

func serveComplete(ctx context.Context, r *request, in *completeInput) (*service.Response, error) {
	if err := in.readParts(r.Request); err != nil {
		return nil, err
	}
	var sealer objects.KeySealer
	switch {
	case in.err == nil:
		if err := in.checkAgainst(in.upload); err != nil {
			return nil, err
		}
		if err := in.checkConflict(r); err != nil {
			return nil, err
		}
		var err error
		if sealer, err = in.optionalSealer(); err != nil {
			return nil, err
		}
	case !errors.Is(in.err, awserr.NoSuchUpload):
		return nil, in.err
	}
	// An upload that is gone may have been completed by this very request sent
	// before: the store knows.
	retention, err := r.defaultRetention()
	if err != nil {
		return nil, err
	}
	info, err := r.s3.objects.CompleteUpload(ctx, r.room(), r.Key, in.id, objects.CompleteRequest{
		Parts: in.completed(), Checksum: in.checksum, Size: in.size, Conditions: in.conditions,
		Versioning: r.versioning(), Retention: retention, Sealer: sealer,
	})
	if err != nil {
		return nil, in.completeError(ctx, r, err)
	}
	p := &service.Response{XML: completeResult{
		Location: location(r), Bucket: r.bucket.Name, Key: r.Key, ETag: quoted(info.ETag),
		checksums: checksumElements(info.Checksum), ChecksumType: string(info.Checksum.Type),
	}}
	tellEncryption(p, info.Attributes.Encryption, in.opening.customer)
	tellNewVersion(p, info.VersionID)
	r.tellExpiration(p, info)
	return p, nil
}

// checkConflict refuses to replace the object that If-Match names when that was
// put after the upload had begun ("How to prevent object overwrites with
// conditional writes", Amazon S3 User Guide).
func (in *completeInput) checkConflict(r *request) error {
	if in.conditions.IfMatch == "" {
		return nil
	}
	current, err := r.open(r.bucket, r.Key, version{})
	if err != nil {
		return nil // the store answers for what is not there
	}
	if i := current.Info(); i.ETag == in.conditions.IfMatch && i.Modified.After(in.upload.Initiated) {
		return awserr.ConditionalRequestConflict.With("Condition", "If-Match").With("Key", r.Key)
	}
	return nil
}

// checkAgainst compares what the client says of checksums with what was chosen
// when the upload was begun.
func (in *completeInput) checkAgainst(u objects.Upload) error {
	mode := string(u.ChecksumType)
	if !chosen(u) {
		mode = "null"
	}
	if in.checksumType != "" && in.checksumType != u.ChecksumType {
		return awserr.InvalidRequest.WithMessage("The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", mode)
	}
	if in.checksum.Value != "" && chosen(u) && in.checksum.Algorithm != u.Checksum {
		return checksumMismatch(u.Checksum, in.checksum.Algorithm)
	}
	if u.ChecksumType != checksum.Composite {
		return nil
	}
	for i := range in.parts {
		if *in.parts[i].of(u.Checksum) == "" {
			return awserr.InvalidRequest.WithMessage("The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.",
				strings.ToLower(u.Checksum.String()), in.parts[i].PartNumber)
		}
	}
	return nil
}

// completed are the parts as the store compares them.
func (in *completeInput) completed() []objects.CompletedPart {
	parts := make([]objects.CompletedPart, len(in.parts))
	for i := range in.parts {
		p := &in.parts[i]
		parts[i] = objects.CompletedPart{Number: p.PartNumber, ETag: p.ETag}
		for _, a := range checksum.Algorithms() {
			if v := *p.of(a); v != "" {
				parts[i].Checksum = objects.Checksum{Algorithm: a, Value: v}
			}
		}
	}
	return parts
}

// location is the URL of the object as the client addressed it.
func location(r *request) string {
	scheme := "http"
	if r.HTTP.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.HTTP.Host + r.HTTP.URL.EscapedPath()
}

// completeError words an error of the store on completing the upload.
func (in *completeInput) completeError(ctx context.Context, r *request, err error) error {
	var part *objects.PartError
	switch {
	case errors.As(err, &part):
		return in.partError(ctx, r, part)
	case errors.Is(err, objects.ErrBadChecksum):
		return awserr.BadDigest.WithMessage("The %s you specified did not match the calculated checksum.", strings.ToLower(in.checksum.Algorithm.String())).WithCause(err)
	case errors.Is(err, objects.ErrSizeMismatch):
		return awserr.InvalidRequest.WithMessage("The provided 'x-amz-mp-object-size' header value %d does not match what was computed: %d", in.size, in.computedSize(ctx, r)).WithCause(err)
	}
	return conditionFailed(in.storeError(r, err), in.conditions)
}

func (in *completeInput) partError(ctx context.Context, r *request, e *objects.PartError) error {
	if errors.Is(e, objects.ErrPartTooSmall) {
		return awserr.EntityTooSmall.With("ProposedSize", itoa(e.Size)).With("MinSizeAllowed", itoa(objects.MinPartSize)).
			With("PartNumber", itoa(e.Number)).With("ETag", e.ETag).WithCause(e)
	}
	for _, p := range in.completed() {
		if p.Number != e.Number {
			continue
		}
		stored, err := in.storedPart(ctx, r, e.Number)
		if err == nil && stored.ETag == p.ETag { // then it is the checksum that differs
			return awserr.BadDigest.WithMessage("The %s you specified for part %d did not match what we received.",
				strings.ToLower(p.Checksum.Algorithm.String()), e.Number).WithCause(e)
		}
		return awserr.InvalidPart.With("UploadId", in.id).With("PartNumber", itoa(e.Number)).With("ETag", p.ETag).WithCause(e)
	}
	return in.storeError(r, e)
}

func (in *completeInput) storedPart(ctx context.Context, r *request, number int) (objects.Part, error) {
	p, err := r.s3.objects.ListParts(ctx, r.room(), r.Key, in.id, objects.ListPartsRequest{After: number - 1, Max: 1})
	if err != nil || len(p.Parts) == 0 || p.Parts[0].Number != number {
		return objects.Part{}, errors.Join(err, objects.ErrInvalidPart)
	}
	return p.Parts[0], nil
}

// computedSize is the size of the parts that the client listed.
func (in *completeInput) computedSize(ctx context.Context, r *request) (size int64) {
	for _, p := range in.parts {
		if stored, err := in.storedPart(ctx, r, p.PartNumber); err == nil {
			size += stored.Size
		}
	}
	return size
}
