package server

import (
	"context"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keywright/keywright/internal/oidc"
	"github.com/keywright/keywright/internal/oidc/oidctest"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval/evaltest"
)

// providerName finds the names of OpenID Connect providers, and their hosts.
var providerName = regexp.MustCompile(`:oidc-provider/(([A-Za-z0-9.-]+)[^"\s]*)`)

// vouchers is who vouches for the principals of a file's cases: one issuer, to
// which every provider's name leads.
type vouchers struct {
	issuer *oidctest.Issuer
	made   map[string][]string // the client ids of the providers that are made, by ARN
}

// newVouchers starts an issuer if a file needs one.
func (w *world) newVouchers(f *evaltest.File) {
	var hosts []string
	look := func(text string) {
		if m := providerName.FindStringSubmatch(text); m != nil && !slices.Contains(hosts, m[2]) {
			hosts = append(hosts, m[2])
		}
	}
	for _, c := range f.Cases {
		look(c.Principal.ARN)
		for _, k := range append(slices.Clone(c.Principal.Keys), c.Keys...) {
			look(strings.Join(k.Values, " "))
		}
	}
	w.vouchers.made = map[string][]string{}
	if hosts != nil {
		w.vouchers.issuer = oidctest.NewNamed(w.t, hosts...)
	}
}

// reach is how the server reaches providers.
func (w *world) reach() oidc.Options {
	return oidc.Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		return w.vouchers.issuer.Dial(ctx, network, address)
	}}
}

// vouching returns the ARN of the OpenID Connect provider that has vouched for
// who makes the request of a case, and "" when none has.
func vouching(c *evaltest.Case) string {
	if c.Principal.Type == "provider" {
		return c.Principal.ARN
	}
	for _, k := range append(slices.Clone(c.Principal.Keys), c.Keys...) {
		if c.Principal.Type == "role" && strings.EqualFold(k.Name, "aws:FederatedProvider") && len(k.Values) == 1 {
			return k.Values[0]
		}
	}
	return ""
}

// nameOf returns what the keys of a provider begin with.
func nameOf(provider string) string {
	if m := providerName.FindStringSubmatch(provider); m != nil {
		return m[1]
	}
	return ""
}

// refuseProvider fails when no token can be of a provider.
func refuseProvider(c *evaltest.Case) error {
	if p := vouching(c); p != "" && nameOf(p) == "" {
		return cannot("there are no SAML providers, and none that AWS has built in")
	}
	return nil
}

// inSession are the claims that the requests of a session have as keys.
var inSession = []string{"sub", "aud", "amr"}

// ofProvider are the keys of a token's claims.
func (b *brought) ofProvider(c *evaltest.Case, k evaltest.Key, name, _ string) (bool, error) {
	p := vouching(c)
	if p == "" {
		return false, nil
	}
	if name == "aws:federatedprovider" {
		return true, nil
	}
	claim, ok := strings.CutPrefix(name, strings.ToLower(nameOf(p))+":")
	switch {
	case !ok:
		return false, nil
	case c.Principal.Type == "role" && !slices.Contains(inSession, claim):
		return true, cannot("no session has the claim %s", claim)
	}
	if b.claims == nil {
		b.claims = map[string][]string{}
	}
	b.claims[claim] = k.Values
	return true, nil
}

// claim returns a claim of a case, and otherwise when it says nothing of it.
func (b *brought) claim(name, otherwise string) string {
	if v := b.claims[name]; len(v) == 1 {
		return v[0]
	}
	return otherwise
}

// setClaims sets the keys that every token brings, as it is made for a case.
func (b *brought) setClaims(all *condition.Context, c *evaltest.Case) {
	name := nameOf(vouching(c))
	all.SetString(name+":sub", b.claim("sub", "somebody"))
	all.SetString(name+":aud", b.claim("aud", "client"))
	if c.Principal.Type == "provider" {
		all.SetString(name+":oaud", b.claim("oaud", b.claim("aud", "client")))
	}
}

// token returns the token of a case, whose provider is made when it is not there.
func (w *world) token(a *attempt) (string, error) {
	arn, b := vouching(a.c), a.brought
	url := "https://" + nameOf(arn)
	audience := b.claim("aud", "client")
	if err := w.makeProvider(arn, url, audience); err != nil {
		return "", err
	}
	claims := w.vouchers.issuer.Claims(b.claim("sub", "somebody"), audience, w.now())
	claims["iss"] = url
	for name, values := range b.claims {
		switch {
		case name == "sub" || name == "aud":
		case name == "oaud":
			claims["azp"], claims["aud"] = audience, values
		case len(values) == 1 && name != "amr":
			claims[name] = values[0]
		default:
			claims[name] = values
		}
	}
	if len(b.requestTags) > 0 {
		claims["https://aws.amazon.com/tags"] = map[string]any{"principal_tags": b.requestTags, "transitive_tag_keys": b.transitive}
	}
	if b.identity != "" {
		claims["https://aws.amazon.com/source_identity"] = b.identity
	}
	return w.vouchers.issuer.Token(claims), nil
}

func (w *world) makeProvider(arn, url, audience string) error {
	account := w.accounts[strings.Split(arn, ":")[4]]
	if account == nil {
		return cannot("nobody here has the provider %s", arn)
	}
	ids, made := w.vouchers.made[arn]
	if !made {
		in := &iam.CreateOpenIDConnectProviderInput{Url: &url, ThumbprintList: []string{w.vouchers.issuer.Thumbprint}}
		if _, err := account.iam.CreateOpenIDConnectProvider(context.Background(), in); err != nil {
			return err
		}
	}
	if !slices.Contains(ids, audience) {
		in := &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn, ClientID: &audience}
		if _, err := account.iam.AddClientIDToOpenIDConnectProvider(context.Background(), in); err != nil {
			return err
		}
		ids = append(ids, audience)
	}
	w.vouchers.made[arn] = ids
	return nil
}

// operationsOfProviders are what somebody can ask for who shows a token.
var operationsOfProviders = map[string]operation{
	"sts:AssumeRoleWithWebIdentity": onWebIdentity().needing(tagsAndIdentity),
	"sts:TagSession":                onWebIdentity().needing(tagsAndIdentity).behind("sts:AssumeRoleWithWebIdentity"),
	"sts:SetSourceIdentity":         onWebIdentity().needing(tagsAndIdentity).behind("sts:AssumeRoleWithWebIdentity"),
}

func tagsAndIdentity(a *attempt) (more []string) {
	if len(a.brought.requestTags) > 0 {
		more = append(more, "sts:TagSession")
	}
	if a.brought.identity != "" {
		more = append(more, "sts:SetSourceIdentity")
	}
	return more
}

// onWebIdentity is AssumeRoleWithWebIdentity.
func onWebIdentity() operation {
	return operation{
		address: func(w *world, a *attempt) error {
			if strings.Split(a.resource, ":")[4] != strings.Split(a.c.Principal.ARN, ":")[4] {
				return cannot("a provider says nothing to another account")
			}
			return nil
		},
		prepare: onRole().prepare,
		run: func(w *world, a *attempt) error {
			token, err := w.token(a)
			if err != nil {
				return err
			}
			_, err = w.sts(aws.Credentials{}, a.brought).AssumeRoleWithWebIdentity(context.Background(), &sts.AssumeRoleWithWebIdentityInput{
				RoleArn: &a.resource, RoleSessionName: &a.brought.sessionName, WebIdentityToken: &token,
			})
			return err
		},
	}
}

// assumeFederated is assume for a session that a provider has vouched for.
func (w *world) assumeFederated(a *attempt) (aws.Credentials, error) {
	provider := vouching(a.c)
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"` + provider + `"},"Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"]}}`
	if err := w.setTrust(a.holder, trust, nil); err != nil {
		return aws.Credentials{}, err
	}
	inline, managed, err := w.narrowed(a)
	if err != nil {
		return aws.Credentials{}, err
	}
	of := &attempt{c: a.c, brought: &brought{claims: a.brought.claims, requestTags: a.brought.principalTags, identity: a.brought.sourceIdentity}}
	token, err := w.token(of)
	if err != nil {
		return aws.Credentials{}, err
	}
	out, err := w.sts(aws.Credentials{}, nil).AssumeRoleWithWebIdentity(context.Background(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String(a.holder.arn()), RoleSessionName: aws.String(lastElement(a.c.Principal.ARN)), WebIdentityToken: &token,
		Policy: inline, PolicyArns: managed,
	})
	if err != nil {
		return aws.Credentials{}, noSuchSession(err)
	}
	return stsCredentials(out.Credentials), nil
}
