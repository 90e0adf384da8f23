package objects

import (
	"fmt"
	"time"
)

// LockMode says who may do away with a retention before its end.
type LockMode string

// The modes ("Locking objects with Object Lock", Amazon S3 User Guide).
const (
	Governance LockMode = "GOVERNANCE" // who may bypass it
	Compliance LockMode = "COMPLIANCE" // nobody
)

// Retention keeps a version until a time. The zero value keeps nothing.
type Retention struct {
	Mode  LockMode
	Until time.Time
}

// LegalHold is the status of a version's legal hold. The zero value is that of a
// version that never had one, which is told apart from one that was released.
type LegalHold string

// The statuses ("Locking objects with Object Lock", Amazon S3 User Guide).
const (
	HoldOn  LegalHold = "ON" // keeps the version until it is released
	HoldOff LegalHold = "OFF"
)

// Lock is what keeps a version from being deleted. The zero value is none.
type Lock struct {
	Retention
	LegalHold LegalHold
}

// LockChange changes a lock. What has its zero value stays.
type LockChange struct {
	Retention *Retention // the zero Retention takes it away
	LegalHold LegalHold
	// BypassGovernance does away with a retention in Governance mode.
	BypassGovernance bool
}

// isRetained reports whether the retention has not ended.
func (l Lock) isRetained(now time.Time) bool { return l.Mode != "" && now.Before(l.Until) }

// Check fails with ErrLocked when a version with this lock must not be deleted.
func (l Lock) Check(now time.Time, bypassGovernance bool) error {
	switch {
	case l.LegalHold == HoldOn:
		return fmt.Errorf("%w: legal hold", ErrLocked)
	case l.isRetained(now) && !(l.Mode == Governance && bypassGovernance):
		return fmt.Errorf("%w: %s until %s", ErrLocked, l.Mode, l.Until.UTC().Format(time.RFC3339))
	}
	return nil
}

// Change returns the lock after a change, or fails with ErrLocked: a retention
// that has not ended may be prolonged, but in Compliance mode nothing else, and
// in Governance mode only by who bypasses it.
func (l Lock) Change(c LockChange, now time.Time) (Lock, error) {
	if c.LegalHold != "" {
		l.LegalHold = c.LegalHold
	}
	if c.Retention == nil {
		return l, nil
	}
	prolonged := c.Retention.Mode == l.Mode && !c.Retention.Until.Before(l.Until)
	if l.isRetained(now) && !prolonged && !(l.Mode == Governance && c.BypassGovernance) {
		return l, fmt.Errorf("%w: %s until %s", ErrLocked, l.Mode, l.Until.UTC().Format(time.RFC3339))
	}
	l.Retention = *c.Retention
	return l, nil
}
