package server

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/oidc/oidctest"
	"github.com/keywright/keywright/internal/sigv4"
)

// providersOfKeys are the callers who show a token, and their providers.
var providersOfKeys = map[string]string{
	"google": "accounts.google.com", "buildkite": "agent.buildkite.com", "gitlab": "gitlab.com", "github": "token.actions.githubusercontent.com",
}

// addProviders makes the providers, and the roles that their users can assume.
// It returns what the table calls their tokens.
func (w *keyWorld) addProviders(issuer *oidctest.Issuer) (words []string) {
	ctx := context.Background()
	for caller, name := range providersOfKeys {
		_, err := w.directory.CreateOpenIDConnectProvider(ctx, directory.OpenIDConnectProvider{
			AccountID: owner, URL: "https://" + name, ClientIDs: []string{"client"}, Thumbprints: []string{issuer.Thumbprint},
		})
		w.check(err)
		claims := issuer.Claims("alice", "audience", time.Now())
		claims["iss"], claims["azp"] = "https://"+name, "client"
		words = append(words, "{"+caller+"-bare}", issuer.Token(claims))
		for _, k := range facts.Keys() {
			if claim, ok := strings.CutPrefix(k.Name, name+":"); ok && claims[claim] == nil && claim != "oaud" {
				addClaim(claims, claim, string(k.Type))
			}
		}
		words = append(words, "{"+caller+"}", issuer.Token(claims))
	}
	for _, name := range []string{"guest", "visitor"} {
		_, err := w.directory.CreateRole(ctx, directory.Role{AccountID: owner, Path: "/", Name: name, TrustPolicy: w.guests("google", nil)})
		w.check(err)
	}
	w.holders["web"] = directory.Entity{AccountID: owner, Kind: directory.KindRole, Name: "visitor"}
	w.check(w.directory.PutInlinePolicy(ctx, w.holders["web"], "p", anything))
	return append(words, "{guest}", "AssumeRoleWithWebIdentity RoleArn=arn:aws:iam::"+owner+":role/guest RoleSessionName=two WebIdentityToken=")
}

// addClaim adds a claim that has the value that the table expects. Slashes lead
// into a claim.
func addClaim(claims map[string]any, path, kind string) {
	name, rest, inner := strings.Cut(path, "/")
	switch {
	case inner:
		nested := map[string]any{}
		addClaim(nested, rest, kind)
		claims[name] = nested
	case kind == "Numeric":
		claims[name] = 7
	case kind == "Bool":
		claims[name] = true
	default:
		claims[name] = "a-" + name
	}
}

// guests is the trust policy of the role for one provider's users.
func (w *keyWorld) guests(caller string, condition map[string]map[string]string) string {
	statement := map[string]any{
		"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
		"Principal": map[string]string{"Federated": "arn:aws:iam::" + owner + ":oidc-provider/" + providersOfKeys[caller]},
	}
	if condition != nil {
		statement["Condition"] = maps.Clone(condition)
	}
	document, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statement})
	w.check(err)
	return string(document)
}

// trustGuests lets a provider's users assume the role under a condition.
func (w *keyWorld) trustGuests(caller string, condition map[string]map[string]string) {
	w.t.Helper()
	trust := w.guests(caller, condition)
	_, err := w.directory.UpdateRole(context.Background(), owner, "guest", directory.RoleUpdate{TrustPolicy: &trust})
	w.check(err)
}

// addWebSession makes the caller whom a provider has vouched for.
func (w *keyWorld) addWebSession() {
	status, answer := w.send("google", "", "sts AssumeRoleWithWebIdentity RoleArn=arn:aws:iam::{account}:role/visitor RoleSessionName=two WebIdentityToken={google}")
	if status != http.StatusOK {
		w.t.Fatalf("a session by a token: %d %s", status, answer)
	}
	w.signers["web"] = sigv4.Signer{
		AccessKeyID: element(answer, "AccessKeyId"), SecretAccessKey: element(answer, "SecretAccessKey"),
		SessionToken: element(answer, "SessionToken"), Region: keysRegion,
	}
}
