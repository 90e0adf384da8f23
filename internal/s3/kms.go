package s3

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"unicode/utf8"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/kms"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
)

const (
	kmsEncryption     = "aws:kms"
	kmsDualEncryption = "aws:kms:dsse"

	headerKMSKey     = headerEncryption + "-aws-kms-key-id"
	headerKMSContext = headerEncryption + "-context"
	headerBucketKey  = headerEncryption + "-bucket-key-enabled"

	// contextARN is the name in an encryption context under which S3 binds a key's
	// use to the object, or to its bucket ("Using server-side encryption with AWS
	// KMS keys (SSE-KMS)", Amazon S3 User Guide).
	contextARN = "aws:s3:arn"

	generateDataKey = "kms:GenerateDataKey"
)

// Errors of the key service as S3 tells them.
var (
	kmsNotFound     = awserr.New("KMS.NotFoundException", http.StatusBadRequest, "The key does not exist")
	kmsDisabled     = awserr.New("KMS.DisabledException", http.StatusBadRequest, "The key is disabled.")
	kmsInvalidState = awserr.New("KMS.KMSInvalidStateException", http.StatusBadRequest, "The key is pending deletion.")

	errUnsignedKMS = awserr.InvalidArgument.WithMessage("Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4.").
			With("ArgumentName", "Authorization").With("ArgumentValue", "null")
)

// keyError words an error of a key.
func keyError(k *directory.KMSKey, err error) error {
	switch {
	case errors.Is(err, directory.ErrKeyDisabled):
		return kmsDisabled.WithMessage("%s is disabled.", k.ARN).WithCause(err)
	case errors.Is(err, directory.ErrKeyPendingDeletion):
		return kmsInvalidState.WithMessage("%s is pending deletion.", k.ARN).WithCause(err)
	}
	return err
}

// keyUse is an objects.KeySealer of a KMS key, whose errors are worded.
type keyUse struct{ kms.Use }

// Seal implements objects.KeySealer.
func (u keyUse) Seal(plaintext, associatedData []byte) ([]byte, error) {
	sealed, err := u.Use.Seal(plaintext, associatedData)
	return sealed, keyError(u.Key, err)
}

// Open implements objects.KeySealer.
func (u keyUse) Open(sealed, associatedData []byte) ([]byte, error) {
	plaintext, err := u.Use.Open(sealed, associatedData)
	return plaintext, keyError(u.Key, err)
}

// parseKMS reads the headers of SSE-KMS.
func (w *encryptionWish) parseKMS(h http.Header) (err error) {
	w.keyID = h.Get(headerKMSKey)
	if v := h.Values(headerBucketKey); v != nil {
		enabled := v[0] == "true"
		if !enabled && v[0] != "false" {
			return invalidArgument(headerBucketKey, v[0], "Value of %s is invalid.", headerBucketKey)
		}
		w.bucketKey = &enabled
	}
	for _, header := range []string{headerKMSKey, headerKMSContext} {
		if h.Values(header) != nil && w.algorithm != kmsEncryption {
			return invalidArgument(headerEncryption, w.algorithm, "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms")
		}
	}
	if h.Values(headerKMSContext) != nil {
		w.context, err = parseEncryptionContext(h.Get(headerKMSContext))
	}
	return err
}

// maxEncryptionContext is the longest encryption context of a request, as JSON.
const maxEncryptionContext = 8 << 10

// parseEncryptionContext reads a JSON object of texts, in base64. What S3 puts
// into a context itself, and a name that stands there twice, is refused.
func parseEncryptionContext(header string) (map[string]string, error) {
	refused := invalidArgument(headerKMSContext, header, "The header '%s' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map", headerKMSContext)
	data, err := base64.StdEncoding.Strict().DecodeString(header)
	if err != nil || len(data) > maxEncryptionContext || !utf8.Valid(data) {
		return nil, refused
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, refused
	}
	given := map[string]string{}
	for d.More() {
		var texts [2]string
		for i := range texts {
			t, err := d.Token()
			text, ok := t.(string)
			if err != nil || !ok {
				return nil, refused
			}
			texts[i] = text
		}
		if _, twice := given[texts[0]]; twice || texts[0] == contextARN {
			return nil, refused
		}
		given[texts[0]] = texts[1]
	}
	if _, err := d.Token(); err != nil {
		return nil, refused
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, refused
	}
	return given, nil
}

// resolve finds the key that the object will be under, as the request says, or
// else the bucket. What is wrong with it is told to who may make the object.
func (w *encryptionWish) resolve(r *request) {
	if w.customer != nil {
		return
	}
	rule, err := defaultEncryption(r.bucket)
	if err != nil {
		w.err = err
		return
	}
	algorithm, name := w.algorithm, w.keyID
	if algorithm == "" {
		algorithm, name = rule.ApplyServerSideEncryptionByDefault.SSEAlgorithm, rule.ApplyServerSideEncryptionByDefault.KMSMasterKeyID
	}
	if algorithm != kmsEncryption {
		return
	}
	bucketKey := rule.BucketKeyEnabled
	if w.bucketKey != nil {
		bucketKey = *w.bucketKey
	}
	use := &kms.Use{Context: maps.Clone(w.context), Via: r.viaService()}
	if use.Context == nil {
		use.Context = map[string]string{}
	}
	use.Context[contextARN] = bucketARN(r.bucket.Name)
	if !bucketKey {
		use.Context[contextARN] += "/" + r.Key
	}
	if use.Key, use.Alias, w.err = r.findKey(name); w.err != nil {
		return
	}
	text, err := json.Marshal(use.Context)
	if err != nil {
		w.err = err
		return
	}
	w.use = use
	w.made = objects.Encryption{Algorithm: kmsEncryption, KeyID: use.Key.ARN, Context: string(text), BucketKey: bucketKey}
}

// viaService names S3 to the key service.
func (r *request) viaService() string { return "s3." + r.s3.region + ".amazonaws.com" }

// findKey returns the key of a name, or that which AWS manages for the caller's
// account.
func (r *request) findKey(name string) (*directory.KMSKey, string, error) {
	switch {
	case r.Caller.Anonymous():
		return nil, "", errUnsignedKMS
	case name == "":
		k, err := r.managedKey()
		return k, "", err
	}
	k, alias, ok := r.s3.directory.FindKMSKey(r.Caller.AccountID, name)
	parsed, err := arn.Parse(name)
	isARN := err == nil && parsed.Service == "kms"
	switch {
	case ok:
		return k, alias, nil
	case isARN && parsed.Region != r.s3.region:
		return nil, "", kmsNotFound.WithMessage("Invalid arn %s", parsed.Region)
	case isARN && parsed.AccountID != r.Caller.AccountID:
		return nil, "", awserr.AccessDenied.WithMessage("%s", kms.NoKeyOfOthers(r.Request, name, generateDataKey))
	case alias != "":
		return nil, "", kmsNotFound.WithMessage("Alias %s is not found.", name)
	case len(name) > 4 && name[:4] == "arn:":
		return nil, "", kmsNotFound.WithMessage("Key '%s' does not exist", name)
	}
	return nil, "", kmsNotFound.WithMessage("Invalid keyId '%s'", name)
}

// managedKey returns the key aws/s3 of the caller's account, which is not kept
// before it is used for the first time.
func (r *request) managedKey() (*directory.KMSKey, error) {
	account := r.Caller.AccountID
	if k, _, ok := r.s3.directory.FindKMSKey(account, kms.ManagedAlias); ok {
		return k, nil
	}
	return kms.NewManagedKey(r.s3.directory, account, r.s3.region)
}

// keepKey keeps the key that AWS manages, when it is new.
func (r *request) keepKey(ctx context.Context, w *encryptionWish) error {
	k := w.use.Key
	if k.Manager != directory.KeyManagerAWS {
		return nil
	}
	if _, ok := r.s3.directory.KMSKey(k.ID); ok {
		return nil
	}
	kept, err := r.s3.directory.AddKMSKey(ctx, k, kms.ManagedAlias)
	if err != nil {
		return err
	}
	w.use.Key, w.made.KeyID = kept, kept.ARN
	return nil
}

// useOf returns the use of the KMS key that a content is under, or nil when it is
// under none. A key that is gone is an error for who may read the content.
func (r *request) useOf(e objects.Encryption) (*kms.Use, error) {
	if e.Algorithm != kmsEncryption {
		return nil, nil
	}
	if r.Caller.Anonymous() {
		return nil, errUnsignedKMS
	}
	k, _, ok := r.s3.directory.FindKMSKey("", e.KeyID)
	if !ok {
		return nil, kmsNotFound.WithMessage("Key '%s' does not exist", e.KeyID)
	}
	use := &kms.Use{Key: k, Via: r.viaService()}
	return use, json.Unmarshal([]byte(e.Context), &use.Context)
}

// opening is what it takes to open the key of a stored content, or of an upload.
type opening struct {
	customer *customerKey
	use      *kms.Use // of a KMS key; nil for none
	err      error    // of the KMS key, told only to who may
}

// find finds the KMS key of a content and returns the needs of its use.
func (o *opening) find(r *request, e objects.Encryption, actions ...string) (needs []service.Need) {
	o.use, o.err = r.useOf(e)
	if o.use == nil || o.err != nil {
		return nil
	}
	for _, action := range actions {
		needs = append(needs, o.use.Need(r.Request, action))
	}
	return needs
}
