package objectstest

import (
	"time"

	"github.com/keywright/keywright/internal/objects"
)

// putLocked puts a version that is locked from the start.
func (b *bench) putLocked(key string, v objects.Versioning, l objects.Lock) objects.Info {
	b.Helper()
	info, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: key, Content: text(key), Versioning: v, Attributes: objects.Attributes{Lock: l}})
	b.ok(err)
	return info
}

func (b *bench) deleteLocked(key, id string, bypass bool) error {
	_, err := b.store.Delete(b.ctx, b.bucket, objects.DeleteRequest{Key: key, VersionID: id, Versioning: objects.VersioningEnabled, BypassGovernance: bypass})
	return err
}

var lockTests = map[string]func(*bench){
	"NothingDeletesWhatIsLocked": func(b *bench) {
		later := time.Now().Add(time.Hour)
		for _, l := range []objects.Lock{
			{Retention: objects.Retention{Mode: objects.Compliance, Until: later}},
			{Retention: objects.Retention{Mode: objects.Governance, Until: later}},
			{LegalHold: objects.HoldOn},
		} {
			info := b.putLocked("k", objects.VersioningEnabled, l)
			b.same(info.Attributes.Lock.Mode, l.Mode)
			b.fails(b.deleteLocked("k", info.VersionID, false), objects.ErrLocked)
			_, err := b.store.Delete(b.ctx, b.bucket, objects.DeleteRequest{Key: "k", VersionID: info.VersionID})
			b.fails(err, objects.ErrLocked)
			b.ok(b.deleteLocked("k", "", false)) // a delete marker hides it
			b.holdsVersion("k", info.VersionID, "k")
			b.putVersion("k", "new", objects.VersioningEnabled)
			got := b.holdsVersion("k", info.VersionID, "k").Attributes.Lock
			b.same([2]any{got.Mode, got.LegalHold}, [2]any{l.Mode, l.LegalHold})
			b.same(got.Until.Equal(l.Until), true)
		}
		b.fails(b.store.DeleteBucket(b.ctx, b.bucket), objects.ErrBucketNotEmpty)
	},

	"GovernanceIsBypassed": func(b *bench) {
		info := b.putLocked("k", objects.VersioningEnabled, objects.Lock{Retention: objects.Retention{Mode: objects.Governance, Until: time.Now().Add(time.Hour)}})
		b.ok(b.deleteLocked("k", info.VersionID, true))
		_, err := b.store.Open(b.ctx, b.bucket, "k", info.VersionID)
		b.fails(err, objects.ErrNoSuchVersion)
	},

	"RetainedForCenturies": func(b *bench) {
		until := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
		for _, mode := range []objects.LockMode{objects.Compliance, objects.Governance} {
			l := objects.Lock{Retention: objects.Retention{Mode: mode, Until: until}}
			info := b.putLocked("k", objects.VersioningEnabled, l)
			b.same(b.holdsVersion("k", info.VersionID, "k").Attributes.Lock, l)
			b.fails(b.deleteLocked("k", info.VersionID, false), objects.ErrLocked)
			shorter := objects.Retention{Mode: mode, Until: until.AddDate(-1, 0, 0)}
			_, err := b.store.SetLock(b.ctx, b.bucket, "k", info.VersionID, objects.LockChange{Retention: &shorter})
			b.fails(err, objects.ErrLocked)
		}
	},

	"WhatIsOverLocksNothing": func(b *bench) {
		info := b.putLocked("k", objects.VersioningEnabled, objects.Lock{Retention: objects.Retention{Mode: objects.Compliance, Until: time.Now().Add(-time.Hour)}})
		b.ok(b.deleteLocked("k", info.VersionID, false))
	},

	"TheNullVersionIsNotReplaced": func(b *bench) {
		b.putVersion("k", "null", objects.Unversioned)
		_, err := b.store.SetLock(b.ctx, b.bucket, "k", objects.NullVersion, objects.LockChange{LegalHold: objects.HoldOn})
		b.ok(err)
		for _, v := range []objects.Versioning{objects.Unversioned, objects.VersioningSuspended} {
			_, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: "k", Content: text("other"), Versioning: v})
			b.fails(err, objects.ErrLocked)
			_, err = b.store.Delete(b.ctx, b.bucket, objects.DeleteRequest{Key: "k", Versioning: v})
			b.fails(err, objects.ErrLocked)
			b.holdsVersion("k", "", "null")
		}
		b.putVersion("k", "other", objects.VersioningEnabled)
		b.holdsVersion("k", objects.NullVersion, "null")
		_, err = b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: "k", Content: text("third"), Versioning: objects.VersioningSuspended})
		b.fails(err, objects.ErrLocked)
		b.holdsVersion("k", "", "other")
	},

	"SetLock": func(b *bench) {
		info := b.putVersion("k", "1", objects.VersioningEnabled)
		b.putVersion("k", "2", objects.VersioningEnabled)
		until := time.Now().Add(time.Hour).Truncate(time.Millisecond).UTC()
		after, err := b.store.SetLock(b.ctx, b.bucket, "k", info.VersionID, objects.LockChange{
			Retention: &objects.Retention{Mode: objects.Compliance, Until: until}, LegalHold: objects.HoldOn,
		})
		b.ok(err)
		want := objects.Lock{Retention: objects.Retention{Mode: objects.Compliance, Until: until}, LegalHold: objects.HoldOn}
		b.same(after.Attributes.Lock, want)
		b.same(b.holdsVersion("k", info.VersionID, "1").Attributes.Lock, want)
		b.same(b.holdsVersion("k", "", "2").Attributes.Lock, objects.Lock{})
		_, err = b.store.SetLock(b.ctx, b.bucket, "k", info.VersionID, objects.LockChange{Retention: &objects.Retention{}, BypassGovernance: true})
		b.fails(err, objects.ErrLocked)
		b.same(b.holdsVersion("k", info.VersionID, "1").Attributes.Lock, want)
		_, err = b.store.SetTags(b.ctx, b.bucket, "k", info.VersionID, map[string]string{"a": "b"})
		b.ok(err)
		b.same(b.holdsVersion("k", info.VersionID, "1").Attributes.Lock, want)
		_, err = b.store.SetLock(b.ctx, b.bucket, "none", "", objects.LockChange{LegalHold: objects.HoldOn})
		b.fails(err, objects.ErrNoSuchKey)
	},

	"AReleasedHoldIsTold": func(b *bench) {
		info := b.putVersion("k", "1", objects.VersioningEnabled)
		b.same(info.Attributes.Lock, objects.Lock{})
		for _, hold := range []objects.LegalHold{objects.HoldOff, objects.HoldOn, objects.HoldOff} {
			_, err := b.store.SetLock(b.ctx, b.bucket, "k", info.VersionID, objects.LockChange{LegalHold: hold})
			b.ok(err)
			b.same(b.holdsVersion("k", info.VersionID, "1").Attributes.Lock, objects.Lock{LegalHold: hold})
		}
		b.ok(b.deleteLocked("k", info.VersionID, false))
	},

	"UploadsAreRetained": func(b *bench) {
		until := time.Now().Add(time.Hour).Truncate(time.Millisecond).UTC()
		usual := objects.Retention{Mode: objects.Governance, Until: until}
		own := objects.Retention{Mode: objects.Compliance, Until: until}
		for _, begun := range []objects.Retention{{}, own} {
			u, err := b.store.CreateUpload(b.ctx, b.bucket, objects.UploadRequest{Key: "k", Attributes: objects.Attributes{Lock: objects.Lock{Retention: begun}}})
			b.ok(err)
			part, err := b.store.PutPart(b.ctx, b.bucket, "k", u.ID, 1, text("x"))
			b.ok(err)
			info, err := b.store.CompleteUpload(b.ctx, b.bucket, "k", u.ID, objects.CompleteRequest{
				Parts: []objects.CompletedPart{{Number: 1, ETag: part.ETag}}, Size: -1, Versioning: objects.VersioningEnabled, Retention: usual,
			})
			b.ok(err)
			want := usual
			if begun.Mode != "" {
				want = own
			}
			b.same(b.holdsVersion("k", info.VersionID, "x").Attributes.Lock.Retention, want)
		}
	},
}
