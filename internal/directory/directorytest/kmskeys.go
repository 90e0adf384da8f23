package directorytest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/policy/eval"
)

const keyPolicy = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"kms:*","Resource":"*"}}`

func (f *fixture) kmsKey(alias string) *directory.KMSKey {
	f.Helper()
	made := must[*directory.KMSKey](f)(f.d.NewKMSKey(directory.KMSKey{
		AccountID: f.account, Description: "of " + alias, Manager: directory.KeyManagerCustomer, Policy: keyPolicy,
		Tags: []directory.Tag{{Key: "b", Value: "2"}, {Key: "a", Value: "1"}},
	}))
	return must[*directory.KMSKey](f)(f.d.AddKMSKey(f.ctx, made, alias))
}

func (f *fixture) updateKey(k *directory.KMSKey, u directory.KMSKeyUpdate) *directory.KMSKey {
	f.Helper()
	must[*directory.KMSKey](f)(f.d.UpdateKMSKey(f.ctx, k.ID, u))
	return found[*directory.KMSKey](f)(f.d.KMSKey(k.ID))
}

func pointer[V any](v V) *V { return &v }

func testKMSKeys(f *fixture) {
	made := must[*directory.KMSKey](f)(f.d.NewKMSKey(directory.KMSKey{AccountID: f.account, Policy: keyPolicy, Manager: directory.KeyManagerCustomer}))
	if _, ok := f.d.KMSKey(made.ID); ok {
		f.Error("a key that was not added is there")
	}
	k := f.kmsKey("")
	f.equal("ARN", k.ARN, "arn:aws:kms:us-east-1:"+f.account+":key/"+k.ID)
	f.equal("length of the id", len(k.ID), 36)
	f.equal("tags", k.Tags, []directory.Tag{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}})
	f.equal("type of the policy", k.Compiled.Type(), eval.KeyPolicy)
	f.equal("the keys", f.d.KMSKeys(f.account)[0].ID, k.ID)
	f.equal("their count", len(f.d.KMSKeys(f.account)), 1)
	f.equal("another account's", len(f.d.KMSKeys(secondAccount)), 0)

	sealed := must[[]byte](f)(k.Seal([]byte("plaintext"), []byte("context")))
	other := f.kmsKey("")
	f.reopen()
	k = found[*directory.KMSKey](f)(f.d.KMSKey(k.ID))
	opened := must[[]byte](f)(k.Open(sealed, []byte("context")))
	f.equal("what was sealed", string(opened), "plaintext")
	for what, open := range map[string]func() ([]byte, error){
		"another context": func() ([]byte, error) { return k.Open(sealed, []byte("other")) },
		"another key":     func() ([]byte, error) { return other.Open(sealed, []byte("context")) },
	} {
		if _, err := open(); !sameError(err, secrets.ErrNotOpened) {
			f.Errorf("%s: %v", what, err)
		}
	}
	stored := must[[]byte](f)(f.store.Bytes())
	for _, secret := range []string{"plaintext", "AesGcmKey", base64.StdEncoding.EncodeToString([]byte("AesGcmKey"))} {
		if bytes.Contains(stored, []byte(secret)) {
			f.Errorf("%s is stored in the clear", secret)
		}
	}
	if text := fmt.Sprintf("%+v", k); strings.Contains(text, "AesGcmKey") {
		f.Error("a key prints its material")
	}

	k = f.updateKey(k, directory.KMSKeyUpdate{Description: pointer("new"), Enabled: pointer(false), RemoveTags: []string{"a", "none"}, AddTags: []directory.Tag{{Key: "c"}, {Key: "B"}}})
	f.equal("description", k.Description, "new")
	f.equal("tags", k.Tags, []directory.Tag{{Key: "B"}, {Key: "b", Value: "2"}, {Key: "c"}})
	// What one adds, another who adds at the same time leaves.
	var adding sync.WaitGroup
	for i := range 47 {
		adding.Go(func() {
			if _, err := f.d.UpdateKMSKey(f.ctx, k.ID, directory.KMSKeyUpdate{AddTags: []directory.Tag{{Key: fmt.Sprint("t", i)}}}); err != nil {
				f.Error(err)
			}
		})
	}
	adding.Wait()
	f.fails("one tag too many", func() error {
		_, err := f.d.UpdateKMSKey(f.ctx, k.ID, directory.KMSKeyUpdate{AddTags: []directory.Tag{{Key: "d"}}})
		return err
	}, &directory.LimitError{Quota: directory.QuotaTagsPerKMSKey, Limit: 50})
	k = f.updateKey(k, directory.KMSKeyUpdate{AddTags: []directory.Tag{{Key: "c", Value: "new"}}})
	f.equal("number of tags", len(k.Tags), 50)
	for what, use := range map[string]func() ([]byte, error){
		"sealing": func() ([]byte, error) { return k.Seal(nil, nil) },
		"opening": func() ([]byte, error) { return k.Open(sealed, []byte("context")) },
	} {
		if _, err := use(); !sameError(err, directory.ErrKeyDisabled) {
			f.Errorf("%s with a disabled key: %v", what, err)
		}
	}
	k = f.updateKey(k, directory.KMSKeyUpdate{Enabled: pointer(true)})
	must[[]byte](f)(k.Open(sealed, []byte("context")))
	f.reopen()

	u := f.user("named")
	named := strings.Replace(keyPolicy, "arn:aws:iam::111111111111:root", u.ARN, 1)
	k = f.updateKey(k, directory.KMSKeyUpdate{Policy: &named})
	f.equal("the policy", k.Policy, named)
	f.reopen()
	f.fails("a policy that does not compile", func() error {
		_, err := f.d.UpdateKMSKey(f.ctx, k.ID, directory.KMSKeyUpdate{Policy: pointer(allowAll)})
		return err
	}, &directory.DocumentError{Name: k.ARN})
	if _, err := f.d.NewKMSKey(directory.KMSKey{AccountID: f.account, Policy: allowAll}); !errors.As(err, new(*directory.DocumentError)) {
		f.Errorf("a new key with such a policy: %v", err)
	}
	f.fails("a key that is none", func() error {
		_, err := f.d.UpdateKMSKey(f.ctx, "none", directory.KMSKeyUpdate{})
		return err
	}, &directory.NotFoundError{Kind: "KMS key", Name: "none"})
	f.fails("a long description", func() error {
		_, err := f.d.UpdateKMSKey(f.ctx, k.ID, directory.KMSKeyUpdate{Description: pointer(strings.Repeat("x", 8193))})
		return err
	}, &directory.InvalidError{Field: "description"})
	f.fails("a key of no account", func() error {
		made := *other
		made.AccountID = "999999999999"
		_, err := f.d.AddKMSKey(f.ctx, &made, "")
		return err
	}, &directory.NotFoundError{Kind: "account", Name: "999999999999"})
}

func testKMSAliases(f *fixture) {
	f.ok(f.createAccount(secondAccount))
	k := f.kmsKey("alias/first")
	other := f.kmsKey("")
	f.equal("aliases", k.Aliases, []string{"alias/first"})
	again := f.kmsKey("alias/first")
	f.equal("the key of an alias that is taken", again.ID, k.ID)
	f.equal("count of keys", len(f.d.KMSKeys(f.account)), 2)

	f.ok(f.d.CreateKMSAlias(f.ctx, f.account, "alias/app/x", k.ID))
	f.reopen()
	for name, want := range map[string]string{
		k.ID: k.ID, k.ARN: k.ID, "alias/first": k.ID, "alias/app/x": k.ID,
		"arn:aws:kms:us-east-1:" + f.account + ":alias/first": k.ID,
		"arn:aws:kms:eu-west-1:" + f.account + ":alias/first": "",
		"arn:aws:kms:eu-west-1:" + f.account + ":key/" + k.ID: "",
		"arn:aws:s3:::" + k.ID:                                "", "key/" + k.ID: "", "alias/none": "", "first": "", "": "", "arn:": "",
		"arn:aws:kms:us-east-1:" + secondAccount + ":key/" + k.ID: "",
		"arn:aws:kms:us-east-1:" + f.account + ":" + k.ID:         "",
	} {
		got, _, ok := f.d.FindKMSKey(f.account, name)
		if ok != (want != "") || ok && got.ID != want {
			f.Errorf("%q finds %v", name, ok)
		}
	}
	for name, want := range map[string]bool{k.ID: false, "alias/first": false, k.ARN: true, "arn:aws:kms:us-east-1:" + f.account + ":alias/first": true} {
		if _, _, ok := f.d.FindKMSKey(secondAccount, name); ok != want {
			f.Errorf("another account's %q: %v", name, ok)
		}
	}
	f.now = f.now.Add(1e9)
	f.ok(f.d.UpdateKMSAlias(f.ctx, f.account, "alias/first", other.ID))
	f.equal("aliases", found[*directory.KMSKey](f)(f.d.KMSKey(k.ID)).Aliases, []string{"alias/app/x"})
	f.equal("aliases", found[*directory.KMSKey](f)(f.d.KMSKey(other.ID)).Aliases, []string{"alias/first"})
	f.reopen()
	names := func() (names []string) {
		for _, a := range f.d.KMSAliases(f.account) {
			names = append(names, a.Name)
		}
		return names
	}
	f.equal("all", names(), []string{"alias/app/x", "alias/first"})
	f.ok(f.d.DeleteKMSAlias(f.ctx, f.account, "alias/first"))
	f.reopen()
	f.equal("all", names(), []string{"alias/app/x"})

	f.fails("a taken alias", func() error { return f.d.CreateKMSAlias(f.ctx, f.account, "alias/app/x", other.ID) }, &directory.ExistsError{Kind: "KMS alias", Name: "alias/app/x"})
	f.fails("an alias of no key", func() error { return f.d.CreateKMSAlias(f.ctx, f.account, "alias/new", "none") }, &directory.NotFoundError{Kind: "KMS key", Name: "none"})
	f.fails("an alias of another's key", func() error { return f.d.CreateKMSAlias(f.ctx, secondAccount, "alias/new", k.ID) }, &directory.NotFoundError{Kind: "KMS key", Name: k.ID})
	f.fails("an alias that is none", func() error { return f.d.UpdateKMSAlias(f.ctx, f.account, "alias/new", k.ID) }, &directory.NotFoundError{Kind: "KMS alias", Name: "alias/new"})
	f.fails("an alias that is none", func() error { return f.d.DeleteKMSAlias(f.ctx, f.account, "alias/new") }, &directory.NotFoundError{Kind: "KMS alias", Name: "alias/new"})
	for _, name := range []string{"new", "alias/", "alias/a b", "alias/" + strings.Repeat("a", 251), "alias/ü"} {
		f.fails(name, func() error { return f.d.CreateKMSAlias(f.ctx, f.account, name, k.ID) }, &directory.InvalidError{Field: "KMS alias"})
	}
}

func testKMSDeletion(f *fixture) {
	k, kept := f.kmsKey("alias/app"), f.kmsKey("alias/kept")
	k = f.updateKey(k, directory.KMSKeyUpdate{WaitingDays: pointer(7)})
	f.equal("deletion", k.Deletion.Unix(), f.now.AddDate(0, 0, 7).Unix())
	if _, err := k.Seal(nil, nil); !sameError(err, directory.ErrKeyPendingDeletion) {
		f.Errorf("sealing with a key that will be destroyed: %v", err)
	}
	f.reopen()
	k = f.updateKey(k, directory.KMSKeyUpdate{WaitingDays: pointer(0)})
	f.equal("deletion that was called off", []any{k.Deletion.IsZero(), k.Enabled}, []any{true, false})
	f.updateKey(k, directory.KMSKeyUpdate{WaitingDays: pointer(7)})

	f.now = f.now.AddDate(0, 0, 7)
	if _, ok := f.d.KMSKey(k.ID); ok {
		f.Error("a key is there after its time")
	}
	if _, _, ok := f.d.FindKMSKey(f.account, "alias/app"); ok {
		f.Error("a key is found after its time")
	}
	f.fails("a change after its time", func() error {
		_, err := f.d.UpdateKMSKey(f.ctx, k.ID, directory.KMSKeyUpdate{WaitingDays: pointer(0)})
		return err
	}, &directory.NotFoundError{Kind: "KMS key", Name: k.ID})
	f.reopen()
	stored := must[[]byte](f)(f.store.Bytes())
	if bytes.Contains(stored, []byte(k.ID)) {
		f.Error("a destroyed key is stored")
	}
	f.equal("the other", len(f.d.KMSKeys(f.account)), 1)
	must[[]byte](f)(found[*directory.KMSKey](f)(f.d.KMSKey(kept.ID)).Seal(nil, nil))
	f.ok(f.d.CreateKMSAlias(f.ctx, f.account, "alias/app", kept.ID))
}

func testKMSRotation(f *fixture) {
	k := f.kmsKey("")
	sealed := must[[]byte](f)(k.Seal([]byte("plaintext"), nil))
	opens := func(what string) {
		f.Helper()
		k = found[*directory.KMSKey](f)(f.d.KMSKey(k.ID))
		f.equal(what, string(must[[]byte](f)(k.Open(sealed, nil))), "plaintext")
	}
	before := k
	f.ok(f.d.RotateKMSKey(f.ctx, k.ID))
	opens("what was sealed before a rotation")
	f.equal("rotations", k.Rotations, []directory.KMSRotation{{Time: f.now.Truncate(time.Second), OnDemand: true}})
	if _, err := before.Open(must[[]byte](f)(k.Seal(nil, nil)), nil); !sameError(err, secrets.ErrNotOpened) {
		f.Errorf("the former material opens what is sealed after a rotation: %v", err)
	}
	f.reopen()
	opens("after a reopening")

	k = f.updateKey(k, directory.KMSKeyUpdate{RotationDays: pointer(90)})
	f.equal("next rotation", k.NextRotation.Unix(), f.now.AddDate(0, 0, 90).Unix())
	f.reopen()
	f.equal("rotations before their time", len(found[*directory.KMSKey](f)(f.d.KMSKey(k.ID)).Rotations), 1)
	f.now = f.now.AddDate(0, 0, 91)
	f.ok(f.d.Close())
	f.open()
	opens("after a rotation that was due")
	f.equal("rotations", len(k.Rotations), 2)
	f.equal("next rotation", k.NextRotation.Unix(), f.now.AddDate(0, 0, 90).Unix())

	k = f.updateKey(k, directory.KMSKeyUpdate{Enabled: pointer(false)})
	f.now = f.now.AddDate(0, 0, 91)
	f.reopen()
	f.equal("rotations of a disabled key", len(found[*directory.KMSKey](f)(f.d.KMSKey(k.ID)).Rotations), 2)
	f.fails("rotating a disabled key", func() error { return f.d.RotateKMSKey(f.ctx, k.ID) }, directory.ErrKeyDisabled)
	f.fails("rotating no key", func() error { return f.d.RotateKMSKey(f.ctx, "none") }, &directory.NotFoundError{Kind: "KMS key", Name: "none"})
	k = f.updateKey(k, directory.KMSKeyUpdate{RotationDays: pointer(0), Enabled: pointer(true)})
	f.equal("no next rotation", k.NextRotation.IsZero(), true)
	f.reopen()
	opens("at last")
}
