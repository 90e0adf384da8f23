package iam

import (
	"context"
	"errors"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

func (h *handlers) inlineOperations() []service.Operation {
	return []service.Operation{
		row(h, "PutUserPolicy", putInline[putUserPolicyInput](h)),
		row(h, "GetUserPolicy", getInline[userPolicyInput](h)),
		row(h, "DeleteUserPolicy", deleteInline[userPolicyInput](h)),
		row(h, "ListUserPolicies", listInline[listUserPoliciesInput](h)),
		row(h, "PutGroupPolicy", putInline[putGroupPolicyInput](h)),
		row(h, "GetGroupPolicy", getInline[groupPolicyInput](h)),
		row(h, "DeleteGroupPolicy", deleteInline[groupPolicyInput](h)),
		row(h, "ListGroupPolicies", listInline[listGroupPoliciesInput](h)),
		row(h, "PutRolePolicy", putInline[putRolePolicyInput](h)),
		row(h, "GetRolePolicy", getInline[rolePolicyInput](h)),
		row(h, "DeleteRolePolicy", deleteInline[rolePolicyInput](h)),
		row(h, "ListRolePolicies", listInline[listRolePoliciesInput](h)),
	}
}

// named is the inline policy that an input names.
type named struct{ PolicyName string }

func (n named) policyName() string { return n.PolicyName }

// written is the inline policy that an input puts.
type written struct {
	named
	PolicyDocument string
}

func (w written) document() string { return w.PolicyDocument }

type namedInput interface {
	ofEntity
	policyName() string
}

type writtenInput interface {
	namedInput
	document() string
}

type (
	userPolicyInput struct {
		ofUser
		named
	}
	groupPolicyInput struct {
		ofGroup
		named
	}
	rolePolicyInput struct {
		ofRole
		named
	}
	putUserPolicyInput struct {
		ofUser
		written
	}
	putGroupPolicyInput struct {
		ofGroup
		written
	}
	putRolePolicyInput struct {
		ofRole
		written
	}
)

func (in putUserPolicyInput) check(*service.Request) error  { return checkInline(in.PolicyDocument) }
func (in putGroupPolicyInput) check(*service.Request) error { return checkInline(in.PolicyDocument) }
func (in putRolePolicyInput) check(*service.Request) error  { return checkInline(in.PolicyDocument) }

func putInline[In writtenInput](h *handlers) serveFunc[In, query.NoResult] {
	return func(ctx context.Context, r *service.Request, in *In) (*query.NoResult, error) {
		e := (*in).entity(r)
		err := h.directory.PutInlinePolicy(ctx, e, (*in).policyName(), (*in).document())
		if limit := (*directory.LimitError)(nil); errors.As(err, &limit) {
			return nil, awserr.LimitExceeded.WithMessage("Maximum policy size of %d bytes exceeded for %s %s", limit.Limit, e.Kind, e.Name)
		}
		return done(err)
	}
}

// inlineMissing is the answer to naming an inline policy that an entity does
// not have.
func inlineMissing(e directory.Entity, name string) error {
	return awserr.NoSuchEntity.WithMessage("The %s policy with name %s cannot be found.", e.Kind, name)
}

// inlinePolicyResult names the one of user, group and role that it is of.
type inlinePolicyResult struct {
	UserName       string `xml:",omitempty"`
	GroupName      string `xml:",omitempty"`
	RoleName       string `xml:",omitempty"`
	PolicyName     string
	PolicyDocument string
}

func getInline[In namedInput](h *handlers) serveFunc[In, inlinePolicyResult] {
	return func(_ context.Context, r *service.Request, in *In) (*inlinePolicyResult, error) {
		e, name := (*in).entity(r), (*in).policyName()
		owner, ok := h.identity(e)
		if !ok {
			return nil, &directory.NotFoundError{Kind: string(e.Kind), Name: e.Name}
		}
		document, ok := h.directory.InlinePolicy(e, name)
		if !ok {
			return nil, inlineMissing(e, name)
		}
		result := &inlinePolicyResult{PolicyName: name, PolicyDocument: encoded(document)}
		switch owner.kind {
		case directory.KindUser:
			result.UserName = owner.name
		case directory.KindGroup:
			result.GroupName = owner.name
		case directory.KindRole:
			result.RoleName = owner.name
		}
		return result, nil
	}
}

func deleteInline[In namedInput](h *handlers) serveFunc[In, query.NoResult] {
	return func(ctx context.Context, r *service.Request, in *In) (*query.NoResult, error) {
		e, name := (*in).entity(r), (*in).policyName()
		err := h.directory.DeleteInlinePolicy(ctx, e, name)
		if missing(err, "inline policy") {
			return nil, inlineMissing(e, name)
		}
		return done(err)
	}
}

// inlinePage says which of an entity's inline policies to list.
type inlinePage struct{ query.Paging }

func (p inlinePage) page() query.Paging { return p.Paging }

type listInlineInput interface {
	ofEntity
	page() query.Paging
}

type (
	listUserPoliciesInput struct {
		ofUser
		inlinePage
	}
	listGroupPoliciesInput struct {
		ofGroup
		inlinePage
	}
	listRolePoliciesInput struct {
		ofRole
		inlinePage
	}
)

type listInlineResult struct {
	PolicyNames query.List[string]
	query.Page
}

func sameName(name string) string { return name }

func listInline[In listInlineInput](h *handlers) serveFunc[In, listInlineResult] {
	return func(_ context.Context, r *service.Request, in *In) (*listInlineResult, error) {
		e := (*in).entity(r)
		if err := h.exists(e); err != nil {
			return nil, err
		}
		names, page, err := query.Paginate(h.directory.InlinePolicies(e), sameName, (*in).page())
		if err != nil {
			return nil, err
		}
		return &listInlineResult{query.ListOf(names, sameName), page}, nil
	}
}
