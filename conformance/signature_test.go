package conformance

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/keywright/keywright/conformance/harness"
)

// refused sends a raw request that must end with this status and code.
func refused(t testing.TB, s *harness.Server, what string, r harness.Raw, status int, code string) *harness.Reply {
	t.Helper()
	reply := raw(t, s, r)
	if reply.Status != status || code != "" && reply.Error.Code != code {
		t.Errorf("%s: %d %s\nwant %d %s", what, reply.Status, reply.Body, status, code)
	}
	return reply
}

// accepted sends a raw request that must succeed.
func accepted(t testing.TB, s *harness.Server, what string, r harness.Raw) *harness.Reply {
	t.Helper()
	reply := raw(t, s, r)
	if reply.Status >= 300 {
		t.Errorf("%s: %d %s", what, reply.Status, reply.Body)
	}
	return reply
}

// TestSignatureRefused shows that only the right signature of an active key at
// the right time counts, and what the client is told otherwise.
func TestSignatureRefused(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	put(t, s.S3(s.Root), bucket, "key", "value")
	get := harness.Raw{Method: "GET", URI: "/" + bucket + "/key?x-id=GetObject", Credentials: s.Root}
	with := func(change func(*harness.Raw)) harness.Raw {
		r := get
		change(&r)
		return r
	}
	accepted(t, s, "as it should be", get)

	wrong := s.Root
	wrong.SecretAccessKey = strings.Repeat("x", 40)
	reply := refused(t, s, "wrong secret", with(func(r *harness.Raw) { r.Credentials = wrong }), 403, "SignatureDoesNotMatch")
	for name, value := range map[string]string{
		"CanonicalRequest":  reply.Error.CanonicalRequest,
		"StringToSign":      reply.Error.StringToSign,
		"AWSAccessKeyId":    reply.Error.AWSAccessKeyId,
		"SignatureProvided": reply.Error.SignatureProvided,
		"RequestId":         reply.Error.RequestId,
	} {
		if value == "" {
			t.Errorf("the answer has no %s\n%s", name, reply.Body)
		}
	}
	contains(t, reply.Error.CanonicalRequest, "GET\n/"+bucket+"/key\nx-id=GetObject\n", "host:"+s.Addr())
	contains(t, reply.Error.StringToSign, "AWS4-HMAC-SHA256\n", "/"+harness.Region+"/s3/aws4_request")
	ran(t, "client signature")

	unknown := s.Root
	unknown.AccessKeyID = "AKIAIOSFODNN7EXAMPLE"
	refused(t, s, "unknown key", with(func(r *harness.Raw) { r.Credentials = unknown }), 403, "InvalidAccessKeyId")
	reply = refused(t, s, "wrong region", with(func(r *harness.Raw) { r.Region = "eu-central-1" }), 400, "AuthorizationHeaderMalformed")
	contains(t, reply.Error.Message, "the region 'eu-central-1' is wrong; expecting 'us-east-1'")
	if reply.Error.Region != harness.Region {
		t.Errorf("the answer names the region %q", reply.Error.Region)
	}
	ran(t, "client signature")

	now := time.Now()
	for offset, code := range map[time.Duration]string{
		-16 * time.Minute: "RequestTimeTooSkewed", 16 * time.Minute: "RequestTimeTooSkewed",
		-24 * time.Hour: "RequestTimeTooSkewed", 24 * time.Hour: "RequestTimeTooSkewed",
		-14 * time.Minute: "", 14 * time.Minute: "",
	} {
		r := with(func(r *harness.Raw) { r.Time = now.Add(offset) })
		if code == "" {
			accepted(t, s, offset.String(), r)
		} else {
			refused(t, s, offset.String(), r, 403, code)
		}
		ran(t, "client clock")
	}

	for name, header := range map[string]string{
		"no scope":       "AWS4-HMAC-SHA256 Credential=" + s.Root.AccessKeyID + ", SignedHeaders=host, Signature=00",
		"other scheme":   "AWS4-HMAC-SHA512 Credential=a/b/c/d/e, SignedHeaders=host, Signature=00",
		"nothing":        "AWS4-HMAC-SHA256",
		"garbage":        "AWS4-HMAC-SHA256 \x80\xff",
		"basic":          "Basic dXNlcjpwYXNz",
		"version 2":      "AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=",
		"twice the same": "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, Credential=a/b/c/d/e, Signature=00",
	} {
		r := harness.Raw{Method: "GET", URI: "/" + bucket + "/key", Header: http.Header{"Authorization": {header}}}
		if reply := raw(t, s, r); reply.Status != 400 && reply.Status != 403 || reply.Error.Code == "" || reply.Error.Code == "AccessDenied" {
			t.Errorf("%s: %d %s", name, reply.Status, reply.Body)
		}
		ran(t, "client signature")
	}
	refused(t, s, "unsigned", harness.Raw{Method: "GET", URI: "/" + bucket + "/key"}, 403, "AccessDenied")
}

// TestSignatureCovers changes a signed request on its way.
func TestSignatureCovers(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	put(t, s.S3(s.Root), bucket, "key", "value")
	put(t, s.S3(s.Root), bucket, "other", "secret")
	original := harness.Raw{
		Method: "PUT", URI: "/" + bucket + "/key?x-id=PutObject", Body: []byte("body"), Credentials: s.Root,
		Header: http.Header{"X-Amz-Meta-Colour": {"red"}, "Content-Type": {"text/plain"}},
	}
	for name, change := range map[string]func(*http.Request){
		"method":        func(r *http.Request) { r.Method = "DELETE" },
		"path":          func(r *http.Request) { r.URL.Opaque = strings.Replace(r.URL.Opaque, "/key", "/other", 1) },
		"query":         func(r *http.Request) { r.URL.RawQuery = "x-id=PutObject&acl" },
		"no query":      func(r *http.Request) { r.URL.RawQuery = "" },
		"signed header": func(r *http.Request) { r.Header.Set("X-Amz-Meta-Colour", "blue") },
		"host":          func(r *http.Request) { r.Host = "localhost" },
		"date": func(r *http.Request) {
			r.Header.Set("X-Amz-Date", time.Now().Add(time.Minute).UTC().Format("20060102T150405Z"))
		},
		"payload hash":     func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", harness.Unsigned) },
		"unsigned x-amz-":  func(r *http.Request) { r.Header.Set("X-Amz-Meta-More", "1") },
		"session token":    func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "token") },
		"signature's case": func(r *http.Request) { r.Header.Set("Authorization", upperSignature(r.Header.Get("Authorization"))) },
		"body": func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader("hack"))
			r.GetBody = nil
		},
	} {
		request, err := s.Request(t.Context(), original)
		must(t)(err)
		change(request)
		reply, err := harness.Send(s.HTTP(), request)
		must(t)(err)
		if reply.Status != 403 && reply.Status != 400 {
			t.Errorf("%s changed: %d %s", name, reply.Status, reply.Body)
		}
		ran(t, "client signature")
	}
	c := &caller{bucket: bucket, client: s.S3(s.Root)}
	for _, r := range inline(t, `client | - | ListObjectsV2 | allow key other`) {
		c.check(t, r)
	}
	out, err := c.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("key")})
	must(t)(err)
	if body, _ := io.ReadAll(out.Body); string(body) != "value" {
		t.Errorf("a changed request stored %q", body)
	}
}

func upperSignature(authorization string) string {
	at := strings.LastIndex(authorization, "=")
	return authorization[:at] + strings.ToUpper(authorization[at:])
}

// TestInactiveKey switches a key off and on.
func TestInactiveKey(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	creds := newUser(t, s, "switched", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}`)
	client := s.S3(creds)
	set := func(status iamtypes.StatusType) {
		t.Helper()
		_, err := s.IAM(s.Root).UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: aws.String("switched"), AccessKeyId: &creds.AccessKeyID, Status: status})
		must(t)(err)
	}
	for range 3 {
		if _, err := client.ListBuckets(t.Context(), &s3.ListBucketsInput{}); err != nil {
			t.Fatal(err)
		}
		set(iamtypes.StatusTypeInactive)
		_, err := client.ListBuckets(t.Context(), &s3.ListBucketsInput{})
		if err == nil {
			t.Fatal("an inactive key was accepted")
		}
		if status, code, _ := answer(err); status != 403 || code != "InvalidAccessKeyId" {
			t.Errorf("an inactive key: %d %s", status, code)
		}
		set(iamtypes.StatusTypeActive)
		ran(t, "client inactive key")
	}
}

// presigned returns a URL signed at a time of one's choice.
func presigned(t testing.TB, s *harness.Server, method, uri string, at time.Time, expires string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, s.Endpoint+uri, nil)
	must(t)(err)
	query := request.URL.Query()
	query.Set("X-Amz-Expires", expires)
	request.URL.RawQuery = query.Encode()
	signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), s.Root, request, harness.Unsigned, "s3", harness.Region, at,
		func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	must(t)(err)
	return signed
}

// fetch gets a URL without credentials.
func fetch(t testing.TB, s *harness.Server, method, target, body string) *harness.Reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	must(t)(err)
	reply, err := harness.Send(s.HTTP(), request)
	must(t)(err)
	return reply
}

// TestPresigned uses URLs that the SDK signed, and changes them.
func TestPresigned(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	client := s.S3(s.Root)
	put(t, client, bucket, "key", "value")
	put(t, client, bucket, "other", "secret")
	signer := s3.NewPresignClient(client, func(o *s3.PresignOptions) {
		o.ClientOptions = append(o.ClientOptions, func(o *s3.Options) { o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired })
	})

	get, err := signer.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("key")}, s3.WithPresignExpires(time.Minute))
	must(t)(err)
	if reply := fetch(t, s, "GET", get.URL, ""); reply.Status != 200 || string(reply.Body) != "value" {
		t.Errorf("presigned GET: %d %s", reply.Status, reply.Body)
	}
	ran(t, "client presign")
	upload, err := signer.PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("up +?&/ä"), ContentType: aws.String("text/plain")}, s3.WithPresignExpires(time.Minute))
	must(t)(err)
	request, err := http.NewRequestWithContext(t.Context(), upload.Method, upload.URL, strings.NewReader("uploaded"))
	must(t)(err)
	for name, values := range upload.SignedHeader {
		request.Header[name] = values
	}
	reply, err := harness.Send(s.HTTP(), request)
	must(t)(err)
	if reply.Status != 200 {
		t.Errorf("presigned PUT: %d %s", reply.Status, reply.Body)
	}
	head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: aws.String("up +?&/ä")})
	must(t)(err)
	if aws.ToInt64(head.ContentLength) != 8 || aws.ToString(head.ContentType) != "text/plain" {
		t.Errorf("presigned PUT stored %d bytes of %s", aws.ToInt64(head.ContentLength), aws.ToString(head.ContentType))
	}
	ran(t, "client presign")

	for name, change := range map[string]func(*url.URL, url.Values){
		"path":   func(u *url.URL, _ url.Values) { u.Path = "/" + bucket + "/other" },
		"expiry": func(_ *url.URL, q url.Values) { q.Set("X-Amz-Expires", "604800") },
		"date": func(_ *url.URL, q url.Values) {
			q.Set("X-Amz-Date", time.Now().Add(time.Minute).UTC().Format("20060102T150405Z"))
		},
		"signature":         func(_ *url.URL, q url.Values) { q.Set("X-Amz-Signature", strings.Repeat("0", 64)) },
		"another parameter": func(_ *url.URL, q url.Values) { q.Set("response-content-type", "text/html") },
		"token":             func(_ *url.URL, q url.Values) { q.Set("X-Amz-Security-Token", "token") },
		"key id": func(_ *url.URL, q url.Values) {
			q.Set("X-Amz-Credential", strings.Replace(q.Get("X-Amz-Credential"), "AKIA", "AKIB", 1))
		},
		"region": func(_ *url.URL, q url.Values) {
			q.Set("X-Amz-Credential", strings.Replace(q.Get("X-Amz-Credential"), "us-east-1", "eu-west-1", 1))
		},
		"no signature":      func(_ *url.URL, q url.Values) { q.Del("X-Amz-Signature") },
		"no date":           func(_ *url.URL, q url.Values) { q.Del("X-Amz-Date") },
		"no expiry":         func(_ *url.URL, q url.Values) { q.Del("X-Amz-Expires") },
		"no signed headers": func(_ *url.URL, q url.Values) { q.Del("X-Amz-SignedHeaders") },
	} {
		u, err := url.Parse(get.URL)
		must(t)(err)
		query := u.Query()
		change(u, query)
		u.RawQuery = query.Encode()
		if reply := fetch(t, s, "GET", u.String(), ""); reply.Status != 403 && reply.Status != 400 {
			t.Errorf("%s changed: %d %s", name, reply.Status, reply.Body)
		}
		ran(t, "client presign")
	}
	for _, method := range []string{"PUT", "DELETE", "HEAD"} {
		if reply := fetch(t, s, method, get.URL, "x"); reply.Status != 403 {
			t.Errorf("a URL for GET used for %s: %d", method, reply.Status)
		}
		ran(t, "client presign")
	}
}

// TestPresignedTimes uses URLs too late, too early, and with impossible expiry.
func TestPresignedTimes(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	put(t, s.S3(s.Root), bucket, "key", "value")
	now := time.Now()
	for _, c := range []struct {
		name    string
		at      time.Time
		expires string
		status  int
		code    string
		message string
	}{
		{"just signed", now, "60", 200, "", ""},
		{"seven days", now.Add(-6 * 24 * time.Hour), "604800", 200, "", ""},
		{"a fast clock", now.Add(10 * time.Minute), "60", 200, "", ""},
		{"expired", now.Add(-time.Hour), "3599", 403, "AccessDenied", "Request has expired"},
		{"expired by a second", now.Add(-62 * time.Second), "60", 403, "AccessDenied", "Request has expired"},
		{"not yet valid", now.Add(time.Hour), "60", 403, "", ""},
		{"over seven days", now, "604801", 400, "AuthorizationQueryParametersError", ""},
		{"no time at all", now, "0", 400, "AuthorizationQueryParametersError", ""},
		{"negative", now, "-1", 400, "AuthorizationQueryParametersError", ""},
		{"no number", now, "soon", 400, "AuthorizationQueryParametersError", ""},
		{"beyond numbers", now, "99999999999999999999", 400, "AuthorizationQueryParametersError", ""},
	} {
		reply := fetch(t, s, "GET", presigned(t, s, "GET", "/"+bucket+"/key", c.at, c.expires), "")
		if reply.Status != c.status || c.code != "" && reply.Error.Code != c.code || !strings.Contains(reply.Error.Message, c.message) {
			t.Errorf("%s: %d %s\nwant %d %s %s", c.name, reply.Status, reply.Body, c.status, c.code, c.message)
		}
		ran(t, "client presign")
	}
}

// chunked is the put of a body in signed or unsigned chunks.
func chunked(t testing.TB, s *harness.Server, uri, payload string, body []byte, size int, trailer string, spoil func([]byte) []byte) *harness.Reply {
	t.Helper()
	at := time.Now()
	c := harness.Chunks{Body: body, Size: size, Trailer: trailer, Credentials: s.Root, Time: at}
	if payload != harness.StreamingUnsignedTrailer {
		c.Seed = strings.Repeat("0", 64) // as long as the real one
	}
	r := harness.Raw{
		Method: "PUT", URI: uri, Payload: payload, Credentials: s.Root, Time: at,
		Header: http.Header{"Content-Encoding": {"aws-chunked"}, "X-Amz-Decoded-Content-Length": {fmt.Sprint(len(body))}},
		Stream: strings.NewReader(""), Length: int64(len(c.Encode())),
	}
	if name, _, ok := strings.Cut(trailer, ":"); ok {
		r.Header["X-Amz-Trailer"] = []string{name}
	}
	request, err := s.Request(t.Context(), r)
	must(t)(err)
	if c.Seed != "" {
		_, c.Seed, _ = strings.Cut(request.Header.Get("Authorization"), "Signature=")
	}
	encoded := c.Encode()
	if spoil != nil {
		encoded = spoil(encoded)
		request.ContentLength = int64(len(encoded))
	}
	request.Body, request.GetBody = io.NopCloser(bytes.NewReader(encoded)), nil
	reply, err := harness.Send(s.HTTP(), request)
	must(t)(err)
	return reply
}

func crc32Trailer(body []byte) string {
	return "x-amz-checksum-crc32:" + base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body)))
}

// TestStreaming puts bodies in chunks over plain HTTP, right and wrong; what is
// wrong leaves no trace.
func TestStreaming(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	body := make([]byte, 200_000)
	io.ReadFull(harness.Content("chunks", int64(len(body))), body)
	payloads := map[string]string{
		harness.StreamingSigned:          "",
		harness.StreamingSignedTrailer:   crc32Trailer(body),
		harness.StreamingUnsignedTrailer: crc32Trailer(body),
	}
	for payload, trailer := range payloads {
		for _, size := range []int{8 << 10, 64 << 10, len(body)} {
			key := fmt.Sprintf("%s-%d", payload, size)
			if reply := chunked(t, s, "/"+bucket+"/"+key, payload, body, size, trailer, nil); reply.Status != 200 {
				t.Errorf("%s: %d %s", key, reply.Status, reply.Body)
				continue
			}
			out, err := s.S3(s.Root).GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
			must(t)(err)
			must(t)(harness.SameContent(out.Body, bytes.NewReader(body)))
			if e := aws.ToString(out.ContentEncoding); e != "" {
				t.Errorf("%s: kept the content encoding %q", key, e)
			}
			ran(t, "client streaming")
		}
		if reply := chunked(t, s, "/"+bucket+"/"+payload+"-empty", payload, nil, 8<<10, strings.Replace(trailer, crc32Trailer(body), crc32Trailer(nil), 1), nil); reply.Status != 200 {
			t.Errorf("%s of nothing: %d %s", payload, reply.Status, reply.Body)
		}
		ran(t, "client streaming")
	}

	before := keys(t, s, bucket)
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte {
			b[(at+len(b))%len(b)] ^= 1
			return b
		}
	}
	for payload, trailer := range payloads {
		spoiled := map[string]func([]byte) []byte{
			"cut":              func(b []byte) []byte { return b[:len(b)/2] },
			"no last chunk":    func(b []byte) []byte { return b[:len(body)] },
			"no size":          func(b []byte) []byte { return append([]byte("zz"), b[2:]...) },
			"a size too large": func(b []byte) []byte { return append([]byte("fffffffffffffffff"), b...) },
			"no chunks":        func([]byte) []byte { return body },
		}
		if payload != harness.StreamingUnsignedTrailer {
			spoiled["a bit of the data"] = flip(100_000)
			spoiled["a bit of a signature"] = flip(30)
		}
		if trailer != "" {
			spoiled["the checksum"] = func(b []byte) []byte {
				return bytes.Replace(b, []byte(trailer), []byte(crc32Trailer(nil)), 1)
			}
			spoiled["another trailer"] = func(b []byte) []byte {
				return bytes.Replace(b, []byte("x-amz-checksum-crc32:"), []byte("x-amz-checksum-sha99:"), 1)
			}
		}
		for name, spoil := range spoiled {
			if reply := chunked(t, s, "/"+bucket+"/spoiled", payload, body, 64<<10, trailer, spoil); reply.Status < 400 || reply.Status >= 500 || reply.Error.Code == "" {
				t.Errorf("%s, spoiled %s: %d %s", payload, name, reply.Status, reply.Body)
			}
			ran(t, "input streaming")
		}
	}
	if after := keys(t, s, bucket); after != before {
		t.Errorf("spoiled bodies left a trace: before %s, after %s", before, after)
	}
}

// keys lists a bucket's keys, and its uploads in progress, in one line.
func keys(t testing.TB, s *harness.Server, bucket string) string {
	t.Helper()
	client := s.S3(s.Root)
	out, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	must(t)(err)
	uploads, err := client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	must(t)(err)
	return fmt.Sprintf("%q and %d uploads", listed(out.Contents, nil), len(uploads.Uploads))
}
