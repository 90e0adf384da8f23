package service

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/postform"
	"github.com/keywright/keywright/internal/sigv4"
)

// globalRegion is the region that clients sign requests to global services for,
// wherever the server is ("AWS Identity and Access Management endpoints and
// quotas", AWS General Reference).
const globalRegion = "us-east-1"

// route finds the request's service by the scope of its signature, and reads
// the document of a request to any service but S3.
func (d *Dispatcher) route(r *Request) (*sigv4.Signature, error) {
	if r.HTTP.Method == http.MethodOptions {
		return nil, nil // a browser asks before its request, with the URL and no signature of it
	}
	if forms, ok := d.S3.(FormService); ok {
		if bucket, ok := forms.FormBucket(r.HTTP); ok {
			return d.readForm(r, bucket)
		}
	}
	claimed := d.claim(r)
	s, err := sigv4.Parse(r.HTTP)
	if err != nil {
		return nil, err
	}
	if s == nil && claimed != nil {
		r.unsigned = true
		return nil, readUnsigned(r.HTTP, claimed)
	}
	if s == nil {
		return nil, nil
	}
	if s.Service == d.S3.Name() {
		r.service = d.S3
		return s, s.CheckRegion(d.Region)
	}
	of := d.documentService(s.Service)
	if of == nil {
		return nil, awserr.AuthorizationHeaderMalformed.WithMessage("The authorization header is malformed; incorrect service %q. This endpoint belongs to %s.", s.Service, d.services())
	}
	r.service = of
	if !of.IsGlobal() || s.Region != globalRegion {
		if err := s.CheckRegion(d.Region); err != nil {
			return nil, err
		}
	}
	if err := d.Authority.Admit(s); err != nil {
		return nil, err
	}
	return s, readDocument(r.HTTP, s, of.MaxLength())
}

// readForm reads a form up to its file. Its signature is in its fields, and must
// not be anywhere else.
func (d *Dispatcher) readForm(r *Request, bucket string) (*sigv4.Signature, error) {
	if s, err := sigv4.Parse(r.HTTP); s != nil || err != nil {
		return nil, awserr.InvalidArgument.WithMessage("Only one auth mechanism allowed; a form is signed in its fields.").
			With("ArgumentName", "Authorization").WithCause(err)
	}
	var err error
	if r.Form, err = postform.Read(r.HTTP, bucket); err != nil {
		return nil, err
	}
	s, err := sigv4.ParseForm(r.Form)
	if s == nil || err != nil {
		return nil, err
	}
	return s, s.CheckRegion(d.Region)
}

// claim makes the first service that takes the request for its own the one to
// answer it, until its signature says otherwise. One that serves requests without
// a signature comes before all others.
func (d *Dispatcher) claim(r *Request) DocumentService {
	var first DocumentService
	for _, s := range d.Documents {
		if s.Claims(r.HTTP) && (first == nil || first.MaxUnsigned() == 0 && s.MaxUnsigned() > 0) {
			first = s
		}
	}
	if first != nil {
		r.service = first
	}
	return first
}

func (d *Dispatcher) documentService(name string) DocumentService {
	for _, s := range d.Documents {
		if s.Name() == name {
			return s
		}
	}
	return nil
}

// services returns the quoted names of all services.
func (d *Dispatcher) services() string {
	names := []string{strconv.Quote(d.S3.Name())}
	for _, s := range d.Documents {
		names = append(names, strconv.Quote(s.Name()))
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// readDocument reads a body of at most limit bytes. It counts as signed by the
// hash of what was read, whatever hash the client claims.
func readDocument(r *http.Request, s *sigv4.Signature, limit int64) error {
	body, err := readBody(r, limit)
	if err == nil {
		s.HashPayload(body)
	}
	return err
}

// readUnsigned reads the body of a request that may bring another credential
// than a signature. It is not read where there is none.
func readUnsigned(r *http.Request, s DocumentService) error {
	limit := s.MaxUnsigned()
	if limit == 0 {
		return awserr.MissingAuthenticationToken
	}
	_, err := readBody(r, limit)
	return err
}

// readBody reads a body of at most limit bytes and puts it in the request's place
// of it.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, awserr.IncompleteBody.WithCause(err)
		}
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, awserr.RequestEntityTooLarge.WithMessage("The request is larger than %d bytes.", limit)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, nil
}
