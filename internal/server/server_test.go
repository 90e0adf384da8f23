package server

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestHealth(t *testing.T) {
	r := start(t, Config{})
	cases := []struct {
		method, path, host string
		status             int
		body               string
	}{
		{"GET", "/-/health", "", 200, "ok\n"},
		{"HEAD", "/-/health", "", 200, ""},
		{"GET", "/-/health", "some.pod:9000", 200, "ok\n"},
		{"POST", "/-/health", "", 405, "method not allowed\n"},
		{"PUT", "/-/health", "", 405, "method not allowed\n"},
		{"GET", "/-/", "", 404, "not found\n"},
		{"GET", "/-", "", 404, "not found\n"},
		{"GET", "/-/health/", "", 404, "not found\n"},
		{"GET", "/-/metrics", "", 404, "not found\n"},
	}
	for _, c := range cases {
		q, err := http.NewRequest(c.method, r.Endpoint()+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Host = c.host
		if status, body := r.do(q); status != c.status || body != c.body {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.path, status, body, c.status, c.body)
		}
	}
}

// TestHealthIsAKey: where the host names the bucket, the path is a key.
func TestHealthIsAKey(t *testing.T) {
	r := start(t, Config{})
	r.must(200, "PUT", "/my-bucket", "")
	r.must(200, "PUT", "/my-bucket/-/health", "an object")
	q := r.request("GET", "/-/health", nil)
	for _, host := range []string{"my-bucket.localhost", "my-bucket.LOCALHOST.:9000"} {
		q.Host = host
		if status, body := r.do(q); status != 403 || !strings.Contains(body, "SignatureDoesNotMatch") {
			t.Errorf("%s: %d %s, want S3 to say that another host was signed", host, status, body)
		}
	}
}

func TestUnhealthy(t *testing.T) {
	c, l := configOf(t, Config{})
	h := &handler{ping: func(context.Context) error { return errors.New("disk on fire") }, log: c.Log}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/-/health", nil))
	if w.Code != 503 || w.Body.String() != "the directory does not answer\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if !strings.Contains(l.String(), "disk on fire") {
		t.Errorf("the log does not tell the cause: %s", l)
	}
}

// TestPathsAreKeys: no path is cleaned on its way.
func TestPathsAreKeys(t *testing.T) {
	r := start(t, Config{})
	r.must(200, "PUT", "/my-bucket", "")
	for _, key := range []string{"/my-bucket/a//b", "/my-bucket/a/../b", "/my-bucket//", "/my-bucket/./x", "/my-bucket/-/health"} {
		r.must(200, "PUT", key, "content of "+key)
	}
	for _, key := range []string{"/my-bucket/a//b", "/my-bucket/a/../b", "/my-bucket//", "/my-bucket/./x", "/my-bucket/-/health"} {
		if body := r.must(200, "GET", key, ""); body != "content of "+key {
			t.Errorf("%s holds %q", key, body)
		}
	}
}

// TestStopFinishesRequests: a put that is under way when the server is told to
// stop is stored, and answered.
func TestStopFinishesRequests(t *testing.T) {
	c := Config{DataDir: t.TempDir()}
	r := start(t, c)
	r.must(200, "PUT", "/my-bucket", "")

	body, feed := io.Pipe()
	q := r.request("PUT", "/my-bucket/slow", body)
	q.ContentLength = 1 << 20
	answered := make(chan error, 1)
	go func() {
		response, err := http.DefaultClient.Do(q)
		if err == nil {
			response.Body.Close()
			if response.StatusCode != 200 {
				err = errors.New(response.Status)
			}
		}
		answered <- err
	}()
	half := make([]byte, 1<<19)
	if _, err := feed.Write(half); err != nil {
		t.Fatal(err)
	}
	for r.handler.underWay() == 0 {
		time.Sleep(time.Millisecond)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- r.finished() }()
	for { // until nothing more is accepted
		conn, err := net.Dial("tcp", r.address())
		if err != nil {
			break
		}
		conn.Close()
		time.Sleep(time.Millisecond)
	}
	if _, err := feed.Write(half); err != nil {
		t.Fatal(err)
	}
	feed.Close()
	if err := <-answered; err != nil {
		t.Errorf("the put under way: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Serve: %v", err)
	}
	again := start(t, c)
	if got := again.must(200, "GET", "/my-bucket/slow", ""); len(got) != 1<<20 {
		t.Errorf("the object has %d bytes, want %d", len(got), 1<<20)
	}
}

// TestStopIsBounded: a request that does not end is cut off, and leaves nothing.
func TestStopIsBounded(t *testing.T) {
	c := Config{DataDir: t.TempDir(), ShutdownTimeout: time.Millisecond}
	r := start(t, c)
	r.must(200, "PUT", "/my-bucket", "")
	body, feed := io.Pipe()
	q := r.request("PUT", "/my-bucket/endless", body)
	q.ContentLength = 1 << 20
	answered := make(chan error, 1)
	go func() {
		response, err := http.DefaultClient.Do(q)
		if err == nil {
			response.Body.Close()
		}
		answered <- err
	}()
	if _, err := feed.Write(make([]byte, 1<<19)); err != nil {
		t.Fatal(err)
	}
	for r.handler.underWay() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := r.finished(); err == nil || !strings.Contains(err.Error(), "1 requests did not finish") {
		t.Errorf("Serve: %v, want it to say that a request was cut off", err)
	}
	feed.Close()
	<-answered
	again := start(t, Config{DataDir: c.DataDir})
	again.must(404, "GET", "/my-bucket/endless", "")
}

func TestManyHeaders(t *testing.T) {
	r := start(t, Config{})
	q := r.request("GET", "/my-bucket/key", nil)
	for i := range 10_000 {
		q.Header.Set("X-Amz-Meta-"+strconv.Itoa(i), "value")
	}
	status, body := r.do(q)
	if status != 400 || !strings.Contains(body, "<Code>RequestHeaderSectionTooLarge</Code>") {
		t.Errorf("%d %s", status, body)
	}
}

func TestHugeHeader(t *testing.T) {
	r := start(t, Config{})
	c := r.dial()
	go io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("a", 4<<20)+"\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != 431 {
		t.Errorf("got %s", response.Status)
	}
}

// TestSlowHeaders: a client that does not finish its headers loses its connection.
func TestSlowHeaders(t *testing.T) {
	r := start(t, Config{HeaderTimeout: 50 * time.Millisecond})
	c := r.dial()
	io.WriteString(c, "GET /my-bucket HTTP/1.1\r\nHost: x\r\nX-Amz-")
	if _, err := io.ReadAll(c); err != nil {
		t.Errorf("the connection was not closed in an orderly way: %v", err)
	}
}

// TestSlowBody: a body that stands still is answered, and leaves nothing.
func TestSlowBody(t *testing.T) {
	r := start(t, Config{IdleTimeout: 100 * time.Millisecond})
	r.must(200, "PUT", "/my-bucket", "")
	body, feed := io.Pipe()
	q := r.request("PUT", "/my-bucket/slow", body)
	q.ContentLength = 1000
	var raw strings.Builder
	raw.WriteString("PUT /my-bucket/slow HTTP/1.1\r\nHost: " + q.URL.Host + "\r\nContent-Length: 1000\r\n")
	q.Header.Write(&raw)
	raw.WriteString("\r\nhalf of it")
	feed.Close()
	c := r.dial()
	io.WriteString(c, raw.String())
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(response.Body)
	if response.StatusCode != 400 || !strings.Contains(string(answer), "<Code>RequestTimeout</Code>") {
		t.Errorf("%s: %s", response.Status, answer)
	}
	r.must(404, "GET", "/my-bucket/slow", "")
}

// TestGarbage: what is no request, or a strange one, gets an error of its kind,
// and the next client is served.
func TestGarbage(t *testing.T) {
	r := start(t, Config{})
	cases := []struct{ name, raw, want string }{
		{"binary", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\r\n\r\n", "400 Bad Request"},
		{"words", "hello there, how are you?\r\n\r\n", "400 Bad Request"},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "400 Bad Request"},
		{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 Bad Request"},
		{"two lengths", "PUT /b/k HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", "400 Bad Request"},
		{"negative length", "PUT /b/k HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400 Bad Request"},
		{"header with a blank", "GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n", "400 Bad Request"},
		{"bad escape", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request"},
		{"no slash", "GET bucket HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request"},
		{"unknown version", "GET / HTTP/9.9\r\nHost: a\r\n\r\n", "505 HTTP Version Not Supported"},
		{"unknown transfer encoding", "PUT /b/k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: rot13\r\n\r\n", "501 Not Implemented"},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "<Error><Code>"},
		{"asterisk with GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", "<Error><Code>"},
		{"authority", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", "<Error><Code>"},
		{"unknown method", "BREW /b/k HTTP/1.1\r\nHost: a\r\n\r\n", "<Error><Code>"},
		{"trace", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "<Error><Code>"},
		{"absolute", "GET http://127.0.0.1/no-such-bucket/k HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "<Code>NoSuchBucket</Code>"},
		{"other scheme", "GET ftp://127.0.0.1/no-such-bucket/k HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "<Error><Code>"},
		{"NUL in the key", "GET /no-such-bucket/%00 HTTP/1.1\r\nHost: a\r\n\r\n", "<Error><Code>"},
		{"not UTF-8", "GET /no-such-bucket/%ff HTTP/1.1\r\nHost: a\r\n\r\n", "<Error><Code>"},
		{"bad query", "GET /no-such-bucket?a=%zz;b HTTP/1.1\r\nHost: a\r\n\r\n", "<Error><Code>"},
		{"bad form", "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\n%zz", "<Code>"},
		{"half a form", "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 300\r\n\r\nAction=x", "<Code>"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			conn := r.dial()
			io.WriteString(conn, c.raw)
			conn.(*net.TCPConn).CloseWrite()
			answer, _ := io.ReadAll(conn)
			if !strings.HasPrefix(string(answer), "HTTP/1.1 4") && !strings.HasPrefix(string(answer), "HTTP/1.1 5") {
				t.Errorf("the answer is no error: %q", answer)
			}
			if !strings.Contains(string(answer), c.want) {
				t.Errorf("got %q, want %q in it", answer, c.want)
			}
		})
	}
	if _, body := r.do(r.request("GET", "/-/health", nil)); body != "ok\n" {
		t.Errorf("afterwards the server is not healthy: %q", body)
	}
}
