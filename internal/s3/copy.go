package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/condition"
)

func (s *S3) copyRows() []row {
	return []row{{
		method: http.MethodPut, scope: objectScope, header: headerCopySource,
		conditional: writeConditionals, operation: s.copyObject(),
	}}
}

const headerCopySource = "x-amz-copy-source"

// source is the object that a request copies from, opened when the needs are
// found.
type source struct {
	bucketName, key string
	version         version
	expectedOwner   string
	opening         opening

	bucket *directory.Bucket
	object objects.Object // nil unless err is
	err    error          // told only to who may know
}

// parseSource reads x-amz-copy-source: the bucket, a slash and the key,
// percent-encoded, with or without a slash before, and perhaps a version after
// ("CopyObject", Amazon S3 API Reference).
func parseSource(r *service.Request) (s source, err error) {
	h := r.HTTP.Header
	header := h.Get(headerCopySource)
	refuse := func(what string) error {
		return invalidArgument(headerCopySource, header, "Invalid copy source %s", what)
	}
	path, id, versioned := strings.Cut(header, "?versionId=")
	path, err = url.PathUnescape(path)
	if err != nil || !utf8.ValidString(path) || len(h.Values(headerCopySource)) > 1 {
		return s, refuse("encoding")
	}
	s.expectedOwner = h.Get("x-amz-source-expected-bucket-owner")
	s.bucketName, s.key, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case strings.HasPrefix(path, "arn:"):
		return s, notImplemented(headerCopySource)
	case s.bucketName == "":
		return s, refuse("bucket name")
	case s.key == "":
		return s, refuse("object key")
	}
	if err := checkKey(s.key); err != nil {
		return s, err
	}
	if versioned {
		if s.version, err = newVersion(id); err != nil {
			return s, err
		}
	}
	s.opening.customer, err = parseCustomerKey(r, headerSourceCustomer)
	return s, err
}

// open finds the bucket and opens the object. Only what every caller may know
// is an error of it.
func (s *source) open(r *request) (err error) {
	if s.bucket, err = r.s3.lookup(s.bucketName, s.expectedOwner); err != nil {
		return err
	}
	if err := r.checkPayer(s.bucket); err != nil {
		return err
	}
	s.object, s.err = r.open(s.bucket, s.key, s.version)
	if s.version.given && errors.Is(s.err, awserr.MethodNotAllowed) {
		s.err = awserr.InvalidRequest.WithMessage("The source of a copy request may not specifically refer to a delete marker by version id.").WithCause(s.err)
	}
	return nil
}

// need is the need for an action on the source.
func (s *source) need(r *request, action string) service.Need {
	var tags map[string]string
	if s.object != nil {
		tags = s.object.Info().Attributes.Tags
	}
	return about(r.need(s.version.action(action), s.bucket, s.key, []keys{existingTags(tags), s.version.key}), s.object, s.err)
}

// decryptNeeds are the needs of reading the source's key.
func (s *source) decryptNeeds(r *request) []service.Need {
	if s.object == nil {
		return nil
	}
	return s.opening.find(r, s.object.Info().Attributes.Encryption, "kms:Decrypt")
}

// contextKey sets the key of where an object is copied from: bucket and key,
// however the client wrote them ("Bucket policy examples using condition keys",
// Amazon S3 User Guide).
func (s *source) contextKey(c *condition.Context) {
	c.SetString("s3:x-amz-copy-source", s.bucketName+"/"+s.key)
}

// check refuses a source that is too large, or not as the request's conditions
// want it, and opens its key.
func (s *source) check(r *request, length int64) error {
	if s.err != nil {
		return s.err
	}
	if err := s.opening.unseal(r, s.object); err != nil {
		return err
	}
	if err := checkCopy(r.HTTP.Header, s.object.Info(), r.Time); err != nil {
		return err
	}
	if length > objects.MaxPutSize {
		return awserr.InvalidRequest.WithMessage("The specified copy source is larger than the maximum allowable size for a copy source: %d", objects.MaxPutSize)
	}
	return nil
}

// tellVersion tells in a response which version was copied.
func (s *source) tellVersion(p *service.Response) {
	if s.version.given || keepsVersions(s.bucket) {
		p.SetHeader("X-Amz-Copy-Source-Version-Id", s.object.Info().VersionID)
	}
}

// reveals is the reveals of an operation that copies: it may be the source
// that does not exist, or the target.
func (s *source) reveals(r *request) service.Need {
	if s.object == nil {
		return r.revealed(s.bucket, s.key)
	}
	return r.revealed(r.bucket, r.Key)
}

type copyInput struct {
	write
	source          source
	replaceMetadata bool
	replaceTags     bool
	checksum        checksum.Algorithm
}

func (s *S3) copyObject() service.Operation {
	return define(s, spec[*copyInput]{
		name: "CopyObject", parse: parseCopy, needs: copyNeeds, serve: serveCopy,
		reveals: func(r *request, in *copyInput) service.Need { return in.source.reveals(r) },
	})
}

func parseCopy(r *service.Request) (in *copyInput, err error) {
	in, h := &copyInput{}, r.HTTP.Header
	if in.source, err = parseSource(r); err != nil {
		return nil, err
	}
	if in.write, err = parseWrite(r); err != nil {
		return nil, err
	}
	if in.replaceMetadata, err = directive(h, "metadata"); err != nil {
		return nil, err
	}
	if in.replaceTags, err = directive(h, "tagging"); err != nil {
		return nil, err
	}
	in.checksum, err = chosenChecksum(h)
	return in, err
}

// directive reads whether something is replaced, or copied as it is by default.
func directive(h http.Header, what string) (replace bool, err error) {
	header := "x-amz-" + what + "-directive"
	switch v := h.Get(header); {
	case h.Values(header) == nil || v == "COPY":
		return false, nil
	case v != "REPLACE":
		return false, invalidArgument(header, v, "Unknown %s directive.", what)
	}
	return true, nil
}

var errChecksumAlgorithm = awserr.InvalidRequest.WithMessage("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")

// chosenChecksum reads x-amz-checksum-algorithm.
func chosenChecksum(h http.Header) (checksum.Algorithm, error) {
	values := h.Values("x-amz-checksum-algorithm")
	if values == nil {
		return checksum.None, nil
	}
	a, ok := checksum.Parse(values[0])
	if !ok {
		return checksum.None, errChecksumAlgorithm
	}
	return a, nil
}

// tags are those that the copy will have.
func (in *copyInput) tags() map[string]string {
	if in.replaceTags || in.source.object == nil {
		return in.attributes.Tags
	}
	return in.source.object.Info().Attributes.Tags
}

func copyNeeds(r *request, in *copyInput) ([]service.Need, error) {
	if err := in.source.open(r); err != nil {
		return nil, err
	}
	needs := []service.Need{in.source.need(r, "s3:GetObject")}
	tags := in.tags()
	if !in.replaceTags && len(tags) > 0 {
		needs = append(needs, in.source.need(r, "s3:GetObjectTagging"))
	}
	needs = append(needs, in.source.decryptNeeds(r)...)
	target := in.write.needs(r, tags)
	ofWrite := target[0].Context
	target[0].Context = func(c *condition.Context) {
		ofWrite(c)
		in.source.contextKey(c)
	}
	return append(needs, target...), nil
}

type copyObjectResult struct {
	XMLName      xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CopyObjectResult"`
	LastModified string
	ETag         string
	ChecksumType string `xml:",omitempty"`
	checksums
}

func serveCopy(ctx context.Context, r *request, in *copyInput) (*service.Response, error) {
	var size int64
	if in.source.object != nil {
		size = in.source.object.Info().Size
	}
	if err := in.source.check(r, size); err != nil {
		return nil, err
	}
	if in.changesNothing(r) {
		return nil, awserr.InvalidRequest.WithMessage("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	attributes := in.target()
	err := r.own(&attributes, in.acl)
	if err != nil {
		return nil, err
	}
	if attributes.Lock, err = r.lockOf(in.lock); err != nil {
		return nil, err
	}
	made, err := in.encryption.protect(ctx, r)
	if err != nil {
		return nil, err
	}
	attributes.Encryption = made.encryption
	info, err := r.s3.objects.Copy(ctx, in.source.object, r.room(), objects.CopyRequest{
		Key: r.Key, Attributes: attributes, Sealer: made.sealer, Checksum: in.checksum, Conditions: in.conditions,
		Versioning: r.versioning(),
	})
	if err != nil {
		return nil, conditionFailed(r.storeError(err), in.conditions)
	}
	p := &service.Response{XML: copyObjectResult{
		LastModified: timestamp(info.Modified), ETag: quoted(info.ETag),
		ChecksumType: string(info.Checksum.Type), checksums: checksumElements(info.Checksum),
	}}
	tellEncryption(p, info.Attributes.Encryption, in.encryption.customer)
	in.encryption.tellContext(p)
	tellNewVersion(p, info.VersionID)
	r.tellExpiration(p, info)
	in.source.tellVersion(p)
	return p, nil
}

// changesNothing reports whether the copy would be what the object is already. An
// older version that is named is brought back.
func (in *copyInput) changesNothing(r *request) bool {
	h := r.HTTP.Header
	return in.source.bucket.ID == r.bucket.ID && in.source.key == r.Key && !in.source.version.given && !in.replaceMetadata &&
		h.Values("x-amz-storage-class") == nil && h.Values("x-amz-website-redirect-location") == nil &&
		!hasEncryption(h) && in.source.opening.customer == nil // which a copy without a wish takes away
}

// target returns the attributes of the copy. Metadata and tags come from the
// source unless they are replaced; storage class and website redirect location
// never do, nor does the access control list.
func (in *copyInput) target() objects.Attributes {
	a := in.attributes
	if !in.replaceMetadata {
		a = in.source.object.Info().Attributes
		a.StorageClass, a.WebsiteRedirectLocation = in.attributes.StorageClass, in.attributes.WebsiteRedirectLocation
	}
	a.Tags = in.tags()
	return a
}
