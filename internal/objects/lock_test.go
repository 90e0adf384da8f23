package objects

import (
	"errors"
	"testing"
	"time"
)

func TestLock(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	later, latest, past := now.Add(time.Hour), now.Add(2*time.Hour), now.Add(-time.Hour)
	governed, complied := Retention{Governance, later}, Retention{Compliance, later}
	for name, c := range map[string]struct {
		lock             Lock
		deleted, bypass  bool // deleted, by whom does not bypass and by whom does
		change           LockChange
		changed, changes bool // changed, by whom does not bypass and by whom does
	}{
		"none":                     {Lock{}, true, true, LockChange{Retention: &governed}, true, true},
		"held":                     {Lock{LegalHold: HoldOn}, false, false, LockChange{Retention: &Retention{}}, true, true},
		"held and over":            {Lock{Retention{Compliance, past}, HoldOn}, false, false, LockChange{LegalHold: HoldOff}, true, true},
		"over":                     {Lock{Retention: Retention{Compliance, past}}, true, true, LockChange{Retention: &Retention{}}, true, true},
		"ends now":                 {Lock{Retention: Retention{Compliance, now}}, true, true, LockChange{Retention: &governed}, true, true},
		"governed prolonged":       {Lock{Retention: governed}, false, true, LockChange{Retention: &Retention{Governance, latest}}, true, true},
		"governed the same":        {Lock{Retention: governed}, false, true, LockChange{Retention: &governed}, true, true},
		"governed shortened":       {Lock{Retention: Retention{Governance, latest}}, false, true, LockChange{Retention: &governed}, false, true},
		"governed taken away":      {Lock{Retention: governed}, false, true, LockChange{Retention: &Retention{}}, false, true},
		"governed to compliance":   {Lock{Retention: governed}, false, true, LockChange{Retention: &Retention{Compliance, latest}}, false, true},
		"governed held":            {Lock{Retention: governed}, false, true, LockChange{LegalHold: HoldOn}, true, true},
		"compliance prolonged":     {Lock{Retention: complied}, false, false, LockChange{Retention: &Retention{Compliance, latest}}, true, true},
		"compliance shortened":     {Lock{Retention: Retention{Compliance, latest}}, false, false, LockChange{Retention: &complied}, false, false},
		"compliance taken away":    {Lock{Retention: complied}, false, false, LockChange{Retention: &Retention{}}, false, false},
		"compliance to governance": {Lock{Retention: complied}, false, false, LockChange{Retention: &Retention{Governance, latest}}, false, false},
	} {
		for bypass, want := range map[bool]bool{false: c.deleted, true: c.bypass} {
			if err := c.lock.Check(now, bypass); (err == nil) != want || err != nil && !errors.Is(err, ErrLocked) {
				t.Errorf("%s: deletion, bypassing %v: %v", name, bypass, err)
			}
		}
		for bypass, want := range map[bool]bool{false: c.changed, true: c.changes} {
			change := c.change
			change.BypassGovernance = bypass
			after, err := c.lock.Change(change, now)
			if (err == nil) != want || err != nil && !errors.Is(err, ErrLocked) {
				t.Errorf("%s: change, bypassing %v: %v", name, bypass, err)
			}
			if err != nil && after != c.lock {
				t.Errorf("%s: a change that was refused made %+v", name, after)
			}
			if r := change.Retention; err == nil && r != nil && after.Retention != *r {
				t.Errorf("%s: changed to %+v", name, after)
			}
			if h := change.LegalHold; err == nil && h != "" && after.LegalHold != h {
				t.Errorf("%s: changed to %+v", name, after)
			}
		}
	}
}
