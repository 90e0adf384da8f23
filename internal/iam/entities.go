package iam

import (
	"context"
	"strings"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

// of returns the entities that belong to an account.
func of(accountID string, entities []directory.Entity) []directory.Entity {
	var own []directory.Entity
	for _, e := range entities {
		if e.AccountID == accountID {
			own = append(own, e)
		}
	}
	return own
}

type listEntitiesForPolicyInput struct {
	ofPolicy
	EntityFilter, PathPrefix, PolicyUsageFilter string
	query.Paging
}

// user, group and role that use a policy, in an answer.
type (
	policyUser struct {
		UserName string
		UserID   string `xml:"UserId"`
	}
	policyGroup struct {
		GroupName string
		GroupID   string `xml:"GroupId"`
	}
	policyRole struct {
		RoleName string
		RoleID   string `xml:"RoleId"`
	}
)

type listEntitiesForPolicyResult struct {
	PolicyGroups query.List[policyGroup]
	PolicyUsers  query.List[policyUser]
	PolicyRoles  query.List[policyRole]
	query.Page
}

// identity is what lists of entities show of a user, group or role.
type identity struct {
	kind           directory.EntityKind
	path, name, id string
}

func identityKey(i identity) string { return string(i.kind) + "/" + i.name }

func (h *handlers) identity(e directory.Entity) (identity, bool) {
	switch e.Kind {
	case directory.KindUser:
		if u, ok := h.directory.User(e.AccountID, e.Name); ok {
			return identity{e.Kind, u.Path, u.Name, u.ID}, true
		}
	case directory.KindGroup:
		if g, ok := h.directory.Group(e.AccountID, e.Name); ok {
			return identity{e.Kind, g.Path, g.Name, g.ID}, true
		}
	case directory.KindRole:
		if r, ok := h.directory.Role(e.AccountID, e.Name); ok {
			return identity{e.Kind, r.Path, r.Name, r.ID}, true
		}
	}
	return identity{}, false // deleted in this moment
}

// users returns who uses the policy in the ways that the request asks for, each
// once.
func (in *listEntitiesForPolicyInput) users(h *handlers, accountID string) []identity {
	var entities []directory.Entity
	if in.PolicyUsageFilter != "PermissionsBoundary" {
		entities = append(entities, h.directory.EntitiesForPolicy(in.PolicyArn)...)
	}
	if in.PolicyUsageFilter != "PermissionsPolicy" {
		entities = append(entities, h.directory.BoundaryEntities(in.PolicyArn)...)
	}
	var list []identity
	seen := map[identity]bool{}
	for _, e := range of(accountID, entities) {
		i, ok := h.identity(e)
		if !ok || seen[i] || !strings.HasPrefix(i.path, in.PathPrefix) {
			continue
		}
		if in.EntityFilter != "" && !strings.EqualFold(in.EntityFilter, string(i.kind)) {
			continue
		}
		seen[i] = true
		list = append(list, i)
	}
	return list
}

func (h *handlers) listEntitiesForPolicy(_ context.Context, r *service.Request, in *listEntitiesForPolicyInput) (*listEntitiesForPolicyResult, error) {
	if _, err := h.findPolicy(in.PolicyArn); err != nil {
		return nil, err
	}
	list, page, err := query.Paginate(in.users(h, r.Caller.AccountID), identityKey, in.Paging)
	if err != nil {
		return nil, err
	}
	result := &listEntitiesForPolicyResult{Page: page}
	for _, i := range list {
		switch i.kind {
		case directory.KindUser:
			result.PolicyUsers.Members = append(result.PolicyUsers.Members, policyUser{i.name, i.id})
		case directory.KindGroup:
			result.PolicyGroups.Members = append(result.PolicyGroups.Members, policyGroup{i.name, i.id})
		case directory.KindRole:
			result.PolicyRoles.Members = append(result.PolicyRoles.Members, policyRole{i.name, i.id})
		}
	}
	return result, nil
}
