package accessanalyzer

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/keywright/keywright/internal/findings"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/lint"
)

// validatePolicy is the row of ValidatePolicy, which needs a permission on no
// resource.
var validatePolicy = service.Define(service.Spec[*validatePolicyInput]{
	Name:  "ValidatePolicy",
	Parse: parseValidatePolicy,
	Needs: func(*service.Request, *validatePolicyInput) ([]service.Need, error) {
		return []service.Need{{Action: "access-analyzer:ValidatePolicy", Resource: "*"}}, nil
	},
	Serve: serveValidatePolicy,
})

// parameters are those of the query string.
var parameters = []string{"maxResults", "nextToken"}

type validatePolicyInput struct {
	document                 string
	policyType, resourceType string
	maxResults, firstFinding int
}

// maxPage is how many findings a page has at most, whatever a request asks for.
const maxPage = 100

var locales = []string{"DE", "EN", "ES", "FR", "IT", "JA", "KO", "PT_BR", "ZH_CN", "ZH_TW"}

// kinds are the types of policies by policyType and, for a RESOURCE_POLICY, by
// validatePolicyResourceType. A resource policy without one is of any service.
var kinds = map[string]lint.Kind{
	"IDENTITY_POLICY":                                    lint.Identity,
	"SERVICE_CONTROL_POLICY":                             lint.ServiceControl,
	"RESOURCE_CONTROL_POLICY":                            lint.ResourceControl,
	"RESOURCE_POLICY":                                    0,
	"RESOURCE_POLICY AWS::S3::Bucket":                    lint.Bucket,
	"RESOURCE_POLICY AWS::IAM::AssumeRolePolicyDocument": lint.Trust,
}

// unserved are the types of resources whose policies only AWS checks.
var unserved = []string{"AWS::S3::AccessPoint", "AWS::S3::MultiRegionAccessPoint", "AWS::S3ObjectLambda::AccessPoint", "AWS::DynamoDB::Table"}

func parseValidatePolicy(r *service.Request) (*validatePolicyInput, error) {
	in := &validatePolicyInput{}
	data, err := r.ReadBody(maxLength)
	if err != nil {
		return nil, err
	}
	if err := in.readBody(data); err != nil {
		return nil, err
	}
	return in, in.readQuery(r.HTTP.URL.RawQuery)
}

// readBody reads the members of the body. One that is not known is refused: what
// it asks for would not be done.
func (in *validatePolicyInput) readBody(data []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil || members == nil {
		return validation.WithMessage("The body is not a JSON object.").With(reasonField, "cannotParse").WithCause(err)
	}
	locale := ""
	fields := map[string]*string{
		"policyDocument": &in.document, "policyType": &in.policyType, "validatePolicyResourceType": &in.resourceType, "locale": &locale,
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		target, known := fields[name]
		if !known {
			return invalidField("fieldValidationFailed", name, "this is not known to ValidatePolicy")
		}
		if bytes.Equal(members[name], []byte("null")) {
			continue
		}
		if err := json.Unmarshal(members[name], target); err != nil {
			return invalidField("cannotParse", name, "it is a string")
		}
	}
	switch {
	case in.document == "":
		return invalidField("fieldValidationFailed", "policyDocument", "it must be given")
	case in.policyType == "":
		return invalidField("fieldValidationFailed", "policyType", "it must be given")
	case locale != "" && !slices.Contains(locales, locale):
		return invalidField("fieldValidationFailed", "locale", "it is one of "+strings.Join(locales, ", "))
	}
	return in.checkType()
}

func (in *validatePolicyInput) checkType() error {
	if _, ok := kinds[in.policyType]; !ok || strings.Contains(in.policyType, " ") {
		return invalidField("fieldValidationFailed", "policyType", "it is IDENTITY_POLICY, RESOURCE_POLICY, SERVICE_CONTROL_POLICY or RESOURCE_CONTROL_POLICY")
	}
	const field = "validatePolicyResourceType"
	_, ok := kinds[in.kindName()]
	switch {
	case in.resourceType == "":
		return nil
	case in.policyType != "RESOURCE_POLICY":
		return invalidField("fieldValidationFailed", field, "only a RESOURCE_POLICY is for a type of resource")
	case slices.Contains(unserved, in.resourceType):
		return invalidField("notSupported", field, "policies of "+in.resourceType+" are not checked here; without a type of resource, what holds for all resource policies is checked")
	case !ok:
		return invalidField("fieldValidationFailed", field, "it is AWS::S3::Bucket or AWS::IAM::AssumeRolePolicyDocument")
	}
	return nil
}

// kindName returns the key of the policy's type in kinds.
func (in *validatePolicyInput) kindName() string {
	return strings.TrimSpace(in.policyType + " " + in.resourceType)
}

func (in *validatePolicyInput) readQuery(raw string) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return validation.WithMessage("The query string cannot be read.").With(reasonField, "cannotParse").WithCause(err)
	}
	in.maxResults = maxPage
	for _, name := range slices.Sorted(maps.Keys(query)) {
		value, n := query[name][0], 0
		switch {
		case len(query[name]) > 1:
			return invalidField("fieldValidationFailed", name, "it is given more than once")
		case name == "maxResults":
			if n, err = strconv.Atoi(value); err != nil || n < 1 {
				return invalidField("fieldValidationFailed", name, "it is a number from 1 on")
			}
			in.maxResults = min(n, maxPage)
		case name == "nextToken":
			if in.firstFinding, err = readToken(value); err != nil {
				return invalidField("fieldValidationFailed", name, "it is none that an answer gave")
			}
		case !strings.HasPrefix(name, "X-Amz-"):
			return invalidField("fieldValidationFailed", name, "this is not known to ValidatePolicy")
		}
	}
	return nil
}

// token names the finding with which the next page begins.
func token(n int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(n)))
}

func readToken(text string) (int, error) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(string(data))
	if err == nil && (n < 0 || token(n) != text) {
		err = fmt.Errorf("not a token: %s", text)
	}
	return n, err
}

// The shapes of the answer ("ValidatePolicyFinding", IAM Access Analyzer API
// Reference).
type (
	validatePolicyOutput struct {
		Findings  []finding `json:"findings"`
		NextToken string    `json:"nextToken,omitempty"`
	}
	finding struct {
		FindingDetails string     `json:"findingDetails"`
		FindingType    string     `json:"findingType"`
		IssueCode      string     `json:"issueCode"`
		LearnMoreLink  string     `json:"learnMoreLink"`
		Locations      []location `json:"locations"`
	}
	location struct {
		Path []pathElement `json:"path"`
		Span span          `json:"span"`
	}
	// pathElement has one member: the index of an item, or the name of a member
	// whose value or whose name itself is meant.
	pathElement struct {
		Index *int    `json:"index,omitempty"`
		Key   *string `json:"key,omitempty"`
		Value *string `json:"value,omitempty"`
	}
	span struct {
		Start position `json:"start"`
		End   position `json:"end"` // behind the last character
	}
	// position counts lines from 1, columns and the offset from 0, both in
	// characters.
	position struct {
		Line   int `json:"line"`
		Column int `json:"column"`
		Offset int `json:"offset"`
	}
)

func serveValidatePolicy(_ context.Context, r *service.Request, in *validatePolicyInput) (*service.Response, error) {
	found := check(in)
	out := &validatePolicyOutput{Findings: []finding{}}
	end := min(len(found), in.firstFinding+in.maxResults)
	if in.firstFinding < end {
		c := counter{text: in.document}
		for _, f := range found[in.firstFinding:end] {
			out.Findings = append(out.Findings, c.finding(&f))
		}
	}
	if end < len(found) && in.firstFinding < end {
		out.NextToken = token(end)
	}
	data, err := json.Marshal(out)
	p := &service.Response{Data: data}
	p.SetHeader("Content-Type", "application/json")
	p.SetHeader("X-Amzn-Requestid", r.ID)
	return p, err
}

// check returns what is wrong with the document. Of a resource policy that is
// not said to be of S3 or a role, what only S3 refuses is left out where other
// services' actions are.
func check(in *validatePolicyInput) []findings.Finding {
	kind := kinds[in.kindName()]
	if kind != 0 {
		return findings.Check("", []byte(in.document), kind, lint.Options{}).Findings
	}
	kind, _ = findings.Guess([]byte(in.document))
	if kind != lint.Trust {
		kind = lint.Bucket
	}
	found := findings.Check("", []byte(in.document), kind, lint.Options{}).Findings
	d, err := policy.Parse([]byte(in.document))
	if err != nil || kind == lint.Trust {
		return found
	}
	return slices.DeleteFunc(found, func(f findings.Finding) bool {
		return f.Refused && f.Statement >= 0 && isForeign(&d.Statements[f.Statement]) && ofBuckets(f.Code)
	})
}

// isForeign reports whether a statement names an action of another service than
// S3.
func isForeign(s *policy.Statement) bool {
	for _, element := range []*policy.Values{s.Action, s.NotAction} {
		if element == nil {
			continue
		}
		for _, v := range element.List {
			vendor, _, ok := strings.Cut(v.Text, ":")
			if ok && !strings.EqualFold(vendor, "s3") {
				return true
			}
		}
	}
	return false
}

// bucketCodes are what S3 alone asks of a policy: that all of it is about its
// own bucket.
var bucketCodes = []policy.Code{
	lint.InvalidAction, lint.ActionNotApplicable, lint.ForeignResource, lint.InvalidConditionKey, lint.ConditionsNotApply, lint.PolicyTooLarge,
}

func ofBuckets(code policy.Code) bool {
	return slices.ContainsFunc(bucketCodes, func(c policy.Code) bool {
		e, ok := lint.LookupCode(c)
		return c == code || ok && slices.Contains(e.ReportedAs, code)
	})
}
