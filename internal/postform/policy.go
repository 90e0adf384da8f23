package postform

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/keywright/keywright/internal/awserr"
)

// policy is a policy document: until when a form may be posted, and what must
// be true of it ("POST Policy", Amazon S3 API Reference).
type policy struct {
	expiration time.Time
	conditions []policyCondition
}

// policyCondition is one condition, as AWS shows it: an operator, the field
// with a dollar sign and the value, or the two bounds of a range.
type policyCondition struct{ operator, first, second string }

const (
	equals     = "eq"
	startsWith = "starts-with"
	sizeRange  = "content-length-range"
)

// String returns the condition as AWS's messages have it.
func (c policyCondition) String() string {
	return "[" + quote(c.operator) + ", " + quote(c.first) + ", " + quote(c.second) + "]"
}

func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func invalidPolicy(format string, args ...any) *awserr.Error {
	return awserr.InvalidPolicyDocument.WithMessage("Invalid Policy: "+format, args...)
}

// parsePolicy reads a policy document as the form has it: in base64. It fails
// with InvalidPolicyDocument.
func parsePolicy(encoded string) (*policy, error) {
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !utf8.Valid(data) {
		return nil, invalidPolicy("Invalid JSON.").WithCause(err)
	}
	d := json.NewDecoder(bytes.NewReader(strictJSON(data)))
	d.UseNumber()
	p := &policyReader{decoder: d}
	document, err := p.document()
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, invalidPolicy("Invalid JSON.")
	}
	return document, nil
}

// strictJSON rewrites what AWS's pages allow in a policy and JSON does not: the
// escapes \$ and \v, and a comma after the last element.
func strictJSON(data []byte) []byte {
	out := make([]byte, 0, len(data)+16)
	quoted := false
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case quoted && c == '\\' && i+1 < len(data):
			i++
			switch data[i] {
			case '$':
				out = append(out, '$')
			case 'v':
				out = append(out, `\u000b`...)
			default:
				out = append(out, c, data[i])
			}
			continue
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			rest := bytes.TrimLeft(data[i+1:], " \t\r\n")
			if len(rest) > 0 && (rest[0] == ']' || rest[0] == '}') && len(out) > 0 && !bytes.ContainsRune([]byte("[{,:"), rune(out[len(out)-1])) {
				continue
			}
		}
		out = append(out, c)
	}
	return out
}

// policyReader reads a policy from its tokens, so that nothing in it is passed
// over.
type policyReader struct{ decoder *json.Decoder }

// next returns the next token; nil stands for JSON's null.
func (r *policyReader) next() (json.Token, error) {
	t, err := r.decoder.Token()
	if err != nil || t == nil {
		return nil, invalidPolicy("Invalid JSON.").WithCause(err)
	}
	return t, nil
}

func (r *policyReader) document() (*policy, error) {
	t, err := r.next()
	if err != nil || t != json.Delim('{') {
		return nil, invalidPolicy("Invalid JSON.").WithCause(err)
	}
	p := &policy{}
	seen := map[string]bool{}
	for r.decoder.More() {
		name, err := r.next()
		if err != nil {
			return nil, err
		}
		switch {
		case name == "expiration" && !seen["expiration"]:
			p.expiration, err = r.expiration()
		case name == "conditions" && !seen["conditions"]:
			p.conditions, err = r.conditions()
		default:
			err = invalidPolicy("Unexpected: '%v'", name)
		}
		if err != nil {
			return nil, err
		}
		seen[name.(string)] = true
	}
	if _, err := r.next(); err != nil {
		return nil, err
	}
	switch {
	case !seen["expiration"]:
		return nil, invalidPolicy("Policy missing expiration.")
	case !seen["conditions"]:
		return nil, invalidPolicy("Policy missing conditions.")
	}
	return p, nil
}

func (r *policyReader) expiration() (time.Time, error) {
	v, err := r.next()
	if err != nil {
		return time.Time{}, err
	}
	text, ok := v.(string)
	at, err := time.Parse("2006-01-02T15:04:05Z", text) // which takes fractions of a second too
	if !ok || err != nil {
		return time.Time{}, invalidPolicy("Invalid 'expiration' value: '%v'", v)
	}
	return at, nil
}

func (r *policyReader) conditions() ([]policyCondition, error) {
	t, err := r.next()
	if err != nil {
		return nil, err
	}
	if t != json.Delim('[') {
		return nil, invalidPolicy("Invalid 'conditions' value: must be a List.")
	}
	var all []policyCondition
	for r.decoder.More() {
		t, err := r.next()
		if err != nil {
			return nil, err
		}
		var c policyCondition
		switch t {
		case json.Delim('{'):
			c, err = r.simple()
		case json.Delim('['):
			c, err = r.list()
		default:
			err = invalidPolicy("Invalid Condition: must be a List or Object.")
		}
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	_, err = r.next()
	return all, err
}

var errProperties = invalidPolicy("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")

// simple reads the rest of {"field": "value"}.
func (r *policyReader) simple() (policyCondition, error) {
	if !r.decoder.More() {
		return policyCondition{}, errProperties
	}
	name, err := r.next()
	if err != nil {
		return policyCondition{}, err
	}
	value, err := r.next()
	if err != nil {
		return policyCondition{}, err
	}
	text, ok := value.(string)
	if !ok {
		return policyCondition{}, invalidPolicy("Invalid Simple-Condition: value must be a string.")
	}
	if r.decoder.More() {
		return policyCondition{}, errProperties
	}
	_, err = r.next()
	return policyCondition{equals, "$" + name.(string), text}, err
}

// list reads the rest of ["operator", ..., ...].
func (r *policyReader) list() (policyCondition, error) {
	var items []string
	numbers := false
	for r.decoder.More() {
		t, err := r.next()
		if err != nil {
			return policyCondition{}, err
		}
		switch v := t.(type) {
		case string:
			items = append(items, v)
		case json.Number:
			items, numbers = append(items, v.String()), true
		default:
			return policyCondition{}, invalidPolicy("Invalid JSON.")
		}
	}
	if _, err := r.next(); err != nil {
		return policyCondition{}, err
	}
	if len(items) == 0 {
		return policyCondition{}, invalidPolicy("Invalid Condition: missing operation identifier.")
	}
	operator := strings.ToLower(items[0])
	switch {
	case operator != equals && operator != startsWith && operator != sizeRange:
		return policyCondition{}, invalidPolicy("Invalid Condition: unknown operation '%s'.", items[0])
	case len(items) != 3:
		return policyCondition{}, invalidPolicy("Invalid %s: wrong number of arguments.", operator)
	case numbers && operator != sizeRange:
		return policyCondition{}, invalidPolicy("Invalid JSON.")
	}
	c := policyCondition{operator, items[1], items[2]}
	if operator == sizeRange {
		return c, c.checkRange(numbers)
	}
	return c, nil
}

// checkRange refuses bounds that no range can have. Text that is no number is a
// condition that does not hold.
func (c policyCondition) checkRange(numbers bool) error {
	least, most, err := c.bounds()
	switch {
	case err != nil && numbers:
		return invalidPolicy("Invalid JSON.")
	case err == nil && (least < 0 || most < 0):
		return invalidPolicy("Invalid content-length-range: a size is less than 0.")
	}
	return nil
}

func (c policyCondition) bounds() (least, most int64, err error) {
	if least, err = strconv.ParseInt(c.first, 10, 64); err != nil {
		return 0, 0, err
	}
	most, err = strconv.ParseInt(c.second, 10, 64)
	return least, most, err
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
