package directorytest

import (
	"strings"

	"github.com/keywright/keywright/internal/directory"
)

func testAccountAliases(f *fixture) {
	f.ok(f.createAccount(secondAccount))
	set := func(account, alias string) func() error {
		return func() error { return f.d.SetAccountAlias(f.ctx, account, alias) }
	}
	remove := func(account, alias string) func() error {
		return func() error { return f.d.RemoveAccountAlias(f.ctx, account, alias) }
	}
	if alias, ok := f.d.AccountAlias(f.account); ok {
		f.Errorf("a new account has the alias %s", alias)
	}
	for _, alias := range []string{"", "ab", "-ab", "ab-", "a--b", "Abc", "a.b", "a b", "123456789012", strings.Repeat("a", 64), "abc\n"} {
		f.fails("alias "+alias, set(f.account, alias), &directory.InvalidError{Field: "account alias"})
	}
	f.ok(set(f.account, strings.Repeat("a", 63))())
	f.ok(set(f.account, "a-1")()) // in place of the first
	f.equal("alias", found[string](f)(f.d.AccountAlias(f.account)), "a-1")
	f.ok(set(secondAccount, strings.Repeat("a", 63))())
	f.fails("another's alias", set(secondAccount, "a-1"), &directory.ExistsError{Kind: "account alias", Name: "a-1"})
	f.fails("no account", set("333333333333", "abc"), &directory.NotFoundError{Kind: "account", Name: "333333333333"})
	f.fails("not its alias", remove(secondAccount, "a-1"), &directory.NotFoundError{Kind: "account alias", Name: "a-1"})
	f.reopen()
	f.fails("another's alias", set(secondAccount, "a-1"), &directory.ExistsError{Kind: "account alias", Name: "a-1"})
	f.ok(remove(f.account, "a-1")())
	f.fails("no alias", remove(f.account, ""), &directory.NotFoundError{Kind: "account alias"})
	f.ok(set(secondAccount, "a-1")())
	f.reopen()
}

func testPasswordPolicies(f *fixture) {
	set := func(p directory.PasswordPolicy) func() error {
		return func() error { return f.d.SetPasswordPolicy(f.ctx, f.account, p) }
	}
	remove := func() error { return f.d.RemovePasswordPolicy(f.ctx, f.account) }
	f.fails("none", remove, &directory.NotFoundError{Kind: "password policy", Name: f.account})
	for field, p := range map[string]directory.PasswordPolicy{
		"minimum password length":   {MinimumLength: 5},
		"maximum password age":      {MinimumLength: 6, MaxAge: 1096},
		"password reuse prevention": {MinimumLength: 128, ReusePrevention: 25},
	} {
		f.fails(field, set(p), &directory.InvalidError{Field: field})
	}
	f.ok(set(directory.PasswordPolicy{MinimumLength: 6})())
	whole := directory.PasswordPolicy{
		MinimumLength: 128, RequireSymbols: true, RequireNumbers: true, RequireUppercaseCharacters: true, RequireLowercaseCharacters: true,
		AllowUsersToChangePassword: true, MaxAge: 1095, ReusePrevention: 24, HardExpiry: ptr(true),
	}
	f.ok(set(whole)())
	f.ok(f.d.SetAccountAlias(f.ctx, f.account, "alias"))
	f.reopen()
	f.equal("policy", found[directory.PasswordPolicy](f)(f.d.PasswordPolicy(f.account)), whole)
	f.fails("no account", func() error { return f.d.SetPasswordPolicy(f.ctx, secondAccount, whole) }, &directory.NotFoundError{Kind: "account", Name: secondAccount})
	f.ok(remove())
	f.reopen()
	f.equal("alias", found[string](f)(f.d.AccountAlias(f.account)), "alias")
}

func testTokenVersions(f *fixture) {
	if v := f.d.TokenVersion(f.account); v != 1 {
		f.Errorf("a new account asks for version %d", v)
	}
	for _, bad := range []int{0, 3} {
		f.fails("version", func() error { return f.d.SetTokenVersion(f.ctx, f.account, bad) }, &directory.InvalidError{Field: "token version"})
	}
	f.ok(f.d.SetTokenVersion(f.ctx, f.account, 2))
	f.ok(f.d.SetAccountAlias(f.ctx, f.account, "alias"))
	f.reopen()
	f.equal("version", f.d.TokenVersion(f.account), 2)
	f.ok(f.d.SetTokenVersion(f.ctx, f.account, 1))
	f.reopen()
	f.equal("version", f.d.TokenVersion(f.account), 1)
}
