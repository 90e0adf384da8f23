package sigv4

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/awserr"
)

// Parse reads the signature of a request. It returns nil and no error for an
// anonymous request: one without any sign of authentication.
//
// Errors of S3 requests, and of those whose service cannot be told, are
// AuthorizationHeaderMalformed, AuthorizationQueryParametersError,
// InvalidArgument, InvalidRequest, InvalidURI, AccessDenied (no valid date) and
// NotImplemented (Signature Version 4A). Requests to other services fail with
// IncompleteSignature instead.
func Parse(r *http.Request) (*Signature, error) {
	query, err := ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	authorization, inHeader := r.Header["Authorization"]
	inQuery := hasAny(query, presignedParameters...)
	legacy := hasAny(query, "AWSAccessKeyId", "Signature")
	switch {
	case inHeader && (inQuery || legacy), len(authorization) > 1:
		return nil, awserr.InvalidArgument.WithMessage("Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified").
			With("ArgumentName", "Authorization")
	case inHeader:
		return parse(r, func(s *Signature) error { return s.parseHeader(r, authorization[0]) })
	case inQuery:
		return parse(r, func(s *Signature) error { return s.parseQuery(r, query) })
	case legacy:
		return nil, errMechanism
	}
	return nil, nil
}

// presignedParameters make a request presigned: one that has any of them but not
// all is refused, not anonymous.
var presignedParameters = []string{
	"X-Amz-Algorithm", "X-Amz-Credential", signatureParam, "X-Amz-SignedHeaders", "X-Amz-Expires",
}

var (
	errMechanism = awserr.InvalidRequest.WithMessage("The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")
	errSigV4A    = awserr.NotImplemented.WithMessage("AWS Signature Version 4A is not implemented. Please use AWS4-HMAC-SHA256.")
	errDate      = awserr.AccessDenied.WithMessage("AWS authentication requires a valid Date or x-amz-date header")
)

func parse(r *http.Request, read func(*Signature) error) (*Signature, error) {
	s := &Signature{}
	err := read(s)
	if err == nil {
		err = s.readPayloadHash(r)
	}
	if err != nil && s.Service != "" && s.Service != serviceS3 {
		err = awserr.IncompleteSignature.WithMessage("%s", awserr.From(err).Message)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// malformed returns the error for a credential that cannot be what a client of
// AWS sends.
func (s *Signature) malformed(format string, args ...any) *awserr.Error {
	if s.Form != nil {
		return formArgument("X-Amz-Credential", s.Form, format, args...)
	}
	if s.Presigned {
		return awserr.AuthorizationQueryParametersError.WithMessage("Error parsing the X-Amz-Credential parameter; "+format, args...)
	}
	return awserr.AuthorizationHeaderMalformed.WithMessage("The authorization header is malformed; "+format, args...)
}

func (s *Signature) parseHeader(r *http.Request, authorization string) error {
	mechanism, rest, _ := strings.Cut(authorization, " ")
	switch mechanism {
	case Algorithm:
	case "AWS":
		return errMechanism
	case "AWS4-ECDSA-P256-SHA256":
		return errSigV4A
	default:
		return awserr.InvalidArgument.WithMessage("Unsupported Authorization Type").With("ArgumentName", "Authorization")
	}
	components := map[string]string{"Credential": "", "SignedHeaders": "", "Signature": ""}
	for component := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(component), "=")
		if previous, known := components[name]; !known || previous != "" || value == "" {
			return s.malformed("the authorization header requires three components: Credential, SignedHeaders, and Signature.")
		}
		components[name] = value
	}
	if err := s.parseCredential(components["Credential"]); err != nil {
		return err
	}
	if components["SignedHeaders"] == "" || components["Signature"] == "" {
		return s.malformed("the authorization header requires three components: Credential, SignedHeaders, and Signature.")
	}
	s.Signature = components["Signature"]
	if err := s.parseSignedHeaders(components["SignedHeaders"]); err != nil {
		return err
	}
	var err error
	if s.SessionToken, err = single(r.Header, securityToken); err != nil {
		return err
	}
	if err := s.parseDate(r.Header); err != nil {
		return err
	}
	return s.checkScopeDate()
}

func (s *Signature) parseQuery(r *http.Request, query url.Values) error {
	s.Presigned = true
	for _, name := range slices.Concat(presignedParameters, []string{"X-Amz-Date", securityToken, contentSHA256}) {
		if len(query[name]) > 1 {
			return awserr.AuthorizationQueryParametersError.WithMessage("The query parameter %s is given more than once.", name)
		}
	}
	switch query.Get("X-Amz-Algorithm") {
	case Algorithm, "":
	case "AWS4-ECDSA-P256-SHA256":
		return errSigV4A
	default:
		return awserr.AuthorizationQueryParametersError.WithMessage(`X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"`)
	}
	if credential := query.Get("X-Amz-Credential"); credential != "" {
		if err := s.parseCredential(credential); err != nil {
			return err
		}
	}
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", signatureParam, "X-Amz-SignedHeaders", "X-Amz-Date"} {
		if query.Get(name) == "" {
			return awserr.AuthorizationQueryParametersError
		}
	}
	s.Signature, s.date, s.SessionToken = query.Get(signatureParam), query.Get("X-Amz-Date"), query.Get(securityToken)
	s.PayloadHash = query.Get(contentSHA256)
	if err := s.parseSignedHeaders(query.Get("X-Amz-SignedHeaders")); err != nil {
		return err
	}
	if err := s.parseExpires(query); err != nil {
		return err
	}
	var err error
	if s.Time, err = time.Parse(timeFormat, s.date); err != nil {
		return awserr.AuthorizationQueryParametersError.WithMessage(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	return s.checkScopeDate()
}

// parseCredential reads AKID/YYYYMMDD/REGION/SERVICE/aws4_request.
func (s *Signature) parseCredential(credential string) error {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return s.malformed(`the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`)
	}
	s.Scope = Scope{AccessKeyID: parts[0], Date: parts[1], Region: parts[2], Service: parts[3]}
	switch {
	case s.AccessKeyID == "":
		return s.malformed("a non-empty Access Key (AKID) must be provided in the credential.")
	case !isDate(s.Date):
		return s.malformed(`incorrect date format %q. This date in the credential must be in the format "yyyyMMdd".`, s.Date)
	case s.Region == "":
		return s.malformed("a non-empty region must be provided in the credential.")
	case s.Service == "":
		return s.malformed("a non-empty service must be provided in the credential.")
	case parts[4] != terminator:
		return s.malformed("incorrect terminal %q. This endpoint uses %q.", parts[4], terminator)
	}
	return nil
}

func isDate(date string) bool {
	_, err := time.Parse(dateFormat, date)
	return err == nil
}

func (s *Signature) parseSignedHeaders(list string) error {
	s.SignedHeaders = strings.Split(strings.ToLower(list), ";")
	slices.Sort(s.SignedHeaders)
	if s.SignedHeaders[0] == "" || len(slices.Compact(slices.Clone(s.SignedHeaders))) != len(s.SignedHeaders) {
		if s.Presigned {
			return awserr.AuthorizationQueryParametersError.WithMessage("X-Amz-SignedHeaders must list each signed header once, separated by semicolons.")
		}
		return s.malformed("SignedHeaders must list each signed header once, separated by semicolons.")
	}
	return nil
}

// parseDate reads the time of a request that is signed in its header:
// x-amz-date, or Date when there is none.
func (s *Signature) parseDate(header http.Header) error {
	if _, ok := header["X-Amz-Date"]; ok {
		value, err := single(header, "X-Amz-Date")
		if err != nil {
			return err
		}
		s.date = value
		if s.Time, err = time.Parse(timeFormat, value); err != nil {
			return errDate
		}
		return nil
	}
	value, err := single(header, "Date")
	if err != nil {
		return err
	}
	for _, format := range []string{timeFormat, http.TimeFormat, time.RFC1123Z, time.RFC850, time.ANSIC} {
		if t, err := time.Parse(format, value); err == nil {
			s.Time = t.UTC()
			s.date = s.Time.Format(timeFormat)
			return nil
		}
	}
	return errDate
}

// parseExpires reads X-Amz-Expires, which S3 requires; for other services a URL
// is valid as long as a signature in a header.
func (s *Signature) parseExpires(query url.Values) error {
	value := query.Get("X-Amz-Expires")
	if value == "" {
		if s.Service == serviceS3 || query.Has("X-Amz-Expires") {
			return awserr.AuthorizationQueryParametersError
		}
		s.Expires = MaxSkew
		return nil
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	message := ""
	switch {
	case err != nil:
		message = "X-Amz-Expires should be a number"
	case seconds < 0:
		message = "X-Amz-Expires must be non-negative"
	case seconds == 0:
		message = "X-Amz-Expires must be at least 1 second"
	case seconds > int64(MaxExpires/time.Second):
		message = "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds"
	default:
		s.Expires = time.Duration(seconds) * time.Second
		return nil
	}
	return awserr.AuthorizationQueryParametersError.WithMessage("%s", message)
}

func (s *Signature) checkScopeDate() error {
	if given := s.Time.Format(dateFormat); given != s.Date {
		return s.malformed("Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", s.Date, given)
	}
	return nil
}

// readPayloadHash finds the payload hash of the canonical request, and what
// x-amz-content-sha256 says about the encoding of the payload.
func (s *Signature) readPayloadHash(r *http.Request) error {
	if s.Service != serviceS3 {
		s.PayloadHash = ""
		if r.ContentLength == 0 {
			s.PayloadHash = emptyHash
		}
		return nil
	}
	header, err := single(r.Header, contentSHA256)
	if err != nil {
		return err
	}
	switch {
	case s.signs("x-amz-content-sha256") && header != "", !s.Presigned:
		s.PayloadHash = header
	case s.PayloadHash == "":
		s.PayloadHash = UnsignedPayload
	}
	s.content = s.PayloadHash
	if s.content == UnsignedPayload && header != "" {
		s.content = header // says more than the signature does, never less
	}
	if s.PayloadHash == "" {
		return awserr.InvalidRequest.WithMessage("Missing required header for this request: x-amz-content-sha256")
	}
	if err := checkContentSHA256(s.PayloadHash); err != nil {
		return err
	}
	return checkContentSHA256(s.content)
}

func checkContentSHA256(value string) error {
	switch value {
	case UnsignedPayload, StreamingUnsignedTrailer, StreamingSigned, StreamingSignedTrailer:
		return nil
	case "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER":
		return errSigV4A
	}
	if isHash(value) {
		return nil
	}
	return awserr.InvalidArgument.WithMessage("x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.").
		With("ArgumentName", "x-amz-content-sha256").With("ArgumentValue", value)
}

func isHash(value string) bool {
	_, err := hex.DecodeString(value)
	return err == nil && len(value) == hashHexLength
}

func (s *Signature) signs(header string) bool {
	_, found := slices.BinarySearch(s.SignedHeaders, header)
	return found
}

// single returns the value of a header that must not be repeated, or "".
func single(header http.Header, name string) (string, error) {
	if values := header[name]; len(values) > 1 {
		return "", awserr.InvalidRequest.WithMessage("The header %s is given more than once.", strings.ToLower(name))
	}
	return strings.TrimSpace(header.Get(name)), nil
}

func hasAny(query url.Values, names ...string) bool {
	return slices.ContainsFunc(names, query.Has)
}
