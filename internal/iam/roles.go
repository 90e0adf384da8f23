package iam

import (
	"context"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

func (h *handlers) roleOperations() []service.Operation {
	return []service.Operation{
		row(h, "CreateRole", h.createRole),
		row(h, "GetRole", h.getRole),
		row(h, "UpdateRole", h.updateRole),
		row(h, "UpdateRoleDescription", h.updateRoleDescription),
		row(h, "UpdateAssumeRolePolicy", h.updateAssumeRolePolicy),
		row(h, "DeleteRole", h.deleteRole),
		row(h, "ListRoles", h.listRoles),
		row(h, "PutRolePermissionsBoundary", h.putRolePermissionsBoundary),
		row(h, "DeleteRolePermissionsBoundary", h.deleteRolePermissionsBoundary),
		row(h, "TagRole", h.tagRole),
		row(h, "UntagRole", h.untagRole),
		row(h, "ListRoleTags", h.listRoleTags),
	}
}

// defaultMaxSessionDuration is how long a role's sessions may last when nothing
// else is said ("CreateRole", IAM API Reference).
const defaultMaxSessionDuration = time.Hour

// role is a role in an answer.
type role struct {
	Path, RoleName           string
	RoleID                   string `xml:"RoleId"`
	ARN                      string `xml:"Arn"`
	CreateDate               string
	AssumeRolePolicyDocument string
	Description              string `xml:",omitempty"`
	MaxSessionDuration       int    `xml:",omitempty"`
	PermissionsBoundary      *permissionsBoundary
	Tags                     *query.List[directory.Tag]
	RoleLastUsed             *roleLastUsed
}

// roleLastUsed is when a role was last used; empty when it never was.
type roleLastUsed struct {
	LastUsedDate string `xml:",omitempty"`
	Region       string `xml:",omitempty"`
}

// listedRole returns a role as lists show it: without tags, boundary and last
// use.
func listedRole(r *directory.Role) role {
	return role{
		Path: r.Path, RoleName: r.Name, RoleID: r.ID, ARN: r.ARN, CreateDate: query.Timestamp(r.Created),
		AssumeRolePolicyDocument: encoded(r.TrustPolicy),
		Description:              r.Description,
		MaxSessionDuration:       int(r.MaxSessionDuration / time.Second),
	}
}

func wholeRole(r *directory.Role) role {
	x := listedRole(r)
	x.PermissionsBoundary, x.Tags, x.RoleLastUsed = boundaryOf(r.PermissionsBoundary), tagsOf(r.Tags), lastUseOf(r)
	return x
}

func lastUseOf(r *directory.Role) *roleLastUsed {
	return &roleLastUsed{query.Timestamp(r.LastUsed.Time), r.LastUsed.Region}
}

func roleName(r *directory.Role) string { return r.Name }

type roleResult struct{ Role role }

type createRoleInput struct {
	Path, RoleName, AssumeRolePolicyDocument, Description string
	MaxSessionDuration                                    *int
	PermissionsBoundary                                   string
	Tags                                                  []directory.Tag
}

func (in createRoleInput) check(*service.Request) error {
	if err := checkBoundary(in.PermissionsBoundary); err != nil {
		return err
	}
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	return checkTrust(in.AssumeRolePolicyDocument)
}

func (in createRoleInput) resource(_ *handlers, r *service.Request) resource {
	return resource{
		arn:         entityARN(r.Caller.AccountID, "role", in.Path, in.RoleName),
		boundary:    in.PermissionsBoundary,
		created:     true,
		requestTags: in.Tags,
	}
}

func (h *handlers) createRole(ctx context.Context, r *service.Request, in *createRoleInput) (*roleResult, error) {
	if err := h.checkPrincipals(in.AssumeRolePolicyDocument); err != nil {
		return nil, err
	}
	duration := defaultMaxSessionDuration
	if in.MaxSessionDuration != nil {
		duration = time.Duration(*in.MaxSessionDuration) * time.Second
	}
	created, err := h.directory.CreateRole(ctx, directory.Role{
		AccountID:           r.Caller.AccountID,
		Path:                pathOr(in.Path),
		Name:                in.RoleName,
		Description:         in.Description,
		MaxSessionDuration:  duration,
		TrustPolicy:         in.AssumeRolePolicyDocument,
		PermissionsBoundary: in.PermissionsBoundary,
		Tags:                in.Tags,
	})
	if missing(err, "policy") {
		return nil, notAttachable(in.PermissionsBoundary)
	}
	if err != nil {
		return nil, err
	}
	x := wholeRole(created)
	x.RoleLastUsed = nil
	return &roleResult{x}, nil
}

func (h *handlers) findRole(r *service.Request, name string) (*directory.Role, error) {
	found, ok := h.directory.Role(r.Caller.AccountID, name)
	if !ok {
		return nil, &directory.NotFoundError{Kind: "role", Name: name}
	}
	return found, nil
}

type getRoleInput struct{ ofRole }

func (h *handlers) getRole(_ context.Context, r *service.Request, in *getRoleInput) (*roleResult, error) {
	found, err := h.findRole(r, in.RoleName)
	if err != nil {
		return nil, err
	}
	return &roleResult{wholeRole(found)}, nil
}

type updateRoleInput struct {
	ofRole
	Description        *string
	MaxSessionDuration *int
}

type updateRoleResult struct{}

func (h *handlers) updateRole(ctx context.Context, r *service.Request, in *updateRoleInput) (*updateRoleResult, error) {
	update := directory.RoleUpdate{Description: in.Description}
	if in.MaxSessionDuration != nil {
		duration := time.Duration(*in.MaxSessionDuration) * time.Second
		update.MaxSessionDuration = &duration
	}
	_, err := h.directory.UpdateRole(ctx, r.Caller.AccountID, in.RoleName, update)
	return &updateRoleResult{}, err
}

type updateRoleDescriptionInput struct {
	ofRole
	Description string
}

func (h *handlers) updateRoleDescription(ctx context.Context, r *service.Request, in *updateRoleDescriptionInput) (*roleResult, error) {
	updated, err := h.directory.UpdateRole(ctx, r.Caller.AccountID, in.RoleName, directory.RoleUpdate{Description: &in.Description})
	if err != nil {
		return nil, err
	}
	return &roleResult{listedRole(updated)}, nil
}

type updateAssumeRolePolicyInput struct {
	ofRole
	PolicyDocument string
}

func (in updateAssumeRolePolicyInput) check(*service.Request) error {
	return checkTrust(in.PolicyDocument)
}

func (h *handlers) updateAssumeRolePolicy(ctx context.Context, r *service.Request, in *updateAssumeRolePolicyInput) (*query.NoResult, error) {
	if _, err := h.findRole(r, in.RoleName); err != nil {
		return nil, err
	}
	if err := h.checkPrincipals(in.PolicyDocument); err != nil {
		return nil, err
	}
	_, err := h.directory.UpdateRole(ctx, r.Caller.AccountID, in.RoleName, directory.RoleUpdate{TrustPolicy: &in.PolicyDocument})
	return done(err)
}

type deleteRoleInput struct{ ofRole }

func (h *handlers) deleteRole(ctx context.Context, r *service.Request, in *deleteRoleInput) (*query.NoResult, error) {
	return done(h.directory.DeleteRole(ctx, r.Caller.AccountID, in.RoleName))
}

type listRolesResult struct {
	Roles query.List[role]
	query.Page
}

type listRolesInput struct{ listInput }

func (in listRolesInput) resource(_ *handlers, r *service.Request) resource { return in.of("role", r) }

func (h *handlers) listRoles(_ context.Context, r *service.Request, in *listRolesInput) (*listRolesResult, error) {
	roles, page, err := query.Paginate(h.directory.Roles(r.Caller.AccountID, in.PathPrefix), roleName, in.Paging)
	if err != nil {
		return nil, err
	}
	return &listRolesResult{query.ListOf(roles, listedRole), page}, nil
}

type putRolePermissionsBoundaryInput struct {
	ofRole
	PermissionsBoundary string
}

func (in putRolePermissionsBoundaryInput) check(*service.Request) error {
	return checkPolicyARN(in.PermissionsBoundary)
}

func (in putRolePermissionsBoundaryInput) resource(h *handlers, r *service.Request) resource {
	x := in.ofRole.resource(h, r)
	x.boundary = in.PermissionsBoundary
	return x
}

func (h *handlers) putRolePermissionsBoundary(ctx context.Context, r *service.Request, in *putRolePermissionsBoundaryInput) (*query.NoResult, error) {
	return done(h.setBoundary(ctx, in.entity(r), in.PermissionsBoundary))
}

type deleteRolePermissionsBoundaryInput struct{ ofRole }

func (h *handlers) deleteRolePermissionsBoundary(ctx context.Context, r *service.Request, in *deleteRolePermissionsBoundaryInput) (*query.NoResult, error) {
	found, err := h.findRole(r, in.RoleName)
	if err != nil {
		return nil, err
	}
	if found.PermissionsBoundary == "" {
		return nil, awserr.NoSuchEntity.WithMessage("The role with name %s has no permissions boundary.", in.RoleName)
	}
	return done(h.directory.SetBoundary(ctx, in.entity(r), ""))
}
