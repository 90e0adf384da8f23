package s3

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/kms"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/condition"
)

const (
	headerEncryption = "x-amz-server-side-encryption"
	encryption       = "AES256"
)

// encryptionWish is how a request wants the object that it makes to be
// encrypted. The zero value says nothing.
type encryptionWish struct {
	algorithm string            // of x-amz-server-side-encryption, or ""
	customer  *customerKey      // nil for none
	keyID     string            // of a KMS key, as the client names it, or ""
	context   map[string]string // of the use of a KMS key; nil when nothing is said
	bucketKey *bool             // nil when nothing is said

	// What resolve finds:
	use  *kms.Use // nil when the object will be under no KMS key
	made objects.Encryption
	err  error // told only to who may make the object
}

// parseEncryption reads the headers of an operation that makes an object. Errors
// are InvalidArgument, InvalidRequest, InvalidEncryptionAlgorithmError and
// NotImplemented.
func parseEncryption(r *service.Request) (w encryptionWish, err error) {
	h := r.HTTP.Header
	if h.Values(headerEncryption) != nil {
		w.algorithm = h.Get(headerEncryption)
	}
	switch {
	case w.algorithm == "" && h.Values(headerEncryption) == nil, w.algorithm == encryption:
	case w.algorithm == kmsEncryption:
	case w.algorithm == kmsDualEncryption:
		return w, errDualEncryption
	default:
		return w, invalidEncryption(headerEncryption, w.algorithm)
	}
	if w.customer, err = parseCustomerKey(r, headerCustomer); err != nil {
		return w, err
	}
	if w.customer != nil && w.algorithm != "" {
		return w, invalidArgument(headerEncryption, w.algorithm, "Server Side Encryption with Customer provided key is incompatible with the encryption method specified")
	}
	return w, w.parseKMS(h)
}

var errDualEncryption = awserr.NotImplemented.WithMessage("Dual-layer encryption (aws:kms:dsse) is not implemented. Use aws:kms.").With("Header", headerEncryption)

func invalidEncryption(header, value string) *awserr.Error {
	return awserr.InvalidEncryptionAlgorithm.With("ArgumentName", header).With("ArgumentValue", value)
}

// needs are those of the use of a KMS key.
func (w *encryptionWish) needs(r *request) []service.Need {
	if w.use == nil {
		return nil
	}
	return []service.Need{w.use.Need(r.Request, generateDataKey)}
}

// contextKey sets the key of the KMS key that the object will be under.
func (w *encryptionWish) contextKey(c *condition.Context) {
	switch {
	case w.use != nil:
		c.SetString("s3:"+headerKMSKey, w.use.Key.ARN)
	case w.keyID != "":
		c.SetString("s3:"+headerKMSKey, w.keyID)
	}
}

// protection is how the object that a request makes is encrypted beside the
// encryption that every object has.
type protection struct {
	encryption objects.Encryption
	sealer     objects.KeySealer // nil unless encryption is sealed
}

// protect returns how the object is to be encrypted.
func (w *encryptionWish) protect(ctx context.Context, r *request) (p protection, err error) {
	switch {
	case w.err != nil:
		return p, w.err
	case w.use != nil:
		if err := keyError(w.use.Key, w.use.Key.Usable()); err != nil {
			return p, err
		}
		err := r.keepKey(ctx, w)
		return protection{w.made, keyUse{*w.use}}, err
	case w.customer == nil:
		return p, nil
	}
	blocked, err := blocksCustomerKeys(r.bucket)
	if err != nil {
		return p, err
	}
	if blocked {
		return p, r.customerKeysBlocked()
	}
	return protection{objects.Encryption{Algorithm: encryption}, w.customer}, nil
}

// tellContext tells in a response the encryption context of a use of a key, when
// the client gave one.
func (w *encryptionWish) tellContext(p *service.Response) {
	if w.context != nil {
		p.SetHeader(headerKMSContext, base64.StdEncoding.EncodeToString([]byte(w.made.Context)))
	}
}

// tellEncryption tells in a response how an object is encrypted, and with which
// of the client's keys.
func tellEncryption(p *service.Response, e objects.Encryption, customer *customerKey) {
	switch {
	case !e.Sealed():
		p.SetHeader(headerEncryption, encryption)
	case isCustomers(e) && customer != nil:
		p.SetHeader(headerCustomer+"algorithm", encryption)
		p.SetHeader(headerCustomer+"key-MD5", customer.md5)
	case !isCustomers(e):
		p.SetHeader(headerEncryption, e.Algorithm)
		p.SetHeader(headerKMSKey, e.KeyID)
		if e.BucketKey {
			p.SetHeader(headerBucketKey, "true")
		}
	}
}

var (
	errKeyMissing = awserr.InvalidRequest.WithMessage("The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.")
	errKeyUseless = awserr.InvalidRequest.WithMessage("The encryption parameters are not applicable to this object.")
)

// check compares the key that a request brings with what it is for.
func (o *opening) check(e objects.Encryption) error {
	switch {
	case isCustomers(e) && o.customer == nil:
		return errKeyMissing
	case !isCustomers(e) && o.customer != nil:
		return errKeyUseless
	}
	return o.err
}

// unseal opens the key of an object for reading.
func (o *opening) unseal(r *request, object objects.Object) error {
	if err := o.check(object.Info().Attributes.Encryption); err != nil {
		return err
	}
	switch {
	case o.customer != nil:
		return r.storeError(object.Unseal(o.customer))
	case o.use != nil:
		return r.storeError(object.Unseal(keyUse{*o.use}))
	}
	return nil
}

// partSealer returns what opens the key of an upload, for a part of it or to
// complete it.
func (o *opening) partSealer(u objects.Upload) (objects.KeySealer, error) {
	e := u.Attributes.Encryption
	switch {
	case o.err != nil:
		return nil, o.err
	case isCustomers(e) && o.customer == nil:
		return nil, awserr.InvalidRequest.WithMessage("The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.")
	case !isCustomers(e) && o.customer != nil:
		return nil, awserr.InvalidRequest.WithMessage("The multipart upload initiate did not request encryption. Please resend the request without sending encryption parameters.")
	case o.customer != nil:
		return o.customer.ofUpload(), nil
	case o.use != nil:
		return keyUse{*o.use}, nil
	}
	return nil, nil
}

// isSecure reports whether a request may bring a key of its client's: over TLS,
// or from this machine itself, so that nobody could read it on its way ("Using
// server-side encryption with customer-provided keys (SSE-C)", Amazon S3 User
// Guide).
func isSecure(r *service.Request) bool {
	return r.Client.Secure || !r.Client.Proxied && r.Client.Address.IsLoopback()
}

// hasEncryption reports whether the headers ask for any encryption of an object.
func hasEncryption(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(strings.ToLower(name), headerEncryption) {
			return true
		}
	}
	return false
}
