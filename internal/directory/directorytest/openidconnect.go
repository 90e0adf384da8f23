package directorytest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keywright/keywright/internal/directory"
)

var aThumbprint = strings.Repeat("a1", 20)

func testOpenIDConnectProviders(f *fixture) {
	create := func(p directory.OpenIDConnectProvider) func() error {
		p.AccountID = f.account
		if p.Thumbprints == nil {
			p.Thumbprints = []string{aThumbprint}
		}
		return func() error { _, err := f.d.CreateOpenIDConnectProvider(f.ctx, p); return err }
	}
	const url, arn = "https://idp.example.com/realms/a", "arn:aws:iam::111111111111:oidc-provider/idp.example.com/realms/a"
	tag := directory.Tag{Key: "k", Value: "v"}
	made := must[*directory.OpenIDConnectProvider](f)(f.d.CreateOpenIDConnectProvider(f.ctx, directory.OpenIDConnectProvider{
		AccountID: f.account, URL: url, ClientIDs: []string{"b", "a", "b"}, Thumbprints: []string{aThumbprint}, Tags: []directory.Tag{tag},
	}))
	f.equal("made", *made, directory.OpenIDConnectProvider{
		AccountID: f.account, URL: url, ARN: arn, Created: f.now.Truncate(1e9), ClientIDs: []string{"b", "a"},
		Thumbprints: []string{aThumbprint}, Tags: []directory.Tag{tag},
	})
	f.equal("its name", made.Name(), "idp.example.com/realms/a")
	f.equal("found", found[*directory.OpenIDConnectProvider](f)(f.d.OpenIDConnectProvider(arn)), made)
	f.fails("twice", create(directory.OpenIDConnectProvider{URL: url}), &directory.ExistsError{Kind: "OpenID Connect provider", Name: url})
	f.ok(create(directory.OpenIDConnectProvider{URL: url + "/"})()) // another issuer, to the letter
	f.fails("no thumbprint", create(directory.OpenIDConnectProvider{URL: "https://x", Thumbprints: []string{}}), &directory.InvalidError{Field: "thumbprints"})
	f.fails("not hex", create(directory.OpenIDConnectProvider{URL: "https://x", Thumbprints: []string{strings.Repeat("g", 40)}}), &directory.InvalidError{Field: "thumbprint"})
	f.fails("six", create(directory.OpenIDConnectProvider{URL: "https://x", Thumbprints: slices.Repeat([]string{aThumbprint}, 6)}),
		&directory.LimitError{Quota: directory.QuotaThumbprintsPerProvider, Limit: 5})
	f.fails("no client id", create(directory.OpenIDConnectProvider{URL: "https://x", ClientIDs: []string{""}}), &directory.InvalidError{Field: "client id"})
	f.fails("no account", func() error {
		_, err := f.d.CreateOpenIDConnectProvider(f.ctx, directory.OpenIDConnectProvider{AccountID: secondAccount, URL: url, Thumbprints: []string{aThumbprint}})
		return err
	}, &directory.NotFoundError{Kind: "account", Name: secondAccount})

	f.ok(f.d.AddClientID(f.ctx, arn, "c"))
	f.ok(f.d.AddClientID(f.ctx, arn, "c"))
	f.ok(f.d.RemoveClientID(f.ctx, arn, "a"))
	f.ok(f.d.RemoveClientID(f.ctx, arn, "none"))
	f.ok(f.d.SetThumbprints(f.ctx, arn, []string{strings.ToUpper(aThumbprint), aThumbprint}))
	f.ok(f.d.TagOpenIDConnectProvider(f.ctx, arn, []directory.Tag{{Key: "K", Value: "w"}}))
	f.equal("a snapshot", made.ClientIDs, []string{"b", "a"})
	f.reopen()
	f.equal("changed", *found[*directory.OpenIDConnectProvider](f)(f.d.OpenIDConnectProvider(arn)), directory.OpenIDConnectProvider{
		AccountID: f.account, URL: url, ARN: arn, Created: f.now.Truncate(1e9), ClientIDs: []string{"b", "c"},
		Thumbprints: []string{strings.ToUpper(aThumbprint), aThumbprint}, Tags: []directory.Tag{{Key: "K", Value: "w"}},
	})
	f.ok(f.d.UntagOpenIDConnectProvider(f.ctx, arn, []string{"k"}))
	testProviderQuotas(f, arn)

	missing := &directory.NotFoundError{Kind: "OpenID Connect provider", Name: arn}
	f.ok(f.d.DeleteOpenIDConnectProvider(f.ctx, arn))
	f.fails("gone", func() error { return f.d.DeleteOpenIDConnectProvider(f.ctx, arn) }, missing)
	f.fails("a client id of none", func() error { return f.d.AddClientID(f.ctx, arn, "x") }, missing)
	f.fails("thumbprints of none", func() error { return f.d.SetThumbprints(f.ctx, arn, []string{aThumbprint}) }, missing)
	f.reopen()
}

func testProviderQuotas(f *fixture, arn string) {
	for i := range directory.Quota(directory.QuotaClientIDsPerProvider) - 2 {
		f.ok(f.d.AddClientID(f.ctx, arn, fmt.Sprint(i)))
	}
	f.fails("101 client ids", func() error { return f.d.AddClientID(f.ctx, arn, "more") }, &directory.LimitError{Quota: directory.QuotaClientIDsPerProvider, Limit: 100})
	f.ok(f.d.AddClientID(f.ctx, arn, "0"))
	var tags []directory.Tag
	for i := range 51 {
		tags = append(tags, directory.Tag{Key: fmt.Sprint(i)})
	}
	f.fails("51 tags", func() error { return f.d.TagOpenIDConnectProvider(f.ctx, arn, tags) }, &directory.LimitError{Quota: directory.QuotaTagsPerProvider, Limit: 50})
	provider := directory.OpenIDConnectProvider{AccountID: f.account, Thumbprints: []string{aThumbprint}}
	for i := len(f.d.OpenIDConnectProviders(f.account)); i < directory.Quota(directory.QuotaProvidersPerAccount); i++ {
		provider.URL = fmt.Sprintf("https://%d.example.com", i)
		must[*directory.OpenIDConnectProvider](f)(f.d.CreateOpenIDConnectProvider(f.ctx, provider))
	}
	provider.URL = "https://more.example.com"
	f.fails("101 providers", func() error { _, err := f.d.CreateOpenIDConnectProvider(f.ctx, provider); return err },
		&directory.LimitError{Quota: directory.QuotaProvidersPerAccount, Limit: 100})
}

func (r *run) createProvider() {
	p := directory.OpenIDConnectProvider{AccountID: r.pickAccount(), URL: r.pick("url", "https://a", "https://a/b"), Thumbprints: []string{aThumbprint}}
	made, err := r.d.CreateOpenIDConnectProvider(r.ctx, p)
	p.ARN = directory.OpenIDConnectProviderARN(p.AccountID, p.URL)
	if r.answer("createProvider", err, when(r.model.provider(p.ARN) != nil, exists)) {
		if made.ARN != p.ARN {
			r.Fatalf("%s instead of %s", made.ARN, p.ARN)
		}
		r.model.providers = append(r.model.providers, &p)
	}
}

func (r *run) changeProvider() {
	arn := directory.OpenIDConnectProviderARN(r.pickAccount(), r.pick("url", "https://a", "https://a/b"))
	p, id := r.model.provider(arn), r.pick("client", "x", "y")
	missing := when(p == nil, notFound)
	t := directory.Tag{Key: r.pick("key", "k", "K", "j"), Value: r.pick("value", "1", "")}
	switch r.pick("change", "delete", "add", "remove", "thumbprints", "tag", "untag") {
	case "delete":
		if r.answer("deleteProvider", r.d.DeleteOpenIDConnectProvider(r.ctx, arn), missing) {
			r.model.providers = without(r.model.providers, p)
		}
	case "add":
		if r.answer("addClientID", r.d.AddClientID(r.ctx, arn, id), missing) && !slices.Contains(p.ClientIDs, id) {
			p.ClientIDs = append(p.ClientIDs, id)
		}
	case "remove":
		if r.answer("removeClientID", r.d.RemoveClientID(r.ctx, arn, id), missing) {
			p.ClientIDs = slices.DeleteFunc(p.ClientIDs, func(has string) bool { return has == id })
		}
	case "thumbprints":
		list := []string{strings.Repeat(r.pick("thumbprint", "0", "f"), 40)}
		if r.answer("setThumbprints", r.d.SetThumbprints(r.ctx, arn, list), missing) {
			p.Thumbprints = list
		}
	case "tag":
		if r.answer("tagProvider", r.d.TagOpenIDConnectProvider(r.ctx, arn, []directory.Tag{t}), missing) {
			p.Tags = sorted(append(untagged(p.Tags, t.Key), t), func(t directory.Tag) string { return t.Key })
		}
	case "untag":
		if r.answer("untagProvider", r.d.UntagOpenIDConnectProvider(r.ctx, arn, []string{t.Key}), missing) {
			p.Tags = untagged(p.Tags, t.Key)
		}
	}
}
