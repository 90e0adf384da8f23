package querytest

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/oidc"
	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/session"
	"github.com/keywright/keywright/policy/eval"
)

// The accounts that NewDirectory makes.
const (
	AccountID      = "123456789012"
	OtherAccountID = "999999999999"
)

// NewDirectory returns a directory of two accounts without users, and the key
// that it seals with.
func NewDirectory(t testing.TB) (*directory.Directory, *secrets.Keyring) {
	t.Helper()
	text, err := secrets.Generate()
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := secrets.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	d, err := directory.Open(t.Context(), directory.Options{
		Path:         filepath.Join(t.TempDir(), "directory.db"),
		Keyring:      keyring,
		Now:          func() time.Time { return Now },
		PasswordCost: secrets.PasswordCost{Memory: 8, Passes: 1},
		Logger:       slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	for _, id := range []string{AccountID, OtherAccountID} {
		if _, err := d.CreateAccount(t.Context(), directory.Account{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	return d, keyring
}

// Root returns the root of an account as a caller.
func Root(accountID string) *service.Caller {
	return &service.Caller{Type: eval.Root, AccountID: accountID, ARN: "arn:aws:iam::" + accountID + ":root", UserID: accountID}
}

// FindCaller returns whom a script calls "root", "other" (the root of the other
// account), "user NAME" or "role NAME".
func FindCaller(d *directory.Directory, text string) (*service.Caller, error) {
	kind, name, _ := strings.Cut(text, " ")
	switch kind {
	case "root":
		return Root(AccountID), nil
	case "other":
		return Root(OtherAccountID), nil
	case "user":
		if u, ok := d.User(AccountID, name); ok {
			return userCaller(u), nil
		}
	case "role":
		if r, ok := d.Role(AccountID, name); ok {
			return roleCaller(r, &session.Session{Kind: session.AssumedRole, RoleID: r.ID, SessionName: "session"}), nil
		}
	}
	return nil, fmt.Errorf("there is no %s", text)
}

// Federated returns who shows a token of an account's OpenID Connect provider.
func Federated(accountID string, token *oidc.Token) *service.Caller {
	arn := directory.OpenIDConnectProviderARN(accountID, token.Issuer)
	return &service.Caller{
		Type: eval.FederatedIdentity, AccountID: accountID, ARN: arn, UserID: arn + ":" + token.Audience + ":" + token.Subject, Token: token,
	}
}

// SessionCaller returns the caller who has a session's credentials.
func SessionCaller(d *directory.Directory, s *session.Session) (*service.Caller, error) {
	if s.Kind == session.AssumedRole {
		r, ok := d.RoleByID(s.RoleID)
		if !ok {
			return nil, fmt.Errorf("there is no role %s", s.RoleID)
		}
		return roleCaller(r, s), nil
	}
	if s.UserID == "" {
		c := Root(s.AccountID)
		c.Session = s
		return c, nil
	}
	u, ok := d.UserByID(s.UserID)
	if !ok {
		return nil, fmt.Errorf("there is no user %s", s.UserID)
	}
	c := userCaller(u)
	c.Session = s
	if s.Kind == session.FederatedUser {
		c.Type, c.UserName, c.UserID = eval.FederatedUser, "", s.AccountID+":"+s.SessionName
		c.ARN = "arn:aws:sts::" + s.AccountID + ":federated-user/" + s.SessionName
	}
	return c, nil
}

func userCaller(u *directory.User) *service.Caller {
	return &service.Caller{Type: eval.User, AccountID: u.AccountID, ARN: u.ARN, UserID: u.ID, UserName: u.Name}
}

func roleCaller(r *directory.Role, s *session.Session) *service.Caller {
	return &service.Caller{
		Type: eval.AssumedRole, AccountID: r.AccountID, UserID: r.ID + ":" + s.SessionName,
		ARN:     "arn:aws:sts::" + r.AccountID + ":assumed-role/" + r.Name + "/" + s.SessionName,
		Session: s,
	}
}
