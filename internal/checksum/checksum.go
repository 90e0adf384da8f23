// Package checksum knows the checksum algorithms of S3: their names, headers
// and sums, and how the sums of parts make the sum of a whole ("Checking object
// integrity in Amazon S3", Amazon S3 User Guide). It reads no requests.
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

// Algorithm is one of S3's checksum algorithms by its name in the API, or None.
type Algorithm string

// The algorithms of S3.
const (
	None      Algorithm = ""
	CRC32     Algorithm = "CRC32"
	CRC32C    Algorithm = "CRC32C"
	CRC64NVME Algorithm = "CRC64NVME"
	SHA1      Algorithm = "SHA1"
	SHA256    Algorithm = "SHA256"
)

// Algorithms lists the algorithms in the order in which S3 names them.
var Algorithms = [...]Algorithm{CRC32, CRC32C, CRC64NVME, SHA1, SHA256}

// Type says what the checksum of a multipart object is taken over.
type Type string

// The types of S3.
const (
	FullObject Type = "FULL_OBJECT" // over the bytes of the object
	Composite  Type = "COMPOSITE"   // over the checksums of its parts
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Parse returns the algorithm of the given name, in any case.
func Parse(name string) (Algorithm, bool) {
	for _, a := range Algorithms {
		if strings.EqualFold(string(a), name) {
			return a, true
		}
	}
	return None, false
}

// New returns the algorithm's hash, or nil for None.
func (a Algorithm) New() hash.Hash {
	switch a {
	case CRC32:
		return crc32.NewIEEE()
	case CRC32C:
		return crc32.New(castagnoli)
	case CRC64NVME:
		return crc64nvme.New()
	case SHA1:
		return sha1.New()
	case SHA256:
		return sha256.New()
	}
	return nil
}

// Header returns the canonical name of the header that carries a value of the
// algorithm, such as "X-Amz-Checksum-Crc32".
func (a Algorithm) Header() string {
	return "X-Amz-Checksum-" + string(a[:1]) + strings.ToLower(string(a[1:]))
}

// Size returns the length of a sum in bytes.
func (a Algorithm) Size() int {
	if h := a.New(); h != nil {
		return h.Size()
	}
	return 0
}

// Encode returns a sum as S3 writes it.
func Encode(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

// Decode returns the sum that value holds, and false when it is not base64 of
// the algorithm's length.
func (a Algorithm) Decode(value string) ([]byte, bool) {
	sum, err := base64.StdEncoding.DecodeString(value)
	return sum, err == nil && a != None && len(sum) == a.Size()
}
