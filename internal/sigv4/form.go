package sigv4

import (
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/postform"
)

// formFields are the fields that sign a form, in the order in which AWS looks
// for them ("Authenticating Requests: Browser-Based Uploads Using POST").
var formFields = []string{"X-Amz-Signature", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "policy"}

// ParseForm reads the signature of a form. It returns nil and no error for an
// anonymous one, which has none of the fields that sign a form.
//
// Errors are InvalidArgument, AccessDenied for a policy document that nobody
// signed, InvalidRequest (Signature Version 2) and NotImplemented (Signature
// Version 4A).
func ParseForm(f *postform.Form) (*Signature, error) {
	has := func(name string) bool {
		_, ok := f.Lookup(name)
		return ok
	}
	signing := formFields[:len(formFields)-1]
	switch {
	case has("AWSAccessKeyId"), has("Signature"):
		return nil, errMechanism
	case !slices.ContainsFunc(signing, has) && !has(securityToken):
		if has("policy") {
			return nil, awserr.AccessDenied
		}
		return nil, nil
	}
	for _, name := range formFields {
		if !has(name) {
			return nil, postform.Missing(name)
		}
	}
	s := &Signature{Form: f, Signature: f.Get(signatureParam), SessionToken: f.Get(securityToken), date: f.Get("X-Amz-Date")}
	switch f.Get("X-Amz-Algorithm") {
	case Algorithm:
	case "AWS4-ECDSA-P256-SHA256":
		return nil, errSigV4A
	default:
		return nil, formArgument("X-Amz-Algorithm", f, `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"`)
	}
	if err := s.parseCredential(f.Get("X-Amz-Credential")); err != nil {
		return nil, err
	}
	if s.Service != serviceS3 {
		return nil, s.malformed(`incorrect service %q. This endpoint belongs to "s3".`, s.Service)
	}
	var err error
	if s.Time, err = time.Parse(timeFormat, s.date); err != nil {
		return nil, formArgument("X-Amz-Date", f, "X-Amz-Date must be formatted via ISO8601 Long format")
	}
	return s, s.checkScopeDate()
}

func formArgument(field string, f *postform.Form, format string, args ...any) *awserr.Error {
	return awserr.InvalidArgument.WithMessage(format, args...).With("ArgumentName", field).With("ArgumentValue", f.Get(field))
}

// verifyForm verifies the signature of the policy document, as the form has it,
// and then holds the form against the policy. A signing key is valid for seven
// days, and so is what it signed.
func (s *Signature) verifyForm(secretAccessKey string, now time.Time) error {
	toSign := s.Form.Get("policy")
	want := hex.EncodeToString(sum(signingKey(secretAccessKey, s.Scope), toSign))
	if subtle.ConstantTimeCompare([]byte(want), []byte(s.Signature)) != 1 {
		return s.mismatch(toSign, s.Signature)
	}
	if err := s.checkFormTime(now); err != nil {
		return err
	}
	return s.Form.CheckPolicy(now)
}

func (s *Signature) checkFormTime(now time.Time) error {
	switch age := now.Sub(s.Time); {
	case age < -MaxSkew:
		return awserr.AccessDenied.WithMessage("Request is not yet valid").
			With("X-Amz-Date", s.date).With("ServerTime", now.Format(time.RFC3339))
	case age > MaxExpires:
		return awserr.AccessDenied.WithMessage("Request has expired").
			With("Expires", s.Time.Add(MaxExpires).Format(time.RFC3339)).With("ServerTime", now.Format(time.RFC3339))
	}
	return nil
}

// FormBody returns the file of a form, whose digests are fields of it.
func FormBody(f *postform.Form) *Body {
	return &Body{payload: plain{f}, closer: f, header: f.Header(), length: -1}
}
