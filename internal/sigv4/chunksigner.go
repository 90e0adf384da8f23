package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
)

// chunkSigner computes the chain of signatures that begins with the request's:
// each covers the one before it and the data of its chunk.
type chunkSigner struct {
	signature    *Signature
	mac          hash.Hash // keyed with the signing key
	chunk        hash.Hash // of the current chunk's data
	last         []byte    // the latest signature, hexadecimal
	stringToSign []byte    // of the latest signature
	digest       []byte    // scratch
}

func newChunkSigner(s *Signature, secretAccessKey string) *chunkSigner {
	return &chunkSigner{
		signature: s,
		mac:       hmac.New(sha256.New, signingKey(secretAccessKey, s.Scope)),
		chunk:     sha256.New(),
		last:      []byte(s.Signature),
	}
}

// signChunk moves the chain on by the data that was written to chunk.
func (c *chunkSigner) signChunk() {
	c.begin("AWS4-HMAC-SHA256-PAYLOAD")
	c.stringToSign = append(c.stringToSign, emptyHash+"\n"...)
	c.end(c.chunk)
	c.chunk.Reset()
}

// signTrailer moves the chain on by the trailers ("Signature calculations for
// trailing headers").
func (c *chunkSigner) signTrailer(canonical string) {
	hash := sha256.New()
	hash.Write([]byte(canonical))
	c.begin("AWS4-HMAC-SHA256-TRAILER")
	c.end(hash)
}

func (c *chunkSigner) begin(algorithm string) {
	b := append(c.stringToSign[:0], algorithm...)
	b = append(append(b, '\n'), c.signature.date...)
	b = append(append(b, '\n'), c.signature.Scope.String()...)
	b = append(append(b, '\n'), c.last...)
	c.stringToSign = append(b, '\n')
}

func (c *chunkSigner) end(data hash.Hash) {
	c.digest = data.Sum(c.digest[:0])
	c.stringToSign = hex.AppendEncode(c.stringToSign, c.digest)
	c.mac.Reset()
	c.mac.Write(c.stringToSign)
	c.digest = c.mac.Sum(c.digest[:0])
	c.last = hex.AppendEncode(c.last[:0], c.digest)
}

// compare returns SignatureDoesNotMatch unless the latest signature is the one
// that the client provided.
func (c *chunkSigner) compare(provided []byte) error {
	if subtle.ConstantTimeCompare(c.last, provided) == 1 {
		return nil
	}
	return c.signature.mismatch(string(c.stringToSign), string(provided))
}
