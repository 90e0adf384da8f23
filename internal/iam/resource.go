package iam

import (
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/condition"
)

// resource is what an operation acts on, with what the condition keys of its
// permission say ("Actions, resources, and condition keys for AWS Identity and
// Access Management (IAM)", Service Authorization Reference).
type resource struct {
	arn      string          // or "*"
	shown    string          // what a denial calls it; "" is as arn
	tags     []directory.Tag // that it has
	boundary string          // ARN of the permissions boundary that it has, or that the request gives it

	created     bool            // whether the request makes it
	requestTags []directory.Tag // that the request gives it
	tagKeys     []string        // that the request takes from it
	policyARN   string          // that the request attaches or detaches

	awsService string // of the service-linked role that the request makes

	passedTo, associated string // of a role that is passed: to which service, and for what
}

// need returns the permission to perform an action on the resource. Of the keys
// only those that the action has are present.
func (x resource) need(action string) service.Need {
	a, _ := facts.LookupAction(action)
	// IAM has keys of its own for the tags of users and roles only.
	identity := strings.Contains(x.arn, ":user/") || strings.Contains(x.arn, ":role/")
	return service.Need{Action: action, Resource: x.arn, Shown: x.shown, Context: func(c *condition.Context) {
		for _, t := range x.tags {
			c.SetString("aws:ResourceTag/"+t.Key, t.Value)
			if identity {
				c.SetString("iam:ResourceTag/"+t.Key, t.Value)
			}
		}
		if x.boundary != "" && a.HasKey("iam:PermissionsBoundary") {
			c.SetString("iam:PermissionsBoundary", x.boundary)
		}
		if x.policyARN != "" {
			c.SetString("iam:PolicyARN", x.policyARN)
		}
		if x.awsService != "" {
			c.SetString("iam:AWSServiceName", x.awsService)
		}
		if x.passedTo != "" {
			c.SetString("iam:PassedToService", x.passedTo)
			c.SetString("iam:AssociatedResourceArn", x.associated)
		}
		keys := x.tagKeys
		for _, t := range x.requestTags {
			c.SetString("aws:RequestTag/"+t.Key, t.Value)
			if x.created { // it has them from the beginning
				c.SetString("aws:ResourceTag/"+t.Key, t.Value)
			}
			keys = append(keys, t.Key)
		}
		if len(keys) > 0 {
			c.SetStrings("aws:TagKeys", keys)
		}
	}}
}

// entityARN returns the ARN of a user, group, role or policy.
func entityARN(accountID, kind, path, name string) string {
	if path == "" {
		path = "/"
	}
	return "arn:aws:iam::" + accountID + ":" + kind + path + name
}

// whole is the part of an input that acts on the account and on no resource in
// it.
type whole struct{}

func (whole) check(*service.Request) error                  { return nil }
func (whole) resource(*handlers, *service.Request) resource { return resource{arn: "*"} }

// ofUser is the part of an input that names a user, who need not exist: then
// his ARN is the one that he would have under the path "/".
type ofUser struct{ UserName string }

func (ofUser) check(*service.Request) error { return nil }

func (in ofUser) resource(h *handlers, r *service.Request) resource {
	return h.user(r.Caller.AccountID, in.UserName)
}

func (in ofUser) entity(r *service.Request) directory.Entity {
	return directory.Entity{AccountID: r.Caller.AccountID, Kind: directory.KindUser, Name: in.UserName}
}

func (h *handlers) user(accountID, name string) resource {
	u, ok := h.directory.User(accountID, name)
	if !ok {
		return resource{arn: entityARN(accountID, "user", "", name)}
	}
	return resource{arn: u.ARN, tags: u.Tags, boundary: u.PermissionsBoundary}
}

// ofCaller is the part of an input that names a user, or nobody for the caller
// himself, who is then a user or the account's root.
type ofCaller struct{ UserName string }

func (in ofCaller) check(r *service.Request) error {
	if in.UserName == "" && r.Caller.UserName == "" && !r.Caller.Root() {
		return awserr.ValidationError.WithMessage("Must specify userName when calling with non-User credentials")
	}
	return nil
}

// name returns the user's name, and "" for root.
func (in ofCaller) name(r *service.Request) string {
	if in.UserName != "" {
		return in.UserName
	}
	return r.Caller.UserName
}

func (in ofCaller) resource(h *handlers, r *service.Request) resource {
	if name := in.name(r); name != "" {
		return h.user(r.Caller.AccountID, name)
	}
	return resource{arn: r.Caller.ARN}
}

// ofGroup is the part of an input that names a group.
type ofGroup struct{ GroupName string }

func (ofGroup) check(*service.Request) error { return nil }

func (in ofGroup) resource(h *handlers, r *service.Request) resource {
	g, ok := h.directory.Group(r.Caller.AccountID, in.GroupName)
	if !ok {
		return resource{arn: entityARN(r.Caller.AccountID, "group", "", in.GroupName)}
	}
	return resource{arn: g.ARN}
}

func (in ofGroup) entity(r *service.Request) directory.Entity {
	return directory.Entity{AccountID: r.Caller.AccountID, Kind: directory.KindGroup, Name: in.GroupName}
}

// ofRole is the part of an input that names a role.
type ofRole struct{ RoleName string }

func (ofRole) check(*service.Request) error { return nil }

func (in ofRole) resource(h *handlers, r *service.Request) resource {
	role, ok := h.directory.Role(r.Caller.AccountID, in.RoleName)
	if !ok {
		return resource{arn: entityARN(r.Caller.AccountID, "role", "", in.RoleName)}
	}
	return resource{arn: role.ARN, tags: role.Tags, boundary: role.PermissionsBoundary}
}

func (in ofRole) entity(r *service.Request) directory.Entity {
	return directory.Entity{AccountID: r.Caller.AccountID, Kind: directory.KindRole, Name: in.RoleName}
}

// ofPolicy is the part of an input that names a managed policy.
type ofPolicy struct{ PolicyArn string }

func (in ofPolicy) check(*service.Request) error { return checkPolicyARN(in.PolicyArn) }

func (in ofPolicy) resource(h *handlers, _ *service.Request) resource {
	if p, ok := h.directory.Policy(in.PolicyArn); ok {
		return resource{arn: p.ARN, tags: p.Tags}
	}
	return resource{arn: in.PolicyArn}
}

// checkPolicyARN refuses what cannot be the ARN of a managed policy.
func checkPolicyARN(text string) error {
	a, err := arn.Parse(text)
	if err != nil {
		return awserr.ValidationError.WithMessage("Invalid ARN:  Could not be parsed!").WithCause(err)
	}
	if a.Service != "iam" || a.Region != "" || !strings.HasPrefix(a.Resource, "policy/") {
		return awserr.ValidationError.WithMessage("ARN %s is not valid.", text)
	}
	return nil
}
