package iam

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/simulate"
)

func (h *handlers) simulationOperations() []service.Operation {
	return []service.Operation{
		row(h, "SimulateCustomPolicy", h.simulateCustomPolicy),
		row(h, "SimulatePrincipalPolicy", h.simulatePrincipalPolicy),
		row(h, "GetContextKeysForCustomPolicy", h.getContextKeysForCustomPolicy),
		row(h, "GetContextKeysForPrincipalPolicy", h.getContextKeysForPrincipalPolicy),
	}
}

// ofPolicySource is the part of an input that names a user, group or role whose
// policies are looked at.
type ofPolicySource struct{ PolicySourceArn string }

func (in ofPolicySource) check(*service.Request) error {
	if _, _, ok := simulate.Entity(in.PolicySourceArn); !ok {
		return awserr.InvalidInput.WithMessage("Invalid Entity Arn: %s does not clearly define entity type and name.", in.PolicySourceArn)
	}
	return nil
}

// entity returns whom the ARN names. Its path does not count: a name is unique
// without it.
func (in ofPolicySource) entity() directory.Entity {
	kind, name, _ := simulate.Entity(in.PolicySourceArn)
	a, _ := arn.Parse(in.PolicySourceArn)
	return directory.Entity{AccountID: a.AccountID, Kind: directory.EntityKind(kind), Name: name}
}

func (in ofPolicySource) resource(h *handlers, _ *service.Request) resource {
	source, ok := h.policySource(in.entity())
	if !ok {
		return resource{arn: in.PolicySourceArn}
	}
	return source.resource
}

// policySource is a user, group or role as the source of policies.
type policySource struct {
	id       string
	entity   directory.Entity // with its name as it is written
	resource resource
}

func (h *handlers) policySource(e directory.Entity) (policySource, bool) {
	switch e.Kind {
	case directory.KindUser:
		if u, ok := h.directory.User(e.AccountID, e.Name); ok {
			e.Name = u.Name
			return policySource{u.ID, e, resource{arn: u.ARN, tags: u.Tags, boundary: u.PermissionsBoundary}}, true
		}
	case directory.KindGroup:
		if g, ok := h.directory.Group(e.AccountID, e.Name); ok {
			e.Name = g.Name
			return policySource{g.ID, e, resource{arn: g.ARN}}, true
		}
	case directory.KindRole:
		if r, ok := h.directory.Role(e.AccountID, e.Name); ok {
			e.Name = r.Name
			return policySource{r.ID, e, resource{arn: r.ARN, tags: r.Tags, boundary: r.PermissionsBoundary}}, true
		}
	}
	return policySource{}, false
}

// findPolicySource finds an entity of the caller's account.
func (h *handlers) findPolicySource(r *service.Request, in ofPolicySource) (policySource, error) {
	e := in.entity()
	if source, ok := h.policySource(e); ok && e.AccountID == r.Caller.AccountID {
		return source, nil
	}
	return policySource{}, &directory.NotFoundError{Kind: string(e.Kind), Name: e.Name}
}

// attachedSource is a policy of a user, group or role as a simulation takes it,
// with what tells it from others.
type attachedSource struct {
	simulate.Source
	policyType string // inline, aws-managed or user-managed
	arn        string // of a managed policy
	owner      directory.Entity
	name       string // of an inline policy
}

// policies returns the policies of a user with those of its groups, of a group,
// or of a role, each once and under the names that the simulator gives them.
func (h *handlers) policies(source policySource) []attachedSource {
	entities := []directory.Entity{source.entity}
	if e := source.entity; e.Kind == directory.KindUser {
		for _, g := range h.directory.GroupsForUser(e.AccountID, e.Name) {
			entities = append(entities, directory.Entity{AccountID: e.AccountID, Kind: directory.KindGroup, Name: g.Name})
		}
	}
	var list []attachedSource
	seen := map[string]bool{}
	for _, e := range entities {
		for _, name := range h.directory.InlinePolicies(e) {
			if document, ok := h.directory.InlinePolicy(e, name); ok {
				s := simulate.Source{ID: fmt.Sprintf("%s_%s_%s", e.Kind, e.Name, name), Document: document}
				list = append(list, attachedSource{Source: s, policyType: "inline", owner: e, name: name})
			}
		}
		for _, p := range h.directory.AttachedPolicies(e) {
			if s, ok := h.managed(p.ARN); ok && !seen[p.ARN] {
				seen[p.ARN] = true
				of := attachedSource{Source: s, policyType: "user-managed", arn: p.ARN}
				if p.AccountID == directory.AWSAccountID {
					of.policyType = "aws-managed"
				}
				list = append(list, of)
			}
		}
	}
	return list
}

func sources(list []attachedSource) []simulate.Source {
	plain := make([]simulate.Source, len(list))
	for i := range list {
		plain[i] = list[i].Source
	}
	return plain
}

func (h *handlers) managed(policyARN string) (simulate.Source, bool) {
	p, ok := h.directory.Policy(policyARN)
	if !ok {
		return simulate.Source{}, false
	}
	document, ok := h.directory.ManagedPolicyDocument(policyARN)
	return simulate.Source{ID: p.Name, Document: document}, ok
}

// listed returns the documents of a parameter under the names that the
// simulator gives them.
func listed(id, label string, documents []string) []simulate.Source {
	list := make([]simulate.Source, len(documents))
	for i, d := range documents {
		n := strconv.Itoa(i + 1)
		list[i] = simulate.Source{ID: id + "." + n, Document: d, Label: label + " item " + n}
	}
	return list
}

func inputPolicies(documents []string) []simulate.Source {
	return listed("PolicyInputList", "Policy input list", documents)
}

// contextEntry is a condition key that a simulation gives.
type contextEntry struct {
	ContextKeyName   string
	ContextKeyValues []string
	ContextKeyType   string
}

// simulation is the part of an input that both kinds of simulation share.
type simulation struct {
	PolicyInputList                    []string
	PermissionsBoundaryPolicyInputList []string
	ActionNames                        []string
	ResourceArns                       []string
	ResourcePolicy                     string
	ResourceOwner                      string
	CallerArn                          string
	ContextEntries                     []contextEntry
	ResourceHandlingOption             string
	query.Paging
}

// parameters returns the simulation with the documents of the request.
func (in *simulation) parameters(r *service.Request) (*simulate.Parameters, error) {
	if err := in.checkHandling(); err != nil {
		return nil, err
	}
	p := &simulate.Parameters{
		AccountID: r.Caller.AccountID, CallerARN: in.CallerArn,
		Identity: inputPolicies(in.PolicyInputList), ResourceARNs: in.ResourceArns, ResourceOwner: in.ResourceOwner,
	}
	boundaries := listed("PermissionsBoundaryPolicyInputList", "Permissions boundary policy input list", in.PermissionsBoundaryPolicyInputList)
	switch len(boundaries) {
	case 0:
	case 1:
		p.Boundary = &boundaries[0]
	default:
		return nil, awserr.InvalidInput.WithMessage("The list of Permissions Boundary policies cannot exceed 1 items.")
	}
	if in.ResourcePolicy != "" {
		p.Resource = &simulate.Source{ID: "ResourcePolicy", Document: in.ResourcePolicy, Label: "Resource policy"}
	}
	for _, e := range in.ContextEntries {
		p.Context = append(p.Context, simulate.ContextEntry{Name: e.ContextKeyName, Type: e.ContextKeyType, Values: e.ContextKeyValues})
	}
	return p, nil
}

// handlingOptions are the scenarios of ResourceHandlingOption, all of one
// action. They ask for resources that nothing else about the answer depends on.
var handlingOptions = []string{"EC2-VPC-InstanceStore", "EC2-VPC-InstanceStore-Subnet", "EC2-VPC-EBS", "EC2-VPC-EBS-Subnet"}

func (in *simulation) checkHandling() error {
	if in.ResourceHandlingOption == "" {
		return nil
	}
	for _, name := range in.ActionNames {
		if !arn.EqualFold(name, "ec2:RunInstances") || !slices.Contains(handlingOptions, in.ResourceHandlingOption) {
			return awserr.InvalidInput.WithMessage("Invalid input resource handling options. Action does not support resource handling options: %s.", name)
		}
	}
	return nil
}

type simulateResult struct {
	EvaluationResults simulate.List[*simulate.EvaluationResult]
	query.Page
}

// maxCost is what the actions of one page may cost, as simulate.Simulation.Cost
// counts: about a tenth of a second, and ten megabytes of an answer.
const maxCost = 100_000

// run decides the actions of a page. A page may be shorter than asked for, as
// the documentation warns, so that no request takes long.
func (in *simulation) run(p *simulate.Parameters) (*simulateResult, error) {
	first, err := in.first()
	if err != nil {
		return nil, err
	}
	for _, name := range in.ActionNames {
		if err := simulate.CheckAction(name); err != nil {
			return nil, refused(err)
		}
	}
	s, err := simulate.New(p)
	if err != nil {
		return nil, refused(err)
	}
	cost := s.Cost()
	if cost > maxCost {
		return nil, awserr.InvalidInput.WithMessage("The simulation is too large: give fewer resources, policies or context entries at once.")
	}
	limit := in.MaxItems
	if limit == 0 {
		limit = 100
	}
	limit = min(limit, maxCost/cost)
	result := &simulateResult{EvaluationResults: simulate.List[*simulate.EvaluationResult]{}}
	for n := first; n < len(in.ActionNames); n++ {
		if n == first+limit {
			result.Page = query.Page{IsTruncated: true, Marker: markerOf(n)}
			break
		}
		result.EvaluationResults = append(result.EvaluationResults, s.Action(in.ActionNames[n]))
	}
	return result, nil
}

// markerOf names the action with which the next page begins.
func markerOf(n int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(n)))
}

// first returns the index of the action with which the page begins.
func (in *simulation) first() (int, error) {
	if in.Marker == "" {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(in.Marker)
	n, notNumber := strconv.Atoi(string(text))
	if err != nil || notNumber != nil || markerOf(n) != in.Marker || n < 0 {
		return 0, awserr.InvalidInput.WithMessage("Invalid marker for pagination.")
	}
	return n, nil
}

// refused puts a simulation that cannot be made into IAM's words.
func refused(err error) error {
	if e := (*simulate.InvalidError)(nil); errors.As(err, &e) {
		return awserr.InvalidInput.WithMessage("%s", e.Message)
	}
	return err
}

type simulateCustomPolicyInput struct {
	whole
	simulation
	OrderedOrganizationPolicyInputList []organizationPolicies
}

// organizationPolicies are the service control policies of one level of an
// organization.
type organizationPolicies struct{ ServiceControlPolicyInputList []string }

func (h *handlers) simulateCustomPolicy(_ context.Context, r *service.Request, in *simulateCustomPolicyInput) (*simulateResult, error) {
	p, err := in.parameters(r)
	if err != nil {
		return nil, err
	}
	for i, level := range in.OrderedOrganizationPolicyInputList {
		label := fmt.Sprintf("Organization policy at index %d,", i+1)
		p.ServiceControl = append(p.ServiceControl, listed("OrderedOrganizationPolicyInputList."+strconv.Itoa(i+1), label, level.ServiceControlPolicyInputList))
	}
	p.CallerID = h.principalID(p.CallerARN)
	return in.run(p)
}

// principalID returns the unique id of a hypothetical caller who exists.
func (h *handlers) principalID(caller string) string {
	id, _ := h.directory.PrincipalID(caller)
	return id
}

type simulatePrincipalPolicyInput struct {
	ofPolicySource
	simulation
	PolicyExclusionList []policyIdentifier
}

// simulatePrincipalPolicy adds the policies of a user, group or role, except those
// that the request excludes, to those of the request. A boundary of the request
// takes the place of the entity's.
func (h *handlers) simulatePrincipalPolicy(_ context.Context, r *service.Request, in *simulatePrincipalPolicyInput) (*simulateResult, error) {
	source, err := h.findPolicySource(r, in.ofPolicySource)
	if err != nil {
		return nil, err
	}
	p, err := in.parameters(r)
	if err != nil {
		return nil, err
	}
	excluded, err := compileExclusions(in.PolicyExclusionList)
	if err != nil {
		return nil, err
	}
	kept := slices.DeleteFunc(h.policies(source), func(s attachedSource) bool { return excluded.policy(&s) })
	p.Identity = append(sources(kept), p.Identity...)
	if boundary, ok := h.managed(source.resource.boundary); ok && p.Boundary == nil && !excluded.types["permission-boundary"] {
		p.Boundary = &boundary
	}
	if p.CallerARN == "" {
		p.CallerARN = source.resource.arn
	}
	p.CallerID = h.principalID(p.CallerARN)
	return in.run(p)
}

type contextKeysResult struct{ ContextKeyNames query.List[string] }

func contextKeys(sources []simulate.Source) (*contextKeysResult, error) {
	keys, err := simulate.ContextKeys(sources)
	if err != nil {
		return nil, refused(err)
	}
	return &contextKeysResult{query.ListOf(keys, sameName)}, nil
}

type getContextKeysForCustomPolicyInput struct {
	whole
	PolicyInputList []string
}

func (h *handlers) getContextKeysForCustomPolicy(_ context.Context, _ *service.Request, in *getContextKeysForCustomPolicyInput) (*contextKeysResult, error) {
	return contextKeys(inputPolicies(in.PolicyInputList))
}

type getContextKeysForPrincipalPolicyInput struct {
	ofPolicySource
	PolicyInputList []string
}

func (h *handlers) getContextKeysForPrincipalPolicy(_ context.Context, r *service.Request, in *getContextKeysForPrincipalPolicyInput) (*contextKeysResult, error) {
	source, err := h.findPolicySource(r, in.ofPolicySource)
	if err != nil {
		return nil, err
	}
	return contextKeys(append(sources(h.policies(source)), inputPolicies(in.PolicyInputList)...))
}
