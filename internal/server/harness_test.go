package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keywright/keywright/internal/sigv4"
)

var givenKey = AccessKey{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}

// running is a server that serves for a test.
type running struct {
	*Server
	t      *testing.T
	stop   context.CancelFunc
	served chan error
	log    *logged
}

// logged is a log that tests can read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// configOf completes a configuration for tests. givenKey is the root's.
func configOf(t *testing.T, c Config) (Config, *logged) {
	t.Helper()
	l := &logged{}
	if c.DataDir == "" {
		c.DataDir = t.TempDir()
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.RootKey == (AccessKey{}) {
		c.RootKey = givenKey
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	c.Domains = []string{"localhost"}
	c.Log = slog.New(slog.NewTextHandler(l, nil))
	return c, l
}

func start(t *testing.T, c Config) *running {
	t.Helper()
	c, l := configOf(t, c)
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &running{Server: s, t: t, stop: stop, served: make(chan error, 1), log: l}
	go func() { r.served <- s.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-r.served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if strings.Contains(l.String(), "panic") {
			t.Errorf("the log tells of a panic:\n%s", l)
		}
	})
	return r
}

// finished stops the server and returns what Serve returned.
func (r *running) finished() error {
	r.stop()
	err := <-r.served
	r.served <- nil // for the cleanup
	return err
}

func (r *running) address() string { return r.listener.Addr().String() }

// request returns a request that the given key's owner signed.
func (r *running) request(method, path string, body io.Reader) *http.Request {
	r.t.Helper()
	q, err := http.NewRequest(method, r.Endpoint()+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	signer := sigv4.Signer{AccessKeyID: givenKey.ID, SecretAccessKey: givenKey.Secret, Region: "us-east-1", Service: "s3"}
	signer.Sign(q, sigv4.UnsignedPayload, time.Now())
	return q
}

// do sends a request and returns the status and the body.
func (r *running) do(q *http.Request) (int, string) {
	r.t.Helper()
	response, err := http.DefaultClient.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func (r *running) must(status int, method, path, body string) string {
	r.t.Helper()
	got, answer := r.do(r.request(method, path, strings.NewReader(body)))
	if got != status {
		r.t.Fatalf("%s %s: %d, want %d: %s", method, path, got, status, answer)
	}
	return answer
}

// dial opens a connection for bytes of the test's own.
func (r *running) dial() net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.address())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// problem returns the *Error in err.
func problem(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want one with a hint", err)
	}
	if e.Problem == "" || e.Hint == "" {
		t.Errorf("error %q, hint %q: both must say something", e.Problem, e.Hint)
	}
	return e
}
