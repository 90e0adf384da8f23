package sigv4

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keywright/keywright/internal/awserr"
)

func TestParseRefuses(t *testing.T) {
	list := vectors(t, "refused.txt")
	if len(list) < 40 {
		t.Fatalf("only %d cases", len(list))
	}
	for _, v := range list {
		s, err := Parse(v.read(t))
		got := awserr.From(err)
		if err == nil || s != nil || got.Code != v.fields["code"] || !strings.Contains(got.Message, v.fields["message"]) {
			t.Errorf("%s: %v, %v, want %s: %s", v.name, s, err, v.fields["code"], v.fields["message"])
		}
	}
}

func TestParse(t *testing.T) {
	r := httptest.NewRequest("PUT", "/b/k", strings.NewReader("x"))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20130524/eu-west-1/s3/aws4_request,SignedHeaders=x-amz-date;Host,Signature=abc")
	r.Header.Set("Date", "Fri, 24 May 2013 01:02:03 GMT")
	r.Header.Set("X-Amz-Content-Sha256", UnsignedPayload)
	r.Header.Set("X-Amz-Security-Token", "token")
	got, err := Parse(r)
	want := &Signature{
		Scope:         Scope{"AKID", "20130524", "eu-west-1", "s3"},
		Time:          time.Date(2013, 5, 24, 1, 2, 3, 0, time.UTC),
		SignedHeaders: []string{"host", "x-amz-date"},
		Signature:     "abc",
		SessionToken:  "token",
		PayloadHash:   UnsignedPayload,
		date:          "20130524T010203Z",
		content:       UnsignedPayload,
	}
	if err != nil || !cmp.Equal(got, want, cmp.AllowUnexported(Signature{})) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got, cmp.AllowUnexported(Signature{})))
	}
}

func TestParseAnonymous(t *testing.T) {
	for _, target := range []string{"/", "/b/k?x-amz-signature=x", "/b?X-Amz-Date=x", "/b?Expires=1&a;b"} {
		if s, err := Parse(httptest.NewRequest("GET", target, nil)); s != nil || err != nil {
			t.Errorf("%s: %v, %v", target, s, err)
		}
	}
}

func TestParsePresignedPayloadHash(t *testing.T) {
	const hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	for _, c := range []struct{ query, header, signed, payloadHash, content string }{
		{"", "", "host", UnsignedPayload, UnsignedPayload},
		{"", hash, "host", UnsignedPayload, hash},
		{"", hash, "host%3Bx-amz-content-sha256", hash, hash},
		{"&X-Amz-Content-Sha256=" + UnsignedPayload, "", "host", UnsignedPayload, UnsignedPayload},
		{"&X-Amz-Content-Sha256=" + hash, "", "host", hash, hash},
		{"&X-Amz-Content-Sha256=" + hash, UnsignedPayload, "host", hash, hash},
		{"&X-Amz-Content-Sha256=" + UnsignedPayload, hash, "host%3Bx-amz-content-sha256", hash, hash},
	} {
		r := httptest.NewRequest("PUT", "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A/20130524/r/s3/aws4_request"+
			"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=60&X-Amz-Signature=x&X-Amz-SignedHeaders="+c.signed+c.query, nil)
		if c.header != "" {
			r.Header.Set("X-Amz-Content-Sha256", c.header)
		}
		s, err := Parse(r)
		if err != nil || s.PayloadHash != c.payloadHash || s.content != c.content {
			t.Errorf("%+v: %+v, %v", c, s, err)
		}
	}
}

func TestServiceOf(t *testing.T) {
	for _, v := range authentic(t) {
		want := "s3"
		switch {
		case strings.Contains(v.name, "IAM "):
			want = "iam"
		case strings.Contains(v.name, "STS "):
			want = "sts"
		case strings.HasPrefix(v.name, "get-"), strings.HasPrefix(v.name, "post-"):
			want = "service"
		}
		if got := ServiceOf(v.read(t)); got != want {
			t.Errorf("%s: %q, want %q", v.name, got, want)
		}
	}
	for _, target := range []string{"/", "/?X-Amz-Credential=a/b", "/?X-Amz-Credential=%zz"} {
		if got := ServiceOf(httptest.NewRequest("GET", target, nil)); got != "" {
			t.Errorf("%s: %q", target, got)
		}
	}
}

func TestParseQuery(t *testing.T) {
	got, err := ParseQuery("b=2&a&&c=%2B+&x;y=1;2&b=1&=v")
	want := map[string][]string{"a": {""}, "b": {"2", "1"}, "c": {"+ "}, "x;y": {"1;2"}, "": {"v"}}
	if err != nil || !cmp.Equal(map[string][]string(got), want) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"%", "a=%4", "%gg=1"} {
		if got, err := ParseQuery(bad); err == nil {
			t.Errorf("%s: %v", bad, got)
		}
	}
}

func TestCanonicalQuery(t *testing.T) {
	for raw, want := range map[string]string{
		"":                        "",
		"acl":                     "acl=",
		"a=2&a=1&a":               "a=&a=1&a=2",
		"a-=1&a=2":                "a=2&a-=1", // by name, though "=" sorts after "-"
		"b=+&a=%2b":               "a=%2B&b=%20",
		"X-Amz-Signature=x&z=%7e": "z=~",
		"x-amz-signature=x":       "x-amz-signature=x",
		"a=b=c":                   "a=b%3Dc",
		"k=é":                     "k=%C3%A9",
	} {
		if got, err := canonicalQuery(raw); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", raw, got, err, want)
		}
	}
}

// A request that is not signed with the key must never verify, whatever it is.
func FuzzParse(f *testing.F) {
	for _, v := range slices.Concat(authentic(f), vectors(f, "refused.txt")) {
		f.Add(v.request)
	}
	f.Fuzz(func(t *testing.T, request string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
		if err != nil {
			return
		}
		s, err := Parse(r)
		if err != nil {
			if s != nil {
				t.Error("a signature and an error")
			}
			return
		}
		_, header := r.Header["Authorization"]
		if s == nil {
			if header || strings.Contains(r.URL.RawQuery, "X-Amz-Signature=") && r.URL.Query().Has("X-Amz-Signature") {
				t.Error("a signed request is taken for anonymous")
			}
			return
		}
		if s.PayloadHash == "" {
			s.HashPayload(nil)
		}
		if err := s.Verify(r, "not the secret that signed", s.Time); err == nil {
			t.Error("verified with another key")
		}
	})
}
