package kms

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
)

// api holds the names of all operations of the API.
//
//go:embed api.json
var api []byte

// Service is the API. It implements service.DocumentService.
type Service struct {
	directory *directory.Directory
	region    string
	known     map[string]bool
	served    map[string]service.Operation
}

// New returns the service over a directory. region is the server's.
func New(d *directory.Directory, region string) (*Service, error) {
	var names []string
	if err := json.Unmarshal(api, &names); err != nil {
		return nil, fmt.Errorf("kms: api.json: %w", err)
	}
	s := &Service{directory: d, region: region, known: map[string]bool{}, served: map[string]service.Operation{}}
	for _, name := range names {
		s.known[name] = true
	}
	for _, rows := range [][]service.Operation{s.keyRows(), s.stateRows(), s.rotationRows(), s.aliasRows(), s.policyRows(), s.tagRows(), s.cryptographicRows()} {
		for _, o := range rows {
			if !s.known[o.Name] {
				return nil, fmt.Errorf("kms: there is no operation %s", o.Name)
			}
			s.served[o.Name] = o
		}
	}
	return s, nil
}

// Name returns the service's name in a signature's credential scope.
func (s *Service) Name() string { return "kms" }

// IsGlobal returns false: the service is one of each region.
func (s *Service) IsGlobal() bool { return false }

// maxLength has room for the longest key policy, written as a JSON string.
const maxLength = 512 << 10

// MaxUnsigned returns 0: every operation asks for a signature.
func (s *Service) MaxUnsigned() int64 { return 0 }

// MaxLength returns how many bytes the body of a request may have.
func (s *Service) MaxLength() int64 { return maxLength }

// targetPrefix begins the header X-Amz-Target of every request.
const targetPrefix = "TrentService."

// Claims reports whether a request names an operation of this service.
func (s *Service) Claims(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
}

// Recognise finds the operation that a request's X-Amz-Target names. It fails
// with UnknownOperation for one that the API does not have, and with
// NotImplemented for one that only AWS serves.
func (s *Service) Recognise(r *service.Request) (service.Operation, error) {
	name, ok := strings.CutPrefix(r.HTTP.Header.Get("X-Amz-Target"), targetPrefix)
	if !ok || r.HTTP.Method != http.MethodPost || r.HTTP.URL.Path != "/" || !s.known[name] {
		return service.Operation{}, unknownOperation
	}
	o, served := s.served[name]
	if !served {
		return service.Operation{}, awserr.NotImplemented.WithMessage("The operation %s is not implemented.", name)
	}
	return o, nil
}
