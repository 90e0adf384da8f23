// Package lint knows what is wrong with a policy. Check tells which documents
// AWS refuses when they are put, with the words in which S3 and IAM refuse them;
// what it does not refuse, policy/eval can compile. Validate tells everything
// else as well that a person would want to know: what does nothing, what grants
// more than it seems to, and how to write it better, with the codes of IAM Access
// Analyzer's policy checks where it has one. Codes is the table of all codes.
//
// It does not know which principals, buckets or policies exist: a caller asks
// policy.Document.Principals for the names and checks them itself.
package lint

import (
	"errors"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/edit"
	"github.com/keywright/keywright/policy/eval"
)

// Severity says how bad a finding is, in the terms of IAM Access Analyzer
// ("IAM Access Analyzer policy validation").
type Severity uint8

// The severities. Error is for what AWS refuses or what cannot work.
const (
	Error Severity = iota
	SecurityWarning
	Warning
	Suggestion
)

var severityNames = [...]string{"ERROR", "SECURITY_WARNING", "WARNING", "SUGGESTION"}

// String returns Access Analyzer's name of the severity.
func (s Severity) String() string { return severityNames[s] }

// Finding is one thing that is wrong with a document.
type Finding struct {
	Code      policy.Code // stable; of this package, of policy or of policy/eval
	Severity  Severity
	Position  policy.Position
	Also      []policy.Position // other parts of the document that it is about
	Statement int               // index of the statement, or -1
	Value     string            // the offending text, when there is one
	Message   string            // for people
	Kind      Kind

	// Refused is whether the API refuses to put the document because of it. This
	// says more than the severity: IAM takes actions that do not exist, which is
	// an Error, and refuses an empty array, which is a Suggestion.
	Refused bool

	// Advice is what to do about this finding, when more can be said than the
	// documentation of its code does.
	Advice string

	// Fix is what can be done about it without looking further, and nil when
	// only a person can tell.
	Fix *Fix
}

// Fix is a safe change of a document: it never grants more, and never changes
// a decision but as Description says.
type Fix struct {
	Description string
	Edits       []edit.Edit
}

// Kind is the type of policy that a document is put as.
type Kind = eval.PolicyType

// The kinds of policies. Bucket is the resource-based policy that S3 takes.
const (
	Identity            = eval.Identity
	PermissionsBoundary = eval.PermissionsBoundary
	Session             = eval.Session
	Bucket              = eval.Resource
	Trust               = eval.Trust
	ServiceControl      = eval.ServiceControl
	ResourceControl     = eval.ResourceControl
)

// The codes of Check, besides those of policy.Parse and eval.Compile.
const (
	PolicyTooLarge        policy.Code = "POLICY_TOO_LARGE"
	VersionTooOld         policy.Code = "VERSION_TOO_OLD"         // a managed policy without Version 2012-10-17
	InvalidSid            policy.Code = "INVALID_SID"             // characters other than letters and digits, in IAM
	DuplicateSid          policy.Code = "DUPLICATE_SID"           // in one IAM policy
	InvalidAction         policy.Code = "INVALID_ACTION"          // in a bucket policy: no such action of S3
	ActionNotApplicable   policy.Code = "ACTION_NOT_APPLICABLE"   // in a bucket policy: fits no resource of the statement
	ForeignResource       policy.Code = "FOREIGN_RESOURCE"        // in a bucket policy: not of this bucket
	InvalidConditionKey   policy.Code = "INVALID_CONDITION_KEY"   // in a bucket policy: no such key
	ConditionsNotApply    policy.Code = "CONDITIONS_NOT_APPLY"    // in a bucket policy: no action's request has the key
	InvalidIPAddress      policy.Code = "INVALID_IP_ADDRESS"      // neither an address nor a CIDR block
	InvalidDate           policy.Code = "INVALID_DATE"            // neither ISO 8601 nor seconds since 1970
	ResourceNotARN        policy.Code = "RESOURCE_NOT_ARN"        // no colon at all
	InvalidPartition      policy.Code = "INVALID_PARTITION"       // of a resource's ARN
	ResourceVendor        policy.Code = "RESOURCE_VENDOR"         // a resource's ARN that ends before its service, or has a wildcard there
	ResourceRegion        policy.Code = "RESOURCE_REGION"         // a region in an ARN of S3 or IAM
	InvalidIAMPath        policy.Code = "INVALID_IAM_PATH"        // an ARN of IAM with no known type of resource
	TrustAction           policy.Code = "TRUST_ACTION"            // in a trust policy: an action other than those of AssumeRole
	SharedProvider        policy.Code = "SHARED_PROVIDER"         // in a trust policy: every customer of a provider is trusted
	EmptyPrincipal        policy.Code = "EMPTY_PRINCIPAL"         // Principal without a name
	UnsupportedTrustField policy.Code = "UNEXPECTED_NOTPRINCIPAL" // NotPrincipal in a trust policy
)

// Options says where a document is put.
type Options struct {
	Bucket  string // name of the bucket, for a bucket policy; when empty any bucket will do
	Managed bool   // whether it is a managed policy, which needs Version 2012-10-17
	Account string // that owns what a resource or trust policy is for; empty when not known
}

// Check returns why the API refuses a document that is put as a policy of the
// given type, in the order in which AWS checks: the first finding is the one to
// refuse the document with. All are of severity Error. A document without a
// finding compiles. What AWS takes and is wrong all the same is for Validate.
func Check(doc *policy.Document, kind Kind, opts Options) []Finding {
	c := checker{doc: doc, kind: kind, opts: opts}
	switch kind {
	case Bucket:
		c.bucketPolicy()
	case Trust:
		c.trustPolicy()
	default:
		c.identityPolicy()
	}
	if len(c.findings) == 0 {
		if _, err := eval.Compile(doc, eval.Options{Type: kind}); err != nil {
			f := ParseError(err, kind)
			for i := range doc.Statements {
				if doc.Statements[i].Position.Offset <= f.Position.Offset {
					f.Statement = i
				}
			}
			c.findings = append(c.findings, f)
		}
	}
	return c.findings
}

// Parse parses and checks a document in one go, as the API does when it is
// put. The document is nil when it cannot be parsed.
func Parse(data []byte, kind Kind, opts Options) (*policy.Document, []Finding) {
	doc, err := policy.Parse(data)
	if err != nil {
		return nil, []Finding{ParseError(err, kind)}
	}
	return doc, Check(doc, kind, opts)
}

// ParseError turns an error of policy.Parse or eval.Compile into a finding.
func ParseError(err error, kind Kind) Finding {
	var e *policy.Error
	if !errors.As(err, &e) {
		e = &policy.Error{Code: policy.JSONSyntax, Message: err.Error()}
	}
	return Finding{Code: e.Code, Position: e.Position, Statement: -1, Value: e.Value, Message: e.Message, Kind: kind, Refused: true}
}

// checker collects the findings of one document.
type checker struct {
	doc       *policy.Document
	kind      Kind
	opts      Options
	statement int // index of the one being checked
	findings  []Finding
}

func (c *checker) report(code policy.Code, at policy.Position, value, message string) {
	c.findings = append(c.findings, Finding{
		Code: code, Position: at, Statement: c.statement, Value: value, Message: message, Kind: c.kind, Refused: true,
	})
}

// each calls check for every statement.
func (c *checker) each(check func(*policy.Statement)) {
	for i := range c.doc.Statements {
		c.statement = i
		check(&c.doc.Statements[i])
	}
	c.statement = -1
}

// either returns the element of a pair that the statement has, or nil.
func either(first, second *policy.Values) *policy.Values {
	if first != nil {
		return first
	}
	return second
}

// isEmpty reports whether an element is absent or an empty array.
func isEmpty(v *policy.Values) bool { return v == nil || len(v.List) == 0 }
