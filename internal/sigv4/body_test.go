package sigv4

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/checksum"
)

// codeOf returns the code of an error of the protocol, and the text of others.
func codeOf(err error) string {
	var e *awserr.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

// readAll checks what holds for every body: an error is final.
func readAll(t testing.TB, body io.Reader) ([]byte, error) {
	t.Helper()
	payload, err := io.ReadAll(body)
	want := err
	if want == nil {
		want = io.EOF
	}
	for range 2 {
		if n, again := body.Read(make([]byte, 8)); n != 0 || again != want {
			t.Errorf("after %v: %d, %v", want, n, again)
		}
	}
	return payload, err
}

func TestUnsignedChunks(t *testing.T) {
	data, err := os.ReadFile("testdata/unsigned-chunks.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cases++
		field := strings.Split(strings.TrimSpace(line), "|")
		for i := range field {
			field[i] = strings.TrimSpace(field[i])
		}
		encoded, err := strconv.Unquote(field[3])
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		r := httptest.NewRequest("PUT", "/b/k", strings.NewReader(encoded))
		r.Header.Set("X-Amz-Content-Sha256", StreamingUnsignedTrailer)
		for name, value := range map[string]string{"X-Amz-Decoded-Content-Length": field[1], "X-Amz-Trailer": field[2]} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		got := ""
		body, err := NewBody(r)
		if err == nil {
			var payload []byte
			payload, err = readAll(t, body)
			got = strconv.Quote(string(payload))
		}
		if err != nil {
			got = codeOf(err)
		}
		if got != field[4] {
			t.Errorf("%s: %s (%v), want %s", field[0], got, err, field[4])
		}
	}
	if cases < 40 {
		t.Errorf("only %d cases", cases)
	}
}

// payloadMode is a way in which a payload can travel.
type payloadMode struct {
	name    string
	content string // x-amz-content-sha256, or "" for the hash
	trailer checksum.Algorithm
}

var payloadModes = []payloadMode{
	{"hash", "", checksum.None},
	{"unsigned", UnsignedPayload, checksum.None},
	{"unsigned chunks", StreamingUnsignedTrailer, checksum.None},
	{"unsigned chunks and trailer", StreamingUnsignedTrailer, checksum.CRC64NVME},
	{"signed chunks", StreamingSigned, checksum.None},
	{"signed chunks and no trailer", StreamingSignedTrailer, checksum.None},
	{"signed chunks and trailer", StreamingSignedTrailer, checksum.SHA256},
}

// protected reports whether a changed payload can be told from the original.
func (m payloadMode) protected() bool {
	return m.content != UnsignedPayload && (m.content != StreamingUnsignedTrailer || m.trailer != checksum.None)
}

// sign makes r carry the payload, with testSigner's signature.
func (m payloadMode) sign(r *http.Request, payload []byte, chunkSize int) {
	if strings.HasPrefix(m.content, "STREAMING-") {
		testSigner.SignChunked(r, payload, chunkSize, m.content, m.trailer, testTime)
		return
	}
	s := Signature{PayloadHash: m.content}
	if m.content == "" {
		s.HashPayload(payload)
	}
	testSigner.Sign(r, s.PayloadHash, testTime)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(payload)), int64(len(payload))
}

const chunkSize = 8192

// body returns the body of a request with the payload, whose wire form went
// through alter.
func (m payloadMode) body(t testing.TB, payload []byte, alter func([]byte) io.Reader) *Body {
	t.Helper()
	r := httptest.NewRequest("PUT", "/b/k", nil)
	m.sign(r, payload, chunkSize)
	wire, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	r.Body = io.NopCloser(alter(wire))
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(r, testSecret, testTime); err != nil {
		t.Fatal(err)
	}
	body, err := s.Body(r, testSecret)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func asIs(wire []byte) io.Reader { return bytes.NewReader(wire) }

func testPayload(size int) []byte {
	payload := make([]byte, size)
	rand.NewChaCha8([32]byte{}).Read(payload)
	return payload
}

func TestBodyInPieces(t *testing.T) {
	for _, mode := range payloadModes {
		for _, size := range []int{0, 1, chunkSize, chunkSize + 1, 150_000} {
			payload := testPayload(size)
			for name, split := range map[string]func(io.Reader) io.Reader{
				"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader,
				"halves": iotest.HalfReader, "error with data": iotest.DataErrReader,
			} {
				body := mode.body(t, payload, func(wire []byte) io.Reader { return split(bytes.NewReader(wire)) })
				body.ComputeMD5()
				body.Compute(checksum.SHA256)
				body.Compute(checksum.CRC32C)
				got, err := readAll(t, body)
				if err != nil || !bytes.Equal(got, payload) || body.DecodedLength() != int64(size) {
					t.Errorf("%s, %d bytes, %s: %d bytes of %d, %v", mode.name, size, name, len(got), body.DecodedLength(), err)
				}
				if sum := md5.Sum(payload); !bytes.Equal(body.MD5(), sum[:]) {
					t.Errorf("%s: MD5 is %x", mode.name, body.MD5())
				}
				for _, a := range []checksum.Algorithm{checksum.SHA256, checksum.CRC32C} {
					if !bytes.Equal(body.Checksum(a), a.Sum(payload)) {
						t.Errorf("%s: %v is %x", mode.name, a, body.Checksum(a))
					}
				}
			}
		}
	}
}

func TestBodyReadInEverySize(t *testing.T) {
	payload := testPayload(9000)
	for _, mode := range payloadModes {
		for size := 1; size < 300; size += 7 {
			body := mode.body(t, payload, asIs)
			got, err := io.ReadAll(struct{ io.Reader }{&sized{body, size}})
			if err != nil || !bytes.Equal(got, payload) {
				t.Errorf("%s in reads of %d: %d bytes, %v", mode.name, size, len(got), err)
			}
		}
	}
}

// sized asks for size bytes at a time.
type sized struct {
	io.Reader
	size int
}

func (s *sized) Read(p []byte) (int, error) { return s.Reader.Read(p[:min(len(p), s.size)]) }

// Whatever byte of a payload that is protected changes, and wherever it is cut
// off, it does not end in io.EOF.
func TestDamagedBodies(t *testing.T) {
	payload := testPayload(chunkSize + 40)
	for _, mode := range payloadModes {
		length := 0
		mode.body(t, payload, func(wire []byte) io.Reader { length = len(wire); return asIs(wire) })
		for i := range length {
			if i > 120 && i < chunkSize && i%64 != 0 {
				continue // the middle of the first chunk is all alike
			}
			cut := mode.body(t, payload, func(wire []byte) io.Reader { return bytes.NewReader(wire[:i]) })
			if _, err := readAll(t, cut); codeOf(err) != "IncompleteBody" {
				t.Errorf("%s cut off after %d bytes of %d: %v", mode.name, i, length, err)
			}
			broken := mode.body(t, payload, func(wire []byte) io.Reader {
				return io.MultiReader(bytes.NewReader(wire[:i]), iotest.ErrReader(io.ErrUnexpectedEOF))
			})
			if _, err := readAll(t, broken); codeOf(err) != "IncompleteBody" {
				t.Errorf("%s broken off after %d bytes: %v", mode.name, i, err)
			}
			if !mode.protected() {
				continue
			}
			flipped := mode.body(t, payload, func(wire []byte) io.Reader {
				wire[i] ^= 1
				return bytes.NewReader(wire)
			})
			if got, err := readAll(t, flipped); err == nil {
				t.Errorf("%s with byte %d changed: %d bytes, and no error", mode.name, i, len(got))
			}
		}
	}
}

func TestPublishedChunks(t *testing.T) {
	for _, c := range []struct {
		name, content, signedHeaders, seed string
		chunks                             [3]string
		trailers                           string
	}{
		{"Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks",
			StreamingSigned,
			"content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
			"4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
			[3]string{
				"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
				"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
				"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
			}, ""},
		{"Signature calculations for trailing headers",
			StreamingSignedTrailer,
			"content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
			"106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
			[3]string{
				"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
				"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
				"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
			},
			"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n"},
	} {
		wire := "10000;chunk-signature=" + c.chunks[0] + "\r\n" + strings.Repeat("a", 65536) + "\r\n" +
			"400;chunk-signature=" + c.chunks[1] + "\r\n" + strings.Repeat("a", 1024) + "\r\n" +
			"0;chunk-signature=" + c.chunks[2] + "\r\n" + c.trailers + "\r\n"
		r := httptest.NewRequest("PUT", "http://s3.amazonaws.com/examplebucket/chunkObject.txt", strings.NewReader(wire))
		r.Header.Set("X-Amz-Date", "20130524T000000Z")
		r.Header.Set("X-Amz-Storage-Class", "REDUCED_REDUNDANCY")
		r.Header.Set("X-Amz-Content-Sha256", c.content)
		r.Header.Set("Content-Encoding", "aws-chunked")
		r.Header.Set("X-Amz-Decoded-Content-Length", "66560")
		if c.trailers != "" {
			r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32c")
		}
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders="+c.signedHeaders+",Signature="+c.seed)
		if c.trailers == "" && r.ContentLength != 66824 {
			t.Fatalf("%s: the body has %d bytes", c.name, r.ContentLength)
		}
		payload, err := authenticate(r, testSecret, time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC))
		if err != nil || string(payload) != strings.Repeat("a", 66560) {
			t.Errorf("%s: %d bytes, %v", c.name, len(payload), err)
		}
	}
}

var signedTrailer = payloadMode{"", StreamingSignedTrailer, checksum.CRC32}

// MinIO's client separates the trailers from their signature.
func TestSignedTrailerAfterEmptyLine(t *testing.T) {
	body := signedTrailer.body(t, []byte("hello"), func(wire []byte) io.Reader {
		return bytes.NewReader(bytes.Replace(wire, []byte("\r\nx-amz-trailer-signature"), []byte("\n\r\nx-amz-trailer-signature"), 1))
	})
	if got, err := readAll(t, body); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestSignedChunkErrors(t *testing.T) {
	replace := func(old, new string) func([]byte) io.Reader {
		return func(wire []byte) io.Reader {
			if !bytes.Contains(wire, []byte(old)) {
				t.Fatalf("%q is not in %q", old, wire)
			}
			return bytes.NewReader(bytes.Replace(wire, []byte(old), []byte(new), 1))
		}
	}
	for _, c := range []struct {
		name  string
		alter func([]byte) io.Reader
		want  string
	}{
		{"another payload", replace("hello", "jello"), "SignatureDoesNotMatch"},
		{"no signature", func([]byte) io.Reader { return strings.NewReader("5\r\nhello\r\n0\r\n\r\n") }, "IncompleteBody"},
		{"another extension", replace("chunk-signature", "chunk-signatures"), "IncompleteBody"},
		{"another trailer", replace("crc32:N", "crc32:M"), "SignatureDoesNotMatch"},
		{"trailer after its signature", func(wire []byte) io.Reader {
			return bytes.NewReader(append(bytes.TrimSuffix(wire, []byte("\r\n")), "x-amz-checksum-crc32:NhCmhg==\r\n\r\n"...))
		}, "MalformedTrailerError"},
		{"no trailer signature", func(wire []byte) io.Reader {
			return bytes.NewReader(append(wire[:bytes.Index(wire, []byte("x-amz-trailer-sig"))], "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"...))
		}, "MalformedTrailerError"},
		{"endless line", func(wire []byte) io.Reader { return bytes.NewReader(bytes.Repeat([]byte("0"), 10_000)) }, "IncompleteBody"},
	} {
		body := signedTrailer.body(t, []byte("hello"), c.alter)
		if _, err := readAll(t, body); codeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// Chunks of one request cannot be swapped or moved to another.
func TestChunksAreChained(t *testing.T) {
	payload := testPayload(3 * chunkSize)
	mode := payloadMode{"", StreamingSigned, checksum.None}
	const size = len("2000;chunk-signature=\r\n\r\n") + 64 + chunkSize
	swapped := mode.body(t, payload, func(wire []byte) io.Reader {
		return io.MultiReader(bytes.NewReader(wire[size:2*size]), bytes.NewReader(wire[:size]), bytes.NewReader(wire[2*size:]))
	})
	if _, err := readAll(t, swapped); codeOf(err) != "SignatureDoesNotMatch" {
		t.Errorf("swapped: %v", err)
	}
	got := mode.body(t, payload, func(wire []byte) io.Reader {
		wire[size+100] ^= 1
		return bytes.NewReader(wire)
	})
	data, err := readAll(t, got)
	if len(data) > 2*chunkSize || codeOf(err) != "SignatureDoesNotMatch" {
		t.Errorf("%d bytes were read, beyond the second chunk, which is wrong: %v", len(data), err)
	}
}

func TestSmallChunks(t *testing.T) {
	r := httptest.NewRequest("PUT", "/b/k", nil)
	testSigner.SignChunked(r, testPayload(9000), chunkSize-1, StreamingSigned, checksum.None, testTime)
	_, err := authenticate(r, testSecret, testTime)
	if codeOf(err) != "InvalidChunkSizeError" || field(err, "Chunk") != "1" || field(err, "BadChunkSize") != "8191" {
		t.Errorf("%+v", err)
	}
}

func TestNewBody(t *testing.T) {
	const hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" // of hello
	for _, c := range []struct {
		payload, content string
		length           int64
		want             string
	}{
		{"hello", "", 5, "hello"},
		{"hello", UnsignedPayload, 5, "hello"},
		{"hello", hash, 5, "hello"},
		{"hello", strings.ToUpper(hash), 5, "hello"},
		{"jello", hash, 5, "XAmzContentSHA256Mismatch"},
		{"hello", "", 6, "IncompleteBody"},
		{"hello", "", 4, "IncompleteBody"},
		{"hello", "", -1, "MissingContentLength"},
		{"hello", "sha256", 5, "InvalidArgument"},
		{"hello", StreamingSigned, 5, "AccessDenied"},
		{"hello", StreamingSignedTrailer, 5, "AccessDenied"},
		{"hello", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", 5, "NotImplemented"},
	} {
		r := httptest.NewRequest("PUT", "/b/k", strings.NewReader(c.payload))
		r.ContentLength = c.length
		if c.content != "" {
			r.Header.Set("X-Amz-Content-Sha256", c.content)
		}
		body, err := NewBody(r)
		var got []byte
		if err == nil {
			got, err = readAll(t, body)
		}
		if result := string(got); err == nil && result != c.want || err != nil && codeOf(err) != c.want {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
	empty, err := NewBody(&http.Request{Header: http.Header{}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readAll(t, empty); len(got) != 0 || err != nil {
		t.Errorf("a request without body has %q, %v", got, err)
	}
}

func TestDigestHeaders(t *testing.T) {
	const (
		helloMD5   = "XUFAKrxLKna5cZ2REBfFkg=="
		helloCRC32 = "NhCmhg=="
		helloSHA1  = "qvTGHdzF6KLavt4PO0gs2a6pQ00="
	)
	type headers map[string]string
	for _, c := range []struct {
		headers headers
		want    string // "" for the payload
		message string
	}{
		{headers{}, "", ""},
		{headers{"Content-MD5": helloMD5}, "", ""},
		{headers{"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, "BadDigest", "The Content-MD5 you specified did not match what we received."},
		{headers{"Content-MD5": "hello"}, "InvalidDigest", "The Content-MD5 you specified was invalid."},
		{headers{"Content-MD5": helloCRC32}, "InvalidDigest", ""},
		{headers{"Content-MD5": ""}, "InvalidDigest", ""},
		{headers{"x-amz-checksum-crc32": helloCRC32}, "", ""},
		{headers{"x-amz-checksum-crc32": helloCRC32, "x-amz-checksum-type": "FULL_OBJECT", "x-amz-sdk-checksum-algorithm": "crc32"}, "", ""},
		{headers{"x-amz-checksum-crc32": "AAAAAA=="}, "BadDigest", "The CRC32 you specified did not match the calculated checksum."},
		{headers{"x-amz-checksum-crc32": "AAAA"}, "InvalidRequest", "Value for x-amz-checksum-crc32 header is invalid."},
		{headers{"x-amz-checksum-crc32": helloCRC32, "x-amz-checksum-sha1": helloSHA1}, "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."},
		{headers{"x-amz-checksum-md4": helloCRC32}, "InvalidRequest", "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"},
		{headers{"x-amz-sdk-checksum-algorithm": "CRC32"}, "InvalidRequest", "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found."},
		{headers{"x-amz-checksum-crc32": helloCRC32, "x-amz-sdk-checksum-algorithm": "CRC33"}, "InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid."},
		{headers{"x-amz-checksum-crc32": helloCRC32, "x-amz-sdk-checksum-algorithm": "SHA1"}, "BadDigest", "The SHA1 you specified did not match the calculated checksum."},
		{headers{"x-amz-checksum-sha1": helloSHA1, "Content-MD5": helloMD5}, "", ""},
		{headers{"x-amz-trailer": "x-amz-checksum-crc32"}, "InvalidRequest", "The value specified in the x-amz-trailer header is not supported"},
	} {
		r := httptest.NewRequest("PUT", "/b/k", strings.NewReader("hello"))
		for name, value := range c.headers {
			r.Header.Set(name, value)
		}
		_, err := verified(r)
		if got := awserr.From(err); err != nil && (got.Code != c.want || c.message != "" && got.Message != c.message) || err == nil && c.want != "" {
			t.Errorf("%v: %v, want %s: %s", c.headers, err, c.want, c.message)
		}
	}
}

// verified reads the payload of an anonymous request with all its digests.
func verified(r *http.Request) (checksum.Algorithm, error) {
	body, err := NewBody(r)
	if err != nil {
		return checksum.None, err
	}
	if err := body.VerifyContentMD5(); err != nil {
		return checksum.None, err
	}
	algorithm, err := body.VerifyChecksum()
	if err != nil {
		return checksum.None, err
	}
	_, err = io.ReadAll(body)
	return algorithm, err
}

func TestRepeatedDigestHeaders(t *testing.T) {
	for _, name := range []string{"Content-Md5", "X-Amz-Checksum-Crc32", "X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Content-Sha256", "X-Amz-Trailer"} {
		r := httptest.NewRequest("PUT", "/b/k", strings.NewReader("hello"))
		r.Header[name] = []string{"a", "b"}
		if _, err := verified(r); codeOf(err) != "InvalidRequest" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTrailerAndHeader(t *testing.T) {
	request := func() *http.Request {
		r := httptest.NewRequest("PUT", "/b/k", strings.NewReader("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"))
		r.Header.Set("X-Amz-Content-Sha256", StreamingUnsignedTrailer)
		r.Header.Set("X-Amz-Decoded-Content-Length", "5")
		r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
		r.Header.Set("X-Amz-Sdk-Checksum-Algorithm", "CRC32")
		return r
	}
	if algorithm, err := verified(request()); algorithm != checksum.CRC32 || err != nil {
		t.Errorf("%v, %v", algorithm, err)
	}
	both := request()
	both.Header.Set("X-Amz-Checksum-Crc32", "NhCmhg==")
	if _, err := verified(both); codeOf(err) != "InvalidRequest" {
		t.Errorf("header and trailer: %v", err)
	}
}

func TestDigestsAreAskedForInTime(t *testing.T) {
	for name, ask := range map[string]func(*Body){
		"ComputeMD5":       (*Body).ComputeMD5,
		"Compute":          func(b *Body) { b.Compute(checksum.SHA1) },
		"VerifyContentMD5": func(b *Body) { b.VerifyContentMD5() },
		"VerifyChecksum":   func(b *Body) { b.VerifyChecksum() },
	} {
		body, err := NewBody(httptest.NewRequest("PUT", "/b/k", strings.NewReader("hello")))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := body.Read(make([]byte, 2)); err != nil {
			t.Fatal(err)
		}
		ask(body)
		if _, err := io.ReadAll(body); !errors.Is(err, errStarted) {
			t.Errorf("%s after Read: %v", name, err)
		}
	}
}

func TestNoDigestBeforeEnd(t *testing.T) {
	body, err := NewBody(httptest.NewRequest("PUT", "/b/k", strings.NewReader("hello")))
	if err != nil {
		t.Fatal(err)
	}
	body.ComputeMD5()
	body.Compute(checksum.CRC32)
	body.Compute(checksum.None)
	if _, err := io.ReadFull(body, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if body.MD5() != nil || body.Checksum(checksum.CRC32) != nil {
		t.Error("a digest is given out before io.EOF")
	}
	if _, err := io.ReadAll(body); err != nil {
		t.Fatal(err)
	}
	if body.MD5() == nil || body.Checksum(checksum.CRC32) == nil || body.Checksum(checksum.SHA1) != nil {
		t.Error("the digests are not those that were asked for")
	}
}

func TestBodyOfOtherServices(t *testing.T) {
	s := &Signature{Scope: Scope{Service: "iam"}}
	s.HashPayload([]byte("Action=ListUsers"))
	for payload, want := range map[string]string{"Action=ListUsers": "<nil>", "Action=ListRoles": "XAmzContentSHA256Mismatch"} {
		body, err := s.Body(httptest.NewRequest("POST", "/", strings.NewReader(payload)), testSecret)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readAll(t, body); codeOf(err) != want {
			t.Errorf("%s: %v", payload, err)
		}
	}
}

func TestReadErrors(t *testing.T) {
	lost := errors.New("connection lost")
	for err, want := range map[error]string{
		os.ErrDeadlineExceeded: "RequestTimeout",
		io.ErrUnexpectedEOF:    "IncompleteBody",
		lost:                   "connection lost",
	} {
		r := httptest.NewRequest("PUT", "/b/k", iotest.ErrReader(err))
		r.ContentLength = 5
		body, openErr := NewBody(r)
		if openErr != nil {
			t.Fatal(openErr)
		}
		if _, got := readAll(t, body); codeOf(got) != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}

func FuzzChunks(f *testing.F) {
	data, err := os.ReadFile("testdata/unsigned-chunks.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if field := strings.Split(line, "|"); len(field) == 5 {
			wire, _ := strconv.Unquote(strings.TrimSpace(field[3]))
			length, _ := strconv.Atoi(strings.TrimSpace(field[1]))
			f.Add([]byte(wire), uint16(length), uint8(len(field[2])), false)
		}
	}
	f.Add([]byte("5;chunk-signature="+emptyHash+"\r\nhello\r\n"), uint16(5), uint8(0), true)
	f.Fuzz(func(t *testing.T, wire []byte, length uint16, trailer uint8, signed bool) {
		a := checksum.Algorithm(trailer % uint8(checksum.SHA256+1))
		var signer *chunkSigner
		if signed {
			signer = newChunkSigner(&Signature{Scope: Scope{Service: "s3"}}, "a secret")
		}
		b := &Body{payload: newChunked(bytes.NewReader(wire), int64(length), signer, true, a), length: int64(length)}
		b.digests.expectTrailer(a)
		payload, err := io.ReadAll(b)
		if len(payload) > int(length) || len(payload) > len(wire) {
			t.Errorf("%d bytes out of %d, where %d were announced", len(payload), len(wire), length)
		}
		if err == nil && (len(payload) != int(length) || signed) {
			t.Errorf("%d bytes of %d, signed %v, and no error", len(payload), length, signed)
		}
	})
}
