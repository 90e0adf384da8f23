package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
)

// chunkSigner computes the chain of signatures that begins with the request's.
type chunkSigner struct {
	signature *Signature
	mac       hash.Hash // keyed with the signing key
	chunk     hash.Hash // of the current chunk's data
	previous  string
}

func newChunkSigner(s *Signature, secretAccessKey string) *chunkSigner {
	return &chunkSigner{
		signature: s,
		mac:       hmac.New(sha256.New, signingKey(secretAccessKey, s.Scope)),
		chunk:     sha256.New(),
		previous:  s.Signature,
	}
}

// signChunk returns the signature of the data written to chunk, and its string
// to sign, and moves the chain on.
func (c *chunkSigner) signChunk() (signature, stringToSign string) {
	hash := hex.EncodeToString(c.chunk.Sum(nil))
	c.chunk.Reset()
	return c.sign("AWS4-HMAC-SHA256-PAYLOAD", emptyHash+"\n"+hash)
}

// signTrailer does the same for trailers ("Signature calculations for trailing
// headers").
func (c *chunkSigner) signTrailer(canonical string) (signature, stringToSign string) {
	hash := sha256.Sum256([]byte(canonical))
	return c.sign("AWS4-HMAC-SHA256-TRAILER", hex.EncodeToString(hash[:]))
}

func (c *chunkSigner) sign(algorithm, hashes string) (signature, stringToSign string) {
	stringToSign = algorithm + "\n" + c.signature.date + "\n" + c.signature.Scope.String() + "\n" + c.previous + "\n" + hashes
	c.mac.Reset()
	c.mac.Write([]byte(stringToSign))
	c.previous = hex.EncodeToString(c.mac.Sum(nil))
	return c.previous, stringToSign
}

func (c *chunkSigner) verifyChunk(provided string) error {
	want, stringToSign := c.signChunk()
	return c.compare(want, stringToSign, provided)
}

func (c *chunkSigner) verifyTrailer(canonical, provided string) error {
	want, stringToSign := c.signTrailer(canonical)
	return c.compare(want, stringToSign, provided)
}

func (c *chunkSigner) compare(want, stringToSign, provided string) error {
	if subtle.ConstantTimeCompare([]byte(want), []byte(provided)) == 1 {
		return nil
	}
	return c.signature.mismatch(stringToSign, provided)
}
