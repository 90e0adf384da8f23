package eval

import (
	"errors"
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
)

// The codes with which Compile refuses a document, besides those of
// policy.Parse.
const (
	InvalidPrincipal    policy.Code = "INVALID_PRINCIPAL"     // a name that no principal can have
	MissingPrincipal    policy.Code = "MISSING_PRINCIPAL"     // a resource or trust policy without Principal
	UnexpectedPrincipal policy.Code = "UNEXPECTED_PRINCIPAL"  // Principal in a policy that is attached to its principal
	AllowNotPrincipal   policy.Code = "ALLOW_NOT_PRINCIPAL"   // NotPrincipal with Effect Allow
	MissingAction       policy.Code = "MISSING_ACTION"        // neither Action nor NotAction, or an empty one
	ActionVendor        policy.Code = "ACTION_WITHOUT_VENDOR" // an action without "vendor:"
	ActionColons        policy.Code = "ACTION_COLONS"         // an action with more than one colon
	InvalidVendor       policy.Code = "INVALID_VENDOR"        // characters that no vendor has
	MissingResource     policy.Code = "MISSING_RESOURCE"      // neither Resource nor NotResource, or an empty one
	UnexpectedResource  policy.Code = "UNEXPECTED_RESOURCE"   // Resource in a trust policy
	InvalidResource     policy.Code = "INVALID_RESOURCE"      // neither "*" nor a pattern of ARNs
	VariablePlacement   policy.Code = "VARIABLE_PLACEMENT"    // a policy variable before a resource's fifth colon
	InvalidOperator     policy.Code = "INVALID_OPERATOR"      // a condition operator that AWS does not have
	InvalidValue        policy.Code = "INVALID_VALUE"         // a condition value of the wrong form
)

// Options says what a document is compiled as.
type Options struct {
	Type PolicyType // required
	Name string     // shown in traces: the ARN or name of the policy

	// PrincipalIDs binds ARNs of users and roles that the document names to the
	// unique ids that these had when the document was saved. A bound ARN is
	// matched only by the principal with that id, never by a later namesake
	// ("AWS JSON policy elements: Principal").
	PrincipalIDs map[string]string
}

// Policy is a compiled policy. It is immutable and safe for concurrent use.
type Policy struct {
	document   *policy.Document
	kind       PolicyType
	name       string
	statements []statement
	allow      index
	deny       index
	public     bool
}

// Document returns what was compiled.
func (p *Policy) Document() *policy.Document { return p.document }

// Type returns the part that the policy plays.
func (p *Policy) Type() PolicyType { return p.kind }

// Name returns the name it was compiled with.
func (p *Policy) Name() string { return p.name }

// statement is a compiled statement.
type statement struct {
	effect policy.Effect

	actions   []arn.Wildcard
	notAction bool

	hasResource bool // false in trust policies
	resources   []*arn.Pattern
	notResource bool
	searches    bool // one of the resources gains from a text that is searched for all

	hasPrincipal bool
	principals   []principal
	notPrincipal bool

	conditions []*condition.Condition

	// namesPrincipalARN is whether a condition asks for aws:PrincipalArn, with
	// which the Principal "*" overrides as much as a session's own name.
	namesPrincipalARN bool
}

// Compile compiles a document. It refuses, with a *policy.Error that says
// where, every element that it could not evaluate as AWS does.
func Compile(doc *policy.Document, opts Options) (*Policy, error) {
	if opts.Type < Identity || opts.Type > KeyPolicy {
		return nil, errors.New("eval: Options.Type is not set")
	}
	p := &Policy{document: doc, kind: opts.Type, name: opts.Name, statements: make([]statement, len(doc.Statements))}
	for i := range doc.Statements {
		if err := p.statements[i].compile(doc, &doc.Statements[i], &opts); err != nil {
			return nil, err
		}
	}
	p.allow = buildIndex(p.statements, func(s *statement) bool { return s.effect == policy.Allow })
	p.deny = buildIndex(p.statements, func(s *statement) bool { return s.effect == policy.Deny })
	p.public = slices.ContainsFunc(p.statements, func(s statement) bool { return s.isPublic() })
	return p, nil
}

func (s *statement) compile(doc *policy.Document, from *policy.Statement, opts *Options) *policy.Error {
	s.effect = from.Effect
	if err := s.compileWho(from, opts); err != nil {
		return err
	}
	if err := s.compileActions(from); err != nil {
		return err
	}
	if err := s.compileResources(from, opts.Type, doc.HasVariables()); err != nil {
		return err
	}
	return s.compileConditions(from, doc.HasVariables())
}

func (s *statement) compileWho(from *policy.Statement, opts *Options) *policy.Error {
	element := from.Principal
	if from.NotPrincipal != nil {
		element, s.notPrincipal = from.NotPrincipal, true
	}
	switch opts.Type {
	case Resource, Trust, ResourceControl, KeyPolicy:
		if element == nil {
			return fail(from.Position, MissingPrincipal, "", "a "+opts.Type.String()+" has a Principal")
		}
	default:
		if element == nil {
			return nil
		}
		return fail(element.Position, UnexpectedPrincipal, element.Name, opts.Type.article()+" "+opts.Type.String()+" has no "+element.Name)
	}
	if s.notPrincipal && (s.effect == policy.Allow || opts.Type != Resource && opts.Type != KeyPolicy) {
		return fail(element.Position, AllowNotPrincipal, element.Name, "NotPrincipal is only for Deny in a resource-based policy")
	}
	var err *policy.Error
	s.hasPrincipal = true
	if s.principals, err = compilePrincipals(element, opts.PrincipalIDs); err != nil {
		return err
	}
	if opts.Type == ResourceControl && !slices.ContainsFunc(s.principals, func(p principal) bool { return p.form == anyPrincipal }) {
		return fail(element.Position, InvalidPrincipal, "", "a resource control policy applies to every principal: its Principal is \"*\"")
	}
	return nil
}

func (s *statement) compileActions(from *policy.Statement) *policy.Error {
	element := from.Action
	if from.NotAction != nil {
		element, s.notAction = from.NotAction, true
	}
	if element == nil || len(element.List) == 0 {
		return fail(from.Position, MissingAction, "", "a statement has an Action")
	}
	s.actions = make([]arn.Wildcard, len(element.List))
	for i, v := range element.List {
		if code, why := CheckAction(v.Text); code != "" {
			return fail(v.Position, code, v.Text, why)
		}
		w, err := arn.CompileWildcard(v.Text, arn.Wildcards|arn.FoldCase)
		if err != nil {
			return fail(v.Position, ActionVendor, v.Text, err.Error())
		}
		s.actions[i] = w
	}
	return nil
}

// CheckAction returns why a text cannot be a pattern of actions, with a code
// of this package, or two empty strings when it can. It does not know which
// actions exist.
func CheckAction(text string) (policy.Code, string) {
	vendor, name, ok := strings.Cut(text, ":")
	switch {
	case text == "*":
		return "", ""
	case !ok:
		return ActionVendor, "an action is written vendor:name"
	case strings.Contains(name, ":"):
		return ActionColons, "an action has one colon"
	case vendor == "" || !isVendor(vendor):
		return InvalidVendor, "a vendor is letters, digits, hyphens and dots"
	case name == "":
		return ActionVendor, "an action has a name after the colon"
	}
	return "", ""
}

func isVendor(s string) bool {
	for i := range len(s) {
		c := arn.Lower(s[i])
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

func (s *statement) compileResources(from *policy.Statement, kind PolicyType, variables bool) *policy.Error {
	element := from.Resource
	if from.NotResource != nil {
		element, s.notResource = from.NotResource, true
	}
	if kind == Trust {
		if element != nil {
			return fail(element.Position, UnexpectedResource, element.Name, "a role trust policy has no "+element.Name)
		}
		return nil
	}
	if element == nil || len(element.List) == 0 {
		return fail(from.Position, MissingResource, "", "a statement has a Resource")
	}
	s.hasResource = true
	s.resources = make([]*arn.Pattern, len(element.List))
	for i, v := range element.List {
		p, err := arn.CompilePattern(v.Text, variableSyntax(variables))
		if err != nil {
			return fail(v.Position, InvalidResource, v.Text, err.Error())
		}
		if p.FieldVariables() {
			return fail(v.Position, VariablePlacement, v.Text, "policy variables stand after the fifth colon of an ARN")
		}
		s.resources[i] = p
		s.searches = s.searches || p.Searches()
	}
	return nil
}

func variableSyntax(variables bool) arn.Syntax {
	if variables {
		return arn.Variables
	}
	return 0
}

func (s *statement) compileConditions(from *policy.Statement, variables bool) *policy.Error {
	for i := range from.Condition {
		op := &from.Condition[i]
		if _, ok := condition.ParseOperator(op.Name.Text); !ok {
			return fail(op.Name.Position, InvalidOperator, op.Name.Text, "there is no such condition operator")
		}
		for j := range op.Keys {
			key := &op.Keys[j]
			if len(key.Values.List) == 0 && s.effect == policy.Deny {
				continue // a condition that nothing can meet must not undo the Deny
			}
			texts := make([]string, len(key.Values.List))
			for k, v := range key.Values.List {
				texts[k] = v.Text
			}
			c, err := condition.Compile(op.Name.Text, key.Name.Text, texts, variables)
			if e := (*condition.Error)(nil); errors.As(err, &e) {
				v := key.Values.List[e.Value]
				return fail(v.Position, InvalidValue, v.Text, e.Error())
			}
			s.conditions = append(s.conditions, c)
			if arn.EqualFold(c.Key(), "aws:PrincipalArn") && !c.Operator().IsNegated() && c.Operator().Name != "Null" {
				s.namesPrincipalARN = true
			}
		}
	}
	return nil
}

func fail(at policy.Position, code policy.Code, value, message string) *policy.Error {
	return &policy.Error{Position: at, Code: code, Value: value, Message: message}
}
