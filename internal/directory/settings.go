package directory

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
)

var (
	aliasPattern     = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	aliasNamePattern = regexp.MustCompile(`^[a-zA-Z0-9/_-]+$`)
	twelveDigits     = regexp.MustCompile(`^[0-9]{12}$`)
)

// AccountAlias returns the alias of an account.
func (d *Directory) AccountAlias(accountID string) (alias string, ok bool) {
	d.read(func(v *view) {
		if a := v.accounts[accountID]; a != nil {
			alias = a.settings.alias
		}
	})
	return alias, alias != ""
}

// SetAccountAlias gives an account an alias, in place of the one that it has.
// It fails with *NotFoundError (account) and *InvalidError, and with
// *ExistsError when any account has the alias.
func (d *Directory) SetAccountAlias(ctx context.Context, account, alias string) error {
	if len(alias) < 3 || len(alias) > 63 || !aliasPattern.MatchString(alias) || twelveDigits.MatchString(alias) {
		return &InvalidError{"account alias", alias, "3 to 63 lowercase letters, digits and single hyphens between them, and not 12 digits"}
	}
	return d.changeSettings(ctx, account, func(v *view, r *settingsRow) error {
		if v.aliases[alias] {
			return &ExistsError{Kind: "account alias", Name: alias}
		}
		r.alias = alias
		return nil
	})
}

// RemoveAccountAlias takes an alias from an account. It fails with
// *NotFoundError: of the account, or of the alias when it is not the account's.
func (d *Directory) RemoveAccountAlias(ctx context.Context, account, alias string) error {
	return d.changeSettings(ctx, account, func(_ *view, r *settingsRow) error {
		if alias == "" || r.alias != alias {
			return &NotFoundError{"account alias", alias}
		}
		r.alias = ""
		return nil
	})
}

// PasswordPolicy returns the password policy of an account, if it has one of
// its own.
func (d *Directory) PasswordPolicy(accountID string) (p PasswordPolicy, ok bool) {
	d.read(func(v *view) {
		if a := v.accounts[accountID]; a != nil && a.settings.passwords != nil {
			p, ok = *a.settings.passwords, true
		}
	})
	return p, ok
}

// SetPasswordPolicy gives an account a password policy, in place of the one
// that it has. It fails with *NotFoundError (account) and *InvalidError.
func (d *Directory) SetPasswordPolicy(ctx context.Context, account string, p PasswordPolicy) error {
	for _, limit := range []struct {
		field              string
		value, least, most int
	}{
		{"minimum password length", p.MinimumLength, 6, 128},
		{"maximum password age", p.MaxAge, 0, 1095},
		{"password reuse prevention", p.ReusePrevention, 0, 24},
	} {
		if limit.value < limit.least || limit.value > limit.most {
			return &InvalidError{limit.field, strconv.Itoa(limit.value), fmt.Sprintf("from %d to %d", limit.least, limit.most)}
		}
	}
	return d.changeSettings(ctx, account, func(_ *view, r *settingsRow) error {
		r.passwords = &p
		return nil
	})
}

// RemovePasswordPolicy takes its own password policy from an account. It fails
// with *NotFoundError: of the account, or of the policy.
func (d *Directory) RemovePasswordPolicy(ctx context.Context, account string) error {
	return d.changeSettings(ctx, account, func(_ *view, r *settingsRow) error {
		if r.passwords == nil {
			return &NotFoundError{"password policy", account}
		}
		r.passwords = nil
		return nil
	})
}

// TokenVersion returns the version of the session tokens that an account asks
// for: 1 or 2.
func (d *Directory) TokenVersion(accountID string) (version int) {
	d.read(func(v *view) {
		if a := v.accounts[accountID]; a != nil {
			version = a.settings.tokens
		}
	})
	return max(version, 1)
}

// SetTokenVersion says which version of session tokens an account asks for. It
// fails with *NotFoundError (account) and *InvalidError.
func (d *Directory) SetTokenVersion(ctx context.Context, account string, version int) error {
	if version != 1 && version != 2 {
		return &InvalidError{"token version", strconv.Itoa(version), "1 or 2"}
	}
	return d.changeSettings(ctx, account, func(_ *view, r *settingsRow) error {
		r.tokens = version
		return nil
	})
}

// changeSettings replaces the settings of an account by a copy that edit has
// changed.
func (d *Directory) changeSettings(ctx context.Context, account string, edit func(*view, *settingsRow) error) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		a, err := v.account(account)
		if err != nil {
			return err
		}
		row := *a.settings
		if err := edit(v, &row); err != nil {
			return err
		}
		c.put(&row)
		return nil
	})
}
