package iam

import (
	"context"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

// absentOperations list what nobody can have here, because the operations that
// would make it are not served. Clients ask before they delete a user, and when
// they look over an account.
func (h *handlers) absentOperations() []service.Operation {
	return []service.Operation{
		row(h, "ListSSHPublicKeys", h.listSSHPublicKeys),
		row(h, "ListSigningCertificates", h.listSigningCertificates),
		row(h, "ListServiceSpecificCredentials", h.listServiceSpecificCredentials),
		row(h, "ListServerCertificates", h.listServerCertificates),
		row(h, "ListSAMLProviders", h.listSAMLProviders),
	}
}

// nothing is the type of members of lists that are empty.
type nothing struct{}

// findNamed fails unless the user that an input names exists; the account's root
// always does.
func (h *handlers) findNamed(r *service.Request, in ofCaller) error {
	name := in.name(r)
	if name == "" {
		return nil
	}
	_, err := h.findUser(r, name)
	return err
}

// noneOf answers a list of what the user that an input names has none of.
func noneOf[Out any](h *handlers, r *service.Request, in ofCaller, p query.Paging, out func(query.Page) *Out) (*Out, error) {
	if err := h.findNamed(r, in); err != nil {
		return nil, err
	}
	return none(p, out)
}

// none answers a list of what there is none of. Its only page has no marker.
func none[Out any](p query.Paging, out func(query.Page) *Out) (*Out, error) {
	_, page, err := query.Paginate(nil, same, p)
	if err != nil {
		return nil, err
	}
	return out(page), nil
}

type listSSHPublicKeysInput struct {
	ofCaller
	query.Paging
}

type listSSHPublicKeysResult struct {
	SSHPublicKeys query.List[nothing]
	query.Page
}

func (h *handlers) listSSHPublicKeys(_ context.Context, r *service.Request, in *listSSHPublicKeysInput) (*listSSHPublicKeysResult, error) {
	return noneOf(h, r, in.ofCaller, in.Paging, func(p query.Page) *listSSHPublicKeysResult { return &listSSHPublicKeysResult{Page: p} })
}

type listSigningCertificatesInput struct {
	ofCaller
	query.Paging
}

type listSigningCertificatesResult struct {
	Certificates query.List[nothing]
	query.Page
}

func (h *handlers) listSigningCertificates(_ context.Context, r *service.Request, in *listSigningCertificatesInput) (*listSigningCertificatesResult, error) {
	return noneOf(h, r, in.ofCaller, in.Paging, func(p query.Page) *listSigningCertificatesResult {
		return &listSigningCertificatesResult{Page: p}
	})
}

type listServiceSpecificCredentialsInput struct {
	ofCaller
	ServiceName string
	AllUsers    bool
	query.Paging
}

// check refuses a user's name beside the wish for all users
// ("ListServiceSpecificCredentials", IAM API Reference).
func (in listServiceSpecificCredentialsInput) check(r *service.Request) error {
	if !in.AllUsers {
		return in.ofCaller.check(r)
	}
	if in.UserName != "" {
		return awserr.ValidationError.WithMessage("UserName and AllUsers cannot be given together.")
	}
	return nil
}

// resource is a user, or all of the account's.
func (in listServiceSpecificCredentialsInput) resource(h *handlers, r *service.Request) resource {
	if in.AllUsers {
		return resource{arn: entityARN(r.Caller.AccountID, "user", "", "*")}
	}
	return in.ofCaller.resource(h, r)
}

type listServiceSpecificCredentialsResult struct {
	ServiceSpecificCredentials query.List[nothing]
	query.Page
}

func (h *handlers) listServiceSpecificCredentials(_ context.Context, r *service.Request, in *listServiceSpecificCredentialsInput) (*listServiceSpecificCredentialsResult, error) {
	out := func(p query.Page) *listServiceSpecificCredentialsResult {
		return &listServiceSpecificCredentialsResult{Page: p}
	}
	if in.AllUsers {
		return none(in.Paging, out)
	}
	return noneOf(h, r, in.ofCaller, in.Paging, out)
}

type listServerCertificatesInput struct {
	whole
	PathPrefix string
	query.Paging
}

type listServerCertificatesResult struct {
	ServerCertificateMetadataList query.List[nothing]
	query.Page
}

func (h *handlers) listServerCertificates(_ context.Context, _ *service.Request, in *listServerCertificatesInput) (*listServerCertificatesResult, error) {
	return none(in.Paging, func(p query.Page) *listServerCertificatesResult { return &listServerCertificatesResult{Page: p} })
}

type listSAMLProvidersResult struct {
	SAMLProviderList query.List[nothing]
}

func (h *handlers) listSAMLProviders(context.Context, *service.Request, *accountInput) (*listSAMLProvidersResult, error) {
	return &listSAMLProvidersResult{}, nil
}
