package iam

import (
	"context"
	"slices"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

type getAccountAuthorizationDetailsInput struct {
	whole
	Filter []string
	query.Paging
}

func (in *getAccountAuthorizationDetailsInput) wants(kind string) bool {
	return len(in.Filter) == 0 || slices.Contains(in.Filter, kind)
}

// inlinePolicy is an inline policy with its document in an answer.
type inlinePolicy struct{ PolicyName, PolicyDocument string }

type userDetail struct {
	user
	UserPolicyList          query.List[inlinePolicy]
	GroupList               query.List[string]
	AttachedManagedPolicies query.List[attachedPolicy]
}

type groupDetail struct {
	group
	GroupPolicyList         query.List[inlinePolicy]
	AttachedManagedPolicies query.List[attachedPolicy]
}

type roleDetail struct {
	role
	InstanceProfileList     query.List[instanceProfile]
	RolePolicyList          query.List[inlinePolicy]
	AttachedManagedPolicies query.List[attachedPolicy]
}

type policyDetail struct {
	managedPolicy
	PolicyVersionList query.List[policyVersion]
}

type getAccountAuthorizationDetailsResult struct {
	UserDetailList  query.List[userDetail]
	GroupDetailList query.List[groupDetail]
	RoleDetailList  query.List[roleDetail]
	Policies        query.List[policyDetail]
	query.Page
}

// detail is one entry of the details: its place in the list, and how it joins
// the page that it is on.
type detail struct {
	key string
	add func(*getAccountAuthorizationDetailsResult)
}

func detailKey(d detail) string { return d.key }

func (h *handlers) getAccountAuthorizationDetails(_ context.Context, r *service.Request, in *getAccountAuthorizationDetailsInput) (*getAccountAuthorizationDetailsResult, error) {
	details, page, err := query.Paginate(h.details(r.Caller.AccountID, in), detailKey, in.Paging)
	if err != nil {
		return nil, err
	}
	result := &getAccountAuthorizationDetailsResult{Page: page}
	for _, d := range details {
		d.add(result)
	}
	return result, nil
}

func (h *handlers) details(accountID string, in *getAccountAuthorizationDetailsInput) []detail {
	var all []detail
	if in.wants("User") {
		for _, u := range h.directory.Users(accountID, "") {
			all = append(all, detail{"user/" + u.Name, func(x *getAccountAuthorizationDetailsResult) {
				x.UserDetailList.Members = append(x.UserDetailList.Members, h.userDetail(u))
			}})
		}
	}
	if in.wants("Group") {
		for _, g := range h.directory.Groups(accountID, "") {
			all = append(all, detail{"group/" + g.Name, func(x *getAccountAuthorizationDetailsResult) {
				x.GroupDetailList.Members = append(x.GroupDetailList.Members, h.groupDetail(g))
			}})
		}
	}
	if in.wants("Role") {
		for _, r := range h.directory.Roles(accountID, "") {
			all = append(all, detail{"role/" + r.Name, func(x *getAccountAuthorizationDetailsResult) {
				x.RoleDetailList.Members = append(x.RoleDetailList.Members, h.roleDetail(r))
			}})
		}
	}
	for _, p := range h.detailedPolicies(accountID, in) {
		all = append(all, detail{"policy/" + policyKey(p), func(x *getAccountAuthorizationDetailsResult) {
			x.Policies.Members = append(x.Policies.Members, h.policyDetail(accountID, p))
		}})
	}
	return all
}

// detailedPolicies are the account's own policies, and those of AWS that it
// uses.
func (h *handlers) detailedPolicies(accountID string, in *getAccountAuthorizationDetailsInput) []*directory.ManagedPolicy {
	var all []*directory.ManagedPolicy
	if in.wants("LocalManagedPolicy") {
		all = append(all, h.directory.Policies(accountID, "")...)
	}
	if in.wants("AWSManagedPolicy") {
		for _, p := range h.directory.Policies(directory.AWSAccountID, "") {
			if attachments, boundaries := h.directory.PolicyUsage(accountID, p.ARN); attachments+boundaries > 0 {
				all = append(all, p)
			}
		}
	}
	return all
}

func (h *handlers) userDetail(u *directory.User) userDetail {
	e := directory.Entity{AccountID: u.AccountID, Kind: directory.KindUser, Name: u.Name}
	return userDetail{
		user:                    wholeUser(u),
		UserPolicyList:          h.inlinePolicies(e),
		GroupList:               query.ListOf(h.directory.GroupsForUser(u.AccountID, u.Name), groupName),
		AttachedManagedPolicies: query.ListOf(h.directory.AttachedPolicies(e), attachedOf),
	}
}

func (h *handlers) groupDetail(g *directory.Group) groupDetail {
	e := directory.Entity{AccountID: g.AccountID, Kind: directory.KindGroup, Name: g.Name}
	return groupDetail{groupOf(g), h.inlinePolicies(e), query.ListOf(h.directory.AttachedPolicies(e), attachedOf)}
}

func (h *handlers) roleDetail(r *directory.Role) roleDetail {
	e := directory.Entity{AccountID: r.AccountID, Kind: directory.KindRole, Name: r.Name}
	x := wholeRole(r)
	x.Description, x.MaxSessionDuration = "", 0 // details have neither
	return roleDetail{
		role:                    x,
		InstanceProfileList:     query.ListOf(h.directory.InstanceProfilesForRole(r.AccountID, r.Name), h.listedInstanceProfile),
		RolePolicyList:          h.inlinePolicies(e),
		AttachedManagedPolicies: query.ListOf(h.directory.AttachedPolicies(e), attachedOf),
	}
}

func (h *handlers) policyDetail(accountID string, p *directory.ManagedPolicy) policyDetail {
	x := h.wholePolicy(accountID, p)
	x.Tags = nil
	return policyDetail{x, query.ListOf(h.directory.PolicyVersions(p.ARN), wholeVersion)}
}

func (h *handlers) inlinePolicies(e directory.Entity) query.List[inlinePolicy] {
	var list query.List[inlinePolicy]
	for _, name := range h.directory.InlinePolicies(e) {
		if document, ok := h.directory.InlinePolicy(e, name); ok {
			list.Members = append(list.Members, inlinePolicy{name, encoded(document)})
		}
	}
	return list
}
