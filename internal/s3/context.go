package s3

import (
	"crypto/tls"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/sigv4"
	"github.com/keywright/keywright/policy/condition"
)

// keys sets the condition keys that something brings.
type keys = func(*condition.Context)

// requestContext returns what fills the condition keys of S3 for one need: those
// of every request, and more ("Actions, resources, and condition keys for
// Amazon S3", Service Authorization Reference). A key of something that the
// client did not send stays absent.
func requestContext(r *service.Request, resourceAccount string, more []keys) keys {
	return func(c *condition.Context) {
		c.SetString("s3:ResourceAccount", resourceAccount)
		setTLSVersion(c, r)
		setSignature(c, r)
		for _, set := range more {
			set(c)
		}
	}
}

// setTLSVersion sets the version that the client used, which only a proxy knows
// where there is one.
func setTLSVersion(c *condition.Context, r *service.Request) {
	if r.HTTP.TLS == nil || r.Client.Proxied {
		return
	}
	// Versions follow each other: 0x0301 is TLS 1.0.
	c.SetString("s3:TlsVersion", "1."+strconv.Itoa(int(r.HTTP.TLS.Version)-tls.VersionTLS10))
}

// setSignature sets the keys of how the request is signed ("Amazon S3 Signature
// Version 4 Authentication Specific Policy Keys", Amazon S3 API Reference).
func setSignature(c *condition.Context, r *service.Request) {
	if r.Signature == nil {
		setHeader(c, r, "x-amz-content-sha256")
		return
	}
	c.SetString("s3:signatureversion", sigv4.Algorithm)
	if _, covered := slices.BinarySearch(r.Signature.SignedHeaders, "x-amz-content-sha256"); covered || !r.Signature.Presigned {
		setHeader(c, r, "x-amz-content-sha256") // never the parameter
	}
	switch {
	case r.Form != nil:
		c.SetString("s3:authType", "POST")
	case r.Signature.Presigned:
		c.SetString("s3:authType", "REST-QUERY-STRING")
	default:
		c.SetString("s3:authType", "REST-HEADER")
		return
	}
	// Of what was signed for somebody else to send.
	c.SetInt("s3:signatureAge", r.Time.Sub(r.Signature.Time).Milliseconds())
}

// setHeader sets the key of a header, if the client sent it.
func setHeader(c *condition.Context, r *service.Request, header string) {
	if values := r.HTTP.Header.Values(header); values != nil {
		c.SetString("s3:"+strings.ToLower(header), strings.Join(values, ","))
	}
}

// headerKeys sets the keys of headers.
func (r *request) headerKeys(headers ...string) keys {
	return func(c *condition.Context) {
		for _, h := range headers {
			setHeader(c, r.Request, h)
		}
	}
}

// writeHeaders are the headers with a key of s3:PutObject, but for those of
// access control lists.
var writeHeaders = []string{
	"if-match", "if-none-match", "x-amz-metadata-directive", headerEncryption, headerCustomer + "algorithm",
	"x-amz-storage-class", "x-amz-website-redirect-location",
}

// aclHeaders are the headers of access control lists, each with a key.
var aclHeaders = []string{
	"x-amz-acl", "x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-read-acp", "x-amz-grant-write", "x-amz-grant-write-acp",
}

func hasACL(h http.Header) bool {
	for _, name := range aclHeaders {
		if h.Values(name) != nil {
			return true
		}
	}
	return false
}

// creation sets whether a request makes an object rather than a part of one
// ("Enforce conditional writes on Amazon S3 buckets", Amazon S3 User Guide).
func creation(creates bool) keys {
	return func(c *condition.Context) { c.SetBool("s3:ObjectCreationOperation", creates) }
}

// listKeys sets the keys of a listing. A parameter that is empty has a key, one
// that is not there has none.
func (r *request) listKeys(c *condition.Context) {
	for _, name := range []string{"prefix", "delimiter"} {
		if r.Query.Has(name) {
			c.SetString("s3:"+name, r.Query.Get(name))
		}
	}
	if n, err := strconv.ParseInt(r.Query.Get("max-keys"), 10, 64); err == nil {
		c.SetInt("s3:max-keys", n)
	}
}

// requestTags sets the keys of the tags that a request brings.
func requestTags(tags map[string]string) keys {
	return func(c *condition.Context) {
		if len(tags) == 0 {
			return
		}
		c.SetStrings("s3:RequestObjectTagKeys", setTags(c, "s3:RequestObjectTag/", tags))
	}
}

// existingTags sets the keys of the tags that an object has.
func existingTags(tags map[string]string) keys {
	return func(c *condition.Context) { setTags(c, "s3:ExistingObjectTag/", tags) }
}

// setTags sets a key for each tag and returns the tags' names. The names of
// tags have case and those of condition keys have none: of tags that differ in
// nothing else the last counts, so that every request is decided alike.
func setTags(c *condition.Context, prefix string, tags map[string]string) []string {
	names := slices.Sorted(maps.Keys(tags))
	for _, name := range names {
		c.SetString(prefix+name, tags[name])
	}
	return names
}
