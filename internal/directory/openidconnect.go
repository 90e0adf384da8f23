package directory

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What the URL of an OpenID Connect provider is made of behind https://. A path
// has no wildcards and no variables, since it is part of an ARN.
var (
	hostPattern    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)
	segmentPattern = regexp.MustCompile(`^([A-Za-z0-9._~!&()+,;=:@-]|%[0-9A-Fa-f]{2})*$`)
	hexPattern     = regexp.MustCompile(`^[0-9A-Fa-f]{40}$`)
)

const (
	providerScheme    = "https://"
	maxProviderURL    = 255 // characters
	maxClientID       = 255
	providerARNPrefix = ":oidc-provider/"
)

// CheckProviderURL fails with *InvalidError unless a URL can be that of an
// OpenID Connect provider ("CreateOpenIDConnectProvider", IAM API Reference):
// https, a host, perhaps a port and a path, and nothing else.
func CheckProviderURL(url string) error {
	fail := func(reason string) error { return &InvalidError{"provider URL", url, reason} }
	rest, secure := strings.CutPrefix(url, providerScheme)
	switch {
	case !secure:
		return fail("begins with https://")
	case len(url) > maxProviderURL:
		return fail("at most 255 characters")
	}
	authority, path, _ := strings.Cut(rest, "/")
	host, port, hasPort := strings.Cut(authority, ":")
	if hasPort {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port {
			return fail("a port is a number from 1 to 65535")
		}
	}
	if !hostPattern.MatchString(host) {
		return fail("names a host")
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." || !segmentPattern.MatchString(segment) {
			return fail("has no query, no fragment, and no characters in its path that a URL would have to escape")
		}
	}
	return nil
}

func checkClientID(id string) error {
	if id == "" {
		return &InvalidError{"client id", id, "is not empty"}
	}
	return checkText("client id", id, maxClientID)
}

// uniqueClientIDs returns client ids, each once.
func uniqueClientIDs(ids []string) ([]string, error) {
	var unique []string
	for _, id := range ids {
		if err := checkClientID(id); err != nil {
			return nil, err
		}
		if !slices.Contains(unique, id) {
			unique = append(unique, id)
		}
	}
	return unique, within(QuotaClientIDsPerProvider, len(unique))
}

func checkThumbprints(list []string) error {
	if len(list) == 0 {
		return &InvalidError{"thumbprints", "", "there is one at least"}
	}
	for _, t := range list {
		if !hexPattern.MatchString(t) {
			return &InvalidError{"thumbprint", t, "40 hexadecimal digits"}
		}
	}
	return within(QuotaThumbprintsPerProvider, len(list))
}

// CreateOpenIDConnectProvider makes a provider and fills in its ARN and Created.
// It needs a thumbprint at least. It fails with *NotFoundError (account),
// *ExistsError, *LimitError and *InvalidError.
func (d *Directory) CreateOpenIDConnectProvider(ctx context.Context, p OpenIDConnectProvider) (*OpenIDConnectProvider, error) {
	if err := CheckProviderURL(p.URL); err != nil {
		return nil, err
	}
	if err := checkThumbprints(p.Thumbprints); err != nil {
		return nil, err
	}
	r := &providerRow{
		accountID: p.AccountID, url: strings.TrimPrefix(p.URL, providerScheme), created: truncated(d.now()), thumbprints: slices.Clone(p.Thumbprints),
	}
	var err error
	if r.clientIDs, err = uniqueClientIDs(p.ClientIDs); err != nil {
		return nil, err
	}
	if r.tags, err = mergeTags(nil, p.Tags, QuotaTagsPerProvider); err != nil {
		return nil, err
	}
	err = d.mutate(ctx, func(v *view, c *change) error {
		a, err := v.account(r.accountID)
		if err != nil {
			return err
		}
		if a.providers[r.url] != nil {
			return &ExistsError{Kind: "OpenID Connect provider", Name: p.URL}
		}
		if err := within(QuotaProvidersPerAccount, len(a.providers)+1); err != nil {
			return err
		}
		c.put(r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.show(), nil
}

// OpenIDConnectProvider returns a provider by its ARN.
func (d *Directory) OpenIDConnectProvider(arn string) (*OpenIDConnectProvider, bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	r, err := d.view.provider(arn)
	if err != nil {
		return nil, false
	}
	return r.show(), true
}

// OpenIDConnectProviders returns the providers of an account, sorted by URL.
func (d *Directory) OpenIDConnectProviders(accountID string) (found []*OpenIDConnectProvider) {
	d.read(func(v *view) {
		if a := v.accounts[accountID]; a != nil {
			for _, r := range sortedValues(a.providers, providerURL) {
				found = append(found, r.show())
			}
		}
	})
	return found
}

// DeleteOpenIDConnectProvider deletes a provider. The trust policies that name
// it stay as they are. It fails with *NotFoundError.
func (d *Directory) DeleteOpenIDConnectProvider(ctx context.Context, arn string) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		r, err := v.provider(arn)
		if err != nil {
			return err
		}
		c.remove(r)
		return nil
	})
}

// AddClientID adds a client id to a provider, which may have it already. It
// fails with *NotFoundError, *LimitError and *InvalidError.
func (d *Directory) AddClientID(ctx context.Context, arn, id string) error {
	return d.changeProvider(ctx, arn, func(r *providerRow) (err error) {
		r.clientIDs, err = uniqueClientIDs(append(slices.Clip(r.clientIDs), id))
		return err
	})
}

// RemoveClientID removes a client id from a provider, which need not have it. It
// fails with *NotFoundError.
func (d *Directory) RemoveClientID(ctx context.Context, arn, id string) error {
	return d.changeProvider(ctx, arn, func(r *providerRow) error {
		r.clientIDs = slices.DeleteFunc(slices.Clone(r.clientIDs), func(has string) bool { return has == id })
		return nil
	})
}

// SetThumbprints gives a provider other thumbprints, one at least. It fails with
// *NotFoundError, *LimitError and *InvalidError.
func (d *Directory) SetThumbprints(ctx context.Context, arn string, thumbprints []string) error {
	if err := checkThumbprints(thumbprints); err != nil {
		return err
	}
	return d.changeProvider(ctx, arn, func(r *providerRow) error {
		r.thumbprints = slices.Clone(thumbprints)
		return nil
	})
}

// TagOpenIDConnectProvider adds tags to a provider as TagEntity does. It fails
// with *NotFoundError, *LimitError and *InvalidError.
func (d *Directory) TagOpenIDConnectProvider(ctx context.Context, arn string, tags []Tag) error {
	return d.changeProvider(ctx, arn, func(r *providerRow) (err error) {
		r.tags, err = mergeTags(r.tags, tags, QuotaTagsPerProvider)
		return err
	})
}

// UntagOpenIDConnectProvider removes tags from a provider as UntagEntity does.
// It fails with *NotFoundError.
func (d *Directory) UntagOpenIDConnectProvider(ctx context.Context, arn string, keys []string) error {
	return d.changeProvider(ctx, arn, func(r *providerRow) error {
		r.tags = withoutTags(r.tags, keys)
		return nil
	})
}

// changeProvider replaces the row of a provider by a copy that edit has changed.
func (d *Directory) changeProvider(ctx context.Context, arn string, edit func(*providerRow) error) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		old, err := v.provider(arn)
		if err != nil {
			return err
		}
		row := *old
		if err := edit(&row); err != nil {
			return err
		}
		c.put(&row)
		return nil
	})
}
