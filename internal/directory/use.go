package directory

import (
	"context"
	"errors"
	"time"
)

// RecordKeyUse remembers that an access key authenticated a request. It costs
// no write: what is remembered reaches the database within a minute, and at
// Close.
func (d *Directory) RecordKeyUse(accessKeyID string, use LastUsed) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	k := d.view.keys[accessKeyID]
	if k == nil {
		return
	}
	use.Time = truncated(use.Time)
	for {
		old := k.used.Load()
		if old != nil && !use.Time.After(old.Time) {
			return
		}
		fresh := use
		if k.used.CompareAndSwap(old, &fresh) {
			k.unstored.Store(true)
			return
		}
	}
}

// RecordRoleUse is RecordKeyUse for the role, by its unique id, of a session.
func (d *Directory) RecordRoleUse(roleID string, use LastUsed) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	e := d.view.entities[roleID]
	if e == nil || e.row.kind != KindRole {
		return
	}
	use.Time = truncated(use.Time)
	for {
		old := e.role.Load()
		if !use.Time.After(old.LastUsed.Time) {
			return
		}
		fresh := *old
		fresh.LastUsed = use
		if e.role.CompareAndSwap(old, &fresh) {
			e.unstored.Store(true)
			return
		}
	}
}

func (d *Directory) flushRegularly() {
	defer close(d.stopped)
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-d.stop:
			return
		case <-ticker.C:
			if err := errors.Join(d.destroyDueKeys(context.Background()), d.rotateDueKeys(context.Background())); err != nil {
				d.log.Warn("KMS keys that are due were not destroyed or rotated; it will be tried again", "error", err)
			}
			if err := d.flush(); err != nil {
				d.log.Warn("the last uses of access keys and roles were not written; they will be tried again", "error", err)
			}
		}
	}
}

// flush writes the uses that the database does not have.
func (d *Directory) flush() error {
	d.writing.Lock()
	defer d.writing.Unlock()
	var statements []statement
	var again []func()
	// A use that is recorded meanwhile marks its record anew, and is written
	// next time.
	d.read(func(v *view) {
		for id, k := range v.keys {
			if k.unstored.Swap(false) {
				statements = append(statements, useStatement("access_keys", id, *k.used.Load()))
				again = append(again, func() { k.unstored.Store(true) })
			}
		}
		for id, e := range v.entities {
			if e.unstored.Swap(false) {
				statements = append(statements, useStatement("entities", id, e.role.Load().LastUsed))
				again = append(again, func() { e.unstored.Store(true) })
			}
		}
	})
	if len(statements) == 0 {
		return nil
	}
	err := d.store.commit(context.Background(), statements)
	if err != nil {
		for _, mark := range again {
			mark()
		}
	}
	return err
}

func useStatement(table, id string, use LastUsed) statement {
	return statement{
		`UPDATE ` + table + ` SET used = $1, used_service = $2, used_region = $3 WHERE id = $4`,
		[]any{use.Time.Unix(), use.Service, use.Region, id},
	}
}
