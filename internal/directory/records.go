package directory

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/keywright/keywright/policy/acl"
	"github.com/keywright/keywright/policy/eval"
)

// record is a row of a table and what it is to the view. A record does not
// change once it was put.
type record interface {
	put() statement // writes the row, whether it is there or not
	putInto(*view)
}

// removable is a record that can be deleted, as all but accounts can.
type removable interface {
	record
	remove() statement
	removeFrom(*view)
}

// table says how a kind of record is read. Tables are read in the order of
// this list: what a record refers to is there before it.
type table struct {
	query string
	scan  func(*loader, scanner) (record, error)
}

var tables = []table{
	{"SELECT id, canonical_id, name, created FROM accounts", scanAccount},
	{"SELECT account_id, COALESCE(alias, ''), password_policy, public_access_block, token_version FROM account_settings", scanSettings},
	{"SELECT arn, id, account_id, path, name, description, default_version, last_version, created, updated, tags FROM managed_policies", scanPolicy},
	{"SELECT policy_arn, version, document, created FROM policy_versions", scanVersion},
	{"SELECT id, account_id, kind, path, name, created, boundary, tags, description, max_session, trust_policy, trust_principals, used, used_service, used_region FROM entities", scanEntity},
	{"SELECT group_id, user_id FROM memberships", scanMembership},
	{"SELECT id, account_id, path, name, created, COALESCE(role_id, ''), tags FROM instance_profiles", scanInstanceProfile},
	{"SELECT user_id, created, changed, used, reset_required, passwords FROM login_profiles", scanLogin},
	{"SELECT serial, account_id, path, name, created, seed, COALESCE(user_id, ''), enabled, drift, last_step, tags FROM mfa_devices", scanMFA},
	{"SELECT account_id, url, created, client_ids, thumbprints, tags FROM openid_connect_providers", scanProvider},
	{"SELECT entity_id, policy_arn FROM attachments", scanAttachment},
	{"SELECT entity_id, name, document FROM inline_policies", scanInline},
	{"SELECT id, account_id, COALESCE(user_id, ''), active, created, secret, used, used_service, used_region FROM access_keys", scanKey},
	{"SELECT id, account_id, region, created, description, manager, enabled, deletion, waiting, policy, principals, tags, material, rotation_days, next_rotation, rotations FROM kms_keys", scanKMSKey},
	{"SELECT account_id, name, key_id, created, updated FROM kms_aliases", scanKMSAlias},
	{"SELECT id, name, account_id, region, created, ownership, public_access_block, policy, policy_principals, configurations, acl FROM buckets", scanBucket},
}

func foldName(name string) string { return strings.ToLower(name) }

func fromSeconds(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// encode writes a column of JSON. What is encoded are maps, slices and structs
// of strings, numbers and booleans, which never fail.
func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func decode(column, text string, v any) error {
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("column %s: %w", column, err)
	}
	return nil
}

type accountRow Account

func (r *accountRow) put() statement {
	return statement{
		`INSERT INTO accounts (id, canonical_id, name, created) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING`,
		[]any{r.ID, r.CanonicalID, r.Name, r.Created.Unix()},
	}
}

func scanAccount(_ *loader, s scanner) (record, error) {
	var r accountRow
	var created int64
	err := s.Scan(&r.ID, &r.CanonicalID, &r.Name, &created)
	r.Created = fromSeconds(created)
	return &r, err
}

// settingsRow is what an account has at most one of.
type settingsRow struct {
	accountID    string
	alias        string             // "" for none
	passwords    *PasswordPolicy    // nil for none
	publicAccess *PublicAccessBlock // nil for none
	tokens       int                // the version of session tokens; 0 is the first
}

func (r *settingsRow) put() statement {
	var alias, passwords, publicAccess any
	if r.alias != "" {
		alias = r.alias
	}
	if r.passwords != nil {
		passwords = encode(r.passwords)
	}
	if r.publicAccess != nil {
		publicAccess = encode(r.publicAccess)
	}
	return statement{
		`INSERT INTO account_settings (account_id, alias, password_policy, public_access_block, token_version) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (account_id) DO UPDATE SET alias = excluded.alias, password_policy = excluded.password_policy,
			public_access_block = excluded.public_access_block, token_version = excluded.token_version`,
		[]any{r.accountID, alias, passwords, publicAccess, max(r.tokens, 1)},
	}
}

func scanSettings(_ *loader, s scanner) (record, error) {
	var r settingsRow
	var passwords, publicAccess *string
	if err := s.Scan(&r.accountID, &r.alias, &passwords, &publicAccess, &r.tokens); err != nil {
		return nil, err
	}
	if passwords != nil {
		r.passwords = new(PasswordPolicy)
		if err := decode("account_settings.password_policy", *passwords, r.passwords); err != nil {
			return nil, err
		}
	}
	if publicAccess != nil {
		r.publicAccess = new(PublicAccessBlock)
		if err := decode("account_settings.public_access_block", *publicAccess, r.publicAccess); err != nil {
			return nil, err
		}
	}
	return &r, nil
}

// entityRow is a user, group or role.
type entityRow struct {
	id, accountID string
	kind          EntityKind
	path, name    string
	created       time.Time
	boundary      string
	tags          []Tag

	// Of roles:
	description     string
	maxSession      time.Duration
	trustPolicy     string
	trustPrincipals map[string]string
	trust           *eval.Policy
	used            LastUsed // as last stored; written by useOfEntity
}

func (r *entityRow) put() statement {
	return statement{
		`INSERT INTO entities (id, account_id, kind, path, name, name_key, created, boundary, tags,
			description, max_session, trust_policy, trust_principals)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (id) DO UPDATE SET path = excluded.path, name = excluded.name, name_key = excluded.name_key,
			boundary = excluded.boundary, tags = excluded.tags, description = excluded.description,
			max_session = excluded.max_session, trust_policy = excluded.trust_policy, trust_principals = excluded.trust_principals`,
		[]any{r.id, r.accountID, string(r.kind), r.path, r.name, foldName(r.name), r.created.Unix(), r.boundary, encode(r.tags),
			r.description, int64(r.maxSession / time.Second), r.trustPolicy, encode(r.trustPrincipals)},
	}
}

func (r *entityRow) remove() statement {
	return statement{`DELETE FROM entities WHERE id = $1`, []any{r.id}}
}

func scanEntity(l *loader, s scanner) (record, error) {
	var r entityRow
	var created, maxSession, used int64
	var tags, principals string
	err := s.Scan(&r.id, &r.accountID, &r.kind, &r.path, &r.name, &created, &r.boundary, &tags,
		&r.description, &maxSession, &r.trustPolicy, &principals, &used, &r.used.Service, &r.used.Region)
	if err != nil {
		return nil, err
	}
	r.created, r.used.Time, r.maxSession = fromSeconds(created), fromSeconds(used), time.Duration(maxSession)*time.Second
	if err := decode("entities.tags", tags, &r.tags); err != nil {
		return nil, err
	}
	if err := decode("entities.trust_principals", principals, &r.trustPrincipals); err != nil {
		return nil, err
	}
	l.known(r.boundary)
	if r.kind == KindRole {
		r.trust = l.compile(r.trustPolicy, eval.Options{Type: eval.Trust, Name: r.arn(), PrincipalIDs: r.trustPrincipals})
	}
	return &r, nil
}

type membershipRow struct{ groupID, userID string }

func (r *membershipRow) put() statement {
	return statement{
		`INSERT INTO memberships (group_id, user_id) VALUES ($1, $2) ON CONFLICT (group_id, user_id) DO NOTHING`,
		[]any{r.groupID, r.userID},
	}
}

func (r *membershipRow) remove() statement {
	return statement{`DELETE FROM memberships WHERE group_id = $1 AND user_id = $2`, []any{r.groupID, r.userID}}
}

func scanMembership(_ *loader, s scanner) (record, error) {
	var r membershipRow
	return &r, s.Scan(&r.groupID, &r.userID)
}

type instanceProfileRow struct {
	id, accountID, path, name string
	created                   time.Time
	roleID                    string // "" for none
	tags                      []Tag
}

func (r *instanceProfileRow) put() statement {
	var roleID any
	if r.roleID != "" {
		roleID = r.roleID
	}
	return statement{
		`INSERT INTO instance_profiles (id, account_id, path, name, name_key, created, role_id, tags)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (id) DO UPDATE SET role_id = excluded.role_id, tags = excluded.tags`,
		[]any{r.id, r.accountID, r.path, r.name, foldName(r.name), r.created.Unix(), roleID, encode(r.tags)},
	}
}

func (r *instanceProfileRow) remove() statement {
	return statement{`DELETE FROM instance_profiles WHERE id = $1`, []any{r.id}}
}

func scanInstanceProfile(_ *loader, s scanner) (record, error) {
	var r instanceProfileRow
	var created int64
	var tags string
	if err := s.Scan(&r.id, &r.accountID, &r.path, &r.name, &created, &r.roleID, &tags); err != nil {
		return nil, err
	}
	r.created = fromSeconds(created)
	return &r, decode("instance_profiles.tags", tags, &r.tags)
}

// providerRow is an OpenID Connect provider.
type providerRow struct {
	accountID, url         string // without https://
	created                time.Time
	clientIDs, thumbprints []string
	tags                   []Tag
}

func (r *providerRow) put() statement {
	return statement{
		`INSERT INTO openid_connect_providers (arn, account_id, url, created, client_ids, thumbprints, tags) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (arn) DO UPDATE SET client_ids = excluded.client_ids, thumbprints = excluded.thumbprints, tags = excluded.tags`,
		[]any{r.arn(), r.accountID, r.url, r.created.Unix(), encode(r.clientIDs), encode(r.thumbprints), encode(r.tags)},
	}
}

func (r *providerRow) remove() statement {
	return statement{`DELETE FROM openid_connect_providers WHERE arn = $1`, []any{r.arn()}}
}

func scanProvider(_ *loader, s scanner) (record, error) {
	var r providerRow
	var created int64
	var clientIDs, thumbprints, tags string
	if err := s.Scan(&r.accountID, &r.url, &created, &clientIDs, &thumbprints, &tags); err != nil {
		return nil, err
	}
	r.created = fromSeconds(created)
	return &r, errors.Join(
		decode("openid_connect_providers.client_ids", clientIDs, &r.clientIDs),
		decode("openid_connect_providers.thumbprints", thumbprints, &r.thumbprints),
		decode("openid_connect_providers.tags", tags, &r.tags),
	)
}

// policyRow is a managed policy without its versions.
type policyRow struct {
	arn, id, accountID, path, name, description string
	defaultVersion, lastVersion                 int
	created, updated                            time.Time
	tags                                        []Tag
}

func (r *policyRow) put() statement {
	return statement{
		`INSERT INTO managed_policies (arn, id, account_id, path, name, name_key, description, default_version, last_version, created, updated, tags)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (arn) DO UPDATE SET default_version = excluded.default_version, last_version = excluded.last_version,
			updated = excluded.updated, tags = excluded.tags`,
		[]any{r.arn, r.id, r.accountID, r.path, r.name, foldName(r.name), r.description, r.defaultVersion, r.lastVersion,
			r.created.Unix(), r.updated.Unix(), encode(r.tags)},
	}
}

func (r *policyRow) remove() statement {
	return statement{`DELETE FROM managed_policies WHERE arn = $1`, []any{r.arn}}
}

func scanPolicy(_ *loader, s scanner) (record, error) {
	var r policyRow
	var created, updated int64
	var tags string
	err := s.Scan(&r.arn, &r.id, &r.accountID, &r.path, &r.name, &r.description, &r.defaultVersion, &r.lastVersion, &created, &updated, &tags)
	if err != nil {
		return nil, err
	}
	r.created, r.updated = fromSeconds(created), fromSeconds(updated)
	return &r, decode("managed_policies.tags", tags, &r.tags)
}

// versionRow is a version of a managed policy.
type versionRow struct {
	arn      string // the policy's
	number   int
	document string
	created  time.Time
	compiled *eval.Policy // as an identity-based policy
}

func (r *versionRow) put() statement {
	return statement{
		`INSERT INTO policy_versions (policy_arn, version, document, created) VALUES ($1, $2, $3, $4)
		ON CONFLICT (policy_arn, version) DO NOTHING`,
		[]any{r.arn, r.number, r.document, r.created.Unix()},
	}
}

func (r *versionRow) remove() statement {
	return statement{`DELETE FROM policy_versions WHERE policy_arn = $1 AND version = $2`, []any{r.arn, r.number}}
}

func scanVersion(l *loader, s scanner) (record, error) {
	var r versionRow
	var created int64
	err := s.Scan(&r.arn, &r.number, &r.document, &created)
	r.created = fromSeconds(created)
	r.compiled = l.compile(r.document, eval.Options{Type: eval.Identity, Name: r.arn})
	return &r, err
}

type attachmentRow struct{ entityID, arn string }

func (r *attachmentRow) put() statement {
	return statement{
		`INSERT INTO attachments (entity_id, policy_arn) VALUES ($1, $2) ON CONFLICT (entity_id, policy_arn) DO NOTHING`,
		[]any{r.entityID, r.arn},
	}
}

func (r *attachmentRow) remove() statement {
	return statement{`DELETE FROM attachments WHERE entity_id = $1 AND policy_arn = $2`, []any{r.entityID, r.arn}}
}

func scanAttachment(l *loader, s scanner) (record, error) {
	var r attachmentRow
	err := s.Scan(&r.entityID, &r.arn)
	l.known(r.arn)
	return &r, err
}

type inlineRow struct {
	entityID, name, document string
	compiled                 *eval.Policy
}

func (r *inlineRow) put() statement {
	return statement{
		`INSERT INTO inline_policies (entity_id, name, document) VALUES ($1, $2, $3)
		ON CONFLICT (entity_id, name) DO UPDATE SET document = excluded.document`,
		[]any{r.entityID, r.name, r.document},
	}
}

func (r *inlineRow) remove() statement {
	return statement{`DELETE FROM inline_policies WHERE entity_id = $1 AND name = $2`, []any{r.entityID, r.name}}
}

func scanInline(l *loader, s scanner) (record, error) {
	var r inlineRow
	err := s.Scan(&r.entityID, &r.name, &r.document)
	r.compiled = l.compile(r.document, eval.Options{Type: eval.Identity, Name: r.name})
	return &r, err
}

// keyRow is an access key with its secret.
type keyRow struct {
	id, accountID, userID string // userID is "" for the account's root
	active                bool
	created               time.Time
	secret                string
	sealed                string // secret as stored
	used                  LastUsed
}

func (r *keyRow) put() statement {
	var userID any
	if r.userID != "" {
		userID = r.userID
	}
	return statement{
		`INSERT INTO access_keys (id, account_id, user_id, active, created, secret) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET active = excluded.active`,
		[]any{r.id, r.accountID, userID, r.active, r.created.Unix(), r.sealed},
	}
}

func (r *keyRow) remove() statement {
	return statement{`DELETE FROM access_keys WHERE id = $1`, []any{r.id}}
}

func scanKey(l *loader, s scanner) (record, error) {
	var r keyRow
	var created, used int64
	err := s.Scan(&r.id, &r.accountID, &r.userID, &r.active, &created, &r.sealed, &used, &r.used.Service, &r.used.Region)
	if err != nil {
		return nil, err
	}
	r.created, r.used.Time = fromSeconds(created), fromSeconds(used)
	r.secret, err = l.unseal(r.sealed, r.id)
	return &r, err
}

// loginRow is the password of a user, and those that he had before.
type loginRow struct {
	userID                 string
	created, changed, used time.Time
	resetRequired          bool
	passwords              []string // sealed hashes, never none; the first is of the password
}

func (r *loginRow) put() statement {
	used := int64(0)
	if !r.used.IsZero() {
		used = r.used.Unix()
	}
	return statement{
		`INSERT INTO login_profiles (user_id, created, changed, used, reset_required, passwords) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (user_id) DO UPDATE SET changed = excluded.changed, used = excluded.used,
			reset_required = excluded.reset_required, passwords = excluded.passwords`,
		[]any{r.userID, r.created.Unix(), r.changed.Unix(), used, r.resetRequired, encode(r.passwords)},
	}
}

func (r *loginRow) remove() statement {
	return statement{`DELETE FROM login_profiles WHERE user_id = $1`, []any{r.userID}}
}

func scanLogin(_ *loader, s scanner) (record, error) {
	var r loginRow
	var created, changed, used int64
	var passwords string
	if err := s.Scan(&r.userID, &created, &changed, &used, &r.resetRequired, &passwords); err != nil {
		return nil, err
	}
	r.created, r.changed, r.used = fromSeconds(created), fromSeconds(changed), fromSeconds(used)
	if err := decode("login_profiles.passwords", passwords, &r.passwords); err != nil {
		return nil, err
	}
	if len(r.passwords) == 0 {
		return nil, fmt.Errorf("the login profile of user %s has no password", r.userID)
	}
	return &r, nil
}

// mfaRow is a device for a second factor.
type mfaRow struct {
	serial, accountID, path, name string
	created                       time.Time
	seed                          string // sealed, in base64
	userID                        string // "" for nobody
	enabled                       time.Time
	drift, lastStep               int64 // in periods
	tags                          []Tag
}

func (r *mfaRow) put() statement {
	var userID any
	enabled := int64(0)
	if r.userID != "" {
		userID, enabled = r.userID, r.enabled.Unix()
	}
	return statement{
		`INSERT INTO mfa_devices (serial, account_id, path, name, created, seed, user_id, enabled, drift, last_step, tags)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (serial) DO UPDATE SET user_id = excluded.user_id, enabled = excluded.enabled, drift = excluded.drift,
			last_step = excluded.last_step, tags = excluded.tags`,
		[]any{r.serial, r.accountID, r.path, r.name, r.created.Unix(), r.seed, userID, enabled, r.drift, r.lastStep, encode(r.tags)},
	}
}

func (r *mfaRow) remove() statement {
	return statement{`DELETE FROM mfa_devices WHERE serial = $1`, []any{r.serial}}
}

func scanMFA(_ *loader, s scanner) (record, error) {
	var r mfaRow
	var created, enabled int64
	var tags string
	err := s.Scan(&r.serial, &r.accountID, &r.path, &r.name, &created, &r.seed, &r.userID, &enabled, &r.drift, &r.lastStep, &tags)
	if err != nil {
		return nil, err
	}
	r.created, r.enabled = fromSeconds(created), fromSeconds(enabled)
	return &r, decode("mfa_devices.tags", tags, &r.tags)
}

type bucketRow Bucket

func (r *bucketRow) put() statement {
	var block, document, principals any
	if r.PublicAccessBlock != nil {
		block = encode(r.PublicAccessBlock)
	}
	if r.Policy != nil {
		document, principals = string(r.Policy.Document), encode(r.Policy.PrincipalIDs)
	}
	return statement{
		`INSERT INTO buckets (id, name, account_id, region, created, ownership, public_access_block, policy, policy_principals, configurations, acl)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (id) DO UPDATE SET ownership = excluded.ownership, public_access_block = excluded.public_access_block,
			policy = excluded.policy, policy_principals = excluded.policy_principals, configurations = excluded.configurations, acl = excluded.acl`,
		[]any{r.ID, r.Name, r.AccountID, r.Region, r.Created.Unix(), r.Ownership, block, document, principals, encodeMap(r.Configurations), r.ACL.Encode()},
	}
}

// encodeMap writes no members as an empty object.
func encodeMap(m map[string]string) string {
	if len(m) == 0 {
		return "{}"
	}
	return encode(m)
}

func (r *bucketRow) remove() statement {
	return statement{`DELETE FROM buckets WHERE id = $1`, []any{r.ID}}
}

func scanBucket(l *loader, s scanner) (record, error) {
	var r bucketRow
	var created int64
	var block, document, principals *string
	var configurations, grants string
	err := s.Scan(&r.ID, &r.Name, &r.AccountID, &r.Region, &created, &r.Ownership, &block, &document, &principals, &configurations, &grants)
	if err != nil {
		return nil, err
	}
	if r.ACL, err = l.acl(r.AccountID, grants); err != nil {
		return nil, fmt.Errorf("bucket %q: %w", r.Name, err)
	}
	if configurations != "{}" {
		if err := decode("buckets.configurations", configurations, &r.Configurations); err != nil {
			return nil, err
		}
	}
	r.Created = fromSeconds(created)
	if block != nil {
		r.PublicAccessBlock = new(PublicAccessBlock)
		if err := decode("buckets.public_access_block", *block, r.PublicAccessBlock); err != nil {
			return nil, err
		}
	}
	if document == nil {
		return &r, nil
	}
	r.Policy = &BucketPolicy{Document: []byte(*document)}
	if principals != nil {
		if err := decode("buckets.policy_principals", *principals, &r.Policy.PrincipalIDs); err != nil {
			return nil, err
		}
	}
	r.Policy.Compiled = l.compile(*document, bucketPolicyOptions(r.Name, r.Policy.PrincipalIDs))
	return &r, nil
}

// acl decodes the access control list of what an account has.
func (l *loader) acl(accountID, text string) (*acl.List, error) {
	a, err := l.view.account(accountID)
	if err != nil {
		return nil, err
	}
	return acl.Decode(a.shown.CanonicalID, text)
}

// bucketPolicyOptions says what the policy of a bucket is compiled as.
func bucketPolicyOptions(bucket string, principalIDs map[string]string) eval.Options {
	return eval.Options{Type: eval.Resource, Name: "arn:aws:s3:::" + bucket, PrincipalIDs: maps.Clone(principalIDs)}
}
