package s3

import (
	"context"
	"encoding/xml"
	"net/http"
	"slices"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/service"
)

func (s *S3) corsRows() []row {
	return append(configurationRows(s, cors),
		row{method: http.MethodOptions, scope: objectScope, anyParams: true, operation: s.preflight()},
		row{method: http.MethodOptions, scope: bucketScope, anyParams: true, operation: s.preflight()})
}

type corsConfiguration struct {
	XMLName xml.Name   `xml:"CORSConfiguration"`
	Rules   []corsRule `xml:"CORSRule"`
	closed
}

type corsRule struct {
	ID             string   `xml:",omitempty"`
	AllowedHeaders []string `xml:"AllowedHeader"`
	AllowedMethods []string `xml:"AllowedMethod"`
	AllowedOrigins []string `xml:"AllowedOrigin"`
	ExposeHeaders  []string `xml:"ExposeHeader"`
	MaxAgeSeconds  *int
	closed
}

// maxCORSRules is the most rules of a configuration ("Elements of a CORS
// configuration", Amazon S3 User Guide).
const maxCORSRules = 100

var cors = configuration[corsConfiguration]{
	subresource: "cors",
	get:         configurationOperation{"GetBucketCors", "s3:GetBucketCORS"},
	put:         configurationOperation{"PutBucketCors", "s3:PutBucketCORS"},
	delete:      configurationOperation{"DeleteBucketCors", "s3:PutBucketCORS"},
	missing:     awserr.New("NoSuchCORSConfiguration", http.StatusNotFound, "The CORS configuration does not exist"),
	check:       checkCORS,
	read:        &readDocuments[corsConfiguration]{},
}

var corsMethods = []string{http.MethodGet, http.MethodPut, http.MethodHead, http.MethodPost, http.MethodDelete}

func checkCORS(in *corsConfiguration) error {
	if n := len(in.Rules); n == 0 || n > maxCORSRules {
		return awserr.MalformedXML
	}
	for _, r := range in.Rules {
		if len(r.AllowedMethods) == 0 || len(r.AllowedOrigins) == 0 || len(r.ID) > 255 || r.MaxAgeSeconds != nil && *r.MaxAgeSeconds < 0 {
			return awserr.MalformedXML
		}
		for _, m := range r.AllowedMethods {
			if !slices.Contains(corsMethods, m) {
				return awserr.InvalidRequest.WithMessage("Found unsupported HTTP method in CORS config. Unsupported method is %s", m)
			}
		}
		for _, list := range []struct {
			name   string
			values []string
		}{{"AllowedOrigin", r.AllowedOrigins}, {"AllowedHeader", r.AllowedHeaders}} {
			for _, v := range list.values {
				if strings.Count(v, "*") > 1 {
					return awserr.InvalidRequest.WithMessage("%s %q can not have more than one wildcard.", list.name, v)
				}
			}
		}
		for _, v := range r.ExposeHeaders {
			if strings.Contains(v, "*") {
				return awserr.InvalidRequest.WithMessage("ExposeHeader %q contains wildcard. We currently do not support wildcard for ExposeHeader.", v)
			}
		}
	}
	return nil
}

// matchStar reports whether text is a pattern's, in which a star stands for
// anything.
func matchStar(pattern, text string) bool {
	before, after, ok := strings.Cut(pattern, "*")
	if !ok {
		return pattern == text
	}
	return len(text) >= len(before)+len(after) && strings.HasPrefix(text, before) && strings.HasSuffix(text, after)
}

// corsRequest is what a browser asks about.
type corsRequest struct {
	origin, method string
	headers        []string // in lower case
}

// rule returns the first rule that allows a request, and the pattern of its
// origin, or nil ("Using cross-origin resource sharing (CORS)", Amazon S3 User
// Guide).
func (c *corsConfiguration) rule(r corsRequest) (*corsRule, string) {
	for i := range c.Rules {
		rule := &c.Rules[i]
		origin := slices.IndexFunc(rule.AllowedOrigins, func(p string) bool { return matchStar(p, r.origin) })
		if origin < 0 || !slices.Contains(rule.AllowedMethods, r.method) {
			continue
		}
		allowed := func(header string) bool {
			return slices.ContainsFunc(rule.AllowedHeaders, func(p string) bool { return matchStar(strings.ToLower(p), header) })
		}
		if !slices.ContainsFunc(r.headers, func(h string) bool { return !allowed(h) }) {
			return rule, rule.AllowedOrigins[origin]
		}
	}
	return nil, ""
}

// tell writes what a rule allows into the headers of an answer.
func (rule *corsRule) tell(h http.Header, pattern string, r corsRequest) {
	if pattern == "*" {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Set("Access-Control-Allow-Origin", r.origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(rule.AllowedMethods, ", "))
	if len(r.headers) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(r.headers, ", "))
	}
	if len(rule.ExposeHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(rule.ExposeHeaders, ", "))
	}
	if rule.MaxAgeSeconds != nil {
		h.Set("Access-Control-Max-Age", itoa(*rule.MaxAgeSeconds))
	}
	h.Set("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
}

// Decorate tells a browser in every answer, errors included, whether the page
// that asked may read it.
func (s *S3) Decorate(h http.Header, r *service.Request) {
	origin := r.HTTP.Header.Get("Origin")
	if origin == "" || r.HTTP.Method == http.MethodOptions {
		return
	}
	a, err := s.addressOf(r.HTTP)
	if err != nil || a.bucket == "" {
		return
	}
	b, ok := s.directory.Bucket(a.bucket)
	if !ok {
		return
	}
	c, err := cors.of(b)
	if err != nil || c == nil {
		return
	}
	asked := corsRequest{origin: origin, method: r.HTTP.Method}
	if method := r.HTTP.Header.Get("Access-Control-Request-Method"); method != "" { // then S3 answers as to a preflight
		asked.method, asked.headers = method, requestedHeaders(r.HTTP.Header)
	}
	if rule, pattern := c.rule(asked); rule != nil {
		rule.tell(h, pattern, asked)
	}
}

var errCORS = awserr.New("AccessForbidden", http.StatusForbidden, "CORSResponse: CORS is not enabled for this bucket.")

// preflight answers the request with which a browser asks before another. It
// comes without signature and needs no permission: it says what the bucket's
// configuration says, and nothing of what is in the bucket.
func (s *S3) preflight() service.Operation {
	return service.Define(service.Spec[corsRequest]{
		Name: "OPTIONSObject", Parse: parsePreflight, Unconditional: true,
		Serve: func(_ context.Context, r *service.Request, in corsRequest) (*service.Response, error) {
			kind := "BUCKET"
			if r.Key != "" {
				kind = "OBJECT"
			}
			refused := errCORS.With("Method", in.method).With("ResourceType", kind)
			b, err := s.lookup(r.Bucket, "")
			if err != nil {
				return nil, err
			}
			c, err := cors.of(b)
			if err != nil {
				return nil, err
			}
			if c == nil {
				return nil, refused
			}
			rule, pattern := c.rule(in)
			if rule == nil {
				// Spelt as S3 spells it, since clients look for it.
				return nil, refused.WithMessage("CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.")
			}
			p := &service.Response{Header: http.Header{}}
			rule.tell(p.Header, pattern, in)
			return p, nil
		},
	})
}

func parsePreflight(r *service.Request) (in corsRequest, err error) {
	h := r.HTTP.Header
	in.origin, in.method = h.Get("Origin"), h.Get("Access-Control-Request-Method")
	if in.origin == "" {
		return in, awserr.BadRequest.WithMessage("Insufficient information. Origin request header needed.")
	}
	if !slices.Contains(corsMethods, in.method) {
		method := in.method
		if method == "" {
			method = "null"
		}
		return in, awserr.BadRequest.WithMessage("Invalid Access-Control-Request-Method: %s", method)
	}
	in.headers = requestedHeaders(h)
	return in, nil
}

func requestedHeaders(h http.Header) (names []string) {
	for _, name := range strings.Split(strings.Join(h.Values("Access-Control-Request-Headers"), ","), ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			names = append(names, name)
		}
	}
	return names
}
