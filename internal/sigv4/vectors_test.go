package sigv4

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keywright/keywright/internal/awserr"
)

// vector is a section of a file in testdata: "=== name", fields, an empty line,
// and a request, whose lines end in CRLF on the wire.
type vector struct {
	name    string
	fields  map[string]string
	request string
}

func vectors(t testing.TB, file string) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	for _, section := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n=== ")[1:] {
		head, request, ok := strings.Cut(section, "\n\n")
		name, fields, _ := strings.Cut(head, "\n")
		v := vector{name: name, fields: map[string]string{}}
		for line := range strings.SplitSeq(fields, "\n") {
			key, value, _ := strings.Cut(line, ": ")
			v.fields[key] = value
		}
		v.request = strings.ReplaceAll(request, "\n", "\r\n")
		if !ok || request == "" {
			t.Fatalf("%s: %s has no request", file, name)
		}
		list = append(list, v)
	}
	return list
}

func (v vector) read(t testing.TB) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(v.request)))
	if err != nil {
		t.Fatalf("%s: %v", v.name, err)
	}
	return r
}

func (v vector) now(t testing.TB) time.Time {
	t.Helper()
	now, err := time.Parse(time.RFC3339, v.fields["now"])
	if err != nil {
		t.Fatalf("%s: %v", v.name, err)
	}
	return now
}

// authenticate does all that a server does with a request, and returns the
// payload.
func authenticate(r *http.Request, secret string, now time.Time) ([]byte, error) {
	s, err := Parse(r)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, awserr.AccessDenied
	}
	if s.Service != "s3" {
		payload, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		s.HashPayload(payload)
		return payload, s.Verify(r, secret, now)
	}
	if err := s.Verify(r, secret, now); err != nil {
		return nil, err
	}
	body, err := s.Body(r, secret)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if err := body.VerifyContentMD5(); err != nil {
		return nil, err
	}
	if _, err := body.VerifyChecksum(); err != nil {
		return nil, err
	}
	return io.ReadAll(body)
}

func authentic(t testing.TB) []vector {
	return slices.Concat(vectors(t, "aws.txt"), vectors(t, "botocore.txt"))
}

func TestVectors(t *testing.T) {
	list := authentic(t)
	if len(list) < 100 {
		t.Fatalf("only %d vectors", len(list))
	}
	for _, v := range list {
		payload, err := authenticate(v.read(t), v.fields["secret"], v.now(t))
		if err != nil {
			t.Errorf("%s: %v\n%s", v.name, err, field(err, "CanonicalRequest"))
		}
		if strings.Contains(v.name, "trailing") && string(payload) != "hello, trailing" {
			t.Errorf("%s: payload is %q", v.name, payload)
		}
	}
}

// field returns an extra element of an error.
func field(err error, name string) string {
	for _, f := range awserr.From(err).Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}
