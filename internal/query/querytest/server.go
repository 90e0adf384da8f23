// Package querytest drives services of the Query protocol through the real
// dispatcher, for callers that a test chooses: by hand, or by a script of
// requests and answers. It authenticates nobody, and allows whatever a test
// does not deny; what a request needed is there to be checked.
package querytest

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keywright/keywright/internal/access"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/oidc"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/sigv4"
)

// Now is the time at which all requests are made.
var Now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// versions are the versions of the APIs that requests ask for.
var versions = map[string]string{"iam": "2010-05-08", "sts": "2011-06-15"}

// Server is a dispatcher with a caller.
type Server struct {
	Caller *service.Caller // of the next requests; nil sends them without a signature

	// Identities are who shows a token of an identity provider. Any other token
	// is none.
	Identities map[string]*service.Caller

	Deny  map[string]bool // the actions that the caller is not allowed
	Asked []service.Need  // by the last request
	Fail  *awserr.Error   // what authentication fails with; nil lets it succeed

	Calls []Call // all requests so far

	t       testing.TB
	handler http.Handler
}

// Call is a request that was made.
type Call struct {
	Service, Operation string
	Body               string
	Status             int
	Needs              []service.Need
	Answer             *Answer
}

// New returns a server of services.
func New(t testing.TB, services ...service.DocumentService) *Server {
	s := &Server{t: t, Deny: map[string]bool{}}
	s.handler = service.NewDispatcher(service.Options{
		Authority: (*authority)(s),
		S3:        noS3{},
		Documents: services,
		Region:    "us-east-1",
		Log:       slog.New(slog.NewTextHandler(io.Discard, nil)),
		Now:       func() time.Time { return Now },
	})
	return s
}

// Call makes a request with pairs of names and values of parameters.
func (s *Server) Call(serviceName, operation string, params ...string) *Answer {
	form := url.Values{"Action": {operation}, "Version": {versions[serviceName]}}
	for i := 0; i+1 < len(params); i += 2 {
		form.Add(params[i], params[i+1])
	}
	body := form.Encode()
	a := s.Post(serviceName, body)
	s.Calls = append(s.Calls, Call{serviceName, operation, body, a.Status, s.Asked, a})
	return a
}

// Post makes a request with a body.
func (s *Server) Post(serviceName, body string) *Answer {
	return s.Send(http.MethodPost, serviceName, "", body)
}

// Send makes a request with a query string and a body.
func (s *Server) Send(method, serviceName, query, body string) *Answer {
	r := httptest.NewRequest(method, "http://localhost/?"+query, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if s.Caller == nil {
		return s.serve(r)
	}
	r.Header.Set("X-Amz-Date", Now.Format("20060102T150405Z"))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/"+Now.Format("20060102")+"/us-east-1/"+serviceName+
		"/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64))
	return s.serve(r)
}

func (s *Server) serve(r *http.Request) *Answer {
	s.Asked = nil
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return parseAnswer(s.t, w)
}

// authority is a Server as the dispatcher's authority.
type authority Server

func (a *authority) Admit(*sigv4.Signature) error { return nil }

func (a *authority) Authenticate(r *http.Request, _ *sigv4.Signature, _ time.Time) (*service.Caller, *sigv4.Body, error) {
	if a.Fail != nil {
		return nil, nil, a.Fail
	}
	body, err := sigv4.NewBody(r)
	if a.Caller == nil {
		return &service.Caller{}, body, err
	}
	return a.Caller, body, err
}

func (a *authority) Identify(_ context.Context, w service.WebIdentity, _ time.Time) (*service.Caller, error) {
	if c, ok := a.Identities[w.Token]; ok {
		return c, nil
	}
	return nil, oidc.ErrInvalid
}

func (a *authority) Authorize(q *access.Query) error {
	a.Asked = append(a.Asked, q.Need)
	if a.Deny[q.Need.Action] {
		return awserr.AccessDenied.WithMessage("User: %s is not authorized to perform: %s on resource: %s", q.Caller.ARN, q.Need.Action, cmp.Or(q.Need.Shown, q.Need.Resource))
	}
	return nil
}

// noS3 stands where S3 would: no request of the Query protocol reaches it.
type noS3 struct{}

func (noS3) Name() string { return "s3" }

func (noS3) Recognise(*service.Request) (service.Operation, error) {
	return service.Operation{}, awserr.NotImplemented
}

func (noS3) Fault(w http.ResponseWriter, _ *service.Request, e *awserr.Error) {
	http.Error(w, e.Code, e.Status)
}
