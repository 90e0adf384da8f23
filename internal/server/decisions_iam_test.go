package server

import (
	"cmp"
	"context"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keywright/keywright/arn"
)

// operationsOfIAM are those of operations that are IAM's.
var operationsOfIAM = map[string]operation{
	"iam:GetUser": ofIAM("user", func(c *iam.Client, name string) error {
		_, err := c.GetUser(context.Background(), &iam.GetUserInput{UserName: &name})
		return err
	}),
	"iam:ListAccessKeys": ofIAM("user", func(c *iam.Client, name string) error {
		_, err := c.ListAccessKeys(context.Background(), &iam.ListAccessKeysInput{UserName: &name})
		return err
	}),
	"iam:ListUserPolicies": ofIAM("user", func(c *iam.Client, name string) error {
		_, err := c.ListUserPolicies(context.Background(), &iam.ListUserPoliciesInput{UserName: &name})
		return err
	}),
	"iam:ListAttachedUserPolicies": ofIAM("user", func(c *iam.Client, name string) error {
		_, err := c.ListAttachedUserPolicies(context.Background(), &iam.ListAttachedUserPoliciesInput{UserName: &name})
		return err
	}),
	"iam:ListGroupsForUser": ofIAM("user", func(c *iam.Client, name string) error {
		_, err := c.ListGroupsForUser(context.Background(), &iam.ListGroupsForUserInput{UserName: &name})
		return err
	}),
	"iam:UntagUser": {address: inCallersAccount("user"), prepare: prepareUser, run: func(w *world, a *attempt) error {
		name := lastElement(a.resource)
		keys := sortedKeys(a.brought.requestTags)
		if len(keys) == 0 {
			keys = []string{"key"}
		}
		_, err := w.iam(a.creds, a.brought).UntagUser(context.Background(), &iam.UntagUserInput{UserName: &name, TagKeys: keys})
		return err
	}},
	"iam:DeleteUser": ofIAM("user", func(c *iam.Client, name string) error {
		_, err := c.DeleteUser(context.Background(), &iam.DeleteUserInput{UserName: &name})
		return err
	}, "DeleteConflict"), // he has an access key
	"iam:PutUserPermissionsBoundary": {address: inCallersAccount("user"), prepare: func(w *world, a *attempt) error {
		if a.brought.boundary == "" {
			a.brought.boundary = managedPolicy("AdministratorAccess")
		}
		return w.prepareTarget(a, "")
	}, run: func(w *world, a *attempt) error {
		name := lastElement(a.resource)
		_, err := w.iam(a.creds, a.brought).PutUserPermissionsBoundary(context.Background(), &iam.PutUserPermissionsBoundaryInput{UserName: &name, PermissionsBoundary: &a.brought.boundary})
		return err
	}, after: func(w *world, a *attempt) {
		w.accounts[a.principal.AccountID].users[strings.ToLower(lastElement(a.resource))].has.boundary = a.brought.boundary
	}},
	"iam:DeleteUserPermissionsBoundary": {address: inCallersAccount("user"), prepare: prepareUser, run: func(w *world, a *attempt) error {
		name := lastElement(a.resource)
		_, err := w.iam(a.creds, a.brought).DeleteUserPermissionsBoundary(context.Background(), &iam.DeleteUserPermissionsBoundaryInput{UserName: &name})
		return err
	}, answers: []string{"NoSuchEntity"}, after: func(w *world, a *attempt) {
		w.accounts[a.principal.AccountID].users[strings.ToLower(lastElement(a.resource))].has.boundary = ""
	}},
	"iam:AttachUserPolicy": attaching("user"),
	"iam:AttachRolePolicy": attaching("role"),
	"iam:CreatePolicyVersion": ofPolicy(func(c *iam.Client, name string) error {
		_, err := c.CreatePolicyVersion(context.Background(), &iam.CreatePolicyVersionInput{PolicyArn: &name, PolicyDocument: &harmless})
		return err
	}),
	"iam:SetDefaultPolicyVersion": ofPolicy(func(c *iam.Client, name string) error {
		version := "v1"
		_, err := c.SetDefaultPolicyVersion(context.Background(), &iam.SetDefaultPolicyVersionInput{PolicyArn: &name, VersionId: &version})
		return err
	}),
	"iam:DeletePolicy": ofPolicy(func(c *iam.Client, name string) error {
		_, err := c.DeletePolicy(context.Background(), &iam.DeletePolicyInput{PolicyArn: &name})
		return err
	}, "DeleteConflict"),
	"iam:CreateRole": {address: inCallersAccount("role"), prepare: func(w *world, a *attempt) error {
		return w.absent(a, "role")
	}, run: func(w *world, a *attempt) error {
		name, path := nameAndPath(a.resource)
		trust := w.accounts[a.principal.AccountID].keeperTrust()
		_, err := w.iam(a.creds, a.brought).CreateRole(context.Background(), &iam.CreateRoleInput{RoleName: &name, Path: &path, AssumeRolePolicyDocument: &trust, Tags: iamTags(a.brought.requestTags)})
		return err
	}, after: func(w *world, a *attempt) {
		name := lastElement(a.resource)
		if _, err := w.accounts[a.principal.AccountID].iam.DeleteRole(context.Background(), &iam.DeleteRoleInput{RoleName: &name}); err != nil {
			w.t.Error(err)
		}
	}},
	"iam:GetRole": ofIAM("role", func(c *iam.Client, name string) error {
		_, err := c.GetRole(context.Background(), &iam.GetRoleInput{RoleName: &name})
		return err
	}),
	"iam:ListRolePolicies": ofIAM("role", func(c *iam.Client, name string) error {
		_, err := c.ListRolePolicies(context.Background(), &iam.ListRolePoliciesInput{RoleName: &name})
		return err
	}),
	"iam:ListUsers": {address: onEverything, run: func(w *world, a *attempt) error {
		_, err := w.iam(a.creds, a.brought).ListUsers(context.Background(), &iam.ListUsersInput{})
		return err
	}},
	"iam:ListRoles": {address: onEverything, run: func(w *world, a *attempt) error {
		_, err := w.iam(a.creds, a.brought).ListRoles(context.Background(), &iam.ListRolesInput{})
		return err
	}},
	"iam:CreateUser": {address: inCallersAccount("user"), prepare: func(w *world, a *attempt) error {
		if err := w.policyNamed(a.brought.boundary); err != nil {
			return err
		}
		return w.absent(a, "user")
	}, run: func(w *world, a *attempt) error {
		name, path := nameAndPath(a.resource)
		in := &iam.CreateUserInput{UserName: &name, Path: &path, Tags: iamTags(a.brought.requestTags)}
		if a.brought.boundary != "" {
			in.PermissionsBoundary = &a.brought.boundary
		}
		_, err := w.iam(a.creds, a.brought).CreateUser(context.Background(), in)
		return err
	}, after: func(w *world, a *attempt) {
		name := lastElement(a.resource)
		if _, err := w.accounts[a.principal.AccountID].iam.DeleteUser(context.Background(), &iam.DeleteUserInput{UserName: &name}); err != nil {
			w.t.Error(err)
		}
	}},
	"iam:PutUserPolicy": putUserPolicy(),
	"iam:CreateAccessKey": {address: inCallersAccount("user"), prepare: prepareUser, run: func(w *world, a *attempt) error {
		name := lastElement(a.resource)
		out, err := w.iam(a.creds, a.brought).CreateAccessKey(context.Background(), &iam.CreateAccessKeyInput{UserName: &name})
		if err == nil {
			a.made = *out.AccessKey.AccessKeyId
		}
		return err
	}, after: func(w *world, a *attempt) {
		name := lastElement(a.resource)
		if _, err := w.accounts[a.principal.AccountID].iam.DeleteAccessKey(context.Background(), &iam.DeleteAccessKeyInput{UserName: &name, AccessKeyId: &a.made}); err != nil {
			w.t.Error(err)
		}
	}},
	"iam:DeleteAccessKey": ofIAM("user", func(c *iam.Client, name string) error {
		nobodys := "AKIAAAAAAAAAAAAAAAAA"
		_, err := c.DeleteAccessKey(context.Background(), &iam.DeleteAccessKeyInput{UserName: &name, AccessKeyId: &nobodys})
		return err
	}, "NoSuchEntity"),
	"iam:UpdateAccessKey": ofIAM("user", func(c *iam.Client, name string) error {
		nobodys := "AKIAAAAAAAAAAAAAAAAA"
		_, err := c.UpdateAccessKey(context.Background(), &iam.UpdateAccessKeyInput{UserName: &name, AccessKeyId: &nobodys, Status: iamtypes.StatusTypeActive})
		return err
	}, "NoSuchEntity"),
	"iam:GetAccessKeyLastUsed": {address: inCallersAccount("user"), prepare: prepareUser, run: func(w *world, a *attempt) error {
		e := w.accounts[a.principal.AccountID].users[strings.ToLower(lastElement(a.resource))]
		_, err := w.iam(a.creds, a.brought).GetAccessKeyLastUsed(context.Background(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: &e.key.AccessKeyID})
		return err
	}},
}

// attaching is the operation that attaches a managed policy to a user or role.
func attaching(kind string) operation {
	return operation{address: inCallersAccount(kind), prepare: func(w *world, a *attempt) error {
		a.brought.attached = cmp.Or(a.brought.attached, managedPolicy("IAMReadOnlyAccess"))
		if err := w.policyNamed(a.brought.attached); err != nil {
			return err
		}
		return prepareUser(w, a)
	}, run: func(w *world, a *attempt) (err error) {
		name, client := lastElement(a.resource), w.iam(a.creds, a.brought)
		if kind == "role" {
			_, err = client.AttachRolePolicy(context.Background(), &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: &a.brought.attached})
		} else {
			_, err = client.AttachUserPolicy(context.Background(), &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: &a.brought.attached})
		}
		return err
	}, after: func(w *world, a *attempt) {
		owner := w.accounts[a.principal.AccountID]
		e := owner.entities(kind)[strings.ToLower(lastElement(a.resource))]
		has := e.has
		has.attached = maps.Clone(has.attached)
		e.has.attached = map[string]bool{a.brought.attached: true}
		maps.Copy(e.has.attached, has.attached)
		if err := w.grantAttached(e, has); err != nil {
			w.t.Error(err)
		}
	}}
}

func putUserPolicy() operation {
	name := "of-the-case"
	return operation{address: inCallersAccount("user"), prepare: prepareUser, run: func(w *world, a *attempt) error {
		user := lastElement(a.resource)
		_, err := w.iam(a.creds, a.brought).PutUserPolicy(context.Background(), &iam.PutUserPolicyInput{UserName: &user, PolicyName: &name, PolicyDocument: &harmless})
		return err
	}, after: func(w *world, a *attempt) {
		user := lastElement(a.resource)
		if _, err := w.accounts[a.principal.AccountID].iam.DeleteUserPolicy(context.Background(), &iam.DeleteUserPolicyInput{UserName: &user, PolicyName: &name}); err != nil {
			w.t.Error(err)
		}
	}}
}

// nameAndPath returns the name and path in an ARN of IAM.
func nameAndPath(text string) (name, path string) {
	_, rest, _ := strings.Cut(text, "/")
	i := strings.LastIndexByte(rest, '/') + 1
	return rest[i:], "/" + rest[:i]
}

func iamTags(tags map[string]string) []iamtypes.Tag {
	var list []iamtypes.Tag
	for _, k := range sortedKeys(tags) {
		v := tags[k]
		list = append(list, iamtypes.Tag{Key: &k, Value: &v})
	}
	return list
}

// inCallersAccount is the address of users or roles, whom IAM has in the
// caller's account only.
func inCallersAccount(kind string) func(*world, *attempt) error {
	return func(_ *world, a *attempt) error {
		n, err := arn.Parse(a.resource)
		switch {
		case err != nil || n.Partition != "aws" || n.Service != "iam" || n.Region != "" || !strings.HasPrefix(n.Resource, kind+"/"):
			return cannot("no request names such a resource")
		case a.c.Principal.Type == "anonymous":
			return cannot("nobody unsigned can ask for that")
		case n.AccountID != a.c.Principal.AccountID:
			return cannot("IAM acts in the caller's account")
		case a.c.Principal.Type == "federated":
			return cannot("a federated user cannot call IAM, whatever a policy says")
		}
		return nil
	}
}

// absent sees to it that who is to be made is not there.
func (w *world) absent(a *attempt, kind string) error {
	e := w.accounts[a.principal.AccountID].entities(kind)[strings.ToLower(lastElement(a.resource))]
	switch e {
	case nil:
		return nil
	case w.caller:
		return cannot("the caller is there")
	}
	return w.deleteEntity(e)
}

// prepareUser makes the user or role that is acted on, with the tags and the
// boundary of the case.
func prepareUser(w *world, a *attempt) error { return w.prepareTarget(a, a.brought.boundary) }

func (w *world) prepareTarget(a *attempt, boundary string) error {
	if err := w.policyNamed(a.brought.boundary); err != nil {
		return err
	}
	e, err := w.entityOf(a.resource, "")
	switch {
	case err != nil:
		return err
	case e == a.holder && a.brought.boundary != "":
		return cannot("the caller's boundary has another name")
	case e == a.holder:
		return nil
	}
	if err := w.grantBoundary(e, granted{boundary: boundary}); err != nil {
		return err
	}
	return w.grantTags(e, granted{tags: a.brought.targetTags})
}

// harmless is a policy that grants nothing.
var harmless = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:DeleteBucket","Resource":"*"}}`

// policyNamed makes the managed policy of an ARN, unless it is there or AWS's.
func (w *world) policyNamed(text string) error {
	n, err := arn.Parse(text)
	a := w.accounts[n.AccountID]
	if err != nil || a == nil {
		return nil
	}
	name, path := nameAndPath(text)
	_, err = a.iam.CreatePolicy(context.Background(), &iam.CreatePolicyInput{PolicyName: &name, Path: &path, PolicyDocument: &harmless})
	if isCode(err, "EntityAlreadyExists") {
		return nil
	}
	return err
}

// ofPolicy is an operation of IAM on a managed policy, which is made for each
// case anew.
func ofPolicy(send func(*iam.Client, string) error, answers ...string) operation {
	return operation{
		address: inCallersAccount("policy"), answers: answers,
		prepare: func(w *world, a *attempt) error { return w.policyNamed(a.resource) },
		run:     func(w *world, a *attempt) error { return send(w.iam(a.creds, a.brought), a.resource) },
	}
}

// ofIAM is an operation of IAM on a user or role.
func ofIAM(kind string, send func(*iam.Client, string) error, answers ...string) operation {
	return operation{
		address: inCallersAccount(kind), prepare: prepareUser, answers: answers,
		run: func(w *world, a *attempt) error { return send(w.iam(a.creds, a.brought), lastElement(a.resource)) },
	}
}
