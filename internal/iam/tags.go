package iam

import (
	"context"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

// checkTags refuses tags that cannot be together, and those that only AWS
// itself may set ("Tags for AWS Identity and Access Management resources", IAM
// User Guide).
func checkTags(tags []directory.Tag) error {
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		key := strings.ToLower(t.Key)
		if seen[key] {
			return awserr.InvalidInput.WithMessage("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[key] = true
	}
	return checkTagKeys(keysOf(tags))
}

func checkTagKeys(keys []string) error {
	for _, k := range keys {
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return awserr.InvalidInput.WithMessage("Tag keys that begin with aws: are reserved: %s", k)
		}
	}
	return nil
}

func keysOf(tags []directory.Tag) []string {
	keys := make([]string, len(tags))
	for i, t := range tags {
		keys[i] = t.Key
	}
	return keys
}

func tagKey(t directory.Tag) string { return t.Key }

func sameTag(t directory.Tag) directory.Tag { return t }

// tagsOf returns tags for an answer, which leaves them out when there are none.
func tagsOf(tags []directory.Tag) *query.List[directory.Tag] {
	if len(tags) == 0 {
		return nil
	}
	l := query.ListOf(tags, sameTag)
	return &l
}

type listTagsResult struct {
	Tags query.List[directory.Tag]
	query.Page
}

func listTags(tags []directory.Tag, p query.Paging) (*listTagsResult, error) {
	tags, page, err := query.Paginate(tags, tagKey, p)
	if err != nil {
		return nil, err
	}
	return &listTagsResult{query.ListOf(tags, sameTag), page}, nil
}

type tagUserInput struct {
	ofUser
	Tags []directory.Tag
}

func (in tagUserInput) check(*service.Request) error { return checkTags(in.Tags) }

func (in tagUserInput) resource(h *handlers, r *service.Request) resource {
	x := in.ofUser.resource(h, r)
	x.requestTags = in.Tags
	return x
}

func (h *handlers) tagUser(ctx context.Context, r *service.Request, in *tagUserInput) (*query.NoResult, error) {
	return done(h.directory.TagEntity(ctx, in.entity(r), in.Tags))
}

type untagUserInput struct {
	ofUser
	TagKeys []string
}

func (in untagUserInput) check(*service.Request) error { return checkTagKeys(in.TagKeys) }

func (in untagUserInput) resource(h *handlers, r *service.Request) resource {
	x := in.ofUser.resource(h, r)
	x.tagKeys = in.TagKeys
	return x
}

func (h *handlers) untagUser(ctx context.Context, r *service.Request, in *untagUserInput) (*query.NoResult, error) {
	return done(h.directory.UntagEntity(ctx, in.entity(r), in.TagKeys))
}

// listOfUserInput is the parameters of a list of what a user has.
type listOfUserInput struct {
	ofUser
	query.Paging
}

func (h *handlers) listUserTags(_ context.Context, r *service.Request, in *listOfUserInput) (*listTagsResult, error) {
	u, err := h.findUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	return listTags(u.Tags, in.Paging)
}

type tagRoleInput struct {
	ofRole
	Tags []directory.Tag
}

func (in tagRoleInput) check(*service.Request) error { return checkTags(in.Tags) }

func (in tagRoleInput) resource(h *handlers, r *service.Request) resource {
	x := in.ofRole.resource(h, r)
	x.requestTags = in.Tags
	return x
}

func (h *handlers) tagRole(ctx context.Context, r *service.Request, in *tagRoleInput) (*query.NoResult, error) {
	return done(h.directory.TagEntity(ctx, in.entity(r), in.Tags))
}

type untagRoleInput struct {
	ofRole
	TagKeys []string
}

func (in untagRoleInput) check(*service.Request) error { return checkTagKeys(in.TagKeys) }

func (in untagRoleInput) resource(h *handlers, r *service.Request) resource {
	x := in.ofRole.resource(h, r)
	x.tagKeys = in.TagKeys
	return x
}

func (h *handlers) untagRole(ctx context.Context, r *service.Request, in *untagRoleInput) (*query.NoResult, error) {
	return done(h.directory.UntagEntity(ctx, in.entity(r), in.TagKeys))
}

// listOfRoleInput is the parameters of a list of what a role has.
type listOfRoleInput struct {
	ofRole
	query.Paging
}

func (h *handlers) listRoleTags(_ context.Context, r *service.Request, in *listOfRoleInput) (*listTagsResult, error) {
	role, err := h.findRole(r, in.RoleName)
	if err != nil {
		return nil, err
	}
	return listTags(role.Tags, in.Paging)
}

type tagPolicyInput struct {
	ofPolicy
	Tags []directory.Tag
}

func (in tagPolicyInput) check(r *service.Request) error {
	if err := in.ofPolicy.check(r); err != nil {
		return err
	}
	return checkTags(in.Tags)
}

func (in tagPolicyInput) resource(h *handlers, r *service.Request) resource {
	x := in.ofPolicy.resource(h, r)
	x.requestTags = in.Tags
	return x
}

func (h *handlers) tagPolicy(ctx context.Context, _ *service.Request, in *tagPolicyInput) (*query.NoResult, error) {
	return done(h.directory.TagPolicy(ctx, in.PolicyArn, in.Tags))
}

type untagPolicyInput struct {
	ofPolicy
	TagKeys []string
}

func (in untagPolicyInput) check(r *service.Request) error {
	if err := in.ofPolicy.check(r); err != nil {
		return err
	}
	return checkTagKeys(in.TagKeys)
}

func (in untagPolicyInput) resource(h *handlers, r *service.Request) resource {
	x := in.ofPolicy.resource(h, r)
	x.tagKeys = in.TagKeys
	return x
}

func (h *handlers) untagPolicy(ctx context.Context, _ *service.Request, in *untagPolicyInput) (*query.NoResult, error) {
	return done(h.directory.UntagPolicy(ctx, in.PolicyArn, in.TagKeys))
}

// listOfPolicyInput is the parameters of a list of what a managed policy has.
type listOfPolicyInput struct {
	ofPolicy
	query.Paging
}

func (h *handlers) listPolicyTags(_ context.Context, _ *service.Request, in *listOfPolicyInput) (*listTagsResult, error) {
	p, err := h.findPolicy(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return listTags(p.Tags, in.Paging)
}
