package session

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

var (
	// ErrMalformed is returned, wrapped, for a token that no holder of the key
	// has made.
	ErrMalformed = errors.New("malformed session token")

	// ErrTooLarge is returned by Seal when a session does not fit into
	// MaxTokenLength: its policies and tags are too large when packed.
	ErrTooLarge = errors.New("session does not fit into a token")
)

const (
	// MaxTokenLength is the length of the longest token, in characters. Policies
	// within the limits of "IAM and AWS STS quotas" fit even where they do not
	// compress; and a request with such a token stays below the 8 KiB that S3
	// takes as headers.
	MaxTokenLength = 6144

	// maxEncodedSize bounds what a token is unpacked to, in bytes.
	maxEncodedSize = 64 << 10

	version1 = 1
)

// Sealer seals with authenticated encryption; *secrets.Keyring is one.
type Sealer interface {
	Seal(plaintext, associatedData []byte) ([]byte, error)
	Open(sealed, associatedData []byte) ([]byte, error)
}

// purpose keeps tokens apart from everything else that is sealed under a key.
var purpose = []byte("keywright session token 1")

// Seal returns the token of a session: a version, and the session compressed
// and sealed, in base64 that may stand in headers and URLs. It fails with
// ErrTooLarge, and when the session lacks what its kind must have.
func Seal(k Sealer, s *Session) (string, error) {
	if !s.valid() {
		return "", fmt.Errorf("session: incomplete %s", s)
	}
	packed, err := pack(s)
	if err != nil {
		return "", err
	}
	sealed, err := k.Seal(packed, purpose)
	if err != nil {
		return "", err
	}
	token := base64.RawURLEncoding.EncodeToString(append([]byte{version1}, sealed...))
	if len(token) > MaxTokenLength {
		return "", ErrTooLarge
	}
	return token, nil
}

// Open returns the session of a token. It fails with ErrMalformed, wrapped.
// Whether the session has expired, and whether the request is signed with its
// access key, is for the caller to check.
func Open(k Sealer, token string) (*Session, error) {
	if len(token) > MaxTokenLength {
		return nil, fmt.Errorf("%w: longer than %d characters", ErrMalformed, MaxTokenLength)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || strings.ContainsAny(token, "\r\n") { // which the decoder skips
		return nil, fmt.Errorf("%w: not base64", ErrMalformed)
	}
	if len(b) == 0 || b[0] != version1 {
		return nil, fmt.Errorf("%w: unknown version", ErrMalformed)
	}
	packed, err := k.Open(b[1:], purpose)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return unpack(packed)
}

// encoded is a session inside a token of version 1.
type encoded struct {
	Kind              Kind        `json:"k"`
	AccessKeyID       string      `json:"i"`
	SecretAccessKey   string      `json:"s"`
	AccountID         string      `json:"a"`
	Issued            int64       `json:"t"` // seconds since 1970
	Expires           int64       `json:"e"`
	RoleID            string      `json:"r,omitempty"`
	UserID            string      `json:"u,omitempty"`
	SessionName       string      `json:"n,omitempty"`
	SourceIdentity    string      `json:"o,omitempty"`
	Chained           bool        `json:"c,omitempty"`
	MultiFactorAuth   int64       `json:"f,omitempty"`
	PolicyARNs        []string    `json:"m,omitempty"`
	Policy            string      `json:"p,omitempty"`
	Tags              [][2]string `json:"g,omitempty"`
	TransitiveTagKeys []string    `json:"v,omitempty"`
	Provider          string      `json:"w,omitempty"` // and below: of a web identity
	Subject           string      `json:"b,omitempty"`
	Audience          string      `json:"d,omitempty"`
	Methods           []string    `json:"h,omitempty"`
}

// dictionary primes the compression of version 1 with what sessions are made
// of. A token opens only with the dictionary that it was sealed with.
var dictionary = []byte(`\"Null\":{\"aws:TokenIssueTime\":\"DateLessThan\":{\"aws:CurrentTime\":\"IpAddress\":{\"aws:SourceIp\":` +
	`\"Bool\":{\"aws:SecureTransport\":\"false\"}\"Sid\":\"NotAction\":\"NotResource\":\"Deny\",\"Principal\":` +
	`\"iam:\"sts:AssumeRole\"s3:AbortMultipartUpload\",\"s3:ListBucketMultipartUploads\",\"s3:ListMultipartUploadParts\",` +
	`\"s3:GetBucketLocation\",\"s3:ListAllMyBuckets\",\"s3:GetObjectVersion\",\"s3:DeleteObject\",\"s3:PutObject\",\"s3:GetObject\"` +
	`\"Condition\":{\"StringEquals\":{\"StringLike\":{\"s3:prefix\":[\"${aws:username}/*\"home/` +
	`]}]},\"Action\":\"s3:ListBucket\",\"Resource\":\"arn:aws:s3:::\"s3:*\"},{` +
	`"p":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"Resource\":\"*\"}]}",` +
	`"v":["g":[["],["m":["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"AmazonS3FullAccess","arn:aws:iam::` +
	`"c":true,"o":"{"k":3,"i":"ASIA{"k":2,"i":"ASIA{"k":1,"i":"ASIA","s":"","a":"","t":17,"e":17,"u":"AIDA","r":"AROA","n":"","p":"{\"`)

func pack(s *Session) ([]byte, error) {
	e := encoded{
		Kind: s.Kind, AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey, AccountID: s.AccountID,
		Issued: s.Issued.Unix(), Expires: s.Expires.Unix(),
		RoleID: s.RoleID, UserID: s.UserID, SessionName: s.SessionName, SourceIdentity: s.SourceIdentity,
		Chained: s.Chained, PolicyARNs: s.PolicyARNs, Policy: s.Policy, TransitiveTagKeys: s.TransitiveTagKeys,
	}
	if w := s.WebIdentity; w != nil {
		e.Provider, e.Subject, e.Audience, e.Methods = w.ProviderARN, w.Subject, w.Audience, w.Methods
	}
	if !s.MultiFactorAuth.IsZero() {
		e.MultiFactorAuth = s.MultiFactorAuth.Unix()
	}
	for _, t := range s.Tags {
		e.Tags = append(e.Tags, [2]string{t.Key, t.Value})
	}
	var text bytes.Buffer
	plain := json.NewEncoder(&text)
	plain.SetEscapeHTML(false)
	if err := plain.Encode(e); err != nil {
		return nil, fmt.Errorf("session: encoding: %w", err)
	}
	if text.Len() > maxEncodedSize {
		return nil, ErrTooLarge
	}
	var packed bytes.Buffer
	w, err := flate.NewWriterDict(&packed, flate.BestCompression, dictionary)
	if err != nil {
		return nil, fmt.Errorf("session: compressing: %w", err)
	}
	if _, err := w.Write(text.Bytes()); err != nil {
		return nil, fmt.Errorf("session: compressing: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("session: compressing: %w", err)
	}
	return packed.Bytes(), nil
}

// readers are flate readers at rest: a token is opened for each request.
var readers = sync.Pool{New: func() any { return flate.NewReader(nil) }}

func unpack(packed []byte) (*Session, error) {
	r := readers.Get().(io.ReadCloser)
	defer readers.Put(r)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(packed), dictionary); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxEncodedSize+1))
	if err != nil || len(text) > maxEncodedSize {
		return nil, fmt.Errorf("%w: not unpacked", ErrMalformed)
	}
	var e encoded
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, fmt.Errorf("%w: not decoded", ErrMalformed)
	}
	s := e.session()
	if !s.valid() {
		return nil, fmt.Errorf("%w: incomplete", ErrMalformed)
	}
	return s, nil
}

func (e *encoded) session() *Session {
	s := &Session{
		Kind: e.Kind, AccessKeyID: e.AccessKeyID, SecretAccessKey: e.SecretAccessKey, AccountID: e.AccountID,
		Issued: time.Unix(e.Issued, 0).UTC(), Expires: time.Unix(e.Expires, 0).UTC(),
		RoleID: e.RoleID, UserID: e.UserID, SessionName: e.SessionName, SourceIdentity: e.SourceIdentity,
		Chained: e.Chained, PolicyARNs: e.PolicyARNs, Policy: e.Policy, TransitiveTagKeys: e.TransitiveTagKeys,
	}
	if e.Provider != "" {
		s.WebIdentity = &WebIdentity{ProviderARN: e.Provider, Subject: e.Subject, Audience: e.Audience, Methods: e.Methods}
	}
	if e.MultiFactorAuth != 0 {
		s.MultiFactorAuth = time.Unix(e.MultiFactorAuth, 0).UTC()
	}
	for _, t := range e.Tags {
		s.Tags = append(s.Tags, Tag{t[0], t[1]})
	}
	return s
}
