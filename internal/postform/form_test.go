package postform

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/keywright/keywright/internal/awserr"
)

const boundary = "B"

// request is a request that posts a body.
func request(body string) *http.Request {
	r := httptest.NewRequest("POST", "/b", strings.NewReader(body))
	r.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
	return r
}

// part writes a part of a form.
func part(disposition, value string) string {
	return "--" + boundary + "\r\nContent-Disposition: " + disposition + "\r\n\r\n" + value + "\r\n"
}

func field(name, value string) string { return part(`form-data; name="`+name+`"`, value) }

func file(content string) string {
	return part(`form-data; name="file"; filename="f.txt"`, content) + "--" + boundary + "--\r\n"
}

// outcome is "ok", or what a client is told.
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	e := awserr.From(err)
	return e.Code + ": " + e.Message
}

func TestPolicies(t *testing.T) {
	text, err := os.ReadFile("testdata/policies.txt")
	if err != nil {
		t.Fatal(err)
	}
	now, count := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), 0
	stands := strings.NewReplacer("NOW", "2026-01-02T03:04:05Z", "PAST", "2026-01-02T03:04:04.999Z", "...", `{"bucket": "b"}, ["starts-with", "$key", "dir/"]`)
	for n, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		cells := strings.SplitN(line, " |", 3)
		if len(cells) != 3 {
			t.Fatalf("line %d has %d cells", n+1, len(cells))
		}
		count++
		form := field("policy", base64.StdEncoding.EncodeToString([]byte(stands.Replace(cells[0])))) + field("x-amz-signature", "s")
		given := strings.TrimSpace(cells[1])
		if !strings.Contains(given, "key=") || strings.Contains(given, "-key=") {
			form += field("key", "dir/k")
		}
		for pair := range strings.SplitSeq(given, "&") {
			if name, value, ok := strings.Cut(pair, "="); ok {
				value, err := url.PathUnescape(value)
				if err != nil {
					t.Fatal(err)
				}
				form += field(name, value)
			}
		}
		f, err := Read(request(form+file("content")), "b")
		if err == nil {
			err = f.CheckPolicy(now)
		}
		if got := outcome(err); got != strings.TrimSpace(cells[2]) {
			t.Errorf("line %d: %s\n got %s\nwant %s", n+1, line, got, cells[2])
		}
	}
	if count < 65 {
		t.Errorf("only %d cases", count)
	}
}

func TestPolicyIsBase64(t *testing.T) {
	for _, policy := range []string{"", "{}", "e30", "e30=\xff", base64.StdEncoding.EncodeToString([]byte("{\"expiration\xff\"}"))} {
		if _, err := parsePolicy(policy); !errors.Is(err, awserr.InvalidPolicyDocument) {
			t.Errorf("%q: %v", policy, err)
		}
	}
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, form, want, content string }{
		{"a form", field("key", "k") + file("content"), "ok", "content"},
		{"what follows the file", field("key", "k") + strings.TrimSuffix(file("c"), "--B--\r\n") + field("key", "other") + "garbage", "ok", "c"},
		{"a preamble and padding", "preamble\r\n--B  \r\n" + strings.TrimPrefix(field("key", "k"), "--B\r\n") + file("c"), "ok", "c"},
		{"a file that looks like a boundary", field("key", "k") + file("\r\n--\r\n--A\r\n-B\r\n--"), "ok", "\r\n--\r\n--A\r\n-B\r\n--"},
		{"an empty file", field("key", "k") + file(""), "ok", ""},
		{"a file without a name", field("key", "${filename}k") + part(`form-data; name="FILE"`, "c") + "--B--", "ok", "c"},
		{"names of files on fields", part(`form-data; name="key"; filename="key"`, "k") + file("c"), "ok", "c"},
		{"no body", "", "MalformedPOSTRequest", ""},
		{"no form", "key=k&file=c", "MalformedPOSTRequest", ""},
		{"no end before the file", field("key", "k"), "MalformedPOSTRequest", ""},
		{"no end of a field", "--B\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk", "MalformedPOSTRequest", ""},
		{"no end of the headers", "--B\r\nContent-Disposition: form-data; name=\"key\"", "IncorrectNumberOfFilesInPostRequest", ""},
		{"no file", field("key", "k") + "--B--\r\n", "IncorrectNumberOfFilesInPostRequest", ""},
		{"a file of another disposition", field("key", "k") + part(`file; name="file"`, "c") + "--B--", "MalformedPOSTRequest", ""},
		{"a part without a name", part("form-data", "x") + file("c"), "MalformedPOSTRequest", ""},
		{"a part without a disposition", "--B\r\n\r\nx\r\n" + file("c"), "MalformedPOSTRequest", ""},
		{"a transfer encoding", field("key", "k") + "--B\r\nContent-Disposition: form-data; name=\"file\"\r\nContent-Transfer-Encoding: base64\r\n\r\neA==\r\n--B--", "MalformedPOSTRequest", ""},
		{"a value that is no text", field("key", "\xff") + file("c"), "MalformedPOSTRequest", ""},
		{"no key", file("c"), "InvalidArgument", ""},
		{"a key after the file", strings.TrimSuffix(file("c"), "--B--\r\n") + field("key", "k"), "InvalidArgument", ""},
		{"a field of another operation", field("key", "k") + field("x-amz-copy-source", "b/k") + file("c"), "NotImplemented", ""},
		{"a header in a value", field("key", "k") + field("Content-Type", "a\r\nX: y") + file("c"), "InvalidArgument", ""},
		{"a header in a name", field("key", "k") + field("x-amz-meta-a: b", "c") + file("c"), "InvalidArgument", ""},
		{"control characters in metadata", field("key", "k") + field("x-amz-meta-a", "\x00\r\n") + file("c"), "ok", "c"},
		{"a file that does not end", field("key", "k") + part(`form-data; name="file"`, "c"), "MalformedPOSTRequest", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Read(request(c.form), "b")
			var content []byte
			if err == nil {
				content, err = io.ReadAll(f)
			}
			if got, _, _ := strings.Cut(outcome(err), ":"); got != c.want || err == nil && string(content) != c.content {
				t.Errorf("%v, %q", err, content)
			}
		})
	}
}

func TestReadRefusesRequests(t *testing.T) {
	form := field("key", "k") + file("c")
	for _, contentType := range []string{"", "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + strings.Repeat("x", 71), "multipart/mixed; boundary=B"} {
		r := request(form)
		r.Header.Set("Content-Type", contentType)
		if _, err := Read(r, "b"); !errors.Is(err, awserr.MalformedPOSTRequest) {
			t.Errorf("%q: %v", contentType, err)
		}
	}
	r := request(form)
	r.ContentLength = -1
	if _, err := Read(r, "b"); !errors.Is(err, awserr.MissingContentLength) {
		t.Errorf("without length: %v", err)
	}
	broken := errors.New("broken")
	for _, c := range []struct{ end, want error }{{io.ErrUnexpectedEOF, awserr.IncompleteBody}, {broken, broken}} {
		for cut := range len(form) - 4 {
			r := request("")
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader(form[:cut]), iotest.ErrReader(c.end)))
			r.ContentLength = int64(len(form))
			f, err := Read(r, "b")
			if err == nil {
				_, err = io.ReadAll(f)
			}
			if !errors.Is(err, c.want) {
				t.Fatalf("cut at %d with %v: %v", cut, c.end, err)
			}
		}
	}
}

// TestMaxExpanded holds the limit when the name of the file makes fields long: a
// short form must not become megabytes.
func TestMaxExpanded(t *testing.T) {
	name := strings.Repeat("n", 1000)
	named := part(`form-data; name="file"; filename="`+name+`"`, "c") + "--B--"
	rest := MaxHead - len("k") - 20*len(name)
	for size, want := range map[int]string{rest: "ok", rest + 1: "MaxPostPreDataLengthExceededError"} {
		form := field("key", "k") + field("x-ignore-a", strings.Repeat("${filename}", 19)) + field("x-ignore-b", strings.Repeat("b", size)+"${filename}") + named
		f, err := Read(request(form), "b")
		if got, _, _ := strings.Cut(outcome(err), ":"); got != want {
			t.Errorf("%d: %v", size, err)
		}
		if err == nil && f.Get("x-ignore-a") != strings.Repeat(name, 19) {
			t.Errorf("%d: %q", size, f.Get("x-ignore-a"))
		}
	}
}

// TestMaxHead holds the limit to the byte, and that no more of a head is read.
func TestMaxHead(t *testing.T) {
	head := func(size int) string {
		start, end := field("key", "k"), part(`form-data; name="file"`, "")
		end = strings.TrimSuffix(end, "\r\n")
		return start + field("x-ignore-a", strings.Repeat("a", size-len(start+field("x-ignore-a", "")+end))) + end
	}
	for size, want := range map[int]string{MaxHead - 1: "ok", MaxHead: "ok", MaxHead + 1: "MaxPostPreDataLengthExceededError"} {
		form := head(size) + strings.Repeat("c", 100_000) + "\r\n--B--"
		f, err := Read(request(form), "b")
		if got, _, _ := strings.Cut(outcome(err), ":"); got != want {
			t.Fatalf("%d: %v", size, err)
		}
		if err != nil {
			continue
		}
		if n := int64(len(form) - size); f.MaxSize() != n {
			t.Errorf("%d: at most %d bytes, want %d", size, f.MaxSize(), n)
		}
		if content, err := io.ReadAll(f); err != nil || len(content) != 100_000 {
			t.Errorf("%d: %d bytes, %v", size, len(content), err)
		}
	}
	for name, endless := range map[string]string{
		"a field":    "--B\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n",
		"a header":   "--B\r\nContent-Disposition: ",
		"a preamble": strings.Repeat("x\r\n", MaxHead),
		"lines":      strings.Repeat("\r\n", MaxHead),
	} {
		read := &counter{Reader: io.MultiReader(strings.NewReader(endless), strings.NewReader(strings.Repeat("a", 1<<20)))}
		r := request("")
		r.Body, r.ContentLength = io.NopCloser(read), 1<<20
		if _, err := Read(r, "b"); !errors.Is(err, awserr.MaxPostPreDataLengthExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		if read.n > MaxHead+1024 {
			t.Errorf("%s: %d bytes were read", name, read.n)
		}
	}
}

type counter struct {
	io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

func TestSize(t *testing.T) {
	for _, c := range []struct {
		conditions string
		size       int
		want       string
	}{
		{`["content-length-range", 5, 10]`, 4, "EntityTooSmall [{ProposedSize 4} {MinSizeAllowed 5}]"},
		{`["content-length-range", 5, 10]`, 5, "ok"},
		{`["content-length-range", "5", "10"]`, 10, "ok"},
		{`["content-length-range", 5, 10]`, 11, "EntityTooLarge [{ProposedSize 11} {MaxSizeAllowed 10}]"},
		{`["content-length-range", 5, 10]`, 100_000, "EntityTooLarge [{ProposedSize 100000} {MaxSizeAllowed 10}]"},
		{`["content-length-range", 0, 0]`, 0, "ok"},
		{`["content-length-range", 0, 0]`, 1, "EntityTooLarge [{ProposedSize 1} {MaxSizeAllowed 0}]"},
		{`["content-length-range", 0, 10], ["content-length-range", 3, 100]`, 11, "EntityTooLarge [{ProposedSize 11} {MaxSizeAllowed 10}]"},
		{`["content-length-range", 0, 10], ["content-length-range", 3, 100]`, 2, "EntityTooSmall [{ProposedSize 2} {MinSizeAllowed 3}]"},
		{`["content-length-range", 10, 5]`, 7, "EntityTooLarge [{ProposedSize 7} {MaxSizeAllowed 5}]"},
	} {
		policy := `{"expiration": "2999-01-01T00:00:00Z", "conditions": [{"bucket": "b"}, {"key": "k"}, ` + c.conditions + `]}`
		form := field("key", "k") + field("policy", base64.StdEncoding.EncodeToString([]byte(policy))) + file(strings.Repeat("c", c.size))
		f, err := Read(request(form), "b")
		if err == nil {
			err = f.CheckPolicy(time.Now())
		}
		var content []byte
		if err == nil {
			content, err = io.ReadAll(f)
		}
		got := "ok"
		if err != nil {
			e := awserr.From(err)
			got = fmt.Sprint(e.Code, " ", e.Fields)
		}
		if got != c.want || err == nil && len(content) != c.size {
			t.Errorf("%s of %d: %s, want %s", c.conditions, c.size, got, c.want)
		}
	}
}

func TestFileName(t *testing.T) {
	for disposition, want := range map[string]string{
		`form-data; name="file"; filename="f.txt"`:             "f.txt",
		`form-data; name="file"; filename="C:\\dir\\f.txt"`:    "f.txt",
		`form-data; name="file"; filename="/dir/f.txt"`:        "f.txt",
		`form-data; name="file"; filename="../.."`:             "..",
		`form-data; name="file"; filename=""`:                  "",
		`form-data; name="file"`:                               "",
		"form-data; name=\"file\"; filename=\"\xc3\xa9.txt\"":  "é.txt",
		"form-data; name=\"file\"; filename=\"\xff.txt\"":      "\uFFFD.txt",
		`form-data; name="file"; filename="a%22b.txt"`:         "a%22b.txt",
		`form-data; name="file"; filename="${filename}"`:       "${filename}",
		`form-data; name="file"; filename*=UTF-8''%E2%82%AC.t`: "€.t",
	} {
		f, err := Read(request(field("key", "in/${filename}")+part(disposition, "c")+"--B--"), "b")
		if err != nil || f.Get("KEY") != "in/"+want {
			t.Errorf("%s: %v, %+v", disposition, err, f)
		}
	}
}

func TestHeader(t *testing.T) {
	form := field("key", "k")
	for _, x := range [][2]string{
		{"acl", "private"}, {"Content-Type", "a/b"}, {"x-amz-meta-A", "1"}, {"X-Amz-Meta-a", "2"}, {"x-amz-checksum-algorithm", "SHA256"},
		{"x-amz-storage-class", "STANDARD"}, {"success_action_status", "201"}, {"submit", "Send"}, {"tagging", "<Tagging/>"}, {"x-ignore-acl", "x"},
		{"x-amz-algorithm", "a"}, {"x-amz-security-token", "t"}, {"Host", "evil"}, {"Authorization", "x"}, {"If-None-Match", "*"},
	} {
		form += field(x[0], x[1])
	}
	f, err := Read(request(form+file("c")), "b")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	f.Header().Write(&got)
	const want = "Content-Type: a/b\r\nX-Amz-Acl: private\r\nX-Amz-Meta-A: 1,2\r\nX-Amz-Sdk-Checksum-Algorithm: SHA256\r\nX-Amz-Storage-Class: STANDARD\r\n"
	if got.String() != want {
		t.Errorf("%s\nwant %s", got.String(), want)
	}
}

// FuzzRead holds that no form makes a panic, that no head is longer than it may
// be, and that a file has no more bytes than its request.
func FuzzRead(f *testing.F) {
	for _, form := range []string{
		field("key", "${filename}") + file("content"), file("c"), field("key", "k"), "--B--", "--B\r\n\r\n", "",
		field("policy", "e30=") + field("key", "k") + part(`form-data; name="file"; filename="a/b\\c"`, "\r\n--B") + "--B--",
	} {
		f.Add(form)
	}
	f.Fuzz(func(t *testing.T, body string) {
		form, err := Read(request(body), "b")
		if err != nil {
			return
		}
		size := 0
		for _, x := range form.Fields() {
			size += len(x.Name)
		}
		if size > MaxHead {
			t.Errorf("names of %d bytes", size)
		}
		most := form.MaxSize()
		if n, _ := io.Copy(io.Discard, form); n > most || most > int64(len(body)) {
			t.Errorf("%d bytes of at most %d, of %d", n, most, len(body))
		}
		form.CheckPolicy(time.Now())
	})
}

// FuzzPolicy holds that no policy document makes a panic, and that none lets in
// a form with a field that the document does not name.
func FuzzPolicy(f *testing.F) {
	text, err := os.ReadFile("testdata/policies.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		document, _, _ := strings.Cut(line, " |")
		f.Add(strings.NewReplacer("NOW", "2999-01-01T00:00:00Z", "...", `{"bucket": "b"}, {"key": "k"}`).Replace(document))
	}
	f.Fuzz(func(t *testing.T, document string) {
		form, err := Read(request(field("key", "k")+field("x-amz-meta-unnamed", "1")+
			field("policy", base64.StdEncoding.EncodeToString([]byte(document)))+file("c")), "b")
		if err != nil {
			t.Fatal(err)
		}
		if err := form.CheckPolicy(time.Now()); err == nil && !strings.Contains(strings.ToLower(document), "unnamed") && !strings.Contains(document, `\`) {
			t.Errorf("%s allows a field that it does not name", document)
		}
	})
}
