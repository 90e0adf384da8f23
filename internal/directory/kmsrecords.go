package directory

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keywright/keywright/internal/secrets"
)

type kmsKeyRow KMSKey

func (r *kmsKeyRow) put() statement {
	return statement{
		`INSERT INTO kms_keys (id, account_id, region, created, description, manager, enabled, deletion, waiting, policy, principals, tags, material,
			rotation_days, next_rotation, rotations)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
		ON CONFLICT (id) DO UPDATE SET description = excluded.description, enabled = excluded.enabled, deletion = excluded.deletion,
			waiting = excluded.waiting, policy = excluded.policy, principals = excluded.principals, tags = excluded.tags, material = excluded.material,
			rotation_days = excluded.rotation_days, next_rotation = excluded.next_rotation, rotations = excluded.rotations`,
		[]any{r.ID, r.AccountID, r.region, r.Created.Unix(), r.Description, r.Manager, r.Enabled, toSeconds(r.Deletion), r.WaitingDays,
			r.Policy, encode(r.principals), encode(r.Tags), r.material, r.RotationDays, toSeconds(r.NextRotation), encode(r.Rotations)},
	}
}

// toSeconds is fromSeconds backwards.
func toSeconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func (r *kmsKeyRow) remove() statement {
	return statement{`DELETE FROM kms_keys WHERE id = $1`, []any{r.ID}}
}

func scanKMSKey(l *loader, s scanner) (record, error) {
	var r kmsKeyRow
	var created, deletion, next int64
	var principals, tags, rotations string
	err := s.Scan(&r.ID, &r.AccountID, &r.region, &created, &r.Description, &r.Manager, &r.Enabled, &deletion, &r.WaitingDays,
		&r.Policy, &principals, &tags, &r.material, &r.RotationDays, &next, &rotations)
	if err != nil {
		return nil, err
	}
	r.Created, r.Deletion, r.NextRotation = fromSeconds(created), fromSeconds(deletion), fromSeconds(next)
	r.ARN = kmsARN(r.region, r.AccountID, "key/"+r.ID)
	if err := errors.Join(decode("kms_keys.principals", principals, &r.principals), decode("kms_keys.tags", tags, &r.Tags), decode("kms_keys.rotations", rotations, &r.Rotations)); err != nil {
		return nil, err
	}
	r.Compiled = l.compile(r.Policy, (*KMSKey)(&r).policyOptions())
	sealed, err := base64.StdEncoding.DecodeString(r.material)
	if err != nil {
		return nil, fmt.Errorf("the material of the KMS key %s is damaged", r.ID)
	}
	text, err := l.keyring.Open(sealed, materialPurpose(r.ID))
	if err != nil {
		return nil, fmt.Errorf("the material of the KMS key %s: %w", r.ID, err)
	}
	if r.keyring, err = secrets.Parse(string(text)); err != nil {
		return nil, fmt.Errorf("the material of the KMS key %s: %w", r.ID, err)
	}
	return &r, nil
}

// putInto shows the key with the aliases that it has.
func (r *kmsKeyRow) putInto(v *view) {
	k := *(*KMSKey)(r)
	k.Aliases = nil
	if old := v.kmsKeys[k.ID]; old != nil {
		k.Aliases = old.Aliases
	}
	v.kmsKeys[k.ID] = &k
}

func (r *kmsKeyRow) removeFrom(v *view) { delete(v.kmsKeys, r.ID) }

type kmsAliasRow KMSAlias

func (r *kmsAliasRow) put() statement {
	return statement{
		`INSERT INTO kms_aliases (account_id, name, key_id, created, updated) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (account_id, name) DO UPDATE SET key_id = excluded.key_id, updated = excluded.updated`,
		[]any{r.AccountID, r.Name, r.KeyID, r.Created.Unix(), r.Updated.Unix()},
	}
}

func (r *kmsAliasRow) remove() statement {
	return statement{`DELETE FROM kms_aliases WHERE account_id = $1 AND name = $2`, []any{r.AccountID, r.Name}}
}

func scanKMSAlias(l *loader, s scanner) (record, error) {
	var r kmsAliasRow
	var created, updated int64
	if err := s.Scan(&r.AccountID, &r.Name, &r.KeyID, &created, &updated); err != nil {
		return nil, err
	}
	r.Created, r.Updated = fromSeconds(created), fromSeconds(updated)
	r.ARN = kmsARN(l.view.kmsKeys[r.KeyID].region, r.AccountID, r.Name)
	return &r, nil
}

func (r *kmsAliasRow) putInto(v *view) {
	a := v.accounts[r.AccountID]
	if old := a.kmsAliases[r.Name]; old != nil {
		old.leave(v)
	}
	insert(&a.kmsAliases, r.Name, r)
	k := *v.kmsKeys[r.KeyID]
	k.Aliases = append(slices.Clone(k.Aliases), r.Name)
	slices.Sort(k.Aliases)
	v.kmsKeys[r.KeyID] = &k
}

func (r *kmsAliasRow) removeFrom(v *view) {
	r.leave(v)
	delete(v.accounts[r.AccountID].kmsAliases, r.Name)
}

// leave takes the alias from the key that it names.
func (r *kmsAliasRow) leave(v *view) {
	k := *v.kmsKeys[r.KeyID]
	k.Aliases = slices.DeleteFunc(slices.Clone(k.Aliases), func(name string) bool { return name == r.Name })
	if len(k.Aliases) == 0 {
		k.Aliases = nil
	}
	v.kmsKeys[r.KeyID] = &k
}
