package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy"
)

func (h *handlers) grantOperations() []service.Operation {
	return []service.Operation{
		row(h, "ListPoliciesGrantingServiceAccess", h.listPoliciesGrantingServiceAccess),
	}
}

type listPoliciesGrantingServiceAccessInput struct {
	Arn               string
	ServiceNamespaces []string
	Marker            string
}

func (in listPoliciesGrantingServiceAccessInput) source() ofPolicySource {
	return ofPolicySource{PolicySourceArn: in.Arn}
}

func (in listPoliciesGrantingServiceAccessInput) check(r *service.Request) error {
	return in.source().check(r)
}

func (in listPoliciesGrantingServiceAccessInput) resource(h *handlers, r *service.Request) resource {
	return in.source().resource(h, r)
}

// grantingPolicy is a policy that grants access to a service, in an answer. Only
// managed ones have an ARN, and only inline ones an entity.
type grantingPolicy struct {
	PolicyName, PolicyType string
	PolicyArn              string `xml:",omitempty"`
	EntityType             string `xml:",omitempty"`
	EntityName             string `xml:",omitempty"`
}

type serviceGrants struct {
	ServiceNamespace string
	Policies         query.List[grantingPolicy]
}

type listPoliciesGrantingServiceAccessResult struct {
	PoliciesGrantingServiceAccess query.List[serviceGrants]
	query.Page
}

// listPoliciesGrantingServiceAccess lists the identity-based policies of a user
// with those of its groups, of a group, or of a role, by the services that they
// grant anything of. Boundaries grant nothing, and no other policy is looked at
// ("ListPoliciesGrantingServiceAccess", IAM API Reference).
func (h *handlers) listPoliciesGrantingServiceAccess(_ context.Context, r *service.Request, in *listPoliciesGrantingServiceAccessInput) (*listPoliciesGrantingServiceAccessResult, error) {
	source, err := h.findPolicySource(r, in.source())
	if err != nil {
		return nil, err
	}
	namespaces := slices.Compact(slices.Sorted(slices.Values(in.ServiceNamespaces)))
	namespaces, page, err := query.Paginate(namespaces, same, query.Paging{Marker: in.Marker})
	if err != nil {
		return nil, err
	}
	attached := h.policies(source)
	return &listPoliciesGrantingServiceAccessResult{query.ListOf(namespaces, func(namespace string) serviceGrants {
		grants := serviceGrants{ServiceNamespace: namespace}
		for i := range attached {
			if grantsAnythingOf(attached[i].Document, namespace) {
				grants.Policies.Members = append(grants.Policies.Members, grantingPolicyOf(&attached[i]))
			}
		}
		return grants
	}), page}, nil
}

func grantingPolicyOf(s *attachedSource) grantingPolicy {
	if s.arn != "" {
		return grantingPolicy{PolicyName: s.ID, PolicyType: "MANAGED", PolicyArn: s.arn}
	}
	return grantingPolicy{PolicyName: s.name, PolicyType: "INLINE", EntityType: strings.ToUpper(string(s.owner.Kind)), EntityName: s.owner.Name}
}

// grantsAnythingOf reports whether a statement of a policy allows an action of a
// service.
func grantsAnythingOf(document, namespace string) bool {
	doc, err := policy.Parse([]byte(document))
	if err != nil {
		return false // it grants nothing
	}
	return slices.ContainsFunc(doc.Statements, func(s policy.Statement) bool {
		switch {
		case s.Effect != policy.Allow:
			return false
		case s.NotAction != nil: // all but these, unless these are all of the service
			return !slices.ContainsFunc(s.NotAction.List, func(v policy.Value) bool {
				return v.Text == "*" || strings.EqualFold(v.Text, namespace+":*")
			})
		case s.Action != nil:
			return slices.ContainsFunc(s.Action.List, func(v policy.Value) bool {
				service, _, _ := strings.Cut(v.Text, ":")
				return v.Text == "*" || strings.EqualFold(service, namespace)
			})
		}
		return false
	})
}
