package sts

import (
	"context"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/session"
)

type assumeRoleWithWebIdentityInput struct {
	RoleArn, RoleSessionName string
	WebIdentityToken         string
	ProviderId               string
	narrowing
	DurationSeconds *int
}

type assumeRoleWithWebIdentityResult struct {
	SubjectFromWebIdentityToken string
	Audience                    string
	AssumedRoleUser             assumedRoleUser
	Credentials                 *credentials
	PackedPolicySize            int    `xml:",omitempty"`
	SourceIdentity              string `xml:",omitempty"`
	Provider                    string
}

// checkAssumeRoleWithWebIdentity refuses what cannot be asked for by anybody.
// The caller is not known yet.
func checkAssumeRoleWithWebIdentity(_ *service.Request, in *assumeRoleWithWebIdentityInput) error {
	if err := checkRoleARN(in.RoleArn); err != nil {
		return err
	}
	if in.ProviderId != "" { // of access tokens of OAuth 2.0
		return awserr.NotImplemented.WithMessage("The parameter ProviderId is not implemented.")
	}
	return in.narrowing.check()
}

// webIdentity is the token, which is all that the caller proves himself by.
func webIdentity(in *assumeRoleWithWebIdentityInput) service.WebIdentity {
	return service.WebIdentity{Token: in.WebIdentityToken, RoleARN: in.RoleArn}
}

// needAssumeRoleWithWebIdentity asks for AssumeRoleWithWebIdentity and, when the
// token brings tags or a source identity, for the permission to set them.
func (h *handlers) needAssumeRoleWithWebIdentity(r *service.Request, in *assumeRoleWithWebIdentityInput) ([]service.Need, error) {
	token := r.Caller.Token
	return assumption{
		action: "sts:AssumeRoleWithWebIdentity", roleARN: in.RoleArn, sessionName: in.RoleSessionName,
		tags: token.Tags, transitive: token.Transitive, sourceIdentity: token.Source,
	}.needs(h), nil
}

func (h *handlers) assumeRoleWithWebIdentity(_ context.Context, r *service.Request, in *assumeRoleWithWebIdentityInput) (*assumeRoleWithWebIdentityResult, error) {
	s, role, err := h.newRoleSession(r, in.RoleArn, in.RoleSessionName, in.narrowing, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	token := r.Caller.Token
	s.Tags, s.TransitiveTagKeys, s.SourceIdentity = token.Tags, token.Transitive, token.Source
	s.WebIdentity = &session.WebIdentity{
		ProviderARN: r.Caller.ARN, Subject: token.Subject, Audience: token.Audience, Methods: token.Methods,
	}
	c, size, err := h.seal(s)
	if err != nil {
		return nil, err
	}
	return &assumeRoleWithWebIdentityResult{
		SubjectFromWebIdentityToken: token.Subject,
		Audience:                    token.Audience,
		AssumedRoleUser:             assumedUser(role, in.RoleSessionName),
		Credentials:                 c,
		PackedPolicySize:            size,
		SourceIdentity:              s.SourceIdentity,
		Provider:                    token.Issuer,
	}, nil
}
