package objectstest

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"strings"

	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/objects"
)

var completeTests = map[string]func(*bench){
	"MakesTheObjectOfItsParts": func(b *bench) {
		b.put("k", []byte("old"))
		u := b.upload("k", objects.UploadRequest{Attributes: everyAttribute()})
		datas := [][]byte{random(objects.MinPartSize, 1), random(objects.MinPartSize+70001, 2), random(12345, 3)}
		third, first, second := u.put(700, datas[2]), u.put(2, datas[0]), u.put(3, datas[1])
		u.put(4, random(1000, 4))
		b.holds("k", []byte("old"))

		info := u.complete(first, second, third)
		whole := bytes.Join(datas, nil)
		b.same(info.ETag, etagOf(datas...))
		b.same(info.Attributes, everyAttribute())
		b.same(info.Checksum, objects.Checksum{})
		b.same(info.Parts, []objects.Part{{Number: 2, Size: first.Size}, {Number: 3, Size: second.Size}, {Number: 700, Size: third.Size}})
		b.same(b.holds("k", whole), info)
		b.ranges("k", whole, first.Size, first.Size+second.Size)
		page, err := b.store.List(b.ctx, b.bucket, objects.ListRequest{Max: 1})
		b.ok(err)
		b.same(page.Objects[0].ETag, info.ETag)
		b.same(page.Objects[0].Size, info.Size)
		b.same(page.Objects[0].Parts, []objects.Part(nil))
		u.forgotten()
	},

	"OfOnePartOfAnySize": func(b *bench) {
		for _, size := range []int{0, 1, 300000} {
			u := b.upload("k", objects.UploadRequest{})
			data := random(size, 5)
			info := u.complete(u.put(10000, data))
			b.same(info.ETag, etagOf(data))
			b.same(b.holds("k", data), info)
		}
	},

	"OfCopiedParts": func(b *bench) {
		data := random(objects.MinPartSize+1000, 6)
		b.put("source", data)
		source := b.open("source")
		u := b.upload("k", objects.UploadRequest{})
		first, err := b.store.CopyPart(b.ctx, source, 0, objects.MinPartSize, b.bucket, "k", u.id, 1, nil)
		b.ok(err)
		second, err := b.store.CopyPart(b.ctx, source, 100, 200, b.bucket, "k", u.id, 2, nil)
		b.ok(err)
		b.ok(remove(b.ctx, b.store, b.bucket, "source", objects.Conditions{}))
		b.ok(source.Close())
		u.complete(first, second)
		b.holds("k", append(data[:objects.MinPartSize:objects.MinPartSize], data[100:300]...))
	},

	"EveryChecksum": func(b *bench) {
		datas := [][]byte{random(objects.MinPartSize, 7), random(objects.MinPartSize+1, 8), random(1, 9)}
		for _, a := range checksum.Algorithms() {
			for _, kind := range []checksum.Type{checksum.FullObject, checksum.Composite, ""} {
				if kind == "" || a.Supports(kind) {
					b.completeChecksum(a, kind, datas)
				}
			}
		}
	},

	"RefusesWhatIsNotAsNamed": func(b *bench) {
		b.put("k", []byte("old"))
		u := b.upload("k", objects.UploadRequest{Checksum: checksum.CRC32})
		small, large, last := u.put(1, []byte("small")), u.put(2, random(objects.MinPartSize, 1)), u.put(3, []byte("last"))
		none, other := objects.Part{Number: 9, ETag: large.ETag}, large
		other.ETag = last.ETag
		sum := large
		sum.Checksum = last.Checksum
		algorithm := large
		algorithm.Checksum.Algorithm = checksum.CRC32C
		whole := complete(large, last)
		size, value := whole, whole
		size.Size = large.Size
		value.Checksum = large.Checksum
		foreign := whole
		foreign.Checksum = sumOf(checksum.SHA256, nil)

		for name, c := range map[string]struct {
			request objects.CompleteRequest
			err     error
			part    *objects.PartError
		}{
			"none":                {complete(), objects.ErrInvalidPart, nil},
			"descending":          {complete(last, large), objects.ErrInvalidPartOrder, nil},
			"twice":               {complete(large, large), objects.ErrInvalidPartOrder, nil},
			"missing at the end":  {complete(large, none), objects.ErrInvalidPart, &objects.PartError{Number: 9, ETag: none.ETag}},
			"missing before":      {complete(objects.Part{Number: -1}, large), objects.ErrInvalidPart, &objects.PartError{Number: -1}},
			"another ETag":        {complete(other, last), objects.ErrInvalidPart, &objects.PartError{Number: 2, ETag: other.ETag}},
			"another checksum":    {complete(sum, last), objects.ErrInvalidPart, &objects.PartError{Number: 2, ETag: large.ETag}},
			"another algorithm":   {complete(algorithm, last), objects.ErrInvalidPart, &objects.PartError{Number: 2, ETag: large.ETag}},
			"small before others": {complete(small, large), objects.ErrPartTooSmall, &objects.PartError{Number: 1, ETag: small.ETag, Size: small.Size}},
			"another size":        {size, objects.ErrSizeMismatch, nil},
			"another whole":       {value, objects.ErrBadChecksum, nil},
			"whole of another":    {foreign, objects.ErrBadChecksum, nil},
		} {
			_, err := b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, c.request)
			if !errors.Is(err, c.err) {
				b.Errorf("%s: error %v, want %v", name, err, c.err)
			}
			var part *objects.PartError
			if c.part != nil && (!errors.As(err, &part) || part.Number != c.part.Number || part.ETag != c.part.ETag || part.Size != c.part.Size) {
				b.Errorf("%s: error %+v, want %+v", name, part, c.part)
			}
		}
		ended, cancel := context.WithCancel(b.ctx)
		cancel()
		_, err := b.store.CompleteUpload(ended, b.bucket, "k", u.id, whole)
		b.fails(err, context.Canceled)
		b.holds("k", []byte("old"))
		b.same(u.parts(), []objects.Part{small, large, last})

		large.Checksum = objects.Checksum{}
		exact := complete(large, last)
		exact.Size = large.Size + last.Size
		_, err = b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, exact)
		b.ok(err)
	},

	"TheNumberOfPartsMayBeLeftOut": func(b *bench) {
		for _, suffix := range []string{"", "-1"} {
			u := b.upload("k", objects.UploadRequest{Checksum: checksum.CRC32C, ChecksumType: checksum.Composite})
			part := u.put(1, []byte("part"))
			value, err := checksum.CRC32C.Multipart(checksum.Composite, []checksum.Part{{Sum: checksum.CRC32C.Sum([]byte("part")), Length: part.Size}})
			b.ok(err)
			digest := strings.TrimSuffix(value, "-1")
			request := complete(part)
			request.Checksum = objects.Checksum{Algorithm: checksum.CRC32C, Value: digest + "-2"}
			_, err = b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, request)
			b.fails(err, objects.ErrBadChecksum)
			request.Checksum.Value = digest + suffix
			info, err := b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, request)
			b.ok(err)
			b.same(info.Checksum.Value, value)
		}
	},

	"AgainAnswersTheSame": func(b *bench) {
		u := b.upload("k", objects.UploadRequest{Checksum: checksum.CRC64NVME, Attributes: everyAttribute()})
		large, last := u.put(1, random(objects.MinPartSize, 1)), u.put(5, []byte("last"))
		request := complete(large, last)
		request.Conditions.IfNoneMatch = true
		info, err := b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, request)
		b.ok(err)
		for range 2 {
			again, err := b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, request)
			b.ok(err)
			b.same(again, info)
		}
		renumbered := last
		renumbered.Number = 6
		for _, other := range []objects.CompleteRequest{complete(large), complete(last), complete(large, renumbered), complete(large, objects.Part{Number: 5, ETag: large.ETag}), complete(large, objects.Part{Number: 5, ETag: "x"})} {
			_, err = b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, other)
			b.fails(err, objects.ErrNoSuchUpload)
		}
		_, err = b.store.SetTags(b.ctx, b.bucket, "k", "", nil)
		b.ok(err)
		info.Attributes.Tags = nil
		again, err := b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, request)
		b.ok(err)
		b.same(again, info)

		b.copy("k", objects.CopyRequest{Key: "k"})
		_, err = b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, request)
		b.fails(err, objects.ErrNoSuchUpload)
		b.ok(remove(b.ctx, b.store, b.bucket, "k", objects.Conditions{}))
		_, err = b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, request)
		b.fails(err, objects.ErrNoSuchUpload)
	},

	"StaysReadableWhenReplaced": func(b *bench) {
		whole, _ := b.multipart("k", checksum.None)
		o := b.open("k")
		b.put("k", []byte("new"))
		b.sameBytes(b.read(o, 0, int64(len(whole))), whole)
		b.ok(o.Close())
		b.holds("k", []byte("new"))
	},
}

func (b *bench) completeChecksum(a checksum.Algorithm, kind checksum.Type, datas [][]byte) {
	b.Helper()
	u := b.upload("k", objects.UploadRequest{Checksum: a, ChecksumType: kind})
	var parts []objects.Part
	var want []objects.Part
	var sums []checksum.Part
	for i, data := range datas {
		p := u.put(i+1, data)
		parts = append(parts, p)
		want = append(want, objects.Part{Number: i + 1, Size: p.Size, Checksum: sumOf(a, data)})
		sums = append(sums, checksum.Part{Sum: a.Sum(data), Length: p.Size})
	}
	if kind == "" {
		kind = a.DefaultType()
	}
	value, err := a.Multipart(kind, sums)
	b.ok(err)
	request := complete(parts...)
	request.Checksum = objects.Checksum{Algorithm: a, Type: kind, Value: value}
	info, err := b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, request)
	b.ok(err)
	b.same(info.Checksum, request.Checksum)
	b.same(info.Parts, want)
	whole := bytes.Join(datas, nil)
	if kind == checksum.FullObject {
		b.same(info.Checksum, sumOf(a, whole))
	} else if !strings.HasSuffix(value, fmt.Sprintf("-%d", len(datas))) {
		b.Errorf("composite checksum %s", value)
	}
	b.same(b.holds("k", whole), info)
}

// ranges checks ranges around boundaries between parts.
func (b *bench) ranges(key string, whole []byte, boundaries ...int64) {
	b.Helper()
	o := b.open(key)
	defer o.Close()
	for _, at := range boundaries {
		for _, r := range [][2]int64{{at - 1, 1}, {at - 1, 2}, {at, 0}, {at, 1}, {at - 70000, 80000}, {at - objects.MinPartSize, int64(len(whole)) - at}} {
			if !bytes.Equal(b.read(o, r[0], r[1]), whole[r[0]:r[0]+r[1]]) {
				b.Errorf("%d bytes from %d on are others", r[1], r[0])
			}
		}
	}
}

// etagOf returns the ETag of an object made of parts.
func etagOf(parts ...[]byte) string {
	var sums []byte
	for _, p := range parts {
		sum := md5.Sum(p)
		sums = append(sums, sum[:]...)
	}
	return fmt.Sprintf("%s-%d", md5Of(sums), len(parts))
}
