package sigv4

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/http"
	"slices"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/checksum"
)

const sdkAlgorithm = "x-amz-sdk-checksum-algorithm"

// digests computes, in one pass, every digest that is wanted of a payload, and
// compares them with what the client sent. The SHA-256 that the request's
// signature covers and the checksum of that name are the same computation.
type digests struct {
	md5    hash.Hash
	sums   [checksum.SHA256 + 1]hash.Hash // by algorithm
	active []hash.Hash

	contentSHA256 string // hexadecimal, or ""
	contentMD5    []byte // or nil
	algorithm     checksum.Algorithm
	value         []byte             // of algorithm's header, or nil
	trailer       checksum.Algorithm // whose value follows the payload
}

func (d *digests) write(p []byte) {
	for _, h := range d.active {
		h.Write(p)
	}
}

func (d *digests) enable(a checksum.Algorithm) {
	if a != checksum.None && d.sums[a] == nil {
		d.sums[a] = a.New()
		d.active = append(d.active, d.sums[a])
	}
}

func (d *digests) enableMD5() {
	if d.md5 == nil {
		d.md5 = md5.New()
		d.active = append(d.active, d.md5)
	}
}

func (d *digests) expectSHA256(value string) {
	d.contentSHA256 = strings.ToLower(value)
	d.enable(checksum.SHA256)
}

func (d *digests) expectTrailer(a checksum.Algorithm) {
	d.trailer = a
	d.enable(a)
}

func (d *digests) expectContentMD5(header http.Header) error {
	if _, ok := header["Content-Md5"]; !ok {
		return nil
	}
	value, err := single(header, "Content-Md5")
	if err != nil {
		return err
	}
	digest, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(digest) != md5.Size {
		return awserr.InvalidDigest.With("Content-MD5", value)
	}
	d.contentMD5 = digest
	d.enableMD5()
	return nil
}

func (d *digests) expectChecksum(header http.Header) (checksum.Algorithm, error) {
	declared, err := d.checksumHeader(header)
	if err != nil {
		return checksum.None, err
	}
	announced, err := single(header, http.CanonicalHeaderKey(sdkAlgorithm))
	if err != nil || announced == "" {
		return declared, err
	}
	algorithm, ok := checksum.Parse(announced)
	switch {
	case !ok:
		err = awserr.InvalidRequest.WithMessage("Value for %s header is invalid.", sdkAlgorithm)
	case declared == checksum.None:
		err = awserr.InvalidRequest.WithMessage("%s specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.", sdkAlgorithm)
	case algorithm != declared:
		err = badChecksum(algorithm)
	}
	return declared, err
}

// checksumHeader reads the header x-amz-checksum-*, of which there can be one,
// unless there is a trailer.
func (d *digests) checksumHeader(header http.Header) (checksum.Algorithm, error) {
	declared, given := d.trailer, ""
	multiple := false
	for name, values := range header {
		name = strings.ToLower(name)
		if !isChecksum(name) {
			continue
		}
		a, ok := checksum.FromHeader(name)
		if !ok {
			return checksum.None, errAlgorithm
		}
		multiple = multiple || declared != checksum.None || len(values) != 1
		declared, given = a, values[0]
	}
	switch {
	case multiple:
		return checksum.None, errMultipleChecksums
	case declared == d.trailer: // there is no header
		return declared, nil
	}
	value, ok := declared.Decode(strings.TrimSpace(given))
	if !ok {
		return checksum.None, awserr.InvalidRequest.WithMessage("Value for %s header is invalid.", strings.ToLower(declared.Header()))
	}
	d.algorithm, d.value = declared, value
	d.enable(declared)
	return declared, nil
}

var (
	errMultipleChecksums = awserr.InvalidRequest.WithMessage("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
	errAlgorithm         = awserr.InvalidRequest.WithMessage("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	errTrailer           = awserr.InvalidRequest.WithMessage("The value specified in the x-amz-trailer header is not supported")
)

// isChecksum reports whether a header carries a checksum, of an algorithm known
// or not, and does not merely speak of one.
func isChecksum(name string) bool {
	suffix, ok := strings.CutPrefix(name, checksum.HeaderPrefix)
	return ok && !slices.Contains([]string{"algorithm", "mode", "type"}, suffix)
}

// trailerAlgorithm reads x-amz-trailer, which announces what follows the payload
// if its encoding has a place for it. Only a checksum can follow.
func trailerAlgorithm(header http.Header, content string) (checksum.Algorithm, error) {
	value, err := single(header, "X-Amz-Trailer")
	if err != nil || value == "" {
		return checksum.None, err
	}
	if content != StreamingSignedTrailer && content != StreamingUnsignedTrailer {
		return checksum.None, errTrailer
	}
	if strings.Contains(value, ",") {
		return checksum.None, errMultipleChecksums
	}
	a, ok := checksum.FromHeader(value)
	switch {
	case ok:
		return a, nil
	case isChecksum(strings.ToLower(value)):
		return checksum.None, errAlgorithm
	}
	return checksum.None, errTrailer
}

// verify compares the digests with the client's; trailing is the value of the
// trailer.
func (d *digests) verify(trailing string) error {
	if d.contentSHA256 != "" {
		computed := hex.EncodeToString(d.sums[checksum.SHA256].Sum(nil))
		if computed != d.contentSHA256 {
			return awserr.XAmzContentSHA256Mismatch.
				With("ClientComputedContentSHA256", d.contentSHA256).
				With("S3ComputedContentSHA256", computed)
		}
	}
	if d.contentMD5 != nil {
		if computed := d.md5.Sum(nil); !bytes.Equal(computed, d.contentMD5) {
			return awserr.BadDigest.
				With("ExpectedDigest", base64.StdEncoding.EncodeToString(d.contentMD5)).
				With("CalculatedDigest", base64.StdEncoding.EncodeToString(computed))
		}
	}
	if d.value != nil && !bytes.Equal(d.sums[d.algorithm].Sum(nil), d.value) {
		return badChecksum(d.algorithm)
	}
	return d.verifyTrailer(trailing)
}

func (d *digests) verifyTrailer(trailing string) error {
	if d.trailer == checksum.None {
		return nil
	}
	value, ok := d.trailer.Decode(trailing)
	if !ok {
		return awserr.InvalidRequest.WithMessage("Value for %s trailing header is invalid.", d.trailer.Header())
	}
	if !bytes.Equal(d.sums[d.trailer].Sum(nil), value) {
		return badChecksum(d.trailer)
	}
	return nil
}

func badChecksum(a checksum.Algorithm) error {
	return awserr.BadDigest.WithMessage("The %v you specified did not match the calculated checksum.", a)
}
