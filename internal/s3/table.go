package s3

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/service"
)

// scope is the kind of resource that a request's address names.
type scope uint8

const (
	serviceScope scope = iota
	bucketScope
	objectScope
)

func (s scope) String() string { return [...]string{"SERVICE", "BUCKET", "OBJECT"}[s] }

// row is one row of the operation table: how the operation is recognised, and
// the operation.
type row struct {
	method string
	scope  scope
	query  []string // parameters that must be there, such as "policy" or "list-type=2"
	header string   // a header that must be there
	param  string   // a parameter that must be there, and chooses nothing by itself

	params      []string // further parameters that may be there
	anyParams   bool     // the parameters are those of another request
	conditional []string // conditional headers of a write that it honours

	// operation is the zero Operation but for its name when S3 has it and this
	// server has not.
	operation service.Operation
}

// table is the operation table, by method and scope.
type table struct {
	rows map[endpoint][]row
	// selectors are the parameters that choose between operations of a scope,
	// such as "acl".
	selectors map[scope][]string
}

type endpoint struct {
	method string
	scope  scope
}

// newTable adds to the rows that are served those of every other operation of
// S3, so that one of these is refused by its name.
func newTable(served []row) table {
	t := table{rows: map[endpoint][]row{}, selectors: map[scope][]string{}}
	names := map[string]bool{}
	for _, r := range served {
		t.add(r)
		names[r.operation.Name] = true
	}
	var others []row
	for _, o := range facts.Operations() {
		r, ok := unserved(o)
		if !ok || names[o.Name] || t.has(r) {
			continue
		}
		// Of two names of one operation the later, and longer, is the newer.
		if last := len(others) - 1; last >= 0 && others[last].same(r) {
			others = others[:last]
		}
		others = append(others, r)
	}
	for _, r := range others {
		t.add(r)
	}
	return t
}

// byID are the subresources of which a bucket has several: with an id they are
// one, without a list ("GetBucketAnalyticsConfiguration" and others, Amazon S3
// API Reference).
var byID = []string{"analytics", "intelligent-tiering", "inventory", "metrics"}

// routed is the header of requests that only a function of S3 Object Lambda
// makes ("WriteGetObjectResponse", Amazon S3 API Reference).
const routed = "x-amz-request-route"

// unserved returns the row of an operation that is known by its subresource, or
// by a header. Operations without one are refused as their method is.
func unserved(o facts.Operation) (row, bool) {
	path, query, ok := strings.Cut(o.URI, "?")
	if o.Name == "WriteGetObjectResponse" {
		return row{method: o.Method, scope: bucketScope, header: routed, operation: service.Operation{Name: o.Name}}, true
	}
	if o.Service != "s3" || !ok {
		return row{}, false
	}
	r := row{method: o.Method, scope: bucketScope, query: strings.Split(query, "&"), operation: service.Operation{Name: o.Name}}
	if strings.Contains(path, "{Key+}") {
		r.scope = objectScope
	}
	if slices.Contains(byID, query) && strings.HasPrefix(o.Name, "Get") {
		r.param = "id"
	}
	return r, true
}

func (t *table) add(r row) {
	at := endpoint{r.method, r.scope}
	t.rows[at] = append(t.rows[at], r)
	for _, q := range r.query {
		if name, _, valued := strings.Cut(q, "="); !valued && !slices.Contains(t.selectors[r.scope], name) {
			t.selectors[r.scope] = append(t.selectors[r.scope], name)
		}
	}
}

func (t *table) has(r row) bool {
	return slices.ContainsFunc(t.rows[endpoint{r.method, r.scope}], r.same)
}

// same reports whether two rows match the same requests.
func (r row) same(other row) bool {
	return other.method == r.method && other.scope == r.scope && other.header == r.header && other.param == r.param && slices.Equal(other.query, r.query)
}

// find returns the row of a request, whose every parameter the row knows. What
// no row asks for is refused: it must never become another operation.
func (t *table) find(method string, s scope, query url.Values, header http.Header) (*row, error) {
	if method != http.MethodOptions {
		if err := t.checkConflict(s, query); err != nil {
			return nil, err
		}
	}
	var found *row
	rows := t.rows[endpoint{method, s}]
	for i := range rows {
		if r := &rows[i]; r.matches(query, header) && (found == nil || r.weight() > found.weight()) {
			found = r
		}
	}
	if found == nil {
		return nil, t.notAllowed(method, s, query)
	}
	if !found.operation.Served() {
		return nil, awserr.NotImplemented.WithMessage("The operation %s is not implemented by this server.", found.operation.Name)
	}
	for name := range query {
		switch {
		case found.knows(name):
		case slices.Contains(t.selectors[s], name):
			return nil, t.notAllowed(method, s, query)
		default:
			return nil, awserr.NotImplemented.WithMessage("The parameter %q is not implemented for the operation %s.", name, found.operation.Name)
		}
	}
	return found, nil
}

// checkConflict refuses a request that names two subresources.
func (t *table) checkConflict(s scope, query url.Values) error {
	var named []string
	for name := range query {
		if slices.Contains(t.selectors[s], name) {
			named = append(named, name)
		}
	}
	slices.Sort(named)
	if len(named) < 2 {
		return nil
	}
	return awserr.InvalidArgument.
		WithMessage("Conflicting query string parameters: %s", strings.Join(named, ", ")).
		With("ArgumentName", "ResourceType").With("ArgumentValue", named[0])
}

// notAllowed returns the error for a method that the resource does not have.
func (t *table) notAllowed(method string, s scope, query url.Values) error {
	resource := s.String()
	for name := range query {
		if slices.Contains(t.selectors[s], name) {
			resource = strings.ToUpper(name)
		}
	}
	return awserr.MethodNotAllowed.With("Method", method).With("ResourceType", resource)
}

func (r *row) matches(query url.Values, header http.Header) bool {
	for _, q := range r.query {
		name, value, valued := strings.Cut(q, "=")
		if !query.Has(name) || valued && query.Get(name) != value {
			return false
		}
	}
	return (r.header == "" || header.Values(r.header) != nil) && (r.param == "" || query.Has(r.param))
}

// weight orders rows that match by how much they ask for.
func (r *row) weight() int {
	w := len(r.query)
	if r.header != "" {
		w++
	}
	if r.param != "" {
		w++
	}
	return w
}

func (r *row) knows(param string) bool {
	if r.anyParams || param == "x-id" || slices.Contains(r.params, param) {
		return true
	}
	return slices.ContainsFunc(r.query, func(q string) bool {
		name, _, _ := strings.Cut(q, "=")
		return name == param
	})
}
