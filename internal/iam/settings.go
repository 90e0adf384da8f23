package iam

import (
	"context"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

func (h *handlers) settingsOperations() []service.Operation {
	return []service.Operation{
		row(h, "CreateAccountAlias", h.createAccountAlias),
		row(h, "DeleteAccountAlias", h.deleteAccountAlias),
		row(h, "ListAccountAliases", h.listAccountAliases),
		row(h, "GetAccountPasswordPolicy", h.getAccountPasswordPolicy),
		row(h, "UpdateAccountPasswordPolicy", h.updateAccountPasswordPolicy),
		row(h, "DeleteAccountPasswordPolicy", h.deleteAccountPasswordPolicy),
		row(h, "SetSecurityTokenServicePreferences", h.setSecurityTokenServicePreferences),
	}
}

type accountAliasInput struct {
	whole
	AccountAlias string
}

// createAccountAlias gives the account an alias, in place of the one that it
// has ("Your AWS account ID and its alias", IAM User Guide).
func (h *handlers) createAccountAlias(ctx context.Context, r *service.Request, in *accountAliasInput) (*query.NoResult, error) {
	return done(h.directory.SetAccountAlias(ctx, r.Caller.AccountID, in.AccountAlias))
}

func (h *handlers) deleteAccountAlias(ctx context.Context, r *service.Request, in *accountAliasInput) (*query.NoResult, error) {
	return done(h.directory.RemoveAccountAlias(ctx, r.Caller.AccountID, in.AccountAlias))
}

type listAccountAliasesInput struct {
	whole
	query.Paging
}

type listAccountAliasesResult struct {
	AccountAliases query.List[string]
	query.Page
}

func (h *handlers) listAccountAliases(_ context.Context, r *service.Request, in *listAccountAliasesInput) (*listAccountAliasesResult, error) {
	var aliases []string
	if alias, ok := h.directory.AccountAlias(r.Caller.AccountID); ok {
		aliases = append(aliases, alias)
	}
	aliases, page, err := query.Paginate(aliases, same, in.Paging)
	if err != nil {
		return nil, err
	}
	return &listAccountAliasesResult{query.ListOf(aliases, same), page}, nil
}

func same(text string) string { return text }

// passwordPolicy is a password policy in an answer.
type passwordPolicy struct {
	MinimumPasswordLength      int
	RequireSymbols             bool
	RequireNumbers             bool
	RequireUppercaseCharacters bool
	RequireLowercaseCharacters bool
	AllowUsersToChangePassword bool
	ExpirePasswords            bool
	MaxPasswordAge             int   `xml:",omitempty"`
	PasswordReusePrevention    int   `xml:",omitempty"`
	HardExpiry                 *bool `xml:",omitempty"`
}

type getAccountPasswordPolicyResult struct{ PasswordPolicy passwordPolicy }

type getAccountPasswordPolicyInput struct{ whole }

func (getAccountPasswordPolicyInput) owner(h *handlers, r *service.Request) string {
	return h.ownPassword(r)
}

func (h *handlers) getAccountPasswordPolicy(_ context.Context, r *service.Request, _ *getAccountPasswordPolicyInput) (*getAccountPasswordPolicyResult, error) {
	p, ok := h.directory.PasswordPolicy(r.Caller.AccountID)
	if !ok {
		return nil, &directory.NotFoundError{Kind: "password policy", Name: r.Caller.AccountID}
	}
	return &getAccountPasswordPolicyResult{passwordPolicy{
		MinimumPasswordLength:      p.MinimumLength,
		RequireSymbols:             p.RequireSymbols,
		RequireNumbers:             p.RequireNumbers,
		RequireUppercaseCharacters: p.RequireUppercaseCharacters,
		RequireLowercaseCharacters: p.RequireLowercaseCharacters,
		AllowUsersToChangePassword: p.AllowUsersToChangePassword,
		ExpirePasswords:            p.MaxAge > 0,
		MaxPasswordAge:             p.MaxAge,
		PasswordReusePrevention:    p.ReusePrevention,
		HardExpiry:                 p.HardExpiry,
	}}, nil
}

type updateAccountPasswordPolicyInput struct {
	whole
	MinimumPasswordLength      *int
	RequireSymbols             bool
	RequireNumbers             bool
	RequireUppercaseCharacters bool
	RequireLowercaseCharacters bool
	AllowUsersToChangePassword bool
	MaxPasswordAge             int
	PasswordReusePrevention    int
	HardExpiry                 *bool
}

// defaultPasswordLength is the least length of passwords when an update does
// not say it ("UpdateAccountPasswordPolicy", IAM API Reference).
const defaultPasswordLength = 6

// updateAccountPasswordPolicy replaces the whole policy: what is not given is
// set to its default, not left as it was.
func (h *handlers) updateAccountPasswordPolicy(ctx context.Context, r *service.Request, in *updateAccountPasswordPolicyInput) (*query.NoResult, error) {
	p := directory.PasswordPolicy{
		MinimumLength:              defaultPasswordLength,
		RequireSymbols:             in.RequireSymbols,
		RequireNumbers:             in.RequireNumbers,
		RequireUppercaseCharacters: in.RequireUppercaseCharacters,
		RequireLowercaseCharacters: in.RequireLowercaseCharacters,
		AllowUsersToChangePassword: in.AllowUsersToChangePassword,
		MaxAge:                     in.MaxPasswordAge,
		ReusePrevention:            in.PasswordReusePrevention,
		HardExpiry:                 in.HardExpiry,
	}
	if in.MinimumPasswordLength != nil {
		p.MinimumLength = *in.MinimumPasswordLength
	}
	return done(h.directory.SetPasswordPolicy(ctx, r.Caller.AccountID, p))
}

func (h *handlers) deleteAccountPasswordPolicy(ctx context.Context, r *service.Request, _ *accountInput) (*query.NoResult, error) {
	return done(h.directory.RemovePasswordPolicy(ctx, r.Caller.AccountID))
}

type setSecurityTokenServicePreferencesInput struct {
	whole
	GlobalEndpointTokenVersion string
}

// setSecurityTokenServicePreferences keeps what the account asks for, which its
// summary tells: session tokens of either version are good in every region here.
func (h *handlers) setSecurityTokenServicePreferences(ctx context.Context, r *service.Request, in *setSecurityTokenServicePreferencesInput) (*query.NoResult, error) {
	version := 1
	if in.GlobalEndpointTokenVersion == "v2Token" {
		version = 2
	}
	return done(h.directory.SetTokenVersion(ctx, r.Caller.AccountID, version))
}
