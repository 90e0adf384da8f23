package sts

import (
	"errors"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
)

// checkSecondFactor refuses half a proof of a second factor.
func checkSecondFactor(serialNumber, tokenCode string) error {
	if (serialNumber == "") != (tokenCode == "") {
		return awserr.AccessDenied.WithMessage("MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.")
	}
	return nil
}

// proveSecondFactor uses a code of one of the calling user's devices up. It
// reports whether he gave one, and fails with AccessDenied when it is wrong or
// the device not his ("Secure API access with MFA", IAM User Guide).
func (h *handlers) proveSecondFactor(r *service.Request, serialNumber, tokenCode string) (bool, error) {
	if serialNumber == "" {
		return false, nil
	}
	var err error = &directory.NotFoundError{Kind: "device of the user", Name: serialNumber}
	if r.Caller.UserName != "" {
		err = h.directory.UseMFACode(r.HTTP.Context(), r.Caller.UserID, serialNumber, tokenCode)
	}
	var none *directory.NotFoundError
	switch {
	case errors.Is(err, directory.ErrWrongCode):
		return false, awserr.AccessDenied.WithMessage("MultiFactorAuthentication failed with invalid MFA one time pass code.").WithCause(err)
	case errors.As(err, &none):
		return false, awserr.AccessDenied.WithMessage("MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.").WithCause(err)
	}
	return err == nil, err
}
