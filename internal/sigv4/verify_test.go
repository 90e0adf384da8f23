package sigv4

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keywright/keywright/internal/awserr"
)

const testSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

var (
	testTime   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	testSigner = Signer{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: testSecret, Region: "us-east-1", Service: "s3"}
)

// received returns the request as a server gets it.
func received(t interface{ Fatal(...any) }, r *http.Request) *http.Request {
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTamperedRequestsFail(t *testing.T) {
	tampered := 0
	check := func(v vector, what string, tamper func(*http.Request)) {
		t.Helper()
		tampered++
		r := v.read(t)
		tamper(r)
		if _, err := authenticate(r, v.fields["secret"], v.now(t)); err == nil {
			t.Errorf("%s: still verifies with another %s", v.name, what)
		}
	}
	for _, v := range authentic(t) {
		if _, err := authenticate(v.read(t), v.fields["secret"]+"x", v.now(t)); err == nil {
			t.Errorf("%s: verifies with another secret", v.name)
		}
		check(v, "method", func(r *http.Request) { r.Method = "DELETE" })
		check(v, "path", func(r *http.Request) { r.URL.Path += "x"; r.URL.RawPath = "" })
		check(v, "query", func(r *http.Request) { r.URL.RawQuery += "&x=" })
		check(v, "host", func(r *http.Request) { r.Host += "x" })
		check(v, "set of x-amz headers", func(r *http.Request) { r.Header.Set("X-Amz-Meta-New", "x") })
		s, err := Parse(v.read(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range s.SignedHeaders {
			if name != "host" {
				check(v, name, func(r *http.Request) {
					r.Header[http.CanonicalHeaderKey(name)] = []string{r.Header.Get(name) + "x"}
				})
				check(v, "presence of "+name, func(r *http.Request) { r.Header.Del(name) })
			}
		}
		if v.read(t).ContentLength > 0 && s.PayloadHash != UnsignedPayload {
			check(v, "payload", func(r *http.Request) {
				payload, _ := io.ReadAll(r.Body)
				payload[3] ^= 1
				r.Body = io.NopCloser(bytes.NewReader(payload))
			})
		}
	}
	if tampered < 800 {
		t.Errorf("only %d requests were tampered with", tampered)
	}
}

func TestTamperedQueryFails(t *testing.T) {
	for _, v := range authentic(t) {
		query, err := splitQuery(v.read(t).URL.RawQuery)
		if err != nil {
			t.Fatal(err)
		}
		for i := range query {
			r := v.read(t)
			r.URL.RawQuery = ""
			for j, p := range query {
				if i == j {
					p.value += "0"
				}
				addQuery(r, parameter{encode(p.name), p.value})
			}
			if _, err := authenticate(r, v.fields["secret"], v.now(t)); err == nil {
				t.Errorf("%s: still verifies with another %s", v.name, query[i].name)
			}
		}
	}
}

// What a client leaves unescaped, or escapes without need, does not matter.
func TestWireFormsOfPath(t *testing.T) {
	request := func(path string) *http.Request {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	signed := request("/b/%2A%27%28%29%21%2B%2C%3B%3D%3A%40%26%24~/..//x")
	testSigner.Sign(signed, emptyHash, testTime)
	for _, path := range []string{
		"/b/*'()!+,;=:@&$~/..//x",
		"/b/%2a%27%28%29%21%2b%2c%3b%3d%3a%40%26%24%7e/..//x",
		"/%62/*'()!+,;=:@&$~/..%2F/%78",
	} {
		r := request(path)
		r.Header = signed.Header
		if _, err := authenticate(r, testSecret, testTime); err != nil {
			t.Errorf("%s: %v\n%s", path, err, field(err, "CanonicalRequest"))
		}
	}
	for _, path := range []string{"/b/x", "/b/*'()! ,;=:@&$~/..//x", "//b/*'()!+,;=:@&$~/..//x"} {
		r := request(strings.ReplaceAll(path, " ", "%20"))
		r.Header = signed.Header
		if _, err := authenticate(r, testSecret, testTime); err == nil {
			t.Errorf("%s has the signature of another path", path)
		}
	}
}

func TestHeaderValue(t *testing.T) {
	r := httptest.NewRequest("PUT", "http://example.com:8080/", strings.NewReader("12345"))
	r.Header["X-Many"] = []string{" a ", "b  c", ""}
	r.Header["X-Space"] = []string{"\t a \t b  c "}
	r.TransferEncoding = []string{"chunked"}
	for name, want := range map[string]string{
		"host":              "example.com:8080",
		"content-length":    "5",
		"transfer-encoding": "chunked",
		"x-many":            "a,b c,",
		"x-space":           "a b c",
		"x-absent":          "",
	} {
		if got := headerValue(r, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	r.ContentLength = -1
	if got := headerValue(r, "content-length"); got != "" {
		t.Errorf("an unknown length is signed as %q", got)
	}
}

func TestValidity(t *testing.T) {
	const (
		header = iota
		presigned
	)
	for _, c := range []struct {
		service string
		kind    int
		age     time.Duration
		code    string
		message string
		fields  map[string]string
	}{
		{"s3", header, 15 * time.Minute, "", "", nil},
		{"s3", header, -15 * time.Minute, "", "", nil},
		{"s3", header, 15*time.Minute + time.Second, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", map[string]string{
			"RequestTime": "20260301T120000Z", "ServerTime": "2026-03-01T12:15:01Z", "MaxAllowedSkewMilliseconds": "900000"}},
		{"s3", header, -15*time.Minute - time.Second, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", nil},
		{"s3", presigned, time.Hour, "", "", nil},
		{"s3", presigned, -15 * time.Minute, "", "", nil},
		{"s3", presigned, time.Hour + time.Second, "AccessDenied", "Request has expired", map[string]string{
			"X-Amz-Expires": "3600", "Expires": "2026-03-01T13:00:00Z", "ServerTime": "2026-03-01T13:00:01Z"}},
		{"s3", presigned, -15*time.Minute - time.Second, "AccessDenied", "Request is not yet valid", map[string]string{
			"ServerTime": "2026-03-01T11:44:59Z"}},
		{"sts", header, 15 * time.Minute, "", "", nil},
		{"sts", header, 16 * time.Minute, "SignatureDoesNotMatch", "Signature expired: 20260301T120000Z is now earlier than 20260301T120100Z (20260301T121600Z - 15 min.)", nil},
		{"sts", header, -16 * time.Minute, "SignatureDoesNotMatch", "Signature not yet current: 20260301T120000Z is still later than 20260301T115900Z (20260301T114400Z + 15 min.)", nil},
		{"sts", presigned, time.Hour, "", "", nil},
		{"sts", presigned, time.Hour + time.Second, "SignatureDoesNotMatch", "Signature expired: 20260301T120000Z is now earlier than 20260301T120001Z (20260301T130001Z - 60 min.)", nil},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		signer := testSigner
		signer.Service = c.service
		if c.kind == presigned {
			signer.Presign(r, testTime, time.Hour)
		} else {
			signer.Sign(r, emptyHash, testTime)
		}
		_, err := authenticate(r, testSecret, testTime.Add(c.age))
		if c.code == "" {
			if err != nil {
				t.Errorf("%s %v: %v", c.service, c.age, err)
			}
			continue
		}
		got := awserr.From(err)
		if err == nil || got.Code != c.code || got.Message != c.message {
			t.Errorf("%s %v: %v, want %s: %s", c.service, c.age, err, c.code, c.message)
			continue
		}
		for name, want := range c.fields {
			if value := field(err, name); value != want {
				t.Errorf("%s %v: %s is %q, want %q", c.service, c.age, name, value, want)
			}
		}
	}
}

// A presigned URL of another service may leave its validity open.
func TestPresignedWithoutExpiry(t *testing.T) {
	r := httptest.NewRequest("GET", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A/20260301/us-east-1/sts/aws4_request&X-Amz-Date=20260301T120000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=x", nil)
	if s, err := Parse(r); err != nil || s.Expires != MaxSkew {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestHeadersNotSigned(t *testing.T) {
	const hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	s := func(content string, presigned bool, signed ...string) *Signature {
		return &Signature{Scope: Scope{Service: "s3"}, Presigned: presigned, SignedHeaders: signed, content: content}
	}
	for _, c := range []struct {
		s       *Signature
		headers []string
		want    string
	}{
		{s(UnsignedPayload, false, "host"), nil, ""},
		{s(UnsignedPayload, false, "x-amz-date"), nil, "host"},
		{s(UnsignedPayload, false, "host"), []string{"Content-Type", "Range"}, ""},
		{s(UnsignedPayload, false, "host", "x-amz-acl"), []string{"X-Amz-Acl"}, ""},
		{s(UnsignedPayload, false, "host"), []string{"X-Amz-Tagging", "x-amz-odd", "X-Amz-Acl"}, "x-amz-acl, x-amz-odd, x-amz-tagging"},
		{s(hash, false, "host"), []string{"X-Amz-Content-Sha256"}, "x-amz-content-sha256"},
		{s(hash, true, "host"), []string{"X-Amz-Content-Sha256"}, ""},
		{s(StreamingUnsignedTrailer, true, "host"), []string{"X-Amz-Content-Sha256"}, "x-amz-content-sha256"},
		{s(UnsignedPayload, true, "host"), []string{"X-Amz-Security-Token"}, "x-amz-security-token"},
	} {
		header := http.Header{}
		for _, name := range c.headers {
			header[name] = []string{"value"}
		}
		err := c.s.checkSignedHeaders(header)
		if c.want == "" && err != nil || c.want != "" && (err == nil || field(err, "HeadersNotSigned") != c.want || awserr.From(err).Code != "AccessDenied") {
			t.Errorf("%v with %v: %v, want %q", c.s.SignedHeaders, c.headers, err, c.want)
		}
	}
}

func TestSignatureDoesNotMatch(t *testing.T) {
	r := httptest.NewRequest("GET", "http://h/b/k?b=1&a=2", nil)
	testSigner.Sign(r, UnsignedPayload, testTime)
	_, err := authenticate(r, "another", testTime)
	canonical := "GET\n/b/k\na=2&b=1\nhost:h\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:20260301T120000Z\n\nhost;x-amz-content-sha256;x-amz-date\nUNSIGNED-PAYLOAD"
	for name, want := range map[string]string{
		"AWSAccessKeyId":        "AKIAIOSFODNN7EXAMPLE",
		"CanonicalRequest":      canonical,
		"CanonicalRequestBytes": spaced(canonical),
		"StringToSignBytes":     spaced(field(err, "StringToSign")),
		"SignatureProvided":     r.Header.Get("Authorization")[len(r.Header.Get("Authorization"))-64:],
	} {
		if got := field(err, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := field(err, "StringToSign"); !strings.HasPrefix(got, "AWS4-HMAC-SHA256\n20260301T120000Z\n20260301/us-east-1/s3/aws4_request\n") {
		t.Errorf("StringToSign is %q", got)
	}
	if spaced("GET\n") != "47 45 54 0a" {
		t.Errorf("bytes are written %q", spaced("GET\n"))
	}
}

func TestCheckRegion(t *testing.T) {
	s := &Signature{Scope: Scope{Region: "aws-global", Service: "s3"}}
	if err := s.CheckRegion("aws-global"); err != nil {
		t.Error(err)
	}
	for presigned, want := range map[bool]string{
		false: "AuthorizationHeaderMalformed: The authorization header is malformed; the region 'aws-global' is wrong; expecting 'eu-west-1'",
		true:  "AuthorizationQueryParametersError: Error parsing the X-Amz-Credential parameter; the region 'aws-global' is wrong; expecting 'eu-west-1'",
	} {
		s.Presigned = presigned
		if err := s.CheckRegion("eu-west-1"); err == nil || err.Error() != want || field(err, "Region") != "eu-west-1" {
			t.Errorf("%v", err)
		}
	}
	s.Service = "iam"
	if err := s.CheckRegion("eu-west-1"); err == nil || awserr.From(err).Code != "SignatureDoesNotMatch" {
		t.Error(err)
	}
}

func TestVerifyNeedsPayloadHash(t *testing.T) {
	r := httptest.NewRequest("POST", "/", strings.NewReader("Action=ListUsers"))
	signer := testSigner
	signer.Service = "iam"
	signer.Sign(r, emptyHash, testTime)
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(r, testSecret, testTime); awserr.From(err).Code != "InternalError" {
		t.Errorf("a body that nobody hashed: %v", err)
	}
}

// The signer agrees with botocore about the same headers.
func TestSignerAgainstVectors(t *testing.T) {
	signed := 0
	for _, v := range authentic(t) {
		r := v.read(t)
		want, err := Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if want.Presigned || len(want.SignedHeaders) != len(r.Header) { // Authorization is not signed, the host is
			continue
		}
		signed++
		if want.PayloadHash == "" {
			payload, _ := io.ReadAll(r.Body)
			want.HashPayload(payload)
		}
		signer := Signer{want.AccessKeyID, v.fields["secret"], want.SessionToken, want.Region, want.Service}
		r.Header.Del("Authorization")
		signer.Sign(r, want.PayloadHash, want.Time)
		got, err := Parse(r)
		if err != nil || got.Signature != want.Signature {
			t.Errorf("%s: %v, %v", v.name, r.Header["Authorization"], err)
		}
	}
	if signed < 60 {
		t.Errorf("only %d requests were signed", signed)
	}
}

func TestSignedRequestsVerify(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		signer := testSigner
		signer.SessionToken = rapid.SampledFrom([]string{"", "token/+=="}).Draw(t, "token")
		r := httptest.NewRequest("GET", "http://h:9000/", nil)
		r.URL.Path = "/b/" + rapid.String().Draw(t, "key")
		query := url.Values{}
		for _, name := range rapid.SliceOfN(rapid.String(), 0, 4).Draw(t, "query") {
			query.Add(name, rapid.String().Draw(t, "value"))
		}
		query.Del("AWSAccessKeyId")
		query.Del("Signature")
		r.URL.RawQuery = query.Encode()
		r.RequestURI = ""
		r.Header.Set("X-Amz-Meta-A", rapid.StringMatching(`[ -~\t]*`).Draw(t, "header"))
		if rapid.Bool().Draw(t, "presigned") {
			signer.Presign(r, testTime, time.Hour)
		} else {
			signer.Sign(r, emptyHash, testTime)
		}
		if _, err := authenticate(received(t, r), testSecret, testTime); err != nil {
			t.Fatalf("%v\n%s", err, field(err, "CanonicalRequest"))
		}
	})
}
