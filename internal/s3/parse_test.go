package s3

import (
	"bytes"
	"crypto/md5"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/proxy"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/sigv4"
	"github.com/keywright/keywright/policy/condition"
)

func TestRange(t *testing.T) {
	for _, c := range []struct {
		header         string
		size           int64
		offset, length int64
		want           string // "" is a range, "whole" an ignored header, "416"
	}{
		{"bytes=0-0", 10, 0, 1, ""},
		{"bytes=2-4", 10, 2, 3, ""},
		{"bytes=9-", 10, 9, 1, ""},
		{"bytes=0-99", 10, 0, 10, ""},
		{"bytes=5-99999999999999999999", 10, 5, 5, ""},
		{"bytes=-3", 10, 7, 3, ""},
		{"bytes=-99", 10, 0, 10, ""},
		{"bytes=-99999999999999999999", 10, 0, 10, ""},
		{"bytes=10-", 10, 0, 0, "416"},
		{"bytes=99999999999999999999-", 10, 0, 0, "416"},
		{"bytes=-0", 10, 0, 0, "416"},
		{"bytes=0-", 0, 0, 0, "416"},
		{"bytes=-1", 0, 0, 0, "416"},
		{"bytes=4-2", 10, 0, 10, "whole"},
		{"Bytes=1-2", 10, 0, 10, "whole"},
		{"bytes=", 10, 0, 10, "whole"},
		{"bytes=-", 10, 0, 10, "whole"},
		{"bytes=a-b", 10, 0, 10, "whole"},
		{"bytes=1-2,4-5", 10, 0, 10, "whole"},
		{"bytes=+1-2", 10, 0, 10, "whole"},
		{"bytes=--2", 10, 0, 10, "whole"},
		{"items=0-1", 10, 0, 10, "whole"},
		{"", 10, 0, 10, "whole"},
	} {
		e, err := extentOf(http.Header{"Range": {c.header}}, 0, objects.Info{Size: c.size})
		got := ""
		switch {
		case err != nil:
			got = "416"
			if awserr.From(err).Code != "InvalidRange" {
				t.Errorf("%q: %v", c.header, err)
			}
		case !e.partial:
			got = "whole"
		}
		if got != c.want || err == nil && (e.offset != c.offset || e.length != c.length) {
			t.Errorf("%q of %d: %q %+v, want %q %d+%d", c.header, c.size, got, e, c.want, c.offset, c.length)
		}
	}
}

func FuzzRange(f *testing.F) {
	f.Add("bytes=0-1", int64(10))
	f.Add("bytes=-5", int64(3))
	f.Add("bytes=9223372036854775807-", int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		r, ok := parseRange(header)
		if !ok || size < 0 {
			return
		}
		offset, length, ok := r.within(size)
		if ok && (offset < 0 || length < 1 || offset > size-length) {
			t.Fatalf("%q of %d is %d+%d", header, size, offset, length)
		}
	})
}

func TestCopySource(t *testing.T) {
	for _, c := range []struct{ header, bucket, key, version, code string }{
		{"bucket/key", "bucket", "key", "", ""},
		{"/bucket/key", "bucket", "key", "", ""},
		{"bucket%2Fkey", "bucket", "key", "", ""},
		{"%2Fbucket/a%20b", "bucket", "a b", "", ""},
		{"bucket/a+b", "bucket", "a+b", "", ""},
		{"bucket//key", "bucket", "/key", "", ""},
		{"bucket/../key", "bucket", "../key", "", ""},
		{"bucket/a%3FversionId=x", "bucket", "a?versionId=x", "", ""},
		{"bucket/key?versionId=null", "bucket", "key", "null", ""},
		{"bucket/key?other", "bucket", "key?other", "", ""},
		{"bucket/key?versionId=", "", "", "", "InvalidArgument"},
		{"bucket/key?versionId=x", "", "", "", "InvalidArgument"},
		{"bucket", "", "", "", "InvalidArgument"},
		{"bucket/", "", "", "", "InvalidArgument"},
		{"/", "", "", "", "InvalidArgument"},
		{"//key", "", "", "", "InvalidArgument"},
		{"", "", "", "", "InvalidArgument"},
		{"bucket/%", "", "", "", "InvalidArgument"},
		{"bucket/%FF", "", "", "", "InvalidArgument"},
		{"bucket/" + strings.Repeat("k", 1025), "", "", "", "KeyTooLongError"},
		{"arn:aws:s3:::bucket/key", "", "", "", "NotImplemented"},
	} {
		s, err := parseSource(withHeader("X-Amz-Copy-Source", c.header))
		code := ""
		if err != nil {
			code = awserr.From(err).Code
		}
		if code != c.code || code == "" && (s.bucketName != c.bucket || s.key != c.key || s.version.id != c.version) {
			t.Errorf("%q: %q %q %q %v", c.header, s.bucketName, s.key, s.version.id, err)
		}
	}
}

// withHeader returns a request with headers, each a name and its value, that
// came over TLS.
func withHeader(headers ...string) *service.Request {
	r := &service.Request{HTTP: &http.Request{Header: http.Header{}}, Client: proxy.Client{Secure: true}}
	for i := 0; i < len(headers); i += 2 {
		r.HTTP.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func FuzzEncryptionContext(f *testing.F) {
	for _, text := range []string{`{}`, `{"a":"b","c":"\u00e9"}`, `{"a":1}`, `{"a":"b"}x`, `{"a":"1","a":"2"}`, `[]`, `{"aws:s3:arn":"x"}`} {
		f.Add(base64.StdEncoding.EncodeToString([]byte(text)))
	}
	f.Fuzz(func(t *testing.T, header string) {
		got, err := parseEncryptionContext(header)
		if err != nil {
			if awserr.From(err).Status != http.StatusBadRequest {
				t.Fatal(err)
			}
			return
		}
		data, _ := base64.StdEncoding.DecodeString(header)
		want := map[string]string{}
		if err := json.Unmarshal(data, &want); err != nil || !maps.Equal(got, want) {
			t.Fatalf("%q is read as %q, not %q: %v", data, got, want, err)
		}
		if _, own := got[contextARN]; own {
			t.Fatal("a client says what S3 binds")
		}
	})
}

func FuzzCustomerKey(f *testing.F) {
	key := strings.Repeat("k", 32)
	sum := md5.Sum([]byte(key))
	f.Add("AES256", base64.StdEncoding.EncodeToString([]byte(key)), base64.StdEncoding.EncodeToString(sum[:]))
	f.Add("", "AAAA", "")
	f.Add("aws:kms", "\n", "====")
	f.Fuzz(func(t *testing.T, algorithm, key, sum string) {
		k, err := parseCustomerKey(withHeader(headerCustomer+"algorithm", algorithm, headerCustomer+"key", key, headerCustomer+"key-MD5", sum), headerCustomer)
		if err != nil {
			e := awserr.From(err)
			if e.Status != http.StatusBadRequest || len(key) > 8 && !strings.Contains(algorithm, key) && strings.Contains(err.Error()+fmt.Sprint(e.Fields), key) {
				t.Fatalf("%v %v", err, e.Fields)
			}
			return
		}
		raw, _ := base64.StdEncoding.DecodeString(key)
		digest := md5.Sum(raw)
		if k == nil || algorithm != "AES256" || len(raw) != 32 || sum != base64.StdEncoding.EncodeToString(digest[:]) {
			t.Fatalf("%q %q %q are taken", algorithm, key, sum)
		}
		if text := fmt.Sprintf("%v %+v %#v", k, k, k); strings.Contains(text, key) || strings.Contains(text, string(raw)) {
			t.Fatal("the key is printed")
		}
	})
}

func FuzzCopySource(f *testing.F) {
	f.Add("/bucket/key?versionId=null")
	f.Add("bucket%2Fa%3FversionId=%")
	f.Fuzz(func(t *testing.T, header string) {
		s, err := parseSource(withHeader("X-Amz-Copy-Source", header))
		if err != nil {
			if awserr.From(err).Status >= 500 && !strings.Contains(err.Error(), "NotImplemented") {
				t.Fatal(err)
			}
			return
		}
		if s.bucketName == "" || strings.Contains(s.bucketName, "/") || s.key == "" || len(s.key) > 1024 || !utf8.ValidString(s.key) {
			t.Fatalf("%q is %q %q", header, s.bucketName, s.key)
		}
	})
}

func TestEvaluate(t *testing.T) {
	modified := time.Date(2026, 5, 1, 12, 0, 0, 500, time.UTC)
	info := objects.Info{ETag: "abc", Modified: modified}
	at := modified.Truncate(time.Second).Format(http.TimeFormat)
	before := modified.Add(-time.Hour).Format(http.TimeFormat)
	for _, c := range []struct {
		headers     string // NAME=VALUE separated by |
		failed      string
		notModified bool
	}{
		{"", "", false},
		{`If-Match="abc"`, "", false},
		{`If-Match=abc`, "", false},
		{`If-Match=*`, "", false},
		{`If-Match="x", "abc"`, "", false},
		{`If-Match="x"`, "If-Match", false},
		{`If-Match=W/"abc"`, "If-Match", false},
		{`If-Match="abc"|If-Unmodified-Since=` + before, "", false},
		{`If-Match="x"|If-Unmodified-Since=` + at, "If-Match", false},
		{"If-Unmodified-Since=" + at, "", false},
		{"If-Unmodified-Since=" + before, "If-Unmodified-Since", false},
		{"If-Unmodified-Since=nonsense", "", false},
		{`If-None-Match="abc"`, "", true},
		{`If-None-Match=W/"abc"`, "", true},
		{`If-None-Match=*`, "", true},
		{`If-None-Match="x"`, "", false},
		{`If-None-Match="x"|If-Modified-Since=` + at, "", false},
		{`If-None-Match="abc"|If-Modified-Since=` + before, "", true},
		{"If-Modified-Since=" + at, "", true},
		{"If-Modified-Since=" + before, "", false},
		{"If-Modified-Since=" + modified.Add(time.Hour).Format(http.TimeFormat), "", false},
		{`If-Match="x"|If-None-Match="abc"`, "If-Match", false},
	} {
		h := http.Header{}
		for _, header := range strings.Split(c.headers, "|") {
			if name, value, ok := strings.Cut(header, "="); ok {
				h.Set(name, value)
			}
		}
		failed, notModified := evaluate(h, "", info, modified.Add(time.Minute))
		if failed != c.failed || notModified != c.notModified {
			t.Errorf("%s: %q %v, want %q %v", c.headers, failed, notModified, c.failed, c.notModified)
		}
	}
}

func TestBucketNames(t *testing.T) {
	for name, want := range map[string]bool{
		"abc": true, "my-bucket": true, "my.bucket.1": true, "0ab": true, strings.Repeat("a", 63): true, "a-.b": true,
		"jan-plan": true, "192.168.5": true, "1.2.3.4.5": true,
		"": false, "ab": false, strings.Repeat("a", 64): false, "-": false, "---": false, "Abc": false, "a_b": false, "a b": false, "a/b": false,
		".abc": false, "abc.": false, "a..b": false, "192.168.5.4": false, "xn--abc": false, "sthree-x": false, "amzn-s3-demo-x": false,
		"x-s3alias": false, "x--ol-s3": false, "x.mrap": false, "x--x-s3": false, "x--table-s3": false, "x-123-us-east-1-an": false, "ü23": false,
	} {
		if got := isBucketName(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func TestTLSVersion(t *testing.T) {
	state := func(version uint16) *tls.ConnectionState { return &tls.ConnectionState{Version: version} }
	for _, tt := range []struct {
		state   *tls.ConnectionState
		proxied bool
		want    string // "" when the key is absent
	}{
		{state(tls.VersionTLS10), false, "1.0"}, {state(tls.VersionTLS12), false, "1.2"}, {state(tls.VersionTLS13), false, "1.3"},
		{nil, false, ""}, {state(tls.VersionTLS13), true, ""},
	} {
		c := &condition.Context{}
		setTLSVersion(c, &service.Request{HTTP: &http.Request{TLS: tt.state}, Client: proxy.Client{Proxied: tt.proxied}})
		if got, ok := c.Resolve("s3:TlsVersion"); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%v, through a proxy %v: %q, want %q", tt.state, tt.proxied, got, tt.want)
		}
	}
}

// documentRequest returns a request with a body and its digest.
func documentRequest(t testing.TB, target string, body []byte) *service.Request {
	r := httptest.NewRequest(http.MethodPost, target, bytes.NewReader(body))
	sum := md5.Sum(body)
	r.Header.Set("Content-Md5", base64.StdEncoding.EncodeToString(sum[:]))
	decoded, err := sigv4.NewBody(r)
	if err != nil {
		t.Fatal(err)
	}
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		t.Fatal(err)
	}
	return &service.Request{HTTP: r, Body: decoded, Query: query, Bucket: "bucket", Key: "key"}
}

// TestListsOfDocumentsEnd tries documents of more elements than their lists can
// have: no more of them may be kept than that.
func TestListsOfDocumentsEnd(t *testing.T) {
	var parts completeRequest
	err := service.DecodeXML([]byte("<CompleteMultipartUpload>"+strings.Repeat("<Part/>", 3*objects.MaxPartNumber)+"</CompleteMultipartUpload>"), &parts)
	if !errors.Is(err, awserr.MalformedXML) || len(parts.Parts) != objects.MaxPartNumber {
		t.Errorf("%d parts were kept, and the error is %v", len(parts.Parts), err)
	}
	var keys deleteObjectsRequest
	err = service.DecodeXML([]byte("<Delete>"+strings.Repeat("<Object/>", 3*maxDelete)+"</Delete>"), &keys)
	if !errors.Is(err, awserr.MalformedXML) || len(keys.Objects) != maxDelete {
		t.Errorf("%d keys were kept, and the error is %v", len(keys.Objects), err)
	}
}

func FuzzDeleteObjects(f *testing.F) {
	f.Add([]byte(`<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet><Object><Key>a&amp;b</Key><VersionId>null</VersionId></Object></Delete>`))
	f.Add([]byte(`<Delete><Object><Key>a</Key><ETag>"x"</ETag></Object><Object/></Delete>`))
	f.Add([]byte(`<!DOCTYPE x [<!ENTITY a "b">]><Delete><Object><Key>&a;</Key></Object></Delete>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := parseDeleteObjects(documentRequest(t, "/bucket?delete", body))
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if len(in.items) == 0 || len(in.items) > maxDelete {
			t.Fatalf("%d keys", len(in.items))
		}
		for _, item := range in.items {
			if item.key == "" || len(item.key) > 1024 || !utf8.ValidString(item.key) {
				t.Fatalf("the key %q", item.key)
			}
		}
	})
}

func FuzzCompleteMultipartUpload(f *testing.F) {
	f.Add([]byte(`<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"a"</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part></CompleteMultipartUpload>`))
	f.Add([]byte(`<CompleteMultipartUpload><Part><PartNumber>-1</PartNumber></Part><Part/></CompleteMultipartUpload>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := documentRequest(t, "/bucket/key?uploadId=x", body)
		in, err := parseComplete(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := in.readParts(r); err != nil {
			checkRefusal(t, err)
			return
		}
		for _, p := range in.completed() {
			if p.Number < 1 || p.Number > objects.MaxPartNumber {
				t.Fatalf("part %d", p.Number)
			}
		}
	})
}

// checkRefusal demands an error that the client can act on.
func checkRefusal(t *testing.T, err error) {
	t.Helper()
	if e := awserr.From(err); e.Status >= 500 && e.Code != awserr.NotImplemented.Code {
		t.Fatal(err)
	}
}
