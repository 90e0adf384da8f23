package query

import (
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/service"
)

// maxForm is the most that the parameters of a request may take: IAM's largest
// document, percent-encoded.
const maxForm = 1 << 20

// Claims reports whether a request looks like one of the Query protocol: S3 has
// no operation that posts a form to the service itself, and none with the
// parameters Action and Version.
func (s *Service) Claims(r *http.Request) bool {
	if r.URL.Path != "/" {
		return false
	}
	if r.Method == http.MethodGet && s.unsigned {
		params := r.URL.Query()
		return params.Get("Action") != "" && params.Get("Version") == s.model.Version
	}
	t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return r.Method == http.MethodPost && t == "application/x-www-form-urlencoded"
}

// maxUnsigned is the most that the parameters may take of a request that brings
// a token of 20,000 characters, a session policy of 2,048, and not much else,
// percent-encoded.
const maxUnsigned = 128 << 10

// MaxUnsigned returns how many bytes a form without a signature may have.
func (s *Service) MaxUnsigned() int64 {
	if s.unsigned {
		return maxUnsigned
	}
	return 0
}

// MaxLength returns how many bytes a form may have.
func (s *Service) MaxLength() int64 { return maxForm }

// IsGlobal returns true: IAM is one service for all regions, and STS has an
// endpoint that is.
func (s *Service) IsGlobal() bool { return true }

// readForm reads a request's parameters, from its body and its query string.
// What stands in both would be read from one of them: it is given twice.
func readForm(r *service.Request) error {
	if r.HTTP.Method != http.MethodPost && r.HTTP.Method != http.MethodGet {
		return awserr.MethodNotAllowed
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
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
