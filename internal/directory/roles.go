package directory

import (
	"context"
	"time"

	"github.com/keywright/keywright/policy/eval"
)

// The bounds of a role's MaxSessionDuration, and its default ("CreateRole",
// IAM API Reference).
const (
	DefaultMaxSessionDuration = time.Hour
	minMaxSessionDuration     = time.Hour
	maxMaxSessionDuration     = 12 * time.Hour
)

// RoleUpdate says what of a role changes; nil leaves it as it is.
type RoleUpdate struct {
	Description        *string
	MaxSessionDuration *time.Duration
	TrustPolicy        *string
}

// CreateRole makes a role and fills in its ID, ARN, Created and Trust. Path
// defaults to "/", MaxSessionDuration to DefaultMaxSessionDuration. The
// principals that the trust policy names are bound to the unique ids they have
// now ("AWS JSON policy elements: Principal"). It fails with *NotFoundError
// (account, policy of the boundary), *ExistsError, *LimitError, *InvalidError
// and *DocumentError.
func (d *Directory) CreateRole(ctx context.Context, role Role) (*Role, error) {
	r := &entityRow{
		kind: KindRole, accountID: role.AccountID, path: role.Path, name: role.Name, boundary: role.PermissionsBoundary, tags: role.Tags,
		description: role.Description, maxSession: role.MaxSessionDuration,
	}
	if r.maxSession == 0 {
		r.maxSession = DefaultMaxSessionDuration
	}
	if err := r.checkRole(); err != nil {
		return nil, err
	}
	if r.serviceLinked() {
		return nil, &InvalidError{"path", r.path, "roles with this path belong to services"}
	}
	err := d.createEntity(ctx, r, func(v *view) error { return v.setTrust(r, role.TrustPolicy) })
	if err != nil {
		return nil, err
	}
	return r.role(), nil
}

func (r *entityRow) checkRole() error {
	if r.maxSession < minMaxSessionDuration || r.maxSession > maxMaxSessionDuration || r.maxSession%time.Second != 0 {
		return &InvalidError{"maximum session duration", r.maxSession.String(), "whole seconds from 1 to 12 hours"}
	}
	return checkText("description", r.description, 1000)
}

func (v *view) setTrust(r *entityRow, document string) (err error) {
	if err := within(QuotaACLSizePerRole, documentSize(document)); err != nil {
		return err
	}
	r.trustPolicy, r.trustPrincipals = document, v.principalIDs(document)
	r.trust, err = compile(document, eval.Options{Type: eval.Trust, Name: r.arn(), PrincipalIDs: r.trustPrincipals})
	return err
}

// Role returns a role by name, in whatever case.
func (d *Directory) Role(accountID, name string) (*Role, bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	e, err := d.view.entity(Entity{accountID, KindRole, name})
	if err != nil {
		return nil, false
	}
	return e.role.Load(), true
}

// RoleByID returns a role by its unique id.
func (d *Directory) RoleByID(id string) (*Role, bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	e := d.view.entities[id]
	if e == nil || e.row.kind != KindRole {
		return nil, false
	}
	return e.role.Load(), true
}

// UpdateRole changes a role. It fails with *NotFoundError, *LimitError,
// *InvalidError and *DocumentError, and with *ProtectedRoleError for all but the
// description of a service-linked role.
func (d *Directory) UpdateRole(ctx context.Context, accountID, name string, u RoleUpdate) (*Role, error) {
	r, err := d.changeEntity(ctx, Entity{accountID, KindRole, name}, func(v *view, r *entityRow) error {
		if r.serviceLinked() && (u.MaxSessionDuration != nil || u.TrustPolicy != nil) {
			return &ProtectedRoleError{r.name}
		}
		if u.Description != nil {
			r.description = *u.Description
		}
		if u.MaxSessionDuration != nil {
			r.maxSession = *u.MaxSessionDuration
		}
		if err := r.checkRole(); err != nil {
			return err
		}
		if u.TrustPolicy != nil {
			return v.setTrust(r, *u.TrustPolicy)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	role, _ := d.RoleByID(r.id) // with its last use
	if role == nil {
		role = r.role() // deleted meanwhile
	}
	return role, nil
}

// DeleteRole deletes a role. It fails with *NotFoundError, with
// *ProtectedRoleError for a service-linked role, and with
// *InUseError while the role has policies or is in an instance profile.
func (d *Directory) DeleteRole(ctx context.Context, accountID, name string) error {
	return d.deleteEntity(ctx, Entity{accountID, KindRole, name})
}

// Roles returns the roles of an account whose paths begin with a prefix,
// sorted by name.
func (d *Directory) Roles(accountID, pathPrefix string) []*Role {
	return list(d, accountID, KindRole, pathPrefix, func(e *entity) *Role { return e.role.Load() })
}
