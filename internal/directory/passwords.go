package directory

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/keywright/keywright/internal/secrets"
)

// The password policy of an account that has none of its own ("Set an account
// password policy for IAM users", IAM User Guide).
const (
	defaultPasswordLength = 8
	defaultPasswordTypes  = 3 // of the four types of characters
)

const (
	maxPasswordLength = 128
	passwordSymbols   = "!@#$%^&*()_+-=[]{}|'"
)

// characterTypes are the types of characters that a password can have.
type characterTypes struct{ uppercase, lowercase, numbers, symbols bool }

func typesIn(password string) (t characterTypes) {
	for _, r := range password {
		switch {
		case r >= 'A' && r <= 'Z':
			t.uppercase = true
		case r >= 'a' && r <= 'z':
			t.lowercase = true
		case r >= '0' && r <= '9':
			t.numbers = true
		case strings.ContainsRune(passwordSymbols, r):
			t.symbols = true
		}
	}
	return t
}

func (t characterTypes) count() int {
	n := 0
	for _, has := range []bool{t.uppercase, t.lowercase, t.numbers, t.symbols} {
		if has {
			n++
		}
	}
	return n
}

// checkPassword fails with a *PasswordError unless a password is what an account
// asks for. It asks as AWS does when it has no policy of its own.
func (a *account) checkPassword(password string) error {
	length, types := utf8.RuneCountInString(password), typesIn(password)
	if length > maxPasswordLength || !utf8.ValidString(password) {
		return &PasswordError{"it may have at most " + strconv.Itoa(maxPasswordLength) + " characters"}
	}
	p := a.settings.passwords
	if p == nil {
		switch {
		case length < defaultPasswordLength:
			return &PasswordError{"it must have at least " + strconv.Itoa(defaultPasswordLength) + " characters"}
		case types.count() < defaultPasswordTypes:
			return &PasswordError{"it must have three of: uppercase letters, lowercase letters, numbers and symbols (" + passwordSymbols + ")"}
		case a.shown.Name != "" && strings.EqualFold(password, a.shown.Name):
			return &PasswordError{"it must not be the name of the account"}
		}
		return nil
	}
	for _, rule := range []struct {
		broken bool
		words  string
	}{
		{length < p.MinimumLength, "it must have at least " + strconv.Itoa(p.MinimumLength) + " characters"},
		{p.RequireUppercaseCharacters && !types.uppercase, "it must have an uppercase letter"},
		{p.RequireLowercaseCharacters && !types.lowercase, "it must have a lowercase letter"},
		{p.RequireNumbers && !types.numbers, "it must have a number"},
		{p.RequireSymbols && !types.symbols, "it must have one of the symbols " + passwordSymbols},
	} {
		if rule.broken {
			return &PasswordError{rule.words}
		}
	}
	return nil
}

// passwordRead is what a new password of a user is held against, as it was
// before the hashing began.
type passwordRead struct {
	userID string
	login  *loginRow // nil when the user has no password
	reuse  int
	err    error
}

func (d *Directory) readPassword(accountID, userName, password string) (p passwordRead) {
	d.read(func(v *view) {
		u, err := v.entity(Entity{accountID, KindUser, userName})
		if err != nil {
			p.err = err
			return
		}
		p.userID, p.login = u.row.id, u.login
		if policy := u.account.settings.passwords; policy != nil {
			p.reuse = policy.ReusePrevention
		}
		p.err = u.account.checkPassword(password)
	})
	return p
}

// toHash waits until a password may be hashed, for a request that has not ended:
// all of it takes half of the machine at most. The caller calls done afterwards.
func (d *Directory) toHash(ctx context.Context) (done func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case d.hashing <- struct{}{}:
		return func() { <-d.hashing }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// hash makes the hash of a new password, and the list in which it stands before
// the earlier ones that must not be used again. It fails with a *PasswordError
// when it is one of them. It takes long, so no lock is held.
func (d *Directory) hash(ctx context.Context, p passwordRead, password string) ([]string, error) {
	var earlier []string
	if p.login != nil {
		earlier = p.login.passwords
	}
	if len(earlier) > p.reuse {
		earlier = earlier[:p.reuse]
	}
	for _, sealed := range earlier {
		same, err := d.isPassword(ctx, p.userID, sealed, password)
		if err != nil {
			return nil, err
		}
		if same {
			return nil, &PasswordError{"it was used before: the last " + strconv.Itoa(p.reuse) + " passwords cannot be used again"}
		}
	}
	done, err := d.toHash(ctx)
	if err != nil {
		return nil, err
	}
	hash := secrets.HashPassword(password, d.passwordCost)
	done()
	b, err := d.keyring.Seal([]byte(hash), passwordPurpose(p.userID))
	if err != nil {
		return nil, err
	}
	return append([]string{base64.StdEncoding.EncodeToString(b)}, earlier[:min(len(earlier), max(p.reuse-1, 0))]...), nil
}

// isPassword reports whether a password is the one whose hash is stored.
func (d *Directory) isPassword(ctx context.Context, userID, sealed, password string) (bool, error) {
	b, err := base64.StdEncoding.DecodeString(sealed)
	if err == nil {
		b, err = d.keyring.Open(b, passwordPurpose(userID))
	}
	if err != nil {
		return false, fmt.Errorf("the password of user %s cannot be read: %w", userID, err)
	}
	done, err := d.toHash(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	return secrets.VerifyPassword(string(b), password), nil
}

// passwordPurpose is the associated data that binds the hash of a password to
// its user.
func passwordPurpose(userID string) []byte { return []byte("keywright password " + userID) }

// CreateLoginProfile gives a user a password to sign in to the console with. It
// fails with *NotFoundError (account, user), *ExistsError when he has one, and
// *PasswordError when the account's password policy does not allow it.
func (d *Directory) CreateLoginProfile(ctx context.Context, accountID, userName, password string, resetRequired bool) (*LoginProfile, error) {
	read := d.readPassword(accountID, userName, password)
	if read.login != nil {
		return nil, &ExistsError{Kind: "login profile", Name: userName}
	}
	if read.err != nil {
		return nil, read.err
	}
	hashes, err := d.hash(ctx, read, password)
	if err != nil {
		return nil, err
	}
	now := truncated(d.now())
	row := &loginRow{userID: read.userID, created: now, changed: now, resetRequired: resetRequired, passwords: hashes}
	var shown *LoginProfile
	err = d.mutate(ctx, func(v *view, c *change) error {
		u := v.entities[read.userID]
		switch {
		case u == nil:
			return &NotFoundError{"user", userName}
		case u.login != nil:
			return &ExistsError{Kind: "login profile", Name: u.row.name}
		}
		shown = row.show(u)
		c.put(row)
		return nil
	})
	return shown, err
}

// LoginProfile returns what may be told of a user's password: nothing when he
// has none.
func (d *Directory) LoginProfile(accountID, userName string) (p *LoginProfile, ok bool) {
	d.read(func(v *view) {
		if u, err := v.entity(Entity{accountID, KindUser, userName}); err == nil && u.login != nil {
			p, ok = u.login.show(u), true
		}
	})
	return p, ok
}

// UpdateLoginProfile changes a user's password, and whether he must set another
// one when he signs in next; nil leaves it as it is. It fails with
// *NotFoundError (account, user, login profile) and *PasswordError.
func (d *Directory) UpdateLoginProfile(ctx context.Context, accountID, userName string, password *string, resetRequired *bool) error {
	return d.changeLogin(ctx, accountID, userName, password, nil, func(r *loginRow) {
		if resetRequired != nil {
			r.resetRequired = *resetRequired
		}
	})
}

// ChangePassword changes a password as its user does, who must know the one he
// has. It fails with *NotFoundError (account, user, login profile),
// ErrWrongPassword and *PasswordError.
func (d *Directory) ChangePassword(ctx context.Context, accountID, userName, old, password string) error {
	known := func(r *loginRow) error {
		same, err := d.isPassword(ctx, r.userID, r.passwords[0], old)
		if err == nil && !same {
			err = ErrWrongPassword
		}
		return err
	}
	return d.changeLogin(ctx, accountID, userName, &password, known, func(r *loginRow) { r.resetRequired = false })
}

// changeLogin replaces a user's login profile by a copy that edit has changed,
// with another password unless it is nil. proof, which may be nil, is asked
// before anything is said of the new password.
func (d *Directory) changeLogin(ctx context.Context, accountID, userName string, password *string, proof func(*loginRow) error, edit func(*loginRow)) error {
	for {
		var text string
		if password != nil {
			text = *password
		}
		read := d.readPassword(accountID, userName, text)
		if read.userID == "" {
			return read.err
		}
		if read.login == nil {
			return &NotFoundError{"login profile", userName}
		}
		if proof != nil {
			if err := proof(read.login); err != nil {
				return err
			}
		}
		row := *read.login
		if password != nil {
			if read.err != nil {
				return read.err
			}
			hashes, err := d.hash(ctx, read, text)
			if err != nil {
				return err
			}
			row.passwords, row.changed = hashes, truncated(d.now())
		}
		edit(&row)
		replaced := true
		err := d.mutate(ctx, func(v *view, c *change) error {
			// What another request changed meanwhile decides anew.
			if u := v.entities[read.userID]; u == nil || u.login != read.login {
				replaced = false
				return nil
			}
			c.put(&row)
			return nil
		})
		if err != nil || replaced {
			return err
		}
	}
}

// DeleteLoginProfile takes the password from a user. It fails with
// *NotFoundError (account, user, login profile).
func (d *Directory) DeleteLoginProfile(ctx context.Context, accountID, userName string) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		u, err := v.entity(Entity{accountID, KindUser, userName})
		if err != nil {
			return err
		}
		if u.login == nil {
			return &NotFoundError{"login profile", userName}
		}
		c.remove(u.login)
		return nil
	})
}

// SignIn returns the user who has a password, and remembers that it was used. It
// fails with ErrWrongPassword, for a user who has no password or is not there
// too and after the same work: whether a user exists is for those who are in.
func (d *Directory) SignIn(ctx context.Context, accountID, userName, password string) (*User, *LoginProfile, error) {
	var login *loginRow
	d.read(func(v *view) {
		if u, err := v.entity(Entity{accountID, KindUser, userName}); err == nil {
			login = u.login
		}
	})
	if login == nil {
		done, err := d.toHash(ctx)
		if err != nil {
			return nil, nil, err
		}
		secrets.HashPassword(password, d.passwordCost)
		done()
		return nil, nil, ErrWrongPassword
	}
	same, err := d.isPassword(ctx, login.userID, login.passwords[0], password)
	if err != nil {
		return nil, nil, err
	}
	if !same {
		return nil, nil, ErrWrongPassword
	}
	var user *User
	var shown *LoginProfile
	err = d.mutate(ctx, func(v *view, c *change) error {
		u := v.entities[login.userID]
		if u == nil || u.login == nil || u.login.passwords[0] != login.passwords[0] {
			return ErrWrongPassword // changed since
		}
		row := *u.login
		row.used = truncated(d.now())
		user, shown = u.user, row.show(u)
		c.put(&row)
		return nil
	})
	return user, shown, err
}
