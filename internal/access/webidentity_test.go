package access_test

import (
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keywright/keywright/internal/access"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/encodedmessage"
	"github.com/keywright/keywright/internal/oidc"
	"github.com/keywright/keywright/internal/oidc/oidctest"
	"github.com/keywright/keywright/internal/session"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// federation is a world with a provider and a role that trusts some of whom it
// vouches for.
type federation struct {
	*world
	issuer   *oidctest.Issuer
	provider *directory.OpenIDConnectProvider
	deploy   *directory.Role
}

func newFederation(t *testing.T) *federation {
	f := &federation{world: newWorld(t), issuer: oidctest.New(t)}
	f.provider = must(f.directory.CreateOpenIDConnectProvider(t.Context(), directory.OpenIDConnectProvider{
		AccountID: account, URL: f.issuer.URL, ClientIDs: []string{"app"}, Thumbprints: []string{f.issuer.Thumbprint},
	}))(t)
	f.deploy = must(f.directory.CreateRole(t.Context(), directory.Role{AccountID: account, Path: "/", Name: "Deploy", TrustPolicy: `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"Federated":"` + f.provider.ARN + `"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{
			"StringEquals":{"` + f.provider.Name() + `:aud":"app"},"StringLike":{"` + f.provider.Name() + `:sub":"repo:org/app:*"}}},
		{"Effect":"Allow","Principal":{"Federated":"` + f.provider.ARN + `"},"Action":"sts:SetSourceIdentity"}]}`}))(t)
	return f
}

// identify shows a token of a subject, with more claims, for a role.
func (f *federation) identify(roleARN, subject string, more map[string]any) (*access.Caller, error) {
	claims := f.issuer.Claims(subject, "app", now)
	for name, value := range more {
		claims[name] = value
	}
	return f.access.Identify(f.Context(), access.WebIdentity{Token: f.issuer.Token(claims), RoleARN: roleARN}, now)
}

func (f *federation) authorize(c *access.Caller, n access.Need) error {
	return f.access.Authorize(&access.Query{Context: f.Context(), HTTP: httptest.NewRequest("POST", "/", nil), Client: client, Time: now, Caller: c, Need: n})
}

func (f *federation) assume(c *access.Caller, action string) error {
	return f.authorize(c, access.Need{Action: action, Resource: f.deploy.ARN, Role: f.deploy})
}

func TestIdentify(t *testing.T) {
	f := newFederation(t)
	c := must(f.identify(f.deploy.ARN, "repo:org/app:main", nil))(t)
	if c.Type != eval.FederatedIdentity || c.AccountID != account || c.ARN != f.provider.ARN || c.UserID != f.provider.ARN+":app:repo:org/app:main" {
		t.Errorf("%+v", c)
	}
	if err := f.assume(c, "sts:AssumeRoleWithWebIdentity"); err != nil {
		t.Error(err)
	}
	if err := f.assume(c, "sts:SetSourceIdentity"); err != nil {
		t.Error(err)
	}
	denied := func(what string, c *access.Caller, n access.Need, message string) {
		t.Helper()
		if err := f.authorize(c, n); !errors.Is(err, awserr.AccessDenied) || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: %v", what, err)
		}
	}
	needs := access.Need{Action: "sts:AssumeRoleWithWebIdentity", Resource: f.deploy.ARN, Role: f.deploy}
	f.checkMessage(c, needs)
	denied("tags", c, access.Need{Action: "sts:TagSession", Resource: f.deploy.ARN, Role: f.deploy}, "Not authorized to perform sts:TagSession")
	denied("another subject", must(f.identify(f.deploy.ARN, "repo:org/other:main", nil))(t), needs, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	denied("another role", c, access.Need{Action: "sts:AssumeRoleWithWebIdentity", Resource: f.role.ARN, Role: f.role}, "Not authorized")
	denied("no role", c, access.Need{Action: "sts:AssumeRoleWithWebIdentity", Resource: "arn:aws:iam::" + account + ":role/none"}, "Not authorized")
	denied("AssumeRole", c, access.Need{Action: "sts:AssumeRole", Resource: f.deploy.ARN, Role: f.deploy}, "Not authorized")
	denied("anything else", c, access.Need{Action: "iam:GetUser", Resource: f.user.ARN}, "Not authorized")

	// A provider of one account says nothing to another.
	_, err := f.identify("arn:aws:iam::"+other+":role/Deploy", "repo:org/app:main", nil)
	if !errors.Is(err, oidc.ErrInvalid) || !strings.Contains(err.Error(), "No OpenIDConnect provider found in your account for "+f.issuer.URL) {
		t.Errorf("another account: %v", err)
	}
	asked := f.issuer.Asked(oidctest.Discovery)
	for name, w := range map[string]access.WebIdentity{
		"no token": {Token: "x", RoleARN: f.deploy.ARN}, "no role": {RoleARN: "x"},
	} {
		if _, err := f.access.Identify(t.Context(), w, now); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := f.identify(f.deploy.ARN, "alice", map[string]any{"iss": strings.TrimPrefix(f.issuer.URL, "https://")}); !errors.Is(err, oidc.ErrInvalid) {
		t.Errorf("an issuer without its scheme: %v", err)
	}
	if f.issuer.Asked(oidctest.Discovery) != asked {
		t.Error("the provider was asked about what it did not sign")
	}
	if err := f.directory.RemoveClientID(t.Context(), f.provider.ARN, "app"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.identify(f.deploy.ARN, "repo:org/app:main", nil); !errors.Is(err, oidc.ErrInvalid) {
		t.Errorf("a client id that was removed: %v", err)
	}
	if err := f.directory.DeleteOpenIDConnectProvider(t.Context(), f.provider.ARN); err != nil {
		t.Fatal(err)
	}
	if _, err := f.identify(f.deploy.ARN, "repo:org/app:main", nil); !errors.Is(err, oidc.ErrInvalid) {
		t.Errorf("a provider that was deleted: %v", err)
	}
}

// checkMessage checks that the administrators of the role's account can learn from
// a denial what the token said.
func (f *federation) checkMessage(c *access.Caller, n access.Need) {
	f.Helper()
	n.Action = "sts:TagSession"
	var e *awserr.Error
	if err := f.authorize(c, n); !errors.As(err, &e) {
		f.Fatal(err)
	}
	text, err := encodedmessage.Decode(f.keyring, account, e.Header.Get(encodedmessage.Header))
	if err != nil || !strings.Contains(text, "repo:org/app:main") || !strings.Contains(text, f.provider.ARN) {
		f.Errorf("an administrator is told %q (%v)", text, err)
	}
}

// TestProvidersOfOthers checks that nobody can touch the providers of another
// account, not even the root of his own.
func TestProvidersOfOthers(t *testing.T) {
	f := newFederation(t)
	_, root, err := f.authenticate(f.key(other, ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"iam:GetOpenIDConnectProvider", "iam:AddClientIDToOpenIDConnectProvider", "iam:UpdateOpenIDConnectProviderThumbprint"} {
		if err := f.authorize(root, access.Need{Action: action, Resource: f.provider.ARN}); !errors.Is(err, awserr.AccessDenied) {
			t.Errorf("%s: %v", action, err)
		}
	}
}

// keysOf returns the keys of a caller's request, as "name=values".
func (f *federation) keysOf(c *access.Caller) []string {
	f.Helper()
	var keys []string
	err := f.authorize(c, access.Need{Action: "sts:GetCallerIdentity", Resource: "*", Context: func(all *condition.Context) {
		for _, key := range all.Keys() {
			v, _ := all.Lookup(key)
			keys = append(keys, strings.ToLower(key)+"="+strings.Join(v.Strings(), ","))
		}
	}})
	if err != nil && !errors.Is(err, awserr.AccessDenied) {
		f.Error(err)
	}
	slices.Sort(keys)
	return keys
}

// TestFederatedKeys checks the keys of who shows a token, and of the session that
// it is given: there the token's are fewer ("Available keys for AWS OIDC
// federation", IAM User Guide).
func TestFederatedKeys(t *testing.T) {
	f := newFederation(t)
	name := f.provider.Name()
	c := must(f.identify(f.deploy.ARN, "alice", map[string]any{"amr": []string{"pwd", "otp"}, "email": "alice@example.com", "azp": "app", "aud": "api"}))(t)
	got := f.keysOf(c)
	want := []string{"aws:federatedprovider=" + f.provider.ARN, name + ":amr=pwd,otp", name + ":aud=app", name + ":email=alice@example.com", name + ":oaud=api", name + ":sub=alice"}
	for _, key := range want {
		if !slices.Contains(got, strings.ToLower(key[:strings.IndexByte(key, '=')])+key[strings.IndexByte(key, '='):]) {
			t.Errorf("there is no %s in %v", key, got)
		}
	}
	for _, key := range got {
		if strings.HasPrefix(key, "aws:userid") || strings.HasPrefix(key, "aws:principal") || strings.HasPrefix(key, "aws:multi") {
			t.Errorf("somebody without an account has %s", key)
		}
	}

	_, c, err := f.authenticate(f.roleSession(func(s *session.Session) {
		s.WebIdentity = &session.WebIdentity{ProviderARN: f.provider.ARN, Subject: "alice", Audience: "app", Methods: []string{"pwd", "otp"}}
	}))
	if err != nil {
		t.Fatal(err)
	}
	got = f.keysOf(c)
	for _, key := range []string{"aws:federatedprovider=" + f.provider.ARN, name + ":amr=pwd,otp", name + ":aud=app", name + ":sub=alice", "aws:userid=" + f.role.ID + ":work"} {
		if !slices.Contains(got, key) {
			t.Errorf("there is no %s in the session's %v", key, got)
		}
	}
	for _, key := range got {
		if strings.Contains(key, ":oaud") || strings.Contains(key, ":email") || strings.HasPrefix(key, "aws:multi") {
			t.Errorf("the session has %s", key)
		}
	}
}

// TestFederatedFolders gives everybody whom a provider knows a folder of his own,
// by a variable that is a claim.
func TestFederatedFolders(t *testing.T) {
	f := newFederation(t)
	f.policy(directory.Entity{AccountID: account, Kind: directory.KindRole, Name: "Reader"}, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Action":"s3:GetObject","Resource":"arn:aws:s3:::my-company/home/${`+f.provider.Name()+`:sub}/*"}]}`)
	_, alice, err := f.authenticate(f.roleSession(func(s *session.Session) {
		s.WebIdentity = &session.WebIdentity{ProviderARN: f.provider.ARN, Subject: "alice", Audience: "app"}
	}))
	if err != nil {
		t.Fatal(err)
	}
	_, plain, err := f.authenticate(f.roleSession(nil))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{"home/alice/x": true, "home/bob/x": false, "home//x": false, "home/*/x": false} {
		n := access.Need{Action: "s3:GetObject", Resource: "arn:aws:s3:::my-company/" + key, Bucket: f.bucket}
		if err := f.authorize(alice, n); (err == nil) != want {
			t.Errorf("%s: %v", key, err)
		}
		if err := f.authorize(plain, n); err == nil {
			t.Errorf("%s: allowed to who has shown no token", key)
		}
	}
}

// TestIdentifyExpired checks that the clock is the request's.
func TestIdentifyExpired(t *testing.T) {
	f := newFederation(t)
	token := f.issuer.Token(f.issuer.Claims("repo:org/app:main", "app", now.Add(-2*time.Hour)))
	if _, err := f.access.Identify(t.Context(), access.WebIdentity{Token: token, RoleARN: f.deploy.ARN}, now); !errors.Is(err, oidc.ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	if _, err := f.access.Identify(t.Context(), access.WebIdentity{Token: token, RoleARN: f.deploy.ARN}, now.Add(-90*time.Minute)); err != nil {
		t.Error(err)
	}
}
