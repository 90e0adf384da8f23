package sts

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/session"
	"github.com/keywright/keywright/policy/condition"
)

// How long the sessions of roles last ("AssumeRole", AWS STS API Reference).
const (
	defaultRoleDuration = time.Hour
	maxChainedDuration  = time.Hour // with the credentials of another role
)

type assumeRoleInput struct {
	RoleArn, RoleSessionName string
	narrowing
	DurationSeconds *int
	tagging
	TransitiveTagKeys       []string
	ExternalId              *string
	SerialNumber, TokenCode string
	SourceIdentity          string
	ProvidedContexts        []providedContext
}

type providedContext struct{ ProviderArn, ContextAssertion string }

// checkAssumeRole refuses what cannot be asked for by anybody, or not with the
// credentials that the request is signed with.
func checkAssumeRole(r *service.Request, in *assumeRoleInput) error {
	a, err := arn.Parse(in.RoleArn)
	if err != nil || a.Partition != "aws" || a.Service != "iam" || a.Region != "" || !arn.IsAccountID(a.AccountID) || !strings.HasPrefix(a.Resource, "role/") {
		return awserr.ValidationError.WithMessage("%s is invalid", in.RoleArn)
	}
	if r.Caller.Root() {
		return awserr.AccessDenied.WithMessage("Roles may not be assumed by root accounts.")
	}
	if len(in.ProvidedContexts) > 0 {
		return awserr.New(awserr.NotImplemented.Code, http.StatusNotImplemented, "The parameter ProvidedContexts is not implemented.")
	}
	if err := refuseMFA(in.SerialNumber, in.TokenCode); err != nil {
		return err
	}
	if err := in.narrowing.check(); err != nil {
		return err
	}
	if err := in.tagging.check(); err != nil {
		return err
	}
	return in.checkChain(r.Caller.Session)
}

// checkChain refuses what contradicts the session that the caller has already:
// what passes on to later sessions cannot be changed by them ("Chaining roles
// with session tags" and "Monitor and control actions taken with assumed
// roles", IAM User Guide).
func (in *assumeRoleInput) checkChain(s *session.Session) error {
	for _, key := range in.TransitiveTagKeys {
		if !hasTag(in.Tags, key) {
			return awserr.InvalidParameterValue.WithMessage("The specified transitive tag key must be included in the requested tags.")
		}
	}
	for _, t := range inherited(s) {
		if hasTag(in.Tags, t.Key) {
			return awserr.InvalidParameterValue.WithMessage("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
	}
	if strings.HasPrefix(strings.ToLower(in.SourceIdentity), reservedTagPrefix) {
		return awserr.InvalidParameterValue.WithMessage("A source identity must not begin with %s", reservedTagPrefix)
	}
	if s == nil {
		return nil
	}
	if s.SourceIdentity != "" && in.SourceIdentity != "" && s.SourceIdentity != in.SourceIdentity {
		return awserr.InvalidParameterValue.WithMessage("The source identity of the calling session cannot be changed.")
	}
	if s.Kind == session.AssumedRole && seconds(in.DurationSeconds, defaultRoleDuration) > maxChainedDuration {
		return awserr.ValidationError.WithMessage("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	return nil
}

// inherited returns the tags that a session passes on to the next.
func inherited(s *session.Session) []directory.Tag {
	var tags []directory.Tag
	if s != nil {
		for _, t := range s.Tags {
			if hasKey(s.TransitiveTagKeys, t.Key) {
				tags = append(tags, t)
			}
		}
	}
	return tags
}

// tags returns the tags of the new session, and which of them are transitive.
func (in *assumeRoleInput) tags(r *service.Request) (tags []directory.Tag, transitive []string) {
	tags = inherited(r.Caller.Session)
	for _, t := range tags {
		transitive = append(transitive, t.Key)
	}
	return append(tags, in.Tags...), append(transitive, in.TransitiveTagKeys...)
}

// sourceIdentity returns the source identity of the new session.
func (in *assumeRoleInput) sourceIdentity(r *service.Request) string {
	if s := r.Caller.Session; s != nil && s.SourceIdentity != "" {
		return s.SourceIdentity
	}
	return in.SourceIdentity
}

// role returns the role that the request names, or nil.
func (h *handlers) role(in *assumeRoleInput) *directory.Role {
	a, err := arn.Parse(in.RoleArn)
	if err != nil {
		return nil
	}
	role, ok := h.directory.Role(a.AccountID, a.Resource[strings.LastIndexByte(a.Resource, '/')+1:])
	if !ok || role.ARN != in.RoleArn {
		return nil
	}
	return role
}

// needAssumeRole asks for AssumeRole and, when the new session has tags or a
// source identity, its own or inherited ones, for the permission to set them.
func (h *handlers) needAssumeRole(r *service.Request, in *assumeRoleInput) ([]service.Need, error) {
	role := h.role(in)
	tags, transitive := in.tags(r)
	sourceIdentity := in.sourceIdentity(r)
	keys := func(c *condition.Context) {
		c.SetString("sts:RoleSessionName", in.RoleSessionName)
		if in.ExternalId != nil {
			c.SetString("sts:ExternalId", *in.ExternalId)
		}
		if sourceIdentity != "" {
			c.SetString("sts:SourceIdentity", sourceIdentity)
		}
		if len(transitive) > 0 {
			c.SetStrings("sts:TransitiveTagKeys", transitive)
		}
		setTags(c, tags)
		if role != nil {
			for _, t := range role.Tags {
				c.SetString("aws:ResourceTag/"+t.Key, t.Value)
				c.SetString("iam:ResourceTag/"+t.Key, t.Value)
			}
		}
	}
	actions := []string{"sts:AssumeRole"}
	if len(tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if sourceIdentity != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	var needs []service.Need
	for _, action := range actions {
		needs = append(needs, service.Need{Action: action, Resource: in.RoleArn, Role: role, Context: keys})
	}
	return needs, nil
}

type assumedRoleUser struct {
	AssumedRoleID string `xml:"AssumedRoleId"`
	ARN           string `xml:"Arn"`
}

type assumeRoleResult struct {
	Credentials      *credentials
	AssumedRoleUser  assumedRoleUser
	PackedPolicySize int    `xml:",omitempty"`
	SourceIdentity   string `xml:",omitempty"`
}

func (h *handlers) assumeRole(_ context.Context, r *service.Request, in *assumeRoleInput) (*assumeRoleResult, error) {
	role := h.role(in)
	if role == nil { // deleted since the caller was allowed to assume it
		return nil, awserr.AccessDenied
	}
	duration := seconds(in.DurationSeconds, defaultRoleDuration)
	if duration > role.MaxSessionDuration {
		return nil, awserr.ValidationError.WithMessage("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	if err := in.find(h.directory, role.AccountID); err != nil {
		return nil, err
	}
	s := session.New(session.AssumedRole, role.AccountID, r.Time, duration)
	s.RoleID, s.SessionName = role.ID, in.RoleSessionName
	s.Policy, s.PolicyARNs = in.Policy, in.policyARNs()
	s.Tags, s.TransitiveTagKeys = in.tags(r)
	s.SourceIdentity = in.sourceIdentity(r)
	s.Chained = r.Caller.Session != nil && r.Caller.Session.Kind == session.AssumedRole
	c, size, err := h.seal(s)
	if err != nil {
		return nil, err
	}
	return &assumeRoleResult{
		Credentials: c,
		AssumedRoleUser: assumedRoleUser{
			AssumedRoleID: role.ID + ":" + in.RoleSessionName,
			ARN:           "arn:aws:sts::" + role.AccountID + ":assumed-role/" + role.Name + "/" + in.RoleSessionName,
		},
		PackedPolicySize: size,
		SourceIdentity:   s.SourceIdentity,
	}, nil
}
