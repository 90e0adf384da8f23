package lint

import (
	"strings"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/eval"
)

// s3Messages are S3's words for a refused bucket policy. %s is the offending
// value.
var s3Messages = map[policy.Code]string{
	policy.NotJSONObject:         "Policies must be valid JSON and the first byte must be '{'",
	policy.JSONSyntax:            "This policy contains invalid Json",
	policy.DuplicateElement:      "This policy contains invalid Json",
	policy.DuplicateKey:          "This policy contains invalid Json",
	policy.TooLarge:              "This policy contains invalid Json",
	policy.UnknownElement:        "Unknown field %s",
	policy.WrongType:             "Invalid policy syntax.",
	policy.ConflictingElements:   "Invalid policy syntax.",
	policy.MissingStatement:      "Missing required field Statement",
	policy.EmptyStatement:        "Could not parse the policy: Statement is empty!",
	policy.InvalidVersion:        "The policy must contain a valid version string",
	policy.MissingEffect:         "Missing required field Effect",
	policy.InvalidEffect:         "Invalid effect: %s",
	policy.InvalidPrincipalType:  "Invalid principal in policy",
	policy.InvalidPrincipalValue: "Invalid principal in policy",

	eval.MissingPrincipal:  "Missing required field Principal",
	EmptyPrincipal:         "Missing required field Principal cannot be empty!",
	eval.InvalidPrincipal:  "Invalid principal in policy",
	eval.AllowNotPrincipal: "Allow with NotPrincipal is not allowed.",
	eval.MissingAction:     "Missing required field Action",
	InvalidAction:          "Policy has invalid action",
	eval.ActionVendor:      "Policy has invalid action",
	eval.ActionColons:      "Policy has invalid action",
	eval.InvalidVendor:     "Policy has invalid action",
	eval.MissingResource:   "Missing required field Resource",
	ForeignResource:        "Policy has invalid resource",
	eval.InvalidResource:   "Policy has invalid resource",
	eval.VariablePlacement: "Policy has invalid resource",
	ActionNotApplicable:    "Action does not apply to any resource(s) in statement",
	InvalidConditionKey:    "Policy has an invalid condition key",
	ConditionsNotApply:     "Conditions do not apply to combination of actions and resources in statement",
	eval.InvalidOperator:   "Invalid Condition type : %s",
	InvalidIPAddress:       "Invalid IP address in Conditions",
	PolicyTooLarge:         "Normalized policy document exceeds the maximum allowed size of 20480 bytes",
}

// S3Message returns the message with which S3 answers MalformedPolicy for a
// finding in a bucket policy.
func S3Message(f Finding) string {
	message, ok := s3Messages[f.Code]
	if !ok {
		return "Invalid policy syntax."
	}
	return strings.Replace(message, "%s", f.Value, 1)
}

// iamMessages are IAM's words for a refused document. %s is the offending
// value. What is not here is "Syntax errors in policy."
var iamMessages = map[policy.Code]string{
	VersionTooOld:            "Policy document must be version 2012-10-17 or greater.",
	eval.UnexpectedPrincipal: "Policy document should not specify a principal.",
	eval.InvalidResource:     legacyParsing,
	eval.VariablePlacement:   legacyParsing,
	eval.InvalidValue:        legacyParsing,
	InvalidDate:              legacyParsing,
	InvalidIPAddress:         legacyParsing,
	DuplicateSid:             "Statement IDs (SID) in a single policy must be unique.",
	InvalidSid:               "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
	eval.MissingAction:       "Policy statement must contain actions.",
	eval.MissingResource:     "Policy statement must contain resources.",
	eval.ActionVendor:        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
	eval.ActionColons:        "Actions/Condition can contain only one colon.",
	eval.InvalidVendor:       "Vendor %s is not valid",
	ResourceNotARN:           "Resource %s must be in ARN format or \"*\".",
	InvalidPartition:         "Partition \"%p\" is not valid for resource \"%s\".",
	ResourceVendor:           "Resource vendor must be fully qualified and cannot contain regexes.",
	InvalidIAMPath:           "IAM resource path must either be \"*\" or start with " + strings.Join(iamPaths, ", ") + ".",
	eval.UnexpectedResource:  "Has prohibited field Resource.",
	UnsupportedTrustField:    "Has prohibited field NotPrincipal.",
	eval.MissingPrincipal:    "Missing required field Principal",
	EmptyPrincipal:           "Missing required field Principal cannot be empty!",
	SharedProvider:           "Missing condition on %s, which a role that trusts a shared identity provider must have.",
	TrustAction:              "Trust Policy statement actions can only be sts:AssumeRole, sts:AssumeRoleWithSAML,  and sts:AssumeRoleWithWebIdentity",
}

const legacyParsing = "The policy failed legacy parsing"

// IAMMessage returns the message with which IAM answers
// MalformedPolicyDocument for a finding in an identity-based or trust policy.
func IAMMessage(f Finding) string {
	switch f.Code {
	case policy.NotJSONObject, policy.JSONSyntax, policy.DuplicateElement, policy.DuplicateKey, policy.TooLarge:
		if f.Kind == Trust {
			return "This policy contains invalid Json"
		}
	case policy.InvalidEffect:
		if strings.EqualFold(f.Value, "Allow") || strings.EqualFold(f.Value, "Deny") {
			return legacyParsing
		}
	case eval.InvalidPrincipal:
		kind, name, _ := strings.Cut(f.Value, ":")
		return "Invalid principal in policy: \"" + kind + "\":\"" + name + "\""
	case ResourceRegion:
		if strings.Contains(f.Value, ":iam:") {
			return "IAM resource " + f.Value + " cannot contain region information."
		}
		return "Resource " + f.Value + " can not contain region information."
	}
	message, ok := iamMessages[f.Code]
	if !ok {
		return "Syntax errors in policy."
	}
	value := f.Value
	if f.Code == eval.InvalidVendor {
		value, _, _ = strings.Cut(value, ":")
	}
	if f.Code == InvalidPartition {
		_, partition, _ := strings.Cut(value, ":")
		partition, _, _ = strings.Cut(partition, ":")
		message = strings.Replace(message, "%p", partition, 1)
	}
	return strings.Replace(message, "%s", value, 1)
}
