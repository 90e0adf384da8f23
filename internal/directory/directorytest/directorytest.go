// Package directorytest knows what a directory promises, whatever database is
// below it: Run checks every method and error, quotas and names, that
// snapshots stay as they were, that what is read back after a reopening is what
// was there before, and, against a model, that all of it holds together.
//
// It does not know any database: how one fails and recovers is for the tests of
// its driver.
package directorytest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/policy/eval"
)

// Store is a database that holds one directory, closed or open.
type Store interface {
	// Open opens the directory. The store fills in where it is.
	Open(context.Context, directory.Options) (*directory.Directory, error)

	// Bytes returns everything that is stored, in whatever form.
	Bytes() ([]byte, error)
}

// Run checks the directories of the stores that newStore makes, each empty.
func Run(t *testing.T, newStore func(testing.TB) Store) {
	tests := []struct {
		name string
		test func(*fixture)
	}{
		{"Accounts", testAccounts},
		{"AccountAliases", testAccountAliases},
		{"PasswordPolicies", testPasswordPolicies},
		{"TokenVersions", testTokenVersions},
		{"LoginProfiles", testLoginProfiles},
		{"PasswordRules", testPasswordRules},
		{"PasswordReuse", testPasswordReuse},
		{"PasswordsHidden", testPasswordsHidden},
		{"PasswordRaces", testPasswordRaces},
		{"MFADevices", testMFADevices},
		{"MFACodes", testMFACodes},
		{"Users", testUsers},
		{"Groups", testGroups},
		{"Memberships", testMemberships},
		{"Roles", testRoles},
		{"TrustBinding", testTrustBinding},
		{"ServiceLinkedRoles", testServiceLinkedRoles},
		{"Names", testNames},
		{"Tags", testTags},
		{"Deletion", testDeletion},
		{"InstanceProfiles", testInstanceProfiles},
		{"OpenIDConnectProviders", testOpenIDConnectProviders},
		{"Policies", testPolicies},
		{"PolicyVersions", testPolicyVersions},
		{"AWSPolicies", testAWSPolicies},
		{"Attachments", testAttachments},
		{"InlinePolicies", testInlinePolicies},
		{"Boundaries", testBoundaries},
		{"PolicySets", testPolicySets},
		{"Documents", testDocuments},
		{"AccessKeys", testAccessKeys},
		{"ImportedKeys", testImportedKeys},
		{"Redaction", testRedaction},
		{"SecretsSealed", testSecretsSealed},
		{"Uses", testUses},
		{"Buckets", testBuckets},
		{"AccessControl", testAccessControl},
		{"LegacyBuckets", testLegacyBuckets},
		{"BucketPolicies", testBucketPolicies},
		{"Principals", testPrincipals},
		{"KMSKeys", testKMSKeys},
		{"KMSAliases", testKMSAliases},
		{"KMSDeletion", testKMSDeletion},
		{"KMSRotation", testKMSRotation},
		{"Quotas", testQuotas},
		{"Snapshots", testSnapshots},
		{"Closed", testClosed},
		{"WrongKeyring", testWrongKeyring},
		{"Concurrency", testConcurrency},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.test(newFixture(t, newStore(t))) })
	}
	t.Run("Model", func(t *testing.T) { testModel(t, newStore) })
}

// fixture is an open directory with one account.
type fixture struct {
	*testing.T
	ctx     context.Context
	store   Store
	options directory.Options
	now     time.Time // what the directory's clock shows
	d       *directory.Directory
	account string
}

const (
	firstAccount  = "111111111111"
	secondAccount = "222222222222"

	allowAll  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	allowRead = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]}`
	trustAll  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"sts:AssumeRole"}]}`

	administratorAccess = "arn:aws:iam::aws:policy/AdministratorAccess"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func newKeyring(t testing.TB) *secrets.Keyring {
	text, err := secrets.Generate()
	if err != nil {
		t.Fatal(err)
	}
	k, err := secrets.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newFixture(t *testing.T, s Store) *fixture {
	f := &fixture{T: t, ctx: t.Context(), store: s, account: firstAccount, now: time.Date(2030, 1, 2, 3, 4, 5, 678, time.UTC)}
	f.options = directory.Options{Keyring: newKeyring(t), Now: func() time.Time { return f.now }, Logger: quiet, PasswordCost: cheapPasswords}
	f.open()
	f.ok(f.createAccount(firstAccount))
	t.Cleanup(func() { f.ok(f.d.Close()) })
	return f
}

func (f *fixture) createAccount(id string) error {
	_, err := f.d.CreateAccount(f.ctx, directory.Account{ID: id, Name: "account"})
	return err
}

func (f *fixture) open() {
	f.Helper()
	var err error
	if f.d, err = f.store.Open(f.ctx, f.options); err != nil {
		f.Fatal(err)
	}
}

// reopen closes and opens the directory, and checks that nothing changed.
func (f *fixture) reopen() {
	f.Helper()
	before := dump(f.d)
	f.ok(f.d.Close())
	f.open()
	if diff := cmp.Diff(before, dump(f.d)); diff != "" {
		f.Fatalf("reopening changed the directory (-before +after):\n%s", diff)
	}
}

func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// must returns what a call returned, which must not have failed.
func must[V any](f *fixture) func(V, error) V {
	return func(v V, err error) V {
		f.Helper()
		f.ok(err)
		return v
	}
}

// found returns what a read found, which must be there.
func found[V any](f *fixture) func(V, bool) V {
	return func(v V, ok bool) V {
		f.Helper()
		if !ok {
			f.Fatalf("%T not found", v)
		}
		return v
	}
}

func (f *fixture) equal(what string, got, want any) {
	f.Helper()
	if diff := cmp.Diff(want, got, cmp.Comparer(samePolicy)); diff != "" {
		f.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// fails checks that a call failed as it should, and changed nothing.
func (f *fixture) fails(what string, call func() error, want error) {
	f.Helper()
	before := dump(f.d)
	if err := call(); !sameError(err, want) {
		f.Errorf("%s: got error %T %v, want %T %v", what, err, err, want, want)
	}
	if diff := cmp.Diff(before, dump(f.d)); diff != "" {
		f.Errorf("%s failed and yet changed the directory:\n%s", what, diff)
	}
}

// sameError reports whether err is, or wraps, an error equal to want. Of an
// InvalidError only the field counts, of a DocumentError the name.
func sameError(err, want error) bool {
	if want == nil || err == nil || reflect.TypeOf(want).Elem().Name() == "errorString" {
		return errors.Is(err, want)
	}
	target := reflect.New(reflect.TypeOf(want))
	if !errors.As(err, target.Interface()) {
		return false
	}
	got := target.Elem().Interface()
	switch want := want.(type) {
	case *directory.InvalidError:
		return got.(*directory.InvalidError).Field == want.Field
	case *directory.DocumentError:
		return got.(*directory.DocumentError).Name == want.Name
	}
	return reflect.DeepEqual(got, want)
}

func samePolicy(a, b *eval.Policy) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Name() == b.Name() && a.Type() == b.Type() && string(a.Document().Bytes()) == string(b.Document().Bytes())
}

func (f *fixture) user(name string) *directory.User {
	f.Helper()
	return must[*directory.User](f)(f.d.CreateUser(f.ctx, directory.User{AccountID: f.account, Name: name}))
}

func (f *fixture) group(name string) *directory.Group {
	f.Helper()
	return must[*directory.Group](f)(f.d.CreateGroup(f.ctx, directory.Group{AccountID: f.account, Name: name}))
}

func (f *fixture) role(name string) *directory.Role {
	f.Helper()
	return must[*directory.Role](f)(f.d.CreateRole(f.ctx, directory.Role{AccountID: f.account, Name: name, TrustPolicy: trustAll}))
}

func (f *fixture) policy(name string) *directory.ManagedPolicy {
	f.Helper()
	return must[*directory.ManagedPolicy](f)(f.d.CreatePolicy(f.ctx, directory.ManagedPolicy{AccountID: f.account, Name: name}, allowRead))
}

func (f *fixture) bucket(name string) *directory.Bucket {
	f.Helper()
	return must[*directory.Bucket](f)(f.d.CreateBucket(f.ctx, directory.Bucket{AccountID: f.account, Name: name}))
}

func (f *fixture) entity(kind directory.EntityKind, name string) directory.Entity {
	return directory.Entity{AccountID: f.account, Kind: kind, Name: name}
}
