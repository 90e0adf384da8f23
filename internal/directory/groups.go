package directory

import "context"

// CreateGroup makes a group and fills in its ID, ARN and Created. Path
// defaults to "/". It fails with *NotFoundError (account), *ExistsError,
// *LimitError and *InvalidError.
func (d *Directory) CreateGroup(ctx context.Context, g Group) (*Group, error) {
	r := &entityRow{kind: KindGroup, accountID: g.AccountID, path: g.Path, name: g.Name}
	if err := d.createEntity(ctx, r, nil); err != nil {
		return nil, err
	}
	return r.group(), nil
}

// Group returns a group by name, in whatever case.
func (d *Directory) Group(accountID, name string) (*Group, bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	e, err := d.view.entity(Entity{accountID, KindGroup, name})
	if err != nil {
		return nil, false
	}
	return e.group, true
}

// UpdateGroup gives a group another name or path; nil leaves it as it is. It
// fails with *NotFoundError, *ExistsError and *InvalidError.
func (d *Directory) UpdateGroup(ctx context.Context, accountID, name string, newName, newPath *string) (*Group, error) {
	r, err := d.renameEntity(ctx, Entity{accountID, KindGroup, name}, newName, newPath)
	if err != nil {
		return nil, err
	}
	return r.group(), nil
}

// DeleteGroup deletes a group. It fails with *NotFoundError, and with
// *InUseError while the group has members or policies.
func (d *Directory) DeleteGroup(ctx context.Context, accountID, name string) error {
	return d.deleteEntity(ctx, Entity{accountID, KindGroup, name})
}

// Groups returns the groups of an account whose paths begin with a prefix,
// sorted by name.
func (d *Directory) Groups(accountID, pathPrefix string) []*Group {
	return list(d, accountID, KindGroup, pathPrefix, func(e *entity) *Group { return e.group })
}

// AddUserToGroup makes a user a member of a group; that it is one already is
// no error. It fails with *NotFoundError and *LimitError.
func (d *Directory) AddUserToGroup(ctx context.Context, accountID, group, user string) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		g, u, err := v.groupAndUser(accountID, group, user)
		if err != nil || g.members[u.row.id] != nil {
			return err
		}
		if err := within(QuotaGroupsPerUser, len(u.groups)+1); err != nil {
			return err
		}
		c.put(&membershipRow{g.row.id, u.row.id})
		return nil
	})
}

// RemoveUserFromGroup ends a membership. It fails with *NotFoundError.
func (d *Directory) RemoveUserFromGroup(ctx context.Context, accountID, group, user string) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		g, u, err := v.groupAndUser(accountID, group, user)
		if err != nil {
			return err
		}
		if g.members[u.row.id] == nil {
			return &NotFoundError{"membership", u.row.name}
		}
		c.remove(&membershipRow{g.row.id, u.row.id})
		return nil
	})
}

func (v *view) groupAndUser(accountID, group, user string) (g, u *entity, err error) {
	if g, err = v.entity(Entity{accountID, KindGroup, group}); err != nil {
		return nil, nil, err
	}
	u, err = v.entity(Entity{accountID, KindUser, user})
	return g, u, err
}

// GroupsForUser returns the groups that a user is in, sorted by name.
func (d *Directory) GroupsForUser(accountID, user string) (groups []*Group) {
	d.read(func(v *view) {
		if u, err := v.entity(Entity{accountID, KindUser, user}); err == nil {
			for _, g := range sortedValues(u.groups, entityName) {
				groups = append(groups, g.group)
			}
		}
	})
	return groups
}

// GroupMembers returns the users in a group, sorted by name.
func (d *Directory) GroupMembers(accountID, group string) (users []*User) {
	d.read(func(v *view) {
		if g, err := v.entity(Entity{accountID, KindGroup, group}); err == nil {
			for _, u := range sortedValues(g.members, entityName) {
				users = append(users, u.user)
			}
		}
	})
	return users
}
