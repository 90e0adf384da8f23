package s3

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/base64"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/internal/service"
)

const (
	headerCustomer       = "x-amz-server-side-encryption-customer-"
	headerSourceCustomer = "x-amz-copy-source-server-side-encryption-customer-"
)

// customerKey is a key that a request brings. It is an objects.KeySealer; a
// content that was sealed under another is AccessDenied.
type customerKey struct {
	key   *secrets.RawKey
	md5   string        // base64
	wrong *awserr.Error // nil is AccessDenied
}

// parseCustomerKey reads the three headers of a customer's key, or returns nil
// when there is none of them. No error holds the key ("Using server-side
// encryption with customer-provided keys (SSE-C)", Amazon S3 User Guide).
func parseCustomerKey(r *service.Request, prefix string) (*customerKey, error) {
	h := r.HTTP.Header
	algorithm, key, sum := h.Get(prefix+"algorithm"), h.Get(prefix+"key"), h.Get(prefix+"key-MD5")
	refuse := func(header, what string) error {
		return awserr.InvalidArgument.WithMessage("%s", what).With("ArgumentName", prefix+header)
	}
	switch {
	case h.Values(prefix+"algorithm") == nil && h.Values(prefix+"key") == nil && h.Values(prefix+"key-MD5") == nil:
		return nil, nil
	case !isSecure(r):
		return nil, awserr.InvalidRequest.WithMessage("Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.")
	case algorithm == "":
		return nil, refuse("algorithm", "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.")
	case algorithm != encryption:
		return nil, invalidEncryption(prefix+"algorithm", algorithm)
	case key == "":
		return nil, refuse("key", "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.")
	case sum == "":
		return nil, refuse("key-MD5", "Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(key)
	if err != nil || len(raw) != secrets.RawKeySize {
		return nil, refuse("key", "The secret key was invalid for the specified algorithm.")
	}
	digest := md5.Sum(raw)
	given, err := base64.StdEncoding.Strict().DecodeString(sum)
	if err != nil || subtle.ConstantTimeCompare(given, digest[:]) == 0 {
		return nil, refuse("key-MD5", "The calculated MD5 hash of the key did not match the hash that was provided.")
	}
	k, err := secrets.NewRawKey(raw)
	return &customerKey{key: k, md5: sum}, err
}

// Seal implements objects.KeySealer.
func (k *customerKey) Seal(plaintext, associatedData []byte) ([]byte, error) {
	return k.key.Seal(plaintext, associatedData)
}

// Open implements objects.KeySealer.
func (k *customerKey) Open(sealed, associatedData []byte) ([]byte, error) {
	plaintext, err := k.key.Open(sealed, associatedData)
	switch {
	case err == nil:
		return plaintext, nil
	case k.wrong != nil:
		return nil, k.wrong.WithCause(err)
	}
	return nil, awserr.AccessDenied.WithMessage("Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key.").WithCause(err)
}

// ofUpload returns the key with the error of one that an upload was not begun
// with.
func (k *customerKey) ofUpload() *customerKey {
	c := *k
	c.wrong = awserr.InvalidRequest.WithMessage("The provided encryption parameters did not match the ones used originally.")
	return &c
}

// isCustomers reports whether a content is under a key that only its client has.
func isCustomers(e objects.Encryption) bool { return e.Sealed() && e.KeyID == "" }

// blocksCustomerKeys reports whether a bucket takes no objects under keys of
// customers, as it does unless its encryption says that nothing is blocked
// ("Blocking or unblocking SSE-C for a general purpose bucket", Amazon S3 User
// Guide).
func blocksCustomerKeys(b *directory.Bucket) (bool, error) {
	rule, err := defaultEncryption(b)
	if err != nil {
		return true, err
	}
	blocked := rule.BlockedEncryptionTypes
	return blocked == nil || len(blocked.EncryptionType) != 1 || blocked.EncryptionType[0] != blockedNone, nil
}

// customerKeysBlocked is the answer to an upload under a customer's key where
// the bucket blocks them.
func (r *request) customerKeysBlocked() error {
	if r.Caller.Anonymous() || r.Caller.AccountID != r.bucket.AccountID {
		return awserr.AccessDenied
	}
	return awserr.AccessDenied.WithMessage(
		"User: %s is not authorized to perform: s3:PutObject on resource: %q because this bucket has blocked upload requests that specify Server Side Encryption with Customer provided keys (SSE-C). Please specify a different server-side encryption type.",
		r.Caller.ARN, bucketARN(r.bucket.Name)+"/"+r.Key)
}
