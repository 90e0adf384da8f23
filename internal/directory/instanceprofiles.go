package directory

import (
	"cmp"
	"context"
	"strings"

	"github.com/keywright/keywright/internal/secrets"
)

// CreateInstanceProfile makes an instance profile without a role and fills in
// its ID, ARN and Created. Path defaults to "/". It fails with *NotFoundError
// (account), *ExistsError, *LimitError and *InvalidError.
func (d *Directory) CreateInstanceProfile(ctx context.Context, p InstanceProfile) (*InstanceProfile, error) {
	r := &instanceProfileRow{accountID: p.AccountID, path: cmp.Or(p.Path, "/"), name: p.Name}
	if err := checkName("instance profile name", r.name, 128); err != nil {
		return nil, err
	}
	if err := checkPath(r.path, pathPattern); err != nil {
		return nil, err
	}
	var err error
	if r.tags, err = mergeTags(nil, p.Tags, QuotaTagsPerInstanceProfile); err != nil {
		return nil, err
	}
	r.id, r.created = secrets.NewID("AIPA"), truncated(d.now())
	err = d.mutate(ctx, func(v *view, c *change) error {
		a, err := v.account(r.accountID)
		if err != nil {
			return err
		}
		if a.profiles[foldName(r.name)] != nil {
			return &ExistsError{Kind: "instance profile", Name: r.name}
		}
		if err := within(QuotaInstanceProfilesPerAccount, len(a.profiles)+1); err != nil {
			return err
		}
		c.put(r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.show(), nil
}

// InstanceProfile returns an instance profile by name, in whatever case.
func (d *Directory) InstanceProfile(accountID, name string) (*InstanceProfile, bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	r, err := d.view.instanceProfile(accountID, name)
	if err != nil {
		return nil, false
	}
	return r.show(), true
}

// InstanceProfiles returns the instance profiles of an account whose paths
// begin with a prefix, sorted by name.
func (d *Directory) InstanceProfiles(accountID, pathPrefix string) (found []*InstanceProfile) {
	d.read(func(v *view) {
		a := v.accounts[accountID]
		if a == nil {
			return
		}
		for _, r := range sortedValues(a.profiles, profileName) {
			if strings.HasPrefix(r.path, pathPrefix) {
				found = append(found, r.show())
			}
		}
	})
	return found
}

// InstanceProfilesForRole returns the instance profiles that a role is in,
// sorted by name.
func (d *Directory) InstanceProfilesForRole(accountID, role string) (found []*InstanceProfile) {
	d.read(func(v *view) {
		if e, err := v.entity(Entity{accountID, KindRole, role}); err == nil {
			for _, r := range sortedValues(e.profiles, profileName) {
				found = append(found, r.show())
			}
		}
	})
	return found
}

// DeleteInstanceProfile deletes an instance profile. It fails with
// *NotFoundError, and with *InUseError while the profile has a role.
func (d *Directory) DeleteInstanceProfile(ctx context.Context, accountID, name string) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		r, err := v.instanceProfile(accountID, name)
		if err != nil {
			return err
		}
		if r.roleID != "" {
			return &InUseError{"instance profile", r.name, "a role"}
		}
		c.remove(r)
		return nil
	})
}

// AddRoleToInstanceProfile puts a role into an instance profile. It fails with
// *NotFoundError (instance profile, role), *ProtectedRoleError, and with
// *LimitError when the profile has a role.
func (d *Directory) AddRoleToInstanceProfile(ctx context.Context, accountID, name, role string) error {
	return d.changeInstanceProfile(ctx, accountID, name, func(v *view, r *instanceProfileRow) error {
		e, err := v.changeable(Entity{accountID, KindRole, role})
		if err != nil {
			return err
		}
		if r.roleID != "" {
			return &LimitError{QuotaRolesPerInstanceProfile, Quota(QuotaRolesPerInstanceProfile)}
		}
		r.roleID = e.row.id
		return nil
	})
}

// RemoveRoleFromInstanceProfile takes a role out of an instance profile. It
// fails with *NotFoundError: of the profile, or of the role, also when it is
// not the profile's.
func (d *Directory) RemoveRoleFromInstanceProfile(ctx context.Context, accountID, name, role string) error {
	return d.changeInstanceProfile(ctx, accountID, name, func(v *view, r *instanceProfileRow) error {
		e, err := v.entity(Entity{accountID, KindRole, role})
		if err != nil {
			return err
		}
		if r.roleID != e.row.id {
			return &NotFoundError{"role", role}
		}
		r.roleID = ""
		return nil
	})
}

// TagInstanceProfile adds tags to an instance profile as TagEntity does. It
// fails with *NotFoundError, *LimitError and *InvalidError.
func (d *Directory) TagInstanceProfile(ctx context.Context, accountID, name string, tags []Tag) error {
	return d.changeInstanceProfile(ctx, accountID, name, func(_ *view, r *instanceProfileRow) (err error) {
		r.tags, err = mergeTags(r.tags, tags, QuotaTagsPerInstanceProfile)
		return err
	})
}

// UntagInstanceProfile removes tags from an instance profile as UntagEntity
// does. It fails with *NotFoundError.
func (d *Directory) UntagInstanceProfile(ctx context.Context, accountID, name string, keys []string) error {
	return d.changeInstanceProfile(ctx, accountID, name, func(_ *view, r *instanceProfileRow) error {
		r.tags = withoutTags(r.tags, keys)
		return nil
	})
}

// changeInstanceProfile replaces the row of an instance profile by a copy that
// edit has changed.
func (d *Directory) changeInstanceProfile(ctx context.Context, accountID, name string, edit func(*view, *instanceProfileRow) error) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		old, err := v.instanceProfile(accountID, name)
		if err != nil {
			return err
		}
		row := *old
		if err := edit(v, &row); err != nil {
			return err
		}
		c.put(&row)
		return nil
	})
}
