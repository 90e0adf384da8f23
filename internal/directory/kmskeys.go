package directory

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/policy/eval"
)

// KMSKey is a symmetric key of the key service: an immutable snapshot. It seals
// and opens; who may have it do so is for internal/access to know.
type KMSKey struct {
	AccountID   string
	ID, ARN     string // ID is a UUID
	Created     time.Time
	Description string
	Manager     string // KeyManagerCustomer or KeyManagerAWS
	Enabled     bool
	Deletion    time.Time // when it is destroyed; zero while that is not planned
	WaitingDays int       // between the plan and the deletion
	Policy      string    // the bytes that were put; its principals are bound to their unique ids
	Tags        []Tag     // sorted by key
	Aliases     []string  // with "alias/", sorted

	RotationDays int           // between rotations; 0 for none
	NextRotation time.Time     // zero for none
	Rotations    []KMSRotation // the oldest first

	// Compiled is Policy as compiled. Nobody but internal/access decides with it.
	Compiled *eval.Policy

	region     string
	principals map[string]string
	material   string // the keyset, sealed
	keyring    *secrets.Keyring
}

// Who manages a key ("Customer keys and AWS keys", AWS KMS Developer Guide).
const (
	KeyManagerCustomer = "CUSTOMER"
	KeyManagerAWS      = "AWS"
)

// KMSAlias is another name of a key.
type KMSAlias struct {
	AccountID        string
	Name             string // with "alias/"
	ARN              string
	KeyID            string
	Created, Updated time.Time
}

// KMSRotation is a change of the material that a key encrypts with.
type KMSRotation struct {
	Time     time.Time
	OnDemand bool
}

// ErrKeyDisabled and ErrKeyPendingDeletion are why a key neither seals nor
// opens.
var (
	ErrKeyDisabled        = errors.New("the key is disabled")
	ErrKeyPendingDeletion = errors.New("the key is pending deletion")
)

// Usable returns ErrKeyDisabled or ErrKeyPendingDeletion, or nil.
func (k *KMSKey) Usable() error {
	switch {
	case !k.Deletion.IsZero():
		return ErrKeyPendingDeletion
	case !k.Enabled:
		return ErrKeyDisabled
	}
	return nil
}

// Seal encrypts plaintext, which only Open with the same associated data
// decrypts. It fails as Usable does.
func (k *KMSKey) Seal(plaintext, associatedData []byte) ([]byte, error) {
	if err := k.Usable(); err != nil {
		return nil, err
	}
	return k.keyring.Seal(plaintext, associatedData)
}

// Open decrypts what Seal returned. It fails as Usable does, and with
// secrets.ErrNotOpened.
func (k *KMSKey) Open(sealed, associatedData []byte) ([]byte, error) {
	if err := k.Usable(); err != nil {
		return nil, err
	}
	return k.keyring.Open(sealed, associatedData)
}

// NewKMSKey makes a key that is not kept until AddKMSKey is called with it. Of k
// it takes AccountID, Description, Manager, Policy and Tags. It fails with
// *InvalidError and *DocumentError.
func (d *Directory) NewKMSKey(k KMSKey) (*KMSKey, error) {
	made := &KMSKey{
		AccountID: k.AccountID, ID: newUUID(), Created: truncated(d.now()), Description: k.Description, Manager: k.Manager, Enabled: true,
		Tags: slices.Clone(k.Tags), region: d.region,
	}
	made.ARN = kmsARN(made.region, made.AccountID, "key/"+made.ID)
	var err error
	if err = made.check(); err != nil {
		return nil, err
	}
	d.read(func(v *view) { err = v.setKeyPolicy(made, k.Policy) })
	if err != nil {
		return nil, err
	}
	text, err := secrets.Generate()
	if err != nil {
		return nil, err
	}
	return made, made.setMaterial(d.keyring, text)
}

// AddKMSKey keeps a new key and, unless it is "", an alias of it. When the
// account has the alias already, its key is returned and nothing changes. It
// fails with *NotFoundError (account) and *InvalidError.
func (d *Directory) AddKMSKey(ctx context.Context, k *KMSKey, alias string) (*KMSKey, error) {
	if alias != "" {
		if err := checkAlias(alias); err != nil {
			return nil, err
		}
	}
	var existing *KMSKey
	err := d.mutate(ctx, func(v *view, c *change) error {
		a, err := v.account(k.AccountID)
		if err != nil {
			return err
		}
		if alias != "" {
			if old := a.kmsAliases[alias]; old != nil {
				existing = v.kmsKeys[old.KeyID]
				return nil
			}
		}
		c.put((*kmsKeyRow)(k))
		if alias != "" {
			now := truncated(d.now())
			c.put(&kmsAliasRow{AccountID: k.AccountID, Name: alias, ARN: kmsARN(k.region, k.AccountID, alias), KeyID: k.ID, Created: now, Updated: now})
		}
		return nil
	})
	if err != nil || existing != nil {
		return existing, err
	}
	added, ok := d.KMSKey(k.ID)
	if !ok {
		return nil, &NotFoundError{"KMS key", k.ID}
	}
	return added, nil
}

// KMSKey returns a key by its id, unless it was to be destroyed by now.
func (d *Directory) KMSKey(id string) (*KMSKey, bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	return d.kmsKey(id)
}

func (d *Directory) kmsKey(id string) (*KMSKey, bool) {
	k := d.view.kmsKeys[id]
	if k == nil || k.due(d.now()) {
		return nil, false
	}
	return k, true
}

func (k *KMSKey) due(now time.Time) bool { return !k.Deletion.IsZero() && !now.Before(k.Deletion) }

// FindKMSKey returns the key that a name means to an account: its own key's id,
// an alias of its own such as "alias/app", or the ARN of any key or alias. alias
// is the alias that was named, with "alias/", or "".
func (d *Directory) FindKMSKey(accountID, name string) (k *KMSKey, alias string, ok bool) {
	resource := name
	whole := strings.HasPrefix(name, "arn:")
	if whole {
		a, err := arn.Parse(name)
		if err != nil || a.Service != "kms" {
			return nil, "", false
		}
		accountID, resource = a.AccountID, a.Resource
	}
	d.reading.RLock()
	defer d.reading.RUnlock()
	id, isKey := strings.CutPrefix(resource, "key/")
	switch {
	case strings.HasPrefix(resource, "alias/"):
		alias = resource
		account := d.view.accounts[accountID]
		if account == nil || account.kmsAliases[alias] == nil || whole && account.kmsAliases[alias].ARN != name {
			return nil, alias, false
		}
		id = account.kmsAliases[alias].KeyID
	case isKey != whole:
		return nil, "", false
	}
	k, ok = d.kmsKey(id)
	if !ok || k.AccountID != accountID || isKey && k.ARN != name {
		return nil, alias, false
	}
	return k, alias, true
}

// KMSKeys returns the keys of an account, sorted by id.
func (d *Directory) KMSKeys(accountID string) (keys []*KMSKey) {
	d.read(func(v *view) {
		for _, k := range v.kmsKeys {
			if k.AccountID == accountID && !k.due(d.now()) {
				keys = append(keys, k)
			}
		}
	})
	slices.SortFunc(keys, func(a, b *KMSKey) int { return strings.Compare(a.ID, b.ID) })
	return keys
}

// KMSAliases returns the aliases of an account's keys, sorted by name.
func (d *Directory) KMSAliases(accountID string) (aliases []*KMSAlias) {
	d.read(func(v *view) {
		if a := v.accounts[accountID]; a != nil {
			for _, name := range slices.Sorted(maps.Keys(a.kmsAliases)) {
				if _, ok := d.kmsKey(a.kmsAliases[name].KeyID); ok {
					aliases = append(aliases, (*KMSAlias)(a.kmsAliases[name]))
				}
			}
		}
	})
	return aliases
}

// KMSKeyUpdate says what of a key changes; nil leaves it as it is.
type KMSKeyUpdate struct {
	Description *string
	Enabled     *bool
	Policy      *string
	RemoveTags  []string
	AddTags     []Tag // in place of those of the same keys
	// WaitingDays plans the key's deletion in so many days, or calls it off when
	// it is 0, which leaves the key disabled.
	WaitingDays *int
	// RotationDays has the key rotated every so many days, or not when it is 0.
	RotationDays *int
}

// UpdateKMSKey changes a key. It fails with *NotFoundError, *InvalidError and
// *DocumentError.
func (d *Directory) UpdateKMSKey(ctx context.Context, id string, u KMSKeyUpdate) (*KMSKey, error) {
	var changed KMSKey
	err := d.mutate(ctx, func(v *view, c *change) error {
		k, ok := v.kmsKeys[id]
		if !ok || k.due(d.now()) {
			return &NotFoundError{"KMS key", id}
		}
		changed = *k
		if u.Description != nil {
			changed.Description = *u.Description
		}
		if u.Enabled != nil {
			changed.Enabled = *u.Enabled
		}
		changed.Tags = slices.DeleteFunc(slices.Clone(k.Tags), func(t Tag) bool {
			return slices.Contains(u.RemoveTags, t.Key) || slices.ContainsFunc(u.AddTags, func(added Tag) bool { return added.Key == t.Key })
		})
		changed.Tags = append(changed.Tags, u.AddTags...)
		if err := within(QuotaTagsPerKMSKey, len(changed.Tags)); err != nil {
			return err
		}
		if days := u.WaitingDays; days != nil {
			changed.WaitingDays, changed.Enabled, changed.Deletion = *days, false, time.Time{}
			if *days > 0 {
				changed.Deletion = truncated(d.now().AddDate(0, 0, *days))
			}
		}
		if days := u.RotationDays; days != nil {
			changed.RotationDays, changed.NextRotation = *days, time.Time{}
			if *days > 0 {
				changed.NextRotation = truncated(d.now().AddDate(0, 0, *days))
			}
		}
		if u.Policy != nil {
			if err := v.setKeyPolicy(&changed, *u.Policy); err != nil {
				return err
			}
		}
		if err := changed.check(); err != nil {
			return err
		}
		c.put((*kmsKeyRow)(&changed))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &changed, nil
}

func (k *KMSKey) check() error {
	slices.SortFunc(k.Tags, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	for _, t := range k.Tags {
		if err := checkText("tag", t.Key+t.Value, 128+256); err != nil {
			return err
		}
	}
	return checkText("description", k.Description, 8192)
}

func (v *view) setKeyPolicy(k *KMSKey, document string) (err error) {
	k.Policy, k.principals = document, v.principalIDs(document)
	k.Compiled, err = compile(document, k.policyOptions())
	return err
}

// RotateKMSKey has a key encrypt with other material from now on. What it has
// encrypted before still opens. It fails with *NotFoundError and as Usable does.
func (d *Directory) RotateKMSKey(ctx context.Context, id string) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		k, ok := v.kmsKeys[id]
		if !ok || k.due(d.now()) {
			return &NotFoundError{"KMS key", id}
		}
		if err := k.Usable(); err != nil {
			return err
		}
		return d.rotate(c, k, true)
	})
}

func (d *Directory) rotate(c *change, k *KMSKey, onDemand bool) error {
	changed := *k
	sealed, err := base64.StdEncoding.DecodeString(k.material)
	if err != nil {
		return err
	}
	text, err := d.keyring.Open(sealed, materialPurpose(k.ID))
	if err != nil {
		return err
	}
	rotated, err := secrets.Rotate(string(text))
	if err != nil {
		return err
	}
	if err := changed.setMaterial(d.keyring, rotated); err != nil {
		return err
	}
	changed.Rotations = append(slices.Clone(k.Rotations), KMSRotation{truncated(d.now()), onDemand})
	if !onDemand {
		changed.NextRotation = truncated(d.now().AddDate(0, 0, k.RotationDays))
	}
	c.put((*kmsKeyRow)(&changed))
	return nil
}

// setMaterial gives a key the keyset of a text, and seals that under the
// directory's keyring.
func (k *KMSKey) setMaterial(under *secrets.Keyring, text string) error {
	sealed, err := under.Seal([]byte(text), materialPurpose(k.ID))
	if err != nil {
		return err
	}
	k.material = base64.StdEncoding.EncodeToString(sealed)
	k.keyring, err = secrets.Parse(text)
	return err
}

// rotateDueKeys rotates the keys whose time for it has come. One that is of no use
// meanwhile is rotated when it is again ("Rotate AWS KMS keys", AWS KMS Developer
// Guide).
func (d *Directory) rotateDueKeys(ctx context.Context) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		for _, k := range v.kmsKeys {
			if k.NextRotation.IsZero() || d.now().Before(k.NextRotation) || k.Usable() != nil {
				continue
			}
			if err := d.rotate(c, k, false); err != nil {
				return err
			}
		}
		return nil
	})
}

// WithKeyPolicy returns a key as it would be with another policy. It fails with
// *DocumentError.
func (d *Directory) WithKeyPolicy(k *KMSKey, document string) (*KMSKey, error) {
	changed := *k
	var err error
	d.read(func(v *view) { err = v.setKeyPolicy(&changed, document) })
	return &changed, err
}

func (k *KMSKey) policyOptions() eval.Options {
	return eval.Options{Type: eval.KeyPolicy, Name: k.ARN, PrincipalIDs: k.principals}
}

// CreateKMSAlias gives a key of an account one more name. It fails with
// *NotFoundError, *ExistsError and *InvalidError.
func (d *Directory) CreateKMSAlias(ctx context.Context, accountID, name, keyID string) error {
	if err := checkAlias(name); err != nil {
		return err
	}
	return d.mutate(ctx, func(v *view, c *change) error {
		a, k, err := d.aliased(v, accountID, keyID)
		if err != nil {
			return err
		}
		if a.kmsAliases[name] != nil {
			return &ExistsError{Kind: "KMS alias", Name: name}
		}
		now := truncated(d.now())
		c.put(&kmsAliasRow{AccountID: accountID, Name: name, ARN: kmsARN(k.region, accountID, name), KeyID: keyID, Created: now, Updated: now})
		return nil
	})
}

// UpdateKMSAlias makes an alias the name of another key. It fails with
// *NotFoundError.
func (d *Directory) UpdateKMSAlias(ctx context.Context, accountID, name, keyID string) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		a, _, err := d.aliased(v, accountID, keyID)
		if err != nil {
			return err
		}
		old := a.kmsAliases[name]
		if old == nil {
			return &NotFoundError{"KMS alias", name}
		}
		changed := *old
		changed.KeyID, changed.Updated = keyID, truncated(d.now())
		c.put(&changed)
		return nil
	})
}

// DeleteKMSAlias takes an alias away. It fails with *NotFoundError.
func (d *Directory) DeleteKMSAlias(ctx context.Context, accountID, name string) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		a, err := v.account(accountID)
		if err != nil {
			return err
		}
		old := a.kmsAliases[name]
		if old == nil {
			return &NotFoundError{"KMS alias", name}
		}
		c.remove(old)
		return nil
	})
}

func (d *Directory) aliased(v *view, accountID, keyID string) (*account, *KMSKey, error) {
	a, err := v.account(accountID)
	if err != nil {
		return nil, nil, err
	}
	k := v.kmsKeys[keyID]
	if k == nil || k.AccountID != accountID || k.due(d.now()) {
		return nil, nil, &NotFoundError{"KMS key", keyID}
	}
	return a, k, nil
}

// destroyDueKeys removes the keys whose time has come, with their aliases.
func (d *Directory) destroyDueKeys(ctx context.Context) error {
	destroyed := false
	err := d.mutate(ctx, func(v *view, c *change) error {
		for _, k := range v.kmsKeys {
			if !k.due(d.now()) {
				continue
			}
			for _, name := range k.Aliases {
				c.remove(v.accounts[k.AccountID].kmsAliases[name])
			}
			c.remove((*kmsKeyRow)(k))
			destroyed = true
			d.log.Info("a KMS key was destroyed, as was asked for", "key", k.ARN)
		}
		return nil
	})
	if err != nil || !destroyed {
		return err
	}
	return d.store.forget(ctx)
}

func checkAlias(name string) error {
	plain, ok := strings.CutPrefix(name, "alias/")
	if !ok || len(name) > 256 || !aliasNamePattern.MatchString(plain) {
		return &InvalidError{"KMS alias", name, "alias/ and then letters, digits and characters of /_-"}
	}
	return nil
}

func kmsARN(region, accountID, resource string) string {
	return "arn:aws:kms:" + region + ":" + accountID + ":" + resource
}

// materialPurpose is the associated data that binds a sealed keyset to its key.
func materialPurpose(id string) []byte { return []byte("keywright kms key " + id) }

// newUUID returns a random UUID.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
