package disk

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// The first byte of a row's key says what the row is. Rows of a bucket follow
// with its ID and the object's key, both terminated; a terminated name sorts as
// the name does, whatever its bytes are.
//
// An object's row ends with the terminator of its key. It is there only while
// the newest version is an object, so that a listing passes over nothing. All
// other versions, and every delete marker, stand in a space of their own, under
// the complement of their id, which begins with the time: the newest first.
const (
	bucketSpace   = 'b' // + bucket ID: the bucket exists
	removedSpace  = 'g' // + bucket ID: the bucket is gone, its uploads are being removed
	objectSpace   = 'o' // + bucket ID, key: objectRecord
	versionSpace  = 'v' // + bucket ID, key, complement of versionID: objectRecord
	nullSpace     = 'n' // + bucket ID, key: the versionID under which the null version stands in versionSpace
	uploadSpace   = 'u' // + bucket ID, key, uploadID: uploadRecord
	partSpace     = 'p' // + uploadID, part number: partRecord
	contentSpace  = 'c' // + content id: contentRecord
	sharedSpace   = 'r' // + content id: how many objects are made of it, when more than one
	deadSpace     = 'd' // + content id: no object is made of it, it is to be removed
	unnamedSpace  = 'f' // + file id: the file, if there is one, is named by nothing else
	terminator    = "\x00\x01"
	pastEverySame = "\x00\x02" // sorts after every row of a terminated name, before those of the next
)

// present is the value of rows that say all with their keys.
var present = []byte{recordVersion}

// id names a content or a file, once. It begins with the time in milliseconds,
// so that contents stand in the index in the order in which they were written.
type id [16]byte

func newID(now time.Time) id {
	var i id
	binary.BigEndian.PutUint64(i[:8], uint64(now.UnixMilli())<<16)
	rand.Read(i[6:])
	return i
}

func (i id) String() string { return hex.EncodeToString(i[:]) }

// uploadID begins with the time in nanoseconds at which the upload was begun,
// so that the uploads for one key stand in that order; the rest is a secret.
type uploadID [24]byte

func newUploadID(now time.Time) uploadID {
	var u uploadID
	binary.BigEndian.PutUint64(u[:8], uint64(now.UnixNano()))
	rand.Read(u[8:])
	return u
}

func (u uploadID) String() string { return base64.RawURLEncoding.EncodeToString(u[:]) }

func parseUploadID(s string) (u uploadID, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != len(u) || strings.ContainsAny(s, "\r\n") {
		return u, false
	}
	return uploadID(raw), true
}

// versionID begins with the time in nanoseconds at which the version was made.
// Those of one key are in the order in which they were made, whatever the clock
// does. The zero versionID is the null version's while it is the current one.
type versionID [24]byte

// newVersionID returns the id of a version that is newer than another.
func newVersionID(now time.Time, than versionID) versionID {
	var v versionID
	binary.BigEndian.PutUint64(v[:8], max(uint64(now.UnixNano()), binary.BigEndian.Uint64(than[:8])+1))
	rand.Read(v[8:])
	return v
}

func (v versionID) String() string { return base64.RawURLEncoding.EncodeToString(v[:]) }

func parseVersionID(s string) (v versionID, ok bool) {
	u, ok := parseUploadID(s)
	return versionID(u), ok
}

// complement returns what puts the newest first.
func (v versionID) complement() (c versionID) {
	for i := range v {
		c[i] = ^v[i]
	}
	return c
}

func row(space byte, name []byte) []byte { return append([]byte{space}, name...) }

func bucketRow(bucketID string) []byte  { return row(bucketSpace, []byte(bucketID)) }
func removedRow(bucketID string) []byte { return row(removedSpace, []byte(bucketID)) }

func objectRow(bucketID, key string) []byte {
	return append(appendEscaped(rowsOf(objectSpace, bucketID), key), terminator...)
}

// versionRows returns what the rows of a key's older versions begin with.
func versionRows(bucketID, key string) []byte {
	return append(appendEscaped(rowsOf(versionSpace, bucketID), key), terminator...)
}

func versionRow(bucketID, key string, v versionID) []byte {
	c := v.complement()
	return append(versionRows(bucketID, key), c[:]...)
}

func nullRow(bucketID, key string) []byte {
	return append(appendEscaped(rowsOf(nullSpace, bucketID), key), terminator...)
}

func uploadRow(bucketID, key string, u uploadID) []byte {
	b := append(appendEscaped(rowsOf(uploadSpace, bucketID), key), terminator...)
	return append(b, u[:]...)
}

// uploadOf returns the upload that a row's key ends with.
func uploadOf(at []byte) uploadID { return uploadID(at[len(at)-len(uploadID{}):]) }

func partRow(u uploadID, number int) []byte {
	return binary.BigEndian.AppendUint16(row(partSpace, u[:]), uint16(number))
}

// rowsOf returns what the rows of a bucket in a space begin with.
func rowsOf(space byte, bucketID string) []byte {
	b := make([]byte, 0, 1+len(bucketID)+64)
	return append(appendEscaped(append(b, space), bucketID), terminator...)
}

// appendEscaped appends a name so that no part of it looks like a terminator.
func appendEscaped(b []byte, name string) []byte {
	for {
		i := strings.IndexByte(name, 0)
		if i < 0 {
			return append(b, name...)
		}
		b = append(append(b, name[:i]...), 0, 0xff)
		name = name[i+1:]
	}
}

// cutName returns the terminated name that b begins with and what follows it.
func cutName(b []byte) (name string, rest []byte, ok bool) {
	var whole []byte
	for {
		i := bytes.IndexByte(b, 0)
		if i < 0 || i+1 == len(b) {
			return "", nil, false
		}
		switch {
		case b[i+1] == terminator[1] && whole == nil:
			return string(b[:i]), b[i+2:], true
		case b[i+1] == terminator[1]:
			return string(append(whole, b[:i]...)), b[i+2:], true
		case b[i+1] == 0xff:
			whole, b = append(append(whole, b[:i]...), 0), b[i+2:]
		default:
			return "", nil, false
		}
	}
}

// successor returns the smallest key that is greater than every key that begins
// with prefix.
func successor(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			s := bytes.Clone(prefix[:i+1])
			s[i]++
			return s
		}
	}
	return nil
}
