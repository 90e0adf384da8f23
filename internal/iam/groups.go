package iam

import (
	"context"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

func (h *handlers) groupOperations() []service.Operation {
	return []service.Operation{
		row(h, "CreateGroup", h.createGroup),
		row(h, "GetGroup", h.getGroup),
		row(h, "UpdateGroup", h.updateGroup),
		row(h, "DeleteGroup", h.deleteGroup),
		row(h, "ListGroups", h.listGroups),
		row(h, "AddUserToGroup", h.addUserToGroup),
		row(h, "RemoveUserFromGroup", h.removeUserFromGroup),
		row(h, "ListGroupsForUser", h.listGroupsForUser),
	}
}

// group is a group in an answer.
type group struct {
	Path, GroupName string
	GroupID         string `xml:"GroupId"`
	ARN             string `xml:"Arn"`
	CreateDate      string
}

func groupOf(g *directory.Group) group {
	return group{g.Path, g.Name, g.ID, g.ARN, query.Timestamp(g.Created)}
}

func groupName(g *directory.Group) string { return g.Name }

type groupResult struct{ Group group }

type createGroupInput struct {
	Path string
	ofGroup
}

func (in createGroupInput) resource(_ *handlers, r *service.Request) resource {
	return resource{arn: entityARN(r.Caller.AccountID, "group", in.Path, in.GroupName)}
}

func (h *handlers) createGroup(ctx context.Context, r *service.Request, in *createGroupInput) (*groupResult, error) {
	g, err := h.directory.CreateGroup(ctx, directory.Group{AccountID: r.Caller.AccountID, Path: pathOr(in.Path), Name: in.GroupName})
	if err != nil {
		return nil, err
	}
	return &groupResult{groupOf(g)}, nil
}

func (h *handlers) findGroup(r *service.Request, name string) (*directory.Group, error) {
	g, ok := h.directory.Group(r.Caller.AccountID, name)
	if !ok {
		return nil, &directory.NotFoundError{Kind: "group", Name: name}
	}
	return g, nil
}

// listOfGroupInput is the parameters of a list of what a group has.
type listOfGroupInput struct {
	ofGroup
	query.Paging
}

type getGroupResult struct {
	Group group
	Users query.List[user]
	query.Page
}

func (h *handlers) getGroup(_ context.Context, r *service.Request, in *listOfGroupInput) (*getGroupResult, error) {
	g, err := h.findGroup(r, in.GroupName)
	if err != nil {
		return nil, err
	}
	users, page, err := query.Paginate(h.directory.GroupMembers(r.Caller.AccountID, in.GroupName), userName, in.Paging)
	if err != nil {
		return nil, err
	}
	return &getGroupResult{groupOf(g), query.ListOf(users, listedUser), page}, nil
}

type updateGroupInput struct {
	ofGroup
	NewPath, NewGroupName *string
}

func (in updateGroupInput) destination(h *handlers, r *service.Request) resource {
	path, name := "/", in.GroupName
	if g, ok := h.directory.Group(r.Caller.AccountID, in.GroupName); ok {
		path, name = g.Path, g.Name
	}
	return resource{arn: entityARN(r.Caller.AccountID, "group", or(in.NewPath, path), or(in.NewGroupName, name))}
}

func (h *handlers) updateGroup(ctx context.Context, r *service.Request, in *updateGroupInput) (*query.NoResult, error) {
	_, err := h.directory.UpdateGroup(ctx, r.Caller.AccountID, in.GroupName, in.NewGroupName, in.NewPath)
	return done(err)
}

type deleteGroupInput struct{ ofGroup }

func (h *handlers) deleteGroup(ctx context.Context, r *service.Request, in *deleteGroupInput) (*query.NoResult, error) {
	return done(h.directory.DeleteGroup(ctx, r.Caller.AccountID, in.GroupName))
}

type listGroupsResult struct {
	Groups query.List[group]
	query.Page
}

func listGroups(groups []*directory.Group, p query.Paging) (*listGroupsResult, error) {
	groups, page, err := query.Paginate(groups, groupName, p)
	if err != nil {
		return nil, err
	}
	return &listGroupsResult{query.ListOf(groups, groupOf), page}, nil
}

type listGroupsInput struct{ listInput }

func (in listGroupsInput) resource(_ *handlers, r *service.Request) resource {
	return in.of("group", r)
}

func (h *handlers) listGroups(_ context.Context, r *service.Request, in *listGroupsInput) (*listGroupsResult, error) {
	return listGroups(h.directory.Groups(r.Caller.AccountID, in.PathPrefix), in.Paging)
}

type membershipInput struct {
	ofGroup
	UserName string
}

func (h *handlers) addUserToGroup(ctx context.Context, r *service.Request, in *membershipInput) (*query.NoResult, error) {
	return done(h.directory.AddUserToGroup(ctx, r.Caller.AccountID, in.GroupName, in.UserName))
}

func (h *handlers) removeUserFromGroup(ctx context.Context, r *service.Request, in *membershipInput) (*query.NoResult, error) {
	err := h.directory.RemoveUserFromGroup(ctx, r.Caller.AccountID, in.GroupName, in.UserName)
	if missing(err, "membership") {
		return nil, awserr.NoSuchEntity.WithMessage("User %s not in group %s", in.UserName, in.GroupName)
	}
	return done(err)
}

func (h *handlers) listGroupsForUser(_ context.Context, r *service.Request, in *listOfUserInput) (*listGroupsResult, error) {
	if _, err := h.findUser(r, in.UserName); err != nil {
		return nil, err
	}
	return listGroups(h.directory.GroupsForUser(r.Caller.AccountID, in.UserName), in.Paging)
}
