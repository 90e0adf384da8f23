package server

import (
	"context"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy/eval/evaltest"
)

// entity is a user or role as it is on the server.
type entity struct {
	account    *account
	kind       string // user or role
	id         string // unique id, the server's
	caseID     string // the cases' name for id, or ""
	path, name string
	key        aws.Credentials   // a user's
	trust      string            // a role's trust policy
	bound      map[string]string // unique ids of whom it names
	group      bool              // a user's own group is there
	has        granted
}

// granted is what an entity has: documents by name, ARNs, and tags.
type granted struct {
	inline, group map[string]string
	attached      map[string]bool
	boundary      string
	tags          map[string]string
}

func (e *entity) arn() string { return "arn:aws:iam::" + e.account.id + ":" + e.kind + e.path + e.name }

func (a *account) entities(kind string) map[string]*entity {
	if kind == "role" {
		return a.roles
	}
	return a.users
}

// newEntity makes a user with an access key, or a role that the keeper may
// assume.
func (w *world) newEntity(a *account, kind, path, name string) (*entity, error) {
	ctx := context.Background()
	e := &entity{account: a, kind: kind, path: path, name: name}
	if kind == "role" {
		if strings.HasPrefix(path, "/aws-service-role/") {
			return nil, cannot("only its service assumes a service-linked role")
		}
		e.trust = a.keeperTrust()
		out, err := a.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, Path: &path, AssumeRolePolicyDocument: &e.trust})
		if err != nil {
			return nil, err
		}
		e.id = *out.Role.RoleId
	} else {
		out, err := a.iam.CreateUser(ctx, &iam.CreateUserInput{UserName: &name, Path: &path})
		if err != nil {
			return nil, err
		}
		key, err := a.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
		if err != nil {
			return nil, err
		}
		e.id = *out.User.UserId
		e.key = aws.Credentials{AccessKeyID: *key.AccessKey.AccessKeyId, SecretAccessKey: *key.AccessKey.SecretAccessKey}
	}
	a.entities(kind)[strings.ToLower(name)] = e
	return e, nil
}

func (a *account) keeperTrust() string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + a.id + `:user/keeper"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}}`
}

// entityOf returns the user or role of an ARN, made when it is not there. With
// the id by which the cases know it, whoever else has its name is deleted, and
// it is renamed when it has another.
func (w *world) entityOf(text, caseID string) (*entity, error) {
	n, err := arn.Parse(text)
	if err != nil {
		return nil, err
	}
	kind, rest, _ := strings.Cut(n.Resource, "/")
	a := w.accounts[n.AccountID]
	if n.Resource == "root" {
		return nil, cannot("a root has no federated users here")
	}
	if a == nil || n.Partition != "aws" || n.Service != "iam" || kind != "user" && kind != "role" {
		return nil, cannot("nobody here is %s", text)
	}
	i := strings.LastIndexByte(rest, '/') + 1
	path, name := "/"+rest[:i], rest[i:]
	there, old := a.entities(kind)[strings.ToLower(name)], a.known(kind, caseID)
	switch {
	case there != nil && there.path == path && there.name == name && (caseID == "" || there.caseID == caseID):
		return there, nil
	case there != nil && old == nil && there.caseID == "" && there.path == path && there.name == name:
		there.caseID = caseID
		w.ids[caseID] = there.id
		return there, nil
	case there != nil && there == w.caller:
		return nil, cannot("a policy names somebody who has the caller's name")
	case there != nil:
		if err := w.deleteEntity(there); err != nil {
			return nil, err
		}
	}
	if old != nil {
		return old, w.rename(old, path, name)
	}
	e, err := w.newEntity(a, kind, path, name)
	if err == nil && caseID != "" {
		e.caseID = caseID
		w.ids[caseID] = e.id
	}
	return e, err
}

// known returns the entity that the cases know by an id, or nil.
func (a *account) known(kind, caseID string) *entity {
	for _, e := range a.entities(kind) {
		if caseID != "" && e.caseID == caseID {
			return e
		}
	}
	return nil
}

func (w *world) rename(e *entity, path, name string) error {
	if e.kind == "role" {
		return cannot("a role cannot be renamed")
	}
	_, err := e.account.iam.UpdateUser(context.Background(), &iam.UpdateUserInput{UserName: &e.name, NewUserName: &name, NewPath: &path})
	if err != nil {
		return err
	}
	delete(e.account.users, strings.ToLower(e.name))
	e.path, e.name = path, name
	e.account.users[strings.ToLower(name)] = e
	return nil
}

func (w *world) deleteEntity(e *entity) error {
	ctx, client := context.Background(), e.account.iam
	if err := w.grant(e, granted{}); err != nil {
		return err
	}
	delete(e.account.entities(e.kind), strings.ToLower(e.name))
	if e.kind == "role" {
		_, err := client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &e.name})
		return err
	}
	if e.group {
		group := e.groupName()
		if _, err := client.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{UserName: &e.name, GroupName: &group}); err != nil {
			return err
		}
		if _, err := client.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: &group}); err != nil {
			return err
		}
	}
	if _, err := client.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &e.name, AccessKeyId: &e.key.AccessKeyID}); err != nil {
		return err
	}
	_, err := client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: &e.name})
	return err
}

// groupName is of a group whose one member a user is, whatever he is called.
func (e *entity) groupName() string { return "group-of-" + e.id }

// grant brings what an entity has to what it is to have.
func (w *world) grant(e *entity, want granted) error {
	for _, step := range []func(*entity, granted) error{w.grantInline, w.grantByGroup, w.grantAttached, w.grantBoundary, w.grantTags} {
		if err := step(e, want); err != nil {
			return err
		}
	}
	return nil
}

// change calls put for what is to be there and is not so, and remove for what
// is not to be there.
func change(has *map[string]string, want map[string]string, put func(k, v string) error, remove func(k string) error) error {
	if *has == nil {
		*has = map[string]string{}
	}
	for _, k := range sortedKeys(*has) {
		if _, ok := want[k]; ok {
			continue
		}
		if err := remove(k); err != nil {
			return err
		}
		delete(*has, k)
	}
	for _, k := range sortedKeys(want) {
		if old, ok := (*has)[k]; ok && old == want[k] {
			continue
		}
		if err := put(k, want[k]); err != nil {
			return err
		}
		(*has)[k] = want[k]
	}
	return nil
}

func (w *world) grantInline(e *entity, want granted) error {
	ctx, client := context.Background(), e.account.iam
	return change(&e.has.inline, want.inline, func(k, v string) (err error) {
		if e.kind == "role" {
			_, err = client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &e.name, PolicyName: &k, PolicyDocument: &v})
		} else {
			_, err = client.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &e.name, PolicyName: &k, PolicyDocument: &v})
		}
		return refusal(err)
	}, func(k string) (err error) {
		if e.kind == "role" {
			_, err = client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &e.name, PolicyName: &k})
		} else {
			_, err = client.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: &e.name, PolicyName: &k})
		}
		return err
	})
}

func (w *world) grantByGroup(e *entity, want granted) error {
	ctx, client, group := context.Background(), e.account.iam, e.groupName()
	if len(want.group) > 0 && !e.group {
		if _, err := client.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &group}); err != nil {
			return err
		}
		if _, err := client.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: &group, UserName: &e.name}); err != nil {
			return err
		}
		e.group = true
	}
	return change(&e.has.group, want.group, func(k, v string) error {
		_, err := client.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: &group, PolicyName: &k, PolicyDocument: &v})
		return refusal(err)
	}, func(k string) error {
		_, err := client.DeleteGroupPolicy(ctx, &iam.DeleteGroupPolicyInput{GroupName: &group, PolicyName: &k})
		return err
	})
}

func (w *world) grantAttached(e *entity, want granted) error {
	ctx, client := context.Background(), e.account.iam
	for _, p := range sortedKeys(e.has.attached) {
		if want.attached[p] {
			continue
		}
		var err error
		if e.kind == "role" {
			_, err = client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &e.name, PolicyArn: &p})
		} else {
			_, err = client.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: &e.name, PolicyArn: &p})
		}
		if err != nil {
			return err
		}
		delete(e.has.attached, p)
	}
	for _, p := range sortedKeys(want.attached) {
		if e.has.attached[p] {
			continue
		}
		var err error
		if e.kind == "role" {
			_, err = client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &e.name, PolicyArn: &p})
		} else {
			_, err = client.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &e.name, PolicyArn: &p})
		}
		if err != nil {
			return err
		}
		if e.has.attached == nil {
			e.has.attached = map[string]bool{}
		}
		e.has.attached[p] = true
	}
	return nil
}

func (w *world) grantBoundary(e *entity, want granted) (err error) {
	if e.has.boundary == want.boundary {
		return nil
	}
	ctx, client := context.Background(), e.account.iam
	switch role := e.kind == "role"; {
	case role && want.boundary == "":
		_, err = client.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: &e.name})
	case role:
		_, err = client.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: &e.name, PermissionsBoundary: &want.boundary})
	case want.boundary == "":
		_, err = client.DeleteUserPermissionsBoundary(ctx, &iam.DeleteUserPermissionsBoundaryInput{UserName: &e.name})
	default:
		_, err = client.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: &e.name, PermissionsBoundary: &want.boundary})
	}
	if err == nil {
		e.has.boundary = want.boundary
	}
	return err
}

func (w *world) grantTags(e *entity, want granted) error {
	ctx, client := context.Background(), e.account.iam
	return change(&e.has.tags, want.tags, func(k, v string) (err error) {
		tags := []iamtypes.Tag{{Key: &k, Value: &v}}
		if e.kind == "role" {
			_, err = client.TagRole(ctx, &iam.TagRoleInput{RoleName: &e.name, Tags: tags})
		} else {
			_, err = client.TagUser(ctx, &iam.TagUserInput{UserName: &e.name, Tags: tags})
		}
		return noSuchTag(err)
	}, func(k string) (err error) {
		if e.kind == "role" {
			_, err = client.UntagRole(ctx, &iam.UntagRoleInput{RoleName: &e.name, TagKeys: []string{k}})
		} else {
			_, err = client.UntagUser(ctx, &iam.UntagUserInput{UserName: &e.name, TagKeys: []string{k}})
		}
		return err
	})
}

// noSuchTag turns the refusal of a tag into why the case cannot be.
func noSuchTag(err error) error {
	if isCode(err, "ValidationError") || isCode(err, "InvalidInput") {
		return cannot("IAM takes no such tag")
	}
	return err
}

// setTrust gives a role its trust policy. bound are the unique ids of those whom
// it names.
func (w *world) setTrust(e *entity, document string, bound map[string]string) error {
	if e.trust == document && maps.Equal(e.bound, bound) {
		return nil
	}
	_, err := e.account.iam.UpdateAssumeRolePolicy(context.Background(), &iam.UpdateAssumeRolePolicyInput{RoleName: &e.name, PolicyDocument: &document})
	if err != nil {
		return refusal(err)
	}
	e.trust, e.bound = document, bound
	return nil
}

// holder returns the user or role that a principal is, or is a session of.
func (w *world) holder(p *evaltest.Principal) (*entity, error) {
	if p.Type == "user" {
		return w.entityOf(p.ARN, p.UniqueID)
	}
	return w.entityOf(p.IssuerARN, p.UniqueID)
}
