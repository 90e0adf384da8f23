package directory

import (
	"context"
	"strings"
)

// serviceLinkedPath is the path of roles that belong to a service of AWS's:
// CreateRole makes none there ("Create a service-linked role", IAM User Guide).
const serviceLinkedPath = "/aws-service-role/"

// serviceLinked reports whether a row is a service-linked role.
func (r *entityRow) serviceLinked() bool {
	return r.kind == KindRole && strings.HasPrefix(r.path, serviceLinkedPath)
}

// ServiceLinked reports whether the role belongs to a service, so that nobody
// else may change it.
func (r *Role) ServiceLinked() bool { return strings.HasPrefix(r.Path, serviceLinkedPath) }

// changeable finds a user, group or role as entity does. It fails with a
// *ProtectedRoleError for one that only its service may change.
func (v *view) changeable(of Entity) (*entity, error) {
	e, err := v.entity(of)
	if err == nil && e.row.serviceLinked() {
		return nil, &ProtectedRoleError{e.row.name}
	}
	return e, err
}

// CreateServiceLinkedRole makes the role of a service, such as
// "autoscaling.amazonaws.com", which alone may assume it. It fails with
// *NotFoundError (account), *ExistsError, *LimitError and *InvalidError.
func (d *Directory) CreateServiceLinkedRole(ctx context.Context, accountID, service, name, description string) (*Role, error) {
	r := &entityRow{
		kind: KindRole, accountID: accountID, path: serviceLinkedPath + service + "/", name: name,
		description: description, maxSession: DefaultMaxSessionDuration,
	}
	if err := r.checkRole(); err != nil {
		return nil, err
	}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["` + service + `"]},"Action":["sts:AssumeRole"]}]}`
	if err := d.createEntity(ctx, r, func(v *view) error { return v.setTrust(r, trust) }); err != nil {
		return nil, err
	}
	return r.role(), nil
}

// DeleteServiceLinkedRole deletes a service-linked role, and returns it as it
// was. It fails with *NotFoundError (account, role), also for a role of another
// kind, and with *InUseError while something belongs to it.
func (d *Directory) DeleteServiceLinkedRole(ctx context.Context, accountID, name string) (role *Role, err error) {
	err = d.mutate(ctx, func(v *view, c *change) error {
		e, err := v.entity(Entity{accountID, KindRole, name})
		if err != nil {
			return err
		}
		if !e.row.serviceLinked() {
			return &NotFoundError{string(KindRole), name}
		}
		// One that was made before the path was reserved may have policies.
		if err := e.held(); err != nil {
			return err
		}
		role = e.role.Load()
		c.remove(e.row)
		return nil
	})
	return role, err
}
