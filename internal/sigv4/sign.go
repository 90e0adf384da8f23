package sigv4

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/checksum"
)

// Signer signs requests with one access key for one service, the way clients of
// AWS do: every header that is set when it signs, and the host.
type Signer struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string // of temporary credentials, or ""
	Region          string
	Service         string
}

// Sign signs r in its Authorization header. payloadHash is the hexadecimal
// SHA-256 of the body, or for S3 another value of x-amz-content-sha256.
func (s Signer) Sign(r *http.Request, payloadHash string, at time.Time) { s.sign(r, payloadHash, at) }

func (s Signer) sign(r *http.Request, payloadHash string, at time.Time) *Signature {
	r.Header.Set("X-Amz-Date", at.UTC().Format(timeFormat))
	if s.SessionToken != "" {
		r.Header.Set(securityToken, s.SessionToken)
	}
	if s.Service == serviceS3 {
		r.Header.Set(contentSHA256, payloadHash)
	}
	signature := s.signature(r, payloadHash, at)
	signature.Signature = s.compute(signature, r)
	r.Header.Set("Authorization", Algorithm+" Credential="+s.AccessKeyID+"/"+signature.Scope.String()+
		", SignedHeaders="+strings.Join(signature.SignedHeaders, ";")+", Signature="+signature.Signature)
	return signature
}

// Presign signs r in its query string, for expires from at. What the payload is
// stays open.
func (s Signer) Presign(r *http.Request, at time.Time, expires time.Duration) {
	payloadHash := UnsignedPayload
	if s.Service != serviceS3 {
		payloadHash = emptyHash
	}
	signature := s.signature(r, payloadHash, at)
	parameters := []parameter{
		{"X-Amz-Algorithm", Algorithm},
		{"X-Amz-Credential", s.AccessKeyID + "/" + signature.Scope.String()},
		{"X-Amz-Date", signature.date},
		{"X-Amz-Expires", strconv.Itoa(int(expires / time.Second))},
		{"X-Amz-SignedHeaders", strings.Join(signature.SignedHeaders, ";")},
	}
	if s.SessionToken != "" {
		parameters = append(parameters, parameter{securityToken, s.SessionToken})
	}
	for _, p := range parameters {
		addQuery(r, p)
	}
	addQuery(r, parameter{signatureParam, s.compute(signature, r)})
}

func addQuery(r *http.Request, p parameter) {
	if r.URL.RawQuery != "" {
		r.URL.RawQuery += "&"
	}
	r.URL.RawQuery += p.name + "=" + encode(p.value)
}

// SignChunked signs r and sets its body to payload in chunks of chunkSize bytes.
// content is one of the Streaming constants; trailer is the algorithm of the
// trailing checksum, if content has a place for one, or None.
func (s Signer) SignChunked(r *http.Request, payload []byte, chunkSize int, content string, trailer checksum.Algorithm, at time.Time) {
	r.Header.Set("Content-Encoding", "aws-chunked")
	r.Header.Set(decodedLength, strconv.Itoa(len(payload)))
	if trailer != checksum.None {
		r.Header.Set("X-Amz-Trailer", trailer.Header())
	}
	signature := s.sign(r, content, at)
	var signer *chunkSigner
	if content != StreamingUnsignedTrailer {
		signer = newChunkSigner(signature, s.SecretAccessKey)
	}
	body := encodeChunks(payload, chunkSize, signer, content != StreamingSigned, trailer)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}

// signature returns a signature of r that only lacks the signature.
func (s Signer) signature(r *http.Request, payloadHash string, at time.Time) *Signature {
	at = at.UTC()
	signature := &Signature{
		Scope:         Scope{s.AccessKeyID, at.Format(dateFormat), s.Region, s.Service},
		Time:          at,
		date:          at.Format(timeFormat),
		SignedHeaders: []string{"host"},
		PayloadHash:   payloadHash,
	}
	for name := range r.Header {
		if name != "Authorization" {
			signature.SignedHeaders = append(signature.SignedHeaders, strings.ToLower(name))
		}
	}
	slices.Sort(signature.SignedHeaders)
	return signature
}

func (s Signer) compute(signature *Signature, r *http.Request) string {
	canonical, err := signature.canonicalRequest(r)
	if err != nil {
		return "" // no signature is right for a malformed query string
	}
	return hex.EncodeToString(sum(signingKey(s.SecretAccessKey, signature.Scope), signature.stringToSign(canonical)))
}

func encodeChunks(payload []byte, chunkSize int, signer *chunkSigner, trailers bool, trailer checksum.Algorithm) []byte {
	var b []byte
	for chunk := range slices.Chunk(payload, chunkSize) {
		b = append(appendChunkHeader(b, chunk, signer), chunk...)
		b = append(b, "\r\n"...)
	}
	b = appendChunkHeader(b, nil, signer)
	if trailers {
		b = appendTrailers(b, payload, signer, trailer)
	}
	return append(b, "\r\n"...)
}

func appendChunkHeader(b, chunk []byte, signer *chunkSigner) []byte {
	b = strconv.AppendInt(b, int64(len(chunk)), 16)
	if signer != nil {
		signer.chunk.Write(chunk)
		signer.signChunk()
		b = append(append(b, ";"+chunkSigField...), signer.last...)
	}
	return append(b, "\r\n"...)
}

func appendTrailers(b, payload []byte, signer *chunkSigner, trailer checksum.Algorithm) []byte {
	line := ""
	if trailer != checksum.None {
		line = trailer.Header() + ":" + checksum.Encode(trailer.Sum(payload))
		b = append(b, line+"\r\n"...)
		line += "\n"
	}
	if signer != nil {
		signer.signTrailer(line)
		b = append(append(b, trailerSig+":"...), signer.last...)
		b = append(b, "\r\n"...)
	}
	return b
}
