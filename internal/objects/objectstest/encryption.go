package objectstest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"regexp"
	"slices"

	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/objects"
)

var errOtherKey = errors.New("sealed under another key")

// sealer is a key that a store does not have.
type sealer byte

func (s sealer) aead() cipher.AEAD {
	block, err := aes.NewCipher(bytes.Repeat([]byte{byte(s)}, 32))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

func (s sealer) Seal(plaintext, associatedData []byte) ([]byte, error) {
	nonce := make([]byte, 12)
	rand.Read(nonce)
	return s.aead().Seal(nonce, nonce, plaintext, associatedData), nil
}

func (s sealer) Open(ciphertext, associatedData []byte) ([]byte, error) {
	if len(ciphertext) < 12 {
		return nil, errOtherKey
	}
	plaintext, err := s.aead().Open(nil, ciphertext[:12], ciphertext[12:], associatedData)
	if err != nil {
		return nil, errOtherKey
	}
	return plaintext, nil
}

var (
	ofCustomer = objects.Encryption{Algorithm: "AES256"}
	named      = objects.Encryption{Algorithm: "aws:kms", KeyID: "key/1", Context: "e30=", BucketKey: true}
	randomETag = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

func attributesUnder(e objects.Encryption) objects.Attributes {
	a := everyAttribute()
	a.Encryption = e
	return a
}

func (b *bench) putSealed(key string, data []byte, e objects.Encryption, s sealer) objects.Info {
	b.Helper()
	c := content(data)
	c.Sealer = s
	info, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: key, Content: c, Attributes: attributesUnder(e)})
	b.ok(err)
	return info
}

// holdsSealed checks that a key holds data, which can be read with a sealer
// only.
func (b *bench) holdsSealed(key string, data []byte, s sealer) objects.Info {
	b.Helper()
	o := b.open(key)
	_, err := o.Read(b.ctx, 0, o.Info().Size)
	b.fails(err, objects.ErrSealed)
	b.fails(o.Unseal(nil), objects.ErrSealed)
	b.fails(o.Unseal(s+1), errOtherKey)
	_, err = o.Read(b.ctx, 0, 0)
	b.fails(err, objects.ErrSealed)
	_, err = b.store.Copy(b.ctx, o, b.bucket, objects.CopyRequest{Key: "stolen"})
	b.fails(err, objects.ErrSealed)
	b.holdsNothing("stolen")
	b.ok(o.Unseal(s))
	size := int64(len(data))
	b.sameBytes(b.read(o, 0, size), data)
	b.sameBytes(b.read(o, size/2, size-size/2), data[size/2:])
	return o.Info()
}

var encryptionTests = map[string]func(*bench){
	"NeedsItsKey": func(b *bench) {
		for i, size := range sizes {
			data := random(size, uint64(i))
			for _, e := range []objects.Encryption{ofCustomer, named} {
				info := b.putSealed("k", data, e, 1)
				b.same(info.Attributes.Encryption, e)
				if !randomETag.MatchString(info.ETag) || info.ETag == md5Of(data) {
					b.Errorf("ETag %s", info.ETag)
				}
				b.same(b.holdsSealed("k", data, 1), info)
				b.same(b.putSealed("again", data, e, 1).ETag == info.ETag, false)
			}
		}
	},

	"HidesChecksums": func(b *bench) {
		data := random(1000, 3)
		untold := objects.Checksum{Algorithm: checksum.SHA256, Type: checksum.FullObject}
		for _, e := range []objects.Encryption{ofCustomer, named} {
			c := content(data)
			c.Sealer, c.Checksum = sealer(1), checksum.SHA256
			info, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: "k", Content: c, Attributes: attributesUnder(e)})
			b.ok(err)
			b.same(info.Checksum, sumOf(checksum.SHA256, data))
			page, err := b.store.List(b.ctx, b.bucket, objects.ListRequest{Max: 1})
			b.ok(err)
			b.same(page.Objects[0].Checksum, untold)
			b.same(b.open("k").Info().Checksum, untold)
			b.same(b.holdsSealed("k", data, 1), info)

			source := b.open("k")
			b.ok(source.Unseal(sealer(1)))
			for asked, want := range map[checksum.Algorithm]objects.Checksum{checksum.None: info.Checksum, checksum.CRC32: sumOf(checksum.CRC32, data)} {
				copied, err := b.store.Copy(b.ctx, source, b.bucket, objects.CopyRequest{Key: "to", Attributes: attributesUnder(e), Sealer: sealer(1), Checksum: asked})
				b.ok(err)
				b.same(copied.Checksum, want)
				b.same(b.open("to").Info().Checksum.Value, "")
				b.same(b.holdsSealed("to", data, 1), copied)
				b.ok(remove(b.ctx, b.store, b.bucket, "to", objects.Conditions{}))
			}
		}
	},

	"HidesChecksumsOfParts": func(b *bench) {
		for _, kind := range []checksum.Type{checksum.Composite, checksum.FullObject} {
			whole := random(objects.MinPartSize+1000, 4)
			begin := func() (upload, []objects.Part) {
				u := b.upload("k", objects.UploadRequest{Attributes: attributesUnder(ofCustomer), Checksum: checksum.CRC32, ChecksumType: kind, Sealer: sealer(1)})
				var parts []objects.Part
				for i, data := range [][]byte{whole[:objects.MinPartSize], whole[objects.MinPartSize:]} {
					c := content(data)
					c.Sealer = sealer(1)
					p, err := b.store.PutPart(b.ctx, b.bucket, "k", u.id, i+1, c)
					b.ok(err)
					b.same(p.Checksum, sumOf(checksum.CRC32, data))
					parts = append(parts, p)
				}
				return u, parts
			}
			u, parts := begin()
			b.same(u.parts()[0].Checksum.Value, "")
			page, err := b.store.ListParts(b.ctx, b.bucket, "k", u.id, objects.ListPartsRequest{Max: 2, Sealer: sealer(1)})
			b.ok(err)
			b.same(page.Parts, parts)
			_, err = b.store.ListParts(b.ctx, b.bucket, "k", u.id, objects.ListPartsRequest{Max: 2, Sealer: sealer(2)})
			b.fails(err, errOtherKey)
			r := complete(parts...)
			_, err = b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, r)
			b.fails(err, objects.ErrSealed)
			r.Sealer = sealer(1)
			info, err := b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, r)
			b.ok(err)
			b.same(info.Checksum.Value == "", false)
			b.same(info.Parts[1].Checksum, parts[1].Checksum)
			b.same(b.open("k").Info().Checksum.Value, "")
			b.same(b.holdsSealed("k", whole, 1), info)

			u, parts = begin()
			for i := range parts {
				parts[i].Checksum = objects.Checksum{}
			}
			info, err = b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, complete(parts...))
			b.ok(err)
			b.same(info.Checksum, objects.Checksum{})
			b.same(b.holdsSealed("k", whole, 1).ETag, info.ETag)
		}
	},

	"OfNoneNeedsNone": func(b *bench) {
		b.put("k", []byte("v"))
		o := b.open("k")
		b.ok(o.Unseal(nil))
		b.ok(o.Unseal(sealer(1)))
		b.sameBytes(b.read(o, 0, 1), []byte("v"))
	},

	"IsAskedForWithItsKey": func(b *bench) {
		sealed := text("v")
		sealed.Sealer = sealer(1)
		_, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: "k", Content: sealed})
		b.fails(err, objects.ErrSealed)
		_, err = b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: "k", Content: text("v"), Attributes: attributesUnder(named)})
		b.fails(err, objects.ErrSealed)
		_, err = b.store.CreateUpload(b.ctx, b.bucket, objects.UploadRequest{Key: "k", Attributes: attributesUnder(named)})
		b.fails(err, objects.ErrSealed)
		b.put("source", []byte("v"))
		_, err = b.store.Copy(b.ctx, b.open("source"), b.bucket, objects.CopyRequest{Key: "k", Attributes: attributesUnder(named)})
		b.fails(err, objects.ErrSealed)
		b.holdsNothing("k")
	},

	"StaysWithChanges": func(b *bench) {
		b.putSealed("k", []byte("v"), named, 1)
		info, err := b.store.SetTags(b.ctx, b.bucket, "k", "", map[string]string{"a": "b"})
		b.ok(err)
		b.same(info.Attributes.Encryption, named)
		b.same(b.holdsSealed("k", []byte("v"), 1), info)
		page, err := b.store.List(b.ctx, b.bucket, objects.ListRequest{Max: 10})
		b.ok(err)
		b.same(page.Objects[0].ETag, info.ETag)
	},

	"OfCopies": func(b *bench) {
		other := named
		other.KeyID = "key/2"
		for i, size := range []int{0, 10, 300000} {
			data := random(size, uint64(i))
			b.put("plain", data)
			b.putSealed("customer", data, ofCustomer, 1)
			b.putSealed("named", data, named, 3)
			for _, from := range []struct {
				key string
				s   sealer
			}{{"plain", 0}, {"customer", 1}, {"named", 3}} {
				source := b.open(from.key)
				b.ok(source.Unseal(from.s))
				info, err := b.store.Copy(b.ctx, source, b.bucket, objects.CopyRequest{Key: "to"})
				b.ok(err)
				b.same(info.ETag, md5Of(data))
				b.same(b.holds("to", data), info)
				for _, to := range []struct {
					e objects.Encryption
					s sealer
				}{{ofCustomer, 1}, {ofCustomer, 5}, {named, 3}, {other, 7}} {
					info, err := b.store.Copy(b.ctx, source, b.bucket, objects.CopyRequest{Key: "to", Attributes: attributesUnder(to.e), Sealer: to.s})
					b.ok(err)
					b.same(info.Attributes.Encryption, to.e)
					b.same(b.holdsSealed("to", data, to.s), info)
					b.same(info.ETag == md5Of(data), false)
				}
			}
		}
	},

	"OntoItselfUnderAnotherKey": func(b *bench) {
		data := random(300000, 2)
		b.put("k", data)
		for i, e := range []objects.Encryption{ofCustomer, ofCustomer, named, named} {
			source := b.open("k")
			b.ok(source.Unseal(sealer(i)))
			info, err := b.store.Copy(b.ctx, source, b.bucket, objects.CopyRequest{Key: "k", Attributes: attributesUnder(e), Sealer: sealer(i + 1)})
			b.ok(err)
			b.ok(source.Close())
			b.same(b.holdsSealed("k", data, sealer(i+1)), info)
		}
	},

	"OfUploads": func(b *bench) {
		for _, e := range []objects.Encryption{ofCustomer, named} {
			whole := random(objects.MinPartSize+1000, 9)
			u := b.upload("k", objects.UploadRequest{Attributes: attributesUnder(e), Checksum: checksum.CRC32, Sealer: sealer(1)})
			got, err := b.store.GetUpload(b.ctx, b.bucket, "k", u.id)
			b.ok(err)
			b.same(got.Attributes.Encryption, e)
			_, err = b.store.PutPart(b.ctx, b.bucket, "k", u.id, 1, text("v"))
			b.fails(err, objects.ErrSealed)
			wrong := text("v")
			wrong.Sealer = sealer(2)
			_, err = b.store.PutPart(b.ctx, b.bucket, "k", u.id, 1, wrong)
			b.fails(err, errOtherKey)
			b.same(len(u.parts()), 0)

			first := content(whole[:objects.MinPartSize])
			first.Sealer = sealer(1)
			one, err := b.store.PutPart(b.ctx, b.bucket, "k", u.id, 1, first)
			b.ok(err)
			b.same(one.ETag == md5Of(whole[:objects.MinPartSize]), false)
			b.putSealed("source", whole[objects.MinPartSize:], ofCustomer, 4)
			source := b.open("source")
			_, err = b.store.CopyPart(b.ctx, source, 0, 1000, b.bucket, "k", u.id, 2, sealer(1))
			b.fails(err, objects.ErrSealed)
			b.ok(source.Unseal(sealer(4)))
			two, err := b.store.CopyPart(b.ctx, source, 0, 1000, b.bucket, "k", u.id, 2, sealer(1))
			b.ok(err)

			r := complete(one, two)
			r.Sealer = sealer(2)
			_, err = b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, r)
			b.fails(err, errOtherKey)
			r.Sealer = sealer(1)
			info, err := b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, r)
			b.ok(err)
			b.same(info.Attributes.Encryption, e)
			b.same(b.holdsSealed("k", whole, 1), info)
			again, err := b.store.CompleteUpload(b.ctx, b.bucket, "k", u.id, r)
			b.ok(err)
			b.same(again.ETag, info.ETag)
			b.ok(remove(b.ctx, b.store, b.bucket, "k", objects.Conditions{}))
		}
	},

	"OfVersions": func(b *bench) {
		var ids []string
		for i := range 3 {
			c := text("v")
			c.Sealer = sealer(i)
			info, err := b.store.Put(b.ctx, b.bucket, objects.PutRequest{Key: "k", Content: c, Attributes: attributesUnder(named), Versioning: objects.VersioningEnabled})
			b.ok(err)
			ids = append(ids, info.VersionID)
		}
		for i, id := range slices.Backward(ids) {
			o, err := b.store.Open(b.ctx, b.bucket, "k", id)
			b.ok(err)
			b.fails(o.Unseal(sealer(i+1)), errOtherKey)
			b.ok(o.Unseal(sealer(i)))
			b.sameBytes(b.read(o, 0, 1), []byte("v"))
			b.ok(o.Close())
		}
	},
}
