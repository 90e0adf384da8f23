package access

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/oidc"
	"github.com/keywright/keywright/internal/session"
	"github.com/keywright/keywright/internal/sigv4"
	"github.com/keywright/keywright/policy/eval"
)

// Access authenticates and authorizes. It is safe for concurrent use.
type Access struct {
	directory *directory.Directory
	sealer    session.Sealer
	providers *oidc.Client
	region    string
	compiled  compiledPolicies
}

// New returns an Access over a directory. sealer opens session tokens; providers
// knows the keys of identity providers; region is the server's, for
// aws:RequestedRegion.
func New(d *directory.Directory, sealer session.Sealer, providers *oidc.Client, region string) *Access {
	return &Access{directory: d, sealer: sealer, providers: providers, region: region}
}

// Admit fails as Authenticate does when no access key or session can have made
// the signature s. It proves nothing else.
func (a *Access) Admit(s *sigv4.Signature) error {
	_, _, err := a.credential(s)
	return err
}

// Authenticate finds out who made a request that carries the signature s, nil
// when it carries none, and returns its body, whose end is reported only when
// its digests and signatures hold. It fails with InvalidAccessKeyId,
// InvalidToken, ExpiredToken, SignatureDoesNotMatch and whatever
// sigv4.Signature.Verify fails with.
func (a *Access) Authenticate(r *http.Request, s *sigv4.Signature, now time.Time) (*Caller, *sigv4.Body, error) {
	if s == nil {
		body, err := sigv4.NewBody(r)
		return anonymous(), body, err
	}
	c, secret, err := a.credential(s)
	if err != nil {
		return nil, nil, err
	}
	if err := s.Verify(r, secret, now); err != nil {
		return nil, nil, err
	}
	// Only who holds the secret is told that the session is over.
	if c.Session != nil && !now.Before(c.Session.Expires) {
		return nil, nil, awserr.ExpiredToken
	}
	if err := a.resolve(c); err != nil {
		return nil, nil, err
	}
	body, err := s.Body(r, secret)
	if err != nil {
		return nil, nil, err
	}
	a.recordUse(c, s, now)
	return c, body, nil
}

// credential finds the secret that a signature must have been made with, and
// whose it is.
func (a *Access) credential(s *sigv4.Signature) (*Caller, string, error) {
	if s.SessionToken == "" {
		k, ok := a.directory.Credential(s.AccessKeyID)
		if !ok || !k.Active {
			return nil, "", awserr.InvalidAccessKeyID.With("AWSAccessKeyId", s.AccessKeyID)
		}
		return &Caller{AccessKeyID: k.AccessKeyID, AccountID: k.AccountID, UserID: k.UserID}, k.Secret, nil
	}
	t, err := session.Open(a.sealer, s.SessionToken)
	if err != nil || t.AccessKeyID != s.AccessKeyID {
		return nil, "", awserr.InvalidToken.WithCause(err)
	}
	return &Caller{AccessKeyID: t.AccessKeyID, AccountID: t.AccountID, UserID: t.UserID, Session: t}, t.SecretAccessKey, nil
}

// resolve completes a caller from the directory as it is now: a user, role or
// account that is gone has no access, whatever its credentials say.
func (a *Access) resolve(c *Caller) error {
	account, ok := a.directory.Account(c.AccountID)
	if !ok {
		return awserr.InvalidAccessKeyID.With("AWSAccessKeyId", c.AccessKeyID)
	}
	c.CanonicalID = account.CanonicalID
	var err error
	switch {
	case c.Session != nil && c.Session.Kind == session.AssumedRole:
		err = a.resolveRole(c)
	case c.Session != nil && c.Session.Kind == session.FederatedUser:
		err = a.resolveFederated(c)
	case c.UserID != "":
		err = a.resolveUser(c)
	default:
		c.Type, c.ARN, c.UserID = eval.Root, "arn:aws:iam::"+c.AccountID+":root", c.AccountID
	}
	if err != nil {
		return err
	}
	c.principal.Type, c.principal.ARN = c.Type, c.ARN
	c.principal.AccountID, c.principal.CanonicalUserID = c.AccountID, c.CanonicalID
	return nil
}

func (a *Access) resolveUser(c *Caller) error {
	u, ok := a.directory.UserByID(c.UserID)
	if !ok {
		return awserr.InvalidAccessKeyID.With("AWSAccessKeyId", c.AccessKeyID)
	}
	policies, ok := a.directory.PoliciesOfUser(c.UserID)
	if !ok {
		return awserr.InvalidAccessKeyID.With("AWSAccessKeyId", c.AccessKeyID)
	}
	c.Type, c.ARN, c.UserName, c.tags, c.policies = eval.User, u.ARN, u.Name, u.Tags, policies
	c.principal.UniqueID = u.ID
	return nil
}

func (a *Access) resolveRole(c *Caller) error {
	role, ok := a.directory.RoleByID(c.Session.RoleID)
	if !ok {
		return awserr.InvalidToken
	}
	policies, ok := a.directory.PoliciesOfRole(role.ID)
	if !ok {
		return awserr.InvalidToken
	}
	c.Type, c.policies = eval.AssumedRole, policies
	c.ARN = "arn:aws:sts::" + role.AccountID + ":assumed-role/" + role.Name + "/" + c.Session.SessionName
	c.UserID = role.ID + ":" + c.Session.SessionName
	c.tags = mergeTags(role.Tags, c.Session.Tags)
	c.principal.IssuerARN, c.principal.UniqueID = role.ARN, role.ID
	return a.compileSessionPolicies(c)
}

func (a *Access) resolveFederated(c *Caller) error {
	if c.Session.UserID == "" {
		return a.resolveFederatedByRoot(c)
	}
	u, ok := a.directory.UserByID(c.Session.UserID)
	if !ok {
		return awserr.InvalidToken
	}
	policies, ok := a.directory.PoliciesOfUser(u.ID)
	if !ok {
		return awserr.InvalidToken
	}
	c.Type, c.policies, c.tags = eval.FederatedUser, policies, mergeTags(u.Tags, c.Session.Tags)
	c.ARN = "arn:aws:sts::" + u.AccountID + ":federated-user/" + c.Session.SessionName
	c.UserID = u.AccountID + ":" + c.Session.SessionName
	c.principal.IssuerARN, c.principal.UniqueID = u.ARN, u.ID
	return a.compileSessionPolicies(c)
}

// resolveFederatedByRoot is resolveFederated for whom an account's root vouches,
// who has no policies and may do everything.
func (a *Access) resolveFederatedByRoot(c *Caller) error {
	c.Type, c.policies.Identity, c.tags = eval.FederatedUser, []*eval.Policy{rootsPolicy}, c.Session.Tags
	c.ARN = "arn:aws:sts::" + c.AccountID + ":federated-user/" + c.Session.SessionName
	c.UserID = c.AccountID + ":" + c.Session.SessionName
	c.principal.IssuerARN, c.principal.UniqueID = "arn:aws:iam::"+c.AccountID+":root", c.AccountID
	return a.compileSessionPolicies(c)
}

// mergeTags returns the tags of a role or federating user overridden by those of
// the session: keys differ without regard to case ("Pass session tags in AWS
// STS", IAM User Guide).
func mergeTags(identity, session []directory.Tag) []directory.Tag {
	if len(session) == 0 {
		return identity
	}
	merged := append([]directory.Tag(nil), session...)
	for _, t := range identity {
		if !hasTag(session, t.Key) {
			merged = append(merged, t)
		}
	}
	return merged
}

// compileSessionPolicies prepares the policies that a session was narrowed
// with. One that cannot be used any more leaves the session without access.
func (a *Access) compileSessionPolicies(c *Caller) error {
	if c.Session.Policy != "" {
		p, err := a.compiled.get(c.Session.Policy)
		if err != nil {
			return awserr.InvalidToken.WithCause(err)
		}
		c.sessions = append(c.sessions, p)
	}
	for _, arn := range c.Session.PolicyARNs {
		document, ok := a.directory.ManagedPolicyDocument(arn)
		if !ok {
			continue // it allows nothing; the session's other policies stand
		}
		p, err := a.compiled.get(document)
		if err != nil {
			return awserr.InvalidToken.WithCause(fmt.Errorf("%s: %w", arn, err))
		}
		c.sessions = append(c.sessions, p)
	}
	return nil
}

func (a *Access) recordUse(c *Caller, s *sigv4.Signature, now time.Time) {
	use := directory.LastUsed{Time: now, Service: s.Service, Region: s.Region}
	switch {
	case c.Session == nil:
		a.directory.RecordKeyUse(c.AccessKeyID, use)
	case c.Session.Kind == session.AssumedRole:
		a.directory.RecordRoleUse(c.Session.RoleID, use)
	}
}

func anonymous() *Caller {
	c := &Caller{Type: eval.Anonymous, UserID: "anonymous"}
	c.principal.Type = eval.Anonymous
	return c
}

// errUnboundNeed is a fault of the program: a need that does not carry what
// decides it.
var errUnboundNeed = errors.New("access: a need without the bucket, role or key of its resource")
