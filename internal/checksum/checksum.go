// Package checksum knows the additional checksums of Amazon S3: their names,
// headers, encodings, and how the checksums of parts become the checksum of a
// multipart object.
//
// It does not compare checksums with what a client sent and knows no errors of
// the protocol: that belongs to internal/sigv4 and internal/s3.
package checksum

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"strings"

	"github.com/minio/crc64nvme"
)

// Algorithm is a checksum algorithm. The zero value is None.
type Algorithm uint8

// The algorithms that Amazon S3 clients may choose from ("Checking object
// integrity in Amazon S3").
const (
	None Algorithm = iota
	CRC32
	CRC32C
	CRC64NVME
	SHA1
	SHA256
)

// Algorithms lists every algorithm but None, in the order in which AWS names
// them.
func Algorithms() []Algorithm { return []Algorithm{CRC32, CRC32C, CRC64NVME, SHA1, SHA256} }

// HeaderPrefix begins the name of every header that carries a checksum.
const HeaderPrefix = "x-amz-checksum-"

// Type says what the checksum of a multipart object is computed from.
type Type string

// The types of multipart checksums, as x-amz-checksum-type names them.
const (
	FullObject Type = "FULL_OBJECT" // of the object's bytes
	Composite  Type = "COMPOSITE"   // of the checksums of its parts
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// traits is what distinguishes the algorithms; polynomial is reflected and
// zero for digests that are no CRC.
var traits = [...]struct {
	name       string
	size       int
	polynomial uint64
	composite  bool
	new        func() hash.Hash
}{
	None:      {},
	CRC32:     {"CRC32", 4, crc32.IEEE, true, func() hash.Hash { return crc32.NewIEEE() }},
	CRC32C:    {"CRC32C", 4, crc32.Castagnoli, true, func() hash.Hash { return crc32.New(castagnoli) }},
	CRC64NVME: {"CRC64NVME", 8, 0x9a6c9329ac4bc9b5, false, func() hash.Hash { return crc64nvme.New() }},
	SHA1:      {"SHA1", 20, 0, true, sha1.New},
	SHA256:    {"SHA256", 32, 0, true, sha256.New},
}

// Parse returns the algorithm of the given name, as x-amz-checksum-algorithm
// and x-amz-sdk-checksum-algorithm carry it. Letter case does not matter. It
// returns None and false for any other name.
func Parse(name string) (Algorithm, bool) {
	for _, a := range Algorithms() {
		if strings.EqualFold(name, a.String()) {
			return a, true
		}
	}
	return None, false
}

// FromHeader returns the algorithm whose checksum travels in the header or
// trailer of the given name. Letter case does not matter.
func FromHeader(name string) (Algorithm, bool) {
	if len(name) < len(HeaderPrefix) || !strings.EqualFold(name[:len(HeaderPrefix)], HeaderPrefix) {
		return None, false
	}
	return Parse(name[len(HeaderPrefix):])
}

// String returns AWS's name, such as "CRC64NVME", and "" for None.
func (a Algorithm) String() string {
	if int(a) >= len(traits) {
		return ""
	}
	return traits[a].name
}

// Header returns the name of the header and trailer, such as
// "x-amz-checksum-crc64nvme".
func (a Algorithm) Header() string { return HeaderPrefix + strings.ToLower(a.String()) }

// Size returns the length of a checksum in bytes.
func (a Algorithm) Size() int { return traits[a].size }

// New returns a new hash of the algorithm, whose Sum is what Encode takes. It
// must not be called on None.
func (a Algorithm) New() hash.Hash { return traits[a].new() }

// Sum returns the checksum of data.
func (a Algorithm) Sum(data []byte) []byte {
	h := a.New()
	h.Write(data)
	return h.Sum(nil)
}

// Supports reports whether a multipart object can have a checksum of type t
// ("Checking object integrity in Amazon S3": full object for the CRC
// algorithms, composite for all but CRC64NVME).
func (a Algorithm) Supports(t Type) bool {
	switch t {
	case FullObject:
		return traits[a].polynomial != 0
	case Composite:
		return traits[a].composite
	}
	return false
}

// DefaultType returns the type of a multipart checksum when the client names
// only the algorithm.
func (a Algorithm) DefaultType() Type {
	if a.Supports(Composite) {
		return Composite
	}
	return FullObject
}

// Encode returns sum as headers and documents carry it.
func Encode(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

// Decode is the inverse of Encode. It reports false unless value is the one
// encoding of a checksum of the algorithm's size.
func (a Algorithm) Decode(value string) ([]byte, bool) {
	if a == None || len(value) != base64.StdEncoding.EncodedLen(a.Size()) || strings.ContainsAny(value, "\r\n") {
		return nil, false
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(value)
	return sum, err == nil && len(sum) == a.Size()
}
