package sigv4

import (
	"errors"
	"hash"
	"io"
	"net/http"
	"os"
	"strconv"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/checksum"
)

// Body is the decoded payload of a request. Its reader gets data before all of
// it is verified, and must discard everything unless Read ends with io.EOF:
// only then is the payload complete, signed where the client signed it, and
// equal to every digest that was to be verified.
//
// A Body is for one goroutine. What it is to compute or verify must be asked
// for before the first Read; later, Read fails.
type Body struct {
	payload payload
	closer  io.Closer
	header  http.Header
	length  int64 // of the decoded payload, -1 if unknown
	read    int64
	started bool
	err     error // sticky
	digests digests
}

// payload yields decoded data, and io.EOF once the encoding has ended where it
// should and its signatures are verified.
type payload interface {
	io.Reader
	// trailing returns the value of the trailing checksum after io.EOF.
	trailing() string
}

// plain is a payload without an encoding of its own.
type plain struct{ io.Reader }

func (plain) trailing() string { return "" }

// errStarted is a programmer's mistake.
var errStarted = errors.New("sigv4: a digest of the body was asked for after it had been read")

// Body returns the payload of a request that has passed Verify with the same
// secret access key.
//
// Errors, from here or from Read, are AccessDenied, BadDigest, IncompleteBody,
// InvalidArgument, InvalidChunkSizeError, InvalidRequest, MalformedTrailerError,
// MissingContentLength, RequestTimeout, SignatureDoesNotMatch and
// XAmzContentSHA256Mismatch; any other is a failure of the connection.
func (s *Signature) Body(r *http.Request, secretAccessKey string) (*Body, error) {
	switch {
	case s.Form != nil:
		return FormBody(s.Form), nil
	case s.Service != serviceS3:
		b := newBody(r, r.ContentLength)
		b.digests.expectSHA256(s.PayloadHash)
		return b, nil
	case s.content == StreamingSigned, s.content == StreamingSignedTrailer:
		return open(r, s.content, newChunkSigner(s, secretAccessKey))
	}
	return open(r, s.content, nil)
}

// NewBody returns the payload of an anonymous request to S3. Its errors are
// those of Signature.Body; signed chunks are AccessDenied, because there is no
// key to verify them with.
func NewBody(r *http.Request) (*Body, error) {
	content, err := single(r.Header, contentSHA256)
	switch {
	case err != nil:
		return nil, err
	case content == "":
		content = UnsignedPayload
	case content == StreamingSigned, content == StreamingSignedTrailer:
		return nil, awserr.AccessDenied
	}
	if err := checkContentSHA256(content); err != nil {
		return nil, err
	}
	return open(r, content, nil)
}

func newBody(r *http.Request, length int64) *Body {
	source := r.Body
	if source == nil {
		source = http.NoBody
	}
	return &Body{payload: plain{source}, closer: source, header: r.Header, length: length}
}

// open returns the payload that x-amz-content-sha256 describes. The signer is
// nil unless chunks are signed.
func open(r *http.Request, content string, signer *chunkSigner) (*Body, error) {
	trailer, err := trailerAlgorithm(r.Header, content)
	if err != nil {
		return nil, err
	}
	switch content {
	case StreamingSigned, StreamingSignedTrailer, StreamingUnsignedTrailer:
		length, err := decodedContentLength(r.Header)
		if err != nil {
			return nil, err
		}
		b := newBody(r, length)
		b.payload = newChunked(b.closer.(io.Reader), length, signer, content != StreamingSigned, trailer)
		b.digests.expectTrailer(trailer)
		return b, nil
	}
	if r.ContentLength < 0 {
		return nil, awserr.MissingContentLength
	}
	b := newBody(r, r.ContentLength)
	if content != UnsignedPayload {
		b.digests.expectSHA256(content)
	}
	return b, nil
}

func decodedContentLength(header http.Header) (int64, error) {
	value, err := single(header, decodedLength)
	switch {
	case err != nil:
		return 0, err
	case value == "":
		return 0, awserr.MissingContentLength
	}
	length, err := strconv.ParseInt(value, 10, 64)
	if err != nil || length < 0 {
		return 0, awserr.InvalidArgument.WithMessage("x-amz-decoded-content-length must be a number of bytes").
			With("ArgumentName", "x-amz-decoded-content-length").With("ArgumentValue", value)
	}
	return length, nil
}

// DecodedLength returns the number of bytes that Read will yield, as the client
// declared it, or -1 if it did not, which only forms and services other than S3
// allow.
func (b *Body) DecodedLength() int64 { return b.length }

// Close closes the body of the request.
func (b *Body) Close() error { return b.closer.Close() }

// Read yields decoded data. See Body for what io.EOF means.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	b.started = true
	n, err := b.payload.Read(p)
	b.digests.write(p[:n])
	b.read += int64(n)
	b.err = b.check(err)
	return n, b.err
}

// check turns the payload's error into the body's.
func (b *Body) check(err error) error {
	switch {
	case b.length >= 0 && b.read > b.length:
		return awserr.IncompleteBody
	case err == nil:
		return nil
	case err == io.EOF:
		if b.length >= 0 && b.read < b.length {
			return awserr.IncompleteBody
		}
		if err := b.digests.verify(b.payload.trailing()); err != nil {
			return err
		}
		return io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return awserr.IncompleteBody.WithCause(err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return awserr.RequestTimeout.WithCause(err)
	}
	return err
}

// ComputeMD5 makes the body compute its MD5, which is the entity tag of an
// object uploaded in one part.
func (b *Body) ComputeMD5() {
	if b.mayCompute() {
		b.digests.enableMD5()
	}
}

// Compute makes the body compute a checksum, whether or not the client sent
// one. It does nothing for None.
func (b *Body) Compute(a checksum.Algorithm) {
	if b.mayCompute() {
		b.digests.enable(a)
	}
}

func (b *Body) mayCompute() bool {
	if b.started {
		b.err = awserr.InternalError.WithCause(errStarted)
	}
	return !b.started
}

// MD5 returns the MD5 of the payload, or nil before io.EOF or when it was not
// computed.
func (b *Body) MD5() []byte { return b.sum(b.digests.md5) }

// Checksum returns a checksum of the payload, or nil before io.EOF or when it
// was not computed.
func (b *Body) Checksum(a checksum.Algorithm) []byte { return b.sum(b.digests.sums[a]) }

func (b *Body) sum(h hash.Hash) []byte {
	if b.err != io.EOF || h == nil {
		return nil
	}
	return h.Sum(nil)
}

// VerifyContentMD5 makes the end of the body depend on the Content-MD5 header,
// if there is one. It fails with InvalidDigest when the header is malformed;
// Read with BadDigest when the payload is another.
func (b *Body) VerifyContentMD5() error {
	if !b.mayCompute() {
		return b.err
	}
	return b.digests.expectContentMD5(b.header)
}

// VerifyChecksum makes the end of the body depend on the x-amz-checksum-*
// header, if there is one, and returns the algorithm of that header or of the
// trailer, which is verified in any case, or None. It is not for operations in
// which these headers speak of an object instead of the payload, such as
// CompleteMultipartUpload.
//
// It fails with InvalidRequest when the header is malformed or not the only
// one, or x-amz-sdk-checksum-algorithm announces a checksum that is not sent,
// and with BadDigest when it announces another than is sent ("PutObject").
func (b *Body) VerifyChecksum() (checksum.Algorithm, error) {
	if !b.mayCompute() {
		return checksum.None, b.err
	}
	return b.digests.expectChecksum(b.header)
}
