package directory

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"sync"
	"time"

	"github.com/keywright/keywright/internal/secrets"
)

// How far a device's clock may be from this machine's, in periods of its codes:
// from what it was when the last code was used, and when two codes in a row are
// given to find it again.
const (
	codeWindow   = 1
	enableWindow = 3
	resyncWindow = 20
)

// Wrong codes are answered without looking after so many, for so long after the
// last: a code has six digits only.
const (
	maxWrongCodes = 5
	wrongCodeWait = 5 * time.Minute
)

// MFADevice is a virtual device for a second factor: a program that shows
// one-time codes ("TOTP", RFC 6238).
type MFADevice struct {
	AccountID    string
	Path, Name   string
	SerialNumber string // its ARN
	Created      time.Time
	Tags         []Tag // sorted by key

	UserID, UserName string    // whose it is, or ""
	Enabled          time.Time // for him
}

// attempts count wrong codes by device, until the process ends. They are safe for
// concurrent use.
type attempts struct {
	mu     sync.Mutex
	wrong  map[string]int
	latest map[string]time.Time
}

// exhausted reports whether a device gets no more tries yet.
func (a *attempts) exhausted(serial string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.latest[serial]) >= wrongCodeWait {
		delete(a.wrong, serial)
		delete(a.latest, serial)
	}
	return a.wrong[serial] >= maxWrongCodes
}

// count remembers a wrong code, and forgets them after a right one.
func (a *attempts) count(serial string, right bool, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if right {
		delete(a.wrong, serial)
		delete(a.latest, serial)
		return
	}
	if a.wrong == nil {
		a.wrong, a.latest = map[string]int{}, map[string]time.Time{}
	}
	a.wrong[serial]++
	a.latest[serial] = now
}

// CreateMFADevice makes a device that is nobody's yet, and returns its seed this
// once. Path defaults to "/". It fails with *NotFoundError (account),
// *ExistsError, *LimitError and *InvalidError.
func (d *Directory) CreateMFADevice(ctx context.Context, m MFADevice) (made *MFADevice, seed string, err error) {
	r := &mfaRow{accountID: m.AccountID, path: cmp.Or(m.Path, "/"), name: m.Name, created: truncated(d.now())}
	if err := checkName("MFA device name", r.name, 226); err != nil {
		return nil, "", err
	}
	if err := checkPath(r.path, pathPattern); err != nil {
		return nil, "", err
	}
	if r.tags, err = mergeTags(nil, m.Tags, QuotaTagsPerMFADevice); err != nil {
		return nil, "", err
	}
	r.serial = "arn:aws:iam::" + r.accountID + ":mfa" + r.path + r.name
	seed = secrets.NewOneTimeSeed()
	sealed, err := d.keyring.Seal([]byte(seed), seedPurpose(r.serial))
	if err != nil {
		return nil, "", err
	}
	r.seed = base64.StdEncoding.EncodeToString(sealed)
	err = d.mutate(ctx, func(v *view, c *change) error {
		a, err := v.account(r.accountID)
		if err != nil {
			return err
		}
		if a.devices[foldName(r.serial)] != nil {
			return &ExistsError{Kind: "MFA device", Name: r.serial}
		}
		if err := within(QuotaMFADevicesPerAccount, len(a.devices)+1); err != nil {
			return err
		}
		made = r.show(v)
		c.put(r)
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return made, seed, nil
}

// seedPurpose is the associated data that binds a sealed seed to its device.
func seedPurpose(serial string) []byte { return []byte("keywright MFA device " + serial) }

// MFADevice returns a device by its serial number.
func (d *Directory) MFADevice(accountID, serial string) (m *MFADevice, ok bool) {
	d.read(func(v *view) {
		if r, err := v.device(accountID, serial); err == nil {
			m, ok = r.show(v), true
		}
	})
	return m, ok
}

// MFADevices returns the devices of an account, sorted by serial number.
func (d *Directory) MFADevices(accountID string) (all []*MFADevice) {
	d.read(func(v *view) {
		if a := v.accounts[accountID]; a != nil {
			for _, r := range sortedValues(a.devices, func(r *mfaRow) string { return r.serial }) {
				all = append(all, r.show(v))
			}
		}
	})
	return all
}

// MFADevicesForUser returns the devices of a user, sorted by serial number.
func (d *Directory) MFADevicesForUser(accountID, userName string) (all []*MFADevice) {
	d.read(func(v *view) {
		if u, err := v.entity(Entity{accountID, KindUser, userName}); err == nil {
			for _, r := range sortedValues(u.devices, func(r *mfaRow) string { return r.serial }) {
				all = append(all, r.show(v))
			}
		}
	})
	return all
}

// device finds a device of an account, or fails with a *NotFoundError.
func (v *view) device(accountID, serial string) (*mfaRow, error) {
	a, err := v.account(accountID)
	if err != nil {
		return nil, err
	}
	if r := a.devices[foldName(serial)]; r != nil && r.serial == serial {
		return r, nil
	}
	return nil, &NotFoundError{"MFA device", serial}
}

// heldDevice finds a device of a user, or fails with a *NotFoundError.
func (v *view) heldDevice(accountID, userName, serial string) (*mfaRow, error) {
	u, err := v.entity(Entity{accountID, KindUser, userName})
	if err != nil {
		return nil, err
	}
	if r := u.devices[serial]; r != nil {
		return r, nil
	}
	return nil, &NotFoundError{"device of the user", serial}
}

// changeDevice replaces the row that find finds by a copy that edit has changed.
func (d *Directory) changeDevice(ctx context.Context, find func(*view) (*mfaRow, error), edit func(*view, *mfaRow) error) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		found, err := find(v)
		if err != nil {
			return err
		}
		row := *found
		if err := edit(v, &row); err != nil {
			return err
		}
		c.put(&row)
		return nil
	})
}

// synchronize sets a device's clock by two codes in a row. It fails with
// ErrWrongCode.
func (d *Directory) synchronize(r *mfaRow, first, second string, window int64) error {
	seed, err := d.seed(r)
	if err != nil {
		return err
	}
	now := d.now().Unix() / secrets.OneTimePeriod
	for step := now - window; step <= now+window; step++ {
		if secrets.IsOneTimeCode(seed, step, second) && secrets.IsOneTimeCode(seed, step-1, first) {
			r.drift, r.lastStep = step-now, max(step, r.lastStep)
			return nil
		}
	}
	return ErrWrongCode
}

func (d *Directory) seed(r *mfaRow) (string, error) {
	b, err := base64.StdEncoding.DecodeString(r.seed)
	if err == nil {
		b, err = d.keyring.Open(b, seedPurpose(r.serial))
	}
	if err != nil {
		return "", fmt.Errorf("the seed of MFA device %s cannot be read: %w", r.serial, err)
	}
	return string(b), nil
}

// EnableMFADevice gives a device to a user, who proves with two codes in a row
// that he has it. It fails with *NotFoundError (account, user, MFA device),
// *ExistsError when it is somebody's, *LimitError and ErrWrongCode.
func (d *Directory) EnableMFADevice(ctx context.Context, accountID, userName, serial, first, second string) error {
	return d.changeDevice(ctx, func(v *view) (*mfaRow, error) { return v.device(accountID, serial) }, func(v *view, r *mfaRow) error {
		u, err := v.entity(Entity{accountID, KindUser, userName})
		if err != nil {
			return err
		}
		if r.userID != "" {
			return &ExistsError{Kind: "enabled MFA device", Name: serial}
		}
		if err := within(QuotaMFADevicesPerUser, len(u.devices)+1); err != nil {
			return err
		}
		r.userID, r.enabled = u.row.id, truncated(d.now())
		return d.synchronize(r, first, second, enableWindow)
	})
}

// ResyncMFADevice finds out how far the clock of a user's device is off, with two
// codes in a row. It fails with *NotFoundError (account, user, device of the
// user) and ErrWrongCode.
func (d *Directory) ResyncMFADevice(ctx context.Context, accountID, userName, serial, first, second string) error {
	return d.changeDevice(ctx, func(v *view) (*mfaRow, error) { return v.heldDevice(accountID, userName, serial) }, func(_ *view, r *mfaRow) error {
		return d.synchronize(r, first, second, resyncWindow)
	})
}

// DeactivateMFADevice takes a device from its user. It fails with
// *NotFoundError (account, user, device of the user).
func (d *Directory) DeactivateMFADevice(ctx context.Context, accountID, userName, serial string) error {
	return d.changeDevice(ctx, func(v *view) (*mfaRow, error) { return v.heldDevice(accountID, userName, serial) }, func(_ *view, r *mfaRow) error {
		r.userID, r.enabled = "", time.Time{}
		return nil
	})
}

// DeleteMFADevice deletes a device that is nobody's. It fails with
// *NotFoundError (account, MFA device) and *InUseError.
func (d *Directory) DeleteMFADevice(ctx context.Context, accountID, serial string) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		r, err := v.device(accountID, serial)
		if err != nil {
			return err
		}
		if r.userID != "" {
			return &InUseError{"MFA device", serial, "a user"}
		}
		c.remove(r)
		return nil
	})
}

// TagMFADevice adds tags to a device as TagEntity does. It fails with
// *NotFoundError, *LimitError and *InvalidError.
func (d *Directory) TagMFADevice(ctx context.Context, accountID, serial string, tags []Tag) error {
	return d.changeDevice(ctx, func(v *view) (*mfaRow, error) { return v.device(accountID, serial) }, func(_ *view, r *mfaRow) (err error) {
		r.tags, err = mergeTags(r.tags, tags, QuotaTagsPerMFADevice)
		return err
	})
}

// UntagMFADevice removes tags from a device as UntagEntity does. It fails with
// *NotFoundError.
func (d *Directory) UntagMFADevice(ctx context.Context, accountID, serial string, keys []string) error {
	return d.changeDevice(ctx, func(v *view) (*mfaRow, error) { return v.device(accountID, serial) }, func(_ *view, r *mfaRow) error {
		r.tags = withoutTags(r.tags, keys)
		return nil
	})
}

// UseMFACode takes a code of a user's device as his second factor. A code counts
// once. It fails with *NotFoundError (device of the user) and ErrWrongCode, also
// for a right code after too many wrong ones.
func (d *Directory) UseMFACode(ctx context.Context, userID, serial, code string) error {
	now := d.now()
	held := func(v *view) (*mfaRow, error) {
		if u := v.entities[userID]; u != nil && u.devices[serial] != nil {
			return u.devices[serial], nil
		}
		return nil, &NotFoundError{"device of the user", serial}
	}
	err := d.changeDevice(ctx, held, func(_ *view, r *mfaRow) error {
		// One change at a time: who guesses many codes at once has no more tries.
		if d.attempts.exhausted(serial, now) {
			return ErrWrongCode
		}
		seed, err := d.seed(r)
		if err != nil {
			return err
		}
		clock := now.Unix() / secrets.OneTimePeriod
		for step := clock + r.drift - codeWindow; step <= clock+r.drift+codeWindow; step++ {
			if step > r.lastStep && secrets.IsOneTimeCode(seed, step, code) {
				r.drift, r.lastStep = step-clock, step
				return nil
			}
		}
		d.attempts.count(serial, false, now)
		return ErrWrongCode
	})
	if err == nil {
		d.attempts.count(serial, true, now)
	}
	return err
}
