package iam

import (
	"context"
	"net/http"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

func (h *handlers) openIDConnectOperations() []service.Operation {
	return []service.Operation{
		row(h, "CreateOpenIDConnectProvider", h.createOpenIDConnectProvider),
		row(h, "GetOpenIDConnectProvider", h.getOpenIDConnectProvider),
		row(h, "ListOpenIDConnectProviders", h.listOpenIDConnectProviders),
		row(h, "DeleteOpenIDConnectProvider", h.deleteOpenIDConnectProvider),
		row(h, "AddClientIDToOpenIDConnectProvider", h.addClientID),
		row(h, "RemoveClientIDFromOpenIDConnectProvider", h.removeClientID),
		row(h, "UpdateOpenIDConnectProviderThumbprint", h.updateThumbprints),
		row(h, "TagOpenIDConnectProvider", h.tagOpenIDConnectProvider),
		row(h, "UntagOpenIDConnectProvider", h.untagOpenIDConnectProvider),
		row(h, "ListOpenIDConnectProviderTags", h.listOpenIDConnectProviderTags),
	}
}

// Providers looks at identity providers over the network; *oidc.Client does.
type Providers interface {
	// Thumbprint returns the thumbprint of a provider's certificate authority.
	Thumbprint(ctx context.Context, url string) (string, error)
}

// errProviderUnreachable is the answer to a provider that IAM is to look at and
// cannot ("CreateOpenIDConnectProvider", IAM API Reference).
var errProviderUnreachable = awserr.New("OpenIdIdpCommunicationError", http.StatusBadRequest, "The OpenID Connect provider cannot be reached.")

// ofProvider is the part of an input that names an OpenID Connect provider.
type ofProvider struct{ OpenIDConnectProviderArn string }

func (in ofProvider) check(*service.Request) error {
	a, err := arn.Parse(in.OpenIDConnectProviderArn)
	if err != nil || a.Service != "iam" || a.Region != "" || !strings.HasPrefix(a.Resource, "oidc-provider/") {
		return awserr.InvalidInput.WithMessage("Invalid ARN: %s", in.OpenIDConnectProviderArn)
	}
	return nil
}

// resource tells of no other account's tags: a denial says whether a policy of the
// caller's denied, which could ask for them.
func (in ofProvider) resource(h *handlers, r *service.Request) resource {
	x := resource{arn: in.OpenIDConnectProviderArn}
	if p, ok := h.directory.OpenIDConnectProvider(in.OpenIDConnectProviderArn); ok && p.AccountID == r.Caller.AccountID {
		x.tags = p.Tags
	}
	return x
}

func (in ofProvider) find(h *handlers) (*directory.OpenIDConnectProvider, error) {
	p, ok := h.directory.OpenIDConnectProvider(in.OpenIDConnectProviderArn)
	if !ok {
		return nil, &directory.NotFoundError{Kind: "OpenID Connect provider", Name: in.OpenIDConnectProviderArn}
	}
	return p, nil
}

type createOpenIDConnectProviderInput struct {
	URL            string `query:"Url"`
	ClientIDList   []string
	ThumbprintList []string
	Tags           []directory.Tag
}

func (in createOpenIDConnectProviderInput) check(*service.Request) error {
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	if !strings.HasPrefix(in.URL, "https://") {
		return awserr.InvalidInput.WithMessage("Invalid Open ID Connect Provider URL. The URL must begin with https://.")
	}
	if err := directory.CheckProviderURL(in.URL); err != nil {
		return awserr.InvalidInput.WithMessage("Invalid Open ID Connect Provider URL.").WithCause(err)
	}
	return nil
}

func (in createOpenIDConnectProviderInput) resource(_ *handlers, r *service.Request) resource {
	return resource{
		arn:         directory.OpenIDConnectProviderARN(r.Caller.AccountID, in.URL),
		created:     true,
		requestTags: in.Tags,
	}
}

type createOpenIDConnectProviderResult struct {
	OpenIDConnectProviderARN string `xml:"OpenIDConnectProviderArn"`
	Tags                     *query.List[directory.Tag]
}

// createOpenIDConnectProvider makes a provider. Without thumbprints it asks the
// provider itself for its certificate, once it is known that it may be made.
func (h *handlers) createOpenIDConnectProvider(ctx context.Context, r *service.Request, in *createOpenIDConnectProviderInput) (*createOpenIDConnectProviderResult, error) {
	account := r.Caller.AccountID
	if _, exists := h.directory.OpenIDConnectProvider(directory.OpenIDConnectProviderARN(account, in.URL)); exists {
		return nil, &directory.ExistsError{Kind: "OpenID Connect provider", Name: in.URL}
	}
	thumbprints := in.ThumbprintList
	if len(thumbprints) == 0 {
		t, err := h.providers.Thumbprint(ctx, in.URL)
		if err != nil {
			return nil, errProviderUnreachable.WithMessage("Could not connect to %s", in.URL).WithCause(err)
		}
		thumbprints = []string{t}
	}
	p, err := h.directory.CreateOpenIDConnectProvider(ctx, directory.OpenIDConnectProvider{
		AccountID: account, URL: in.URL, ClientIDs: in.ClientIDList, Thumbprints: thumbprints, Tags: in.Tags,
	})
	if err != nil {
		return nil, err
	}
	return &createOpenIDConnectProviderResult{p.ARN, tagsOf(p.Tags)}, nil
}

type getOpenIDConnectProviderInput struct{ ofProvider }

type getOpenIDConnectProviderResult struct {
	URL            string `xml:"Url"`
	ClientIDList   query.List[string]
	ThumbprintList query.List[string]
	CreateDate     string
	Tags           *query.List[directory.Tag]
}

// getOpenIDConnectProvider shows a provider, its URL without the scheme as AWS
// does.
func (h *handlers) getOpenIDConnectProvider(_ context.Context, _ *service.Request, in *getOpenIDConnectProviderInput) (*getOpenIDConnectProviderResult, error) {
	p, err := in.find(h)
	if err != nil {
		return nil, err
	}
	return &getOpenIDConnectProviderResult{
		URL: p.Name(), ClientIDList: query.List[string]{Members: p.ClientIDs}, ThumbprintList: query.List[string]{Members: p.Thumbprints},
		CreateDate: query.Timestamp(p.Created), Tags: tagsOf(p.Tags),
	}, nil
}

type listOpenIDConnectProvidersInput struct{ whole }

// listedProvider is a provider as lists show it.
type listedProvider struct {
	ARN string `xml:"Arn"`
}

type listOpenIDConnectProvidersResult struct {
	OpenIDConnectProviderList query.List[listedProvider]
}

func (h *handlers) listOpenIDConnectProviders(_ context.Context, r *service.Request, _ *listOpenIDConnectProvidersInput) (*listOpenIDConnectProvidersResult, error) {
	list := func(p *directory.OpenIDConnectProvider) listedProvider { return listedProvider{p.ARN} }
	return &listOpenIDConnectProvidersResult{query.ListOf(h.directory.OpenIDConnectProviders(r.Caller.AccountID), list)}, nil
}

type deleteOpenIDConnectProviderInput struct{ ofProvider }

// deleteOpenIDConnectProvider deletes a provider, or finds it deleted
// ("DeleteOpenIDConnectProvider", IAM API Reference).
func (h *handlers) deleteOpenIDConnectProvider(ctx context.Context, _ *service.Request, in *deleteOpenIDConnectProviderInput) (*query.NoResult, error) {
	err := h.directory.DeleteOpenIDConnectProvider(ctx, in.OpenIDConnectProviderArn)
	if missing(err, "OpenID Connect provider") {
		err = nil
	}
	return done(err)
}

// clientIDInput is the parameters of what is done with a client id.
type clientIDInput struct {
	ofProvider
	ClientID string
}

func (h *handlers) addClientID(ctx context.Context, _ *service.Request, in *clientIDInput) (*query.NoResult, error) {
	return done(h.directory.AddClientID(ctx, in.OpenIDConnectProviderArn, in.ClientID))
}

func (h *handlers) removeClientID(ctx context.Context, _ *service.Request, in *clientIDInput) (*query.NoResult, error) {
	return done(h.directory.RemoveClientID(ctx, in.OpenIDConnectProviderArn, in.ClientID))
}

type updateThumbprintsInput struct {
	ofProvider
	ThumbprintList []string
}

func (h *handlers) updateThumbprints(ctx context.Context, _ *service.Request, in *updateThumbprintsInput) (*query.NoResult, error) {
	return done(h.directory.SetThumbprints(ctx, in.OpenIDConnectProviderArn, in.ThumbprintList))
}

type tagOpenIDConnectProviderInput struct {
	ofProvider
	Tags []directory.Tag
}

func (in tagOpenIDConnectProviderInput) check(r *service.Request) error {
	if err := in.ofProvider.check(r); err != nil {
		return err
	}
	return checkTags(in.Tags)
}

func (in tagOpenIDConnectProviderInput) resource(h *handlers, r *service.Request) resource {
	x := in.ofProvider.resource(h, r)
	x.requestTags = in.Tags
	return x
}

func (h *handlers) tagOpenIDConnectProvider(ctx context.Context, _ *service.Request, in *tagOpenIDConnectProviderInput) (*query.NoResult, error) {
	return done(h.directory.TagOpenIDConnectProvider(ctx, in.OpenIDConnectProviderArn, in.Tags))
}

type untagOpenIDConnectProviderInput struct {
	ofProvider
	TagKeys []string
}

func (in untagOpenIDConnectProviderInput) check(r *service.Request) error {
	if err := in.ofProvider.check(r); err != nil {
		return err
	}
	return checkTagKeys(in.TagKeys)
}

func (in untagOpenIDConnectProviderInput) resource(h *handlers, r *service.Request) resource {
	x := in.ofProvider.resource(h, r)
	x.tagKeys = in.TagKeys
	return x
}

func (h *handlers) untagOpenIDConnectProvider(ctx context.Context, _ *service.Request, in *untagOpenIDConnectProviderInput) (*query.NoResult, error) {
	return done(h.directory.UntagOpenIDConnectProvider(ctx, in.OpenIDConnectProviderArn, in.TagKeys))
}

type listOpenIDConnectProviderTagsInput struct {
	ofProvider
	query.Paging
}

func (h *handlers) listOpenIDConnectProviderTags(_ context.Context, _ *service.Request, in *listOpenIDConnectProviderTagsInput) (*listTagsResult, error) {
	p, err := in.find(h)
	if err != nil {
		return nil, err
	}
	return listTags(p.Tags, in.Paging)
}
