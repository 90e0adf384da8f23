package querytest

import (
	"net/http"
	"testing"
)

// Fuzz sends anything to one of the server's services. It begins with requests
// that were made, two that were served and one that was refused of each
// operation, and there must be one that was served of each: so it reaches what
// reads the parameters and documents of all of them. No request may fail for a
// reason that is the server's, or get an answer that cannot be read.
func (s *Server) Fuzz(f *testing.F, service string, operations []string, made []Call) {
	f.Helper()
	served, refused := map[string]int{}, map[string]bool{}
	for _, c := range made {
		ok := c.Status == http.StatusOK
		switch {
		case c.Service != service:
			continue
		case ok && served[c.Operation] < 2:
			served[c.Operation]++
		case !ok && !refused[c.Operation]:
			refused[c.Operation] = true
		default:
			continue
		}
		f.Add(c.Body)
	}
	for _, name := range operations {
		if served[name] == 0 {
			f.Errorf("no request of %s is served: its parser is not fuzzed", name)
		}
	}
	f.Logf("parsers: %d operations are reached", len(served))
	f.Fuzz(func(t *testing.T, body string) {
		s.t = t
		if a := s.Post(service, body); a.Status >= 500 && a.Status != http.StatusNotImplemented {
			t.Fatalf("%q\nis answered with %d: %s", body, a.Status, a.Body)
		}
	})
}
