package access

import (
	"strings"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/policy/acl"
	"github.com/keywright/keywright/policy/condition"
)

// Need is one permission that a request needs: an action on a resource.
type Need struct {
	Action   string // "s3:GetObject"
	Resource string // ARN, or "*"
	Shown    string // what a denial calls the resource; "" is as Resource

	// Bucket is the bucket of an S3 resource; its policy and its owner take
	// part. Only a need for a bucket that is yet to be made leaves it nil.
	Bucket *directory.Bucket
	// Object is the access control list of the object that the need is about, and
	// NoObject says that there is none, where the bucket's ACLs are not disabled. An
	// action on which the object's owner decides must have one of them.
	Object   *acl.List
	NoObject bool

	// Role is the role to be assumed; its trust policy must allow. A role that
	// does not exist is nil, and denied as any other.
	Role *directory.Role

	// Key is the KMS key of the resource; its policy must allow.
	Key *directory.KMSKey

	// Context adds the keys that this need brings; may be nil.
	Context func(*condition.Context)

	// Owner is the user id (aws:userid) of a caller to whom this need is
	// granted unless a policy denies it explicitly, such as the initiator of a
	// multipart upload ("Multipart upload API and permissions", Amazon S3 User
	// Guide). "" is nobody.
	Owner string

	// Optional needs do not deny the request: the operation learns the answer
	// from Request.Denied, for a single key of a DeleteObjects or for a header
	// that is left out.
	Optional bool
}

// assumes reports whether the need is one of assuming a role, on which the
// role's trust policy decides.
func (n *Need) assumes() bool {
	return strings.HasPrefix(n.Action, "sts:") && strings.Contains(n.Resource, ":role/")
}
