package access

import (
	"context"
	"time"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/oidc"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// WebIdentity is the credential of a request that no access key has signed: a
// token of an identity provider, with the role that it is shown for.
type WebIdentity struct{ Token, RoleARN string }

// String shows no token.
func (w WebIdentity) String() string { return "web identity for " + w.RoleARN }

// Identify finds out who has shown a token, as Authenticate does for signatures.
// The provider must be one of the role's account: no other one is asked for its
// keys. It fails with the errors of internal/oidc.
func (a *Access) Identify(ctx context.Context, w WebIdentity, now time.Time) (*Caller, error) {
	role, err := arn.Parse(w.RoleARN)
	if err != nil {
		return nil, awserr.AccessDenied.WithCause(err)
	}
	token, err := oidc.Parse(w.Token)
	if err != nil {
		return nil, err
	}
	p, ok := a.directory.OpenIDConnectProvider(directory.OpenIDConnectProviderARN(role.AccountID, token.Issuer))
	if !ok {
		return nil, oidc.ErrInvalid.WithMessage("No OpenIDConnect provider found in your account for %s", token.Issuer)
	}
	err = a.providers.Verify(ctx, oidc.Provider{URL: p.URL, ClientIDs: p.ClientIDs, Thumbprints: p.Thumbprints}, token, now)
	if err != nil {
		return nil, err
	}
	c := &Caller{
		Type: eval.FederatedIdentity, AccountID: p.AccountID, ARN: p.ARN,
		UserID: p.ARN + ":" + token.Audience + ":" + token.Subject, Token: token,
	}
	c.principal.Type, c.principal.ARN = c.Type, c.ARN
	c.claims = token.Claims(p.Name())
	for i := range c.claims {
		c.claims[i].Key = p.Name() + ":" + c.claims[i].Key
	}
	return c, nil
}

// federatedKeys fills the keys of who has shown a token ("Available keys for AWS
// OIDC federation", IAM User Guide). It is nobody in an account: there is no
// aws:userid and no aws:PrincipalArn.
func federatedKeys(c *condition.Context, caller *Caller) {
	c.SetString("aws:FederatedProvider", caller.ARN)
	for _, claim := range caller.claims {
		if claim.Multi {
			c.SetStrings(claim.Key, claim.Values)
		} else {
			c.SetString(claim.Key, claim.Values[0])
		}
	}
}
