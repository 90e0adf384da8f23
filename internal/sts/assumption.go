package sts

import (
	"strings"
	"time"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/session"
	"github.com/keywright/keywright/policy/condition"
)

// defaultRoleDuration is how long the session of a role lasts when nothing else
// is said ("AssumeRole", AWS STS API Reference).
const defaultRoleDuration = time.Hour

// assumption is what a request to assume a role asks for.
type assumption struct {
	action               string // of the operation
	roleARN, sessionName string
	externalID           *string
	tags                 []directory.Tag
	transitive           []string // the keys of tags that pass on
	sourceIdentity       string   // or ""
	secondFactor         bool     // whether the caller has just proved one
}

// checkRoleARN refuses what cannot be the ARN of a role.
func checkRoleARN(text string) error {
	a, err := arn.Parse(text)
	if err != nil || a.Partition != "aws" || a.Service != "iam" || a.Region != "" || !arn.IsAccountID(a.AccountID) || !strings.HasPrefix(a.Resource, "role/") {
		return awserr.ValidationError.WithMessage("%s is invalid", text)
	}
	return nil
}

// role returns the role with an ARN, or nil.
func (h *handlers) role(roleARN string) *directory.Role {
	a, err := arn.Parse(roleARN)
	if err != nil {
		return nil
	}
	role, ok := h.directory.Role(a.AccountID, a.Resource[strings.LastIndexByte(a.Resource, '/')+1:])
	if !ok || role.ARN != roleARN {
		return nil
	}
	return role
}

// needs asks for the operation's own permission and, when the session has tags
// or a source identity, for the permission to set them.
func (a assumption) needs(h *handlers) []service.Need {
	role := h.role(a.roleARN)
	keys := func(c *condition.Context) { a.keys(c, role) }
	actions := []string{a.action}
	if len(a.tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if a.sourceIdentity != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	var needs []service.Need
	for _, action := range actions {
		needs = append(needs, service.Need{Action: action, Resource: a.roleARN, Role: role, Context: keys})
	}
	return needs
}

// keys adds the condition keys of the request. role is nil when there is none.
func (a assumption) keys(c *condition.Context, role *directory.Role) {
	c.SetString("sts:RoleSessionName", a.sessionName)
	if a.externalID != nil {
		c.SetString("sts:ExternalId", *a.externalID)
	}
	if a.sourceIdentity != "" {
		c.SetString("sts:SourceIdentity", a.sourceIdentity)
	}
	if len(a.transitive) > 0 {
		c.SetStrings("sts:TransitiveTagKeys", a.transitive)
	}
	if a.secondFactor {
		c.SetBool("aws:MultiFactorAuthPresent", true)
		c.SetInt("aws:MultiFactorAuthAge", 0)
	}
	setTags(c, a.tags)
	if role != nil {
		for _, t := range role.Tags {
			c.SetString("aws:ResourceTag/"+t.Key, t.Value)
			c.SetString("iam:ResourceTag/"+t.Key, t.Value)
		}
	}
}

// newRoleSession returns a session of a role, without what differs between the
// ways to assume it.
func (h *handlers) newRoleSession(r *service.Request, roleARN, name string, n narrowing, seconds *int) (*session.Session, *directory.Role, error) {
	role := h.role(roleARN)
	if role == nil { // deleted since the caller was allowed to assume it
		return nil, nil, awserr.AccessDenied
	}
	duration := durationOf(seconds, defaultRoleDuration)
	if duration > role.MaxSessionDuration {
		return nil, nil, awserr.ValidationError.WithMessage("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	if err := n.find(h.directory, role.AccountID); err != nil {
		return nil, nil, err
	}
	s := session.New(session.AssumedRole, role.AccountID, r.Time, duration)
	s.RoleID, s.SessionName = role.ID, name
	s.Policy, s.PolicyARNs = n.Policy, n.policyARNs()
	return s, role, nil
}

// assumedRoleUser names a role's session in an answer.
type assumedRoleUser struct {
	AssumedRoleID string `xml:"AssumedRoleId"`
	ARN           string `xml:"Arn"`
}

func assumedUser(role *directory.Role, name string) assumedRoleUser {
	return assumedRoleUser{role.ID + ":" + name, "arn:aws:sts::" + role.AccountID + ":assumed-role/" + role.Name + "/" + name}
}
