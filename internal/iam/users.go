package iam

import (
	"context"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

func (h *handlers) userOperations() []service.Operation {
	return []service.Operation{
		row(h, "CreateUser", h.createUser),
		row(h, "GetUser", h.getUser),
		row(h, "UpdateUser", h.updateUser),
		row(h, "DeleteUser", h.deleteUser),
		row(h, "ListUsers", h.listUsers),
		row(h, "PutUserPermissionsBoundary", h.putUserPermissionsBoundary),
		row(h, "DeleteUserPermissionsBoundary", h.deleteUserPermissionsBoundary),
		row(h, "TagUser", h.tagUser),
		row(h, "UntagUser", h.untagUser),
		row(h, "ListUserTags", h.listUserTags),
	}
}

// user is a user in an answer.
type user struct {
	Path                string `xml:",omitempty"`
	UserName            string `xml:",omitempty"`
	UserID              string `xml:"UserId"`
	ARN                 string `xml:"Arn"`
	CreateDate          string
	PasswordLastUsed    string `xml:",omitempty"`
	PermissionsBoundary *permissionsBoundary
	Tags                *query.List[directory.Tag]
}

// permissionsBoundary is a permissions boundary in an answer.
type permissionsBoundary struct {
	PermissionsBoundaryType string
	PermissionsBoundaryARN  string `xml:"PermissionsBoundaryArn"`
}

func boundaryOf(policyARN string) *permissionsBoundary {
	if policyARN == "" {
		return nil
	}
	return &permissionsBoundary{"Policy", policyARN}
}

// listedUser returns a user as lists show him: without tags and boundary.
func listedUser(u *directory.User) user {
	return user{Path: u.Path, UserName: u.Name, UserID: u.ID, ARN: u.ARN, CreateDate: query.Timestamp(u.Created)}
}

func wholeUser(u *directory.User) user {
	x := listedUser(u)
	x.PermissionsBoundary, x.Tags = boundaryOf(u.PermissionsBoundary), tagsOf(u.Tags)
	return x
}

type userResult struct{ User user }

// withPassword adds when a user last signed in, which GetUser and ListUsers tell
// ("User", IAM API Reference).
func (h *handlers) withPassword(x user, u *directory.User) user {
	if p, ok := h.directory.LoginProfile(u.AccountID, u.Name); ok {
		x.PasswordLastUsed = query.Timestamp(p.LastUsed)
	}
	return x
}

type createUserInput struct {
	Path, UserName, PermissionsBoundary string
	Tags                                []directory.Tag
}

func (in createUserInput) check(*service.Request) error {
	if err := checkBoundary(in.PermissionsBoundary); err != nil {
		return err
	}
	return checkTags(in.Tags)
}

func (in createUserInput) resource(_ *handlers, r *service.Request) resource {
	return resource{
		arn:         entityARN(r.Caller.AccountID, "user", in.Path, in.UserName),
		boundary:    in.PermissionsBoundary,
		created:     true,
		requestTags: in.Tags,
	}
}

func (h *handlers) createUser(ctx context.Context, r *service.Request, in *createUserInput) (*userResult, error) {
	u, err := h.directory.CreateUser(ctx, directory.User{
		AccountID:           r.Caller.AccountID,
		Path:                pathOr(in.Path),
		Name:                in.UserName,
		PermissionsBoundary: in.PermissionsBoundary,
		Tags:                in.Tags,
	})
	if missing(err, "policy") {
		return nil, notAttachable(in.PermissionsBoundary)
	}
	if err != nil {
		return nil, err
	}
	return &userResult{wholeUser(u)}, nil
}

// pathOr returns the path that an entity gets when none is given.
func pathOr(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

// checkBoundary refuses what cannot be the ARN of a permissions boundary.
func checkBoundary(policyARN string) error {
	if policyARN == "" {
		return nil
	}
	return checkPolicyARN(policyARN)
}

type getUserInput struct{ ofCaller }

func (h *handlers) getUser(_ context.Context, r *service.Request, in *getUserInput) (*userResult, error) {
	name := in.name(r)
	if name == "" {
		return h.getRoot(r)
	}
	u, err := h.findUser(r, name)
	if err != nil {
		return nil, err
	}
	return &userResult{h.withPassword(wholeUser(u), u)}, nil
}

// getRoot answers for the account's root, which has no name and no path.
func (h *handlers) getRoot(r *service.Request) (*userResult, error) {
	var created time.Time
	if a, ok := h.directory.Account(r.Caller.AccountID); ok {
		created = a.Created
	}
	return &userResult{user{UserID: r.Caller.AccountID, ARN: r.Caller.ARN, CreateDate: query.Timestamp(created)}}, nil
}

func (h *handlers) findUser(r *service.Request, name string) (*directory.User, error) {
	u, ok := h.directory.User(r.Caller.AccountID, name)
	if !ok {
		return nil, &directory.NotFoundError{Kind: "user", Name: name}
	}
	return u, nil
}

type updateUserInput struct {
	ofUser
	NewPath, NewUserName *string
}

func (in updateUserInput) destination(h *handlers, r *service.Request) resource {
	x := in.resource(h, r)
	path, name := "/", in.UserName
	if u, ok := h.directory.User(r.Caller.AccountID, in.UserName); ok {
		path, name = u.Path, u.Name
	}
	x.arn = entityARN(r.Caller.AccountID, "user", or(in.NewPath, path), or(in.NewUserName, name))
	return x
}

// or returns what was given, or else what is.
func or(given *string, is string) string {
	if given != nil {
		return *given
	}
	return is
}

func (h *handlers) updateUser(ctx context.Context, r *service.Request, in *updateUserInput) (*query.NoResult, error) {
	_, err := h.directory.UpdateUser(ctx, r.Caller.AccountID, in.UserName, in.NewUserName, in.NewPath)
	return done(err)
}

type deleteUserInput struct{ ofUser }

func (h *handlers) deleteUser(ctx context.Context, r *service.Request, in *deleteUserInput) (*query.NoResult, error) {
	return done(h.directory.DeleteUser(ctx, r.Caller.AccountID, in.UserName))
}

// listInput is the parameters of a list of the account's entities. It is granted
// on everything, and AWS calls that by the path of the list.
type listInput struct {
	PathPrefix string
	query.Paging
}

func (listInput) check(*service.Request) error { return nil }

func (in listInput) of(kind string, r *service.Request) resource {
	return resource{arn: "*", shown: entityARN(r.Caller.AccountID, kind, in.PathPrefix, "")}
}

type listUsersInput struct{ listInput }

func (in listUsersInput) resource(_ *handlers, r *service.Request) resource { return in.of("user", r) }

type listUsersResult struct {
	Users query.List[user]
	query.Page
}

func (h *handlers) listUsers(_ context.Context, r *service.Request, in *listUsersInput) (*listUsersResult, error) {
	users, page, err := query.Paginate(h.directory.Users(r.Caller.AccountID, in.PathPrefix), userName, in.Paging)
	if err != nil {
		return nil, err
	}
	show := func(u *directory.User) user { return h.withPassword(listedUser(u), u) }
	return &listUsersResult{query.ListOf(users, show), page}, nil
}

func userName(u *directory.User) string { return u.Name }

type putUserPermissionsBoundaryInput struct {
	ofUser
	PermissionsBoundary string
}

func (in putUserPermissionsBoundaryInput) check(*service.Request) error {
	return checkPolicyARN(in.PermissionsBoundary)
}

func (in putUserPermissionsBoundaryInput) resource(h *handlers, r *service.Request) resource {
	x := in.ofUser.resource(h, r)
	x.boundary = in.PermissionsBoundary
	return x
}

func (h *handlers) putUserPermissionsBoundary(ctx context.Context, r *service.Request, in *putUserPermissionsBoundaryInput) (*query.NoResult, error) {
	return done(h.setBoundary(ctx, in.entity(r), in.PermissionsBoundary))
}

func (h *handlers) setBoundary(ctx context.Context, e directory.Entity, policyARN string) error {
	err := h.directory.SetBoundary(ctx, e, policyARN)
	if missing(err, "policy") {
		return notAttachable(policyARN)
	}
	return err
}

type deleteUserPermissionsBoundaryInput struct{ ofUser }

func (h *handlers) deleteUserPermissionsBoundary(ctx context.Context, r *service.Request, in *deleteUserPermissionsBoundaryInput) (*query.NoResult, error) {
	u, err := h.findUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	if u.PermissionsBoundary == "" {
		return nil, awserr.NoSuchEntity.WithMessage("The user with name %s has no permissions boundary.", in.UserName)
	}
	return done(h.directory.SetBoundary(ctx, in.entity(r), ""))
}
