package simulate

import (
	"encoding/xml"
	"maps"
	"slices"
)

// EvaluationResult is what a simulation found for one action ("EvaluationResult",
// IAM API Reference). It is written as JSON with AWS's names, and as the XML of
// the Query protocol.
type EvaluationResult struct {
	EvalActionName string

	// EvalResourceName is the resource, "*", or, for several resources, what
	// they have in common.
	EvalResourceName string

	EvalDecision         string // allowed, explicitDeny or implicitDeny
	MatchedStatements    List[MatchedStatement]
	MissingContextValues List[string]

	// OrganizationsDecisionDetail is nil when no service control policy takes
	// part, PermissionsBoundaryDecisionDetail when there is no boundary.
	OrganizationsDecisionDetail       *OrganizationsDecisionDetail       `json:",omitempty"`
	PermissionsBoundaryDecisionDetail *PermissionsBoundaryDecisionDetail `json:",omitempty"`

	// EvalDecisionDetails is nil when the resource is "*" and when a service
	// control policy ended the simulation, and empty within one account.
	EvalDecisionDetails *DecisionDetails `json:",omitempty"`

	ResourceSpecificResults List[ResourceSpecificResult] `json:",omitempty" xml:",omitempty"`
}

// ResourceSpecificResult is the part of an EvaluationResult for one resource.
type ResourceSpecificResult struct {
	EvalResourceName     string
	EvalResourceDecision string
	MatchedStatements    List[MatchedStatement]
	MissingContextValues List[string]

	PermissionsBoundaryDecisionDetail *PermissionsBoundaryDecisionDetail `json:",omitempty"`
	EvalDecisionDetails               *DecisionDetails                   `json:",omitempty"` // across accounts only
}

// MatchedStatement is a statement that determined a result ("Statement", IAM API
// Reference).
type MatchedStatement struct {
	SourcePolicyID   string `json:"SourcePolicyId" xml:"SourcePolicyId"`
	SourcePolicyType string
	StartPosition    Position
	EndPosition      Position
}

// Position is a place in a policy. Line and Column begin at 1; Column counts
// characters.
type Position struct{ Line, Column int }

// OrganizationsDecisionDetail says whether the service control policies allow.
type OrganizationsDecisionDetail struct{ AllowedByOrganizations bool }

// PermissionsBoundaryDecisionDetail says whether the permissions boundary
// allows.
type PermissionsBoundaryDecisionDetail struct{ AllowedByPermissionsBoundary bool }

// List is a list of an answer. It is never null in JSON, and a sequence of
// members in XML.
type List[T any] []T

// MarshalXML writes the list as an element with members.
func (l List[T]) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	return e.EncodeElement(struct {
		Members []T `xml:"member"`
	}{l}, start)
}

// DecisionDetails are the decisions of each type of policy by itself, by the
// simulator's name of the type.
type DecisionDetails map[string]string

// MarshalXML writes the map as an element with entries, in the order of their
// keys.
func (d DecisionDetails) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	type entry struct {
		Key   string `xml:"key"`
		Value string `xml:"value"`
	}
	var entries []entry
	for _, key := range slices.Sorted(maps.Keys(d)) {
		entries = append(entries, entry{key, d[key]})
	}
	return e.EncodeElement(struct {
		Entries []entry `xml:"entry"`
	}{entries}, start)
}
