package query

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/keywright/keywright/internal/awserr"
)

// decoder reads the parameters of one request. It takes each out of the set
// that it has not seen, and what stays there is unknown to the operation.
type decoder struct {
	params     url.Values
	unread     map[string]bool
	violations []string
}

// decode reads the parameters of a request into v, a pointer to the operation's
// input. It fails with ValidationError, which lists everything that is wrong
// with values of known parameters, or else names a parameter that is given
// twice or not known.
func (in input) decode(operation string, params url.Values, v any) error {
	d := &decoder{params: params, unread: make(map[string]bool, len(params))}
	for name, values := range params {
		if isProtocol(name) {
			continue
		}
		if len(values) != 1 {
			return awserr.ValidationError.WithMessage("The parameter %q is given more than once.", name)
		}
		d.unread[name] = true
	}
	d.structure(in, "", "", reflect.ValueOf(v).Elem())
	if unknown := d.unknown(); unknown != "" {
		return awserr.ValidationError.WithMessage("The parameter %q is not known to %s.", unknown, operation)
	}
	return violated(d.violations)
}

// isProtocol reports whether a parameter belongs to the protocol or to the
// signature of a presigned request, and not to the operation.
func isProtocol(name string) bool {
	return name == "Action" || name == "Version" || strings.HasPrefix(name, "X-Amz-")
}

// violated puts violations into AWS's words; nil when there are none.
func violated(violations []string) error {
	switch len(violations) {
	case 0:
		return nil
	case 1:
		return awserr.ValidationError.WithMessage("1 validation error detected: %s", violations[0])
	}
	return awserr.ValidationError.WithMessage("%d validation errors detected: %s", len(violations), strings.Join(violations, "; "))
}

func (d *decoder) unknown() string {
	var names []string
	for name := range d.unread {
		names = append(names, name)
	}
	if len(names) == 0 {
		return ""
	}
	return slices.Min(names)
}

// take returns the value of a parameter and marks it as read.
func (d *decoder) take(name string) (string, bool) {
	values, ok := d.params[name]
	if !ok {
		return "", false
	}
	delete(d.unread, name)
	return values[0], true
}

// structure reads members whose parameters' names begin with prefix; at is the
// place of the structure in messages.
func (d *decoder) structure(in input, prefix, at string, v reflect.Value) {
	for _, f := range in {
		target, where := v.FieldByIndex(f.index), at+location(f.name)
		switch f.shape.Type {
		case "list":
			d.list(f, prefix+f.name, where, target)
			continue
		case "structure":
			d.inner(f, prefix+f.name, where, target)
			continue
		}
		text, given := d.take(prefix + f.name)
		if !given {
			if f.required {
				d.null(where)
			}
			continue
		}
		d.set(f.shape, text, where, target)
	}
}

// inner reads a structure that is a member of another.
func (d *decoder) inner(f field, name, where string, target reflect.Value) {
	if !d.has(name, f) {
		if f.required {
			d.null(where)
		}
		return
	}
	if target.Kind() == reflect.Pointer {
		target.Set(reflect.New(target.Type().Elem()))
		target = target.Elem()
	}
	d.structure(f.members, name+".", where+".", target)
}

func (d *decoder) null(where string) {
	d.violations = append(d.violations, fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", where))
}

// set puts one value into its field, or records why it cannot.
func (d *decoder) set(s *Shape, text, where string, target reflect.Value) {
	wrong := s.check(text)
	value := "Value '" + text + "'"
	if s.Sensitive {
		value = "Value"
	}
	for _, w := range wrong {
		d.violations = append(d.violations, fmt.Sprintf("%s at '%s' failed to satisfy constraint: %s", value, where, w))
	}
	if wrong != nil {
		return
	}
	if target.Kind() == reflect.Pointer {
		target.Set(reflect.New(target.Type().Elem()))
		target = target.Elem()
	}
	switch s.Type {
	case "string":
		target.SetString(text)
	case "integer":
		n, _ := strconv.Atoi(text)
		target.SetInt(int64(n))
	case "boolean":
		target.SetBool(text == "true")
	}
}

// list reads the members of a list, which are numbered from 1 without gaps. An
// empty list is the parameter itself without a value.
func (d *decoder) list(f field, name, where string, target reflect.Value) {
	list := reflect.MakeSlice(target.Type(), 0, 0)
	for n := 1; ; n++ {
		element := reflect.New(target.Type().Elem()).Elem()
		if !d.element(f, name+".member."+strconv.Itoa(n), where+"."+strconv.Itoa(n)+".member", element) {
			break
		}
		list = reflect.Append(list, element)
	}
	if list.Len() == 0 {
		if text, given := d.params[name]; given && text[0] == "" {
			d.take(name)
		} else if f.required {
			d.null(where)
		}
		return
	}
	if wrong := f.shape.checkLength(list.Len()); wrong != "" {
		d.violations = append(d.violations, fmt.Sprintf("Value at '%s' failed to satisfy constraint: %s", where, wrong))
	}
	target.Set(list)
}

// element reads one member of a list, and reports whether there is one.
func (d *decoder) element(f field, name, where string, v reflect.Value) bool {
	if f.members == nil {
		text, given := d.take(name)
		if given {
			d.set(f.member, text, where, v)
		}
		return given
	}
	if !slices.ContainsFunc(f.members, func(m field) bool { return d.has(name+"."+m.name, m) }) {
		return false
	}
	d.structure(f.members, name+".", where+".", v)
	return true
}

// has reports whether a member of a structure is given.
func (d *decoder) has(name string, m field) bool {
	if _, ok := d.params[name]; ok {
		return true
	}
	switch {
	case m.shape.Type == "list":
		if name += ".member.1"; m.members == nil {
			_, ok := d.params[name]
			return ok
		}
	case m.shape.Type != "structure":
		return false
	}
	return slices.ContainsFunc(m.members, func(inner field) bool { return d.has(name+"."+inner.name, inner) })
}

// check returns what a value violates, in AWS's words.
func (s *Shape) check(text string) []string {
	switch s.Type {
	case "integer":
		return s.checkInteger(text)
	case "boolean":
		if text != "true" && text != "false" {
			return []string{"Member must satisfy enum value set: [true, false]"}
		}
		return nil
	}
	if !utf8.ValidString(text) {
		return []string{"Member must be valid UTF-8"}
	}
	if s.Enum != nil {
		if !slices.Contains(s.Enum, text) {
			return []string{"Member must satisfy enum value set: [" + strings.Join(s.Enum, ", ") + "]"}
		}
		return nil
	}
	var wrong []string
	if s.pattern != nil && !s.pattern.MatchString(text) {
		wrong = append(wrong, "Member must satisfy regular expression pattern: "+s.Pattern)
	}
	if w := s.checkLength(utf8.RuneCountInString(text)); w != "" {
		wrong = append(wrong, w)
	}
	return wrong
}

func (s *Shape) checkLength(n int) string {
	switch {
	case s.Min != nil && n < *s.Min:
		return "Member must have length greater than or equal to " + strconv.Itoa(*s.Min)
	case s.Max != nil && n > *s.Max:
		return "Member must have length less than or equal to " + strconv.Itoa(*s.Max)
	}
	return ""
}

func (s *Shape) checkInteger(text string) []string {
	n, err := strconv.ParseInt(text, 10, 32)
	switch {
	case err != nil:
		return []string{"Member must be an integer"}
	case s.Min != nil && n < int64(*s.Min):
		return []string{"Member must have value greater than or equal to " + strconv.Itoa(*s.Min)}
	case s.Max != nil && n > int64(*s.Max):
		return []string{"Member must have value less than or equal to " + strconv.Itoa(*s.Max)}
	}
	return nil
}
