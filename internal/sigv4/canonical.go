package sigv4

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
)

// canonicalRequest returns the canonical request ("Create a signed AWS API
// request"; for S3 "Signature Calculations for the Authorization Header").
// It fails with InvalidURI when the query string is malformed.
func (s *Signature) canonicalRequest(r *http.Request) (string, error) {
	query, err := canonicalQuery(r.URL.RawQuery)
	if err != nil {
		return "", err
	}
	b := make([]byte, 0, 1024)
	b = append(b, r.Method...)
	b = append(b, '\n')
	b = s.appendURI(b, r.URL)
	b = append(b, '\n')
	b = append(b, query...)
	b = append(b, '\n')
	for _, name := range s.SignedHeaders {
		b = append(b, name...)
		b = append(b, ':')
		b = append(b, headerValue(r, name)...)
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(b, strings.Join(s.SignedHeaders, ";")...)
	b = append(b, '\n')
	return string(append(b, s.PayloadHash...)), nil
}

// appendURI appends the canonical URI. S3 takes the path as it is and encodes
// it once; other services fold "." and ".." and encode what is already encoded.
func (s *Signature) appendURI(b []byte, u *url.URL) []byte {
	if s.Service == serviceS3 {
		return appendEncoded(b, orSlash(u.Path), true)
	}
	escaped := orSlash(u.EscapedPath())
	clean := path.Clean("/" + escaped)
	if strings.HasSuffix(escaped, "/") && clean != "/" {
		clean += "/"
	}
	return appendEncoded(b, clean, true)
}

func orSlash(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

// headerValue returns a header as it was signed: net/http keeps some headers
// apart from the others.
func headerValue(r *http.Request, name string) string {
	values := r.Header[http.CanonicalHeaderKey(name)]
	switch {
	case name == "host":
		return fold(host(r))
	case name == "content-length" && values == nil && r.ContentLength >= 0:
		return strconv.FormatInt(r.ContentLength, 10)
	case name == "transfer-encoding" && values == nil:
		values = r.TransferEncoding
	}
	if len(values) == 1 {
		return fold(values[0])
	}
	folded := make([]string, len(values))
	for i, v := range values {
		folded[i] = fold(v)
	}
	return strings.Join(folded, ",")
}

func host(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}

// fold trims white space and makes each run of it one space, as the AWS SDKs do.
func fold(value string) string {
	const space = " \t\n\v\f\r"
	value = strings.Trim(value, space)
	if !strings.ContainsAny(value, space[1:]) && !strings.Contains(value, "  ") {
		return value
	}
	fields := strings.FieldsFunc(value, func(c rune) bool { return strings.ContainsRune(space, c) })
	return strings.Join(fields, " ")
}

// parameter is a query parameter, decoded or encoded.
type parameter struct{ name, value string }

// ParseQuery reads a query string as the signature covers it. Unlike
// url.ParseQuery it takes a semicolon for a character like any other; "+" is a
// space for both. It fails with InvalidURI when an escape is malformed.
func ParseQuery(raw string) (url.Values, error) {
	parameters, err := splitQuery(raw)
	if err != nil {
		return nil, err
	}
	values := make(url.Values, len(parameters))
	for _, p := range parameters {
		values[p.name] = append(values[p.name], p.value)
	}
	return values, nil
}

func splitQuery(raw string) ([]parameter, error) {
	if raw == "" {
		return nil, nil
	}
	parameters := make([]parameter, 0, 8)
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, awserr.InvalidURI
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, awserr.InvalidURI
		}
		parameters = append(parameters, parameter{name, value})
	}
	return parameters, nil
}

// canonicalQuery returns the query string sorted by encoded name, then value,
// without the signature itself.
func canonicalQuery(raw string) (string, error) {
	parameters, err := splitQuery(raw)
	if err != nil {
		return "", err
	}
	parameters = slices.DeleteFunc(parameters, func(p parameter) bool { return p.name == signatureParam })
	for i, p := range parameters {
		parameters[i] = parameter{encode(p.name), encode(p.value)}
	}
	slices.SortFunc(parameters, func(a, b parameter) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	var b strings.Builder
	for i, p := range parameters {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name)
		b.WriteByte('=')
		b.WriteString(p.value)
	}
	return b.String(), nil
}

func encode(s string) string { return string(appendEncoded(nil, s, false)) }

// appendEncoded appends s with every byte escaped but the unreserved characters
// of RFC 3986, and "/" if keepSlash.
func appendEncoded(b []byte, s string, keepSlash bool) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; isUnreserved(c) || c == '/' && keepSlash {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}
