package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/keywright/keywright/internal/directory"
)

// AccountsConfig says on which data directory accounts are added or listed. The
// server that uses it is asked to do so, when there is one.
type AccountsConfig struct {
	DataDir   string
	MasterKey string // as Config has it
	Log       *slog.Logger
}

// AddedAccount is an account with the access key of its root, which cannot be
// had again.
type AddedAccount struct {
	Account directory.Account
	RootKey AccessKey
}

// AddAccount makes one more account in a data directory that a server has made,
// and the access key of its root. An empty id is made up, of 12 digits. Its
// errors are of type *Error wherever the operator can do something about them.
func AddAccount(ctx context.Context, c AccountsConfig, id, name string) (added *AddedAccount, err error) {
	err = c.withDirectory(ctx, func(d *directory.Directory) error {
		added, err = addAccount(ctx, d, id, name)
		return err
	})
	if errors.Is(err, errInUse) {
		return c.askToAdd(ctx, id, name, err)
	}
	if err != nil {
		return nil, err
	}
	return added, nil
}

func addAccount(ctx context.Context, d *directory.Directory, id, name string) (*AddedAccount, error) {
	// The first account is known by its age, in whole seconds.
	if err := laterThan(ctx, d.Accounts()); err != nil {
		return nil, err
	}
	account, err := d.CreateAccount(ctx, directory.Account{ID: id, Name: name})
	if err != nil {
		return nil, accountError(err)
	}
	// Nobody could enter an account that was left without its key.
	key, secret, err := d.CreateAccessKey(context.WithoutCancel(ctx), account.ID, "")
	if err != nil {
		return nil, err
	}
	return &AddedAccount{*account, AccessKey{key.ID, secret}}, nil
}

// Accounts returns the accounts of a data directory, the first one first.
func Accounts(ctx context.Context, c AccountsConfig) (accounts []directory.Account, err error) {
	err = c.withDirectory(ctx, func(d *directory.Directory) error {
		accounts = accountsOf(d)
		return nil
	})
	if errors.Is(err, errInUse) {
		return c.askForAccounts(ctx, err)
	}
	return accounts, err
}

func accountsOf(d *directory.Directory) (accounts []directory.Account) {
	for _, a := range d.Accounts() {
		accounts = append(accounts, *a)
	}
	slices.SortFunc(accounts, func(a, b directory.Account) int { return a.Created.Compare(b.Created) })
	return accounts
}

// withDirectory calls f with the directory of a data directory that nothing else
// uses meanwhile.
func (c AccountsConfig) withDirectory(ctx context.Context, f func(*directory.Directory) error) (err error) {
	s := &Server{config: Config{DataDir: c.DataDir, MasterKey: c.MasterKey, Region: "us-east-1", Log: c.Log}}
	if _, err := os.Stat(s.path("directory.db")); errors.Is(err, fs.ErrNotExist) {
		return c.noAccounts() // nothing is made where no server was
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.openFolder(ctx); err != nil {
		return err
	}
	if s.keyring, err = s.openKeyring(); err != nil {
		return err
	}
	if err := s.openDirectory(ctx); err != nil {
		return err
	}
	if len(s.directory.Accounts()) == 0 {
		return c.noAccounts()
	}
	return f(s.directory)
}

func (c AccountsConfig) noAccounts() error {
	return &Error{Problem: "there are no accounts in " + c.DataDir, Hint: "start keywright serve --data " + c.DataDir + " once: its first start makes the first account"}
}

// laterThan waits until what is made is younger than every account.
func laterThan(ctx context.Context, accounts []*directory.Account) error {
	for _, a := range accounts {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(a.Created.Add(time.Second))):
		}
	}
	return nil
}

func accountError(err error) error {
	var exists *directory.ExistsError
	var invalid *directory.InvalidError
	switch {
	case errors.As(err, &exists):
		return wrong(fmt.Sprintf("there is an account %s already", exists.Name), "leave --account-id out, or give another one")
	case errors.As(err, &invalid):
		return wrong(fmt.Sprintf("%q is no %s", invalid.Value, invalid.Field), "it has "+invalid.Reason)
	}
	return fmt.Errorf("make the account: %w", err)
}
