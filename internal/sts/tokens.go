package sts

import (
	"context"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/session"
	"github.com/keywright/keywright/policy/condition"
)

// How long the sessions of users last ("GetSessionToken" and
// "GetFederationToken", AWS STS API Reference). Those of root are cut to an
// hour.
const (
	defaultUserDuration = 12 * time.Hour
	maxRootDuration     = time.Hour
)

// userDuration returns how long a session of the caller's own lasts.
func userDuration(r *service.Request, given *int) time.Duration {
	d := durationOf(given, defaultUserDuration)
	if r.Caller.Root() {
		d = min(d, maxRootDuration)
	}
	return d
}

// refuseSession refuses what only long-term credentials may ask for.
func refuseSession(r *service.Request, operation string) error {
	if r.Caller.Session != nil {
		return awserr.AccessDenied.WithMessage("Cannot call %s with session credentials", operation)
	}
	return nil
}

type getSessionTokenInput struct {
	DurationSeconds         *int
	SerialNumber, TokenCode string
}

type getSessionTokenResult struct{ Credentials *credentials }

func checkGetSessionToken(r *service.Request, in *getSessionTokenInput) error {
	if err := refuseSession(r, "GetSessionToken"); err != nil {
		return err
	}
	return checkSecondFactor(in.SerialNumber, in.TokenCode)
}

// needGetSessionToken asks for what every user has unless it is denied to him
// ("Permissions for GetSessionToken", IAM User Guide).
func needGetSessionToken(r *service.Request, _ *getSessionTokenInput) ([]service.Need, error) {
	return []service.Need{{Action: "sts:GetSessionToken", Resource: "*", Owner: r.Caller.UserID}}, nil
}

func (h *handlers) getSessionToken(_ context.Context, r *service.Request, in *getSessionTokenInput) (*getSessionTokenResult, error) {
	proved, err := h.proveSecondFactor(r, in.SerialNumber, in.TokenCode)
	if err != nil {
		return nil, err
	}
	s := session.New(session.SessionToken, r.Caller.AccountID, r.Time, userDuration(r, in.DurationSeconds))
	s.UserID = userID(r)
	if proved {
		s.MultiFactorAuth = s.Issued
	}
	c, _, err := h.seal(s)
	if err != nil {
		return nil, err
	}
	return &getSessionTokenResult{c}, nil
}

// userID returns the unique id of the caller, and "" for root.
func userID(r *service.Request) string {
	if r.Caller.Root() {
		return ""
	}
	return r.Caller.UserID
}

type getFederationTokenInput struct {
	Name string
	narrowing
	DurationSeconds *int
	tagging
}

type federatedUser struct {
	FederatedUserID string `xml:"FederatedUserId"`
	ARN             string `xml:"Arn"`
}

type getFederationTokenResult struct {
	Credentials      *credentials
	FederatedUser    federatedUser
	PackedPolicySize int `xml:",omitempty"`
}

func (in *getFederationTokenInput) arn(r *service.Request) string {
	return "arn:aws:sts::" + r.Caller.AccountID + ":federated-user/" + in.Name
}

// checkGetFederationToken takes root too, as AWS does and advises against: what
// its federated users may do is limited by the session policy alone.
func checkGetFederationToken(r *service.Request, in *getFederationTokenInput) error {
	if err := refuseSession(r, "GetFederationToken"); err != nil {
		return err
	}
	if err := in.narrowing.check(); err != nil {
		return err
	}
	return in.tagging.check()
}

func needGetFederationToken(r *service.Request, in *getFederationTokenInput) ([]service.Need, error) {
	keys := func(c *condition.Context) { setTags(c, in.Tags) }
	needs := []service.Need{{Action: "sts:GetFederationToken", Resource: in.arn(r), Context: keys}}
	if len(in.Tags) > 0 {
		needs = append(needs, service.Need{Action: "sts:TagSession", Resource: in.arn(r), Context: keys})
	}
	return needs, nil
}

func (h *handlers) getFederationToken(_ context.Context, r *service.Request, in *getFederationTokenInput) (*getFederationTokenResult, error) {
	if err := in.find(h.directory, r.Caller.AccountID); err != nil {
		return nil, err
	}
	s := session.New(session.FederatedUser, r.Caller.AccountID, r.Time, userDuration(r, in.DurationSeconds))
	s.UserID, s.SessionName = userID(r), in.Name
	s.Policy, s.PolicyARNs, s.Tags = in.Policy, in.policyARNs(), in.Tags
	c, size, err := h.seal(s)
	if err != nil {
		return nil, err
	}
	return &getFederationTokenResult{c, federatedUser{r.Caller.AccountID + ":" + in.Name, in.arn(r)}, size}, nil
}
