// Package policy knows policy documents: the grammar of the JSON policy
// language ("Grammar of the IAM JSON policy language", IAM User Guide), where
// each element stands, and how a document that breaks the grammar does so. It
// keeps the bytes it was given, so that a document is read back identical.
//
// It gives no meaning to what it reads: whether a value is an action that
// exists, a pattern that can match or a condition that can be evaluated is for
// the packages below it.
package policy

import (
	"fmt"
	"strconv"
)

// The versions of the policy language ("IAM JSON policy elements: Version").
// A document without a Version is read as Version2008, in which policy
// variables are plain text.
const (
	Version2008 = "2008-10-17"
	Version2012 = "2012-10-17"
)

// Document is a parsed policy. It must not be changed: what is compiled from
// it would no longer agree with Bytes.
type Document struct {
	Version    Value // the zero Value when the document has none
	ID         Value // the Id element; the zero Value when there is none
	Statements []Statement

	source string
}

// Bytes returns a copy of exactly the bytes that were parsed.
func (d *Document) Bytes() []byte { return []byte(d.source) }

// HasVariables reports whether ${...} is a policy variable in this document,
// which it is only in Version 2012-10-17.
func (d *Document) HasVariables() bool { return d.Version.Text == Version2012 }

// Position is a place in a document. Line and Column begin at 1; Column counts
// characters. The zero Position is that of something absent.
type Position struct{ Offset, Line, Column int }

// IsValid reports whether the position is one in a document.
func (p Position) IsValid() bool { return p.Line > 0 }

// String writes the position as line:column.
func (p Position) String() string { return strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column) }

// Value is a string, number or boolean of the document. Text of a number or
// boolean is as it was written.
type Value struct {
	Text     string
	Position Position
	Kind     Kind
}

// IsPresent reports whether the document has this value.
func (v Value) IsPresent() bool { return v.Position.IsValid() }

// Kind is the JSON type of a Value.
type Kind uint8

// The kinds of values.
const (
	String Kind = iota
	Number
	Boolean
)

// Effect is what a statement results in. The zero Effect is none of them and
// is never the result of parsing.
type Effect uint8

// The effects.
const (
	Allow Effect = iota + 1
	Deny
)

// String returns "Allow" or "Deny".
func (e Effect) String() string {
	switch e {
	case Allow:
		return "Allow"
	case Deny:
		return "Deny"
	}
	return "none"
}

// Statement is one statement of a policy. Of each of the pairs Principal and
// NotPrincipal, Action and NotAction, Resource and NotResource at most one is
// not nil; whether one must be there depends on the type of the policy.
type Statement struct {
	Position       Position
	Sid            Value // the zero Value when there is none
	Effect         Effect
	EffectPosition Position

	Principal, NotPrincipal *Principals
	Action, NotAction       *Values
	Resource, NotResource   *Values

	Condition         []Operator
	ConditionPosition Position // not valid when there is no Condition
}

// Values is an element that holds one value or an array of values.
type Values struct {
	Name     string   // the element's name, such as "NotAction"
	Position Position // of the name
	List     []Value  // may be empty
	IsArray  bool     // whether it was written with brackets
}

// Principals is a Principal or NotPrincipal element.
type Principals struct {
	Name     string
	Position Position
	Any      Value // the bare "*"; the zero Value when the element is an object
	List     []Principal
}

// Principal is one name of a Principal or NotPrincipal element.
type Principal struct {
	Type  PrincipalType
	Value Value
}

// PrincipalType is a key of the Principal element ("AWS JSON policy elements:
// Principal").
type PrincipalType uint8

// The types of principals.
const (
	AWS PrincipalType = iota + 1
	Federated
	Service
	CanonicalUser
)

var principalTypes = map[string]PrincipalType{
	"AWS": AWS, "Federated": Federated, "Service": Service, "CanonicalUser": CanonicalUser,
}

// String returns the type as a policy writes it.
func (t PrincipalType) String() string {
	for name, v := range principalTypes {
		if v == t {
			return name
		}
	}
	return "none"
}

// Operator is one operator of a Condition element with its keys.
type Operator struct {
	Name Value // such as "ForAnyValue:StringLikeIfExists"
	Keys []Key
}

// Key is a condition key with the values it is compared with.
type Key struct {
	Name   Value
	Values Values
}

// NamedPrincipal is a principal that a statement names.
type NamedPrincipal struct {
	Principal
	Statement int  // index into Document.Statements
	Not       bool // whether the element is NotPrincipal
}

// Principals returns every principal that the document names, in order, so
// that a caller can check that each exists. The bare "*" is not among them.
func (d *Document) Principals() []NamedPrincipal {
	var named []NamedPrincipal
	for i := range d.Statements {
		s := &d.Statements[i]
		for _, element := range []*Principals{s.Principal, s.NotPrincipal} {
			if element == nil {
				continue
			}
			for _, p := range element.List {
				named = append(named, NamedPrincipal{p, i, element == s.NotPrincipal})
			}
		}
	}
	return named
}

// Code names a way in which a document is not a policy. The codes are stable.
type Code string

// The codes of Parse.
const (
	NotJSONObject         Code = "NOT_JSON_OBJECT"                    // empty, or the first byte is not {
	JSONSyntax            Code = "JSON_SYNTAX"                        // broken JSON, bad UTF-8, or text after the end
	TooLarge              Code = "TOO_LARGE"                          // over the limits of Parse
	DuplicateElement      Code = "DUPLICATE_ELEMENT"                  // a name twice in one object
	DuplicateKey          Code = "DUPLICATE_KEYS_WITH_DIFFERENT_CASE" // a condition key twice in one operator
	UnknownElement        Code = "UNKNOWN_ELEMENT"                    // an element that the grammar does not have
	WrongType             Code = "WRONG_TYPE"                         // such as a number for an action, or null
	MissingStatement      Code = "MISSING_STATEMENT"                  // no Statement element
	EmptyStatement        Code = "EMPTY_STATEMENT"                    // "Statement": []
	InvalidVersion        Code = "INVALID_VERSION"                    // neither of the two versions
	MissingEffect         Code = "MISSING_EFFECT"                     // a statement without Effect
	InvalidEffect         Code = "INVALID_EFFECT"                     // neither Allow nor Deny
	ConflictingElements   Code = "CONFLICTING_ELEMENTS"               // both of a pair such as Action and NotAction
	InvalidPrincipalType  Code = "INVALID_PRINCIPAL_TYPE"             // a key of Principal that is no principal type
	InvalidPrincipalValue Code = "INVALID_PRINCIPAL_VALUE"            // a bare string other than "*" as Principal
)

// Error says how and where a document is not a policy. Errors of compiling a
// document are of this type too, with their own codes.
type Error struct {
	Position Position
	Code     Code
	Value    string // the offending text, when there is one
	Message  string // for people; AWS's words are in policy/lint
}

// Error returns the position and the message.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s", e.Position, e.Message)
}
