package query

import (
	"fmt"
	"reflect"
	"unicode"
	"unicode/utf8"
)

// input is how the parameters of an operation fill its input type.
type input []field

// field is one parameter, or one member of a structure.
type field struct {
	name     string // of the parameter
	index    []int  // of the field in its struct
	shape    *Shape
	required bool
	member   *Shape // of a list
	members  input  // of a structure, or of a list of structures
}

// inputOf matches the fields of a struct type with the members that a model
// gives. It panics unless they agree: an operation that overlooks a parameter
// would ignore it silently. Tables are built when the program starts.
func inputOf(m *Model, where string, t reflect.Type, members Members) input {
	var in input
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous {
			continue
		}
		name := f.Name
		if tag, ok := f.Tag.Lookup("query"); ok {
			name = tag
		}
		entry, ok := members[name]
		if !ok {
			panic(fmt.Sprintf("query: %s has no parameter %s", where, name))
		}
		in = append(in, fieldOf(m, where+"."+name, name, f, entry))
	}
	if len(in) != len(members) {
		panic(fmt.Sprintf("query: the input of %s does not read all of its parameters", where))
	}
	return in
}

func fieldOf(m *Model, where, name string, sf reflect.StructField, entry string) field {
	f := field{name: name, index: sf.Index}
	f.shape, f.required = m.shape(entry)
	t := sf.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if f.shape == nil || kinds[f.shape.Type] != t.Kind() {
		panic(fmt.Sprintf("query: %s is not of shape %s", where, entry))
	}
	if f.shape.Type == "structure" {
		f.members = inputOf(m, where, t, f.shape.Members)
	}
	if f.shape.Type != "list" {
		return f
	}
	f.member, _ = m.shape(f.shape.Member)
	if f.member == nil || kinds[f.member.Type] != t.Elem().Kind() {
		panic(fmt.Sprintf("query: %s is not of shape %s", where, entry))
	}
	if f.member.Type == "structure" {
		f.members = inputOf(m, where, t.Elem(), f.member.Members)
	}
	return f
}

var kinds = map[string]reflect.Kind{
	"string": reflect.String, "integer": reflect.Int, "boolean": reflect.Bool,
	"list": reflect.Slice, "structure": reflect.Struct,
}

// location is how AWS's messages name a parameter.
func location(name string) string {
	r, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(r)) + name[n:]
}
