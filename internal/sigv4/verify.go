package sigv4

import (
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/awserr"
)

var errPayloadHash = errors.New("sigv4: HashPayload was not called before Verify")

// Verify reports whether the request was signed, as it is, with the secret
// access key, and whether the signature is valid now. It does not read the
// body: that it is the signed one is known when a Body has reported io.EOF.
//
// Errors are SignatureDoesNotMatch, RequestTimeTooSkewed, and AccessDenied for
// a presigned URL that has expired or is not yet valid, for headers that must
// be signed and are not, and for a form that its policy document does not allow;
// InvalidPolicyDocument when that is none. For services other than S3 a signature that is
// too old or too new is SignatureDoesNotMatch.
func (s *Signature) Verify(r *http.Request, secretAccessKey string, now time.Time) error {
	if s.Form != nil {
		return s.verifyForm(secretAccessKey, now.UTC())
	}
	if s.PayloadHash == "" {
		return awserr.InternalError.WithCause(errPayloadHash)
	}
	if err := s.checkSignedHeaders(r.Header); err != nil {
		return err
	}
	if err := s.checkTime(now.UTC()); err != nil {
		return err
	}
	canonical, err := s.canonicalRequest(r)
	if err != nil {
		return err
	}
	toSign := s.stringToSign(canonical)
	want := hex.EncodeToString(sum(signingKey(secretAccessKey, s.Scope), toSign))
	if subtle.ConstantTimeCompare([]byte(want), []byte(s.Signature)) != 1 {
		return s.mismatch(toSign, s.Signature).
			With("CanonicalRequest", canonical).
			With("CanonicalRequestBytes", spaced(canonical))
	}
	return nil
}

// CheckRegion returns an error that names the right region unless the request
// was signed for it.
func (s *Signature) CheckRegion(region string) error {
	switch {
	case s.Region == region:
		return nil
	case s.Service != serviceS3:
		return awserr.SignatureDoesNotMatch.WithMessage("Credential should be scoped to a valid region.")
	}
	return s.malformed("the region '%s' is wrong; expecting '%s'", s.Region, region).With("Region", region)
}

// mismatch returns SignatureDoesNotMatch with what the client needs to find its
// mistake. The signature that would have been right is not part of it.
func (s *Signature) mismatch(stringToSign, provided string) *awserr.Error {
	if s.Service != serviceS3 {
		return awserr.SignatureDoesNotMatch.WithMessage("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return awserr.SignatureDoesNotMatch.
		With("AWSAccessKeyId", s.AccessKeyID).
		With("StringToSign", stringToSign).
		With("SignatureProvided", provided).
		With("StringToSignBytes", spaced(stringToSign))
}

func spaced(s string) string { return fmt.Sprintf("% x", s) }

// checkSignedHeaders demands that the host and every x-amz-* header are signed.
// A presigned URL does not know the payload, so a client that uses it may add
// its hash.
func (s *Signature) checkSignedHeaders(header http.Header) error {
	var missing []string
	if !s.signs("host") {
		missing = append(missing, "host")
	}
	for name := range header {
		name = strings.ToLower(name)
		if !strings.HasPrefix(name, "x-amz-") || s.signs(name) {
			continue
		}
		if s.Presigned && name == "x-amz-content-sha256" && !strings.HasPrefix(s.content, "STREAMING-") {
			continue
		}
		missing = append(missing, name)
	}
	if missing == nil {
		return nil
	}
	slices.Sort(missing)
	return awserr.AccessDenied.WithMessage("There were headers present in the request which were not signed").
		With("HeadersNotSigned", strings.Join(missing, ", "))
}

func (s *Signature) checkTime(now time.Time) error {
	age := now.Sub(s.Time)
	switch {
	case s.Service != serviceS3:
		return s.checkTimeOfQueryProtocol(now, age)
	case s.Presigned && age < -MaxSkew:
		return awserr.AccessDenied.WithMessage("Request is not yet valid").
			With("X-Amz-Date", s.date).With("ServerTime", now.Format(time.RFC3339))
	case s.Presigned && age > s.Expires:
		return awserr.AccessDenied.WithMessage("Request has expired").
			With("X-Amz-Expires", strconv.Itoa(int(s.Expires/time.Second))).
			With("Expires", s.Time.Add(s.Expires).Format(time.RFC3339)).
			With("ServerTime", now.Format(time.RFC3339))
	case !s.Presigned && age.Abs() > MaxSkew:
		return awserr.RequestTimeTooSkewed.
			With("RequestTime", s.date).
			With("ServerTime", now.Format(time.RFC3339)).
			With("MaxAllowedSkewMilliseconds", strconv.FormatInt(MaxSkew.Milliseconds(), 10))
	}
	return nil
}

// checkTimeOfQueryProtocol words the error as IAM and STS do ("Troubleshoot
// Signature Version 4 signing for AWS API requests").
func (s *Signature) checkTimeOfQueryProtocol(now time.Time, age time.Duration) error {
	limit := MaxSkew
	if s.Presigned {
		limit = s.Expires
	}
	server := now.Format(timeFormat)
	switch {
	case age > limit:
		return awserr.SignatureDoesNotMatch.WithMessage("Signature expired: %s is now earlier than %s (%s - %v min.)",
			s.date, now.Add(-limit).Format(timeFormat), server, limit.Minutes())
	case age < -MaxSkew:
		return awserr.SignatureDoesNotMatch.WithMessage("Signature not yet current: %s is still later than %s (%s + %v min.)",
			s.date, now.Add(MaxSkew).Format(timeFormat), server, MaxSkew.Minutes())
	}
	return nil
}
