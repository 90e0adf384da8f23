package directory

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/keywright/keywright/policy/acl"
	"github.com/keywright/keywright/policy/eval"
)

// Account owns users, roles and buckets.
type Account struct {
	ID          string // 12 to 20 digits
	CanonicalID string // 64 hex digits: the canonical user id of S3
	Name        string
	Created     time.Time
}

// PasswordPolicy is what an account asks of its users' passwords. The zero
// value of a limit is none.
type PasswordPolicy struct {
	MinimumLength              int // 6 to 128
	RequireSymbols             bool
	RequireNumbers             bool
	RequireUppercaseCharacters bool
	RequireLowercaseCharacters bool
	AllowUsersToChangePassword bool
	MaxAge                     int   // days, up to 1,095
	ReusePrevention            int   // earlier passwords, up to 24
	HardExpiry                 *bool // nil when it was never said
}

// Tag is a tag on a user, role or policy. Keys that differ in nothing but case
// are one. It is the type of session tags too.
type Tag = struct{ Key, Value string }

// User is an IAM user.
type User struct {
	AccountID           string
	Path, Name, ID      string // ID is AIDA...
	ARN                 string
	Created             time.Time
	PermissionsBoundary string // ARN of a managed policy, or ""
	Tags                []Tag  // sorted by key
}

// LoginProfile is what may be told of the password with which a user signs in to
// the console.
type LoginProfile struct {
	UserName              string
	Created               time.Time
	Changed               time.Time // when the password was set
	LastUsed              time.Time // the zero value is never
	PasswordResetRequired bool      // whether he must set another one when he signs in
}

// Group is an IAM group.
type Group struct {
	AccountID      string
	Path, Name, ID string // ID is AGPA...
	ARN            string
	Created        time.Time
}

// Role is an IAM role.
type Role struct {
	AccountID           string
	Path, Name, ID      string // ID is AROA...
	ARN                 string
	Created             time.Time
	Description         string
	MaxSessionDuration  time.Duration
	TrustPolicy         string // the bytes that were put; its principals are bound to their unique ids
	PermissionsBoundary string
	Tags                []Tag
	LastUsed            LastUsed

	// Trust is TrustPolicy as compiled. Nobody but internal/access decides with it.
	Trust *eval.Policy
}

// InstanceProfile is a container for the role of EC2 instances. There are no
// instances here: it is kept for the clients that make one with every role.
type InstanceProfile struct {
	AccountID      string
	Path, Name, ID string // ID is AIPA...
	ARN            string
	Created        time.Time
	RoleID         string // of its role, or ""
	Tags           []Tag  // sorted by key
}

// OpenIDConnectProvider is an identity provider whose tokens an account's roles
// may trust ("Create an OpenID Connect (OIDC) identity provider in IAM", IAM
// User Guide).
type OpenIDConnectProvider struct {
	AccountID   string
	URL         string // https://..., which is the issuer of its tokens, to the letter
	ARN         string // its last part is the URL without https://
	Created     time.Time
	ClientIDs   []string // whom its tokens may be for, each once
	Thumbprints []string // SHA-1 of certificates, in hex of either case; one at least
	Tags        []Tag    // sorted by key
}

// Name returns what the condition keys of the provider's claims begin with: its
// URL without https://.
func (p *OpenIDConnectProvider) Name() string { return strings.TrimPrefix(p.URL, providerScheme) }

// OpenIDConnectProviderARN returns the ARN of an account's provider with a URL.
func OpenIDConnectProviderARN(accountID, url string) string {
	return "arn:aws:iam::" + accountID + providerARNPrefix + strings.TrimPrefix(url, providerScheme)
}

// ManagedPolicy is a customer's managed policy, or one of AWS's, whose AccountID
// is AWSAccountID and whose counts are those of all accounts: PolicyUsage gives
// those of one.
type ManagedPolicy struct {
	AccountID          string
	Path, Name, ID     string // ID is ANPA...
	ARN                string
	Description        string
	DefaultVersionID   string // "v1", ...
	AttachmentCount    int
	BoundaryUsageCount int
	Created, Updated   time.Time
	Tags               []Tag
}

// PolicyVersion is one version of a managed policy.
type PolicyVersion struct {
	VersionID string
	Document  string // the bytes that were put
	IsDefault bool
	Created   time.Time
}

// AccessKey is a long-term access key as it may be shown: without its secret.
type AccessKey struct {
	AccountID string
	UserName  string // "" for the account's root
	ID        string // AKIA...
	Active    bool
	Created   time.Time
	LastUsed  LastUsed
}

// LastUsed is the last authenticated use of a key or role. The zero value is never.
type LastUsed struct {
	Time            time.Time
	Service, Region string
}

// Credential is what authentication needs to know of an access key.
type Credential struct {
	AccessKeyID string
	Secret      string `json:"-"`
	Active      bool
	AccountID   string
	UserID      string // AIDA..., or "" for the account's root
}

// String names the credential by its access key id. It shows no secret.
func (c Credential) String() string { return "credential " + c.AccessKeyID }

// GoString is String.
func (c Credential) GoString() string { return c.String() }

// Format writes String, whatever the verb.
func (c Credential) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// LogValue is String.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Policies are the compiled policies that are attached to a user (with those of
// its groups) or a role.
type Policies struct {
	Identity []*eval.Policy
	Boundary *eval.Policy // nil when there is none
}

// EntityKind says to what a policy is attached.
type EntityKind string

// The kinds of entities that policies are attached to.
const (
	KindUser  EntityKind = "user"
	KindGroup EntityKind = "group"
	KindRole  EntityKind = "role"
)

// Entity names a user, group or role of an account, without regard to case.
type Entity struct {
	AccountID string
	Kind      EntityKind
	Name      string
}

// Bucket is a bucket and its configuration: an immutable snapshot.
type Bucket struct {
	Name, ID  string // ID is never used twice
	AccountID string
	Region    string
	Created   time.Time

	Policy            *BucketPolicy      // nil when there is none
	PublicAccessBlock *PublicAccessBlock // nil when there is none
	Ownership         string             // one of Object Ownership's; "" when there is none
	ACL               *acl.List          // of the bucket, whose Owner is its account's canonical user id; never nil

	// Configurations are the bucket's other documents by the names that S3's
	// subresources give them, such as "versioning". Their text means nothing
	// here.
	Configurations map[string]string
}

// BucketPolicy is a bucket policy as it was put.
type BucketPolicy struct {
	Document []byte
	// PrincipalIDs are the unique ids that the principals' ARNs had when the
	// policy was put: a namesake made later is another principal ("AWS JSON
	// policy elements: Principal", IAM User Guide).
	PrincipalIDs map[string]string

	// Compiled is Document as compiled. Nobody but internal/access decides with it.
	Compiled *eval.Policy
}

// PublicAccessBlock is the four settings of S3 Block Public Access.
type PublicAccessBlock struct {
	BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets bool
}
