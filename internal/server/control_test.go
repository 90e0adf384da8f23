package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keywright/keywright/internal/sigv4"
)

// TestAddAccountWhileRunning adds an account to a server that runs: its root is
// let in at once, and after a restart.
func TestAddAccountWhileRunning(t *testing.T) {
	r := start(t, Config{AccountID: owner})
	c := AccountsConfig{DataDir: r.config.DataDir, Log: r.config.Log}
	added, err := AddAccount(t.Context(), c, elsewhere, "partner")
	if err != nil {
		t.Fatal(err)
	}
	if added.Account.ID != elsewhere || added.Account.Name != "partner" || added.RootKey.Secret == "" {
		t.Errorf("added %+v", added)
	}
	signer := sigv4.Signer{AccessKeyID: added.RootKey.ID, SecretAccessKey: added.RootKey.Secret, Region: "us-east-1", Service: "s3"}
	enters := func(r *running) {
		t.Helper()
		q, err := http.NewRequest("GET", r.Endpoint()+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		signer.Sign(q, sigv4.UnsignedPayload, time.Now())
		if status, body := r.do(q); status != 200 {
			t.Errorf("the new root gets %d: %s", status, body)
		}
	}
	enters(r)

	running, err := Accounts(t.Context(), c)
	if err != nil || len(running) != 2 || running[0].ID != owner || running[1].ID != elsewhere {
		t.Errorf("the running server lists %+v, %v", running, err)
	}
	for id, problem := range map[string]string{elsewhere: "there is an account " + elsewhere + " already", "12": `"12" is no account id`} {
		var e *Error
		if _, err := AddAccount(t.Context(), c, id, ""); !errors.As(err, &e) || !e.Usage || e.Problem != problem || e.Hint == "" {
			t.Errorf("adding %s: %v", id, err)
		}
	}
	if strings.Contains(r.log.String(), added.RootKey.Secret) || !strings.Contains(r.log.String(), "account added") {
		t.Errorf("the log says:\n%s", r.log)
	}

	// The stopped directory says the same, and the server goes on with it.
	if err := r.finished(); err != nil {
		t.Fatal(err)
	}
	stopped, err := Accounts(t.Context(), c)
	if diff := cmp.Diff(running, stopped); err != nil || diff != "" {
		t.Errorf("stopped, %v\n%s", err, diff)
	}
	enters(start(t, Config{DataDir: c.DataDir}))
}

// TestControlSocket looks at the socket itself: who may reach it, what it takes,
// and that it comes and goes with its server.
func TestControlSocket(t *testing.T) {
	r := start(t, Config{AccountID: owner})
	path := filepath.Join(r.config.DataDir, "control", "server.sock")
	for name, mode := range map[string]fs.FileMode{path: fs.ModeSocket | 0o600, filepath.Dir(path): fs.ModeDir | 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode() != mode {
			t.Errorf("%s has mode %v, want %v (%v)", name, info.Mode(), mode, err)
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/", "", 404},
		{"GET", "/bucket/key", "", 404},
		{"DELETE", "/accounts", "", 405},
		{"POST", "/accounts", "", 400},
		{"POST", "/accounts", "[]", 400},
		{"POST", "/accounts", `{"Name":"` + strings.Repeat("x", maxControlBody) + `"}`, 400},
		{"POST", "/accounts", `{"Name":"` + strings.Repeat("x", 200) + `"}`, 409},
		{"POST", "/accounts", `{"AccountID":"../../etc"}`, 409},
		{"GET", "/accounts", "", 200},
	} {
		q, err := http.NewRequest(c.method, "http://keywright"+c.path, bytes.NewReader([]byte(c.body)))
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(q)
		if err != nil {
			t.Fatalf("%s %s: %v", c.method, c.path, err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != c.status || strings.Contains(string(body), "Secret") {
			t.Errorf("%s %s: %d %s", c.method, c.path, response.StatusCode, body)
		}
	}
	if n := len(r.directory.Accounts()); n != 1 {
		t.Errorf("there are %d accounts", n)
	}
	if err := r.finished(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket outlives its server: %v", err)
	}

	// What a crash left is in nobody's way.
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(filepath.Dir(path), 0o755)); err != nil {
		t.Fatal(err)
	}
	again := start(t, Config{DataDir: r.config.DataDir})
	if accounts, err := Accounts(t.Context(), AccountsConfig{DataDir: r.config.DataDir, Log: again.config.Log}); err != nil || len(accounts) != 1 {
		t.Errorf("after a crash: %v, %v", accounts, err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("others may enter the folder: %v, %v", info.Mode(), err)
	}
}

// TestNoControlSocket has commands find a directory in use by what they cannot
// ask: a server whose path is too long for a socket, and no server at all.
func TestNoControlSocket(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	r := start(t, Config{DataDir: long})
	if !strings.Contains(r.log.String(), "too long for a control socket") {
		t.Errorf("the log does not say so:\n%s", r.log)
	}
	r.must(200, "GET", "/", "")
	held := t.TempDir()
	if err := os.WriteFile(filepath.Join(held, "directory.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := lockFolder(held)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	for _, dir := range []string{long, held} {
		c := AccountsConfig{DataDir: dir, Log: r.config.Log}
		_, added := AddAccount(t.Context(), c, "", "")
		_, listed := Accounts(t.Context(), c)
		for _, err := range []error{added, listed} {
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(e.Problem, "is in use by another keywright") || e.Usage {
				t.Errorf("%s: %v", dir, err)
			}
		}
	}
}

// endingContext ends once its error was asked for.
type endingContext struct {
	context.Context
	asked atomic.Bool
}

func (c *endingContext) Err() error {
	if c.asked.Swap(true) {
		return context.Canceled
	}
	return nil
}

// TestAddAccountInterrupted has whoever asks go away when the account is made:
// it gets its root's key all the same.
func TestAddAccountInterrupted(t *testing.T) {
	r := start(t, Config{AccountID: owner})
	added, err := addAccount(&endingContext{Context: t.Context()}, r.directory, elsewhere, "partner")
	if keys := r.directory.AccessKeys(elsewhere, ""); err != nil || len(keys) != 1 || keys[0].ID != added.RootKey.ID {
		t.Errorf("%v, with the keys %v", err, keys)
	}
}
