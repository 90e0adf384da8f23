package objectstest

import (
	"bytes"
	"context"
	"io"

	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/objects"
)

var copyTests = map[string]func(*bench){
	"ToAnotherKey": func(b *bench) {
		for i, size := range sizes {
			data := random(size, uint64(i))
			old := b.put("from", data)
			info := b.copy("from", objects.CopyRequest{Key: "to", Attributes: everyAttribute()})
			b.same(info.ETag, old.ETag)
			b.same(info.Attributes, everyAttribute())
			b.same(b.holds("to", data), info)
			b.same(b.holds("from", data), old)
		}
	},

	"ToAnotherBucket": func(b *bench) {
		data := random(300000, 1)
		b.put("k", data)
		source := b.open("k")
		b.bucket = b.newBucket()
		_, err := b.store.Copy(b.ctx, source, b.bucket, objects.CopyRequest{Key: "k"})
		b.ok(err)
		b.holds("k", data)
	},

	"OntoItself": func(b *bench) {
		for _, size := range []int{10, 300000} {
			data := random(size, 2)
			b.put("k", data)
			for range 3 {
				info := b.copy("k", objects.CopyRequest{Key: "k", Attributes: everyAttribute()})
				b.same(b.holds("k", data), info)
				b.same(info.Attributes, everyAttribute())
			}
			b.ok(remove(b.ctx, b.store, b.bucket, "k", objects.Conditions{}))
			b.holdsNothing("k")
		}
	},

	"CopiesOutliveTheirSource": func(b *bench) {
		for _, size := range []int{10, 300000} {
			data := random(size, 3)
			b.put("source", data)
			for _, key := range []string{"a", "b", "c"} {
				b.copy("source", objects.CopyRequest{Key: key})
			}
			for i, key := range []string{"source", "b", "a"} {
				if i == 1 {
					b.put(key, []byte("replaced"))
				} else {
					b.ok(remove(b.ctx, b.store, b.bucket, key, objects.Conditions{}))
				}
				b.holds("c", data)
			}
		}
	},

	"OfADeletedSource": func(b *bench) {
		for _, size := range []int{10, 300000} {
			data := random(size, 4)
			b.put("source", data)
			source := b.open("source")
			b.ok(remove(b.ctx, b.store, b.bucket, "source", objects.Conditions{}))
			for _, key := range []string{"first", "second"} {
				info, err := b.store.Copy(b.ctx, source, b.bucket, objects.CopyRequest{Key: key})
				b.ok(err)
				b.same(info.ETag, md5Of(data))
			}
			b.sameBytes(b.read(source, 0, int64(size)), data)
			b.ok(source.Close())
			b.holds("first", data)
			b.ok(remove(b.ctx, b.store, b.bucket, "first", objects.Conditions{}))
			b.holds("second", data)
		}
	},

	"OverItsOwnSourceBeingReplaced": func(b *bench) {
		data := random(300000, 5)
		b.put("k", data)
		source := b.open("k")
		b.put("k", []byte("new"))
		_, err := b.store.Copy(b.ctx, source, b.bucket, objects.CopyRequest{Key: "k"})
		b.ok(err)
		b.ok(source.Close())
		b.holds("k", data)
	},

	"ChecksumIsKeptOrTaken": func(b *bench) {
		data := random(200000, 6)
		for _, had := range append(checksum.Algorithms(), checksum.None) {
			c := content(data)
			c.Checksum = had
			_, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: "k", Content: c})
			b.ok(err)
			for _, asked := range append(checksum.Algorithms(), checksum.None) {
				info := b.copy("k", objects.CopyRequest{Key: "to", Checksum: asked})
				want := objects.Checksum{}
				switch {
				case asked != checksum.None:
					want = sumOf(asked, data)
				case had != checksum.None:
					want = sumOf(had, data)
				}
				b.same(info.Checksum, want)
				b.same(b.holds("to", data), info)
			}
		}
	},

	"OfAMultipartObject": func(b *bench) {
		whole, made := b.multipart("k", checksum.CRC32)
		info := b.copy("k", objects.CopyRequest{Key: "to"})
		b.same(info.ETag, made.ETag)
		b.same(info.Parts, made.Parts)
		b.same(info.Checksum, made.Checksum)
		b.same(b.holds("to", whole), info)
		b.ok(remove(b.ctx, b.store, b.bucket, "k", objects.Conditions{}))
		b.same(b.holds("to", whole), info)

		source := b.open("to")
		other, err := b.store.Copy(b.ctx, source, b.bucket, objects.CopyRequest{Key: "other", Checksum: checksum.SHA256})
		b.ok(err)
		b.same(other.Checksum, sumOf(checksum.SHA256, whole))
		b.same(b.holds("other", whole), other)
		b.same(source.Info(), info)
	},

	"OfAnotherStoresObject": func(b *bench) {
		for _, size := range []int{10, 300000} {
			data := random(size, 7)
			info, err := b.store.Copy(b.ctx, foreign(data), b.bucket, objects.CopyRequest{Key: "k", Attributes: everyAttribute()})
			b.ok(err)
			b.same(info.Checksum, sumOf(checksum.CRC32C, data))
			b.same(b.holds("k", data), info)
		}
	},

	"EndedContextChangesNothing": func(b *bench) {
		b.put("k", []byte("v"))
		ended, cancel := context.WithCancel(b.ctx)
		cancel()
		_, err := b.store.Copy(ended, b.open("k"), b.bucket, objects.CopyRequest{Key: "to"})
		b.fails(err, context.Canceled)
		b.holdsNothing("to")
	},
}

func (b *bench) copy(from string, r objects.CopyRequest) objects.Info {
	b.Helper()
	source := b.open(from)
	defer source.Close()
	info, err := b.store.Copy(b.ctx, source, b.bucket, r)
	b.ok(err)
	b.same(info.Key, r.Key)
	return info
}

// foreign is an object of no store.
type foreign []byte

func (f foreign) Info() objects.Info {
	return objects.Info{Key: "foreign", Size: int64(len(f)), ETag: md5Of(f), Checksum: sumOf(checksum.CRC32C, f)}
}

func (f foreign) Read(_ context.Context, offset, length int64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(f[offset : offset+length])), nil
}

func (f foreign) Unseal(objects.KeySealer) error { return nil }

func (f foreign) Close() error { return nil }
