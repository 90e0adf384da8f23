package kms

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy"
)

// refusal is an error of the API, all of which have the status 400.
func refusal(code, message string) *awserr.Error {
	return awserr.New(code, http.StatusBadRequest, message)
}

// The errors of the API ("AWS KMS API Reference").
var (
	unknownOperation   = refusal("UnknownOperationException", "There is no such operation.")
	serialization      = refusal("SerializationException", "The request is not a JSON object of the operation's shape.")
	validation         = refusal("ValidationException", "The request is not valid.")
	notFound           = refusal("NotFoundException", "The key does not exist.")
	alreadyExists      = refusal("AlreadyExistsException", "The alias already exists.")
	invalidAliasName   = refusal("InvalidAliasNameException", "The alias name is not valid.")
	disabled           = refusal("DisabledException", "The key is disabled.")
	invalidState       = refusal("KMSInvalidStateException", "The key is pending deletion.")
	invalidCiphertext  = refusal("InvalidCiphertextException", "")
	incorrectKey       = refusal("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
	malformedPolicy    = refusal("MalformedPolicyDocumentException", "The policy is malformed.")
	limitExceeded      = refusal("LimitExceededException", "A limit is exceeded.")
	invalidTag         = refusal("TagException", "The tags are not valid.")
	invalidMarker      = refusal("InvalidMarkerException", "The marker is not valid.")
	unsupported        = refusal("UnsupportedOperationException", "This is not supported.")
	invalidGrantToken  = refusal("InvalidGrantTokenException", "There are no grants.")
	dryRun             = refusal("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
	accessDenied       = refusal("AccessDeniedException", "")
	errCiphertextOfKey = accessDenied.WithMessage("The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")
)

// fault puts an error of the directory, about a key, into the words of the API.
// Any other error stays as it is.
func fault(keyARN string, err error) error {
	var (
		missing   *directory.NotFoundError
		exists    *directory.ExistsError
		invalid   *directory.InvalidError
		limit     *directory.LimitError
		malformed *policy.Error
	)
	switch {
	case errors.Is(err, directory.ErrKeyDisabled):
		return disabled.WithMessage("%s is disabled.", keyARN).WithCause(err)
	case errors.Is(err, directory.ErrKeyPendingDeletion):
		return invalidState.WithMessage("%s is pending deletion.", keyARN).WithCause(err)
	case errors.Is(err, secrets.ErrNotOpened):
		return invalidCiphertext.WithCause(err)
	case errors.As(err, &missing) && missing.Kind == "KMS alias":
		return notFound.WithMessage("Alias %s is not found.", missing.Name).WithCause(err)
	case errors.As(err, &missing):
		return notFound.WithMessage("Key '%s' does not exist", keyARN).WithCause(err)
	case errors.As(err, &exists):
		return alreadyExists.WithMessage("An alias with the name %s already exists", exists.Name).WithCause(err)
	case errors.As(err, &invalid):
		return validation.WithMessage("The %s is not valid: %s.", invalid.Field, invalid.Reason).WithCause(err)
	case errors.As(err, &limit) && limit.Quota == directory.QuotaTagsPerKMSKey:
		return limitExceeded.WithMessage("A key has at most %d tags.", limit.Limit).WithCause(err)
	case errors.As(err, &malformed):
		return malformedPolicy.WithMessage("The policy cannot be used: %s", malformed.Error()).WithCause(err)
	}
	return err
}

// faults are the errors of authentication and of the server as the protocol
// words them ("Common Errors", AWS KMS API Reference). The rest of this project
// knows them as S3 does. An empty message keeps the error's own.
var faults = map[string]*awserr.Error{
	awserr.AccessDenied.Code:                      accessDenied,
	awserr.AuthorizationHeaderMalformed.Code:      refusal("IncompleteSignatureException", ""),
	awserr.AuthorizationQueryParametersError.Code: refusal("IncompleteSignatureException", ""),
	awserr.ExpiredToken.Code:                      refusal("ExpiredTokenException", "The security token included in the request is expired"),
	awserr.InternalError.Code:                     awserr.New("KMSInternalException", http.StatusInternalServerError, "The request failed because of an internal error."),
	awserr.InvalidAccessKeyID.Code:                refusal("UnrecognizedClientException", "The security token included in the request is invalid."),
	awserr.InvalidToken.Code:                      refusal("UnrecognizedClientException", "The security token included in the request is invalid."),
	awserr.MissingAuthenticationToken.Code:        refusal("MissingAuthenticationTokenException", "Missing Authentication Token"),
	awserr.RequestTimeTooSkewed.Code:              refusal("InvalidSignatureException", ""),
	awserr.SignatureDoesNotMatch.Code:             refusal("InvalidSignatureException", ""),
	awserr.ServiceUnavailable.Code:                awserr.New("DependencyTimeoutException", http.StatusServiceUnavailable, ""),
	awserr.SlowDown.Code:                          refusal("ThrottlingException", ""),
}

// contentType is that of every body.
const contentType = "application/x-amz-json-1.1"

// Fault writes an error in the shape of the JSON protocol.
func (s *Service) Fault(w http.ResponseWriter, r *service.Request, e *awserr.Error) {
	code, status, message := e.Code, e.Status, e.Message
	if known, ok := faults[e.Code]; ok {
		code, status = known.Code, known.Status
		if known.Message != "" {
			message = known.Message
		}
	}
	if !strings.HasSuffix(code, "Exception") {
		code += "Exception"
	}
	data, err := json.Marshal(struct {
		Type    string `json:"__type"`
		Message string `json:"message,omitempty"`
	}{code, message})
	if err != nil { // it is a struct of strings
		panic(err)
	}
	h := w.Header()
	for name, values := range e.Header {
		h[name] = values
	}
	h.Set("X-Amzn-Requestid", r.ID)
	h.Set("X-Amzn-Errortype", code)
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	w.Write(data)
}
