package objectstest

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"slices"
	"testing/iotest"

	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/objects"
)

// upload is a multipart upload in progress.
type upload struct {
	*bench
	objects.Upload
	id string
}

func (b *bench) upload(key string, r objects.UploadRequest) upload {
	b.Helper()
	r.Key = key
	u, err := b.store.CreateUpload(b.ctx, b.bucket, r)
	b.ok(err)
	return upload{b, u, u.ID}
}

func (u upload) put(number int, data []byte) objects.Part {
	u.Helper()
	p, err := u.store.PutPart(u.ctx, u.bucket, u.Key, u.id, number, content(data))
	u.ok(err)
	return p
}

func (u upload) parts() []objects.Part {
	u.Helper()
	page, err := u.store.ListParts(u.ctx, u.bucket, u.Key, u.id, objects.ListPartsRequest{Max: objects.MaxPartNumber})
	u.ok(err)
	return page.Parts
}

func (u upload) complete(parts ...objects.Part) objects.Info {
	u.Helper()
	info, err := u.store.CompleteUpload(u.ctx, u.bucket, u.Key, u.id, complete(parts...))
	u.ok(err)
	return info
}

// forgotten checks that nothing of an upload is left.
func (u upload) forgotten() {
	u.Helper()
	_, err := u.store.GetUpload(u.ctx, u.bucket, u.Key, u.id)
	u.fails(err, objects.ErrNoSuchUpload)
	_, err = u.store.PutPart(u.ctx, u.bucket, u.Key, u.id, 1, text("v"))
	u.fails(err, objects.ErrNoSuchUpload)
	_, err = u.store.ListParts(u.ctx, u.bucket, u.Key, u.id, objects.ListPartsRequest{Max: 1})
	u.fails(err, objects.ErrNoSuchUpload)
	u.fails(u.store.AbortUpload(u.ctx, u.bucket, u.Key, u.id), objects.ErrNoSuchUpload)
	page, err := u.store.ListUploads(u.ctx, u.bucket, objects.ListUploadsRequest{Max: 1000})
	u.ok(err)
	for _, other := range page.Uploads {
		if other.ID == u.id {
			u.Error("a forgotten upload is listed")
		}
	}
}

// complete asks for all of parts.
func complete(parts ...objects.Part) objects.CompleteRequest {
	r := objects.CompleteRequest{Size: -1}
	for _, p := range parts {
		r.Parts = append(r.Parts, objects.CompletedPart{Number: p.Number, ETag: p.ETag, Checksum: p.Checksum})
	}
	return r
}

// multipart makes an object of two parts and returns its bytes.
func (b *bench) multipart(key string, a checksum.Algorithm) ([]byte, objects.Info) {
	b.Helper()
	u := b.upload(key, objects.UploadRequest{Checksum: a})
	whole := random(objects.MinPartSize+1000, 8)
	first := u.put(1, whole[:objects.MinPartSize])
	return whole, u.complete(first, u.put(2, whole[objects.MinPartSize:]))
}

var uploadTests = map[string]func(*bench){
	"IsKeptAsItWasAskedFor": func(b *bench) {
		for _, r := range []objects.UploadRequest{
			{},
			{Attributes: everyAttribute(), Initiator: objects.Initiator{ID: "arn:aws:iam::111122223333:user/David", DisplayName: "David", UserID: "AIDADAVID"}, AskedEncryption: "AES256"},
			{Checksum: checksum.CRC64NVME},
			{Checksum: checksum.CRC32, ChecksumType: checksum.FullObject},
			{Checksum: checksum.SHA256, ChecksumType: checksum.Composite},
		} {
			for _, key := range hostileKeys()[:40] {
				u := b.upload(key, r)
				r.Key = key
				b.same(u.UploadRequest, r)
				if !regexp.MustCompile(`^[A-Za-z0-9_.~-]{16,}$`).MatchString(u.id) {
					b.Errorf("id %q", u.id)
				}
				got, err := b.store.GetUpload(b.ctx, b.bucket, key, u.id)
				b.ok(err)
				b.same(got, u.Upload)
				b.holdsNothing(key)
			}
		}
	},

	"OfAnImpossibleChecksum": func(b *bench) {
		for _, r := range []objects.UploadRequest{
			{Key: "k", Checksum: checksum.SHA1, ChecksumType: checksum.FullObject},
			{Key: "k", Checksum: checksum.CRC64NVME, ChecksumType: checksum.Composite},
			{Key: "k", ChecksumType: checksum.FullObject},
			{Key: "k", Checksum: checksum.CRC32, ChecksumType: "OTHER"},
		} {
			_, err := b.store.CreateUpload(b.ctx, b.bucket, r)
			b.fails(err, checksum.ErrUnsupported)
		}
	},

	"IsNoOthers": func(b *bench) {
		u := b.upload("k", objects.UploadRequest{})
		other := b.newBucket()
		for _, wrong := range []struct {
			bucket  objects.Bucket
			key, id string
		}{
			{b.bucket, "k2", u.id}, {b.bucket, "", u.id}, {other, "k", u.id}, {b.bucket, "k", u.id + "A"}, {b.bucket, "k", u.id[1:]},
			{b.bucket, "k", ""}, {b.bucket, "k", "../" + u.id}, {b.bucket, "k", "\n" + u.id}, {b.bucket, "k", u.id + "\n"}, {b.bucket, "k", "\x00"},
		} {
			_, err := b.store.GetUpload(b.ctx, wrong.bucket, wrong.key, wrong.id)
			b.fails(err, objects.ErrNoSuchUpload)
			_, err = b.store.PutPart(b.ctx, wrong.bucket, wrong.key, wrong.id, 1, text("v"))
			b.fails(err, objects.ErrNoSuchUpload)
			_, err = b.store.ListParts(b.ctx, wrong.bucket, wrong.key, wrong.id, objects.ListPartsRequest{Max: 1})
			b.fails(err, objects.ErrNoSuchUpload)
			_, err = b.store.CompleteUpload(b.ctx, wrong.bucket, wrong.key, wrong.id, complete(objects.Part{Number: 1, ETag: md5Of(nil)}))
			b.fails(err, objects.ErrNoSuchUpload)
			b.fails(b.store.AbortUpload(b.ctx, wrong.bucket, wrong.key, wrong.id), objects.ErrNoSuchUpload)
		}
		b.same(u.parts(), []objects.Part(nil))
	},

	"PartsAreKept": func(b *bench) {
		for _, a := range append(checksum.Algorithms(), checksum.None) {
			u := b.upload("k", objects.UploadRequest{Checksum: a})
			var want []objects.Part
			for i, size := range []int{0, 1, 70000, 300000} {
				data := random(size, uint64(i))
				p := u.put(i*3+1, data)
				b.same(p.Size, int64(size))
				b.same(p.Number, i*3+1)
				b.same(p.ETag, md5Of(data))
				if a != checksum.None {
					b.same(p.Checksum, sumOf(a, data))
				}
				want = append(want, p)
			}
			b.same(u.parts(), want)
			again := u.put(4, []byte("again"))
			want[1] = again
			b.same(u.parts(), want)
		}
		u := b.upload("k", objects.UploadRequest{})
		c := text("v")
		c.Checksum = checksum.SHA1
		p, err := b.store.PutPart(b.ctx, b.bucket, "k", u.id, 1, c)
		b.ok(err)
		b.same(p.Checksum, sumOf(checksum.SHA1, []byte("v")))
	},

	"PartsOfNoNumber": func(b *bench) {
		u := b.upload("k", objects.UploadRequest{})
		for _, number := range []int{-1, 0, objects.MaxPartNumber + 1, 1 << 16, 1<<16 + 1} {
			_, err := b.store.PutPart(b.ctx, b.bucket, "k", u.id, number, text("v"))
			b.fails(err, objects.ErrInvalidPart)
		}
		b.same(u.parts(), []objects.Part(nil))
	},

	"PartThatFailsLeavesNoTrace": func(b *bench) {
		broken := errors.New("broken")
		u := b.upload("k", objects.UploadRequest{})
		kept := u.put(1, []byte("kept"))
		for _, number := range []int{1, 2} {
			_, err := b.store.PutPart(b.ctx, b.bucket, "k", u.id, number, objects.Content{Body: iotest.ErrReader(broken), Size: 3})
			b.fails(err, broken)
			for _, size := range []int64{0, 2, 4} {
				_, err = b.store.PutPart(b.ctx, b.bucket, "k", u.id, number, objects.Content{Body: bytes.NewReader([]byte("abc")), Size: size})
				b.fails(err, objects.ErrIncomplete)
			}
			ended, cancel := context.WithCancel(b.ctx)
			cancel()
			_, err = b.store.PutPart(ended, b.bucket, "k", u.id, number, text("v"))
			b.fails(err, context.Canceled)
		}
		b.same(u.parts(), []objects.Part{kept})
	},

	"PartsAreCopied": func(b *bench) {
		data := random(500000, 1)
		b.put("source", data)
		source := b.open("source")
		u := b.upload("k", objects.UploadRequest{Checksum: checksum.CRC32C})
		for i, r := range [][2]int64{{0, 500000}, {0, 1}, {65536, 65536}, {499999, 1}, {500000, 0}, {12345, 300000}} {
			p, err := b.store.CopyPart(b.ctx, source, r[0], r[1], b.bucket, "k", u.id, i+1, nil)
			b.ok(err)
			b.same(p.ETag, md5Of(data[r[0]:r[0]+r[1]]))
			b.same(p.Checksum, sumOf(checksum.CRC32C, data[r[0]:r[0]+r[1]]))
		}
		for _, r := range [][2]int64{{0, 500001}, {-1, 1}, {500000, 1}} {
			if _, err := b.store.CopyPart(b.ctx, source, r[0], r[1], b.bucket, "k", u.id, 9, nil); err == nil {
				b.Errorf("%d bytes from %d on: no error", r[1], r[0])
			}
		}
		b.same(len(u.parts()), 6)
		b.sameBytes(b.read(source, 0, 500000), data)
	},

	"PartsAreListedByPage": func(b *bench) {
		u := b.upload("k", objects.UploadRequest{Attributes: everyAttribute()})
		var all []objects.Part
		for _, number := range []int{10000, 3, 1, 255, 256, 2, 9999} {
			all = append(all, u.put(number, []byte{byte(number)}))
		}
		slices.SortFunc(all, func(a, b objects.Part) int { return a.Number - b.Number })
		for size := 1; size <= len(all)+1; size++ {
			after, got := 0, []objects.Part(nil)
			for {
				page, err := b.store.ListParts(b.ctx, b.bucket, "k", u.id, objects.ListPartsRequest{After: after, Max: size})
				b.ok(err)
				b.same(page.Upload, u.Upload)
				got = append(got, page.Parts...)
				if !page.Truncated {
					break
				}
				b.same(len(page.Parts), size)
				after = page.Parts[size-1].Number
			}
			b.same(got, all)
		}
		for _, r := range []objects.ListPartsRequest{{Max: 0}, {After: 10000, Max: 10}, {After: 1 << 40, Max: 10}} {
			page, err := b.store.ListParts(b.ctx, b.bucket, "k", u.id, r)
			b.ok(err)
			b.same(page, objects.PartsPage{Upload: u.Upload})
		}
		page, err := b.store.ListParts(b.ctx, b.bucket, "k", u.id, objects.ListPartsRequest{After: -5, Max: 1})
		b.ok(err)
		b.same(page.Parts, all[:1])
	},

	"AbortedIsForgotten": func(b *bench) {
		b.put("k", []byte("old"))
		u, other := b.upload("k", objects.UploadRequest{}), b.upload("k", objects.UploadRequest{})
		u.put(1, random(300000, 2))
		p := other.put(1, []byte("other"))
		ended, cancel := context.WithCancel(b.ctx)
		cancel()
		b.fails(b.store.AbortUpload(ended, b.bucket, "k", u.id), context.Canceled)
		b.ok(b.store.AbortUpload(b.ctx, b.bucket, "k", u.id))
		u.forgotten()
		_, err := b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, complete(p))
		b.fails(err, objects.ErrNoSuchUpload)
		b.holds("k", []byte("old"))
		b.same(other.parts(), []objects.Part{p})
	},
}
