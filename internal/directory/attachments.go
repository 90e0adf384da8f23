package directory

import (
	"context"

	"github.com/keywright/keywright/policy/eval"
)

// AttachPolicy attaches a managed policy to a user, group or role; that it is
// attached already is no error. It fails with *NotFoundError (the entity, the
// policy), *ProtectedRoleError and *LimitError.
func (d *Directory) AttachPolicy(ctx context.Context, to Entity, arn string) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		e, err := v.changeable(to)
		if err != nil {
			return err
		}
		if err := v.usable(arn, to.AccountID); err != nil {
			return err
		}
		if e.attached[arn] != nil {
			return nil
		}
		if err := within(kinds[to.Kind].attached, len(e.attached)+1); err != nil {
			return err
		}
		c.put(&attachmentRow{e.row.id, arn})
		return nil
	})
}

// DetachPolicy detaches a managed policy. It fails with *NotFoundError (the
// entity, the attachment).
func (d *Directory) DetachPolicy(ctx context.Context, from Entity, arn string) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		e, err := v.changeable(from)
		if err != nil {
			return err
		}
		if e.attached[arn] == nil {
			return &NotFoundError{"attachment", arn}
		}
		c.remove(&attachmentRow{e.row.id, arn})
		return nil
	})
}

// AttachedPolicies returns the managed policies of a user, group or role,
// sorted by name. Those of a user's groups are not among them.
func (d *Directory) AttachedPolicies(of Entity) (attached []*ManagedPolicy) {
	d.read(func(v *view) {
		if e, err := v.entity(of); err == nil {
			for _, p := range sortedValues(e.attached, policyName) {
				attached = append(attached, p.shown)
			}
		}
	})
	return attached
}

// EntitiesForPolicy returns whom a managed policy is attached to, sorted by
// name; for a policy of AWS's in all accounts.
func (d *Directory) EntitiesForPolicy(arn string) (holders []Entity) {
	d.read(func(v *view) {
		if p := v.policies[arn]; p != nil {
			holders = asEntities(p.attached)
		}
	})
	return holders
}

// BoundaryEntities returns whose permissions boundary a managed policy is,
// sorted by name; for a policy of AWS's in all accounts.
func (d *Directory) BoundaryEntities(arn string) (holders []Entity) {
	d.read(func(v *view) {
		if p := v.policies[arn]; p != nil {
			holders = asEntities(p.bounding)
		}
	})
	return holders
}

func asEntities(m map[string]*entity) (entities []Entity) {
	for _, e := range sortedValues(m, func(e *entity) string { return e.row.name + " " + e.row.id }) {
		entities = append(entities, e.entity())
	}
	return entities
}

// PolicyUsage counts the attachments of a managed policy, and its uses as a
// permissions boundary, in one account.
func (d *Directory) PolicyUsage(accountID, arn string) (attachments, boundaries int) {
	d.read(func(v *view) {
		p := v.policies[arn]
		if p == nil {
			return
		}
		for _, e := range p.attached {
			if e.row.accountID == accountID {
				attachments++
			}
		}
		for _, e := range p.bounding {
			if e.row.accountID == accountID {
				boundaries++
			}
		}
	})
	return attachments, boundaries
}

// PutInlinePolicy embeds a policy in a user, group or role, in place of one of
// that name. It fails with *NotFoundError, *LimitError, *InvalidError and
// *DocumentError.
func (d *Directory) PutInlinePolicy(ctx context.Context, in Entity, name, document string) error {
	if err := checkName("policy name", name, 128); err != nil {
		return err
	}
	compiled, err := compile(document, eval.Options{Type: eval.Identity, Name: name})
	if err != nil {
		return err
	}
	return d.mutate(ctx, func(v *view, c *change) error {
		e, err := v.changeable(in)
		if err != nil {
			return err
		}
		size := documentSize(document)
		for _, other := range e.inline {
			if other.name != name {
				size += documentSize(other.document)
			}
		}
		if err := within(kinds[in.Kind].inlineSize, size); err != nil {
			return err
		}
		c.put(&inlineRow{e.row.id, name, document, compiled})
		return nil
	})
}

// InlinePolicy returns the document of a policy embedded in a user, group or
// role.
func (d *Directory) InlinePolicy(in Entity, name string) (document string, ok bool) {
	d.read(func(v *view) {
		if e, err := v.entity(in); err == nil && e.inline[name] != nil {
			document, ok = e.inline[name].document, true
		}
	})
	return document, ok
}

// DeleteInlinePolicy deletes a policy embedded in a user, group or role. It
// fails with *NotFoundError (the entity, the inline policy).
func (d *Directory) DeleteInlinePolicy(ctx context.Context, in Entity, name string) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		e, err := v.changeable(in)
		if err != nil {
			return err
		}
		if e.inline[name] == nil {
			return &NotFoundError{"inline policy", name}
		}
		c.remove(e.inline[name])
		return nil
	})
}

// InlinePolicies returns the names of the policies embedded in a user, group
// or role, sorted.
func (d *Directory) InlinePolicies(in Entity) (names []string) {
	d.read(func(v *view) {
		if e, err := v.entity(in); err == nil {
			for _, p := range sortedValues(e.inline, inlineName) {
				names = append(names, p.name)
			}
		}
	})
	return names
}

// policySet is the compiled policies of a user or role, as of a generation of
// its account.
type policySet struct {
	generation uint64
	Policies
}

// PoliciesOfUser returns the compiled policies of a user, by its unique id,
// and those of its groups. It reports false for a user that does not exist.
func (d *Directory) PoliciesOfUser(userID string) (Policies, bool) {
	return d.policiesOf(userID, KindUser)
}

// PoliciesOfRole returns the compiled policies of a role, by its unique id. It
// reports false for a role that does not exist.
func (d *Directory) PoliciesOfRole(roleID string) (Policies, bool) {
	return d.policiesOf(roleID, KindRole)
}

func (d *Directory) policiesOf(id string, kind EntityKind) (Policies, bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	e := d.view.entities[id]
	if e == nil || e.row.kind != kind {
		return Policies{}, false
	}
	set := e.current.Load()
	if set == nil || set.generation != e.account.generation {
		set = &policySet{e.account.generation, e.collect(d.view)}
		e.current.Store(set)
	}
	return set.Policies, true
}

// collect finds the policies that apply to a user or role.
func (e *entity) collect(v *view) Policies {
	p := Policies{Identity: e.own(nil)}
	for _, g := range sortedValues(e.groups, entityName) {
		p.Identity = g.own(p.Identity)
	}
	if e.row.boundary != "" {
		p.Boundary = v.policies[e.row.boundary].defaultVersion().asBoundary()
	}
	return p
}

// own appends what an entity holds itself: inline policies, then attached.
func (e *entity) own(list []*eval.Policy) []*eval.Policy {
	for _, r := range sortedValues(e.inline, inlineName) {
		list = append(list, r.compiled)
	}
	for _, p := range sortedValues(e.attached, policyName) {
		list = append(list, p.defaultVersion().row.compiled)
	}
	return list
}
