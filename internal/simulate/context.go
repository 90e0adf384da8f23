package simulate

import (
	"encoding/base64"
	"net/netip"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy/condition"
)

// ContextEntry is a condition key that a simulation gives ("ContextEntry", IAM
// API Reference).
type ContextEntry struct {
	Name   string
	Type   string // such as "string" or "stringList"
	Values []string
}

// setters put a value of each type into a context. Each reports what form the
// value should have had, or "".
var setters = map[string]func(*condition.Context, string, string) string{
	"string": func(c *condition.Context, key, value string) string {
		c.SetString(key, value)
		return ""
	},
	"boolean": func(c *condition.Context, key, value string) string {
		c.SetBool(key, arn.EqualFold(value, "true"))
		return ""
	},
	"numeric": parsed("NumericEquals", "numeric format"),
	"date":    parsed("DateEquals", "DateTime format"),
	"ip": func(c *condition.Context, key, value string) string {
		if _, err := netip.ParseAddr(value); err != nil {
			return "IP address"
		}
		c.SetString(key, value)
		return ""
	},
	"binary": func(c *condition.Context, key, value string) string {
		data, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return "base-64 encoded binary format"
		}
		c.SetString(key, string(data))
		return ""
	},
}

// parsed returns the setter of a value that an operator can compare. It
// stays a text, which is what string operators compare.
func parsed(operator, form string) func(*condition.Context, string, string) string {
	return func(c *condition.Context, key, value string) string {
		if _, err := condition.Compile(operator, key, []string{value}, false); err != nil {
			return form
		}
		c.SetString(key, value)
		return ""
	}
}

// newContext makes the context of a simulation. The error is an *InvalidError.
func newContext(entries []ContextEntry) (*condition.Context, error) {
	c := &condition.Context{}
	c.Grow(len(entries) + 4)
	given := map[string]bool{}
	for i := range entries {
		e := &entries[i]
		name := arn.ToLower(e.Name)
		if given[name] {
			return nil, invalid("Duplicate context key: %s.", e.Name)
		}
		given[name] = true
		if err := e.set(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (e *ContextEntry) set(c *condition.Context) error {
	single, isList := strings.CutSuffix(e.Type, "List")
	setter, known := setters[single]
	switch {
	case e.Name == "":
		return invalid("ContextKeyName cannot be null or empty.")
	case !known:
		typeName := e.Type
		if typeName == "" {
			typeName = "null"
		}
		return invalid("Context key %s has invalid type %s.", e.Name, typeName)
	case len(e.Values) == 0:
		return invalid("Context values for context key %s cannot be null or empty.", e.Name)
	case !isList && len(e.Values) != 1:
		return invalid("Context key %s expected a single value, but received %d.", e.Type, len(e.Values))
	}
	if !isList {
		return e.refuse(setter(c, e.Name, e.Values[0]))
	}
	var one condition.Context
	texts := make([]string, len(e.Values))
	for i, value := range e.Values {
		if err := e.refuse(setter(&one, e.Name, value)); err != nil {
			return err
		}
		v, _ := one.Lookup(e.Name)
		texts[i] = v.Strings()[0]
	}
	c.SetStrings(e.Name, texts)
	return nil
}

// refuse says which form a value lacks; nil for "".
func (e *ContextEntry) refuse(form string) error {
	if form == "" {
		return nil
	}
	return invalid("Invalid context value for key %s: expected %s.", e.Name, form)
}
