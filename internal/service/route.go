package service

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/sigv4"
)

// maxForm is the most that the parameters of a Query request may take: IAM's
// largest document, percent-encoded.
const maxForm = 1 << 20

// globalRegion is the region that clients sign requests to IAM and STS for,
// wherever the server is ("AWS Identity and Access Management endpoints and
// quotas", AWS General Reference).
const globalRegion = "us-east-1"

// route finds the request's service by the scope of its signature, and reads
// the parameters of a Query request.
func (d *Dispatcher) route(r *Request) (*sigv4.Signature, error) {
	form := isForm(r.HTTP)
	if form { // so that even a broken signature is answered in the Query protocol's shape
		r.service = d.queryService(r.HTTP)
	}
	s, err := sigv4.Parse(r.HTTP)
	if err != nil {
		return nil, err
	}
	if s == nil && form { // not read: nobody may ask for anything without a signature
		return nil, awserr.MissingAuthenticationToken
	}
	if s == nil {
		return nil, nil
	}
	if s.Service == d.S3.Name() {
		r.service = d.S3
		return s, s.CheckRegion(d.Region)
	}
	q, ok := d.query[s.Service]
	if !ok {
		return nil, awserr.AuthorizationHeaderMalformed.WithMessage("The authorization header is malformed; incorrect service %q. This endpoint belongs to \"s3\", \"iam\" and \"sts\".", s.Service)
	}
	r.service = q
	if s.Region != globalRegion {
		if err := s.CheckRegion(d.Region); err != nil {
			return nil, err
		}
	}
	if err := d.Authority.Admit(s); err != nil {
		return nil, err
	}
	return s, d.readForm(r, s)
}

// isForm reports whether a request looks like one of the Query protocol: S3 has
// no operation that posts a form to the service itself.
func isForm(r *http.Request) bool {
	t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return r.Method == http.MethodPost && r.URL.Path == "/" && t == "application/x-www-form-urlencoded"
}

// queryService is where a request of the Query protocol is answered before its
// signature is understood.
func (d *Dispatcher) queryService(*http.Request) Service {
	if s, ok := d.query["sts"]; ok {
		return s
	}
	return d.S3
}

// readForm reads a Query request's parameters, from its body and its query
// string. The body counts as signed by the hash of what was read, whatever hash
// the client claims.
func (d *Dispatcher) readForm(r *Request, s *sigv4.Signature) error {
	if r.HTTP.Method != http.MethodPost && r.HTTP.Method != http.MethodGet {
		return awserr.MethodNotAllowed
	}
	body, err := io.ReadAll(io.LimitReader(r.HTTP.Body, maxForm+1))
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return awserr.IncompleteBody.WithCause(err)
		}
		return err
	}
	if len(body) > maxForm {
		return awserr.New("RequestEntityTooLarge", http.StatusRequestEntityTooLarge, "The request is larger than 1 MiB.")
	}
	r.HTTP.Body = io.NopCloser(bytes.NewReader(body))
	s.HashPayload(body)
	// What stands in both would be read from one of them: it is given twice.
	r.Params = url.Values{}
	for _, text := range []string{string(body), r.HTTP.URL.RawQuery} {
		params, err := url.ParseQuery(text)
		if err != nil {
			return awserr.New("MalformedQueryString", http.StatusBadRequest, "The query string contains a syntax error.").WithCause(err)
		}
		for name, values := range params {
			r.Params[name] = append(r.Params[name], values...)
		}
	}
	return nil
}
