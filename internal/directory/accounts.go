package directory

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math/big"

	"github.com/keywright/keywright/arn"
)

// CreateAccount makes an account. An empty ID is made up, of 12 digits, and so
// is an empty CanonicalID; Created is now. It fails with *ExistsError and
// *InvalidError.
func (d *Directory) CreateAccount(ctx context.Context, a Account) (*Account, error) {
	if a.ID == "" {
		a.ID = newAccountID()
	}
	if a.CanonicalID == "" {
		a.CanonicalID = newCanonicalID()
	}
	if !arn.IsAccountID(a.ID) {
		return nil, &InvalidError{"account id", a.ID, "12 to 20 digits"}
	}
	if b, err := hex.DecodeString(a.CanonicalID); err != nil || len(b) != 32 {
		return nil, &InvalidError{"canonical user id", a.CanonicalID, "64 hexadecimal digits"}
	}
	if err := checkText("account name", a.Name, 128); err != nil {
		return nil, err
	}
	a.Created = truncated(d.now())
	err := d.mutate(ctx, func(v *view, c *change) error {
		if v.accounts[a.ID] != nil {
			return &ExistsError{Kind: "account", Name: a.ID}
		}
		if v.canonical[a.CanonicalID] != nil {
			return &ExistsError{Kind: "account", Name: a.CanonicalID}
		}
		c.put((*accountRow)(&a))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &a, nil
}

// newAccountID returns 12 random digits, of which the first is not 0.
func newAccountID() string {
	n, err := rand.Int(rand.Reader, big.NewInt(900_000_000_000))
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return fmt.Sprint(n.Int64() + 100_000_000_000)
}

func newCanonicalID() string {
	var b [32]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Account returns the account with an id.
func (d *Directory) Account(id string) (*Account, bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	a := d.view.accounts[id]
	if a == nil {
		return nil, false
	}
	return a.shown, true
}

// AccountByCanonicalID returns the account with a canonical user id.
func (d *Directory) AccountByCanonicalID(id string) (*Account, bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	a := d.view.canonical[id]
	if a == nil {
		return nil, false
	}
	return a.shown, true
}

// Accounts returns all accounts, sorted by id.
func (d *Directory) Accounts() (accounts []*Account) {
	d.read(func(v *view) {
		for _, a := range sortedValues(v.accounts, func(a *account) string { return a.shown.ID }) {
			accounts = append(accounts, a.shown)
		}
	})
	return accounts
}
