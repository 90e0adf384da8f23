package objectstest

import (
	"context"

	"github.com/keywright/keywright/internal/objects"
)

var bucketTests = map[string]func(*bench){
	"MadeTwiceIsOne": func(b *bench) {
		b.put("k", []byte("v"))
		b.ok(b.store.CreateBucket(b.ctx, b.bucket))
		b.holds("k", []byte("v"))
	},

	"DeletedOnlyWhenEmpty": func(b *bench) {
		b.put("k", []byte("v"))
		b.fails(b.store.DeleteBucket(b.ctx, b.bucket), objects.ErrBucketNotEmpty)
		b.holds("k", []byte("v"))
		b.ok(remove(b.ctx, b.store, b.bucket, "k", objects.Conditions{}))
		b.ok(b.store.DeleteBucket(b.ctx, b.bucket))
		b.ok(b.store.DeleteBucket(b.ctx, b.bucket))
	},

	"DeletedNeverMadeIsNoError": func(b *bench) {
		b.ok(b.store.DeleteBucket(b.ctx, objects.Bucket{ID: "never", Name: "never"}))
	},

	"DeletedWithItsUploads": func(b *bench) {
		u := b.upload("k", objects.UploadRequest{})
		u.put(1, []byte("part"))
		b.ok(b.store.DeleteBucket(b.ctx, b.bucket))
		b.gone(b.bucket, u.id)
	},

	"NeverMade": func(b *bench) {
		b.gone(objects.Bucket{ID: "never made", Name: b.bucket.Name}, "AAAA")
	},

	"MadeAnewUnderItsNameIsEmpty": func(b *bench) {
		b.upload("k", objects.UploadRequest{})
		b.ok(b.store.DeleteBucket(b.ctx, b.bucket))
		anew := b.newBucket()
		anew.Name = b.bucket.Name
		b.bucket = anew
		b.same(b.keys(), []string{})
		page, err := b.store.ListUploads(b.ctx, anew, objects.ListUploadsRequest{Max: 10})
		b.ok(err)
		b.same(page, objects.UploadsPage{})
		b.holdsNothing("k")
	},

	"HoldsNoOthersKeys": func(b *bench) {
		for _, id := range []string{b.bucket.ID + ".", b.bucket.ID + "\x00", b.bucket.ID + "/k"} {
			other := objects.Bucket{ID: id, Name: "other"}
			b.ok(b.store.CreateBucket(b.ctx, other))
			_, err := b.store.Put(b.ctx, other, objects.PutRequest{Key: "k", Content: text("v")})
			b.ok(err)
		}
		b.same(b.keys(), []string{})
		b.holdsNothing("k")
	},

	"EndedContextChangesNothing": func(b *bench) {
		ended, cancel := context.WithCancel(b.ctx)
		cancel()
		b.fails(b.store.DeleteBucket(ended, b.bucket), context.Canceled)
		b.put("k", []byte("v"))
		never := objects.Bucket{ID: b.bucket.ID + "-ended", Name: "ended"}
		b.fails(b.store.CreateBucket(ended, never), context.Canceled)
		_, err := b.store.List(b.ctx, never, objects.ListRequest{Max: 1})
		b.fails(err, objects.ErrNoSuchBucket)
	},
}

// gone checks that everything that is asked of a bucket fails with
// ErrNoSuchBucket.
func (b *bench) gone(bucket objects.Bucket, uploadID string) {
	b.Helper()
	source := b.newBucket()
	_, err := b.store.Put(b.ctx, source, objects.PutRequest{Key: "source", Content: text("v")})
	b.ok(err)
	o, err := b.store.Open(b.ctx, source, "source", "")
	b.ok(err)
	defer o.Close()

	calls := map[string]func() error{
		"Put": func() error {
			_, err := b.store.Put(b.ctx, bucket, objects.PutRequest{Key: "k", Content: text("v")})
			return err
		},
		"Open":   func() error { _, err := b.store.Open(b.ctx, bucket, "k", ""); return err },
		"Delete": func() error { return remove(b.ctx, b.store, bucket, "k", objects.Conditions{}) },
		"SetTags": func() error {
			_, err := b.store.SetTags(b.ctx, bucket, "k", "", nil)
			return err
		},
		"SetACL": func() error {
			_, err := b.store.SetACL(b.ctx, bucket, objects.Info{Key: "k"}, "")
			return err
		},
		"Copy": func() error {
			_, err := b.store.Copy(b.ctx, o, bucket, objects.CopyRequest{Key: "k"})
			return err
		},
		"List": func() error {
			_, err := b.store.List(b.ctx, bucket, objects.ListRequest{Max: 1})
			return err
		},
		"CreateUpload": func() error {
			_, err := b.store.CreateUpload(b.ctx, bucket, objects.UploadRequest{Key: "k"})
			return err
		},
		"GetUpload": func() error {
			_, err := b.store.GetUpload(b.ctx, bucket, "k", uploadID)
			return err
		},
		"PutPart": func() error {
			_, err := b.store.PutPart(b.ctx, bucket, "k", uploadID, 1, text("v"))
			return err
		},
		"CopyPart": func() error {
			_, err := b.store.CopyPart(b.ctx, o, 0, 1, bucket, "k", uploadID, 1, nil)
			return err
		},
		"ListParts": func() error {
			_, err := b.store.ListParts(b.ctx, bucket, "k", uploadID, objects.ListPartsRequest{Max: 1})
			return err
		},
		"ListUploads": func() error {
			_, err := b.store.ListUploads(b.ctx, bucket, objects.ListUploadsRequest{Max: 1})
			return err
		},
		"CompleteUpload": func() error {
			_, err := b.store.CompleteUpload(b.ctx, bucket, "k", uploadID, complete(objects.Part{Number: 1, ETag: md5Of(nil)}))
			return err
		},
		"AbortUpload": func() error { return b.store.AbortUpload(b.ctx, bucket, "k", uploadID) },
	}
	for name, call := range calls {
		if err := call(); err == nil {
			b.Errorf("%s: no error", name)
		} else {
			b.fails(err, objects.ErrNoSuchBucket)
		}
	}
}
