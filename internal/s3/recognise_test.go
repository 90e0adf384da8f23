package s3

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/service"
)

func recogniser() *S3 {
	return New(Options{Region: "us-east-1", Domains: []string{"localhost", "S3.example.com"}})
}

// requestOf returns a request as net/http reads it, or nil when it does not.
func requestOf(method, host, target string, header http.Header) *service.Request {
	var wire bytes.Buffer
	wire.WriteString(method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n")
	header.Write(&wire)
	wire.WriteString("\r\n")
	r, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		return nil
	}
	return &service.Request{HTTP: r}
}

func TestRecognise(t *testing.T) {
	data, err := os.ReadFile("testdata/recognition.txt")
	if err != nil {
		t.Fatal(err)
	}
	s, cases := recogniser(), 0
	for n, line := range strings.Split(string(data), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		cases++
		request, want, _ := strings.Cut(line, " => ")
		f := strings.Fields(request)
		header := http.Header{}
		if len(f) > 3 {
			name, value, _ := strings.Cut(f[3], ":")
			header.Set(name, value)
		}
		r := requestOf(f[0], f[1], f[2], header)
		if r == nil {
			t.Fatalf("recognition.txt:%d: not a request", n+1)
		}
		if got := recognised(s, r); got != want {
			t.Errorf("recognition.txt:%d: %s\n got %s\nwant %s", n+1, request, got, want)
		}
	}
	if cases < 80 {
		t.Errorf("%d cases: too few to prove anything", cases)
	}
}

func recognised(s *S3, r *service.Request) string {
	op, err := s.Recognise(r)
	if err != nil {
		return awserr.From(err).Code
	}
	return op.Name + " " + strconv.Quote(r.Bucket) + " " + strconv.Quote(r.Key)
}

// TestEveryOperation asks for every operation of S3 that has a subresource: it
// is served, or refused by its name.
func TestEveryOperation(t *testing.T) {
	s, asked := recogniser(), 0
	for _, o := range facts.Operations() {
		if o.Service != "s3" || !strings.Contains(o.URI, "?") {
			continue
		}
		asked++
		target := strings.NewReplacer("{Bucket}", "bucket", "{Key+}", "key").Replace(o.URI)
		op, err := s.Recognise(requestOf(o.Method, "localhost", target, nil))
		if err == nil {
			if !isSameOperation(" "+op.Name+" ", o) {
				t.Errorf("%s %s is %s, want %s", o.Method, target, op.Name, o.Name)
			}
			continue
		}
		e := awserr.From(err)
		if e.Code != awserr.NotImplemented.Code || !isSameOperation(e.Message, o) {
			t.Errorf("%s %s (%s): %v", o.Method, target, o.Name, err)
		}
	}
	if asked < 80 {
		t.Errorf("%d operations: too few to prove anything", asked)
	}
}

// isSameOperation reports whether a message names the operation or one with the
// same method and URI.
func isSameOperation(message string, o facts.Operation) bool {
	return slices.ContainsFunc(facts.Operations(), func(other facts.Operation) bool {
		return other.Method == o.Method && other.URI == o.URI && strings.Contains(message, " "+other.Name+" ")
	})
}

// TestForeignParameters adds to every row a parameter that it does not know,
// each of S3's and one of nobody's: no request may then be served.
func TestForeignParameters(t *testing.T) {
	s, asked := recogniser(), 0
	for at, rows := range s.table.rows {
		foreign := append([]string{"unknown", "versionId", "partNumber", "max-keys"}, s.table.selectors[at.scope]...)
		for _, r := range rows {
			for _, name := range foreign {
				query, header := url.Values{name: {""}}, http.Header{}
				for _, q := range r.query {
					n, v, _ := strings.Cut(q, "=")
					query.Set(n, v)
				}
				if r.header != "" {
					header.Set(r.header, "x")
				}
				asked++
				found, err := s.table.find(at.method, at.scope, query, header)
				if err != nil {
					continue
				}
				if found.anyParams && at.method != http.MethodOptions {
					t.Errorf("%v is %s, whatever its parameters are", at, found.operation.Name)
				}
				for param := range query {
					if !found.knows(param) {
						t.Errorf("%v %v is %s, which does not know %s", at, query, found.operation.Name, param)
					}
				}
			}
		}
	}
	if asked < 500 {
		t.Errorf("%d requests: too few to prove anything", asked)
	}
}

func FuzzRecognise(f *testing.F) {
	f.Add("GET", "localhost", "/bucket/key?versionId=null")
	f.Add("DELETE", "bucket.localhost:9000", "//a/..%2F?acl&x=%FF")
	f.Add("PUT", "a.b.s3.example.com.", "/%F0%9F%98%80?x-amz-acl=private")
	f.Add("OPTIONS", "", "*")
	s := recogniser()
	f.Fuzz(func(t *testing.T, method, host, target string) {
		r := requestOf(method, host, target, nil)
		if r == nil {
			return
		}
		op, err := s.Recognise(r)
		if err != nil {
			if e := awserr.From(err); e.Status == 500 {
				t.Fatalf("%v", err)
			}
			return
		}
		if len(r.Key) > 1024 || !utf8.ValidString(r.Key) || !utf8.ValidString(r.Bucket) {
			t.Fatalf("%s of %q %q", op.Name, r.Bucket, r.Key)
		}
		found, err := s.table.find(method, address{bucket: r.Bucket, key: r.Key}.scope(), r.Query, r.HTTP.Header)
		if err != nil || found.operation.Name != op.Name {
			t.Fatalf("%s is recognised otherwise: %v", op.Name, err)
		}
		for param := range r.Query {
			if !found.knows(param) {
				t.Fatalf("%s does not know %q", op.Name, param)
			}
		}
	})
}
