package s3

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
)

// overrides are the parameters that replace a header of GetObject's answer.
var overrides = map[string]string{
	"response-cache-control":       "Cache-Control",
	"response-content-disposition": "Content-Disposition",
	"response-content-encoding":    "Content-Encoding",
	"response-content-language":    "Content-Language",
	"response-content-type":        "Content-Type",
	"response-expires":             "Expires",
}

func (s *S3) getRows() []row {
	params := []string{"partNumber", "versionId"}
	for name := range overrides {
		params = append(params, name)
	}
	return []row{
		{method: http.MethodGet, scope: objectScope, params: params, operation: s.getObject("GetObject")},
		{method: http.MethodHead, scope: objectScope, params: params, operation: s.getObject("HeadObject")},
	}
}

// getInput is what GetObject and HeadObject ask of an object.
type getInput struct {
	*stored
	part     int               // 0 when none is named
	override map[string]string // by response header
	tagNeed  int               // index of the need to be told of tags, or -1
	lock     lockTold
	opening  opening
}

// getObject returns GetObject or HeadObject, which differ in the body only.
func (s *S3) getObject(name string) service.Operation {
	return define(s, spec[*getInput]{name: name, parse: parseGet, needs: getNeeds, reveals: revealsKey[*getInput], serve: serveGet})
}

func parseGet(r *service.Request) (*getInput, error) {
	in := &getInput{override: map[string]string{}, tagNeed: -1}
	var err error
	if in.stored, err = parseStored(r); err != nil {
		return nil, err
	}
	if v := r.HTTP.Header.Values(headerEncryption); v != nil {
		return nil, invalidArgument(headerEncryption, v[0], "x-amz-server-side-encryption header is not supported for this operation.")
	}
	if in.opening.customer, err = parseCustomerKey(r, headerCustomer); err != nil {
		return nil, err
	}
	if v := r.HTTP.Header.Values("x-amz-checksum-mode"); v != nil && !strings.EqualFold(v[0], "ENABLED") {
		return nil, awserr.InvalidRequest.WithMessage("Value for x-amz-checksum-mode header is invalid.")
	}
	if r.Query.Has("partNumber") {
		if in.part, err = parsePartNumber(r); err != nil {
			return nil, err
		}
		if r.HTTP.Header.Get("Range") != "" {
			return nil, awserr.InvalidRequest.WithMessage("Cannot specify both Range header and partNumber query parameter")
		}
	}
	for param, header := range overrides {
		if !r.Query.Has(param) {
			continue
		}
		if r.Caller.Anonymous() {
			return nil, awserr.InvalidRequest.WithMessage("Request specific response headers cannot be used for anonymous GET requests.")
		}
		if in.override[header], err = latin1(param, r.Query.Get(param)); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// parsePartNumber reads the partNumber parameter.
func parsePartNumber(r *service.Request) (int, error) {
	v := r.Query.Get("partNumber")
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > objects.MaxPartNumber {
		return 0, invalidArgument("partNumber", v, "Part number must be an integer between 1 and %d, inclusive", objects.MaxPartNumber)
	}
	return n, nil
}

// latin1 writes a value as headers carry it.
func latin1(name, v string) (string, error) {
	var b strings.Builder
	for _, c := range v {
		if c > 0xff || c < ' ' && c != '\t' || c == 0x7f {
			return "", invalidArgument(name, v, "Header value cannot be represented using ISO-8859-1.")
		}
		b.WriteByte(byte(c))
	}
	return b.String(), nil
}

func getNeeds(r *request, in *getInput) ([]service.Need, error) {
	in.open(r)
	needs := []service.Need{in.need(r, "s3:GetObject")}
	if len(in.tags()) > 0 {
		count := in.need(r, "s3:GetObjectTagging")
		count.Optional = true
		in.tagNeed = len(needs)
		needs = append(needs, count)
	}
	in.lock, needs = in.tellLockNeeds(r, needs)
	if h := r.HTTP; in.object != nil && (h.Method == http.MethodGet || wantsChecksum(h.Header)) {
		needs = append(needs, in.opening.find(r, in.object.Info().Attributes.Encryption, "kms:Decrypt")...)
	}
	return needs, nil
}

func wantsChecksum(h http.Header) bool {
	return strings.EqualFold(h.Get("x-amz-checksum-mode"), "ENABLED")
}

func serveGet(ctx context.Context, r *request, in *getInput) (*service.Response, error) {
	if in.err != nil {
		return nil, in.err
	}
	if err := in.opening.unseal(r, in.object); err != nil {
		return nil, err
	}
	info, h := in.object.Info(), r.HTTP.Header
	if err := checkRead(h, info, r.Time); err != nil {
		return nil, err
	}
	e, err := extentOf(h, in.part, info)
	if err != nil {
		return nil, err
	}
	p := objectResponse(info, e)
	tellEncryption(p, info.Attributes.Encryption, in.opening.customer)
	if wantsChecksum(h) {
		setChecksum(p, checksumOf(info, e))
	}
	if in.tagNeed >= 0 && r.Denied(in.tagNeed) == nil {
		p.SetHeader("X-Amz-Tagging-Count", itoa(len(info.Attributes.Tags)))
	}
	if !in.version.given {
		r.tellExpiration(p, info)
	}
	in.lock.tell(r, p, info.Attributes.Lock)
	in.tell(r, p)
	for header, v := range in.override {
		p.Header.Set(header, v)
	}
	if r.HTTP.Method == http.MethodHead {
		return p, nil
	}
	if p.Stream, err = in.object.Read(ctx, e.offset, e.length); err != nil {
		return nil, r.storeError(err)
	}
	return p, nil
}

// objectResponse is the answer with an object, or a part of it, without its
// bytes.
func objectResponse(i objects.Info, e extent) *service.Response {
	p := &service.Response{Length: e.length}
	if e.partial {
		p.Status = http.StatusPartialContent
	}
	p.SetHeader("Accept-Ranges", "bytes")
	p.SetHeader("Content-Range", e.contentRange(i.Size))
	p.SetHeader("Etag", quoted(i.ETag))
	p.SetHeader("Last-Modified", i.Modified.UTC().Format(http.TimeFormat))
	if e.part > 0 && len(i.Parts) > 0 {
		p.SetHeader("X-Amz-Mp-Parts-Count", itoa(len(i.Parts)))
	}
	setAttributes(p, i.Attributes)
	return p
}

// checksumOf returns the checksum of what is served: of the object, of its part,
// or none when it is any other range than all of it.
func checksumOf(i objects.Info, e extent) objects.Checksum {
	switch {
	case e.part > 0 && len(i.Parts) > 0:
		sum := i.Parts[e.part-1].Checksum
		sum.Type = cmp.Or(i.Checksum.Type, sum.Type) // as the upload was created
		return sum
	case e.part == 0 && e.length < i.Size:
		return objects.Checksum{}
	}
	return i.Checksum
}

// setChecksum tells a checksum in a response's headers.
func setChecksum(p *service.Response, sum objects.Checksum) {
	if sum.Value == "" {
		return
	}
	p.SetHeader(sum.Algorithm.Header(), sum.Value)
	p.SetHeader("X-Amz-Checksum-Type", string(sum.Type))
}
