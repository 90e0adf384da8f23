package s3

import (
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
)

const (
	metadataPrefix = "x-amz-meta-"
	// maxMetadata is the most that the names and values of user-defined
	// metadata may take ("Working with object metadata", Amazon S3 User Guide).
	maxMetadata = 2 << 10
	// defaultType is the content type of what came without one.
	defaultType = "binary/octet-stream"

	standardClass = "STANDARD"
)

// storageClasses are those that an object can have at once. They are labels:
// there is one kind of storage.
var storageClasses = map[string]bool{
	standardClass: true, "REDUCED_REDUNDANCY": true, "STANDARD_IA": true, "ONEZONE_IA": true, "INTELLIGENT_TIERING": true,
}

// attributesOf reads what a request stores beside an object's bytes. Errors are
// MetadataTooLarge, InvalidStorageClass, InvalidRedirectLocation,
// InvalidArgument, InvalidTag and BadRequest.
func attributesOf(h http.Header) (a objects.Attributes, err error) {
	a.ContentType = h.Get("Content-Type")
	if a.ContentType == "" {
		a.ContentType = defaultType
	}
	a.CacheControl = h.Get("Cache-Control")
	a.ContentDisposition = h.Get("Content-Disposition")
	a.ContentEncoding = storedEncoding(h)
	a.ContentLanguage = h.Get("Content-Language")
	a.Expires = h.Get("Expires")
	a.WebsiteRedirectLocation = h.Get("x-amz-website-redirect-location")
	if v := a.WebsiteRedirectLocation; v != "" && !isRedirect(v) {
		return a, awserr.InvalidRedirectLocation
	}
	if a.StorageClass, err = storageClass(h); err != nil {
		return a, err
	}
	if a.Metadata, err = metadata(h); err != nil {
		return a, err
	}
	a.Tags, err = headerTags(h)
	return a, err
}

func isRedirect(v string) bool {
	return strings.HasPrefix(v, "/") || strings.HasPrefix(v, "http://") || strings.HasPrefix(v, "https://")
}

// storedEncoding is Content-Encoding without the encoding of the request's body.
func storedEncoding(h http.Header) string {
	var kept []string
	for _, v := range strings.Split(strings.Join(h.Values("Content-Encoding"), ","), ",") {
		if v = strings.TrimSpace(v); v != "" && !strings.EqualFold(v, "aws-chunked") {
			kept = append(kept, v)
		}
	}
	return strings.Join(kept, ",")
}

// storageClass reads x-amz-storage-class; that of STANDARD is "".
func storageClass(h http.Header) (string, error) {
	v := h.Get("x-amz-storage-class")
	switch {
	case h.Values("x-amz-storage-class") == nil || v == standardClass:
		return "", nil
	case !storageClasses[v]:
		return "", awserr.InvalidStorageClass.With("StorageClassRequested", v)
	}
	return v, nil
}

func metadata(h http.Header) (map[string]string, error) {
	var m map[string]string
	size := 0
	for name, values := range h {
		name, ok := strings.CutPrefix(strings.ToLower(name), metadataPrefix)
		if !ok {
			continue
		}
		if m == nil {
			m = map[string]string{}
		}
		m[name] = strings.Join(values, ",")
		size += len(name) + len(m[name])
	}
	if size > maxMetadata {
		return nil, awserr.MetadataTooLarge.With("Size", itoa(size)).With("MaxSizeAllowed", itoa(maxMetadata))
	}
	return m, nil
}

// setAttributes tells in a response what is stored beside an object's bytes,
// but for its tags.
func setAttributes(p *service.Response, a objects.Attributes) {
	p.SetHeader("Content-Type", a.ContentType)
	p.SetHeader("Cache-Control", a.CacheControl)
	p.SetHeader("Content-Disposition", a.ContentDisposition)
	p.SetHeader("Content-Encoding", a.ContentEncoding)
	p.SetHeader("Content-Language", a.ContentLanguage)
	p.SetHeader("Expires", a.Expires)
	p.SetHeader("X-Amz-Website-Redirect-Location", a.WebsiteRedirectLocation)
	p.SetHeader("X-Amz-Storage-Class", a.StorageClass)
	for name, v := range a.Metadata {
		// Not Set: clients take the name of the metadata from the header as it
		// is written, and an empty value is metadata too.
		p.Header[metadataPrefix+name] = []string{headerText(v)}
	}
}

// headerText writes metadata that is no printable ASCII as RFC 2047 has it, as
// S3 does. A form can bring what no header can.
func headerText(v string) string {
	for i := range len(v) {
		if (v[i] >= utf8.RuneSelf || v[i] < ' ' && v[i] != '\t' || v[i] == 0x7f) && utf8.ValidString(v) {
			return mime.BEncoding.Encode("UTF-8", v)
		}
	}
	return v
}

// classOf is a storage class as documents show it.
func classOf(a objects.Attributes) string {
	if a.StorageClass == "" {
		return standardClass
	}
	return a.StorageClass
}
