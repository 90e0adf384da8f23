package access

import (
	"strings"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/oidc"
	"github.com/keywright/keywright/internal/session"
	"github.com/keywright/keywright/policy/eval"
)

// Caller is who makes a request, as authenticated. Its fields are for showing
// and for records; what it may do only Access knows.
type Caller struct {
	Type        eval.PrincipalType
	AccountID   string // "" when anonymous
	CanonicalID string // of the account; "" when anonymous
	ARN         string // of the user, the session, the account's root or the identity provider; "" when anonymous
	UserID      string // aws:userid; of a federated identity PROVIDER:AUDIENCE:SUBJECT
	UserName    string // of a user; "" otherwise
	AccessKeyID string
	Session     *session.Session // of temporary credentials; nil otherwise
	Token       *oidc.Token      // of a federated identity, verified; nil otherwise

	principal eval.Principal
	policies  directory.Policies
	sessions  []*eval.Policy // compiled session policies
	tags      []directory.Tag
	claims    []oidc.Claim // of a federated identity, with the whole names of their keys
}

// Anonymous reports whether the request came without a signature.
func (c *Caller) Anonymous() bool { return c.Type == eval.Anonymous }

// Federated reports whether the caller has shown a token of an identity provider,
// which only lets it assume a role.
func (c *Caller) Federated() bool { return c.Type == eval.FederatedIdentity }

// Root reports whether the caller is the root of its account.
func (c *Caller) Root() bool { return c.Type == eval.Root }

// DisplayName returns the name by which S3 shows the caller as an initiator.
func (c *Caller) DisplayName() string {
	if c.UserName != "" {
		return c.UserName
	}
	return c.ARN[strings.LastIndexByte(c.ARN, '/')+1:]
}
