// Package sigv4 knows AWS Signature Version 4: it reads the signature of an
// HTTP request, from its Authorization header, its presigned URL or the form
// that it posts, verifies it, and decodes and verifies the payload that the
// signature covers.
//
// It is pure: the time and the secret access key are arguments. It does not
// know who holds an access key, which regions and services exist, or what a
// request may do, and it implements neither Signature Version 2 nor Version 4A:
// requests signed with these are refused, never served as anonymous.
//
// A request must reach this package as net/http parsed it. Verify before any
// rewriting of its path, host or headers.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/postform"
)

// Algorithm is the only signing algorithm that this package accepts.
const Algorithm = "AWS4-HMAC-SHA256"

// Values of x-amz-content-sha256 other than the hash of the payload
// ("Authenticating Requests: Using the Authorization Header").
const (
	UnsignedPayload          = "UNSIGNED-PAYLOAD"
	StreamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	StreamingSigned          = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	StreamingSignedTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
)

// Limits of the validity of a signature.
const (
	MaxSkew    = 15 * time.Minute   // between the request's time and the server's
	MaxExpires = 7 * 24 * time.Hour // of a presigned URL
)

const (
	terminator     = "aws4_request"
	serviceS3      = "s3"
	dateFormat     = "20060102"
	timeFormat     = "20060102T150405Z"
	emptyHash      = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	hashHexLength  = 2 * sha256.Size
	contentSHA256  = "X-Amz-Content-Sha256"
	decodedLength  = "X-Amz-Decoded-Content-Length"
	securityToken  = "X-Amz-Security-Token"
	signatureParam = "X-Amz-Signature"
)

// Scope is the credential of a signature: whose key signed, and for what.
type Scope struct {
	AccessKeyID string
	Date        string // YYYYMMDD, of the signing key
	Region      string
	Service     string // such as "s3", "iam" or "sts"
}

// String returns the credential scope, which leaves out the access key.
func (s Scope) String() string {
	return s.Date + "/" + s.Region + "/" + s.Service + "/" + terminator
}

// Signature is the signature that a request carries. Nothing in it can be
// trusted before Verify has returned nil.
type Signature struct {
	Scope
	Presigned     bool          // in the query string, not in the Authorization header
	Time          time.Time     // when the request was signed, UTC
	Expires       time.Duration // how long from Time a presigned URL is valid
	SignedHeaders []string      // lower case, sorted
	Signature     string        // as given
	SessionToken  string        // of temporary credentials, or ""

	// PayloadHash is the last line of the canonical request. For S3 Parse takes
	// it from the request. For other services it is the hash of the body, which
	// HashPayload sets; Parse does when there is no body.
	PayloadHash string

	// Form is the form whose policy document the signature covers, and nil for
	// any other request; see ParseForm.
	Form *postform.Form

	date    string // Time, as the string to sign has it
	content string // the x-amz-content-sha256 that says how the payload is encoded
}

// HashPayload sets the payload hash of a request to a service other than S3,
// which has to be done before Verify when the request has a body.
func (s *Signature) HashPayload(payload []byte) {
	sum := sha256.Sum256(payload)
	s.PayloadHash = hex.EncodeToString(sum[:])
}

// ServiceOf returns the service that the credential of an unverified request
// names, for routing, and "" when there is none or it is malformed.
func ServiceOf(r *http.Request) string {
	credential := ""
	if _, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		credential, _, _ = strings.Cut(rest, ",")
	} else if query, err := ParseQuery(r.URL.RawQuery); err == nil {
		credential = query.Get("X-Amz-Credential")
	}
	if parts := strings.Split(credential, "/"); len(parts) == 5 {
		return parts[3]
	}
	return ""
}

// signingKey derives the key that signs strings for the scope ("Deriving a
// signing key").
func signingKey(secretAccessKey string, s Scope) []byte {
	key := []byte("AWS4" + secretAccessKey)
	for _, data := range []string{s.Date, s.Region, s.Service, terminator} {
		key = sum(key, data)
	}
	return key
}

func sum(key []byte, data string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(data))
	return mac.Sum(nil)
}

// stringToSign returns what the signing key signs for a canonical request.
func (s *Signature) stringToSign(canonical string) string {
	hash := sha256.Sum256([]byte(canonical))
	return Algorithm + "\n" + s.date + "\n" + s.Scope.String() + "\n" + hex.EncodeToString(hash[:])
}
