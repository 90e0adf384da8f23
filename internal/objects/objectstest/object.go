package objectstest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/objects"
)

// sizes are sizes on both sides of whatever a store may treat differently.
var sizes = []int{
	0, 1, 15, 16, 4095, 4096, 64<<10 - 1, 64 << 10, 64<<10 + 1, 128<<10 - 1, 128 << 10, 128<<10 + 1,
	256 << 10, 256<<10 + 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3<<20 + 17,
}

var objectTests = map[string]func(*bench){
	"EverySizeReadsBack": func(b *bench) {
		for i, size := range sizes {
			data := random(size, uint64(i))
			info := b.put("k", data)
			b.same(info.ETag, md5Of(data))
			b.same(b.holds("k", data), info)
		}
	},

	"EveryRangeReadsBack": func(b *bench) {
		for i, size := range []int{0, 1, 70000, 128<<10 + 1, 1<<20 + 12345} {
			data := random(size, uint64(i))
			b.put("k", data)
			o := b.open("k")
			rapid.Check(b, func(t *rapid.T) {
				offset := rapid.Int64Range(0, int64(size)).Draw(t, "offset")
				if rapid.Bool().Draw(t, "aligned") {
					offset = offset >> 16 << 16
				}
				length := rapid.Int64Range(0, int64(size)-offset).Draw(t, "length")
				got, err := readAll(b.ctx, o, offset, length)
				if err != nil || !bytes.Equal(got, data[offset:offset+length]) {
					t.Fatalf("%d bytes from %d on are others: %v", length, offset, err)
				}
			})
		}
	},

	"RangeOutsideIsAnError": func(b *bench) {
		b.put("k", []byte("0123456789"))
		o := b.open("k")
		for _, r := range [][2]int64{{-1, 1}, {0, -1}, {0, 11}, {10, 1}, {11, 0}, {1, 1<<63 - 1}, {1<<63 - 1, 1}} {
			if _, err := o.Read(b.ctx, r[0], r[1]); err == nil {
				b.Errorf("%d bytes from %d on: no error", r[1], r[0])
			}
		}
	},

	"EveryAttributeIsKept": func(b *bench) {
		a := everyAttribute()
		before := time.Now().Add(-time.Second)
		info, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: "k", Content: text("v"), Attributes: a})
		b.ok(err)
		b.same(info.Attributes, a)
		b.same(b.holds("k", []byte("v")), info)
		if info.Modified.Before(before) || info.Modified.After(time.Now().Add(time.Second)) {
			b.Errorf("modified at %v", info.Modified)
		}
		page, err := b.store.List(b.ctx, b.bucket, objects.ListRequest{Max: 1})
		b.ok(err)
		listed := page.Objects[0]
		b.same(listed.Attributes.OwnerID, a.OwnerID)
		b.same(listed.Attributes.StorageClass, a.StorageClass)
		listed.Attributes, info.Attributes = objects.Attributes{}, objects.Attributes{}
		b.same(listed, info)
	},

	"ReplacedWithAllItsAttributes": func(b *bench) {
		_, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{
			Key: "k", Content: objects.Content{Body: bytes.NewReader(nil), Checksum: checksum.SHA256}, Attributes: everyAttribute(),
		})
		b.ok(err)
		b.put("k", []byte("v"))
		info := b.holds("k", []byte("v"))
		b.same(info.Attributes, objects.Attributes{})
		b.same(info.Checksum, objects.Checksum{})
	},

	"EveryChecksumIsTaken": func(b *bench) {
		for _, size := range []int{0, 1, 100000, 1<<20 + 1} {
			data := random(size, 1)
			for _, a := range checksum.Algorithms() {
				c := content(data)
				c.Checksum = a
				info, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: a.String(), Content: c})
				b.ok(err)
				b.same(info.Checksum, sumOf(a, data))
				b.same(b.holds(a.String(), data), info)
			}
		}
	},

	"HostileKeysAreOnlyKeys": func(b *bench) {
		keys := hostileKeys()
		for _, key := range keys {
			b.put(key, []byte("of "+key))
		}
		for _, key := range keys {
			b.holds(key, []byte("of "+key))
		}
		slices.Sort(keys)
		b.same(b.keys(), keys)
		for i, key := range keys {
			b.ok(remove(b.ctx, b.store, b.bucket, key, objects.Conditions{}))
			b.same(b.keys(), keys[i+1:])
		}
	},

	"BodyThatFailsLeavesNoTrace": func(b *bench) {
		broken := errors.New("broken")
		for _, size := range sizes {
			data := random(size, 2)
			bodies := map[string]io.Reader{
				"at its end":      io.MultiReader(bytes.NewReader(data), iotest.ErrReader(broken)),
				"in the middle":   io.MultiReader(bytes.NewReader(data[:size/2]), iotest.ErrReader(broken)),
				"with its data":   iotest.DataErrReader(io.MultiReader(bytes.NewReader(data), iotest.ErrReader(broken))),
				"at once":         iotest.ErrReader(broken),
				"after too much":  io.MultiReader(bytes.NewReader(data), iotest.ErrReader(broken), bytes.NewReader(data)),
				"byte after byte": iotest.HalfReader(io.MultiReader(bytes.NewReader(data), iotest.ErrReader(broken))),
			}
			for name, body := range bodies {
				err := b.refused(objects.Content{Body: body, Size: int64(size)})
				if !errors.Is(err, broken) {
					b.Errorf("%d bytes, %s: error %v", size, name, err)
				}
			}
		}
		err := b.refused(objects.Content{Body: iotest.ErrReader(io.ErrUnexpectedEOF), Size: 5})
		b.fails(err, io.ErrUnexpectedEOF)
		if errors.Is(err, objects.ErrIncomplete) {
			b.Error("the body's own error is called ErrIncomplete")
		}
	},

	"BodyOfAnotherSizeLeavesNoTrace": func(b *bench) {
		for _, size := range sizes {
			data := random(size, 3)
			for _, announced := range []int64{0, int64(size) - 1, int64(size) + 1, int64(size) * 2, -1} {
				if announced == int64(size) {
					continue
				}
				err := b.refused(objects.Content{Body: bytes.NewReader(data), Size: announced})
				if !errors.Is(err, objects.ErrIncomplete) {
					b.Errorf("%d bytes announced as %d: error %v", size, announced, err)
				}
			}
		}
	},

	"OpenBodyMayEndEarly": func(b *bench) {
		for _, size := range sizes {
			data := random(size, 5)
			for _, most := range []int64{int64(size), int64(size) + 1, int64(size) + 1<<20} {
				info, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: "k", Content: objects.Content{
					Body: iotest.HalfReader(bytes.NewReader(data)), Size: most, Open: true, Checksum: checksum.SHA256,
				}})
				b.ok(err)
				b.holds("k", data)
				if info.Size != int64(size) {
					b.Errorf("%d bytes of at most %d are told to be %d", size, most, info.Size)
				}
			}
			if size > 0 {
				b.fails(b.refused(objects.Content{Body: bytes.NewReader(data), Size: int64(size) - 1, Open: true}), objects.ErrIncomplete)
			}
		}
		b.fails(b.refused(objects.Content{Body: bytes.NewReader(nil), Size: -1, Open: true}), objects.ErrIncomplete)
	},

	"NoBodyIsAnEmptyOne": func(b *bench) {
		_, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: "k"})
		b.ok(err)
		b.holds("k", nil)
		b.fails(b.refused(objects.Content{Size: 1}), objects.ErrIncomplete)
	},

	"BodyInPiecesReadsBack": func(b *bench) {
		data := random(300000, 4)
		for name, body := range map[string]io.Reader{
			"halves":   iotest.HalfReader(bytes.NewReader(data)),
			"with EOF": iotest.DataErrReader(bytes.NewReader(data)),
		} {
			_, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: name, Content: objects.Content{Body: body, Size: int64(len(data))}})
			b.ok(err)
			b.holds(name, data)
		}
	},

	"OpenedStaysReadable": func(b *bench) {
		for _, size := range []int{10, 1 << 20} {
			old := random(size, 5)
			b.put("k", old)
			replaced, deleted := b.open("k"), b.open("k")
			half, err := replaced.Read(b.ctx, 0, int64(size))
			b.ok(err)
			begun := make([]byte, size/2)
			_, err = io.ReadFull(half, begun)
			b.ok(err)

			b.put("k", []byte("new"))
			b.sameBytes(b.read(replaced, 0, int64(size)), old)
			b.ok(remove(b.ctx, b.store, b.bucket, "k", objects.Conditions{}))
			b.sameBytes(b.read(deleted, 1, int64(size)-1), old[1:])
			rest, err := io.ReadAll(half)
			b.ok(err)
			b.sameBytes(append(begun, rest...), old)
			b.ok(half.Close())
			b.ok(replaced.Close())
			b.sameBytes(b.read(deleted, 0, int64(size)), old)
			b.ok(deleted.Close())
			b.holdsNothing("k")
		}
	},

	"DeletedIsGone": func(b *bench) {
		b.ok(remove(b.ctx, b.store, b.bucket, "k", objects.Conditions{}))
		b.put("k", []byte("v"))
		b.put("k2", []byte("v"))
		b.ok(remove(b.ctx, b.store, b.bucket, "k", objects.Conditions{}))
		b.ok(remove(b.ctx, b.store, b.bucket, "k", objects.Conditions{}))
		b.holdsNothing("k")
		b.same(b.keys(), []string{"k2"})
	},

	"TagsAreReplacedAlone": func(b *bench) {
		_, err := b.store.SetTags(b.ctx, b.bucket, "k", "", map[string]string{"a": "1"})
		b.fails(err, objects.ErrNoSuchKey)
		want, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: "k", Content: text("v"), Attributes: everyAttribute()})
		b.ok(err)
		for _, tags := range []map[string]string{{"a": "1"}, {"b": "", "c": "3"}, nil} {
			want.Attributes.Tags = tags
			info, err := b.store.SetTags(b.ctx, b.bucket, "k", "", maps.Clone(tags))
			b.ok(err)
			b.same(info, want)
			b.same(b.holds("k", []byte("v")), want)
		}
	},

	"ACLIsReplacedAlone": func(b *bench) {
		want, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: "k", Content: text("v"), Attributes: everyAttribute()})
		b.ok(err)
		_, err = b.store.SetACL(b.ctx, b.bucket, objects.Info{Key: "none"}, "x")
		b.fails(err, objects.ErrNoSuchKey)
		for _, acl := range []string{"x", "x\ny", ""} {
			for _, change := range []func(*objects.Info){
				func(i *objects.Info) { i.Modified = i.Modified.Add(1) },
				func(i *objects.Info) { i.Attributes.OwnerID = "another" },
				func(i *objects.Info) { i.Attributes.ACL += "z" },
			} {
				seen := want
				change(&seen)
				_, err := b.store.SetACL(b.ctx, b.bucket, seen, "z")
				b.fails(err, objects.ErrPreconditionFailed)
			}
			b.same(b.holds("k", []byte("v")), want)
			seen := want
			want.Attributes.ACL = acl
			info, err := b.store.SetACL(b.ctx, b.bucket, seen, acl)
			b.ok(err)
			b.same(info, want)
			b.same(b.holds("k", []byte("v")), want)
		}
	},

	"EndedContextChangesNothing": func(b *bench) {
		b.put("k", []byte("old"))
		ended, cancel := context.WithCancel(b.ctx)
		cancel()
		_, err := b.store.Put(ended, b.bucket, objects.PutRequest{Key: "k", Content: text("new")})
		b.fails(err, context.Canceled)
		b.fails(remove(ended, b.store, b.bucket, "k", objects.Conditions{}), context.Canceled)
		_, err = b.store.SetTags(ended, b.bucket, "k", "", map[string]string{"a": "1"})
		b.fails(err, context.Canceled)
		_, err = b.store.Open(ended, b.bucket, "k", "")
		b.fails(err, context.Canceled)
		b.same(b.holds("k", []byte("old")).Attributes.Tags, map[string]string(nil))
	},

	"ContextThatEndsMeanwhileChangesNothing": func(b *bench) {
		for _, size := range []int{100, 1 << 20} {
			b.put("k", []byte("old"))
			ending, cancel := context.WithCancel(b.ctx)
			data := random(size, 6)
			body := io.MultiReader(bytes.NewReader(data[:size/2]), readFunc(func([]byte) (int, error) {
				cancel()
				return 0, io.EOF
			}), bytes.NewReader(data[size/2:]))
			_, err := b.store.Put(ending, b.bucket, objects.PutRequest{Key: "k", Content: objects.Content{Body: body, Size: int64(size)}})
			b.fails(err, context.Canceled)
			b.holds("k", []byte("old"))
		}
	},

	"ReadEndsWithItsContext": func(b *bench) {
		b.put("k", random(1<<20, 7))
		ending, cancel := context.WithCancel(b.ctx)
		r, err := b.open("k").Read(ending, 0, 1<<20)
		b.ok(err)
		defer r.Close()
		_, err = io.ReadFull(r, make([]byte, 10))
		b.ok(err)
		cancel()
		_, err = io.ReadAll(r)
		b.fails(err, context.Canceled)
	},
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func everyAttribute() objects.Attributes {
	return objects.Attributes{
		ContentType: "text/plain; charset=utf-8", CacheControl: "no-cache", ContentDisposition: `attachment; filename="x"`,
		ContentEncoding: "gzip", ContentLanguage: "de", Expires: "Thu, 01 Dec 1994 16:00:00 GMT",
		WebsiteRedirectLocation: "/elsewhere", StorageClass: "GLACIER", ACL: "READ everyone\n", OwnerID: "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a",
		Metadata: map[string]string{"a": "1", "name": "J\u00fcrgen", "empty": ""},
		Tags:     map[string]string{"project": "blue", "": "", "key": "\U0001f600"},
	}
}

// refused checks that a put of content fails and changes nothing, and returns
// the error.
func (b *bench) refused(c objects.Content) error {
	b.Helper()
	b.put("kept", []byte("old"))
	again, missing := c, c
	var both bytes.Buffer
	if c.Body != nil {
		again.Body = io.TeeReader(c.Body, &both)
	}
	_, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: "kept", Content: again})
	if err == nil {
		b.Fatal("no error")
	}
	missing.Body = io.MultiReader(&both, readFunc(func([]byte) (int, error) { return 0, err }))
	_, second := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: "missing", Content: missing})
	if second == nil {
		b.Fatal("no error at a new key")
	}
	b.holds("kept", []byte("old"))
	b.holdsNothing("missing")
	return err
}
