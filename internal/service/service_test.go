package service_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/keywright/keywright/internal/access"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/sigv4"
	"github.com/keywright/keywright/policy/eval"
)

// authority is an Authority that denies the actions it lists.
type authority struct {
	denied map[string]bool
	asked  []string
}

func (a *authority) Admit(s *sigv4.Signature) error {
	if s.AccessKeyID == stranger {
		return awserr.InvalidAccessKeyID
	}
	return nil
}

// stranger is an access key that nobody holds.
const stranger = "AKIASTRANGER"

func (a *authority) Authenticate(r *http.Request, s *sigv4.Signature, _ time.Time) (*access.Caller, *sigv4.Body, error) {
	body, err := sigv4.NewBody(r)
	if s == nil {
		return &access.Caller{Type: eval.Anonymous}, body, err
	}
	return &access.Caller{Type: eval.User, ARN: "arn:aws:iam::1:user/u"}, body, err
}

// Identify knows one token.
func (a *authority) Identify(_ context.Context, w service.WebIdentity, _ time.Time) (*service.Caller, error) {
	if w.Token != "good" {
		return nil, awserr.InvalidToken.WithMessage("not good for %s", w.RoleARN)
	}
	return &access.Caller{Type: eval.FederatedIdentity, ARN: "arn:aws:iam::1:oidc-provider/p", UserID: "arn:aws:iam::1:oidc-provider/p:app:alice"}, nil
}

func (a *authority) Authorize(q *access.Query) error {
	a.asked = append(a.asked, q.Need.Action)
	if a.denied[q.Need.Action] {
		return awserr.AccessDenied.WithMessage("no %s", q.Need.Action)
	}
	return nil
}

// protocol is a Service of one operation.
type protocol struct {
	name      string
	operation service.Operation
}

func (p protocol) Name() string                                          { return p.name }
func (p protocol) Recognise(*service.Request) (service.Operation, error) { return p.operation, nil }
func (p protocol) Fault(w http.ResponseWriter, _ *service.Request, e *awserr.Error) {
	service.WriteXML(w, e.Status, fmt.Sprintf("%s: %s: %s", p.name, e.Code, e.Message))
}

// documents is a DocumentService. It claims what is posted to its name.
type documents struct {
	protocol
	global   bool
	unsigned int64
}

func (d documents) Claims(r *http.Request) bool {
	return r.Method == "POST" && r.URL.Path == "/"+d.name
}
func (d documents) MaxLength() int64   { return 1 << 10 }
func (d documents) MaxUnsigned() int64 { return d.unsigned }
func (d documents) IsGlobal() bool     { return d.global }

func needs(actions ...string) func(*service.Request, struct{}) ([]service.Need, error) {
	return func(*service.Request, struct{}) (list []service.Need, err error) {
		for _, a := range actions {
			action, optional := strings.CutSuffix(a, "?")
			list = append(list, service.Need{Action: action, Optional: optional})
		}
		return list, nil
	}
}

func answer(text string) func(context.Context, *service.Request, struct{}) (*service.Response, error) {
	return func(context.Context, *service.Request, struct{}) (*service.Response, error) {
		return &service.Response{Data: []byte(text)}, nil
	}
}

type bench struct {
	authority authority
	log       bytes.Buffer
	handler   http.Handler
}

func newBench(op service.Operation, change func(*service.Options)) *bench {
	b := &bench{}
	o := service.Options{
		Authority: &b.authority, S3: protocol{"s3", op}, Region: "eu-central-1",
		Documents: []service.DocumentService{
			documents{protocol: protocol{"sts", op}, global: true}, documents{protocol: protocol{"iam", op}, global: true}, documents{protocol: protocol{"regional", op}},
		},
		Log: slog.New(slog.NewTextHandler(&b.log, nil)),
	}
	if change != nil {
		change(&o)
	}
	b.handler = service.NewDispatcher(o)
	return b
}

func (b *bench) send(r *http.Request) (int, string) {
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func get() *http.Request { return httptest.NewRequest("GET", "http://h/b", nil) }

// signed returns a request for a service, with a signature that nobody checks.
func signed(name, region, method, body string) *http.Request {
	r := httptest.NewRequest(method, "http://h/", strings.NewReader(body))
	r.Header.Set("X-Amz-Content-Sha256", sigv4.UnsignedPayload)
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	}
	sigv4.Signer{AccessKeyID: "AKIA", SecretAccessKey: "s", Region: region, Service: name}.Sign(r, sigv4.UnsignedPayload, time.Now())
	return r
}

func TestDefineDemandsAWholeRow(t *testing.T) {
	whole := service.Spec[struct{}]{Name: "Op", Parse: service.NoInput, Needs: needs("a:b"), Serve: answer("")}
	service.Define(whole)
	for name, spoil := range map[string]func(*service.Spec[struct{}]){
		"no name":                 func(s *service.Spec[struct{}]) { s.Name = "" },
		"no parse":                func(s *service.Spec[struct{}]) { s.Parse = nil },
		"no needs":                func(s *service.Spec[struct{}]) { s.Needs = nil },
		"nobody serves":           func(s *service.Spec[struct{}]) { s.Serve = nil },
		"needs and unconditional": func(s *service.Spec[struct{}]) { s.Unconditional = true },
	} {
		t.Run(name, func(t *testing.T) {
			s := whole
			spoil(&s)
			defer func() {
				if recover() == nil {
					t.Error("the row was accepted")
				}
			}()
			service.Define(s)
		})
	}
}

func TestWay(t *testing.T) {
	missing := func(context.Context, *service.Request, struct{}) (*service.Response, error) {
		return nil, awserr.NoSuchKey
	}
	reveals := func(*service.Request, struct{}) service.Need { return service.Need{Action: "a:Reveal"} }
	panics := func(context.Context, *service.Request, struct{}) (*service.Response, error) { panic("secret") }
	optional := func(_ context.Context, r *service.Request, _ struct{}) (*service.Response, error) {
		return &service.Response{Data: fmt.Appendf(nil, "%v %v %v", r.Denied(0) != nil, r.Denied(1) != nil, r.Denied(2) != nil)}, nil
	}
	for _, c := range []struct {
		name   string
		spec   service.Spec[struct{}]
		denied string
		status int
		body   string
		asked  string
	}{
		{"allowed", service.Spec[struct{}]{Needs: needs("a:One", "a:Two"), Serve: answer("done")}, "", 200, "done", "a:One a:Two"},
		{"first denied", service.Spec[struct{}]{Needs: needs("a:One", "a:Two"), Serve: panics}, "a:One", 403, "no a:One", "a:One"},
		{"second denied", service.Spec[struct{}]{Needs: needs("a:One", "a:Two"), Serve: panics}, "a:Two", 403, "no a:Two", "a:One a:Two"},
		{"optional denied", service.Spec[struct{}]{Needs: needs("a:One?", "a:Two"), Serve: optional}, "a:One", 200, "true false true", "a:One a:Two"},
		{"no needs at all", service.Spec[struct{}]{Needs: needs(), Serve: panics}, "", 500, "InternalError", ""},
		{"unconditional", service.Spec[struct{}]{Unconditional: true, Serve: answer("done")}, "", 200, "done", ""},
		{"missing and revealed", service.Spec[struct{}]{Needs: needs("a:One"), Serve: missing, Reveals: reveals}, "", 404, "NoSuchKey", "a:One a:Reveal"},
		{"missing and not revealed", service.Spec[struct{}]{Needs: needs("a:One"), Serve: missing, Reveals: reveals}, "a:Reveal", 403, "no a:Reveal", "a:One a:Reveal"},
		{"panic", service.Spec[struct{}]{Needs: needs("a:One"), Serve: panics}, "", 500, "InternalError", "a:One"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.spec.Name, c.spec.Parse = "Op", service.NoInput
			b := newBench(service.Define(c.spec), nil)
			b.authority.denied = map[string]bool{c.denied: true}
			status, body := b.send(get())
			if status != c.status || !strings.Contains(body, c.body) {
				t.Errorf("%d %s, want %d %s", status, body, c.status, c.body)
			}
			if asked := strings.Join(b.authority.asked, " "); asked != c.asked {
				t.Errorf("asked %q, want %q", asked, c.asked)
			}
			if strings.Contains(body, "secret") {
				t.Error("the client was told of the inside")
			}
			if n := strings.Count(b.log.String(), "msg=request"); n != 1 {
				t.Errorf("%d records of the request, want 1:\n%s", n, b.log.String())
			}
		})
	}
}

func TestUndefinedOperationIsNotServed(t *testing.T) {
	if status, body := newBench(service.Operation{Name: "Op"}, nil).send(get()); status != 501 {
		t.Errorf("%d %s", status, body)
	}
}

// unread fails the test when it is read.
type unread struct{ *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.Error("the body was read")
	return 0, io.EOF
}

func TestStrangersFormIsNotRead(t *testing.T) {
	op := service.Define(service.Spec[struct{}]{Name: "Op", Parse: service.NoInput, Unconditional: true, Serve: answer("")})
	r := httptest.NewRequest("POST", "http://h/", unread{t})
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sigv4.Signer{AccessKeyID: stranger, SecretAccessKey: "s", Region: "us-east-1", Service: "iam"}.Sign(r, sigv4.UnsignedPayload, time.Now())
	if status, body := newBench(op, nil).send(r); status != 403 || !strings.Contains(body, "iam: InvalidAccessKeyId") {
		t.Errorf("%d %s", status, body)
	}
}

func TestRoute(t *testing.T) {
	op := service.Define(service.Spec[struct{}]{Name: "Op", Parse: service.NoInput, Unconditional: true,
		Serve: func(_ context.Context, r *service.Request, _ struct{}) (*service.Response, error) {
			body, err := io.ReadAll(r.Body)
			return &service.Response{Data: append([]byte("served "), body...)}, err
		}})
	unsigned := func(path string) *http.Request {
		return httptest.NewRequest("POST", "http://h"+path, iotest.ErrReader(errors.New("a document that nobody signed was read")))
	}
	broken := unsigned("/regional")
	broken.Header.Set("Authorization", "AWS4-HMAC-SHA256 nonsense")
	crowded := get()
	for i := range 10000 {
		crowded.Header.Set(fmt.Sprintf("H-%d", i), "v")
	}
	for _, c := range []struct {
		name   string
		r      *http.Request
		status int
		body   string
	}{
		{"anonymous", get(), 200, "served "},
		{"s3", signed("s3", "eu-central-1", "GET", ""), 200, "served "},
		{"s3 in another region", signed("s3", "us-east-1", "GET", ""), 400, "s3: AuthorizationHeaderMalformed"},
		{"iam", signed("iam", "us-east-1", "POST", "A"), 200, "served A"},
		{"iam in the server's region", signed("iam", "eu-central-1", "POST", "A"), 200, "served A"},
		{"iam in another region", signed("iam", "eu-west-1", "POST", "A"), 403, "iam: SignatureDoesNotMatch"},
		{"sts", signed("sts", "eu-central-1", "GET", ""), 200, "served "},
		{"regional", signed("regional", "eu-central-1", "PUT", "B"), 200, "served B"},
		{"regional in the global region", signed("regional", "us-east-1", "PUT", "B"), 403, "regional: SignatureDoesNotMatch"},
		{"another service", signed("ec2", "eu-central-1", "GET", ""), 400, "belongs to &#34;s3&#34;, &#34;sts&#34;, &#34;iam&#34; and &#34;regional&#34;."},
		{"a document without end", signed("iam", "us-east-1", "POST", strings.Repeat("A", 1<<10+1)), 413, "iam: RequestEntityTooLarge"},
		{"the longest document", signed("iam", "us-east-1", "POST", strings.Repeat("A", 1<<10)), 200, "served AAA"},
		{"one that nobody signed", unsigned("/sts"), 403, "sts: MissingAuthenticationToken"},
		{"one to another service that nobody signed", unsigned("/regional"), 403, "regional: MissingAuthenticationToken"},
		{"one whose signature is broken", broken, 400, "regional: AuthorizationHeaderMalformed"},
		{"too many headers", crowded, 400, "RequestHeaderSectionTooLarge"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, body := newBench(op, nil).send(c.r); status != c.status || !strings.Contains(body, c.body) {
				t.Errorf("%d %s, want %d %s", status, body, c.status, c.body)
			}
		})
	}
}

// TestSlowClient holds that a body that stands still ends the request, and that
// one that moves slowly does not.
func TestSlowClient(t *testing.T) {
	op := service.Define(service.Spec[[]byte]{Name: "Op",
		Parse:         func(r *service.Request) ([]byte, error) { return r.ReadBody(1 << 20) },
		Unconditional: true,
		Serve: func(_ context.Context, _ *service.Request, body []byte) (*service.Response, error) {
			return &service.Response{Data: fmt.Appendf(nil, "%d bytes", len(body))}, nil
		}})
	idle := 300 * time.Millisecond
	server := httptest.NewServer(newBench(op, func(o *service.Options) { o.IdleTimeout = idle }).handler)
	defer server.Close()
	send := func(pieces int) string {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\nConnection: close\r\n\r\n")
		for range pieces {
			io.WriteString(c, "x")
			time.Sleep(idle / 4) // the client's pace is what is tested
		}
		answer, _ := io.ReadAll(c)
		return string(answer)
	}
	if a := send(8); !strings.Contains(a, "8 bytes") {
		t.Errorf("a slow client got %q", a)
	}
	if a := send(3); !strings.Contains(a, "RequestTimeout") {
		t.Errorf("a client that stands still got %q", a)
	}
}

// failing fails after its first bytes.
type failing struct{ io.Reader }

func (failing) Close() error { return nil }

// TestBrokenStream holds that a client is never led to take a part for the whole.
func TestBrokenStream(t *testing.T) {
	op := service.Define(service.Spec[struct{}]{Name: "Op", Parse: service.NoInput, Needs: needs("a:b"),
		Serve: func(context.Context, *service.Request, struct{}) (*service.Response, error) {
			stream := io.MultiReader(strings.NewReader("part"), iotestErr{errors.New("disk")})
			return &service.Response{Stream: failing{stream}, Length: 100}, nil
		}})
	server := httptest.NewServer(newBench(op, nil).handler)
	defer server.Close()
	server.Config.ErrorLog = nil
	r, err := http.Get(server.URL + "/b/k")
	if err == nil {
		_, err = io.ReadAll(r.Body)
	}
	if err == nil {
		t.Error("a broken answer looked whole")
	}
}

type iotestErr struct{ err error }

func (e iotestErr) Read([]byte) (int, error) { return 0, e.err }

func TestDecodeXML(t *testing.T) {
	type document struct{ A string }
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{"<document><A>1</A></document>", true},
		{"<?xml version=\"1.0\"?>\n<document/>\n<!-- end -->\n", true},
		{"<document/><document/>", false},
		{"<document/>trailing", false},
		{"<document>", false},
		{"", false},
		{"{}", false},
	} {
		var d document
		if err := service.DecodeXML([]byte(c.text), &d); (err == nil) != c.ok || err != nil && !errors.Is(err, awserr.MalformedXML) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}
