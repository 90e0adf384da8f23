package iam

import (
	"context"
	"strings"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

func (h *handlers) attachmentOperations() []service.Operation {
	return []service.Operation{
		row(h, "AttachUserPolicy", attach[userAttachmentInput](h)),
		row(h, "DetachUserPolicy", detach[userAttachmentInput](h)),
		row(h, "ListAttachedUserPolicies", listAttached[listAttachedUserInput](h)),
		row(h, "AttachGroupPolicy", attach[groupAttachmentInput](h)),
		row(h, "DetachGroupPolicy", detach[groupAttachmentInput](h)),
		row(h, "ListAttachedGroupPolicies", listAttached[listAttachedGroupInput](h)),
		row(h, "AttachRolePolicy", attach[roleAttachmentInput](h)),
		row(h, "DetachRolePolicy", detach[roleAttachmentInput](h)),
		row(h, "ListAttachedRolePolicies", listAttached[listAttachedRoleInput](h)),
	}
}

// ofEntity is an input that names a user, group or role.
type ofEntity interface {
	input
	entity(*service.Request) directory.Entity
}

// exists fails with NotFoundError unless there is such an entity.
func (h *handlers) exists(e directory.Entity) error {
	if _, ok := h.identity(e); !ok {
		return &directory.NotFoundError{Kind: string(e.Kind), Name: e.Name}
	}
	return nil
}

// attachment is the policy that an input attaches or detaches.
type attachment struct{ PolicyArn string }

func (a attachment) policyARN() string { return a.PolicyArn }

type attachmentInput interface {
	ofEntity
	policyARN() string
}

type userAttachmentInput struct {
	ofUser
	attachment
}

func (in userAttachmentInput) check(*service.Request) error { return checkPolicyARN(in.PolicyArn) }

func (in userAttachmentInput) resource(h *handlers, r *service.Request) resource {
	return in.to(in.ofUser.resource(h, r))
}

type groupAttachmentInput struct {
	ofGroup
	attachment
}

func (in groupAttachmentInput) check(*service.Request) error { return checkPolicyARN(in.PolicyArn) }

func (in groupAttachmentInput) resource(h *handlers, r *service.Request) resource {
	return in.to(in.ofGroup.resource(h, r))
}

type roleAttachmentInput struct {
	ofRole
	attachment
}

func (in roleAttachmentInput) check(*service.Request) error { return checkPolicyARN(in.PolicyArn) }

func (in roleAttachmentInput) resource(h *handlers, r *service.Request) resource {
	return in.to(in.ofRole.resource(h, r))
}

func (a attachment) to(x resource) resource {
	x.policyARN = a.PolicyArn
	return x
}

type serveFunc[In, Out any] = func(context.Context, *service.Request, *In) (*Out, error)

func attach[In attachmentInput](h *handlers) serveFunc[In, query.NoResult] {
	return func(ctx context.Context, r *service.Request, in *In) (*query.NoResult, error) {
		policyARN := (*in).policyARN()
		err := h.directory.AttachPolicy(ctx, (*in).entity(r), policyARN)
		if missing(err, "policy") {
			return nil, notAttachable(policyARN)
		}
		return done(err)
	}
}

func detach[In attachmentInput](h *handlers) serveFunc[In, query.NoResult] {
	return func(ctx context.Context, r *service.Request, in *In) (*query.NoResult, error) {
		policyARN := (*in).policyARN()
		err := h.directory.DetachPolicy(ctx, (*in).entity(r), policyARN)
		if missing(err, "attachment") || missing(err, "policy") {
			err = &directory.NotFoundError{Kind: "policy", Name: policyARN}
		}
		return done(err)
	}
}

// attachedPage says which of an entity's attached policies to list.
type attachedPage struct {
	PathPrefix string
	query.Paging
}

func (p attachedPage) page() attachedPage { return p }

type listAttachedInput interface {
	ofEntity
	page() attachedPage
}

type (
	listAttachedUserInput struct {
		ofUser
		attachedPage
	}
	listAttachedGroupInput struct {
		ofGroup
		attachedPage
	}
	listAttachedRoleInput struct {
		ofRole
		attachedPage
	}
)

// attachedPolicy is an attached managed policy in an answer.
type attachedPolicy struct {
	PolicyName string
	PolicyARN  string `xml:"PolicyArn"`
}

func attachedOf(p *directory.ManagedPolicy) attachedPolicy { return attachedPolicy{p.Name, p.ARN} }

type listAttachedResult struct {
	AttachedPolicies query.List[attachedPolicy]
	query.Page
}

func listAttached[In listAttachedInput](h *handlers) serveFunc[In, listAttachedResult] {
	return func(_ context.Context, r *service.Request, in *In) (*listAttachedResult, error) {
		e, p := (*in).entity(r), (*in).page()
		if err := h.exists(e); err != nil {
			return nil, err
		}
		var policies []*directory.ManagedPolicy
		for _, attached := range h.directory.AttachedPolicies(e) {
			if strings.HasPrefix(attached.Path, p.PathPrefix) {
				policies = append(policies, attached)
			}
		}
		policies, page, err := query.Paginate(policies, policyKey, p.Paging)
		if err != nil {
			return nil, err
		}
		return &listAttachedResult{query.ListOf(policies, attachedOf), page}, nil
	}
}
