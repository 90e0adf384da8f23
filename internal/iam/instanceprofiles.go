package iam

import (
	"context"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

func (h *handlers) instanceProfileOperations() []service.Operation {
	return []service.Operation{
		row(h, "CreateInstanceProfile", h.createInstanceProfile),
		row(h, "GetInstanceProfile", h.getInstanceProfile),
		row(h, "DeleteInstanceProfile", h.deleteInstanceProfile),
		row(h, "ListInstanceProfiles", h.listInstanceProfiles),
		row(h, "ListInstanceProfilesForRole", h.listInstanceProfilesForRole),
		row(h, "AddRoleToInstanceProfile", h.addRoleToInstanceProfile),
		row(h, "RemoveRoleFromInstanceProfile", h.removeRoleFromInstanceProfile),
		row(h, "TagInstanceProfile", h.tagInstanceProfile),
		row(h, "UntagInstanceProfile", h.untagInstanceProfile),
		row(h, "ListInstanceProfileTags", h.listInstanceProfileTags),
	}
}

// instanceProfile is an instance profile in an answer.
type instanceProfile struct {
	Path, InstanceProfileName string
	InstanceProfileID         string `xml:"InstanceProfileId"`
	ARN                       string `xml:"Arn"`
	CreateDate                string
	Roles                     query.List[role]
	Tags                      *query.List[directory.Tag]
}

// listedInstanceProfile returns an instance profile as lists show it: without
// tags.
func (h *handlers) listedInstanceProfile(p *directory.InstanceProfile) instanceProfile {
	x := instanceProfile{Path: p.Path, InstanceProfileName: p.Name, InstanceProfileID: p.ID, ARN: p.ARN, CreateDate: query.Timestamp(p.Created)}
	if r, ok := h.directory.RoleByID(p.RoleID); ok {
		x.Roles.Members = []role{listedRole(r)}
	}
	return x
}

func (h *handlers) wholeInstanceProfile(p *directory.InstanceProfile) instanceProfile {
	x := h.listedInstanceProfile(p)
	x.Tags = tagsOf(p.Tags)
	return x
}

func instanceProfileName(p *directory.InstanceProfile) string { return p.Name }

type instanceProfileResult struct{ InstanceProfile instanceProfile }

// ofInstanceProfile is the part of an input that names an instance profile.
type ofInstanceProfile struct{ InstanceProfileName string }

func (ofInstanceProfile) check(*service.Request) error { return nil }

func (in ofInstanceProfile) resource(h *handlers, r *service.Request) resource {
	p, ok := h.directory.InstanceProfile(r.Caller.AccountID, in.InstanceProfileName)
	if !ok {
		return resource{arn: entityARN(r.Caller.AccountID, "instance-profile", "", in.InstanceProfileName)}
	}
	return resource{arn: p.ARN, tags: p.Tags}
}

func (in ofInstanceProfile) find(h *handlers, r *service.Request) (*directory.InstanceProfile, error) {
	p, ok := h.directory.InstanceProfile(r.Caller.AccountID, in.InstanceProfileName)
	if !ok {
		return nil, &directory.NotFoundError{Kind: "instance profile", Name: in.InstanceProfileName}
	}
	return p, nil
}

type createInstanceProfileInput struct {
	InstanceProfileName, Path string
	Tags                      []directory.Tag
}

func (in createInstanceProfileInput) check(*service.Request) error { return checkTags(in.Tags) }

func (in createInstanceProfileInput) resource(_ *handlers, r *service.Request) resource {
	return resource{
		arn:         entityARN(r.Caller.AccountID, "instance-profile", in.Path, in.InstanceProfileName),
		created:     true,
		requestTags: in.Tags,
	}
}

func (h *handlers) createInstanceProfile(ctx context.Context, r *service.Request, in *createInstanceProfileInput) (*instanceProfileResult, error) {
	p, err := h.directory.CreateInstanceProfile(ctx, directory.InstanceProfile{
		AccountID: r.Caller.AccountID, Path: pathOr(in.Path), Name: in.InstanceProfileName, Tags: in.Tags,
	})
	if err != nil {
		return nil, err
	}
	return &instanceProfileResult{h.wholeInstanceProfile(p)}, nil
}

type getInstanceProfileInput struct{ ofInstanceProfile }

func (h *handlers) getInstanceProfile(_ context.Context, r *service.Request, in *getInstanceProfileInput) (*instanceProfileResult, error) {
	p, err := in.find(h, r)
	if err != nil {
		return nil, err
	}
	return &instanceProfileResult{h.wholeInstanceProfile(p)}, nil
}

type deleteInstanceProfileInput struct{ ofInstanceProfile }

func (h *handlers) deleteInstanceProfile(ctx context.Context, r *service.Request, in *deleteInstanceProfileInput) (*query.NoResult, error) {
	return done(h.directory.DeleteInstanceProfile(ctx, r.Caller.AccountID, in.InstanceProfileName))
}

type listInstanceProfilesResult struct {
	InstanceProfiles query.List[instanceProfile]
	query.Page
}

func (h *handlers) pageOfInstanceProfiles(all []*directory.InstanceProfile, p query.Paging) (*listInstanceProfilesResult, error) {
	profiles, page, err := query.Paginate(all, instanceProfileName, p)
	if err != nil {
		return nil, err
	}
	return &listInstanceProfilesResult{query.ListOf(profiles, h.listedInstanceProfile), page}, nil
}

type listInstanceProfilesInput struct{ listInput }

func (in listInstanceProfilesInput) resource(_ *handlers, r *service.Request) resource {
	return in.of("instance-profile", r)
}

func (h *handlers) listInstanceProfiles(_ context.Context, r *service.Request, in *listInstanceProfilesInput) (*listInstanceProfilesResult, error) {
	return h.pageOfInstanceProfiles(h.directory.InstanceProfiles(r.Caller.AccountID, in.PathPrefix), in.Paging)
}

func (h *handlers) listInstanceProfilesForRole(_ context.Context, r *service.Request, in *listOfRoleInput) (*listInstanceProfilesResult, error) {
	if _, err := h.findRole(r, in.RoleName); err != nil {
		return nil, err
	}
	return h.pageOfInstanceProfiles(h.directory.InstanceProfilesForRole(r.Caller.AccountID, in.RoleName), in.Paging)
}

type addRoleToInstanceProfileInput struct {
	ofInstanceProfile
	RoleName string
}

// passed is the role, which the caller gives to the instances of EC2 that will
// have the profile. The request names none of them: the ARN is the one of all
// ("AddRoleToInstanceProfile", IAM API Reference).
func (in addRoleToInstanceProfileInput) passed(h *handlers, r *service.Request) resource {
	x := ofRole{in.RoleName}.resource(h, r)
	x.passedTo, x.associated = "ec2.amazonaws.com", "arn:aws:ec2:*:"+r.Caller.AccountID+":instance/*"
	return x
}

func (h *handlers) addRoleToInstanceProfile(ctx context.Context, r *service.Request, in *addRoleToInstanceProfileInput) (*query.NoResult, error) {
	return done(h.directory.AddRoleToInstanceProfile(ctx, r.Caller.AccountID, in.InstanceProfileName, in.RoleName))
}

type removeRoleFromInstanceProfileInput struct {
	ofInstanceProfile
	RoleName string
}

func (h *handlers) removeRoleFromInstanceProfile(ctx context.Context, r *service.Request, in *removeRoleFromInstanceProfileInput) (*query.NoResult, error) {
	return done(h.directory.RemoveRoleFromInstanceProfile(ctx, r.Caller.AccountID, in.InstanceProfileName, in.RoleName))
}

type tagInstanceProfileInput struct {
	ofInstanceProfile
	Tags []directory.Tag
}

func (in tagInstanceProfileInput) check(*service.Request) error { return checkTags(in.Tags) }

func (in tagInstanceProfileInput) resource(h *handlers, r *service.Request) resource {
	x := in.ofInstanceProfile.resource(h, r)
	x.requestTags = in.Tags
	return x
}

func (h *handlers) tagInstanceProfile(ctx context.Context, r *service.Request, in *tagInstanceProfileInput) (*query.NoResult, error) {
	return done(h.directory.TagInstanceProfile(ctx, r.Caller.AccountID, in.InstanceProfileName, in.Tags))
}

type untagInstanceProfileInput struct {
	ofInstanceProfile
	TagKeys []string
}

func (in untagInstanceProfileInput) check(*service.Request) error { return checkTagKeys(in.TagKeys) }

func (in untagInstanceProfileInput) resource(h *handlers, r *service.Request) resource {
	x := in.ofInstanceProfile.resource(h, r)
	x.tagKeys = in.TagKeys
	return x
}

func (h *handlers) untagInstanceProfile(ctx context.Context, r *service.Request, in *untagInstanceProfileInput) (*query.NoResult, error) {
	return done(h.directory.UntagInstanceProfile(ctx, r.Caller.AccountID, in.InstanceProfileName, in.TagKeys))
}

type listInstanceProfileTagsInput struct {
	ofInstanceProfile
	query.Paging
}

func (h *handlers) listInstanceProfileTags(_ context.Context, r *service.Request, in *listInstanceProfileTagsInput) (*listTagsResult, error) {
	p, err := in.find(h, r)
	if err != nil {
		return nil, err
	}
	return listTags(p.Tags, in.Paging)
}
