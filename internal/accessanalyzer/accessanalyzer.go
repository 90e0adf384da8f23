package accessanalyzer

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/service"
)

// api holds, for each operation of the API, the method and the path of its
// requests. A segment of the path in braces stands for any.
//
//go:embed api.json
var api []byte

// Service is the API. It implements service.DocumentService.
type Service struct {
	routes []route
	served map[string]service.Operation
}

// route is how the requests of an operation are recognised.
type route struct {
	operation, method string
	segments          []string
}

// New returns the service.
func New() (*Service, error) {
	var operations map[string]string
	if err := json.Unmarshal(api, &operations); err != nil {
		return nil, fmt.Errorf("accessanalyzer: api.json: %w", err)
	}
	s := &Service{served: map[string]service.Operation{}}
	for name, request := range operations {
		method, path, _ := strings.Cut(request, " ")
		s.routes = append(s.routes, route{name, method, strings.Split(path, "/")})
	}
	for _, o := range []service.Operation{validatePolicy} {
		if _, known := operations[o.Name]; !known {
			return nil, fmt.Errorf("accessanalyzer: there is no operation %s", o.Name)
		}
		s.served[o.Name] = o
	}
	return s, nil
}

// Name returns the service's name in a signature's credential scope.
func (s *Service) Name() string { return "access-analyzer" }

// IsGlobal returns false: the service is one of each region.
func (s *Service) IsGlobal() bool { return false }

// maxLength is more than any type of policy may have, written as a JSON string.
const maxLength = 256 << 10

// MaxUnsigned returns 0: every operation asks for a signature.
func (s *Service) MaxUnsigned() int64 { return 0 }

// MaxLength returns how many bytes the body of a request may have.
func (s *Service) MaxLength() int64 { return maxLength }

// Claims reports whether a request is one that only this service has: JSON, to
// the path of an operation that is served, without the parameters by which S3
// tells its operations on an object of that name.
func (s *Service) Claims(r *http.Request) bool {
	t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if t != "application/json" {
		return false
	}
	name, known := s.find(r.Method, r.URL.EscapedPath())
	if _, served := s.served[name]; !known || !served {
		return false
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return false
	}
	for parameter := range query {
		if !slices.Contains(parameters, parameter) {
			return false
		}
	}
	return true
}

// find returns the operation of a method and a path.
func (s *Service) find(method, path string) (operation string, known bool) {
	segments := strings.Split(path, "/")
	for _, r := range s.routes {
		if r.method == method && slices.EqualFunc(r.segments, segments, matches) {
			return r.operation, true
		}
	}
	return "", false
}

func matches(pattern, segment string) bool {
	return pattern == segment || strings.HasPrefix(pattern, "{") && segment != ""
}

// Recognise finds the operation that a request's method and path name. It fails
// with UnknownOperation for one that the API does not have, and with
// NotImplemented for one that only AWS serves.
func (s *Service) Recognise(r *service.Request) (service.Operation, error) {
	name, known := s.find(r.HTTP.Method, r.HTTP.URL.EscapedPath())
	if !known {
		return service.Operation{}, unknownOperation.WithMessage("There is no operation %s %s.", r.HTTP.Method, r.HTTP.URL.Path)
	}
	o, served := s.served[name]
	if !served {
		return service.Operation{}, awserr.NotImplemented.WithMessage("The operation %s is not implemented.", name)
	}
	return o, nil
}
