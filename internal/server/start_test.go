package server

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/keywright/keywright/internal/directory"
)

// open opens a server and closes it again at the test's end, or at close.
func open(t *testing.T, c Config) *Server {
	t.Helper()
	c, _ = configOf(t, c)
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// fails opens what must not open, and returns the error.
func fails(t *testing.T, c Config) *Error {
	t.Helper()
	c, _ = configOf(t, c)
	s, err := Open(t.Context(), c)
	if err == nil {
		s.Close()
		t.Fatal("Open succeeded")
	}
	return problem(t, err)
}

func closeServer(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestConfig(t *testing.T) {
	long := strings.Repeat("1", 21)
	cases := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no data", func(c *Config) { c.DataDir = "" }, "no name"},
		{"short account", func(c *Config) { c.AccountID = "12345678901" }, "not an account id"},
		{"long account", func(c *Config) { c.AccountID = long }, "not an account id"},
		{"letters in the account", func(c *Config) { c.AccountID = "12345678901a" }, "not an account id"},
		{"region", func(c *Config) { c.Region = "US East" }, "not the name of a region"},
		{"no region", func(c *Config) { c.Region = "" }, "not the name of a region"},
		{"bucket defaults", func(c *Config) { c.BucketDefaults = "Legacy" }, `no bucket defaults "Legacy"`},
		{"certificate without key", func(c *Config) { c.TLSCert = "cert.pem" }, "both a certificate and its key"},
		{"key without certificate", func(c *Config) { c.TLSKey = "key.pem" }, "both a certificate and its key"},
		{"address without port", func(c *Config) { c.Listen = "127.0.0.1" }, "cannot listen"},
		{"domain with port", func(c *Config) { c.Domains = []string{"localhost:9000"} }, "not a domain"},
		{"empty domain", func(c *Config) { c.Domains = []string{""} }, "not a domain"},
		{"proxy by name", func(c *Config) { c.TrustedProxies = []string{"10.0.0.1", "proxy.example.com"} }, `"proxy.example.com" is neither`},
		{"proxy with bits behind the prefix", func(c *Config) { c.TrustedProxies = []string{"10.0.0.1/8"} }, "did you mean 10.0.0.0/8?"},
		{"root key without secret", func(c *Config) { c.RootKey.Secret = "" }, "both an id and a secret"},
		{"root secret without id", func(c *Config) { c.RootKey.ID = "" }, "both an id and a secret"},
		{"short root id", func(c *Config) { c.RootKey.ID = "admin" }, "not an access key id"},
		{"short root secret", func(c *Config) { c.RootKey.Secret = "tooShort1" }, "cannot be used as a secret"},
		{"blank in the root secret", func(c *Config) { c.RootKey.Secret = "a secret of many words" }, "cannot be used as a secret"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config, _ := configOf(t, Config{})
			c.change(&config)
			_, err := Open(t.Context(), config)
			e := problem(t, err)
			if !e.Usage || !strings.Contains(e.Problem, c.want) {
				t.Errorf("usage %v, %q: want %q", e.Usage, e.Problem, c.want)
			}
			if s := config.RootKey.Secret; s != "" && strings.Contains(e.Error()+e.Hint, s) {
				t.Errorf("the error tells the secret: %v", e)
			}
		})
	}
}

func TestFirstStart(t *testing.T) {
	c, _ := configOf(t, Config{DataDir: filepath.Join(t.TempDir(), "new", "data")})
	c.RootKey = AccessKey{}
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	id, key := s.AccountID(), s.NewRootKey()
	if !regexp.MustCompile(`^[1-9][0-9]{11}$`).MatchString(id) {
		t.Errorf("account %q, want 12 digits", id)
	}
	if key == nil || !strings.HasPrefix(key.ID, "AKIA") || len(key.Secret) != 40 {
		t.Fatalf("root key %v", key)
	}
	if strings.Contains(key.String()+key.GoString(), key.Secret) {
		t.Error("the key prints its secret")
	}
	checkModes(t, c.DataDir)
	closeServer(t, s)

	s, err = Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer closeServer(t, s)
	if s.AccountID() != id {
		t.Errorf("account %s at the second start, %s at the first", s.AccountID(), id)
	}
	if s.NewRootKey() != nil {
		t.Error("the second start made a root key too")
	}
}

func checkModes(t *testing.T, folder string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files++
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v: others may use it", path, info.Mode())
		}
		if path == filepath.Join(folder, "objects") {
			return fs.SkipDir // closed to others, with all that is in it
		}
		return nil
	})
	if err != nil || files < 5 {
		t.Errorf("%d files, error %v", files, err)
	}
}

// TestRootKeyIsNotMadeAgain: deleting the root's keys is a measure, and a start
// does not undo it once the account has been used.
func TestRootKeyIsNotMadeAgain(t *testing.T) {
	c, _ := configOf(t, Config{})
	c.RootKey = AccessKey{}
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	account := s.AccountID()
	if _, err := s.directory.CreateUser(t.Context(), directory.User{AccountID: account, Path: "/", Name: "David"}); err != nil {
		t.Fatal(err)
	}
	if err := s.directory.DeleteAccessKey(t.Context(), account, "", s.NewRootKey().ID); err != nil {
		t.Fatal(err)
	}
	closeServer(t, s)
	s, err = Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer closeServer(t, s)
	if k := s.NewRootKey(); k != nil {
		t.Errorf("made root key %s", k)
	}
}

func TestAccountID(t *testing.T) {
	c := Config{DataDir: t.TempDir(), AccountID: "700001145864652591"}
	s := open(t, c)
	if s.AccountID() != c.AccountID {
		t.Errorf("account %s", s.AccountID())
	}
	closeServer(t, s)
	closeServer(t, open(t, c)) // the same id again
	closeServer(t, open(t, Config{DataDir: c.DataDir}))
	c.AccountID = "111122223333"
	if e := fails(t, c); !strings.Contains(e.Problem, "700001145864652591") {
		t.Errorf("%v does not say which account there is", e)
	}
}

// TestGivenRootKey: the same key again changes nothing, another replaces all.
func TestGivenRootKey(t *testing.T) {
	c := Config{DataDir: t.TempDir()}
	s := open(t, c)
	if s.NewRootKey() != nil {
		t.Error("a root key was made although one was given")
	}
	second, _, err := s.directory.CreateAccessKey(t.Context(), s.AccountID(), "")
	if err != nil {
		t.Fatal(err)
	}
	closeServer(t, s)

	s = open(t, c)
	wantKeys(t, s, givenKey.ID, second.ID)
	closeServer(t, s)

	c.RootKey = AccessKey{ID: givenKey.ID, Secret: "another secret"[:7] + strings.Repeat("x", 20)}
	s = open(t, c)
	wantKeys(t, s, givenKey.ID)
	if k, _ := s.directory.Credential(givenKey.ID); k.Secret != c.RootKey.Secret {
		t.Error("the secret was not replaced")
	}
	closeServer(t, s)

	c.RootKey = AccessKey{ID: "AKIANEWANDDIFFERENT1", Secret: strings.Repeat("y", 40)}
	s = open(t, c)
	wantKeys(t, s, "AKIANEWANDDIFFERENT1")
	if _, ok := s.directory.Credential(givenKey.ID); ok {
		t.Error("the old key still works")
	}
}

func wantKeys(t *testing.T, s *Server, ids ...string) {
	t.Helper()
	keys := s.directory.AccessKeys(s.AccountID(), "")
	got := map[string]bool{}
	for _, k := range keys {
		got[k.ID] = true
	}
	for _, id := range ids {
		if !got[id] {
			t.Errorf("root key %s is gone", id)
		}
	}
	if len(keys) != len(ids) {
		t.Errorf("%d root keys, want %d", len(keys), len(ids))
	}
}

func TestGivenRootKeyOfAnother(t *testing.T) {
	c := Config{DataDir: t.TempDir()}
	s := open(t, c)
	if _, err := s.directory.CreateUser(t.Context(), directory.User{AccountID: s.AccountID(), Path: "/", Name: "David"}); err != nil {
		t.Fatal(err)
	}
	k, _, err := s.directory.CreateAccessKey(t.Context(), s.AccountID(), "David")
	if err != nil {
		t.Fatal(err)
	}
	closeServer(t, s)
	c.RootKey = AccessKey{ID: k.ID, Secret: strings.Repeat("z", 40)}
	if e := fails(t, c); !strings.Contains(e.Problem, "somebody else") {
		t.Errorf("%v", e)
	}
}

func TestOneProcess(t *testing.T) {
	c := Config{DataDir: t.TempDir()}
	s := open(t, c)
	if e := fails(t, c); !strings.Contains(e.Problem, "in use by another keywright (process ") {
		t.Errorf("%v", e)
	}
	closeServer(t, s)
	closeServer(t, open(t, c))
}

func TestAddressInUse(t *testing.T) {
	s := open(t, Config{})
	c := Config{DataDir: t.TempDir(), Listen: s.listener.Addr().String()}
	if e := fails(t, c); !strings.Contains(e.Hint, "another port") {
		t.Errorf("%v, hint %s", e, e.Hint)
	}
	if _, err := os.Stat(filepath.Join(c.DataDir, "directory.db")); err == nil {
		t.Error("a start that could not listen made an account")
	}
}

func TestUnusableFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if e := fails(t, Config{DataDir: file}); !strings.Contains(e.Problem, file) {
		t.Errorf("%v", e)
	}
}

func TestMasterKey(t *testing.T) {
	c := Config{DataDir: t.TempDir()}
	closeServer(t, open(t, c))
	path := filepath.Join(c.DataDir, "keys", "master.key")
	key, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if e := fails(t, c); !strings.Contains(e.Problem, path) {
		t.Errorf("missing: %v", e)
	}
	c.MasterKey = string(key)
	closeServer(t, open(t, c))
	if _, err := os.Stat(path); err == nil {
		t.Error("the key from the environment was written to the disk")
	}
	c.MasterKey = "not a key"
	if e := fails(t, c); strings.Contains(e.Error()+e.Hint, "not a key") {
		t.Errorf("the error tells the key: %v", e)
	}
	c.MasterKey = ""
	if err := os.WriteFile(path, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, c)

	other := t.TempDir()
	closeServer(t, open(t, Config{DataDir: other}))
	wrong, err := os.ReadFile(filepath.Join(other, "keys", "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, wrong, 0o600); err != nil {
		t.Fatal(err)
	}
	if e := fails(t, c); !strings.Contains(e.Error()+e.Hint, "master key") {
		t.Errorf("another directory's key: %v, hint %s", e, e.Hint)
	}
}

// TestReconcile: a bucket that the directory knows, and for which a crash left
// the object store without room, can be used after a start.
func TestReconcile(t *testing.T) {
	c := Config{DataDir: t.TempDir()}
	s := open(t, c)
	if _, err := s.directory.CreateBucket(t.Context(), directory.Bucket{Name: "my-bucket", AccountID: s.AccountID(), Region: "us-east-1", Ownership: "BucketOwnerEnforced"}); err != nil {
		t.Fatal(err)
	}
	closeServer(t, s)
	r := start(t, c)
	r.must(200, "PUT", "/my-bucket/key", "content")
	if got := r.must(200, "GET", "/my-bucket/key", ""); got != "content" {
		t.Errorf("got %q", got)
	}
}
