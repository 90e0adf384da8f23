package directory

import (
	"errors"
	"fmt"
)

var (
	// ErrReadOnly is returned, wrapped, for a change to a policy of AWS's.
	ErrReadOnly = errors.New("managed policies of AWS cannot be changed")

	// ErrLocked is returned, wrapped, by Open when another process has the
	// directory open.
	ErrLocked = errors.New("the directory is open in another process")

	// ErrWrongKeyring is returned, wrapped, by Open when the keyring is not the
	// one that the directory's secrets were sealed with.
	ErrWrongKeyring = errors.New("the key does not open the directory's secrets")

	// ErrWrongPassword is returned for a password that is not the user's, and
	// when there is no such user.
	ErrWrongPassword = errors.New("the user name or password is wrong")

	// ErrWrongCode is returned for a one-time code that is not the device's now, or
	// was used.
	ErrWrongCode = errors.New("the one-time code is wrong")

	// ErrClosed is returned for changes after Close.
	ErrClosed = errors.New("the directory is closed")
)

// NotFoundError says that something is not there. Kind is "account", "account alias", "password policy", "user",
// "group", "role", "instance profile", "OpenID Connect provider", "policy", "policy version", "inline policy", "attachment",
// "membership", "boundary", "access key", "login profile", "MFA device", "device of the user", "bucket", "KMS key" or "KMS alias".
type NotFoundError struct{ Kind, Name string }

// Error says what is missing.
func (e *NotFoundError) Error() string { return fmt.Sprintf("%s %q does not exist", e.Kind, e.Name) }

// ExistsError says that a name is taken. Owned is whether the bucket of that
// name is of the same account.
type ExistsError struct {
	Kind, Name string
	Owned      bool
}

// Error says what exists.
func (e *ExistsError) Error() string { return fmt.Sprintf("%s %q already exists", e.Kind, e.Name) }

// InUseError says that something cannot be deleted. By is what must go first:
// "instance profiles" (that a role is in), "a role", "access keys", "a login profile", "MFA devices",
// "a user" (of an MFA device), "policies" (attached), "inline policies", "groups", "members",
// "attachments", "boundaries", "versions" or "default version".
type InUseError struct{ Kind, Name, By string }

// Error says what must go first.
func (e *InUseError) Error() string {
	return fmt.Sprintf("%s %q cannot be deleted: it has %s", e.Kind, e.Name, e.By)
}

// ProtectedRoleError says that a role belongs to a service, which alone may
// change it.
type ProtectedRoleError struct{ Name string }

// Error says which role.
func (e *ProtectedRoleError) Error() string {
	return fmt.Sprintf("role %q belongs to a service and cannot be changed", e.Name)
}

// LimitError says that a quota is used up. Quota is one of the Quota constants.
type LimitError struct {
	Quota string
	Limit int
}

// Error names the quota.
func (e *LimitError) Error() string { return fmt.Sprintf("quota %s: %d", e.Quota, e.Limit) }

// InvalidError says that a value cannot be stored. Field is what it is, such as
// "user name".
type InvalidError struct{ Field, Value, Reason string }

// Error says why.
func (e *InvalidError) Error() string {
	return fmt.Sprintf("%s %q is not valid: %s", e.Field, e.Value, e.Reason)
}

// PasswordError says why an account's password policy does not allow a
// password. It does not show the password.
type PasswordError struct{ Reason string }

// Error says why.
func (e *PasswordError) Error() string { return "the password is not allowed: " + e.Reason }

// DocumentError says that a policy document cannot be compiled. It wraps the
// *policy.Error that says where and why.
type DocumentError struct {
	Name string // the policy's name or ARN
	Err  error
}

// Error says which document, where and why.
func (e *DocumentError) Error() string { return fmt.Sprintf("policy %s: %v", e.Name, e.Err) }

// Unwrap returns the *policy.Error.
func (e *DocumentError) Unwrap() error { return e.Err }

// PublicPolicyError says that a policy is public, and that the bucket's Block
// Public Access does not allow one.
type PublicPolicyError struct{ Bucket string }

// Error says for which bucket.
func (e *PublicPolicyError) Error() string {
	return fmt.Sprintf("bucket %q: BlockPublicPolicy does not allow a public policy", e.Bucket)
}
