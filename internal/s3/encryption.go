package s3

import (
	"net/http"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
)

const (
	headerEncryption = "x-amz-server-side-encryption"
	encryption       = "AES256"
)

// encryptionWish is how a request wants the object that it makes to be
// encrypted. The zero value says nothing.
type encryptionWish struct {
	algorithm string       // of x-amz-server-side-encryption, or ""
	customer  *customerKey // nil for none
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
	case strings.HasPrefix(w.algorithm, "aws:kms"):
		return w, notImplemented(headerEncryption)
	default:
		return w, invalidEncryption(headerEncryption, w.algorithm)
	}
	if w.customer, err = parseCustomerKey(r, headerCustomer); err != nil {
		return w, err
	}
	if w.customer != nil && w.algorithm != "" {
		return w, invalidArgument(headerEncryption, w.algorithm, "Server Side Encryption with Customer provided key is incompatible with the encryption method specified")
	}
	return w, nil
}

func invalidEncryption(header, value string) *awserr.Error {
	return awserr.InvalidEncryptionAlgorithm.With("ArgumentName", header).With("ArgumentValue", value)
}

// isGiven reports whether a request says anything of encryption.
func (w *encryptionWish) isGiven() bool { return w.algorithm != "" || w.customer != nil }

// protection is how the object that a request makes is encrypted beside the
// encryption that every object has.
type protection struct {
	encryption objects.Encryption
	sealer     objects.KeySealer // nil unless encryption is sealed
}

// protect finds how the object is to be encrypted, as it is when it is made.
func (w *encryptionWish) protect(r *request) (p protection, err error) {
	if w.customer == nil {
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

// tellEncryption tells in a response how an object is encrypted, and with which
// of the client's keys.
func tellEncryption(p *service.Response, e objects.Encryption, customer *customerKey) {
	switch {
	case !e.Sealed():
		p.SetHeader(headerEncryption, encryption)
	case isCustomers(e) && customer != nil:
		p.SetHeader(headerCustomer+"algorithm", encryption)
		p.SetHeader(headerCustomer+"key-MD5", customer.md5)
	}
}

var (
	errKeyMissing = awserr.InvalidRequest.WithMessage("The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.")
	errKeyUseless = awserr.InvalidRequest.WithMessage("The encryption parameters are not applicable to this object.")
)

// unseal opens the key of an object for reading, with the key that the request
// brings for it.
func (r *request) unseal(o objects.Object, customer *customerKey) error {
	e := o.Info().Attributes.Encryption
	switch {
	case isCustomers(e) && customer == nil:
		return errKeyMissing
	case !isCustomers(e) && customer != nil:
		return errKeyUseless
	case isCustomers(e):
		return r.storeError(o.Unseal(customer))
	}
	return nil
}

// partSealer returns what opens the key of an upload, with what a request for a
// part of it, or to complete it, brings.
func partSealer(u objects.Upload, customer *customerKey) (objects.KeySealer, error) {
	e := u.Attributes.Encryption
	switch {
	case isCustomers(e) && customer == nil:
		return nil, awserr.InvalidRequest.WithMessage("The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.")
	case !isCustomers(e) && customer != nil:
		return nil, awserr.InvalidRequest.WithMessage("The multipart upload initiate did not request encryption. Please resend the request without sending encryption parameters.")
	case isCustomers(e):
		return customer.ofUpload(), nil
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
