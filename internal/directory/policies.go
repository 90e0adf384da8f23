package directory

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/policy/eval"
)

// CreatePolicy makes a managed policy with a document as its version v1, and
// fills in its ID, ARN, DefaultVersionID, Created and Updated. Path defaults
// to "/". It fails with *NotFoundError (account), *ExistsError, *LimitError,
// *InvalidError and *DocumentError.
func (d *Directory) CreatePolicy(ctx context.Context, p ManagedPolicy, document string) (*ManagedPolicy, error) {
	r := &policyRow{
		id: secrets.NewID("ANPA"), accountID: p.AccountID, path: cmp.Or(p.Path, "/"), name: p.Name, description: p.Description,
		defaultVersion: 1, lastVersion: 1, created: truncated(d.now()),
	}
	r.updated, r.arn = r.created, "arn:aws:iam::"+r.accountID+":policy"+r.path+r.name
	if err := r.check(); err != nil {
		return nil, err
	}
	var err error
	if r.tags, err = mergeTags(nil, p.Tags, QuotaTagsPerPolicy); err != nil {
		return nil, err
	}
	first, err := d.newVersion(r, document)
	if err != nil {
		return nil, err
	}
	err = d.mutate(ctx, func(v *view, c *change) error {
		a, err := v.account(r.accountID)
		if err != nil {
			return err
		}
		if a.policies[foldName(r.name)] != nil {
			return &ExistsError{Kind: "policy", Name: r.name}
		}
		if err := within(QuotaPoliciesPerAccount, len(a.policies)+1); err != nil {
			return err
		}
		c.put(r)
		c.put(first)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.policy(0, 0), nil
}

func (r *policyRow) check() error {
	if err := checkName("policy name", r.name, 128); err != nil {
		return err
	}
	if err := checkPath(r.path, policyPathPattern); err != nil {
		return err
	}
	return checkText("description", r.description, 1000)
}

// newVersion compiles a document as the latest version of a policy.
func (d *Directory) newVersion(r *policyRow, document string) (*versionRow, error) {
	if err := within(QuotaPolicySize, documentSize(document)); err != nil {
		return nil, err
	}
	compiled, err := compile(document, eval.Options{Type: eval.Identity, Name: r.arn})
	if err != nil {
		return nil, err
	}
	return &versionRow{arn: r.arn, number: r.lastVersion, document: document, created: truncated(d.now()), compiled: compiled}, nil
}

// Policy returns a managed policy by ARN: a customer's or one of AWS's.
func (d *Directory) Policy(arn string) (*ManagedPolicy, bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	p := d.view.policies[arn]
	if p == nil {
		return nil, false
	}
	return p.shown, true
}

// Policies returns the managed policies of an account, or of AWS for
// AWSAccountID, whose paths begin with a prefix, sorted by name.
func (d *Directory) Policies(accountID, pathPrefix string) (found []*ManagedPolicy) {
	d.read(func(v *view) {
		a := v.accounts[accountID]
		if accountID == AWSAccountID {
			a = v.aws
		}
		if a == nil {
			return
		}
		for _, p := range sortedValues(a.policies, policyName) {
			if strings.HasPrefix(p.row.path, pathPrefix) {
				found = append(found, p.shown)
			}
		}
	})
	return found
}

// DeletePolicy deletes a managed policy with its only version. It fails with
// *NotFoundError and ErrReadOnly, and with *InUseError while the policy is
// attached, is a boundary, or has versions that are not the default.
func (d *Directory) DeletePolicy(ctx context.Context, arn string) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		p, err := v.customerPolicy(arn)
		if err != nil {
			return err
		}
		for _, held := range []struct {
			by    string
			count int
		}{{"attachments", len(p.attached)}, {"boundaries", len(p.bounding)}, {"versions", len(p.versions) - 1}} {
			if held.count > 0 {
				return &InUseError{"policy", arn, held.by}
			}
		}
		c.remove(p.defaultVersion().row)
		c.remove(p.row)
		return nil
	})
}

// changePolicy replaces the row of a customer's policy by a copy that edit has
// changed. edit may add to the change.
func (d *Directory) changePolicy(ctx context.Context, arn string, edit func(*managed, *policyRow, *change) error) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		p, err := v.customerPolicy(arn)
		if err != nil {
			return err
		}
		row := *p.row
		if err := edit(p, &row, c); err != nil {
			return err
		}
		c.put(&row)
		return nil
	})
}

// CreatePolicyVersion adds a version to a managed policy. Version numbers are
// never used twice. It fails with *NotFoundError, ErrReadOnly, *LimitError and
// *DocumentError.
func (d *Directory) CreatePolicyVersion(ctx context.Context, arn, document string, setDefault bool) (*PolicyVersion, error) {
	var made *PolicyVersion
	err := d.changePolicy(ctx, arn, func(p *managed, r *policyRow, c *change) error {
		if err := within(QuotaVersionsPerPolicy, len(p.versions)+1); err != nil {
			return err
		}
		r.lastVersion++
		fresh, err := d.newVersion(r, document)
		if err != nil {
			return err
		}
		r.updated = fresh.created
		if setDefault {
			r.defaultVersion = fresh.number
		}
		made = fresh.show(r)
		c.put(fresh)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// PolicyVersion returns a version of a managed policy.
func (d *Directory) PolicyVersion(arn, id string) (found *PolicyVersion, ok bool) {
	d.read(func(v *view) {
		if p := v.policies[arn]; p != nil && p.version(id) != nil {
			found, ok = p.version(id).row.show(p.row), true
		}
	})
	return found, ok
}

// PolicyVersions returns the versions of a managed policy, the latest first.
func (d *Directory) PolicyVersions(arn string) (versions []*PolicyVersion) {
	d.read(func(v *view) {
		p := v.policies[arn]
		if p == nil {
			return
		}
		numbers := make([]int, 0, len(p.versions))
		for n := range p.versions {
			numbers = append(numbers, n)
		}
		slices.SortFunc(numbers, func(a, b int) int { return b - a })
		for _, n := range numbers {
			versions = append(versions, p.versions[n].row.show(p.row))
		}
	})
	return versions
}

// DeletePolicyVersion deletes a version of a managed policy. It fails with
// *NotFoundError (policy, policy version) and ErrReadOnly, and with
// *InUseError for the default version.
func (d *Directory) DeletePolicyVersion(ctx context.Context, arn, id string) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		p, err := v.customerPolicy(arn)
		if err != nil {
			return err
		}
		old := p.version(id)
		if old == nil {
			return &NotFoundError{"policy version", id}
		}
		if old == p.defaultVersion() {
			return &InUseError{"policy version", id, "default version"}
		}
		c.remove(old.row)
		return nil
	})
}

// SetDefaultPolicyVersion makes a version the one that counts. It fails with
// *NotFoundError (policy, policy version) and ErrReadOnly.
func (d *Directory) SetDefaultPolicyVersion(ctx context.Context, arn, id string) error {
	return d.changePolicy(ctx, arn, func(p *managed, r *policyRow, _ *change) error {
		chosen := p.version(id)
		if chosen == nil {
			return &NotFoundError{"policy version", id}
		}
		r.defaultVersion = chosen.row.number
		return nil
	})
}

// TagPolicy adds tags to a managed policy as TagEntity does. It fails with
// *NotFoundError, ErrReadOnly, *LimitError and *InvalidError.
func (d *Directory) TagPolicy(ctx context.Context, arn string, tags []Tag) error {
	return d.changePolicy(ctx, arn, func(_ *managed, r *policyRow, _ *change) (err error) {
		r.tags, err = mergeTags(r.tags, tags, QuotaTagsPerPolicy)
		return err
	})
}

// UntagPolicy removes tags from a managed policy as UntagEntity does. It fails
// with *NotFoundError and ErrReadOnly.
func (d *Directory) UntagPolicy(ctx context.Context, arn string, keys []string) error {
	return d.changePolicy(ctx, arn, func(_ *managed, r *policyRow, _ *change) error {
		r.tags = withoutTags(r.tags, keys)
		return nil
	})
}

// ManagedPolicyDocument returns the document of a managed policy's default
// version.
func (d *Directory) ManagedPolicyDocument(arn string) (string, bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	p := d.view.policies[arn]
	if p == nil {
		return "", false
	}
	return p.defaultVersion().row.document, true
}

// CompiledPolicy returns a managed policy's default version, compiled as an
// identity-based policy.
func (d *Directory) CompiledPolicy(arn string) (*eval.Policy, bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	p := d.view.policies[arn]
	if p == nil {
		return nil, false
	}
	return p.defaultVersion().row.compiled, true
}
