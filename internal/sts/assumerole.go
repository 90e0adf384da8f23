package sts

import (
	"context"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/session"
)

// maxChainedDuration is how long a session lasts that is made with the
// credentials of another role ("AssumeRole", AWS STS API Reference).
const maxChainedDuration = time.Hour

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
	if err := checkRoleARN(in.RoleArn); err != nil {
		return err
	}
	if r.Caller.Root() {
		return awserr.AccessDenied.WithMessage("Roles may not be assumed by root accounts.")
	}
	if len(in.ProvidedContexts) > 0 {
		return awserr.NotImplemented.WithMessage("The parameter ProvidedContexts is not implemented.")
	}
	if err := checkSecondFactor(in.SerialNumber, in.TokenCode); err != nil {
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
	if s.Kind == session.AssumedRole && durationOf(in.DurationSeconds, defaultRoleDuration) > maxChainedDuration {
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

// needAssumeRole takes the proof of a second factor, on which the decision may
// depend. It asks for AssumeRole and, when the new session has tags or a
// source identity, its own or inherited ones, for the permission to set them.
func (h *handlers) needAssumeRole(r *service.Request, in *assumeRoleInput) ([]service.Need, error) {
	a := assumption{action: "sts:AssumeRole", roleARN: in.RoleArn, sessionName: in.RoleSessionName, externalID: in.ExternalId, sourceIdentity: in.sourceIdentity(r)}
	a.tags, a.transitive = in.tags(r)
	var err error
	if a.secondFactor, err = h.proveSecondFactor(r, in.SerialNumber, in.TokenCode); err != nil {
		return nil, err
	}
	return a.needs(h), nil
}

type assumeRoleResult struct {
	Credentials      *credentials
	AssumedRoleUser  assumedRoleUser
	PackedPolicySize int    `xml:",omitempty"`
	SourceIdentity   string `xml:",omitempty"`
}

func (h *handlers) assumeRole(_ context.Context, r *service.Request, in *assumeRoleInput) (*assumeRoleResult, error) {
	s, role, err := h.newRoleSession(r, in.RoleArn, in.RoleSessionName, in.narrowing, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	s.Tags, s.TransitiveTagKeys = in.tags(r)
	s.SourceIdentity = in.sourceIdentity(r)
	s.Chained = r.Caller.Session != nil && r.Caller.Session.Kind == session.AssumedRole
	c, size, err := h.seal(s)
	if err != nil {
		return nil, err
	}
	return &assumeRoleResult{
		Credentials:      c,
		AssumedRoleUser:  assumedUser(role, in.RoleSessionName),
		PackedPolicySize: size,
		SourceIdentity:   s.SourceIdentity,
	}, nil
}
