package access

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/encodedmessage"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// withMessage adds to a denial what the caller's administrators may have decoded
// of it. Strangers get none, and nor does a need that denies nothing. request is
// nil when no policy was asked.
func (a *Access) withMessage(q *Query, request *eval.Request, denial *awserr.Error) error {
	if q.Caller.Anonymous() || q.Need.Optional {
		return denial
	}
	text, err := encodedmessage.Encode(a.sealer, q.Caller.AccountID, q.message(request))
	if err != nil {
		return denial // which says as much as it would have otherwise
	}
	return denial.WithHeader(encodedmessage.Header, text)
}

// message is what is told of a denied request.
func (q *Query) message(request *eval.Request) encodedmessage.Message {
	c := q.Caller
	m := encodedmessage.Message{
		MatchedStatements: encodedmessage.List[encodedmessage.Statement](),
		Failures:          encodedmessage.Values(),
		Context: encodedmessage.Context{
			Principal: encodedmessage.Principal{ID: c.UserID, Name: c.UserName, ARN: c.ARN},
			Action:    q.Need.Action, Resource: q.Need.Resource,
			Conditions: encodedmessage.List[encodedmessage.Condition](),
		},
	}
	if request == nil {
		return m
	}
	m.Context.Conditions = conditionsOf(request.Context)
	asked, policies := *request, q.policies
	if request.ResourceAccount != c.AccountID {
		// What another account's policy says, and its tags, are not for this one: it
		// could put them into conditions of its own policies, and see which hold.
		policies.Resource, asked.Context = nil, &q.common
		m.Context.Conditions = conditionsOf(&q.common)
	}
	_, trace := eval.Explain(&asked, &policies)
	for _, of := range trace.Policies {
		for i, s := range of.Statements {
			if s.Matched && s.Effect == policy.Deny {
				m.ExplicitDeny = true
				m.MatchedStatements.Items = append(m.MatchedStatements.Items, statementOf(&of.Policy.Document().Statements[i], c))
			}
		}
	}
	return m
}

// conditionsOf returns the keys of a request with their values, by name.
func conditionsOf(c *condition.Context) encodedmessage.Items[encodedmessage.Condition] {
	list := encodedmessage.List[encodedmessage.Condition]()
	keys := c.Keys()
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		if v, ok := c.Lookup(key); ok {
			list.Items = append(list.Items, encodedmessage.Condition{Key: key, Values: encodedmessage.Values(v.Strings()...)})
		}
	}
	return list
}

// statementOf puts a statement that denied into the shape of messages. One of
// an identity-based policy has the caller as its principal.
func statementOf(s *policy.Statement, c *Caller) encodedmessage.Statement {
	principals := encodedmessage.Values(c.UserID)
	if named := s.Principal; named != nil {
		principals = principalsOf(named)
	}
	if named := s.NotPrincipal; named != nil {
		principals = principalsOf(named)
	}
	return encodedmessage.Statement{
		StatementID: s.Sid.Text, Effect: strings.ToUpper(s.Effect.String()), Principals: principals, PrincipalGroups: encodedmessage.Values(),
		Actions: valuesOf(s.Action, s.NotAction), Resources: valuesOf(s.Resource, s.NotResource), Conditions: conditionsIn(s),
	}
}

func principalsOf(p *policy.Principals) encodedmessage.Items[encodedmessage.Value] {
	if p.Any.Text != "" {
		return encodedmessage.Values(p.Any.Text)
	}
	list := encodedmessage.Values()
	for _, one := range p.List {
		list.Items = append(list.Items, encodedmessage.Value{Value: one.Value.Text})
	}
	return list
}

// valuesOf returns the values of whichever of a pair of elements is there.
func valuesOf(pair ...*policy.Values) encodedmessage.Items[encodedmessage.Value] {
	list := encodedmessage.Values()
	for _, element := range pair {
		if element != nil {
			list.Items = append(list.Items, textsOf(element.List).Items...)
		}
	}
	return list
}

func textsOf(values []policy.Value) encodedmessage.Items[encodedmessage.Value] {
	list := encodedmessage.Values()
	for _, v := range values {
		list.Items = append(list.Items, encodedmessage.Value{Value: v.Text})
	}
	return list
}

func conditionsIn(s *policy.Statement) encodedmessage.Items[encodedmessage.Condition] {
	list := encodedmessage.List[encodedmessage.Condition]()
	for _, operator := range s.Condition {
		for _, key := range operator.Keys {
			list.Items = append(list.Items, encodedmessage.Condition{Key: key.Name.Text, Values: textsOf(key.Values.List)})
		}
	}
	return list
}
