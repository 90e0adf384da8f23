package iam

import (
	"errors"
	"fmt"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/policy"
)

// fault puts an error of the directory into IAM's words. Any other error stays
// as it is.
func fault(err error) error {
	var (
		notFound  *directory.NotFoundError
		exists    *directory.ExistsError
		inUse     *directory.InUseError
		limit     *directory.LimitError
		invalid   *directory.InvalidError
		malformed *policy.Error
		password  *directory.PasswordError
		protected *directory.ProtectedRoleError
	)
	switch {
	case errors.As(err, &notFound):
		return noSuchEntity(notFound)
	case errors.As(err, &exists):
		return alreadyExists(exists)
	case errors.As(err, &inUse):
		return deleteConflict(inUse)
	case errors.As(err, &limit):
		return limitExceeded(limit)
	case errors.As(err, &invalid) && strings.HasPrefix(invalid.Field, "thumbprint"):
		return awserr.InvalidInput.WithMessage("The thumbprints are invalid: %s", invalid.Reason).WithCause(err)
	case errors.As(err, &invalid):
		return awserr.ValidationError.WithMessage("The specified value for %s is invalid: %s", invalid.Field, invalid.Reason).WithCause(err)
	case errors.As(err, &protected):
		return awserr.UnmodifiableEntity.WithMessage("Cannot perform the operation on the protected role '%s' - this role is only modifiable by AWS", protected.Name).WithCause(err)
	case errors.As(err, &password):
		return awserr.PasswordPolicyViolation.WithMessage("Password does not conform to the account password policy: %s.", password.Reason).WithCause(err)
	case errors.Is(err, directory.ErrWrongPassword):
		return awserr.AccessDenied.WithMessage("The old password was incorrect.").WithCause(err)
	case errors.Is(err, directory.ErrWrongCode):
		return awserr.InvalidAuthenticationCode.WithCause(err)
	case errors.Is(err, directory.ErrReadOnly):
		return awserr.AccessDenied.WithMessage("Managed policies of AWS cannot be changed.").WithCause(err)
	case errors.As(err, &malformed):
		return awserr.MalformedPolicyDocument.WithMessage("%s", malformed.Error())
	}
	return err
}

// notFoundMessages are the messages of NoSuchEntity by the directory's kind.
var notFoundMessages = map[string]string{
	"account alias":           "The account alias %s cannot be found.",
	"password policy":         "The Password Policy with domain name %s cannot be found.",
	"user":                    "The user with name %s cannot be found.",
	"group":                   "The group with name %s cannot be found.",
	"role":                    "The role with name %s cannot be found.",
	"instance profile":        "Instance Profile %s cannot be found.",
	"OpenID Connect provider": "OpenIDConnect Provider not found for arn %s",
	"policy":                  "Policy %s was not found.",
	"attachment":              "Policy %s was not found.",
	"policy version":          "Policy version %s does not exist.",
	"inline policy":           "The policy with name %s cannot be found.",
	"MFA device":              "VirtualMFADevice with serial number %s doesn't exist.",
	"device of the user":      "MFA Device %s is invalid for the user.",
	"login profile":           "Login Profile for User %s cannot be found.",
	"access key":              "The Access Key with id %s cannot be found.",
}

func noSuchEntity(e *directory.NotFoundError) error {
	message, ok := notFoundMessages[e.Kind]
	if !ok {
		return e
	}
	return awserr.NoSuchEntity.WithMessage(message, e.Name).WithCause(e)
}

func alreadyExists(e *directory.ExistsError) error {
	switch e.Kind {
	case "user":
		return awserr.EntityAlreadyExists.WithMessage("User with name %s already exists.", e.Name)
	case "group":
		return awserr.EntityAlreadyExists.WithMessage("Group with name %s already exists.", e.Name)
	case "role":
		return awserr.EntityAlreadyExists.WithMessage("Role with name %s already exists.", e.Name)
	case "account alias":
		return awserr.EntityAlreadyExists.WithMessage("The account alias %s already exists.", e.Name)
	case "MFA device":
		return awserr.EntityAlreadyExists.WithMessage("MFADevice entity at the same path and name already exists.")
	case "enabled MFA device":
		return awserr.EntityAlreadyExists.WithMessage("MFA Device is already in use.")
	case "login profile":
		return awserr.EntityAlreadyExists.WithMessage("Login Profile for user %s already exists.", e.Name)
	case "instance profile":
		return awserr.EntityAlreadyExists.WithMessage("Instance Profile %s already exists.", e.Name)
	case "OpenID Connect provider":
		return awserr.EntityAlreadyExists.WithMessage("Provider with url %s already exists.", e.Name)
	case "policy":
		return awserr.EntityAlreadyExists.WithMessage("A policy called %s already exists. Duplicate names are not allowed.", e.Name)
	}
	return e
}

// conflicts are the messages of DeleteConflict by what must go first.
var conflicts = map[string]string{
	"instance profiles": "Cannot delete entity, must remove roles from instance profile first.",
	"a role":            "Cannot delete entity, must remove roles from instance profile first.",
	"access keys":       "Cannot delete entity, must delete access keys first.",
	"MFA devices":       "Cannot delete entity, must delete MFA device first.",
	"a user":            "MFA VirtualDevice in use. Must deactivate first.",
	"a login profile":   "Cannot delete entity, must delete login profile first.",
	"inline policies":   "Cannot delete entity, must delete policies first.",
	"policies":          "Cannot delete entity, must detach all policies first.",
	"groups":            "Cannot delete entity, must remove users from group first.",
	"members":           "Cannot delete entity, must remove users from group first.",
	"attachments":       "Cannot delete a policy attached to entities.",
	"boundaries":        "Cannot delete a policy attached to entities.",
	"versions":          "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
	"default version":   "Cannot delete the default version of a policy.",
}

func deleteConflict(e *directory.InUseError) error {
	if message, ok := conflicts[e.By]; ok {
		return awserr.DeleteConflict.WithMessage("%s", message).WithCause(e)
	}
	return awserr.DeleteConflict.WithCause(e)
}

func limitExceeded(e *directory.LimitError) error {
	if e.Quota == directory.QuotaThumbprintsPerProvider {
		return awserr.InvalidInput.WithMessage("Thumbprint list must contain fewer than %d entries.", e.Limit).WithCause(e)
	}
	message := fmt.Sprintf("Cannot exceed quota for %s: %d", e.Quota, e.Limit)
	if e.Quota == directory.QuotaVersionsPerPolicy {
		message = fmt.Sprintf("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", e.Limit)
	}
	return awserr.LimitExceeded.WithMessage("%s", message).WithCause(e)
}

// missing reports whether err says that an entity of the kind does not exist.
func missing(err error, kind string) bool {
	var e *directory.NotFoundError
	return errors.As(err, &e) && e.Kind == kind
}

// notAttachable is the answer to naming a managed policy that does not exist as
// one to attach, or as a permissions boundary.
func notAttachable(policyARN string) error {
	return awserr.NoSuchEntity.WithMessage("Policy %s does not exist or is not attachable.", policyARN)
}
