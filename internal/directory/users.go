package directory

import "context"

// CreateUser makes a user and fills in its ID, ARN and Created. Path defaults
// to "/". It fails with *NotFoundError (account, policy of the boundary),
// *ExistsError, *LimitError and *InvalidError.
func (d *Directory) CreateUser(ctx context.Context, u User) (*User, error) {
	r := &entityRow{kind: KindUser, accountID: u.AccountID, path: u.Path, name: u.Name, boundary: u.PermissionsBoundary, tags: u.Tags}
	if err := d.createEntity(ctx, r, nil); err != nil {
		return nil, err
	}
	return r.user(), nil
}

// User returns a user by name, in whatever case.
func (d *Directory) User(accountID, name string) (*User, bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	e, err := d.view.entity(Entity{accountID, KindUser, name})
	if err != nil {
		return nil, false
	}
	return e.user, true
}

// UserByID returns a user by its unique id.
func (d *Directory) UserByID(id string) (*User, bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	e := d.view.entities[id]
	if e == nil || e.row.kind != KindUser {
		return nil, false
	}
	return e.user, true
}

// UpdateUser gives a user another name or path; nil leaves it as it is. The
// user keeps its ID, and its ARN changes. It fails with *NotFoundError,
// *ExistsError and *InvalidError.
func (d *Directory) UpdateUser(ctx context.Context, accountID, name string, newName, newPath *string) (*User, error) {
	r, err := d.renameEntity(ctx, Entity{accountID, KindUser, name}, newName, newPath)
	if err != nil {
		return nil, err
	}
	return r.user(), nil
}

// DeleteUser deletes a user. It fails with *NotFoundError, and with
// *InUseError while the user is in groups or has a password, MFA devices,
// access keys or policies.
func (d *Directory) DeleteUser(ctx context.Context, accountID, name string) error {
	return d.deleteEntity(ctx, Entity{accountID, KindUser, name})
}

// Users returns the users of an account whose paths begin with a prefix,
// sorted by name.
func (d *Directory) Users(accountID, pathPrefix string) []*User {
	return list(d, accountID, KindUser, pathPrefix, func(e *entity) *User { return e.user })
}
