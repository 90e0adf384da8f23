package service

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/access"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/proxy"
	"github.com/keywright/keywright/internal/sigv4"
)

// Service is one of the protocols on the port.
type Service interface {
	// Name is the service's name in a signature's credential scope.
	Name() string
	// Recognise finds the operation that an authenticated request asks for,
	// and sets the request's Bucket and Key. It fails with NotImplemented, or
	// as the protocol demands, when there is none.
	Recognise(*Request) (Operation, error)
	// Fault writes an error in the protocol's shape.
	Fault(http.ResponseWriter, *Request, *awserr.Error)
}

// DocumentService is a Service whose requests are documents of bounded length.
// They are read whole before they are authenticated, once it is known that
// somebody holds the access key: the signature covers the hash of what was read.
type DocumentService interface {
	Service
	// Claims reports whether a request looks like one to this service, so that it
	// is answered in the service's shape even when it has no signature, or one
	// that cannot be read.
	Claims(*http.Request) bool
	// MaxLength is how many bytes a document may have.
	MaxLength() int64
	// MaxUnsigned is how many bytes a document without a signature may have: 0
	// when there is no operation whose input brings its caller's credential.
	MaxUnsigned() int64
	// IsGlobal reports whether the service is one that clients sign for in
	// us-east-1, wherever they are.
	IsGlobal() bool
}

// FormService is a Service to which a browser can post a form, whose fields are
// what its signature and its parameters are.
type FormService interface {
	// FormBucket returns the bucket that a request posts a form to, or false for
	// any other request.
	FormBucket(*http.Request) (string, bool)
}

// Decorator is a Service that adds headers to every answer, errors included.
type Decorator interface {
	Decorate(http.Header, *Request)
}

// Authority says who a caller is and what he may do.
type Authority interface {
	// Admit fails when nobody can have made the signature, so that the body of
	// a stranger's request is not read.
	Admit(*sigv4.Signature) error
	Authenticate(*http.Request, *sigv4.Signature, time.Time) (*Caller, *sigv4.Body, error)
	// Identify is Authenticate for a credential that is no signature.
	Identify(context.Context, WebIdentity, time.Time) (*Caller, error)
	Authorize(*access.Query) error
}

// Options configure a Dispatcher. Those without a comment must be given.
type Options struct {
	Authority Authority
	S3        Service           // serves whatever no other service claims
	Documents []DocumentService // all others; the first that claims a request has it
	Region    string
	Proxies   proxy.Trusted // whose word on who sent a request is believed
	Log       *slog.Logger  // one record for each request

	Now         func() time.Time // nil is time.Now
	IdleTimeout time.Duration    // of a body that does not move; 0 is a minute
}

// Dispatcher serves all services on one port. It is an http.Handler.
type Dispatcher struct{ Options }

// NewDispatcher returns a dispatcher.
func NewDispatcher(o Options) *Dispatcher {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = time.Minute
	}
	return &Dispatcher{o}
}

// maxHeader is the most that the names and values of a request's headers may
// take: S3 allows 8 KiB, session tokens come on top.
const maxHeader = 24 << 10

// ServeHTTP serves one request. Whatever goes wrong, the client gets an error
// of its protocol and the log gets the cause.
func (d *Dispatcher) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	deadline, hr := newDeadline(w, hr, d.IdleTimeout)
	defer deadline.clear()
	r := &Request{HTTP: hr, ID: newRequestID(), HostID: newHostID(), Time: d.Now(), service: d.S3}
	defer r.end()
	out := &countingWriter{ResponseWriter: w, deadline: deadline}
	h := out.Header()
	h.Set("X-Amz-Request-Id", r.ID)
	h.Set("X-Amz-Id-2", r.HostID)
	h.Set("Server", "Keywright")

	response, err := d.serve(hr.Context(), r)
	if s, ok := r.service.(Decorator); ok {
		s.Decorate(h, r)
	}
	if err == nil {
		err = response.write(out, r)
		if err != nil && out.status != 0 {
			d.record(r, out, err)
			// The status is out: only a broken connection tells the client.
			panic(http.ErrAbortHandler)
		}
	}
	if err != nil {
		r.service.Fault(out, r, asFault(err))
	}
	d.record(r, out, err)
}

// asFault returns what the client is told of err.
func asFault(err error) *awserr.Error {
	var e *awserr.Error
	if !errors.As(err, &e) && errors.Is(err, os.ErrDeadlineExceeded) {
		return awserr.RequestTimeout.WithCause(err)
	}
	return awserr.From(err)
}

// serve is the whole way of a request; a panic on it becomes an internal error.
func (d *Dispatcher) serve(ctx context.Context, r *Request) (response *Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			d.Log.Error("panic", "requestId", r.ID, "panic", p, "stack", stack())
			response, err = nil, awserr.InternalError
		}
	}()
	if err := d.authenticate(r); err != nil {
		return nil, err
	}
	r.identify = func(w WebIdentity) (*Caller, error) { return d.Authority.Identify(ctx, w, r.Time) }
	op, err := r.service.Recognise(r)
	if r.unsigned && (err != nil || !op.identifies) {
		return nil, awserr.MissingAuthenticationToken // nobody is told more without one
	}
	if err != nil {
		return nil, err
	}
	if op.plan == nil {
		return nil, awserr.NotImplemented
	}
	r.operation = op.Name
	p, err := op.plan(r)
	if err != nil {
		return nil, err
	}
	if len(p.needs) == 0 && !op.unconditional {
		return nil, awserr.InternalError.WithCause(errors.New("operation " + op.Name + " asked for no permission"))
	}
	if err := d.authorize(ctx, r, p.needs); err != nil {
		return nil, err
	}
	response, err = p.serve(ctx)
	if err != nil && p.reveals != nil && missing(err) {
		if denied := d.Authority.Authorize(d.question(ctx, r, p.reveals())); denied != nil {
			return nil, denied
		}
	}
	return response, err
}

// missing reports whether err says that what was asked for does not exist.
func missing(err error) bool {
	return errors.Is(err, awserr.NoSuchKey) || errors.Is(err, awserr.NoSuchVersion)
}

func (d *Dispatcher) authenticate(r *Request) error {
	if headerSize(r.HTTP.Header) > maxHeader {
		return awserr.RequestHeadersTooLong.With("MaxSizeAllowed", "24576")
	}
	client, unknown := d.Proxies.Client(r.HTTP)
	r.Client = client
	signature, err := d.route(r)
	switch {
	case err != nil:
		return err
	case unknown != nil: // told in the shape of the service's protocol
		return awserr.InvalidRequest.WithMessage("This server does not know where the request comes from: %s.", unknown)
	}
	r.Signature = signature
	r.Caller, r.Body, err = d.Authority.Authenticate(r.HTTP, signature, r.Time)
	if err == nil && r.Form != nil {
		r.Body = sigv4.FormBody(r.Form)
	}
	return err
}

func (d *Dispatcher) authorize(ctx context.Context, r *Request, needs []Need) error {
	r.denied = make([]error, len(needs))
	q := d.question(ctx, r, Need{})
	for i, n := range needs {
		q.Need = n
		err := d.Authority.Authorize(q)
		if err != nil && !n.Optional {
			return err
		}
		r.denied[i] = err
	}
	return nil
}

func (d *Dispatcher) question(ctx context.Context, r *Request, n Need) *access.Query {
	return &access.Query{Context: ctx, HTTP: r.HTTP, Client: r.Client, Time: r.Time, Caller: r.Caller, Need: n}
}

func headerSize(h http.Header) int {
	n := 0
	for name, values := range h {
		for _, v := range values {
			n += len(name) + len(v)
		}
	}
	return n
}

func newRequestID() string {
	var b [8]byte
	rand.Read(b[:])
	return strings.ToUpper(hex.EncodeToString(b[:]))
}

func newHostID() string {
	var b [48]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}
