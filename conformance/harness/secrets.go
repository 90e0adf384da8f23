package harness

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// Secrets is a set of strings that a server must never write anywhere. It is
// safe for concurrent use.
type Secrets struct {
	mutex sync.Mutex
	known map[string]bool
}

// Totals of every Search of this process.
var (
	SecretsSearched atomic.Int64 // secrets that were looked for
	FilesSearched   atomic.Int64 // files that were looked into
)

// Add adds secrets, as they are and as they stand in URLs; empty ones are left
// out.
func (s *Secrets) Add(secrets ...string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.known == nil {
		s.known = map[string]bool{}
	}
	for _, secret := range secrets {
		if secret != "" {
			s.known[secret], s.known[url.QueryEscape(secret)] = true, true
		}
	}
}

// Search looks into the files, and into all files below those that are
// directories, and returns an error for every secret that one of them shows.
// The error names the file and not the secret.
func (s *Secrets) Search(paths ...string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	SecretsSearched.Add(int64(len(s.known)))
	var errs []error
	for _, path := range paths {
		err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			FilesSearched.Add(1)
			shown, err := s.in(path)
			if shown > 0 {
				errs = append(errs, fmt.Errorf("%s shows %d secrets", path, shown))
			}
			return err
		})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// in counts the secrets that a file shows.
func (s *Secrets) in(path string) (int, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	const overlap = 4 << 10 // no secret is longer
	window, kept := make([]byte, 1<<20), 0
	shown := map[string]bool{}
	for {
		n, err := io.ReadFull(file, window[kept:])
		content := window[:kept+n]
		for secret := range s.known {
			if bytes.Contains(content, []byte(secret)) {
				shown[secret] = true
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return len(shown), nil
		}
		if err != nil {
			return len(shown), err
		}
		kept = copy(window, content[len(content)-overlap:])
	}
}

// random returns n characters of alphabet.
func random(n int, alphabet string) string {
	b := make([]byte, n)
	rand.Read(b)
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}
