package s3

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/sigv4"
)

// Recognise finds the operation that a request asks for, and sets its Query,
// Bucket and Key. Errors are InvalidURI, KeyTooLongError, InvalidArgument,
// InvalidEncryptionAlgorithmError, MethodNotAllowed, and NotImplemented for
// whatever asks for something that is not served.
func (s *S3) Recognise(r *service.Request) (service.Operation, error) {
	if isControl(r.HTTP) {
		return s.controlOperation(r)
	}
	a, err := s.addressOf(r.HTTP)
	if err != nil {
		return service.Operation{}, err
	}
	r.Bucket, r.Key = a.bucket, a.key
	if r.Query, err = parseQuery(r.HTTP.URL.RawQuery); err != nil {
		return service.Operation{}, err
	}
	if r.Form != nil {
		return s.recogniseForm(r)
	}
	if r.Signature != nil && r.Signature.Presigned {
		if err := hoistParameters(r.Query, r.HTTP.Header); err != nil {
			return service.Operation{}, err
		}
	}
	found, err := s.table.find(r.HTTP.Method, a.scope(), r.Query, r.HTTP.Header)
	if err != nil {
		return service.Operation{}, err
	}
	return found.operation, found.checkHeaders(r.HTTP.Header)
}

func parseQuery(raw string) (url.Values, error) {
	query, err := sigv4.ParseQuery(raw)
	if err != nil {
		return nil, err
	}
	for name, values := range query {
		if !utf8.ValidString(name) || slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
			return nil, awserr.InvalidURI
		}
		if len(values) > 1 {
			return nil, awserr.InvalidArgument.WithMessage("The parameter %q is given more than once.", name).
				With("ArgumentName", name)
		}
	}
	return query, nil
}

// authentication are the parameters that make a URL presigned
// ("Authenticating Requests: Using Query Parameters", Amazon S3 API Reference).
// Written otherwise, they are none of them.
var authentication = []string{
	"X-Amz-Algorithm", "X-Amz-Content-Sha256", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
	"X-Amz-Security-Token", "X-Amz-Signature", "X-Amz-SignedHeaders",
}

// hoistParameters makes headers of the x-amz-* parameters of a presigned URL:
// SDKs move headers into the query string, where the signature covers them. It
// takes them, and those of the signature, from the query.
func hoistParameters(query url.Values, header http.Header) error {
	for name, values := range query {
		lower := strings.ToLower(name)
		if slices.Contains(authentication, name) {
			delete(query, name)
			continue
		}
		if !strings.HasPrefix(lower, "x-amz-") || slices.ContainsFunc(authentication, func(a string) bool { return strings.EqualFold(a, name) }) {
			continue
		}
		delete(query, name)
		if given := header.Values(name); given != nil && !slices.Equal(given, values) {
			return awserr.InvalidArgument.WithMessage("%s is both a header and a parameter.", lower).With("ArgumentName", lower)
		}
		header.Set(name, values[0])
	}
	return nil
}

// preconditions are the conditional headers of HTTP. A write that ignored one
// would do what its client forbade.
var preconditions = []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"}

// checkHeaders refuses headers that ask for something that is not done.
func (r *row) checkHeaders(header http.Header) error {
	for name, values := range header {
		lower := strings.ToLower(name)
		switch {
		case !strings.HasPrefix(lower, "x-amz-"):
		case !isServedHeader(lower):
			return notImplemented(lower)
		case len(values) > 1 && !isListHeader(lower):
			return awserr.InvalidArgument.WithMessage("The header %s is given more than once.", lower).With("ArgumentName", lower)
		}
	}
	if r.method == http.MethodGet || r.method == http.MethodHead {
		return nil
	}
	for _, name := range preconditions {
		if header.Values(name) != nil && !slices.Contains(r.conditional, name) {
			return notImplemented(name)
		}
	}
	if header.Values("Content-Range") != nil {
		return notImplemented("Content-Range")
	}
	return nil
}

func notImplemented(header string) *awserr.Error {
	return awserr.NotImplemented.With("Header", header)
}

// servedHeaders are the x-amz-* headers that are understood, and those that ask
// for nothing. A name that ends in "-" stands for all with this prefix. Every
// other x-amz-* header implies functionality that is not there.
var servedHeaders = []string{
	// Of signatures, payloads and clients.
	"x-amz-cf-id", "x-amz-checksum-", "x-amz-content-sha256", "x-amz-date", "x-amz-decoded-content-length",
	"x-amz-sdk-checksum-algorithm", "x-amz-security-token", "x-amz-te", "x-amz-trailer", "x-amz-user-agent",
	// MFA delete cannot be turned on, so that this asks for nothing.
	"x-amz-mfa",
	// Of operations.
	"x-amz-acl", "x-amz-bucket-namespace", "x-amz-bucket-object-lock-enabled", "x-amz-bypass-governance-retention",
	"x-amz-confirm-remove-self-bucket-access", "x-amz-copy-source", "x-amz-copy-source-if-", "x-amz-copy-source-range",
	"x-amz-expected-bucket-owner", "x-amz-grant-", "x-amz-max-parts", "x-amz-meta-", "x-amz-metadata-directive",
	"x-amz-mp-object-size", headerLegalHold, headerLockMode, headerLockUntil, "x-amz-object-attributes", "x-amz-object-ownership", "x-amz-optional-object-attributes",
	"x-amz-part-number-marker", headerRequestPayer, headerEncryption, headerKMSKey, headerKMSContext, headerBucketKey, headerCustomer + "algorithm", headerCustomer + "key", headerCustomer + "key-md5",
	headerSourceCustomer + "algorithm", headerSourceCustomer + "key", headerSourceCustomer + "key-md5", "x-amz-source-expected-bucket-owner",
	"x-amz-storage-class", "x-amz-tagging", "x-amz-tagging-directive", "x-amz-transition-default-minimum-object-size", "x-amz-website-redirect-location",
}

// isListHeader reports whether a header may be given more than once. Of any
// other a condition key would have all values, and what is served the first.
func isListHeader(lower string) bool {
	return strings.HasPrefix(lower, metadataPrefix) || strings.HasPrefix(lower, "x-amz-grant-") ||
		lower == "x-amz-object-attributes" || lower == "x-amz-optional-object-attributes"
}

func isServedHeader(lower string) bool {
	return slices.ContainsFunc(servedHeaders, func(h string) bool {
		return h == lower || strings.HasSuffix(h, "-") && strings.HasPrefix(lower, h)
	})
}
