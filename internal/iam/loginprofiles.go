package iam

import (
	"context"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

func (h *handlers) loginProfileOperations() []service.Operation {
	return []service.Operation{
		row(h, "CreateLoginProfile", h.createLoginProfile),
		row(h, "GetLoginProfile", h.getLoginProfile),
		row(h, "UpdateLoginProfile", h.updateLoginProfile),
		row(h, "DeleteLoginProfile", h.deleteLoginProfile),
		row(h, "ChangePassword", h.changePassword),
	}
}

// loginProfile is a login profile in an answer.
type loginProfile struct {
	UserName              string
	CreateDate            string
	PasswordResetRequired bool
}

func loginOf(p *directory.LoginProfile) loginProfile {
	return loginProfile{p.UserName, query.Timestamp(p.Created), p.PasswordResetRequired}
}

type loginProfileResult struct{ LoginProfile loginProfile }

type createLoginProfileInput struct {
	ofCaller
	Password              *string
	PasswordResetRequired bool
}

// check asks for a password, which only the sessions of AssumeRoot may leave out
// ("CreateLoginProfile", IAM API Reference), and for a user: the account's root
// signs requests and has no password here.
func (in createLoginProfileInput) check(r *service.Request) error {
	if in.Password == nil {
		return awserr.ValidationError.WithMessage("1 validation error detected: Value null at 'password' failed to satisfy constraint: Member must not be null")
	}
	if in.name(r) == "" && r.Caller.Root() {
		return awserr.ValidationError.WithMessage("The root of an account has no password here: give the UserName of a user")
	}
	return in.ofCaller.check(r)
}

func (h *handlers) createLoginProfile(ctx context.Context, r *service.Request, in *createLoginProfileInput) (*loginProfileResult, error) {
	p, err := h.directory.CreateLoginProfile(ctx, r.Caller.AccountID, in.name(r), *in.Password, in.PasswordResetRequired)
	if err != nil {
		return nil, err
	}
	return &loginProfileResult{loginOf(p)}, nil
}

type loginProfileInput struct{ ofCaller }

func (h *handlers) getLoginProfile(_ context.Context, r *service.Request, in *loginProfileInput) (*loginProfileResult, error) {
	if err := h.findNamed(r, in.ofCaller); err != nil {
		return nil, err
	}
	p, ok := h.directory.LoginProfile(r.Caller.AccountID, in.name(r))
	if !ok {
		return nil, noLoginProfile(r, in.ofCaller)
	}
	return &loginProfileResult{loginOf(p)}, nil
}

// noLoginProfile says that the user that an input names, or root, has no
// password.
func noLoginProfile(r *service.Request, in ofCaller) error {
	name := in.name(r)
	if name == "" {
		name = r.Caller.ARN
	}
	return &directory.NotFoundError{Kind: "login profile", Name: name}
}

func (h *handlers) deleteLoginProfile(ctx context.Context, r *service.Request, in *loginProfileInput) (*query.NoResult, error) {
	name := in.name(r)
	if name == "" {
		return nil, noLoginProfile(r, in.ofCaller)
	}
	return done(h.directory.DeleteLoginProfile(ctx, r.Caller.AccountID, name))
}

type updateLoginProfileInput struct {
	ofUser
	Password              *string
	PasswordResetRequired *bool
}

func (h *handlers) updateLoginProfile(ctx context.Context, r *service.Request, in *updateLoginProfileInput) (*query.NoResult, error) {
	return done(h.directory.UpdateLoginProfile(ctx, r.Caller.AccountID, in.UserName, in.Password, in.PasswordResetRequired))
}

type changePasswordInput struct{ OldPassword, NewPassword string }

// check refuses all but users, who alone have passwords ("ChangePassword", IAM
// API Reference).
func (changePasswordInput) check(r *service.Request) error {
	if r.Caller.UserName == "" {
		return awserr.InvalidUserType
	}
	return nil
}

func (changePasswordInput) resource(h *handlers, r *service.Request) resource {
	return h.user(r.Caller.AccountID, r.Caller.UserName)
}

func (changePasswordInput) owner(h *handlers, r *service.Request) string { return h.ownPassword(r) }

func (h *handlers) changePassword(ctx context.Context, r *service.Request, in *changePasswordInput) (*query.NoResult, error) {
	return done(h.directory.ChangePassword(ctx, r.Caller.AccountID, r.Caller.UserName, in.OldPassword, in.NewPassword))
}

// ownPassword returns the caller's unique id when the account lets all of its
// users change their own passwords, for which they may read the password policy
// too: it is a permission of theirs that no policy has to give ("Set an account
// password policy for IAM users", IAM User Guide).
func (h *handlers) ownPassword(r *service.Request) string {
	if p, ok := h.directory.PasswordPolicy(r.Caller.AccountID); ok && p.AllowUsersToChangePassword && r.Caller.UserName != "" {
		return r.Caller.UserID
	}
	return ""
}
