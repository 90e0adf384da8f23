package accessfile

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/policy/condition"
)

// SetKey sets a condition key to the values that a text gives it, typed as AWS
// types the key. A list makes the key multivalued, and so does a key that AWS
// gives several values. It returns what the values should have been, or "".
// A key that the facts do not know has texts.
func SetKey(c *condition.Context, key string, values []string, isList bool) string {
	t := keyType(key)
	for _, v := range values {
		if want := wanted(t, v); want != "" {
			return want
		}
	}
	if isList || t == facts.ArrayOfString || t == facts.ArrayOfARN {
		c.SetStrings(key, values)
		return ""
	}
	v := values[0]
	switch t {
	case facts.IPAddress:
		a, _ := netip.ParseAddr(v)
		c.SetIP(key, a)
	case facts.Date:
		at, _ := parseDate(v)
		c.SetTime(key, at)
	case facts.Bool:
		c.SetBool(key, strings.EqualFold(v, "true"))
	case facts.Numeric:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			c.SetInt(key, n)
			return ""
		}
		c.SetString(key, v) // a fraction
	default:
		c.SetString(key, v)
	}
	return ""
}

func keyType(key string) facts.KeyType {
	if k, ok := facts.LookupKey(key); ok {
		return k.Type
	}
	return facts.String
}

// wanted returns what a value of a type must be, or "" when it is.
func wanted(t facts.KeyType, v string) string {
	switch t {
	case facts.IPAddress:
		if _, err := netip.ParseAddr(v); err != nil {
			return "an IP address"
		}
	case facts.Date:
		if _, ok := parseDate(v); !ok {
			return "a date such as 2026-01-31T12:00:00Z, or seconds since 1970"
		}
	case facts.Bool:
		if !strings.EqualFold(v, "true") && !strings.EqualFold(v, "false") {
			return "true or false"
		}
	case facts.Numeric:
		if _, err := strconv.ParseFloat(v, 64); err != nil {
			return "a number"
		}
	}
	return ""
}

var dateLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02"}

func parseDate(v string) (time.Time, bool) {
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, v); err == nil {
			return t, true
		}
	}
	seconds, err := strconv.ParseInt(v, 10, 64)
	return time.Unix(seconds, 0).UTC(), err == nil
}

// context reads a mapping of condition keys. null deletes a key that a layer
// below has.
func (r *reader) context(n *node, to *condition.Context) map[string]bool {
	if n.kind == null {
		return nil
	}
	given := make(map[string]bool, len(n.content)/2)
	to.Grow(len(n.content) / 2)
	r.members(n, "context", func(key, value *node) {
		name := strings.ToLower(key.text)
		switch {
		case given[name]:
			r.fail(key, "condition keys are the same in any case", "the key %q is there twice", key.text)
			return
		case !strings.Contains(key.text, ":"):
			r.fail(key, "a condition key is written with its service, as in aws:SourceIp", "%q is no condition key", key.text)
			return
		}
		given[name] = true
		if value.kind == null {
			to.Delete(key.text)
			return
		}
		r.contextKey(to, key.text, value)
	})
	return given
}

func (r *reader) contextKey(to *condition.Context, key string, value *node) {
	values := []*node{value}
	if value.kind == sequence {
		values = value.content
	}
	texts := make([]string, len(values))
	for i, v := range values {
		if v.kind > boolean {
			r.fail(v, "a condition key has a value, a list of values, or null to be absent", "the value of %s cannot be %s", key, v.kind)
			return
		}
		texts[i] = v.text
		if want := wanted(keyType(key), v.text); want != "" {
			r.fail(v, "", "the value of %s must be %s, but is %q", key, want, v.text)
			return
		}
	}
	SetKey(to, key, texts, value.kind == sequence)
}
