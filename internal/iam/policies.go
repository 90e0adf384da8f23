package iam

import (
	"cmp"
	"context"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

func (h *handlers) policyOperations() []service.Operation {
	return []service.Operation{
		row(h, "CreatePolicy", h.createPolicy),
		row(h, "GetPolicy", h.getPolicy),
		row(h, "DeletePolicy", h.deletePolicy),
		row(h, "ListPolicies", h.listPolicies),
		row(h, "ListEntitiesForPolicy", h.listEntitiesForPolicy),
		row(h, "TagPolicy", h.tagPolicy),
		row(h, "UntagPolicy", h.untagPolicy),
		row(h, "ListPolicyTags", h.listPolicyTags),
		row(h, "CreatePolicyVersion", h.createPolicyVersion),
		row(h, "GetPolicyVersion", h.getPolicyVersion),
		row(h, "ListPolicyVersions", h.listPolicyVersions),
		row(h, "DeletePolicyVersion", h.deletePolicyVersion),
		row(h, "SetDefaultPolicyVersion", h.setDefaultPolicyVersion),
	}
}

// managedPolicy is a managed policy in an answer.
type managedPolicy struct {
	PolicyName                    string
	PolicyID                      string `xml:"PolicyId"`
	ARN                           string `xml:"Arn"`
	Path                          string
	DefaultVersionID              string `xml:"DefaultVersionId"`
	AttachmentCount               int
	PermissionsBoundaryUsageCount int
	IsAttachable                  bool
	Description                   string `xml:",omitempty"`
	CreateDate                    string
	UpdateDate                    string
	Tags                          *query.List[directory.Tag]
}

// listedPolicy returns a policy as lists show it to an account: without
// description and tags, and with the account's own uses.
func (h *handlers) listedPolicy(accountID string, p *directory.ManagedPolicy) managedPolicy {
	attachments, boundaries := h.directory.PolicyUsage(accountID, p.ARN)
	return managedPolicy{
		PolicyName: p.Name, PolicyID: p.ID, ARN: p.ARN, Path: p.Path,
		DefaultVersionID:              p.DefaultVersionID,
		AttachmentCount:               attachments,
		PermissionsBoundaryUsageCount: boundaries,
		IsAttachable:                  true,
		CreateDate:                    query.Timestamp(p.Created),
		UpdateDate:                    query.Timestamp(p.Updated),
	}
}

func (h *handlers) wholePolicy(accountID string, p *directory.ManagedPolicy) managedPolicy {
	x := h.listedPolicy(accountID, p)
	tags := query.ListOf(p.Tags, sameTag)
	x.Description, x.Tags = p.Description, &tags
	return x
}

type policyResult struct{ Policy managedPolicy }

type createPolicyInput struct {
	PolicyName, Path, PolicyDocument, Description string
	Tags                                          []directory.Tag
}

func (in createPolicyInput) check(*service.Request) error {
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	return checkManaged(in.PolicyDocument)
}

func (in createPolicyInput) resource(_ *handlers, r *service.Request) resource {
	return resource{arn: entityARN(r.Caller.AccountID, "policy", in.Path, in.PolicyName), created: true, requestTags: in.Tags}
}

func (h *handlers) createPolicy(ctx context.Context, r *service.Request, in *createPolicyInput) (*policyResult, error) {
	p, err := h.directory.CreatePolicy(ctx, directory.ManagedPolicy{
		AccountID:   r.Caller.AccountID,
		Path:        pathOr(in.Path),
		Name:        in.PolicyName,
		Description: in.Description,
		Tags:        in.Tags,
	}, in.PolicyDocument)
	if err != nil {
		return nil, err
	}
	x := h.listedPolicy(r.Caller.AccountID, p)
	x.Tags = tagsOf(p.Tags)
	return &policyResult{x}, nil
}

func (h *handlers) findPolicy(policyARN string) (*directory.ManagedPolicy, error) {
	p, ok := h.directory.Policy(policyARN)
	if !ok {
		return nil, &directory.NotFoundError{Kind: "policy", Name: policyARN}
	}
	return p, nil
}

type policyInput struct{ ofPolicy }

func (h *handlers) getPolicy(_ context.Context, r *service.Request, in *policyInput) (*policyResult, error) {
	p, err := h.findPolicy(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return &policyResult{h.wholePolicy(r.Caller.AccountID, p)}, nil
}

func (h *handlers) deletePolicy(ctx context.Context, _ *service.Request, in *policyInput) (*query.NoResult, error) {
	return done(h.directory.DeletePolicy(ctx, in.PolicyArn))
}

type listPoliciesInput struct {
	whole
	Scope             string
	OnlyAttached      bool
	PathPrefix        string
	PolicyUsageFilter string
	query.Paging
}

func (in listPoliciesInput) resource(*handlers, *service.Request) resource {
	return resource{arn: "*", shown: "policy path " + cmp.Or(in.PathPrefix, "/")}
}

// keeps reports whether the list has a policy that is used so often.
func (in *listPoliciesInput) keeps(attachments, boundaries int) bool {
	switch {
	case in.PolicyUsageFilter == "PermissionsPolicy" && attachments == 0,
		in.PolicyUsageFilter == "PermissionsBoundary" && boundaries == 0,
		in.OnlyAttached && attachments == 0:
		return false
	}
	return true
}

type listPoliciesResult struct {
	Policies query.List[managedPolicy]
	query.Page
}

func (h *handlers) listPolicies(_ context.Context, r *service.Request, in *listPoliciesInput) (*listPoliciesResult, error) {
	accountID := r.Caller.AccountID
	var all, kept []*directory.ManagedPolicy
	if in.Scope != "AWS" {
		all = append(all, h.directory.Policies(accountID, in.PathPrefix)...)
	}
	if in.Scope != "Local" {
		all = append(all, h.directory.Policies(directory.AWSAccountID, in.PathPrefix)...)
	}
	for _, p := range all {
		if in.keeps(h.directory.PolicyUsage(accountID, p.ARN)) {
			kept = append(kept, p)
		}
	}
	policies, page, err := query.Paginate(kept, policyKey, in.Paging)
	if err != nil {
		return nil, err
	}
	return &listPoliciesResult{
		query.ListOf(policies, func(p *directory.ManagedPolicy) managedPolicy { return h.listedPolicy(accountID, p) }),
		page,
	}, nil
}

// policyKey orders policies by name, which only differs within an account.
func policyKey(p *directory.ManagedPolicy) string { return p.Name + "/" + p.AccountID }

type createPolicyVersionInput struct {
	ofPolicy
	PolicyDocument string
	SetAsDefault   bool
}

func (in createPolicyVersionInput) check(r *service.Request) error {
	if err := in.ofPolicy.check(r); err != nil {
		return err
	}
	return checkManaged(in.PolicyDocument)
}

// policyVersion is a version of a managed policy in an answer.
type policyVersion struct {
	Document         string `xml:",omitempty"`
	VersionID        string `xml:"VersionId"`
	IsDefaultVersion bool
	CreateDate       string
}

// listedVersion returns a version as lists show it: without its document.
func listedVersion(v *directory.PolicyVersion) policyVersion {
	return policyVersion{VersionID: v.VersionID, IsDefaultVersion: v.IsDefault, CreateDate: query.Timestamp(v.Created)}
}

func wholeVersion(v *directory.PolicyVersion) policyVersion {
	x := listedVersion(v)
	x.Document = encoded(v.Document)
	return x
}

type policyVersionResult struct{ PolicyVersion policyVersion }

func (h *handlers) createPolicyVersion(ctx context.Context, _ *service.Request, in *createPolicyVersionInput) (*policyVersionResult, error) {
	v, err := h.directory.CreatePolicyVersion(ctx, in.PolicyArn, in.PolicyDocument, in.SetAsDefault)
	if err != nil {
		return nil, err
	}
	return &policyVersionResult{listedVersion(v)}, nil
}

type policyVersionInput struct {
	ofPolicy
	VersionId string
}

// versionMissing words the error for a version that does not exist.
func (in *policyVersionInput) versionMissing(err error) error {
	if missing(err, "policy version") {
		return awserr.NoSuchEntity.WithMessage("Policy %s version %s does not exist or is not attachable.", in.PolicyArn, in.VersionId)
	}
	return err
}

func (h *handlers) getPolicyVersion(_ context.Context, _ *service.Request, in *policyVersionInput) (*policyVersionResult, error) {
	if _, err := h.findPolicy(in.PolicyArn); err != nil {
		return nil, err
	}
	v, ok := h.directory.PolicyVersion(in.PolicyArn, in.VersionId)
	if !ok {
		return nil, in.versionMissing(&directory.NotFoundError{Kind: "policy version", Name: in.VersionId})
	}
	return &policyVersionResult{wholeVersion(v)}, nil
}

type listPolicyVersionsResult struct {
	Versions query.List[policyVersion]
	query.Page
}

func (h *handlers) listPolicyVersions(_ context.Context, _ *service.Request, in *listOfPolicyInput) (*listPolicyVersionsResult, error) {
	if _, err := h.findPolicy(in.PolicyArn); err != nil {
		return nil, err
	}
	versions, page, err := query.Paginate(h.directory.PolicyVersions(in.PolicyArn), versionKey, in.Paging)
	if err != nil {
		return nil, err
	}
	return &listPolicyVersionsResult{query.ListOf(versions, listedVersion), page}, nil
}

// versionKey orders versions by number: a longer one is later.
func versionKey(v *directory.PolicyVersion) string {
	return strings.Repeat("0", max(0, 20-len(v.VersionID))) + strings.TrimPrefix(v.VersionID, "v")
}

func (h *handlers) deletePolicyVersion(ctx context.Context, _ *service.Request, in *policyVersionInput) (*query.NoResult, error) {
	return done(in.versionMissing(h.directory.DeletePolicyVersion(ctx, in.PolicyArn, in.VersionId)))
}

func (h *handlers) setDefaultPolicyVersion(ctx context.Context, _ *service.Request, in *policyVersionInput) (*query.NoResult, error) {
	return done(in.versionMissing(h.directory.SetDefaultPolicyVersion(ctx, in.PolicyArn, in.VersionId)))
}
