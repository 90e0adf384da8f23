package directory

import (
	"cmp"
	"context"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/policy"
)

// check fails with an *InvalidError when a row has a name or path that cannot
// be.
func (r *entityRow) check() error {
	if err := checkName(string(r.kind)+" name", r.name, kinds[r.kind].nameLength); err != nil {
		return err
	}
	return checkPath(r.path, pathPattern)
}

// createEntity gives a row its id and time and makes it a user, group or role.
// complete, which may be nil, finishes the row with what the view knows.
func (d *Directory) createEntity(ctx context.Context, r *entityRow, complete func(*view) error) error {
	r.path = cmp.Or(r.path, "/")
	if err := r.check(); err != nil {
		return err
	}
	rules := kinds[r.kind]
	var err error
	if r.tags, err = mergeTags(nil, r.tags, rules.tags); err != nil {
		return err
	}
	r.id, r.created = secrets.NewID(rules.prefix), truncated(d.now())
	return d.mutate(ctx, func(v *view, c *change) error {
		a, err := v.account(r.accountID)
		if err != nil {
			return err
		}
		if a.named[r.kind][foldName(r.name)] != nil {
			return &ExistsError{Kind: string(r.kind), Name: r.name}
		}
		if err := within(rules.perAccount, len(a.named[r.kind])+1); err != nil {
			return err
		}
		if err := v.usable(r.boundary, r.accountID); r.boundary != "" && err != nil {
			return err
		}
		if complete != nil {
			if err := complete(v); err != nil {
				return err
			}
		}
		c.put(r)
		return nil
	})
}

// usable fails with a *NotFoundError unless an ARN is that of a policy which
// an account's users, groups and roles can have: its own, or AWS's.
func (v *view) usable(policyARN, accountID string) error {
	p, err := v.policy(policyARN)
	if err != nil {
		return err
	}
	if p.row.accountID != accountID && p.row.accountID != AWSAccountID {
		return &NotFoundError{"policy", policyARN}
	}
	return nil
}

// changeEntity replaces the row of a user, group or role by a copy that edit
// has changed.
func (d *Directory) changeEntity(ctx context.Context, of Entity, edit func(*view, *entityRow) error) (*entityRow, error) {
	var row entityRow
	err := d.mutate(ctx, func(v *view, c *change) error {
		e, err := v.entity(of)
		if err != nil {
			return err
		}
		row = *e.row
		if err := edit(v, &row); err != nil {
			return err
		}
		c.put(&row)
		return nil
	})
	return &row, err
}

// renameEntity gives a user or group another name or path; nil leaves it.
func (d *Directory) renameEntity(ctx context.Context, of Entity, name, path *string) (*entityRow, error) {
	return d.changeEntity(ctx, of, func(v *view, r *entityRow) error {
		if name != nil {
			r.name = *name
		}
		if path != nil {
			r.path = *path
		}
		if err := r.check(); err != nil {
			return err
		}
		if other := v.accounts[r.accountID].named[r.kind][foldName(r.name)]; other != nil && other.row.id != r.id {
			return &ExistsError{Kind: string(r.kind), Name: r.name}
		}
		return nil
	})
}

// deleteEntity deletes a user, group or role that nothing belongs to any more.
func (d *Directory) deleteEntity(ctx context.Context, of Entity) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		e, err := v.changeable(of)
		if err != nil {
			return err
		}
		if err := e.held(); err != nil {
			return err
		}
		c.remove(e.row)
		return nil
	})
}

// held fails with an *InUseError when something belongs to a user, group or role.
func (e *entity) held() error {
	for _, held := range []struct {
		by    string
		count int
	}{
		{"instance profiles", len(e.profiles)}, {"groups", len(e.groups)}, {"members", len(e.members)}, {"access keys", len(e.keys)},
		{"a login profile", e.logins()}, {"MFA devices", len(e.devices)}, {"inline policies", len(e.inline)}, {"policies", len(e.attached)},
	} {
		if held.count > 0 {
			return &InUseError{string(e.row.kind), e.row.name, held.by}
		}
	}
	return nil
}

// logins is how many passwords a user has.
func (e *entity) logins() int {
	if e.login != nil {
		return 1
	}
	return 0
}

// list returns what show makes of the users, groups or roles of an account
// whose paths begin with a prefix, sorted by name.
func list[T any](d *Directory, accountID string, kind EntityKind, pathPrefix string, show func(*entity) T) (found []T) {
	d.read(func(v *view) {
		a := v.accounts[accountID]
		if a == nil {
			return
		}
		for _, e := range sortedValues(a.named[kind], entityName) {
			if strings.HasPrefix(e.row.path, pathPrefix) {
				found = append(found, show(e))
			}
		}
	})
	return found
}

// SetBoundary sets the permissions boundary of a user or role; "" removes it.
// It fails with *NotFoundError: of the entity, of the policy, or of the
// boundary when there is none to remove.
func (d *Directory) SetBoundary(ctx context.Context, of Entity, policyARN string) error {
	_, err := d.changeEntity(ctx, of, func(v *view, r *entityRow) error {
		if !kinds[r.kind].principal {
			return &InvalidError{"permissions boundary", policyARN, "a group has none"}
		}
		if r.serviceLinked() {
			return &ProtectedRoleError{r.name}
		}
		if policyARN == "" && r.boundary == "" {
			return &NotFoundError{"boundary", r.name}
		}
		if err := v.usable(policyARN, r.accountID); policyARN != "" && err != nil {
			return err
		}
		r.boundary = policyARN
		return nil
	})
	return err
}

// TagEntity adds tags to a user or role. A tag takes the place of one whose
// key differs in nothing but case. It fails with *NotFoundError, *LimitError
// and *InvalidError.
func (d *Directory) TagEntity(ctx context.Context, of Entity, tags []Tag) error {
	_, err := d.changeEntity(ctx, of, func(_ *view, r *entityRow) (err error) {
		if !kinds[r.kind].principal {
			return &InvalidError{"tag", r.name, "a group has none"}
		}
		r.tags, err = mergeTags(r.tags, tags, kinds[r.kind].tags)
		return err
	})
	return err
}

// UntagEntity removes the tags with some keys, in whatever case, from a user
// or role. Keys that are not there are no error.
func (d *Directory) UntagEntity(ctx context.Context, of Entity, keys []string) error {
	_, err := d.changeEntity(ctx, of, func(_ *view, r *entityRow) error {
		r.tags = withoutTags(r.tags, keys)
		return nil
	})
	return err
}

// PrincipalID returns the unique id of a principal that a policy names by ARN:
// a user, a role, or the role of an assumed-role session; of an account's root
// it is the account's id. known is whether the ARN is of an account that lives
// here, and then id is "" when no such principal exists. A federated user has
// no id before it has a session, and is not known.
func (d *Directory) PrincipalID(principal string) (id string, known bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	return d.view.principalID(principal)
}

func (v *view) principalID(name string) (id string, known bool) {
	n, err := arn.Parse(name)
	a := v.accounts[n.AccountID]
	if err != nil || a == nil || n.Partition != "aws" || n.Region != "" {
		return "", false
	}
	kind, path, _ := strings.Cut(n.Resource, "/")
	switch n.Service + ":" + kind {
	case "iam:root":
		return n.AccountID, true
	case "iam:user", "iam:role":
		e := a.named[EntityKind(kind)][foldName(path[strings.LastIndexByte(path, '/')+1:])]
		if e != nil && e.row.arn() == name {
			return e.row.id, true
		}
	case "sts:assumed-role":
		role, session, _ := strings.Cut(path, "/")
		e := a.named[KindRole][foldName(role)]
		if session != "" && e != nil && e.row.name == role {
			return e.row.id, true
		}
	case "sts:federated-user":
		return "", false
	}
	return "", true
}

// principalIDs binds the principals that a document names to the unique ids
// they have now. It is nil when there is none to bind.
func (v *view) principalIDs(document string) map[string]string {
	doc, err := policy.Parse([]byte(document))
	if err != nil {
		return nil // compiling the document reports it
	}
	var ids map[string]string
	for _, p := range doc.Principals() {
		if id, _ := v.principalID(p.Value.Text); p.Type == policy.AWS && id != "" {
			insert(&ids, p.Value.Text, id)
		}
	}
	return ids
}
