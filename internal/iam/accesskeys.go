package iam

import (
	"context"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

func (h *handlers) accessKeyOperations() []service.Operation {
	return []service.Operation{
		row(h, "CreateAccessKey", h.createAccessKey),
		row(h, "ListAccessKeys", h.listAccessKeys),
		row(h, "UpdateAccessKey", h.updateAccessKey),
		row(h, "DeleteAccessKey", h.deleteAccessKey),
		row(h, "GetAccessKeyLastUsed", h.getAccessKeyLastUsed),
	}
}

// accessKey is an access key in an answer. SecretAccessKey is set only in that
// of CreateAccessKey; UserName is empty for the account's root.
type accessKey struct {
	UserName        string `xml:",omitempty"`
	AccessKeyID     string `xml:"AccessKeyId"`
	Status          string
	SecretAccessKey string `xml:",omitempty"`
	CreateDate      string
}

func keyOf(k directory.AccessKey) accessKey {
	status := "Inactive"
	if k.Active {
		status = "Active"
	}
	return accessKey{UserName: k.UserName, AccessKeyID: k.ID, Status: status, CreateDate: query.Timestamp(k.Created)}
}

func keyID(k directory.AccessKey) string { return k.ID }

type createAccessKeyInput struct{ ofCaller }

type createAccessKeyResult struct{ AccessKey accessKey }

func (h *handlers) createAccessKey(ctx context.Context, r *service.Request, in *createAccessKeyInput) (*createAccessKeyResult, error) {
	k, secret, err := h.directory.CreateAccessKey(ctx, r.Caller.AccountID, in.name(r))
	if err != nil {
		return nil, err
	}
	x := keyOf(k)
	x.SecretAccessKey = secret
	return &createAccessKeyResult{x}, nil
}

type listAccessKeysInput struct {
	ofCaller
	query.Paging
}

type listAccessKeysResult struct {
	UserName          string `xml:",omitempty"`
	AccessKeyMetadata query.List[accessKey]
	query.Page
}

func (h *handlers) listAccessKeys(_ context.Context, r *service.Request, in *listAccessKeysInput) (*listAccessKeysResult, error) {
	name := in.name(r)
	if name != "" {
		u, err := h.findUser(r, name)
		if err != nil {
			return nil, err
		}
		name = u.Name
	}
	keys, page, err := query.Paginate(h.directory.AccessKeys(r.Caller.AccountID, name), keyID, in.Paging)
	if err != nil {
		return nil, err
	}
	return &listAccessKeysResult{name, query.ListOf(keys, keyOf), page}, nil
}

type updateAccessKeyInput struct {
	ofCaller
	AccessKeyId, Status string
}

func (h *handlers) updateAccessKey(ctx context.Context, r *service.Request, in *updateAccessKeyInput) (*query.NoResult, error) {
	return done(h.directory.UpdateAccessKey(ctx, r.Caller.AccountID, in.name(r), in.AccessKeyId, in.Status == "Active"))
}

type deleteAccessKeyInput struct {
	ofCaller
	AccessKeyId string
}

func (h *handlers) deleteAccessKey(ctx context.Context, r *service.Request, in *deleteAccessKeyInput) (*query.NoResult, error) {
	return done(h.directory.DeleteAccessKey(ctx, r.Caller.AccountID, in.name(r), in.AccessKeyId))
}

type getAccessKeyLastUsedInput struct{ AccessKeyId string }

func (getAccessKeyLastUsedInput) check(*service.Request) error { return nil }

// find returns the key when it is one of the caller's account.
func (in getAccessKeyLastUsedInput) find(h *handlers, r *service.Request) (directory.AccessKey, error) {
	k, ok := h.directory.AccessKey(in.AccessKeyId)
	if !ok || k.AccountID != r.Caller.AccountID {
		return directory.AccessKey{}, &directory.NotFoundError{Kind: "access key", Name: in.AccessKeyId}
	}
	return k, nil
}

// resource is the user whose key it is. A key that is nobody's here takes the
// permission on every resource, so that asking tells no more than that.
func (in getAccessKeyLastUsedInput) resource(h *handlers, r *service.Request) resource {
	switch k, err := in.find(h, r); {
	case err != nil:
		return resource{arn: "*"}
	case k.UserName == "":
		return resource{arn: "arn:aws:iam::" + k.AccountID + ":root"}
	default:
		return h.user(k.AccountID, k.UserName)
	}
}

type accessKeyLastUsed struct {
	LastUsedDate        string `xml:",omitempty"`
	ServiceName, Region string
}

type getAccessKeyLastUsedResult struct {
	UserName          string `xml:",omitempty"`
	AccessKeyLastUsed accessKeyLastUsed
}

func (h *handlers) getAccessKeyLastUsed(_ context.Context, r *service.Request, in *getAccessKeyLastUsedInput) (*getAccessKeyLastUsedResult, error) {
	k, err := in.find(h, r)
	if err != nil {
		return nil, err
	}
	use := accessKeyLastUsed{ServiceName: "N/A", Region: "N/A"}
	if !k.LastUsed.Time.IsZero() {
		use = accessKeyLastUsed{query.Timestamp(k.LastUsed.Time), k.LastUsed.Service, k.LastUsed.Region}
	}
	return &getAccessKeyLastUsedResult{k.UserName, use}, nil
}
