package directorytest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/directory"
)

func testAccessKeys(f *fixture) {
	u := f.user("u")
	create := func(user string) (directory.AccessKey, string) {
		f.Helper()
		k, secret, err := f.d.CreateAccessKey(f.ctx, f.account, user)
		f.ok(err)
		return k, secret
	}
	k, secret := create("U")
	f.equal("key", k, directory.AccessKey{AccountID: f.account, UserName: "u", ID: k.ID, Active: true, Created: f.now.Truncate(time.Second)})
	if !regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`).MatchString(k.ID) || !regexp.MustCompile(`^[A-Za-z0-9+/]{40}$`).MatchString(secret) {
		f.Errorf("key %s with a secret of %d characters", k.ID, len(secret))
	}
	f.now = f.now.Add(time.Hour)
	later, _ := create("u")
	root, rootSecret := create("")
	f.reopen()
	f.equal("credential", found[directory.Credential](f)(f.d.Credential(k.ID)) == directory.Credential{
		AccessKeyID: k.ID, Secret: secret, Active: true, AccountID: f.account, UserID: u.ID,
	}, true)
	f.equal("credential of root", found[directory.Credential](f)(f.d.Credential(root.ID)) == directory.Credential{
		AccessKeyID: root.ID, Secret: rootSecret, Active: true, AccountID: f.account,
	}, true)
	f.equal("AccessKey", found[directory.AccessKey](f)(f.d.AccessKey(k.ID)), k)
	f.equal("AccessKeys, the oldest first", f.d.AccessKeys(f.account, "u"), []directory.AccessKey{k, later})
	f.equal("AccessKeys of root", f.d.AccessKeys(f.account, ""), []directory.AccessKey{root})
	f.equal("AccessKeys of nobody", len(f.d.AccessKeys(f.account, "x"))+len(f.d.AccessKeys("999999999999", "")), 0)

	limit := &directory.LimitError{Quota: directory.QuotaAccessKeysPerUser, Limit: 2}
	f.fails("a third key", func() error { _, _, err := f.d.CreateAccessKey(f.ctx, f.account, "u"); return err }, limit)
	create("")
	f.fails("a third key of root", func() error { _, _, err := f.d.CreateAccessKey(f.ctx, f.account, ""); return err }, limit)

	f.ok(f.d.UpdateAccessKey(f.ctx, f.account, "u", k.ID, false))
	f.equal("inactive", found[directory.Credential](f)(f.d.Credential(k.ID)).Active, false)
	f.reopen()
	f.equal("inactive", found[directory.AccessKey](f)(f.d.AccessKey(k.ID)).Active, false)
	f.ok(f.d.UpdateAccessKey(f.ctx, f.account, "u", k.ID, true))
	f.equal("active", found[directory.Credential](f)(f.d.Credential(k.ID)).Active, true)

	f.user("other")
	for user, want := range map[string]error{
		"other": &directory.NotFoundError{Kind: "access key", Name: k.ID}, "": &directory.NotFoundError{Kind: "access key", Name: k.ID},
		"none": &directory.NotFoundError{Kind: "user", Name: "none"},
	} {
		f.fails("UpdateAccessKey of "+user, func() error { return f.d.UpdateAccessKey(f.ctx, f.account, user, k.ID, false) }, want)
		f.fails("DeleteAccessKey of "+user, func() error { return f.d.DeleteAccessKey(f.ctx, f.account, user, k.ID) }, want)
	}
	f.fails("CreateAccessKey of nobody", func() error { _, _, err := f.d.CreateAccessKey(f.ctx, f.account, "none"); return err },
		&directory.NotFoundError{Kind: "user", Name: "none"})
	f.fails("CreateAccessKey of no account", func() error { _, _, err := f.d.CreateAccessKey(f.ctx, "999999999999", ""); return err },
		&directory.NotFoundError{Kind: "account", Name: "999999999999"})
	f.ok(f.d.DeleteAccessKey(f.ctx, f.account, "u", k.ID))
	f.ok(f.d.DeleteAccessKey(f.ctx, f.account, "", root.ID))
	for _, id := range []string{k.ID, root.ID, ""} {
		if second(f.d.Credential(id)) || second(f.d.AccessKey(id)) {
			f.Errorf("key %s is still there", id)
		}
	}
	f.reopen()
}

func testImportedKeys(f *fixture) {
	f.user("u")
	add := func(user, id, secret string) func() error {
		return func() error { _, err := f.d.ImportAccessKey(f.ctx, f.account, user, id, secret); return err }
	}
	f.ok(add("u", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")())
	f.ok(add("", "minioadmin_minioadmin", "minioadmin")())
	f.reopen()
	f.equal("secret", found[directory.Credential](f)(f.d.Credential("minioadmin_minioadmin")).Secret, "minioadmin")
	f.fails("twice", add("u", "AKIAIOSFODNN7EXAMPLE", "another secret"), &directory.ExistsError{Kind: "access key", Name: "AKIAIOSFODNN7EXAMPLE"})
	for _, id := range []string{"", "short", "AKIAIOSFODNN7EXAMPL/", strings.Repeat("A", 129)} {
		f.fails("id "+id, add("u", id, "long enough"), &directory.InvalidError{Field: "access key id"})
	}
	for _, secret := range []string{"", "1234567", strings.Repeat("A", 129)} {
		call := add("u", "AKIAIOSFODNN7EXAMPL2", secret)
		f.fails("a bad secret", call, &directory.InvalidError{Field: "secret access key"})
		if err := call(); secret != "" && strings.Contains(err.Error(), secret) {
			f.Error("the error shows the secret")
		}
	}
}

// testRedaction checks that no way of printing a credential or keyring shows
// a secret.
func testRedaction(f *fixture) {
	k, secret, err := f.d.CreateAccessKey(f.ctx, f.account, "")
	f.ok(err)
	c := found[directory.Credential](f)(f.d.Credential(k.ID))
	inside := struct {
		C directory.Credential
		P *directory.Credential
	}{c, &c}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%o", "%U", "%e"} {
		for _, v := range []any{c, &c, inside, []directory.Credential{c}, map[string]directory.Credential{"k": c}} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
				f.Errorf("%s of %T shows the secret", verb, v)
			}
		}
		if text := fmt.Sprintf(verb, f.options.Keyring); text != "secrets.Keyring(redacted)" {
			f.Errorf("%s of a keyring: %s", verb, text)
		}
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("m", "c", c, "p", &c, "k", f.options.Keyring, "inside", inside)
	}
	text, err := json.Marshal(inside)
	f.ok(err)
	if all := log.String() + string(text); strings.Contains(all, secret) || !strings.Contains(all, k.ID) {
		f.Errorf("logged: %s", all)
	}
}

// testSecretsSealed checks that no secret is stored in any form that can be
// read without the key.
func testSecretsSealed(f *fixture) {
	f.user("u")
	var written []string
	for _, user := range []string{"u", "u", ""} {
		_, secret, err := f.d.CreateAccessKey(f.ctx, f.account, user)
		f.ok(err)
		written = append(written, secret)
	}
	must[directory.AccessKey](f)(f.d.ImportAccessKey(f.ctx, f.account, "", "AKIAIOSFODNN7EXAMPLE", "imported-secret-imported-secret"))
	written = append(written, "imported-secret-imported-secret")
	check := func() {
		f.Helper()
		b, err := f.store.Bytes()
		f.ok(err)
		if !bytes.Contains(b, []byte("AKIAIOSFODNN7EXAMPLE")) {
			f.Fatal("the stored bytes do not have what was stored")
		}
		for _, secret := range written {
			for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), fmt.Sprintf("%x", secret)} {
				if bytes.Contains(b, []byte(form)) {
					f.Error("a secret is stored in the clear")
				}
			}
		}
	}
	check()
	f.reopen()
	check()
}

func testUses(f *fixture) {
	k, _, err := f.d.CreateAccessKey(f.ctx, f.account, "")
	f.ok(err)
	r := f.role("r")
	key := func() directory.LastUsed { return found[directory.AccessKey](f)(f.d.AccessKey(k.ID)).LastUsed }
	role := func() directory.LastUsed { return found[*directory.Role](f)(f.d.RoleByID(r.ID)).LastUsed }
	f.equal("never", [2]directory.LastUsed{key(), role()}, [2]directory.LastUsed{})
	use := directory.LastUsed{Time: f.now, Service: "s3", Region: "us-east-1"}
	want := directory.LastUsed{Time: f.now.Truncate(time.Second), Service: "s3", Region: "us-east-1"}
	f.d.RecordKeyUse(k.ID, use)
	f.d.RecordRoleUse(r.ID, use)
	f.equal("used", [2]directory.LastUsed{key(), role()}, [2]directory.LastUsed{want, want})
	f.reopen()
	f.equal("used, after reopening", [2]directory.LastUsed{key(), role()}, [2]directory.LastUsed{want, want})

	earlier := directory.LastUsed{Time: f.now.Add(-time.Hour), Service: "iam"}
	f.d.RecordKeyUse(k.ID, earlier)
	f.d.RecordRoleUse(r.ID, earlier)
	f.equal("used earlier", [2]directory.LastUsed{key(), role()}, [2]directory.LastUsed{want, want})
	later := directory.LastUsed{Time: f.now.Add(time.Hour).Truncate(time.Second), Service: "iam"}
	f.d.RecordKeyUse(k.ID, later)
	f.d.RecordRoleUse(r.ID, later)
	f.ok(f.d.UpdateAccessKey(f.ctx, f.account, "", k.ID, false))
	updated := must[*directory.Role](f)(f.d.UpdateRole(f.ctx, f.account, "r", directory.RoleUpdate{Description: ptr("changed")}))
	f.equal("what UpdateRole returns", updated.LastUsed, later)
	f.equal("used, and changed", [2]directory.LastUsed{key(), role()}, [2]directory.LastUsed{later, later})
	f.reopen()
	f.equal("used, changed and reopened", [2]directory.LastUsed{key(), role()}, [2]directory.LastUsed{later, later})
	f.equal("the snapshot before", r.LastUsed, directory.LastUsed{})
	f.d.RecordKeyUse("AKIANONE", use)
	f.d.RecordRoleUse("AROANONE", use)
	f.d.RecordRoleUse(f.user("u").ID, use)
	f.reopen()
}
