package condition

import (
	"fmt"
	"strings"

	"github.com/keywright/keywright/arn"
)

// Qualifier says how an operator treats a key's set of values.
type Qualifier uint8

// The qualifiers.
const (
	None Qualifier = iota
	ForAllValues
	ForAnyValue
)

// Operator is a condition operator taken apart.
type Operator struct {
	Name      string // without qualifier and suffix, such as "StringLike"
	Qualifier Qualifier
	IfExists  bool
}

// ParseOperator reads the name of an operator, such as
// "ForAnyValue:StringLikeIfExists". The second result is false when AWS has no
// such operator. Null takes neither qualifier nor IfExists.
func ParseOperator(s string) (Operator, bool) {
	var op Operator
	switch {
	case strings.HasPrefix(s, "ForAllValues:"):
		op.Qualifier = ForAllValues
	case strings.HasPrefix(s, "ForAnyValue:"):
		op.Qualifier = ForAnyValue
	}
	if op.Qualifier != None {
		_, s, _ = strings.Cut(s, ":")
	}
	op.Name, op.IfExists = strings.CutSuffix(s, "IfExists")
	if op.Name == "Null" {
		return op, op.Qualifier == None && !op.IfExists
	}
	_, ok := families[op.Name]
	return op, ok
}

// IsNegated reports whether the operator asks that no value match.
func (o Operator) IsNegated() bool { return families[o.Name].negated }

// Condition is one operator with one key and its values, compiled. It is
// immutable and safe for concurrent use.
type Condition struct {
	operator Operator
	key      string
	negated  bool
	null     bool // the operator is Null
	values   []operand
	texts    []string
	searches bool // one of the values gains from a text that is searched for all
}

// Error says why a condition cannot be evaluated.
type Error struct {
	Operator string // as written
	Value    int    // index of the value that is wrong, or -1 when the operator is
	Want     string // what the value should be
}

// Error returns what is wrong, for people.
func (e *Error) Error() string {
	if e.Value < 0 {
		return fmt.Sprintf("there is no condition operator %q", e.Operator)
	}
	return fmt.Sprintf("the value of %s must be %s", e.Operator, e.Want)
}

// Compile compiles one operator with one key and its values. Policy variables
// are read in string, ARN and Bool operators when variables is true, which is for
// documents of Version 2012-10-17. The error is an *Error.
func Compile(operator, key string, values []string, variables bool) (*Condition, error) {
	op, ok := ParseOperator(operator)
	if !ok {
		return nil, &Error{Operator: operator, Value: -1}
	}
	var syntax arn.Syntax
	if variables {
		syntax = arn.Variables
	}
	f := families[op.Name]
	c := &Condition{operator: op, key: key, negated: f.negated, null: op.Name == "Null", texts: values}
	if c.null {
		f.compile, syntax = compileBool, 0
	}
	c.values = make([]operand, len(values))
	for i, v := range values {
		o, want := f.compile(v, syntax)
		if o == nil {
			return nil, &Error{operator, i, want}
		}
		c.values[i] = o
		switch p := o.(type) {
		case *pattern:
			c.searches = c.searches || p.w.Searches()
		case *arnPattern:
			c.searches = c.searches || p.p.Searches()
		}
	}
	return c, nil
}

// Operator returns the operator.
func (c *Condition) Operator() Operator { return c.operator }

// Key returns the name of the key as the policy writes it.
func (c *Condition) Key() string { return c.key }

// Values returns the values as the policy writes them.
func (c *Condition) Values() []string { return c.texts }

// Match evaluates the condition. It allocates nothing unless the value of a
// typed key is compared as text.
//
// A condition without values never holds. An empty value is none to Null and
// to the set operators.
func (c *Condition) Match(ctx *Context) bool {
	if len(c.values) == 0 {
		return false
	}
	e := ctx.find(c.key)
	if c.null {
		return c.matchNull(e.isNull())
	}
	switch {
	case e == nil && c.operator.IfExists:
		return true
	case c.operator.Qualifier != None && e.isNull():
		return c.operator.Qualifier == ForAllValues
	case e == nil:
		return c.negated
	}
	if e.kind == Strings {
		return c.matchSet(e.texts, ctx)
	}
	return c.matchAny(single{entry: e}, ctx) != c.negated
}

func (c *Condition) matchNull(isNull bool) bool {
	for _, v := range c.values {
		if v.(boolean) == boolean(isNull) {
			return true
		}
	}
	return false
}

// matchSet evaluates a multivalued key. Without a qualifier a positive
// operator asks for one match and a negated one for none.
func (c *Condition) matchSet(texts []string, ctx *Context) bool {
	all := c.operator.Qualifier == ForAllValues || c.operator.Qualifier == None && c.negated
	for _, s := range texts {
		if (c.matchAny(single{text: s}, ctx) != c.negated) != all {
			return !all
		}
	}
	return all
}

// matchAny reports whether one of the policy's values matches.
func (c *Condition) matchAny(s single, ctx *Context) bool {
	if c.searches {
		return c.searchAny(s.string(), ctx)
	}
	for _, v := range c.values {
		if v.match(s, ctx) {
			return true
		}
	}
	return false
}

// searchAny does as matchAny, for patterns that gain from one text that is
// searched for all.
func (c *Condition) searchAny(s string, ctx *Context) bool {
	var text arn.Text
	text.Set(s)
	for _, v := range c.values {
		switch p := v.(type) {
		case *pattern:
			if p.w.MatchText(&text, ctx) {
				return true
			}
		case *arnPattern:
			if arn.Is(s) && p.p.MatchText(&text, ctx) {
				return true
			}
		default:
			if v.match(single{text: s}, ctx) {
				return true
			}
		}
	}
	return false
}
