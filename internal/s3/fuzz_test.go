package s3

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// storyRequests returns every request of the stories, as a client writes it.
// What a story keeps of an answer is not known, and left as it stands.
func storyRequests(t testing.TB) [][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/stories/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := newStory(nil, file)
		for line := range strings.Lines(string(data)) {
			line = s.expand(strings.TrimSuffix(line, "\n"))
			if text, ok := strings.CutPrefix(line, "> "); ok && !strings.HasPrefix(text, "repeat ") {
				s.ask(t, text)
				continue
			}
			if s.request != nil {
				all = append(all, s.request.wire())
				s.request = nil
			}
		}
	}
	return all
}

// wire returns the request as it goes over a connection.
func (q *requestText) wire() []byte {
	var b bytes.Buffer
	b.WriteString(q.method + " " + q.target + " HTTP/1.1\r\n")
	if q.header.Get("Host") == "" {
		b.WriteString("Host: localhost\r\n")
	}
	if q.digest {
		sum := md5.Sum(q.body)
		b.WriteString("Content-Md5: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n")
	}
	for name, values := range q.header {
		for _, v := range values {
			b.WriteString(name + ": " + v + "\r\n")
		}
	}
	if q.header.Get("Content-Length") == "" {
		b.WriteString("Content-Length: " + strconv.Itoa(len(q.body)) + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(q.body)
	return b.Bytes()
}

// send has the world answer what came over a connection, and reports whether
// that is a request at all.
func (w *world) send(wire []byte) (*httptest.ResponseRecorder, bool) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
	if err != nil {
		return nil, false
	}
	r.RemoteAddr = "192.0.2.1:1234"
	answer := httptest.NewRecorder()
	w.operation = ""
	w.authority.take()
	w.handler.ServeHTTP(answer, r)
	return answer, true
}

// prepared returns a world with what the requests of the stories are about.
func prepared(t testing.TB) *world {
	t.Helper()
	w := newWorld(t, "us-east-1")
	for _, wire := range []string{
		"PUT /bucket HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"PUT /bucket/key HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
		"PUT /locked HTTP/1.1\r\nHost: localhost\r\nX-Amz-Bucket-Object-Lock-Enabled: true\r\n\r\n",
	} {
		if answer, ok := w.send([]byte(wire)); !ok || answer.Code != http.StatusOK {
			t.Fatalf("%s: %v", wire, answer)
		}
	}
	return w
}

// seeds returns of the stories' requests for each operation two that its parser
// takes, which then asks what it needs, and one that is refused.
func (w *world) seeds(t testing.TB) (all [][]byte, taken map[string]int) {
	t.Helper()
	taken = map[string]int{}
	refused := map[string]bool{}
	for _, wire := range storyRequests(t) {
		answer, ok := w.send(wire)
		if !ok {
			continue
		}
		parsed := len(w.authority.take()) > 0 || answer.Code < 400
		switch {
		case parsed && taken[w.operation] < 2:
			taken[w.operation]++
		case !parsed && !refused[w.operation]:
			refused[w.operation] = true
		default:
			continue
		}
		all = append(all, wire)
	}
	return all, taken
}

// FuzzRequest sends anything as the owner of all there is. Its corpus begins with
// requests that reach the parser of every operation: its parameters, its headers
// and its document. No request may fail for a reason that is the server's, or
// get an answer that cannot be read.
func FuzzRequest(f *testing.F) {
	w := prepared(f)
	seeds, _ := w.seeds(f)
	for _, wire := range seeds {
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		answer, ok := w.send(wire)
		if !ok {
			return
		}
		if answer.Code >= 500 && answer.Code != http.StatusNotImplemented {
			t.Fatalf("%q\nis answered with %d: %s", wire, answer.Code, answer.Body)
		}
		if answer.Header().Get("Content-Type") != "application/xml" {
			return
		}
		d := xml.NewDecoder(answer.Body)
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatalf("%q\nis answered with what is not XML: %v", wire, err)
			}
		}
	})
}

// TestSeedsReachEveryParser holds what FuzzRequest begins with against the table
// of operations.
func TestSeedsReachEveryParser(t *testing.T) {
	w := prepared(t)
	seeds, taken := w.seeds(t)
	operations := w.s3.rows()
	for _, r := range operations {
		if name := r.operation.Name; taken[name] == 0 {
			t.Errorf("no story has a request that the parser of %s takes", name)
		}
	}
	if len(operations) < 60 || len(seeds) < 150 {
		t.Errorf("%d operations and %d requests: too few to prove anything", len(operations), len(seeds))
	}
	t.Logf("parsers: %d operations are reached by %d requests", len(taken), len(seeds))
}
