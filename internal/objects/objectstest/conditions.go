package objectstest

import (
	"github.com/keywright/keywright/internal/objects"
)

// conditionCases say what each condition leads to, with an object there and
// without.
var conditionCases = []struct {
	name           string
	condition      func(etag string) objects.Conditions
	present, write error // with an object there; when writing where none is
	delete         error // when deleting where none is
}{
	{"none", func(string) objects.Conditions { return objects.Conditions{} }, nil, nil, nil},
	{"the ETag", func(etag string) objects.Conditions { return objects.Conditions{IfMatch: etag} },
		nil, objects.ErrNoSuchKey, objects.ErrNoSuchKey},
	{"any ETag", func(string) objects.Conditions { return objects.Conditions{IfMatch: "*"} },
		nil, objects.ErrNoSuchKey, objects.ErrNoSuchKey},
	{"another ETag", func(string) objects.Conditions { return objects.Conditions{IfMatch: md5Of([]byte("another"))} },
		objects.ErrPreconditionFailed, objects.ErrNoSuchKey, objects.ErrNoSuchKey},
	{"nothing there", func(string) objects.Conditions { return objects.Conditions{IfNoneMatch: true} },
		objects.ErrPreconditionFailed, nil, nil},
	{"the owner", func(string) objects.Conditions { return objects.Conditions{OwnerID: owner} }, nil, nil, nil},
	{"another owner", func(string) objects.Conditions { return objects.Conditions{OwnerID: "another"} }, objects.ErrOtherOwner, nil, nil},
	{"another owner and ETag", func(string) objects.Conditions { return objects.Conditions{OwnerID: "another", IfMatch: "x"} },
		objects.ErrOtherOwner, objects.ErrNoSuchKey, objects.ErrNoSuchKey},
}

// owner is whose the objects are that conditions ask for.
const owner = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"

func (b *bench) putOwned(key string, data []byte) objects.Info {
	b.Helper()
	info, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: key, Content: content(data), Attributes: objects.Attributes{OwnerID: owner}})
	b.ok(err)
	return info
}

var conditionTests = map[string]func(*bench){
	"Put": func(b *bench) {
		b.conditions(func(key string, c objects.Conditions) error {
			_, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: key, Content: text("new"), Conditions: c})
			return err
		})
	},

	"Copy": func(b *bench) {
		b.put("source", []byte("new"))
		source := b.open("source")
		b.conditions(func(key string, c objects.Conditions) error {
			_, err := b.store.Copy(b.ctx, source, b.bucket, objects.CopyRequest{Key: key, Conditions: c})
			return err
		})
	},

	"CompleteUpload": func(b *bench) {
		b.conditions(func(key string, c objects.Conditions) error {
			u := b.upload(key, objects.UploadRequest{})
			r := complete(u.put(1, []byte("new")))
			r.Conditions = c
			_, err := b.store.CompleteUpload(b.ctx, b.bucket, key, u.id, r)
			if err != nil {
				b.ok(b.store.AbortUpload(b.ctx, b.bucket, key, u.id))
			}
			return err
		})
	},

	"Delete": func(b *bench) {
		for _, c := range conditionCases {
			b.fails(remove(b.ctx, b.store, b.bucket, "k", c.condition(md5Of(nil))), c.delete)
			info := b.putOwned("k", []byte("old"))
			err := remove(b.ctx, b.store, b.bucket, "k", c.condition(info.ETag))
			b.fails(err, c.present)
			if err == nil {
				b.holdsNothing("k")
			} else {
				b.holds("k", []byte("old"))
				b.ok(remove(b.ctx, b.store, b.bucket, "k", objects.Conditions{}))
			}
		}
	},
}

// conditions checks a way to write "new" under a key against the cases.
func (b *bench) conditions(write func(key string, c objects.Conditions) error) {
	b.Helper()
	for _, c := range conditionCases {
		old := b.putOwned("present", []byte("old"))
		err := write("present", c.condition(old.ETag))
		b.fails(err, c.present)
		if err == nil {
			b.holds("present", []byte("new"))
		} else {
			b.same(b.holds("present", []byte("old")), old)
		}

		err = write("missing", c.condition(old.ETag))
		b.fails(err, c.write)
		if err == nil {
			b.holds("missing", []byte("new"))
			b.ok(remove(b.ctx, b.store, b.bucket, "missing", objects.Conditions{}))
		} else {
			b.holdsNothing("missing")
		}
	}
}
