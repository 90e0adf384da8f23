// Package condition knows the Condition element: its operators, set
// qualifiers and policy variables, and the typed context of a request that
// they are evaluated in ("IAM JSON policy elements: Condition operators",
// "Set operators for multivalued context keys", "IAM policy elements:
// Variables and tags").
//
// It does not know which keys exist or what a request must carry: a context
// holds what was set and nothing else, and an absent key is not an empty one.
package condition

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/keywright/keywright/arn"
)

// Context holds the condition keys of one request. Names of keys compare
// without regard to the case of ASCII letters. The zero Context is empty and
// ready to use. A Context, with those it stands over, may be used by one
// goroutine at a time, because a key given by SetFunc is called when first
// looked up.
type Context struct {
	entries []entry
	parent  *Context
}

// entry is a key with its value. Only the fields of its kind are set.
type entry struct {
	key      string
	kind     Kind
	text     string
	texts    []string
	number   int64 // of Int; 1 for true of Bool
	time     time.Time
	address  netip.Addr
	function func() ([]string, bool)
}

// Kind is the type of a condition key's value.
type Kind uint8

// The kinds of values.
const (
	String Kind = iota
	Strings
	Bool
	Int
	Time
	Address
	absent  // a function that found nothing
	pending // a function not yet called
)

// SetString sets a key with a single value, in place of what it was.
func (c *Context) SetString(key, value string) { *c.set(key) = entry{key: key, text: value} }

// SetStrings sets a multivalued key, which is present even when values is
// empty. The caller must not change values afterwards.
func (c *Context) SetStrings(key string, values []string) {
	*c.set(key) = entry{key: key, kind: Strings, texts: values}
}

// SetBool sets a key whose value is true or false.
func (c *Context) SetBool(key string, v bool) {
	n := int64(0)
	if v {
		n = 1
	}
	*c.set(key) = entry{key: key, kind: Bool, number: n}
}

// SetInt sets a numeric key. As a date it is seconds since 1970.
func (c *Context) SetInt(key string, v int64) { *c.set(key) = entry{key: key, kind: Int, number: v} }

// SetTime sets a date key. As a number it is seconds since 1970.
func (c *Context) SetTime(key string, t time.Time) {
	*c.set(key) = entry{key: key, kind: Time, time: t}
}

// SetIP sets an address key. An IPv4 address in IPv6 form becomes plain IPv4.
func (c *Context) SetIP(key string, a netip.Addr) {
	*c.set(key) = entry{key: key, kind: Address, address: a.Unmap().WithZone("")}
}

// SetFunc sets a key that is costly to know. f is called when the key is first
// looked up and not again; its second result is false when the key is absent.
// One value makes a single-valued key, any other number a multivalued one.
func (c *Context) SetFunc(key string, f func() ([]string, bool)) {
	*c.set(key) = entry{key: key, kind: pending, function: f}
}

// Delete makes a key absent, also when a Context below has it.
func (c *Context) Delete(key string) { *c.set(key) = entry{key: key, kind: absent} }

// Over makes c a layer over parent: a key that c does not have is looked up
// there. It replaces an earlier parent; nil takes it away.
func (c *Context) Over(parent *Context) { c.parent = parent }

// Grow makes room for n more keys.
func (c *Context) Grow(n int) { c.entries = slices.Grow(c.entries, n) }

// Clone returns a copy to which keys can be added without changing c. It
// shares c's parent.
func (c *Context) Clone() *Context {
	return &Context{append([]entry(nil), c.entries...), c.parent}
}

// Reset empties c and takes it off its parent, keeping its memory for reuse.
func (c *Context) Reset() {
	clear(c.entries)
	c.entries, c.parent = c.entries[:0], nil
}

// set returns the entry for key, a new one when there is none.
func (c *Context) set(key string) *entry {
	if e := c.own(key); e != nil {
		return e
	}
	c.entries = append(c.entries, entry{})
	return &c.entries[len(c.entries)-1]
}

func (c *Context) own(key string) *entry {
	// Names of one length mostly differ in their last letter, whose cases
	// differ in one bit: that spares most comparisons.
	const caseBit = 'a' - 'A'
	var last byte
	if key != "" {
		last = key[len(key)-1] | caseBit
	}
	for i := range c.entries {
		if k := c.entries[i].key; len(k) == len(key) && (k == "" || k[len(k)-1]|caseBit == last) && arn.EqualFold(k, key) {
			return &c.entries[i]
		}
	}
	return nil
}

// find returns the value of key, or nil when it is absent.
func (c *Context) find(key string) *entry {
	for ; c != nil; c = c.parent {
		if e := c.own(key); e != nil {
			if e.kind == pending {
				e.call()
			}
			if e.kind == absent {
				return nil
			}
			return e
		}
	}
	return nil
}

func (e *entry) call() {
	values, ok := e.function()
	switch {
	case !ok:
		*e = entry{key: e.key, kind: absent}
	case len(values) == 1:
		*e = entry{key: e.key, text: values[0]}
	default:
		*e = entry{key: e.key, kind: Strings, texts: values}
	}
}

// isNull reports whether a key is absent or has none but empty values, a null
// dataset in AWS's words ("Set operators for multivalued context keys").
func (e *entry) isNull() bool {
	if e == nil {
		return true
	}
	if e.kind != Strings {
		return e.kind == String && e.text == ""
	}
	for _, s := range e.texts {
		if s != "" {
			return false
		}
	}
	return true
}

// Lookup returns the value of a key, and false when it is absent.
func (c *Context) Lookup(key string) (Value, bool) {
	e := c.find(key)
	return Value{e}, e != nil
}

// Resolve returns the single value of a key as a policy variable has it. The
// second result is false when the key is absent, empty or multivalued: a key
// without a value is to a variable as one that is not there ("IAM policy
// elements: Variables and tags").
func (c *Context) Resolve(key string) (string, bool) {
	e := c.find(key)
	if e == nil || e.kind == Strings || e.kind == String && e.text == "" {
		return "", false
	}
	return e.string(), true
}

// Keys returns the names of all keys that are set, those of c before those of
// the Contexts below it. It calls no function.
func (c *Context) Keys() []string {
	var keys []string
	for ; c != nil; c = c.parent {
		for i := range c.entries {
			if c.entries[i].kind != absent {
				keys = append(keys, c.entries[i].key)
			}
		}
	}
	return keys
}

// Value is the value of a condition key. It is valid until its Context is
// changed.
type Value struct{ e *entry }

// Kind returns the type of the value.
func (v Value) Kind() Kind { return v.e.kind }

// Strings returns the value or values as text.
func (v Value) Strings() []string {
	if v.e.kind == Strings {
		return v.e.texts
	}
	return []string{v.e.string()}
}

// string returns the single value as text. Text is made only here, so that a
// typed key costs nothing until a string operator or a variable asks for it.
func (e *entry) string() string {
	switch e.kind {
	case Bool:
		return strconv.FormatBool(e.number == 1)
	case Int:
		return strconv.FormatInt(e.number, 10)
	case Time:
		return e.time.UTC().Format(time.RFC3339)
	case Address:
		return e.address.String()
	}
	return e.text
}
