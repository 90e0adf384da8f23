package directory_test

import (
	"bufio"
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/policy/eval"
)

const (
	account  = "111111111111"
	allowAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	trustAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"sts:AssumeRole"}]}`
	toAll    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"s3:*","Resource":"*"}]}`

	administratorAccess = "arn:aws:iam::aws:policy/AdministratorAccess"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func newKeyring(t testing.TB) *secrets.Keyring {
	t.Helper()
	k, err := secrets.OpenFile(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// open opens the directory of a file and closes it when the test ends.
func open(t testing.TB, f file, k *secrets.Keyring, log *slog.Logger) *directory.Directory {
	t.Helper()
	d, err := f.Open(t.Context(), directory.Options{Keyring: k, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, d.Close()) })
	return d
}

// newDirectory opens an empty directory with one account.
func newDirectory(t testing.TB, f file, k *secrets.Keyring) *directory.Directory {
	t.Helper()
	d := open(t, f, k, quiet)
	_, err := d.CreateAccount(t.Context(), directory.Account{ID: account})
	check(t, err)
	return d
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// execute runs statements in the database of a directory that is closed.
func (f file) execute(t testing.TB, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", string(f))
	check(t, err)
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func createUser(t testing.TB, d *directory.Directory, name string) *directory.User {
	t.Helper()
	u, err := d.CreateUser(t.Context(), directory.User{AccountID: account, Name: name})
	check(t, err)
	return u
}

func TestLocked(t *testing.T) {
	f, k := newFile(t), newKeyring(t)
	d := newDirectory(t, f, k)
	if _, err := f.Open(t.Context(), directory.Options{Keyring: k, Logger: quiet}); !errors.Is(err, directory.ErrLocked) || !strings.Contains(err.Error(), string(f)) {
		t.Errorf("opened twice: %v", err)
	}
	createUser(t, d, "u") // the first goes on
	check(t, d.Close())
	if len(open(t, f, k, quiet).Users(account, "")) != 1 {
		t.Error("the user is gone")
	}
}

func TestFile(t *testing.T) {
	f := file(filepath.Join(t.TempDir(), "a ?#%41&=.db"))
	k := newKeyring(t)
	var log bytes.Buffer
	for range 2 {
		check(t, open(t, f, k, slog.New(slog.NewTextHandler(&log, nil))).Close())
	}
	if log.Len() > 0 {
		t.Errorf("opening says: %s", &log)
	}
	info, err := os.Stat(string(f))
	check(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "none", "d.db"), t.TempDir()} {
		if _, err := file(path).Open(t.Context(), directory.Options{Keyring: k}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	check(t, os.WriteFile(string(f), []byte(strings.Repeat("not a database ", 1000)), 0o600))
	if _, err := f.Open(t.Context(), directory.Options{Keyring: k}); err == nil {
		t.Error("opened what is no database")
	}
}

func TestLaterSchema(t *testing.T) {
	f, k := newFile(t), newKeyring(t)
	check(t, newDirectory(t, f, k).Close())
	f.execute(t, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (1000, true)`)
	if _, err := f.Open(t.Context(), directory.Options{Keyring: k, Logger: quiet}); err == nil || !strings.Contains(err.Error(), "run the later version") {
		t.Errorf("opened a later schema: %v", err)
	}
}

// TestEarlierSchema opens a directory that was made before there were instance
// profiles, settings of accounts, passwords and access control lists: what is in it
// stays, and all of them can be used.
func TestEarlierSchema(t *testing.T) {
	f, k := newFile(t), newKeyring(t)
	d := newDirectory(t, f, k)
	createUser(t, d, "u")
	bucket, err := d.CreateBucket(t.Context(), directory.Bucket{AccountID: account, Name: "b"})
	check(t, err)
	check(t, d.Close())
	f.execute(t, `ALTER TABLE buckets DROP COLUMN acl`, `DROP TABLE instance_profiles`, `DROP TABLE account_settings`, `DROP TABLE login_profiles`, `DROP TABLE mfa_devices`, `DROP TABLE openid_connect_providers`, `DROP TABLE kms_aliases`, `DROP TABLE kms_keys`, `DELETE FROM goose_db_version WHERE version_id > 2`)
	var log bytes.Buffer
	d = open(t, f, k, slog.New(slog.NewTextHandler(&log, nil)))
	if !strings.Contains(log.String(), "directory migrated") || len(d.Users(account, "")) != 1 {
		t.Errorf("%d users; the log says %q", len(d.Users(account, "")), &log)
	}
	if kept, ok := d.Bucket("b"); !ok || !reflect.DeepEqual(kept, bucket) {
		t.Errorf("the bucket is %+v", kept)
	}
	_, err = d.CreateInstanceProfile(t.Context(), directory.InstanceProfile{AccountID: account, Name: "p"})
	check(t, err)
	check(t, d.SetAccountAlias(t.Context(), account, "alias"))
	check(t, d.SetAccountPublicAccessBlock(t.Context(), account, &directory.PublicAccessBlock{IgnorePublicAcls: true}))
	_, err = d.CreateLoginProfile(t.Context(), account, "u", "correct Horse 1", false)
	check(t, err)
	check(t, d.Close())
	d = open(t, f, k, quiet)
	if _, ok := d.LoginProfile(account, "u"); !ok {
		t.Error("the password is lost")
	}
	if alias, _ := d.AccountAlias(account); alias != "alias" || len(d.InstanceProfiles(account, "")) != 1 {
		t.Errorf("the alias is %q, and there are %d profiles", alias, len(d.InstanceProfiles(account, "")))
	}
}

// TestFailedCommit fails a change at its second statement, and at the commit
// itself: neither leaves a trace, in the view or on disk.
func TestFailedCommit(t *testing.T) {
	for name, trigger := range map[string]string{
		"statement": `CREATE TRIGGER fail BEFORE INSERT ON policy_versions BEGIN SELECT RAISE(ABORT, 'injected'); END`,
		"commit": `CREATE TABLE late (id TEXT REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED);
			CREATE TRIGGER fail AFTER INSERT ON policy_versions BEGIN INSERT INTO late VALUES ('none'); END`,
	} {
		t.Run(name, func(t *testing.T) {
			f, k := newFile(t), newKeyring(t)
			check(t, newDirectory(t, f, k).Close())
			f.execute(t, trigger)
			d := open(t, f, k, quiet)
			_, err := d.CreatePolicy(t.Context(), directory.ManagedPolicy{AccountID: account, Name: "p"}, allowAll)
			if err == nil {
				t.Fatal("the change did not fail")
			}
			if p := d.Policies(account, ""); len(p) != 0 {
				t.Errorf("the view has what was not committed: %+v", p[0])
			}
			createUser(t, d, "u") // the directory still takes changes
			check(t, d.Close())
			f.execute(t, `DROP TRIGGER fail`)
			d = open(t, f, k, quiet)
			if len(d.Policies(account, "")) != 0 || len(d.Users(account, "")) != 1 {
				t.Error("the database has what was not committed, or not what was")
			}
			_, err = d.CreatePolicy(t.Context(), directory.ManagedPolicy{AccountID: account, Name: "p"}, allowAll)
			check(t, err)
		})
	}
}

// TestFailedFlush checks that a last use which could not be written is
// reported, and keeps nothing else from being written.
func TestFailedFlush(t *testing.T) {
	f, k := newFile(t), newKeyring(t)
	check(t, newDirectory(t, f, k).Close())
	f.execute(t, `CREATE TRIGGER fail BEFORE UPDATE OF used ON access_keys BEGIN SELECT RAISE(ABORT, 'injected'); END`)
	d, err := f.Open(t.Context(), directory.Options{Keyring: k, Logger: quiet})
	check(t, err)
	key, _, err := d.CreateAccessKey(t.Context(), account, "")
	check(t, err)
	d.RecordKeyUse(key.ID, directory.LastUsed{Time: time.Unix(1e9, 0), Service: "s3"})
	if err := d.Close(); err == nil || !strings.Contains(err.Error(), "injected") {
		t.Errorf("closed: %v", err)
	}
	again, ok := open(t, f, k, quiet).AccessKey(key.ID)
	if !ok || again.LastUsed != (directory.LastUsed{}) {
		t.Errorf("the key is %+v, %v", again, ok)
	}
}

func TestErrorTexts(t *testing.T) {
	for want, err := range map[string]error{
		`user "x" does not exist`:                                      &directory.NotFoundError{Kind: "user", Name: "x"},
		`user "x" already exists`:                                      &directory.ExistsError{Kind: "user", Name: "x"},
		`quota UsersPerAccount: 5000`:                                  &directory.LimitError{Quota: directory.QuotaUsersPerAccount, Limit: directory.Quota(directory.QuotaUsersPerAccount)},
		`user "x" cannot be deleted: it has access keys`:               &directory.InUseError{Kind: "user", Name: "x", By: "access keys"},
		`path "x" is not valid: begins with a slash`:                   &directory.InvalidError{Field: "path", Value: "x", Reason: "begins with a slash"},
		`policy p: cause`:                                              &directory.DocumentError{Name: "p", Err: errors.New("cause")},
		`bucket "b": BlockPublicPolicy does not allow a public policy`: &directory.PublicPolicyError{Bucket: "b"},
	} {
		if got := err.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestUnreadablePolicies checks that a stored document which this version
// cannot compile denies its holders everything, and is named in the log.
func TestUnreadablePolicies(t *testing.T) {
	f, k := newFile(t), newKeyring(t)
	d := newDirectory(t, f, k)
	ctx := t.Context()
	p, err := d.CreatePolicy(ctx, directory.ManagedPolicy{AccountID: account, Name: "managed"}, allowAll)
	check(t, err)
	users := map[string]*directory.User{}
	for _, name := range []string{"attached", "inline", "member", "bounded", "gone", "plain"} {
		users[name] = createUser(t, d, name)
		check(t, d.AttachPolicy(ctx, directory.Entity{AccountID: account, Kind: directory.KindUser, Name: name}, administratorAccess))
	}
	user := func(name string) directory.Entity {
		return directory.Entity{AccountID: account, Kind: directory.KindUser, Name: name}
	}
	check(t, d.AttachPolicy(ctx, user("attached"), p.ARN))
	check(t, d.PutInlinePolicy(ctx, user("inline"), "inline-name", allowAll))
	_, err = d.CreateGroup(ctx, directory.Group{AccountID: account, Name: "g"})
	check(t, err)
	check(t, d.AttachPolicy(ctx, directory.Entity{AccountID: account, Kind: directory.KindGroup, Name: "g"}, p.ARN))
	check(t, d.AddUserToGroup(ctx, account, "g", "member"))
	check(t, d.SetBoundary(ctx, user("bounded"), p.ARN))
	role, err := d.CreateRole(ctx, directory.Role{AccountID: account, Name: "trusting", TrustPolicy: trustAll})
	check(t, err)
	_, err = d.CreateBucket(ctx, directory.Bucket{AccountID: account, Name: "b", Policy: &directory.BucketPolicy{Document: []byte(toAll)}})
	check(t, err)
	check(t, d.Close())

	bad := `replace(replace(%s, '"Effect"', '"Future":"x","Effect"'), 'x', 'x')`
	f.execute(t,
		`UPDATE policy_versions SET document = `+fmt.Sprintf(bad, "document"),
		`UPDATE inline_policies SET document = `+fmt.Sprintf(bad, "document"),
		`UPDATE entities SET trust_policy = `+fmt.Sprintf(bad, "trust_policy")+` WHERE kind = 'role'`,
		`UPDATE buckets SET policy = `+fmt.Sprintf(bad, "policy"),
		`UPDATE attachments SET policy_arn = 'arn:aws:iam::aws:policy/Future' WHERE entity_id = '`+users["gone"].ID+`'`,
	)
	var log bytes.Buffer
	d = open(t, f, k, slog.New(slog.NewTextHandler(&log, nil)))
	for name, u := range users {
		policies, ok := d.PoliciesOfUser(u.ID)
		if !ok {
			t.Fatal(name)
		}
		got := eval.Decide(&eval.Request{
			Principal: eval.Principal{Type: eval.User, ARN: u.ARN, IssuerARN: u.ARN, AccountID: account, UniqueID: u.ID},
			Action:    "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: account,
		}, &eval.Policies{Identity: policies.Identity, Boundary: policies.Boundary})
		want := eval.ExplicitDeny
		if name == "plain" {
			want = eval.Allowed
		}
		if got.Effect != want {
			t.Errorf("%s: %v, want %v", name, got.Effect, want)
		}
	}
	b, _ := d.Bucket("b")
	r, _ := d.RoleByID(role.ID)
	for name, resource := range map[string]*eval.Policy{"bucket": b.Policy.Compiled, "trust": r.Trust} {
		for _, who := range []eval.Principal{{}, {Type: eval.Root, ARN: "arn:aws:iam::111111111111:root", AccountID: account}} {
			got := eval.Decide(&eval.Request{Principal: who, Action: "sts:AssumeRole", Resource: r.ARN, ResourceAccount: account}, &eval.Policies{Resource: resource})
			if got.Effect != eval.ExplicitDeny {
				t.Errorf("%s: %v for %v", name, got.Effect, who.Type)
			}
		}
	}
	for _, name := range []string{p.ARN, "inline-name", role.ARN, "arn:aws:s3:::b", "arn:aws:iam::aws:policy/Future"} {
		if !strings.Contains(log.String(), "policy="+name+" ") && !strings.Contains(log.String(), "policy="+name+"\n") {
			t.Errorf("%s is not in the log:\n%s", name, &log)
		}
	}
	if document, _ := d.ManagedPolicyDocument(p.ARN); !strings.Contains(document, "Future") {
		t.Error("the document is not the one that was stored")
	}

	// What cannot be read can be replaced or detached.
	check(t, d.PutInlinePolicy(ctx, user("inline"), "inline-name", allowAll))
	check(t, d.DetachPolicy(ctx, user("gone"), "arn:aws:iam::aws:policy/Future"))
	for name, want := range map[string]int{"inline": 2, "gone": 0} {
		policies, _ := d.PoliciesOfUser(users[name].ID)
		if len(policies.Identity) != want {
			t.Errorf("%s has %d policies, want %d", name, len(policies.Identity), want)
		}
	}
}

// TestDamagedRows checks that what cannot be read at all keeps the directory
// from opening.
func TestDamagedRows(t *testing.T) {
	for _, damage := range []string{
		`UPDATE access_keys SET secret = 'AAAA'`,
		`UPDATE access_keys SET secret = '*'`,
		`UPDATE access_keys SET id = 'AKIAANOTHERKEY00000'`, // a secret is sealed for its key
		`UPDATE entities SET tags = '{'`,
		`UPDATE entities SET trust_principals = '{'`,
		`UPDATE buckets SET public_access_block = '{'`,
		`UPDATE keyring_check SET sealed = '*'`,
	} {
		f, k := newFile(t), newKeyring(t)
		d := newDirectory(t, f, k)
		createUser(t, d, "u")
		_, err := d.CreateBucket(t.Context(), directory.Bucket{AccountID: account, Name: "b"})
		check(t, err)
		_, _, err = d.CreateAccessKey(t.Context(), account, "u")
		check(t, err)
		check(t, d.Close())
		f.execute(t, damage)
		if d, err := f.Open(t.Context(), directory.Options{Keyring: k, Logger: quiet}); err == nil {
			t.Errorf("opened after %s", damage)
			check(t, d.Close())
		}
	}
}

// TestAccountQuotas fills accounts up in SQL, where thousands of rows cost
// nothing.
func TestAccountQuotas(t *testing.T) {
	f, k := newFile(t), newKeyring(t)
	check(t, newDirectory(t, f, k).Close())
	numbers := `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) `
	entity := `INSERT INTO entities (id, account_id, kind, path, name, name_key, created, boundary, tags, description, max_session, trust_policy, trust_principals) ` +
		numbers + `SELECT '%s' || i, '` + account + `', '%s', '/', 'n' || i, 'n' || i, 1, '', 'null', '', 3600, '` + trustAll + `', 'null' FROM n`
	f.execute(t,
		fmt.Sprintf(entity, 5000, "AIDA", "user"), fmt.Sprintf(entity, 300, "AGPA", "group"), fmt.Sprintf(entity, 1000, "AROA", "role"),
		fmt.Sprintf(`INSERT INTO managed_policies (arn, id, account_id, path, name, name_key, description, default_version, last_version, created, updated, tags) `+
			numbers+`SELECT 'arn' || i, 'ANPA' || i, '`+account+`', '/', 'n' || i, 'n' || i, '', 1, 1, 1, 1, 'null' FROM n`, 1500),
		`INSERT INTO policy_versions (policy_arn, version, document, created) SELECT arn, 1, '`+allowAll+`', 1 FROM managed_policies`,
		fmt.Sprintf(`INSERT INTO buckets (id, name, account_id, region, created, ownership) `+
			numbers+`SELECT 'id' || i, 'n' || i, '`+account+`', 'us-east-1', 1, 'BucketOwnerEnforced' FROM n`, 10000),
	)
	d, ctx := open(t, f, k, quiet), t.Context()
	for quota, c := range map[string]struct {
		limit          int
		create, remove func() error
	}{
		directory.QuotaUsersPerAccount: {5000,
			func() error { _, err := d.CreateUser(ctx, directory.User{AccountID: account, Name: "x"}); return err },
			func() error { return d.DeleteUser(ctx, account, "n1") }},
		directory.QuotaGroupsPerAccount: {300,
			func() error { _, err := d.CreateGroup(ctx, directory.Group{AccountID: account, Name: "x"}); return err },
			func() error { return d.DeleteGroup(ctx, account, "n1") }},
		directory.QuotaRolesPerAccount: {1000,
			func() error {
				_, err := d.CreateRole(ctx, directory.Role{AccountID: account, Name: "x", TrustPolicy: trustAll})
				return err
			},
			func() error { return d.DeleteRole(ctx, account, "n1") }},
		directory.QuotaPoliciesPerAccount: {1500,
			func() error {
				_, err := d.CreatePolicy(ctx, directory.ManagedPolicy{AccountID: account, Name: "x"}, allowAll)
				return err
			},
			func() error { return d.DeletePolicy(ctx, "arn1") }},
		directory.QuotaBucketsPerAccount: {10000,
			func() error {
				_, err := d.CreateBucket(ctx, directory.Bucket{AccountID: account, Name: "x"})
				return err
			},
			func() error { return d.DeleteBucket(ctx, "id1") }},
	} {
		var limit *directory.LimitError
		if err := c.create(); !errors.As(err, &limit) || *limit != (directory.LimitError{Quota: quota, Limit: c.limit}) {
			t.Errorf("%s: one more: %v", quota, err)
		}
		check(t, c.remove())
		check(t, c.create())
	}
}

const killedFolder = "KEYWRIGHT_TEST_KILLED"

// TestKilled kills a process in the middle of its changes: what it was told is
// there is there, and no change is there by half.
func TestKilled(t *testing.T) {
	if folder := os.Getenv(killedFolder); folder != "" {
		changeUntilKilled(t, folder)
		return
	}
	folder := t.TempDir()
	k, err := secrets.OpenFile(filepath.Join(folder, "key"))
	check(t, err)
	f := file(filepath.Join(folder, "directory.db"))
	check(t, newDirectory(t, f, k).Close())
	acknowledged := map[string]bool{}
	for round := range 5 {
		for _, line := range killAfter(t, folder, 20+round*17) {
			acknowledged[line] = true
		}
		d, err := f.Open(t.Context(), directory.Options{Keyring: k, Logger: quiet})
		check(t, err)
		for id := range acknowledged {
			if _, ok := d.UserByID(id); !ok {
				t.Errorf("round %d: user %s is gone", round, id)
			}
		}
		for _, p := range d.Policies(account, "") {
			if v := d.PolicyVersions(p.ARN); len(v) != 1 || v[0].Document != allowAll {
				t.Errorf("round %d: policy %s has the versions %v", round, p.ARN, v)
			}
		}
		check(t, d.Close())
	}
	if len(acknowledged) < 100 {
		t.Errorf("only %d changes were acknowledged", len(acknowledged))
	}
}

// killAfter runs changeUntilKilled in another process, kills it after so many
// lines, and returns all that it has written.
func killAfter(t *testing.T, folder string, lines int) (written []string) {
	child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	child.Env = append(os.Environ(), killedFolder+"="+folder)
	out, err := child.StdoutPipe()
	check(t, err)
	check(t, child.Start())
	s := bufio.NewScanner(out)
	for s.Scan() {
		if id, ok := strings.CutPrefix(s.Text(), "made "); ok {
			written = append(written, id)
		}
		if len(written) == lines {
			check(t, child.Process.Kill())
		}
	}
	if err := child.Wait(); err == nil || len(written) < lines {
		t.Fatalf("the process ended by itself after %d changes: %v", len(written), err)
	}
	return written
}

func changeUntilKilled(t *testing.T, folder string) {
	k, err := secrets.OpenFile(filepath.Join(folder, "key"))
	check(t, err)
	d := open(t, file(filepath.Join(folder, "directory.db")), k, quiet)
	for range 1000 {
		u := createUser(t, d, secrets.NewID("u"))
		fmt.Println("made " + u.ID)
		_, err := d.CreatePolicy(t.Context(), directory.ManagedPolicy{AccountID: account, Name: secrets.NewID("p")}, allowAll)
		check(t, err)
	}
}
