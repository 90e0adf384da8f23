package postform

import (
	"net/http"
	"slices"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
)

// headerFields are the fields that say what the header of that name says of a
// PutObject, in lower case ("HTML Form Fields"; "POST Object", Amazon S3 API
// Reference). A name that ends in "-" stands for all with this prefix.
var headerFields = []string{
	"cache-control", "content-disposition", "content-encoding", "content-language", "content-md5", "content-type", "expires",
	"x-amz-checksum-", "x-amz-grant-", "x-amz-meta-", "x-amz-object-lock-", "x-amz-server-side-encryption", "x-amz-server-side-encryption-",
	"x-amz-storage-class", "x-amz-website-redirect-location",
}

// otherNames are the fields that are named otherwise than their header.
var otherNames = map[string]string{
	"acl":                      "X-Amz-Acl",
	"x-amz-checksum-algorithm": "X-Amz-Sdk-Checksum-Algorithm",
}

// signatureFields are the x-amz-* fields of the signature.
var signatureFields = []string{"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-security-token", "x-amz-signature"}

// Header returns the headers of a PutObject that says what the form says.
func (f *Form) Header() http.Header { return f.header }

// setHeader makes the headers of the fields. It fails with NotImplemented for an
// x-amz-* field that no form has, and with InvalidArgument for what cannot be a
// header. Fields of other names are nobody's: a toolkit may have added them.
func (f *Form) setHeader() error {
	f.header = http.Header{}
	for _, x := range f.fields {
		lower := strings.ToLower(x.Name)
		name, known := otherNames[lower]
		switch {
		case known:
		case slices.ContainsFunc(headerFields, func(h string) bool {
			return h == lower || strings.HasSuffix(h, "-") && strings.HasPrefix(lower, h)
		}):
			name = lower
		case !strings.HasPrefix(lower, "x-amz-") || slices.Contains(signatureFields, lower):
			continue
		default:
			return awserr.NotImplemented.WithMessage("A field you provided implies functionality that is not implemented").With("Header", x.Name)
		}
		if !isToken(name) || strings.ContainsFunc(x.Value, isControl) && !strings.HasPrefix(lower, "x-amz-meta-") {
			return awserr.InvalidArgument.WithMessage("The field %q cannot be the header that it stands for.", x.Name).
				With("ArgumentName", x.Name) // not its value, which may be a key
		}
		f.header.Set(name, x.Value)
	}
	return nil
}

// isToken reports whether a lower-case name can be that of a header (RFC 9110,
// section 5.6.2).
func isToken(name string) bool {
	return strings.IndexFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	}) < 0
}

func isControl(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }
