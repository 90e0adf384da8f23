package disk

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/objects"
)

// recordVersion is the first byte of every value. The fields that follow are
// numbered as those of a Protocol Buffers message and left out when they are
// zero; a field may be added, but never change its meaning.
const recordVersion = 1

// objectRecord is the value of an object's row, and of an older version's or a
// delete marker's.
type objectRecord struct {
	version  versionID // zero when null and current
	null     bool      // the null version; set with a zero version too
	isMarker bool      // a delete marker: of what follows it has modified and attributes only

	content    id
	key        []byte // the content's key, sealed for this bucket and object key
	size       int64
	modified   time.Time
	md5        []byte
	parts      int // 0 when the object was not made by a multipart upload
	checksum   objects.Checksum
	attributes objects.Attributes
	upload     []byte // the upload that made exactly this object, if one did
}

// uploadRecord is the value of an upload's row.
type uploadRecord struct {
	content    id
	key        []byte // the content's key, sealed as the object's will be
	initiated  time.Time
	checksum   checksum.Algorithm
	kind       checksum.Type
	attributes objects.Attributes
	initiator  objects.Initiator
	asked      string // AskedEncryption
}

// partRecord is the value of a part's row.
type partRecord struct {
	segment  segment
	modified time.Time
	md5      []byte

	known objects.Checksum // the segment's, once it is revealed; not stored
}

// contentRecord is the value of a content's row: the encrypted bytes themselves,
// or the files that hold them.
type contentRecord struct {
	inline   []byte
	segments []segment
}

// segment is a run of a content's bytes in a file of its own. Number and
// checksum are those of the part that it was.
type segment struct {
	file     id
	size     int64
	number   int
	checksum objects.Checksum
}

func (o *objectRecord) etag() string {
	etag := hex.EncodeToString(o.md5)
	if o.parts > 0 {
		etag += "-" + strconv.Itoa(o.parts)
	}
	return etag
}

func (o *objectRecord) info(key string) objects.Info {
	return objects.Info{
		VersionID: o.versionID(), DeleteMarker: o.isMarker, Key: key, Size: o.size, ETag: o.etag(), Modified: o.modified,
		Attributes: o.attributes, Checksum: shown(o.checksum),
	}
}

// versionID returns the id that the version is known by.
func (o *objectRecord) versionID() string {
	if o.null {
		return objects.NullVersion
	}
	return o.version.String()
}

func (p *partRecord) part() objects.Part {
	return objects.Part{
		Number: p.segment.number, Size: p.segment.size, ETag: hex.EncodeToString(p.md5),
		Modified: p.modified, Checksum: shown(p.segment.checksum),
	}
}

func (o *objectRecord) encode() []byte {
	e := encoder{recordVersion}
	if !o.isMarker {
		e.bytes(1, o.content[:])
	}
	e.bytes(2, o.key)
	e.number(3, o.size)
	e.time(4, o.modified)
	e.bytes(5, o.md5)
	e.number(6, int64(o.parts))
	e.checksum(7, o.checksum)
	e.attributes(8, o.attributes)
	e.bytes(9, o.upload)
	if o.version != (versionID{}) {
		e.bytes(10, o.version[:])
	}
	e.flag(11, o.null && o.version != (versionID{}))
	e.flag(12, o.isMarker)
	return e
}

func decodeObject(b []byte) (*objectRecord, error) {
	var o objectRecord
	err := decode(b, func(f field) {
		switch f.number {
		case 1:
			o.content = f.id()
		case 2:
			o.key = f.copy()
		case 3:
			o.size = f.integer()
		case 4:
			o.modified = f.time()
		case 5:
			o.md5 = f.copy()
		case 6:
			o.parts = int(f.integer())
		case 7:
			o.checksum = f.checksum()
		case 8:
			o.attributes = f.attributes()
		case 9:
			o.upload = f.copy()
		case 10:
			o.version = f.versionID()
		case 11:
			o.null = f.value != 0
		case 12:
			o.isMarker = f.value != 0
		}
	})
	o.null = o.null || o.version == versionID{}
	return &o, err
}

func (u *uploadRecord) encode() []byte {
	e := encoder{recordVersion}
	e.bytes(1, u.content[:])
	e.bytes(2, u.key)
	e.time(3, u.initiated)
	e.text(4, u.checksum.String())
	e.text(5, string(u.kind))
	e.attributes(6, u.attributes)
	e.text(7, u.initiator.ID)
	e.text(8, u.initiator.DisplayName)
	e.text(9, u.initiator.UserID)
	e.text(10, u.asked)
	return e
}

func decodeUpload(b []byte) (*uploadRecord, error) {
	var u uploadRecord
	err := decode(b, func(f field) {
		switch f.number {
		case 1:
			u.content = f.id()
		case 2:
			u.key = f.copy()
		case 3:
			u.initiated = f.time()
		case 4:
			u.checksum = f.algorithm()
		case 5:
			u.kind = checksum.Type(f.data)
		case 6:
			u.attributes = f.attributes()
		case 7:
			u.initiator.ID = string(f.data)
		case 8:
			u.initiator.DisplayName = string(f.data)
		case 9:
			u.initiator.UserID = string(f.data)
		case 10:
			u.asked = string(f.data)
		}
	})
	return &u, err
}

func (p *partRecord) encode() []byte {
	e := encoder{recordVersion}
	e.segment(1, p.segment)
	e.time(2, p.modified)
	e.bytes(3, p.md5)
	return e
}

func decodePart(b []byte) (*partRecord, error) {
	var p partRecord
	err := decode(b, func(f field) {
		switch f.number {
		case 1:
			p.segment = f.segment()
		case 2:
			p.modified = f.time()
		case 3:
			p.md5 = f.copy()
		}
	})
	return &p, err
}

func (c *contentRecord) encode() []byte {
	e := make(encoder, 0, len(c.inline)+64*len(c.segments)+16)
	e = append(e, recordVersion)
	e.bytes(1, c.inline)
	for _, s := range c.segments {
		e.segment(2, s)
	}
	return e
}

// decodeContent returns a record that shares b's memory.
func decodeContent(b []byte) (*contentRecord, error) {
	var c contentRecord
	err := decode(b, func(f field) {
		switch f.number {
		case 1:
			c.inline = f.data
		case 2:
			c.segments = append(c.segments, f.segment())
		}
	})
	return &c, err
}

// encoder appends fields, leaving out those that are zero.
type encoder []byte

func (e *encoder) number(n protowire.Number, v int64) {
	if v != 0 {
		*e = protowire.AppendVarint(protowire.AppendTag(*e, n, protowire.VarintType), uint64(v))
	}
}

func (e *encoder) flag(n protowire.Number, v bool) {
	if v {
		e.number(n, 1)
	}
}

func (e *encoder) time(n protowire.Number, v time.Time) {
	if !v.IsZero() {
		e.number(n, v.UnixNano())
	}
}

func (e *encoder) bytes(n protowire.Number, v []byte) {
	if len(v) > 0 {
		*e = protowire.AppendBytes(protowire.AppendTag(*e, n, protowire.BytesType), v)
	}
}

func (e *encoder) text(n protowire.Number, v string) {
	if v != "" {
		*e = protowire.AppendString(protowire.AppendTag(*e, n, protowire.BytesType), v)
	}
}

func (e *encoder) checksum(n protowire.Number, c objects.Checksum) {
	var sub encoder
	sub.text(1, c.Algorithm.String())
	sub.text(2, string(c.Type))
	sub.text(3, c.Value)
	e.bytes(n, sub)
}

func (e *encoder) segment(n protowire.Number, s segment) {
	var sub encoder
	sub.bytes(1, s.file[:])
	sub.number(2, s.size)
	sub.number(3, int64(s.number))
	sub.checksum(4, s.checksum)
	e.bytes(n, sub)
}

// attributeTexts are the attributes that are texts, by their field numbers less
// one.
func attributeTexts(a *objects.Attributes) []*string {
	return []*string{
		&a.ContentType, &a.CacheControl, &a.ContentDisposition, &a.ContentEncoding, &a.ContentLanguage,
		&a.Expires, &a.WebsiteRedirectLocation, &a.StorageClass, &a.OwnerID,
	}
}

const (
	metadataField  = 20
	tagsField      = 21
	lockModeField  = 22
	lockUntilField = 23
	legalHoldField = 24
	// lockUntilSeconds takes the place of lockUntilField for a time that is too
	// far off to be told in nanoseconds.
	lockUntilSeconds = 25
	aclField         = 26
	encryptionField  = 30
)

// legalHolds are the statuses of a legal hold by their numbers.
var legalHolds = []objects.LegalHold{"", objects.HoldOn, objects.HoldOff}

func (e *encoder) attributes(n protowire.Number, a objects.Attributes) {
	var sub encoder
	for i, text := range attributeTexts(&a) {
		sub.text(protowire.Number(i+1), *text)
	}
	sub.table(metadataField, a.Metadata)
	sub.table(tagsField, a.Tags)
	sub.text(lockModeField, string(a.Lock.Mode))
	if until := a.Lock.Until; until.Equal(time.Unix(0, until.UnixNano())) {
		sub.time(lockUntilField, until)
	} else {
		sub.number(lockUntilSeconds, until.Unix())
	}
	sub.number(legalHoldField, int64(slices.Index(legalHolds, a.Lock.LegalHold)))
	sub.text(aclField, a.ACL)
	sub.encryption(encryptionField, a.Encryption)
	e.bytes(n, sub)
}

func (e *encoder) encryption(n protowire.Number, from objects.Encryption) {
	var sub encoder
	sub.text(1, from.Algorithm)
	sub.text(2, from.KeyID)
	sub.text(3, from.Context)
	sub.flag(4, from.BucketKey)
	e.bytes(n, sub)
}

func (e *encoder) table(n protowire.Number, m map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		var sub encoder
		sub.text(1, name)
		sub.text(2, m[name])
		*e = protowire.AppendBytes(protowire.AppendTag(*e, n, protowire.BytesType), sub)
	}
}

// field is one field of a record: a number or bytes.
type field struct {
	number protowire.Number
	value  uint64
	data   []byte
	err    *error
}

// decode calls f with every field of a record. What is wrong with a field is
// told through it.
func decode(b []byte, f func(field)) error {
	if len(b) == 0 || b[0] != recordVersion {
		return damaged(errors.New("a record of an unknown version"))
	}
	return decodeFields(b[1:], f)
}

func decodeFields(b []byte, f func(field)) error {
	var err error
	for len(b) > 0 {
		next := field{err: &err}
		var kind protowire.Type
		var n int
		if next.number, kind, n = protowire.ConsumeTag(b); n < 0 {
			return damaged(protowire.ParseError(n))
		}
		b = b[n:]
		switch kind {
		case protowire.VarintType:
			next.value, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			next.data, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(next.number, kind, b)
		}
		if n < 0 {
			return damaged(protowire.ParseError(n))
		}
		if f(next); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func damaged(err error) error { return fmt.Errorf("disk: %w: %w", objects.ErrCorrupt, err) }

func (f field) integer() int64 { return int64(f.value) }
func (f field) copy() []byte   { return slices.Clone(f.data) }

func (f field) time() time.Time {
	if f.value == 0 {
		return time.Time{}
	}
	return time.Unix(0, f.integer()).UTC()
}

func (f field) fields(each func(field)) {
	if err := decodeFields(f.data, each); err != nil {
		*f.err = err
	}
}

func (f field) id() (i id) {
	if len(f.data) != len(i) {
		*f.err = damaged(fmt.Errorf("an id of %d bytes", len(f.data)))
		return i
	}
	return id(f.data)
}

func (f field) versionID() (v versionID) {
	if len(f.data) != len(v) {
		*f.err = damaged(fmt.Errorf("a version id of %d bytes", len(f.data)))
		return v
	}
	return versionID(f.data)
}

func (f field) algorithm() checksum.Algorithm {
	a, ok := checksum.Parse(string(f.data))
	if !ok {
		*f.err = damaged(fmt.Errorf("checksum algorithm %q", f.data))
	}
	return a
}

func (f field) checksum() (c objects.Checksum) {
	f.fields(func(f field) {
		switch f.number {
		case 1:
			c.Algorithm = f.algorithm()
		case 2:
			c.Type = checksum.Type(f.data)
		case 3:
			c.Value = string(f.data)
		}
	})
	return c
}

func (f field) segment() (s segment) {
	f.fields(func(f field) {
		switch f.number {
		case 1:
			s.file = f.id()
		case 2:
			s.size = f.integer()
		case 3:
			s.number = int(f.integer())
		case 4:
			s.checksum = f.checksum()
		}
	})
	return s
}

func (f field) attributes() (a objects.Attributes) {
	texts := attributeTexts(&a)
	f.fields(func(f field) {
		switch n := int(f.number); {
		case n == metadataField:
			f.into(&a.Metadata)
		case n == tagsField:
			f.into(&a.Tags)
		case n == lockModeField:
			a.Lock.Mode = objects.LockMode(f.data)
		case n == lockUntilField:
			a.Lock.Until = f.time()
		case n == lockUntilSeconds:
			a.Lock.Until = time.Unix(f.integer(), 0).UTC()
		case n == legalHoldField:
			a.Lock.LegalHold = objects.HoldOn // whatever else it may be
			if f.value < uint64(len(legalHolds)) {
				a.Lock.LegalHold = legalHolds[f.value]
			}
		case n == aclField:
			a.ACL = string(f.data)
		case n == encryptionField:
			a.Encryption = f.encryption()
		case n <= len(texts):
			*texts[n-1] = string(f.data)
		}
	})
	return a
}

func (f field) encryption() (e objects.Encryption) {
	f.fields(func(f field) {
		switch f.number {
		case 1:
			e.Algorithm = string(f.data)
		case 2:
			e.KeyID = string(f.data)
		case 3:
			e.Context = string(f.data)
		case 4:
			e.BucketKey = f.value != 0
		}
	})
	return e
}

func (f field) into(m *map[string]string) {
	if *m == nil {
		*m = make(map[string]string)
	}
	var name, value string
	f.fields(func(f field) {
		switch f.number {
		case 1:
			name = string(f.data)
		case 2:
			value = string(f.data)
		}
	})
	(*m)[name] = value
}
