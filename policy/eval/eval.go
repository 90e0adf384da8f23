// Package eval decides requests as AWS does: it compiles policy documents of
// every type and combines them under the rules of "Policy evaluation logic"
// (IAM User Guide), for one account and across accounts, and says why.
//
// It knows no list of actions, resources or condition keys, because AWS
// decides without one, and it refuses to compile what it cannot evaluate. It
// neither collects policies nor fills request contexts: what a request may be
// decided on is handed to it.
package eval

import (
	"github.com/keywright/keywright/policy/condition"
)

// PrincipalType is the kind of identity that makes a request.
type PrincipalType uint8

// The types of principals. The zero type is Anonymous, which has the least
// access.
const (
	Anonymous PrincipalType = iota
	Root
	User
	AssumedRole
	FederatedUser
	Service           // an AWS service, known by ServiceName
	FederatedIdentity // a caller of AssumeRoleWithWebIdentity or AssumeRoleWithSAML; ARN is its provider's
)

// Principal is who makes a request. The zero Principal is anonymous.
type Principal struct {
	Type PrincipalType

	// ARN is what messages name and resource policies match: the ARN of the
	// user, the assumed-role session, the federated user, the account's root or
	// the identity provider.
	ARN string

	// IssuerARN is the ARN of the role of an assumed-role session, or of the
	// user or the account's root that made a federated user's session.
	IssuerARN string

	AccountID string

	// UniqueID is the unique id (AIDA..., AROA...) of the user, of the role of
	// an assumed-role session, or of the user behind a federated user.
	UniqueID string

	CanonicalUserID string // of the principal's account
	ServiceName     string // such as "logging.s3.amazonaws.com"
}

// Request is one action on one resource. An operation that needs several
// permissions makes several Requests.
type Request struct {
	Principal Principal
	Action    string // such as "s3:GetObject", in any case

	// Resource is an ARN, or "*" for an action that is granted on no single
	// resource. "*" is matched only by patterns that take in every resource of
	// the action's service.
	Resource string

	// ResourceAccount is the account that owns the resource. When it is empty
	// the resource belongs to no account but the principal's own.
	ResourceAccount string

	// Context holds the condition keys. nil is an empty context.
	Context *condition.Context
}

// PolicyType is the part that a policy plays in a decision ("Policies and
// permissions in AWS Identity and Access Management").
type PolicyType uint8

// The types of policies.
const (
	Identity PolicyType = iota + 1
	PermissionsBoundary
	Session
	Resource
	Trust // of a role; a resource policy that must allow even in the same account
	ServiceControl
	ResourceControl
	KeyPolicy         // of a KMS key; a resource policy that must allow even in the same account
	AccessControlList // of a bucket or an object of S3; no document, and in Decision.Reason only
)

var policyTypeNames = [...]string{
	Identity:            "identity-based policy",
	PermissionsBoundary: "permissions boundary",
	Session:             "session policy",
	Resource:            "resource-based policy",
	Trust:               "role trust policy",
	ServiceControl:      "service control policy",
	ResourceControl:     "resource control policy",
	KeyPolicy:           "resource-based policy",
	AccessControlList:   "access control list",
}

// String returns AWS's words for the type, such as "identity-based policy".
func (t PolicyType) String() string {
	if int(t) < len(policyTypeNames) && t != 0 {
		return policyTypeNames[t]
	}
	return "no policy"
}

// Policies is every policy that applies to a request.
type Policies struct {
	Identity []*Policy // of the user and its groups, or of the role; none for an account's root
	Boundary *Policy   // permissions boundary of the user or role; nil when it has none

	// Session holds the session policies. HasSession says that they limit the
	// session: with no policy among them, nothing but what a resource policy
	// grants the session is allowed, as for GetFederationToken without policies.
	Session    []*Policy
	HasSession bool

	// Resource is the policy of the resource or, for sts:AssumeRole and its
	// kin, the role's trust policy; of a KMS key it is the key policy ("Key
	// policies in AWS KMS"). nil when there is none.
	Resource *Policy

	// ACLs are the access control lists of the bucket and of the object. nil means
	// that they are disabled, as BucketOwnerEnforced has it: the bucket's owner owns
	// every object, and policies alone decide.
	ACLs *AccessControl

	// ServiceControl and ResourceControl hold the policies of each level, from
	// the organization's root down to the account; each level must allow. nil
	// means that the account is in no organization. ServiceControl is that of
	// the principal's account, ResourceControl that of the resource's.
	ServiceControl, ResourceControl [][]*Policy

	// RestrictPublicBuckets is the Block Public Access setting of the bucket or
	// its account: when the bucket policy is public, only the owner's account
	// and AWS services get through.
	RestrictPublicBuckets bool
}

// Effect is the outcome of a decision.
type Effect uint8

// The outcomes. The zero Effect denies.
const (
	ImplicitDeny Effect = iota
	ExplicitDeny
	Allowed
)

// String returns the outcome as SimulatePrincipalPolicy's EvalDecision has it.
func (e Effect) String() string {
	switch e {
	case ExplicitDeny:
		return "explicitDeny"
	case Allowed:
		return "allowed"
	}
	return "implicitDeny"
}

// Decision is the answer to a request. The zero Decision denies.
type Decision struct {
	Effect Effect

	// Reason is the type of policy that denied, did not allow, or allowed. It is
	// 0 when the account's root was allowed by default.
	Reason PolicyType

	// Policy and Statement are the statement that denied or allowed. Policy is
	// nil for an implicit denial, Statement is -1 when no statement did it. Of an
	// AccessControlList, Statement is the index of the grant.
	Policy    *Policy
	Statement int
}

// Allowed reports whether the request may go on.
func (d Decision) Allowed() bool { return d.Effect == Allowed }

// Because returns why a request for action was denied, in the words of AWS's
// access denied messages ("Troubleshoot access denied error messages"), such
// as "because no identity-based policy allows the s3:GetObject action". It is
// empty for an allowed request.
func (d Decision) Because(action string) string {
	switch d.Effect {
	case ImplicitDeny:
		return "because no " + d.Reason.String() + " allows the " + action + " action"
	case ExplicitDeny:
		return "with an explicit deny in " + d.Reason.article() + " " + d.Reason.String()
	}
	return ""
}

func (t PolicyType) article() string {
	switch t {
	case Identity, AccessControlList:
		return "an"
	case Trust:
		return "the"
	}
	return "a"
}
