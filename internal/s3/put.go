package s3

import (
	"context"
	"net/http"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
)

func (s *S3) putRows() []row {
	return []row{{method: http.MethodPut, scope: objectScope, conditional: writeConditionals, operation: s.putObject()}}
}

// writeConditionals are the conditional headers of an operation that makes an
// object.
var writeConditionals = []string{"If-Match", "If-None-Match"}

// write is what the headers of an operation say of the object that it makes.
type write struct {
	attributes objects.Attributes
	conditions objects.Conditions
	acl        aclRequest
	lock       objects.Lock
	encryption encryptionWish
}

func parseWrite(r *service.Request) (w write, err error) {
	h := r.HTTP.Header
	if w.attributes, err = attributesOf(h); err != nil {
		return w, err
	}
	if w.conditions, err = writeConditions(h); err != nil {
		return w, err
	}
	if w.acl, err = headerACL(h); err != nil {
		return w, err
	}
	if w.encryption, err = parseEncryption(r); err != nil {
		return w, err
	}
	w.lock, err = parseLock(h, r.Time)
	return w, err
}

// defaultChecksum is kept with an object whose client chose none ("Checking
// object integrity in Amazon S3", Amazon S3 User Guide).
const defaultChecksum = checksum.CRC64NVME

// needs lists what it takes to make an object with tags.
func (w *write) needs(r *request, tags map[string]string) []service.Need {
	h := r.HTTP.Header
	w.encryption.resolve(r)
	needs := []service.Need{r.onObject("s3:PutObject", r.headerKeys(writeHeaders...), w.encryption.contextKey, r.headerKeys(aclHeaders...), requestTags(tags), r.lockKeys(w.lock), creation(true))}
	w.conditions.OwnerID = r.changing(&needs[0], r.Key)
	if hasACL(h) {
		needs = append(needs, r.ofNew(r.onObject("s3:PutObjectAcl", r.headerKeys(aclHeaders...), r.headerKeys("x-amz-storage-class"))))
	}
	if h.Values("x-amz-tagging") != nil || len(tags) > 0 {
		needs = append(needs, r.onObject("s3:PutObjectTagging", requestTags(tags)))
	}
	if h.Values("If-Match") != nil {
		needs = append(needs, r.aboutCurrent(r.onObject("s3:GetObject"), r.Key))
	}
	needs = append(needs, w.encryption.needs(r)...)
	return append(needs, r.lockNeeds(w.lock)...)
}

type putInput struct {
	write
	content objects.Content
}

func (s *S3) putObject() service.Operation {
	return define(s, spec[*putInput]{
		name: "PutObject", parse: parsePut, reveals: revealsKey[*putInput],
		needs: func(r *request, in *putInput) ([]service.Need, error) {
			return in.write.needs(r, in.attributes.Tags), nil
		},
		serve: servePut,
	})
}

func parsePut(r *service.Request) (in *putInput, err error) {
	in = &putInput{}
	if in.write, err = parseWrite(r); err != nil {
		return nil, err
	}
	if err := requireLockDigest(r); err != nil {
		return nil, err
	}
	in.content, err = contentOf(r, objects.MaxPutSize)
	if in.content.Checksum == checksum.None {
		in.content.Checksum = defaultChecksum
	}
	return in, err
}

// contentOf returns the body of a request with the checksum that its client
// chose. Whatever digests the client sent are verified before the body ends.
// Errors are EntityTooLarge, InvalidDigest, InvalidRequest and BadDigest.
func contentOf(r *service.Request, limit int64) (c objects.Content, err error) {
	c = objects.Content{Body: r.Body, Size: r.Body.DecodedLength()}
	if r.Form != nil {
		r.Form.Limit(limit)
		c.Size, c.Open = r.Form.MaxSize(), true
	}
	if c.Size > limit {
		return c, awserr.EntityTooLarge.With("ProposedSize", itoa(c.Size)).With("MaxSizeAllowed", itoa(limit))
	}
	if err := r.Body.VerifyContentMD5(); err != nil {
		return c, err
	}
	c.Checksum, err = r.Body.VerifyChecksum()
	return c, err
}

func servePut(ctx context.Context, r *request, in *putInput) (*service.Response, error) {
	err := r.own(&in.attributes, in.acl)
	if err != nil {
		return nil, err
	}
	if in.attributes.Lock, err = r.lockOf(in.lock); err != nil {
		return nil, err
	}
	made, err := in.encryption.protect(ctx, r)
	if err != nil {
		return nil, err
	}
	in.attributes.Encryption, in.content.Sealer = made.encryption, made.sealer
	info, err := r.s3.objects.Put(ctx, r.room(), objects.PutRequest{
		Key: r.Key, Content: in.content, Attributes: in.attributes, Conditions: in.conditions,
		Versioning: r.versioning(),
	})
	if err != nil {
		return nil, conditionFailed(r.storeError(err), in.conditions)
	}
	p := &service.Response{}
	p.SetHeader("Etag", quoted(info.ETag))
	tellEncryption(p, info.Attributes.Encryption, in.encryption.customer)
	in.encryption.tellContext(p)
	setChecksum(p, info.Checksum)
	tellNewVersion(p, info.VersionID)
	r.tellExpiration(p, info)
	return p, nil
}
