package directory

import (
	"context"

	"github.com/keywright/keywright/internal/secrets"
)

// CreateAccessKey makes an active access key for a user, or for the account's
// root when userName is "". The secret is returned this once. It fails with
// *NotFoundError (account, user) and *LimitError.
func (d *Directory) CreateAccessKey(ctx context.Context, accountID, userName string) (key AccessKey, secret string, err error) {
	secret = secrets.NewSecretAccessKey()
	key, err = d.addKey(ctx, accountID, userName, secrets.NewAccessKeyID("AKIA"), secret)
	if err != nil {
		return AccessKey{}, "", err
	}
	return key, secret, nil
}

// ImportAccessKey makes an active access key whose id and secret are given. It
// fails with *NotFoundError (account, user), *ExistsError, *LimitError and
// *InvalidError.
func (d *Directory) ImportAccessKey(ctx context.Context, accountID, userName, id, secret string) (AccessKey, error) {
	if !keyIDPattern.MatchString(id) {
		return AccessKey{}, &InvalidError{"access key id", id, "16 to 128 letters, digits and underscores"}
	}
	if len(secret) < 8 || len(secret) > 128 {
		return AccessKey{}, &InvalidError{"secret access key", "", "8 to 128 characters"}
	}
	return d.addKey(ctx, accountID, userName, id, secret)
}

func (d *Directory) addKey(ctx context.Context, accountID, userName, id, secret string) (key AccessKey, err error) {
	r := &keyRow{id: id, accountID: accountID, active: true, created: truncated(d.now()), secret: secret}
	if r.sealed, err = seal(d.keyring, secret, id); err != nil {
		return AccessKey{}, err
	}
	err = d.mutate(ctx, func(v *view, c *change) error {
		user, keys, err := v.holder(accountID, userName)
		if err != nil {
			return err
		}
		if v.keys[id] != nil {
			return &ExistsError{Kind: "access key", Name: id}
		}
		if err := within(QuotaAccessKeysPerUser, len(keys)+1); err != nil {
			return err
		}
		if user != nil {
			r.userID = user.row.id
		}
		key = (&accessKey{row: r, user: user}).show()
		c.put(r)
		return nil
	})
	return key, err
}

// holder finds a user, or nil for an account's root, with its access keys.
func (v *view) holder(accountID, userName string) (*entity, map[string]*accessKey, error) {
	if userName == "" {
		a, err := v.account(accountID)
		if err != nil {
			return nil, nil, err
		}
		return nil, a.rootKeys, nil
	}
	u, err := v.entity(Entity{accountID, KindUser, userName})
	if err != nil {
		return nil, nil, err
	}
	return u, u.keys, nil
}

// heldKey finds an access key of a user or root, or fails with a
// *NotFoundError.
func (v *view) heldKey(accountID, userName, id string) (*accessKey, error) {
	_, keys, err := v.holder(accountID, userName)
	if err != nil {
		return nil, err
	}
	if keys[id] == nil {
		return nil, &NotFoundError{"access key", id}
	}
	return keys[id], nil
}

// AccessKey returns an access key by its id.
func (d *Directory) AccessKey(id string) (AccessKey, bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	k := d.view.keys[id]
	if k == nil {
		return AccessKey{}, false
	}
	return k.show(), true
}

// AccessKeys returns the access keys of a user, or of the account's root when
// userName is "", the oldest first.
func (d *Directory) AccessKeys(accountID, userName string) (keys []AccessKey) {
	d.read(func(v *view) {
		_, held, err := v.holder(accountID, userName)
		if err != nil {
			return
		}
		for _, k := range sortedValues(held, func(k *accessKey) string { return k.row.created.Format(sortableTime) + k.row.id }) {
			keys = append(keys, k.show())
		}
	})
	return keys
}

const sortableTime = "20060102150405"

// UpdateAccessKey activates or deactivates an access key of a user, or of the
// account's root when userName is "". It fails with *NotFoundError (account,
// user, access key).
func (d *Directory) UpdateAccessKey(ctx context.Context, accountID, userName, id string, active bool) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		k, err := v.heldKey(accountID, userName, id)
		if err != nil {
			return err
		}
		row := *k.row
		row.active = active
		c.put(&row)
		return nil
	})
}

// DeleteAccessKey deletes an access key of a user, or of the account's root
// when userName is "". It fails with *NotFoundError (account, user, access
// key).
func (d *Directory) DeleteAccessKey(ctx context.Context, accountID, userName, id string) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		k, err := v.heldKey(accountID, userName, id)
		if err != nil {
			return err
		}
		c.remove(k.row)
		return nil
	})
}

// Credential returns what a request signed with an access key is checked
// against. An inactive key is returned too.
func (d *Directory) Credential(accessKeyID string) (Credential, bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	k := d.view.keys[accessKeyID]
	if k == nil {
		return Credential{}, false
	}
	return Credential{AccessKeyID: k.row.id, Secret: k.row.secret, Active: k.row.active, AccountID: k.row.accountID, UserID: k.row.userID}, true
}
