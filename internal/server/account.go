package server

import (
	"context"
	"crypto/subtle"
	"fmt"
	"slices"

	"github.com/keywright/keywright/internal/directory"
)

// prepareAccount finds the account, or makes it at the first start, and sees to
// its root's access key.
func (s *Server) prepareAccount(ctx context.Context) error {
	account, err := s.findAccount()
	if err != nil {
		return err
	}
	if account == nil {
		if account, err = s.makeAccount(ctx); err != nil {
			return err
		}
	}
	s.account = account
	switch {
	case s.config.RootKey != AccessKey{}:
		return s.giveRootKey(ctx)
	case s.untouched():
		return s.makeRootKey(ctx)
	}
	return nil
}

// findAccount returns the account that the first start made, which is the
// oldest, or nil.
func (s *Server) findAccount() (*directory.Account, error) {
	accounts := s.directory.Accounts()
	if len(accounts) == 0 {
		return nil, nil
	}
	first := slices.MinFunc(accounts, func(a, b *directory.Account) int { return a.Created.Compare(b.Created) })
	if id := s.config.AccountID; id != "" && id != first.ID {
		return nil, &Error{
			Problem: fmt.Sprintf("the data directory %s holds account %s, not %s", s.config.DataDir, first.ID, id),
			Hint:    "an account keeps its id, since policies name it: leave --account-id out, or give --data another directory"}
	}
	return first, nil
}

// makeAccount makes the account: without a configured id, of 12 random digits.
func (s *Server) makeAccount(ctx context.Context) (*directory.Account, error) {
	account, err := s.directory.CreateAccount(ctx, directory.Account{ID: s.config.AccountID})
	if err != nil {
		return nil, fmt.Errorf("make the account: %w", err)
	}
	return account, nil
}

// untouched reports whether nobody can have used the account yet. Then a start
// that ended before it could show the root's key is not the last one; an
// account whose root's keys were deleted later does not get them back.
func (s *Server) untouched() bool {
	id := s.account.ID
	return len(s.directory.AccessKeys(id, "")) == 0 && len(s.directory.Users(id, "")) == 0 &&
		len(s.directory.Roles(id, "")) == 0 && len(s.directory.Buckets(id)) == 0
}

func (s *Server) makeRootKey(ctx context.Context) error {
	key, secret, err := s.directory.CreateAccessKey(ctx, s.account.ID, "")
	if err != nil {
		return fmt.Errorf("make the root access key: %w", err)
	}
	s.newRootKey = &AccessKey{ID: key.ID, Secret: secret}
	return nil
}

// giveRootKey makes the configured key the root's. One that is there already
// changes nothing, so that a restart does no harm; another is a rotation, after
// which no older key may work.
func (s *Server) giveRootKey(ctx context.Context) error {
	given, account := s.config.RootKey, s.account.ID
	if c, ok := s.directory.Credential(given.ID); ok {
		switch {
		case c.AccountID != account || c.UserID != "":
			return &Error{Problem: "KEYWRIGHT_ROOT_ACCESS_KEY_ID is the access key of somebody else than the root", Hint: "choose another id"}
		case subtle.ConstantTimeCompare([]byte(c.Secret), []byte(given.Secret)) == 1:
			if !c.Active {
				s.config.Log.Warn("the given root access key is inactive: give another one to replace it", "accessKeyId", given.ID)
			}
			return nil
		}
	}
	for _, k := range s.directory.AccessKeys(account, "") {
		if err := s.directory.DeleteAccessKey(ctx, account, "", k.ID); err != nil {
			return fmt.Errorf("replace the root access key %s: %w", k.ID, err)
		}
		s.config.Log.Warn("root access key replaced by the given one", "accessKeyId", k.ID)
	}
	if _, err := s.directory.ImportAccessKey(ctx, account, "", given.ID, given.Secret); err != nil {
		return fmt.Errorf("import the given root access key: %w", err)
	}
	return nil
}
