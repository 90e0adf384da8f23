package sigv4

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/checksum"
)

const (
	minChunkSize  = 8192 // of every chunk but the last that has data
	lineSize      = 4096 // bounds a chunk header and a trailer
	trailerLines  = 8    // bounds the trailing section
	chunkSigField = "chunk-signature="
	trailerSig    = "x-amz-trailer-signature"
)

var (
	errChunkEncoding = awserr.IncompleteBody.WithMessage("The request body terminated unexpectedly")
	errTrailingData  = awserr.IncompleteBody.WithMessage("The request body continues after its last chunk")
)

// chunked decodes the aws-chunked encoding ("Signature Calculations for the
// Authorization Header: Transferring Payload in Multiple Chunks"). It holds a
// line at a time, never a chunk: data is passed on as it comes, and the
// signature of a chunk is checked before anything of the next is read.
type chunked struct {
	source    *bufio.Reader
	signer    *chunkSigner // nil if chunks are not signed
	trailers  bool         // whether trailers may follow
	trailer   checksum.Algorithm
	value     string // of the trailer
	remaining int64  // decoded bytes that no chunk has announced yet
	left      int64  // bytes of the current chunk
	number    int    // of the current chunk, from 1
	size      int64  // of the current chunk
	signature []byte // of the current chunk
}

func newChunked(source io.Reader, length int64, signer *chunkSigner, trailers bool, trailer checksum.Algorithm) *chunked {
	return &chunked{
		source: bufio.NewReaderSize(source, lineSize), signer: signer,
		trailers: trailers, trailer: trailer, remaining: length,
	}
}

func (c *chunked) trailing() string { return c.value }

// Read is not called again after it has returned an error.
func (c *chunked) Read(p []byte) (int, error) {
	if c.left == 0 {
		if err := c.nextChunk(); err != nil {
			return 0, err
		}
		if c.size == 0 {
			return 0, c.finish()
		}
	}
	n, err := c.source.Read(p[:min(int64(len(p)), c.left)])
	if c.signer != nil {
		c.signer.chunk.Write(p[:n])
	}
	c.left -= int64(n)
	switch {
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	case err == nil && c.left == 0:
		err = c.endChunk()
	}
	return n, err
}

// nextChunk reads hex-size[;chunk-signature=hex]CRLF.
func (c *chunked) nextChunk() error {
	line, err := c.readLine()
	if err != nil {
		return err
	}
	line, ended := bytes.CutSuffix(line, []byte("\r"))
	digits, extension, extended := bytes.Cut(line, []byte(";"))
	size, err := strconv.ParseUint(string(digits), 16, 63)
	if err != nil || !ended || extended != (c.signer != nil) {
		return errChunkEncoding
	}
	if signature, ok := bytes.CutPrefix(extension, []byte(chunkSigField)); ok && len(signature) == hashHexLength {
		c.signature = append(c.signature[:0], signature...)
	} else if extended {
		return errChunkEncoding
	}
	if size > 0 && c.number > 0 && c.size < minChunkSize {
		return awserr.InvalidChunkSize.
			With("Chunk", strconv.Itoa(c.number)).
			With("BadChunkSize", strconv.FormatInt(c.size, 10))
	}
	if size > uint64(c.remaining) {
		return awserr.IncompleteBody
	}
	c.number++
	c.size, c.left = int64(size), int64(size)
	c.remaining -= c.size
	return nil
}

// endChunk reads the CRLF after a chunk's data and verifies its signature.
func (c *chunked) endChunk() error {
	if err := c.readEmptyLine(); err != nil || c.signer == nil {
		return err
	}
	return c.verifySignature()
}

func (c *chunked) verifySignature() error {
	c.signer.signChunk()
	return c.signer.compare(c.signature)
}

// finish reads what follows the header of the empty chunk, and returns io.EOF.
func (c *chunked) finish() error {
	if c.remaining > 0 {
		return awserr.IncompleteBody
	}
	if c.signer != nil {
		if err := c.verifySignature(); err != nil {
			return err
		}
	}
	read := c.readEmptyLine
	if c.trailers {
		read = c.readTrailers
	}
	if err := read(); err != nil {
		return err
	}
	return c.readEnd()
}

// readEnd returns io.EOF. MinIO's client ends trailers with one empty line too
// many, which AWS accepts.
func (c *chunked) readEnd() error {
	if c.trailers {
		if next, _ := c.source.Peek(2); string(next) == "\r\n" {
			c.source.Discard(2)
		}
	}
	_, err := c.source.ReadByte()
	if err == nil {
		return errTrailingData
	}
	return err
}

func (c *chunked) readEmptyLine() error {
	line, err := c.readLine()
	if err == nil && string(line) != "\r" {
		err = errChunkEncoding
	}
	return err
}

// readTrailers reads lines of name:value, which end in CRLF or LF, up to an empty
// one. If they are signed, the signature is the last of them, and an empty line
// before it means nothing.
func (c *chunked) readTrailers() error {
	signature, found := "", false
	for range trailerLines {
		line, err := c.readLine()
		if err != nil {
			return err
		}
		line = bytes.TrimSuffix(line, []byte("\r"))
		name, value, colon := strings.Cut(string(line), ":")
		name, value = strings.ToLower(name), strings.Trim(value, " \t")
		switch {
		case len(line) == 0 && c.signer != nil && signature == "":
		case len(line) == 0:
			return c.endTrailers(found, signature)
		case colon && signature == "" && name == trailerSig && c.signer != nil && value != "":
			signature = value
		case colon && signature == "" && !found && c.trailer != checksum.None && name == c.trailer.Header():
			c.value, found = value, true
		default:
			return awserr.MalformedTrailer
		}
	}
	return awserr.MalformedTrailer
}

func (c *chunked) endTrailers(found bool, signature string) error {
	if found != (c.trailer != checksum.None) {
		return awserr.MalformedTrailer
	}
	if c.signer == nil {
		return nil
	}
	canonical := ""
	if found {
		canonical = c.trailer.Header() + ":" + c.value + "\n"
	}
	c.signer.signTrailer(canonical)
	return c.signer.compare([]byte(signature))
}

// readLine returns a line without its LF, valid until the next read.
func (c *chunked) readLine() ([]byte, error) {
	line, err := c.source.ReadSlice('\n')
	switch {
	case err == io.EOF:
		return nil, io.ErrUnexpectedEOF
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, errChunkEncoding
	case err != nil:
		return nil, err
	}
	return line[:len(line)-1], nil
}
