package directorytest

import (
	"bytes"
	"strings"
	"sync"
	"time"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/secrets"
)

// codeAt returns the code of a seed, some periods from now.
func (f *fixture) codeAt(seed string, steps int64) string {
	f.Helper()
	return must[string](f)(secrets.OneTimeCode(seed, f.now.Unix()/secrets.OneTimePeriod+steps))
}

func testMFADevices(f *fixture) {
	u := f.user("Bob")
	f.user("eve")
	f.ok(f.createAccount(secondAccount))
	made, seed, err := f.d.CreateMFADevice(f.ctx, directory.MFADevice{AccountID: f.account, Name: "bob", Tags: []directory.Tag{{Key: "a", Value: "b"}}})
	f.ok(err)
	at := f.now.Truncate(time.Second)
	want := &directory.MFADevice{
		AccountID: f.account, Path: "/", Name: "bob", SerialNumber: "arn:aws:iam::" + f.account + ":mfa/bob", Created: at, Tags: []directory.Tag{{Key: "a", Value: "b"}},
	}
	f.equal("new", made, want)
	serial := made.SerialNumber
	create := func(account, path, name string) func() error {
		return func() error {
			_, _, err := f.d.CreateMFADevice(f.ctx, directory.MFADevice{AccountID: account, Path: path, Name: name})
			return err
		}
	}
	f.fails("the same", create(f.account, "/", "BOB"), &directory.ExistsError{Kind: "MFA device", Name: "arn:aws:iam::" + f.account + ":mfa/BOB"})
	f.fails("no account", create("333333333333", "/", "bob"), &directory.NotFoundError{Kind: "account", Name: "333333333333"})
	f.fails("name", create(f.account, "/", "a/b"), &directory.InvalidError{Field: "MFA device name"})
	f.fails("path", create(f.account, "x", "b"), &directory.InvalidError{Field: "path"})

	enable := func(account, user, serial string, first, second int64) func() error {
		return func() error {
			return f.d.EnableMFADevice(f.ctx, account, user, serial, f.codeAt(seed, first), f.codeAt(seed, second))
		}
	}
	none := &directory.NotFoundError{Kind: "MFA device", Name: serial}
	f.fails("another account's", enable(secondAccount, "bob", serial, -1, 0), none)
	f.fails("no user", enable(f.account, "nobody", serial, -1, 0), &directory.NotFoundError{Kind: "user", Name: "nobody"})
	for _, codes := range [][2]int64{{0, 0}, {0, -1}, {-2, 0}, {-5, -4}, {4, 5}} {
		f.fails("codes", enable(f.account, "bob", serial, codes[0], codes[1]), directory.ErrWrongCode)
	}
	f.ok(enable(f.account, "bob", serial, -1, 0)())
	want.UserID, want.UserName, want.Enabled = u.ID, "Bob", at
	f.reopen()
	f.equal("enabled", found[*directory.MFADevice](f)(f.d.MFADevice(f.account, serial)), want)
	f.equal("his", f.d.MFADevicesForUser(f.account, "bob"), []*directory.MFADevice{want})
	f.fails("in use", enable(f.account, "eve", serial, 0, 1), &directory.ExistsError{Kind: "enabled MFA device", Name: serial})
	f.fails("deleting it", func() error { return f.d.DeleteMFADevice(f.ctx, f.account, serial) }, &directory.InUseError{Kind: "MFA device", Name: serial, By: "a user"})
	f.fails("deleting him", func() error { return f.d.DeleteUser(f.ctx, f.account, "bob") }, &directory.InUseError{Kind: "user", Name: "Bob", By: "MFA devices"})
	hers := &directory.NotFoundError{Kind: "device of the user", Name: serial}
	f.fails("hers", func() error { return f.d.DeactivateMFADevice(f.ctx, f.account, "eve", serial) }, hers)
	f.fails("hers", func() error { return f.d.ResyncMFADevice(f.ctx, f.account, "eve", serial, "1", "2") }, hers)
	f.ok(f.d.TagMFADevice(f.ctx, f.account, serial, []directory.Tag{{Key: "A", Value: "c"}}))
	f.ok(f.d.UntagMFADevice(f.ctx, f.account, serial, []string{"none"}))
	f.ok(f.d.DeactivateMFADevice(f.ctx, f.account, "bob", serial))
	want.UserID, want.UserName, want.Enabled, want.Tags = "", "", time.Time{}, []directory.Tag{{Key: "A", Value: "c"}}
	f.reopen()
	f.equal("deactivated", f.d.MFADevices(f.account), []*directory.MFADevice{want})
	f.ok(f.d.DeleteMFADevice(f.ctx, f.account, serial))
	f.fails("deleted", func() error { return f.d.DeleteMFADevice(f.ctx, f.account, serial) }, none)
	f.reopen()
	f.ok(f.d.DeleteUser(f.ctx, f.account, "bob"))
}

// testMFACodes uses the codes of a device up, with its clock right and wrong.
func testMFACodes(f *fixture) {
	u, eve := f.user("bob"), f.user("eve")
	m, seed, err := f.d.CreateMFADevice(f.ctx, directory.MFADevice{AccountID: f.account, Name: "m"})
	f.ok(err)
	use := func(userID string, steps int64) func() error {
		code := f.codeAt(seed, steps)
		return func() error { return f.d.UseMFACode(f.ctx, userID, m.SerialNumber, code) }
	}
	f.fails("nobody's", use(u.ID, 0), &directory.NotFoundError{Kind: "device of the user", Name: m.SerialNumber})
	f.ok(f.d.EnableMFADevice(f.ctx, f.account, "bob", m.SerialNumber, f.codeAt(seed, -1), f.codeAt(seed, 0)))
	f.fails("another's", use(eve.ID, 1), &directory.NotFoundError{Kind: "device of the user", Name: m.SerialNumber})
	f.fails("used to enable it", use(u.ID, 0), directory.ErrWrongCode)
	f.ok(use(u.ID, 1)())
	f.reopen()
	f.fails("used", use(u.ID, 1), directory.ErrWrongCode)
	f.fails("earlier", use(u.ID, 0), directory.ErrWrongCode)
	f.ok(use(u.ID, 2)()) // its clock is ahead by two periods now
	f.now = f.now.Add(time.Hour)
	f.fails("too far behind", use(u.ID, 0), directory.ErrWrongCode)
	f.ok(use(u.ID, 3)())
	f.fails("too far ahead", use(u.ID, 19), directory.ErrWrongCode)
	f.ok(f.d.ResyncMFADevice(f.ctx, f.account, "bob", m.SerialNumber, f.codeAt(seed, 18), f.codeAt(seed, 19)))
	f.ok(use(u.ID, 20)())
	f.fails("far ahead", func() error {
		return f.d.ResyncMFADevice(f.ctx, f.account, "bob", m.SerialNumber, f.codeAt(seed, 30), f.codeAt(seed, 31))
	}, directory.ErrWrongCode)

	// Who guesses must wait, and so must everybody with the device.
	for range 5 {
		f.fails("guessed", func() error { return f.d.UseMFACode(f.ctx, u.ID, m.SerialNumber, "") }, directory.ErrWrongCode)
	}
	f.fails("right after five wrong ones", use(u.ID, 21), directory.ErrWrongCode)
	f.now = f.now.Add(5 * time.Minute)
	f.ok(use(u.ID, 20)())
	f.reopen()

	// Of many who use one code at once, one succeeds.
	code, wg := f.codeAt(seed, 21), sync.WaitGroup{}
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { errs[i] = f.d.UseMFACode(f.ctx, u.ID, m.SerialNumber, code) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		}
	}
	if won != 1 {
		f.Errorf("%d of %d used one code", won, len(errs))
	}

	f.ok(f.d.Close())
	stored, err := f.store.Bytes()
	f.ok(err)
	if bytes.Contains(stored, []byte(seed)) || bytes.Contains(stored, []byte(strings.ToLower(seed))) {
		f.Error("the seed can be read")
	}
	f.open()
}
