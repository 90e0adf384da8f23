package server

import (
	"context"
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
		e := w.accounts[a.principal.AccountID].users[strings.ToLower(lastElement(a.resource))]
		if e == nil {
			return nil
		}
		if e == w.caller {
			return cannot("the caller is there")
		}
		return w.deleteEntity(e)
	}, run: func(w *world, a *attempt) error {
		name, path := nameAndPath(a.resource)
		_, err := w.iam(a.creds, a.brought).CreateUser(context.Background(), &iam.CreateUserInput{UserName: &name, Path: &path, Tags: iamTags(a.brought.requestTags)})
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

func putUserPolicy() operation {
	name := "of-the-case"
	return operation{address: inCallersAccount("user"), prepare: prepareUser, run: func(w *world, a *attempt) error {
		user, document := lastElement(a.resource), `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:DeleteBucket","Resource":"*"}}`
		_, err := w.iam(a.creds, a.brought).PutUserPolicy(context.Background(), &iam.PutUserPolicyInput{UserName: &user, PolicyName: &name, PolicyDocument: &document})
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

// prepareUser makes the user or role that is acted on, with the tags of the
// case.
func prepareUser(w *world, a *attempt) error {
	e, err := w.entityOf(a.resource, "")
	if err != nil || e == a.holder {
		return err
	}
	return w.grantTags(e, granted{tags: a.brought.targetTags})
}

// ofIAM is an operation of IAM on a user or role.
func ofIAM(kind string, send func(*iam.Client, string) error, answers ...string) operation {
	return operation{
		address: inCallersAccount(kind), prepare: prepareUser, answers: answers,
		run: func(w *world, a *attempt) error { return send(w.iam(a.creds, a.brought), lastElement(a.resource)) },
	}
}
