package s3

import (
	"encoding/xml"
	"errors"
	"time"

	"github.com/keywright/keywright/internal/checksum"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
)

// closed makes a shape refuse elements that it does not have.
type closed = service.Closed

var errTooMany = errors.New("too many elements")

// appendElement decodes the next element of a list, and refuses one beyond the
// limit: of the smallest elements a document holds so many that they would take
// fifty times its length in memory.
func appendElement[E any](list *[]E, limit int, d *xml.Decoder, start *xml.StartElement) error {
	if len(*list) >= limit {
		return errTooMany
	}
	var e E
	if err := d.DecodeElement(&e, start); err != nil {
		return err
	}
	*list = append(*list, e)
	return nil
}

// identity is an account in a document.
type identity struct {
	ID          string
	DisplayName string `xml:",omitempty"`
}

// timestamp writes a time as documents have it: in whole seconds, as the header
// Last-Modified has it too.
func timestamp(t time.Time) string { return exactTime(t.Truncate(time.Second)) }

// exactTime writes a time that a client gave.
func exactTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func quoted(etag string) string { return `"` + etag + `"` }

// checksums are the elements of a checksum, of which at most one is set.
type checksums struct {
	ChecksumCRC32     string `xml:",omitempty"`
	ChecksumCRC32C    string `xml:",omitempty"`
	ChecksumCRC64NVME string `xml:",omitempty"`
	ChecksumSHA1      string `xml:",omitempty"`
	ChecksumSHA256    string `xml:",omitempty"`
}

func (c *checksums) of(a checksum.Algorithm) *string {
	switch a {
	case checksum.CRC32:
		return &c.ChecksumCRC32
	case checksum.CRC32C:
		return &c.ChecksumCRC32C
	case checksum.CRC64NVME:
		return &c.ChecksumCRC64NVME
	case checksum.SHA1:
		return &c.ChecksumSHA1
	case checksum.SHA256:
		return &c.ChecksumSHA256
	}
	return new(string)
}

func checksumElements(sum objects.Checksum) checksums {
	var c checksums
	*c.of(sum.Algorithm) = sum.Value
	return c
}
