package access_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keywright/keywright/internal/access"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/oidc"
	"github.com/keywright/keywright/internal/proxy"
	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/internal/session"
	"github.com/keywright/keywright/internal/sigv4"
	"github.com/keywright/keywright/policy/acl"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

const (
	account = "123456789012"
	other   = "210987654321"
	region  = "us-east-1"
)

// client is where every request of the tests comes from.
var client = proxy.Client{Address: netip.MustParseAddr("10.1.2.3")}

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// world is an account with a user, a role and a bucket, and an Access over it.
type world struct {
	testing.TB
	directory *directory.Directory
	keyring   *secrets.Keyring
	access    *access.Access
	user      *directory.User
	role      *directory.Role
	bucket    *directory.Bucket
}

func newWorld(t testing.TB) *world {
	t.Helper()
	dir := t.TempDir()
	keyring := must(secrets.OpenFile(filepath.Join(dir, "key")))(t)
	d := must(directory.Open(t.Context(), directory.Options{Path: filepath.Join(dir, "directory.db"), Keyring: keyring}))(t)
	t.Cleanup(func() { d.Close() })
	w := &world{TB: t, directory: d, keyring: keyring, access: access.New(d, keyring, oidc.NewClient(oidc.Options{}), region)}
	for _, id := range []string{account, other} {
		must(d.CreateAccount(t.Context(), directory.Account{ID: id, Name: id}))(t)
	}
	w.user = must(d.CreateUser(t.Context(), directory.User{AccountID: account, Path: "/", Name: "David", Tags: []directory.Tag{{Key: "team", Value: "red"}}}))(t)
	w.role = must(d.CreateRole(t.Context(), directory.Role{AccountID: account, Path: "/", Name: "Reader", MaxSessionDuration: time.Hour,
		Tags: []directory.Tag{{Key: "team", Value: "blue"}, {Key: "site", Value: "x"}},
		TrustPolicy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + w.user.ARN + `"},"Action":"sts:AssumeRole",
			"Condition":{"StringEquals":{"sts:ExternalId":"secret-id"}}}]}`}))(t)
	w.bucket = must(d.CreateBucket(t.Context(), directory.Bucket{Name: "my-company", AccountID: account, Region: region}))(t)
	return w
}

func must[V any](v V, err error) func(testing.TB) V {
	return func(t testing.TB) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *world) policy(e directory.Entity, document string) {
	w.Helper()
	if err := w.directory.PutInlinePolicy(context.Background(), e, "p", document); err != nil {
		w.Fatal(err)
	}
}

func (w *world) davids() directory.Entity {
	return directory.Entity{AccountID: account, Kind: directory.KindUser, Name: "David"}
}

func (w *world) key(accountID, user string) sigv4.Signer {
	w.Helper()
	k, secret, err := w.directory.CreateAccessKey(context.Background(), accountID, user)
	if err != nil {
		w.Fatal(err)
	}
	return sigv4.Signer{AccessKeyID: k.ID, SecretAccessKey: secret, Region: region, Service: "s3"}
}

// temporary returns a signer with the credentials of a session that fill made.
func (w *world) temporary(kind session.Kind, fill func(*session.Session)) sigv4.Signer {
	w.Helper()
	s := session.New(kind, account, now.Add(-time.Minute), time.Hour)
	fill(s)
	token, err := session.Seal(w.keyring, s)
	if err != nil {
		w.Fatal(err)
	}
	return sigv4.Signer{AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey, SessionToken: token, Region: region, Service: "s3"}
}

func (w *world) roleSession(fill func(*session.Session)) sigv4.Signer {
	return w.temporary(session.AssumedRole, func(s *session.Session) {
		s.RoleID, s.SessionName = w.role.ID, "work"
		if fill != nil {
			fill(s)
		}
	})
}

// authenticate sends a request through the signer; the zero Signer is anonymous.
func (w *world) authenticate(signer sigv4.Signer) (*http.Request, *access.Caller, error) {
	w.Helper()
	r := httptest.NewRequest("GET", "http://127.0.0.1:9000/my-company/x", nil)
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	if signer.AccessKeyID != "" {
		empty := sha256.Sum256(nil)
		signer.Sign(r, hex.EncodeToString(empty[:]), now)
	}
	s, err := sigv4.Parse(r)
	if err != nil {
		w.Fatal(err)
	}
	c, _, err := w.access.Authenticate(r, s, now)
	return r, c, err
}

func (w *world) ask(signer sigv4.Signer, n access.Need) error {
	w.Helper()
	r, c, err := w.authenticate(signer)
	if err != nil {
		w.Fatal(err)
	}
	return w.access.Authorize(&access.Query{Context: context.Background(), HTTP: r, Client: client, Time: now, Caller: c, Need: n})
}

func (w *world) get(key string) access.Need {
	return access.Need{Action: "s3:GetObject", Resource: "arn:aws:s3:::my-company/" + key, Bucket: w.bucket}
}

func allow(action, resource, condition string) string {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"` + condition + `}]}`
}

func TestAuthenticate(t *testing.T) {
	w := newWorld(t)
	david, root := w.key(account, "David"), w.key(account, "")
	inactive := w.key(account, "David")
	if err := w.directory.UpdateAccessKey(t.Context(), account, "David", inactive.AccessKeyID, false); err != nil {
		t.Fatal(err)
	}
	wrong, unknown, withToken := david, david, david
	wrong.SecretAccessKey += "x"
	unknown.AccessKeyID = "AKIAAAAAAAAAAAAAAAAA"
	withToken.SessionToken = "not-a-token"
	swapped, stolen := w.roleSession(nil), w.roleSession(nil)
	swapped.SessionToken = stolen.SessionToken
	over := w.temporary(session.AssumedRole, func(s *session.Session) {
		s.RoleID, s.SessionName, s.Expires = w.role.ID, "work", now
	})
	gone := w.roleSession(func(s *session.Session) { s.RoleID = "AROAAAAAAAAAAAAAAAAAA" })
	noSecret := over
	noSecret.SecretAccessKey = "guess"

	for _, c := range []struct {
		name   string
		signer sigv4.Signer
		arn    string // of the caller
		userID string
		want   error
	}{
		{"anonymous", sigv4.Signer{}, "", "anonymous", nil},
		{"user", david, w.user.ARN, w.user.ID, nil},
		{"root", root, "arn:aws:iam::" + account + ":root", account, nil},
		{"role session", w.roleSession(nil), "arn:aws:sts::" + account + ":assumed-role/Reader/work", w.role.ID + ":work", nil},
		{"session token of a user", w.temporary(session.SessionToken, func(s *session.Session) { s.UserID = w.user.ID }), w.user.ARN, w.user.ID, nil},
		{"session token of root", w.temporary(session.SessionToken, func(*session.Session) {}), "arn:aws:iam::" + account + ":root", account, nil},
		{"federated user", w.temporary(session.FederatedUser, func(s *session.Session) { s.UserID, s.SessionName = w.user.ID, "guest" }),
			"arn:aws:sts::" + account + ":federated-user/guest", account + ":guest", nil},
		{"inactive key", inactive, "", "", awserr.InvalidAccessKeyID},
		{"unknown key", unknown, "", "", awserr.InvalidAccessKeyID},
		{"wrong secret", wrong, "", "", awserr.SignatureDoesNotMatch},
		{"long-term key with a token", withToken, "", "", awserr.InvalidToken},
		{"another session's token", swapped, "", "", awserr.InvalidToken},
		{"expired session", over, "", "", awserr.ExpiredToken},
		{"expired session without its secret", noSecret, "", "", awserr.SignatureDoesNotMatch},
		{"session of a role that is gone", gone, "", "", awserr.InvalidToken},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, caller, err := w.authenticate(c.signer)
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err == nil && (caller.ARN != c.arn || caller.UserID != c.userID) {
				t.Errorf("caller %q, user id %q; want %q, %q", caller.ARN, caller.UserID, c.arn, c.userID)
			}
		})
	}
}

// TestRevocation holds that what is taken away is gone for the next request.
func TestRevocation(t *testing.T) {
	w := newWorld(t)
	w.policy(w.davids(), allow("s3:GetObject", "arn:aws:s3:::my-company/*", ""))
	key := w.key(account, "David")
	if err := w.ask(key, w.get("x")); err != nil {
		t.Fatal(err)
	}
	if err := w.directory.DeleteInlinePolicy(t.Context(), w.davids(), "p"); err != nil {
		t.Fatal(err)
	}
	if err := w.ask(key, w.get("x")); !errors.Is(err, awserr.AccessDenied) {
		t.Errorf("after the policy was deleted: %v", err)
	}
	if err := w.directory.DeleteAccessKey(t.Context(), account, "David", key.AccessKeyID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.authenticate(key); !errors.Is(err, awserr.InvalidAccessKeyID) {
		t.Errorf("after the key was deleted: %v", err)
	}
}

func TestDenialMessages(t *testing.T) {
	w := newWorld(t)
	david := w.key(account, "David")
	foreign := must(w.directory.CreateUser(t.Context(), directory.User{AccountID: other, Path: "/", Name: "Eve"}))(t)
	eve := w.key(other, "Eve")
	denied := allow("s3:*", "*", "")
	denied = strings.TrimSuffix(denied, "]}") + `,{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::my-company/secret"}]}`
	assume := access.Need{Action: "sts:AssumeRole", Resource: w.role.ARN, Role: w.role}

	for _, c := range []struct {
		name   string
		policy string // of David
		signer sigv4.Signer
		need   access.Need
		want   string
	}{
		{"no policy", "", david, w.get("x"), `User: ` + w.user.ARN + ` is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::my-company/x" because no identity-based policy allows the s3:GetObject action`},
		{"explicit deny", denied, david, w.get("secret"), `User: ` + w.user.ARN + ` is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::my-company/secret" with an explicit deny in an identity-based policy`},
		{"no resource", "", david, access.Need{Action: "s3:ListAllMyBuckets", Resource: "arn:aws:s3:::*"}, `User: ` + w.user.ARN + ` is not authorized to perform: s3:ListAllMyBuckets because no identity-based policy allows the s3:ListAllMyBuckets action`},
		{"a list of a path", "", david, access.Need{Action: "iam:ListUsers", Resource: "*", Shown: "arn:aws:iam::123456789012:user/eng/"}, `User: ` + w.user.ARN + ` is not authorized to perform: iam:ListUsers on resource: arn:aws:iam::123456789012:user/eng/ because no identity-based policy allows the iam:ListUsers action`},
		{"IAM leaves the quotes out", "", david, access.Need{Action: "iam:GetUser", Resource: w.user.ARN}, `User: ` + w.user.ARN + ` is not authorized to perform: iam:GetUser on resource: ` + w.user.ARN + ` because no identity-based policy allows the iam:GetUser action`},
		{"another account learns nothing", "", eve, w.get("x"), "Access Denied"},
		{"nor does an anonymous caller", "", sigv4.Signer{}, w.get("x"), "Access Denied"},
		{"role without the external id", allow("sts:AssumeRole", "*", ""), david, assume, `User: ` + w.user.ARN + ` is not authorized to perform: sts:AssumeRole on resource: ` + w.role.ARN},
		{"role that does not exist", allow("s3:*", "*", ""), david, access.Need{Action: "sts:AssumeRole", Resource: w.role.ARN + "2"}, `User: ` + w.user.ARN + ` is not authorized to perform: sts:AssumeRole on resource: ` + w.role.ARN + "2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.policy != "" {
				w.policy(w.davids(), c.policy)
				defer w.directory.DeleteInlinePolicy(context.Background(), w.davids(), "p")
			}
			err := w.ask(c.signer, c.need)
			var e *awserr.Error
			if !errors.As(err, &e) || e.Code != "AccessDenied" {
				t.Fatalf("got %v", err)
			}
			if !strings.HasPrefix(e.Message, c.want) {
				t.Errorf("message\n %s\nwant\n %s", e.Message, c.want)
			}
		})
	}
	_ = foreign
}

// TestUnknownRole asks for a role that does not exist and for one that trusts
// somebody else: nothing but the name may tell the answers apart.
func TestUnknownRole(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ name, policy, account string }{
		{"allowed to assume any", allow("sts:*", "*", ""), account},
		{"allowed nothing", allow("s3:*", "*", ""), account},
		{"of another account", allow("sts:*", "*", ""), other},
		{"of another account, allowed nothing", allow("s3:*", "*", ""), other},
	} {
		t.Run(c.name, func(t *testing.T) {
			user := must(w.directory.CreateUser(t.Context(), directory.User{AccountID: c.account, Path: "/", Name: "Eve"}))(t)
			eve := directory.Entity{AccountID: c.account, Kind: directory.KindUser, Name: user.Name}
			w.policy(eve, c.policy)
			key := w.key(c.account, user.Name)
			for _, action := range []string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"} {
				known := w.ask(key, access.Need{Action: action, Resource: w.role.ARN, Role: w.role})
				unknown := w.ask(key, access.Need{Action: action, Resource: strings.Replace(w.role.ARN, "Reader", "Nobody", 1)})
				if known == nil || unknown == nil {
					t.Fatalf("%s: allowed: %v, %v", action, known, unknown)
				}
				if got, want := strings.Replace(unknown.Error(), "Nobody", "Reader", 1), known.Error(); got != want {
					t.Errorf("%s: the unknown role is told by\n %s\nand not\n %s", action, got, want)
				}
			}
			if err := w.directory.DeleteInlinePolicy(t.Context(), eve, "p"); err != nil {
				t.Fatal(err)
			}
			if err := w.directory.DeleteAccessKey(t.Context(), c.account, user.Name, key.AccessKeyID); err != nil {
				t.Fatal(err)
			}
			if err := w.directory.DeleteUser(t.Context(), c.account, user.Name); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestContext asks for one key at a time with a policy that demands its value.
func TestContext(t *testing.T) {
	w := newWorld(t)
	w.policy(directory.Entity{AccountID: account, Kind: directory.KindRole, Name: "Reader"}, allow("s3:GetObject", "*", ""))
	david := w.key(account, "David")
	role := w.roleSession(func(s *session.Session) {
		s.SourceIdentity, s.Tags = "Ann", []session.Tag{{Key: "TEAM", Value: "green"}}
	})
	token := w.temporary(session.SessionToken, func(s *session.Session) { s.UserID = w.user.ID })
	proved := w.temporary(session.SessionToken, func(s *session.Session) { s.UserID, s.MultiFactorAuth = w.user.ID, s.Issued })
	for _, c := range []struct {
		signer    sigv4.Signer
		condition string
		allowed   bool
	}{
		{david, `{"IpAddress":{"aws:SourceIp":"10.1.2.3"}}`, true},
		{david, `{"IpAddress":{"aws:SourceIp":"192.0.2.1"}}`, false}, // what a header claims
		{david, `{"Bool":{"aws:SecureTransport":"false"}}`, true},
		{david, `{"StringEquals":{"aws:username":"David"}}`, true},
		{david, `{"StringEquals":{"aws:userid":"` + w.user.ID + `"}}`, true},
		{david, `{"StringEquals":{"aws:PrincipalType":"User"}}`, true},
		{david, `{"ArnEquals":{"aws:PrincipalArn":"` + w.user.ARN + `"}}`, true},
		{david, `{"StringEquals":{"aws:PrincipalTag/Team":"red"}}`, true},
		{david, `{"StringEquals":{"aws:ResourceAccount":"` + account + `","aws:PrincipalAccount":"` + account + `"}}`, true},
		{david, `{"StringEquals":{"aws:RequestedRegion":"` + region + `"}}`, true},
		{david, `{"DateEquals":{"aws:CurrentTime":"2026-11-23T12:00:00Z"}}`, true},
		{david, `{"NumericEquals":{"aws:EpochTime":"1795435200"}}`, true},
		{david, `{"Null":{"aws:TokenIssueTime":"true"}}`, true},
		{david, `{"Null":{"aws:MultiFactorAuthPresent":"true"}}`, true},
		{role, `{"Null":{"aws:username":"true"}}`, true},
		{role, `{"ArnEquals":{"aws:PrincipalArn":"` + w.role.ARN + `"}}`, true},
		{role, `{"StringEquals":{"aws:userid":"` + w.role.ID + `:work"}}`, true},
		{role, `{"StringEquals":{"aws:PrincipalType":"AssumedRole"}}`, true},
		{role, `{"StringEquals":{"aws:PrincipalTag/team":"green","aws:PrincipalTag/site":"x"}}`, true}, // the session's own tag wins
		{role, `{"StringEquals":{"aws:SourceIdentity":"Ann"}}`, true},
		{role, `{"Bool":{"aws:MultiFactorAuthPresent":"false"}}`, true},
		{role, `{"Null":{"aws:MultiFactorAuthAge":"true"}}`, true},
		{token, `{"Bool":{"aws:MultiFactorAuthPresent":"false"}}`, true},
		{token, `{"Null":{"aws:MultiFactorAuthAge":"true"}}`, true},
		{proved, `{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`, true},
		{proved, `{"NumericEquals":{"aws:MultiFactorAuthAge":"60"}}`, true},
		{role, `{"Null":{"aws:TokenIssueTime":"false"}}`, true},
	} {
		t.Run(c.condition, func(t *testing.T) {
			entity := w.davids()
			if c.signer == role {
				entity = directory.Entity{AccountID: account, Kind: directory.KindRole, Name: "Reader"}
			}
			w.policy(entity, allow("s3:GetObject", "*", c.condition))
			if err := w.ask(c.signer, w.get("x")); (err == nil) != c.allowed {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestNarrowedSessions holds that a session never has more than its policies.
func TestNarrowedSessions(t *testing.T) {
	w := newWorld(t)
	w.policy(directory.Entity{AccountID: account, Kind: directory.KindRole, Name: "Reader"}, allow("s3:GetObject", "*", ""))
	w.policy(w.davids(), allow("*", "*", ""))
	only := func(key string) func(*session.Session) {
		return func(s *session.Session) { s.Policy = allow("s3:*", "arn:aws:s3:::my-company/"+key, "") }
	}
	put := access.Need{Action: "s3:PutObject", Resource: "arn:aws:s3:::my-company/x", Bucket: w.bucket}
	federated := func(fill func(*session.Session)) sigv4.Signer {
		return w.temporary(session.FederatedUser, func(s *session.Session) {
			s.UserID, s.SessionName = w.user.ID, "guest"
			if fill != nil {
				fill(s)
			}
		})
	}
	ofUser := w.temporary(session.SessionToken, func(s *session.Session) { s.UserID = w.user.ID })
	tagged := must(w.directory.CreateRole(t.Context(), directory.Role{AccountID: account, Path: "/", Name: "Tagged", MaxSessionDuration: time.Hour,
		TrustPolicy: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + w.user.ARN + `"},
			"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}}`}))(t)
	assume := func(action string) access.Need {
		return access.Need{Action: action, Resource: tagged.ARN, Role: tagged}
	}
	managed := func(arns ...string) func(*session.Session) {
		return func(s *session.Session) { s.PolicyARNs = arns }
	}
	for _, c := range []struct {
		name    string
		signer  sigv4.Signer
		need    access.Need
		allowed bool
	}{
		{"role", w.roleSession(nil), w.get("x"), true},
		{"role, narrowed to it", w.roleSession(only("x")), w.get("x"), true},
		{"role, narrowed to another", w.roleSession(only("y")), w.get("x"), false},
		{"role, session policy grants more", w.roleSession(only("x")), put, false},
		{"role, managed session policy", w.roleSession(managed("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")), w.get("x"), true},
		{"role, managed session policy that is gone", w.roleSession(managed("arn:aws:iam::" + account + ":policy/gone")), w.get("x"), false},
		{"federated user without policies", federated(nil), w.get("x"), false},
		{"federated user with one", federated(only("x")), put, true},
		{"session token", ofUser, put, true},
		{"session token, to assume a role", ofUser, assume("sts:AssumeRole"), true},
		{"session token, to tag the session of a role", ofUser, assume("sts:TagSession"), true},
		{"session token, to name the source of a role's session", ofUser, assume("sts:SetSourceIdentity"), true},
		{"session token, to make another", ofUser, access.Need{Action: "sts:GetSessionToken", Resource: "*"}, false},
		{"federated user, to tag the session of a role", federated(only("x")), assume("sts:TagSession"), false},
		{"session token at IAM", ofUser, access.Need{Action: "iam:GetUser", Resource: w.user.ARN}, false},
		{"federated user at STS", federated(only("x")), assume("sts:AssumeRole"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := w.ask(c.signer, c.need); (err == nil) != c.allowed {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOwnerIsGrantedUnlessDenied(t *testing.T) {
	w := newWorld(t)
	key := w.key(account, "David")
	need := access.Need{Action: "s3:AbortMultipartUpload", Resource: "arn:aws:s3:::my-company/x", Bucket: w.bucket, Owner: w.user.ID}
	if err := w.ask(key, need); err != nil {
		t.Errorf("the initiator: %v", err)
	}
	need.Owner += "2"
	if err := w.ask(key, need); !errors.Is(err, awserr.AccessDenied) {
		t.Errorf("another: %v", err)
	}
	need.Owner = w.user.ID
	w.policy(w.davids(), strings.Replace(allow("s3:Abort*", "*", ""), "Allow", "Deny", 1))
	if err := w.ask(key, need); !errors.Is(err, awserr.AccessDenied) {
		t.Errorf("the initiator, denied: %v", err)
	}
	need.Owner = ""
	if err := w.ask(sigv4.Signer{}, need); !errors.Is(err, awserr.AccessDenied) {
		t.Errorf("an anonymous caller where there is no owner: %v", err)
	}
}

// TestAccountOfResource checks that no identity reaches the policies of another
// account, and that those of AWS are everybody's.
func TestAccountOfResource(t *testing.T) {
	w := newWorld(t)
	w.policy(w.davids(), `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}`)
	for name, signer := range map[string]sigv4.Signer{"root": w.key(account, ""), "user": w.key(account, "David")} {
		for arn, allowed := range map[string]bool{
			"arn:aws:iam::" + account + ":policy/mine":           true,
			"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess":     true,
			"arn:aws:iam::" + other + ":policy/theirs":           false,
			"arn:aws:iam::" + other + ":user/David":              false,
			"arn:aws:iam::" + account + "0:policy/of-no-account": false,
		} {
			err := w.ask(signer, access.Need{Action: "iam:GetPolicy", Resource: arn})
			if (err == nil) != allowed {
				t.Errorf("%s, %s: %v", name, arn, err)
			}
		}
	}
}

// TestFederatedTags checks that a federated user has the tags of the user who
// made his session, and those of the session before them.
func TestFederatedTags(t *testing.T) {
	w := newWorld(t)
	w.policy(w.davids(), `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"red"}}}]}`)
	federated := func(tags ...session.Tag) sigv4.Signer {
		return w.temporary(session.FederatedUser, func(s *session.Session) {
			s.UserID, s.SessionName, s.Tags = w.user.ID, "guest", tags
			s.Policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
		})
	}
	if err := w.ask(federated(), w.get("x")); err != nil {
		t.Errorf("the user's tag: %v", err)
	}
	if err := w.ask(federated(session.Tag{Key: "Team", Value: "blue"}), w.get("x")); err == nil {
		t.Error("the session's tag does not override the user's")
	}
}

// A query that is asked again knows nothing of the need before.
func TestQueryAgain(t *testing.T) {
	w := newWorld(t)
	w.policy(w.davids(), `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"s3:prefix":"a","aws:username":"David"}}},
		{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:UserAgent":"forged"}}}]}`)
	r, c, err := w.authenticate(w.key(account, "David"))
	if err != nil {
		t.Fatal(err)
	}
	set := func(key, value string) func(*condition.Context) {
		return func(c *condition.Context) { c.SetString(key, value) }
	}
	assume := access.Need{Action: "sts:AssumeRole", Resource: w.role.ARN, Role: w.role, Context: set("sts:ExternalId", "secret-id")}
	q := access.Query{Context: t.Context(), HTTP: r, Client: client, Time: now, Caller: c}
	for i, n := range []struct {
		context func(*condition.Context)
		allowed bool
	}{
		{nil, false}, {set("s3:prefix", "a"), true}, {nil, false}, {set("S3:Prefix", "a"), true},
		{set("aws:username", "Adele"), false}, {set("aws:UserAgent", "forged"), false}, {set("s3:prefix", "a"), true},
		{func(c *condition.Context) { c.SetString("s3:prefix", "a"); c.Delete("aws:username") }, false}, {set("s3:prefix", "a"), true},
	} {
		q.Need = w.get("x")
		q.Need.Context = n.context
		if err := w.access.Authorize(&q); (err == nil) != n.allowed {
			t.Errorf("need %d: %v", i, err)
		}
		// The role's trust policy is that of this need alone.
		q.Need = assume
		if err := w.access.Authorize(&q); err != nil {
			t.Errorf("the role after need %d: %v", i, err)
		}
	}
}

// TestUnboundNeed holds that a need without the bucket, role or key whose policy
// takes part is never decided, even for root.
func TestUnboundNeed(t *testing.T) {
	w := newWorld(t)
	root := w.key(account, "")
	elsewhere := *w.bucket
	elsewhere.Name = "my"
	withACLs := *w.bucket
	withACLs.Ownership = directory.ObjectWriter
	withoutACL := withACLs
	withoutACL.ACL = nil
	for _, n := range []access.Need{
		{Action: "s3:GetObject", Resource: "arn:aws:s3:::my-company/x"},
		{Action: "s3:ListBucket", Resource: "arn:aws:s3:::my-company"},
		{Action: "s3:GetObject", Resource: "arn:aws:s3:::my-company/x", Bucket: &elsewhere},
		{Action: "s3:GetObject", Resource: "*", Bucket: w.bucket},
		{Action: "s3:GetObject", Resource: "arn:aws:s3:::my-company/x", Bucket: &withACLs},
		{Action: "s3:ListBucket", Resource: "arn:aws:s3:::my-company", Bucket: &withoutACL},
		{Action: "sts:AssumeRole", Resource: w.role.ARN + "x", Role: w.role},
		{Action: "kms:Decrypt", Resource: "arn:aws:kms:eu-central-1:" + account + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"},
		{Action: "kms:Decrypt", Resource: "*", Key: &directory.KMSKey{ARN: "arn:aws:kms:eu-central-1:" + account + ":key/1"}},
	} {
		if err := w.ask(root, n); !errors.Is(err, awserr.InternalError) {
			t.Errorf("%s on %s: %v", n.Action, n.Resource, err)
		}
	}
	for _, n := range []access.Need{
		{Action: "s3:CreateBucket", Resource: "arn:aws:s3:::new-bucket"},
		{Action: "s3:ListAllMyBuckets", Resource: "*"},
		{Action: "s3:GetObject", Resource: "arn:aws:s3:::my-company/x", Bucket: &withACLs, NoObject: true},
		{Action: "s3:DeleteObject", Resource: "arn:aws:s3:::my-company/x", Bucket: &withACLs},
	} {
		if err := w.ask(root, n); err != nil {
			t.Errorf("%s: %v", n.Action, err)
		}
	}
}

// TestPublicAccess asks, as another account's root, for what a public ACL and a
// public policy let everyone have, under the settings of Block Public Access of the
// bucket and of its account.
func TestPublicAccess(t *testing.T) {
	w := newWorld(t)
	stranger := w.key(other, "")
	none := &directory.PublicAccessBlock{}
	ignore, restrict := &directory.PublicAccessBlock{IgnorePublicAcls: true}, &directory.PublicAccessBlock{RestrictPublicBuckets: true}
	public := []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:ListBucket","Resource":"arn:aws:s3:::my-company"}}`)
	if err := errors.Join(
		w.directory.SetPublicAccessBlock(t.Context(), w.bucket.ID, nil),
		w.directory.SetBucketOwnership(t.Context(), w.bucket.ID, directory.ObjectWriter),
		w.directory.SetBucketPolicy(t.Context(), w.bucket.ID, public, nil),
	); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		bucket, account *directory.PublicAccessBlock
		acl, policy     bool // whether each lets the stranger in
	}{
		{nil, nil, true, true},
		{none, none, true, true},
		{ignore, nil, false, true},
		{nil, ignore, false, true},
		{none, restrict, false, false}, // the policy is public, and keeps out whom the ACL lets in
		{restrict, none, false, false},
		{ignore, restrict, false, false},
	} {
		if err := errors.Join(
			w.directory.SetPublicAccessBlock(t.Context(), w.bucket.ID, c.bucket),
			w.directory.SetAccountPublicAccessBlock(t.Context(), account, c.account),
		); err != nil {
			t.Fatal(err)
		}
		b, _ := w.directory.Bucket(w.bucket.Name)
		get, list := w.get("x"), access.Need{Action: "s3:ListBucket", Resource: "arn:aws:s3:::my-company", Bucket: b}
		get.Bucket = b
		get.Object = &acl.List{Owner: b.ACL.Owner, Grants: []acl.Grant{{Grantee: acl.AllUsers, Permission: acl.Read}}}
		for _, ask := range []struct {
			need access.Need
			want bool
		}{{get, c.acl}, {list, c.policy}} {
			if err := w.ask(stranger, ask.need); (err == nil) != ask.want {
				t.Errorf("bucket %+v, account %+v, %s: %v", c.bucket, c.account, ask.need.Action, err)
			}
		}
	}
}

func TestExternalID(t *testing.T) {
	w := newWorld(t)
	key := w.key(account, "David")
	ask := func(set func(*condition.Context)) error {
		return w.ask(key, access.Need{Action: "sts:AssumeRole", Resource: w.role.ARN, Role: w.role, Context: set})
	}
	if err := ask(func(c *condition.Context) { c.SetString("sts:ExternalId", "secret-id") }); err != nil {
		t.Errorf("the right id: %v", err)
	}
	if err := ask(func(c *condition.Context) { c.SetString("sts:ExternalId", "secret") }); err == nil {
		t.Error("a wrong id was accepted")
	}
	if err := ask(nil); err == nil {
		t.Error("no id was accepted")
	}
}

func TestCallerShows(t *testing.T) {
	w := newWorld(t)
	_, c, err := w.authenticate(w.roleSession(nil))
	if err != nil {
		t.Fatal(err)
	}
	if c.Type != eval.AssumedRole || c.Anonymous() || c.Root() || c.DisplayName() != "work" || c.CanonicalID == "" {
		t.Errorf("caller %+v, display name %q", c, c.DisplayName())
	}
}

// TestSecondFactor lets a user's session call IAM only when he has proved a second
// factor ("Secure API access with MFA", IAM User Guide).
func TestSecondFactor(t *testing.T) {
	w := newWorld(t)
	w.policy(w.davids(), allow("*", "*", ""))
	list := access.Need{Action: "iam:ListUsers", Resource: "*"}
	made := func(kind session.Kind, proved bool) sigv4.Signer {
		return w.temporary(kind, func(s *session.Session) {
			s.UserID, s.SessionName = w.user.ID, "f"
			if kind == session.FederatedUser {
				s.Policy = allow("*", "*", "")
			}
			if proved {
				s.MultiFactorAuth = s.Issued
			}
		})
	}
	for _, c := range []struct {
		name    string
		signer  sigv4.Signer
		allowed bool
	}{
		{"without", made(session.SessionToken, false), false},
		{"with", made(session.SessionToken, true), true},
		{"a federated user, who cannot have one", made(session.FederatedUser, true), false},
	} {
		if err := w.ask(c.signer, list); (err == nil) != c.allowed {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if err := w.ask(made(session.SessionToken, true), access.Need{Action: "sts:GetFederationToken", Resource: "*"}); err == nil {
		t.Error("a second factor opens more of STS")
	}
}

// TestFederatedByRoot has a user for whom root vouches do what his session policy
// says, and nothing without one ("GetFederationToken", AWS STS API Reference).
func TestFederatedByRoot(t *testing.T) {
	w := newWorld(t)
	made := func(policy string) sigv4.Signer {
		return w.temporary(session.FederatedUser, func(s *session.Session) { s.SessionName, s.Policy = "guest", policy })
	}
	reads := made(allow("s3:GetObject", "*", ""))
	_, c, err := w.authenticate(reads)
	if err != nil || c.ARN != "arn:aws:sts::"+account+":federated-user/guest" || c.UserID != account+":guest" || c.Root() || c.UserName != "" {
		t.Errorf("he is %+v, %v", c, err)
	}
	put := access.Need{Action: "s3:PutObject", Resource: "arn:aws:s3:::my-company/x", Bucket: w.bucket}
	for name, asked := range map[string]struct {
		signer  sigv4.Signer
		need    access.Need
		allowed bool
	}{
		"what the policy allows":          {reads, w.get("x"), true},
		"what it does not":                {reads, put, false},
		"without a policy":                {made(""), w.get("x"), false},
		"IAM, whatever the policy allows": {made(allow("*", "*", "")), access.Need{Action: "iam:ListUsers", Resource: "*"}, false},
	} {
		if err := w.ask(asked.signer, asked.need); (err == nil) != asked.allowed {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Root alone unlocks a bucket.
	if err := w.directory.SetBucketPolicy(t.Context(), w.bucket.ID, []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::my-company"}]}`), nil); err != nil {
		t.Fatal(err)
	}
	w.bucket, _ = w.directory.Bucket("my-company")
	unlock := access.Need{Action: "s3:DeleteBucketPolicy", Resource: "arn:aws:s3:::my-company", Bucket: w.bucket}
	if err := w.ask(made(allow("s3:*", "*", "")), unlock); err == nil {
		t.Error("who is not root unlocks the bucket")
	}
	if err := w.ask(w.key(account, ""), unlock); err != nil {
		t.Errorf("root does not unlock the bucket: %v", err)
	}
}
