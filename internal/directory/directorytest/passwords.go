package directorytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/secrets"
)

// cheapPasswords lets tests make many passwords.
var cheapPasswords = secrets.PasswordCost{Memory: 8, Passes: 1}

// Passwords that an account without a password policy allows.
const (
	onePassword   = "correct Horse 1"
	otherPassword = "battery Staple 2"
	thirdPassword = "Tr0ub4dor&3"
)

func testLoginProfiles(f *fixture) {
	u := f.user("Bob")
	create := func(account, name, password string) func() error {
		return func() error {
			_, err := f.d.CreateLoginProfile(f.ctx, account, name, password, true)
			return err
		}
	}
	f.fails("no account", create(secondAccount, "Bob", onePassword), &directory.NotFoundError{Kind: "account", Name: secondAccount})
	f.fails("no user", create(f.account, "nobody", onePassword), &directory.NotFoundError{Kind: "user", Name: "nobody"})
	for name, call := range map[string]func() error{
		"update": func() error { return f.d.UpdateLoginProfile(f.ctx, f.account, "bob", ptr(onePassword), nil) },
		"change": func() error { return f.d.ChangePassword(f.ctx, f.account, "bob", onePassword, otherPassword) },
		"delete": func() error { return f.d.DeleteLoginProfile(f.ctx, f.account, "bob") },
	} {
		f.fails(name+" without a password", call, &directory.NotFoundError{Kind: "login profile", Name: "bob"})
	}

	made := must[*directory.LoginProfile](f)(f.d.CreateLoginProfile(f.ctx, f.account, "bob", onePassword, true))
	at := f.now.Truncate(time.Second)
	f.equal("new", made, &directory.LoginProfile{UserName: "Bob", Created: at, Changed: at, PasswordResetRequired: true})
	f.fails("a second one", create(f.account, "bob", onePassword), &directory.ExistsError{Kind: "login profile", Name: "bob"})
	f.fails("deleting the user", func() error { return f.d.DeleteUser(f.ctx, f.account, "Bob") }, &directory.InUseError{Kind: "user", Name: "Bob", By: "a login profile"})
	f.reopen()

	f.now = f.now.Add(time.Hour)
	later := f.now.Truncate(time.Second)
	f.ok(f.d.UpdateLoginProfile(f.ctx, f.account, "Bob", nil, ptr(false)))
	f.equal("no reset", found[*directory.LoginProfile](f)(f.d.LoginProfile(f.account, "Bob")), &directory.LoginProfile{UserName: "Bob", Created: at, Changed: at})
	f.ok(f.d.UpdateLoginProfile(f.ctx, f.account, "Bob", ptr(otherPassword), ptr(true)))
	f.equal("another", found[*directory.LoginProfile](f)(f.d.LoginProfile(f.account, "Bob")),
		&directory.LoginProfile{UserName: "Bob", Created: at, Changed: later, PasswordResetRequired: true})
	f.fails("the old one", func() error { return f.d.ChangePassword(f.ctx, f.account, "Bob", onePassword, thirdPassword) }, directory.ErrWrongPassword)
	f.fails("a weak one", func() error { return f.d.ChangePassword(f.ctx, f.account, "Bob", otherPassword, "weak") }, &directory.PasswordError{Reason: "it must have at least 8 characters"})
	f.ok(f.d.ChangePassword(f.ctx, f.account, "Bob", otherPassword, thirdPassword))
	f.reopen()

	_, err := f.d.UpdateUser(f.ctx, f.account, "Bob", ptr("Robert"), nil)
	f.ok(err)
	signIn := func(account, name, password string) func() error {
		return func() error { _, _, err := f.d.SignIn(f.ctx, account, name, password); return err }
	}
	ended, end := context.WithCancel(f.ctx)
	end()
	for _, name := range []string{"Robert", "nobody"} {
		if _, _, err := f.d.SignIn(ended, f.account, name, thirdPassword); !errors.Is(err, context.Canceled) {
			f.Errorf("%s signs in by a request that has ended: %v", name, err)
		}
	}
	if err := f.d.ChangePassword(ended, f.account, "Robert", otherPassword, onePassword); !errors.Is(err, context.Canceled) {
		f.Errorf("a wrong password is looked at for a request that has ended: %v", err)
	}
	f.fails("wrong", signIn(f.account, "Robert", otherPassword), directory.ErrWrongPassword)
	f.fails("nobody", signIn(f.account, "Bob", thirdPassword), directory.ErrWrongPassword)
	f.fails("elsewhere", signIn(secondAccount, "Robert", thirdPassword), directory.ErrWrongPassword)
	who, p, err := f.d.SignIn(f.ctx, f.account, "robert", thirdPassword)
	f.ok(err)
	if who.ID != u.ID || p.PasswordResetRequired || !p.LastUsed.Equal(later) || !p.Changed.Equal(later) {
		f.Errorf("signed in as %+v with %+v", who, p)
	}
	f.reopen()
	f.equal("used", found[*directory.LoginProfile](f)(f.d.LoginProfile(f.account, "Robert")).LastUsed, later)
	f.ok(f.d.DeleteLoginProfile(f.ctx, f.account, "Robert"))
	f.fails("deleted", signIn(f.account, "Robert", thirdPassword), directory.ErrWrongPassword)
	f.reopen()
	f.ok(f.d.DeleteUser(f.ctx, f.account, "Robert"))
}

// testPasswordRules gives passwords to a user under each rule of a policy.
func testPasswordRules(f *fixture) {
	f.user("u")
	try := func(password string) error {
		_, err := f.d.CreateLoginProfile(f.ctx, f.account, "u", password, false)
		if err == nil {
			f.ok(f.d.DeleteLoginProfile(f.ctx, f.account, "u"))
		}
		return err
	}
	check := func(what string, allowed []string, refused ...string) {
		f.Helper()
		for _, password := range allowed {
			if err := try(password); err != nil {
				f.Errorf("%s: %q: %v", what, password, err)
			}
		}
		for _, password := range refused {
			var e *directory.PasswordError
			if err := try(password); !errors.As(err, &e) {
				f.Errorf("%s: %q: %v", what, password, err)
			} else if strings.Contains(err.Error(), password) && password != "" {
				f.Errorf("%s: the error tells the password: %v", what, err)
			}
		}
	}
	// Three of four types of characters, and not the account's name.
	check("default", []string{"abcdEFG1", "abcdEFG|", "abcd123'", "ABCD123{", "Passwort ü1", strings.Repeat("aA1", 42) + "aA"},
		"", "aA1!567", "abcdefgh", "abcdEFGH", "abcdefg1", "abcdEFGü", strings.Repeat("aA1", 43), "abcdEFG\xff1")
	named := "210000000000"
	_, err := f.d.CreateAccount(f.ctx, directory.Account{ID: named, Name: "Example-1"})
	f.ok(err)
	_, err = f.d.CreateUser(f.ctx, directory.User{AccountID: named, Name: "u"})
	f.ok(err)
	if _, err := f.d.CreateLoginProfile(f.ctx, named, "u", "eXample-1", false); !sameError(err, &directory.PasswordError{Reason: "it must not be the name of the account"}) {
		f.Errorf("the account's name as a password: %v", err)
	}

	for _, rule := range []struct {
		policy           directory.PasswordPolicy
		allowed, refused string
	}{
		{directory.PasswordPolicy{MinimumLength: 6}, "aaaaaa", "aaaaa"},
		{directory.PasswordPolicy{MinimumLength: 20}, strings.Repeat("ü", 20), strings.Repeat("ü", 19)},
		{directory.PasswordPolicy{MinimumLength: 6, RequireSymbols: true}, "aaaaa[", "aaaaa~"},
		{directory.PasswordPolicy{MinimumLength: 6, RequireNumbers: true}, "aaaaa0", "aaaaa²"},
		{directory.PasswordPolicy{MinimumLength: 6, RequireUppercaseCharacters: true}, "aaaaaZ", "aaaaaÄ"},
		{directory.PasswordPolicy{MinimumLength: 6, RequireLowercaseCharacters: true}, "AAAAAz", "AAAAAä"},
	} {
		f.ok(f.d.SetPasswordPolicy(f.ctx, f.account, rule.policy))
		check(fmt.Sprintf("%+v", rule.policy), []string{rule.allowed}, rule.refused)
	}
}

// testPasswordReuse changes passwords where the last three must not come again.
func testPasswordReuse(f *fixture) {
	f.user("u")
	_, err := f.d.CreateLoginProfile(f.ctx, f.account, "u", "password-1", false)
	f.ok(err)
	set := func(n int) func() error {
		return func() error {
			return f.d.UpdateLoginProfile(f.ctx, f.account, "u", ptr(fmt.Sprint("password-", n)), nil)
		}
	}
	f.ok(set(1)()) // without a policy the same may stay
	f.ok(f.d.SetPasswordPolicy(f.ctx, f.account, directory.PasswordPolicy{MinimumLength: 6, ReusePrevention: 3}))
	reused := &directory.PasswordError{Reason: "it was used before: the last 3 passwords cannot be used again"}
	f.fails("the same", set(1), reused)
	for n := 2; n <= 3; n++ {
		f.ok(set(n)())
	}
	f.reopen()
	for n := 1; n <= 3; n++ {
		f.fails("reused", set(n), reused)
		f.fails("reused by the user", func() error {
			return f.d.ChangePassword(f.ctx, f.account, "u", "password-3", fmt.Sprint("password-", n))
		}, reused)
	}
	f.ok(set(4)())
	f.ok(set(1)()) // three others came between
	// What is not to be remembered any more is forgotten.
	f.ok(f.d.SetPasswordPolicy(f.ctx, f.account, directory.PasswordPolicy{MinimumLength: 6, ReusePrevention: 1}))
	f.ok(set(4)())
	f.ok(f.d.SetPasswordPolicy(f.ctx, f.account, directory.PasswordPolicy{MinimumLength: 6, ReusePrevention: 3}))
	f.fails("the same", set(4), reused)
	f.ok(set(1)())
	f.reopen()
}

// testPasswordsHidden looks for passwords in what is stored and in what is told.
func testPasswordsHidden(f *fixture) {
	f.user("u")
	p := must[*directory.LoginProfile](f)(f.d.CreateLoginProfile(f.ctx, f.account, "u", onePassword, false))
	f.ok(f.d.Close())
	stored, err := f.store.Bytes()
	f.ok(err)
	for _, secret := range []string{onePassword, "argon2id", "$v=19$"} {
		if bytes.Contains(stored, []byte(secret)) || strings.Contains(fmt.Sprintf("%+v", p), secret) {
			f.Errorf("%q can be read", secret)
		}
	}
	f.open()
}

// testPasswordRaces has many change one password at once: each must know the one
// that is there, so one of them wins.
func testPasswordRaces(f *fixture) {
	f.user("u")
	_, err := f.d.CreateLoginProfile(f.ctx, f.account, "u", onePassword, false)
	f.ok(err)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			errs[i] = f.d.ChangePassword(f.ctx, f.account, "u", onePassword, fmt.Sprint("Password-", i))
		})
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		if err == nil {
			won++
			_, _, err = f.d.SignIn(f.ctx, f.account, "u", fmt.Sprint("Password-", i))
			f.ok(err)
		} else if !errors.Is(err, directory.ErrWrongPassword) {
			f.Errorf("change %d: %v", i, err)
		}
	}
	if won != 1 {
		f.Errorf("%d of %d changed the password", won, len(errs))
	}
}
