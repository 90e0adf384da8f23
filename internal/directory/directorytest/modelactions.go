package directorytest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/policy/acl"
)

// run is a directory and its model on the same way.
type run struct {
	*rapid.T
	ctx     context.Context
	store   Store
	options directory.Options
	d       *directory.Directory
	model   model
}

func (r *run) open() {
	d, err := r.store.Open(r.ctx, r.options)
	if err != nil {
		r.Fatal(err)
	}
	r.d = d
}

func (r *run) pick(what string, from ...string) string {
	return rapid.SampledFrom(from).Draw(r.T, what)
}

func (r *run) pickAccount() string { return r.pick("account", firstAccount, secondAccount) }

func (r *run) pickName() string { return r.pick("name", "a", "A", "b", "c") }

func (r *run) pickEntity(kinds ...directory.EntityKind) directory.Entity {
	if len(kinds) == 0 {
		kinds = []directory.EntityKind{directory.KindUser, directory.KindGroup, directory.KindRole}
	}
	return directory.Entity{AccountID: r.pickAccount(), Kind: rapid.SampledFrom(kinds).Draw(r.T, "kind"), Name: r.pickName()}
}

func (r *run) pickPolicy() string {
	all := []string{administratorAccess, "arn:aws:iam::111111111111:policy/none"}
	for _, p := range r.model.policies {
		all = append(all, p.ARN)
	}
	return r.pick("policy", all...)
}

func (r *run) pickDocument() string { return r.pick("document", allowAll, allowRead, "{}") }

// actions are the changes that a run is made of.
func (r *run) actions() map[string]func(*rapid.T) {
	actions := map[string]func(*rapid.T){}
	for name, action := range map[string]func(){
		"create": r.create, "rename": r.rename, "delete": r.delete, "addToGroup": r.addToGroup, "removeFromGroup": r.removeFromGroup,
		"setBoundary": r.setBoundary, "tag": r.tag, "untag": r.untag,
		"createPolicy": r.createPolicy, "deletePolicy": r.deletePolicy, "createVersion": r.createVersion,
		"deleteVersion": r.deleteVersion, "setDefault": r.setDefault,
		"attach": r.attach, "detach": r.detach, "putInline": r.putInline, "deleteInline": r.deleteInline,
		"createLogin": r.createLogin, "changeLogin": r.changeLogin,
		"createKey": r.createKey, "changeKey": r.changeKey,
		"changeSettings": r.changeSettings, "createProfile": r.createProfile, "changeProfile": r.changeProfile,
		"createProvider": r.createProvider, "changeProvider": r.changeProvider,
		"createBucket": r.createBucket, "changeBucket": r.changeBucket,
	} {
		actions[name] = func(t *rapid.T) {
			r.T = t
			action()
		}
	}
	return actions
}

// usable reports whether an account's users and roles can have a policy.
func usable(p *modelPolicy, accountID string) bool {
	return p != nil && (p.accountID == accountID || p == awsPolicy)
}

func (r *run) create() {
	of, path := r.pickEntity(), r.pick("path", "", "/p/")
	e := &modelEntity{accountID: of.AccountID, entityDump: entityDump{Kind: of.Kind, Path: path, Name: of.Name}, inline: map[string]string{}}
	if path == "" {
		e.Path = "/"
	}
	reasons := []failure{when(r.model.entity(of) != nil, exists)}
	var boundary string
	if of.Kind != directory.KindGroup && rapid.Bool().Draw(r.T, "bounded") {
		boundary = r.pickPolicy()
		e.boundary = r.model.policy(boundary)
		reasons = append(reasons, when(!usable(e.boundary, of.AccountID), notFound))
	}
	var err error
	switch of.Kind {
	case directory.KindUser:
		var u *directory.User
		if u, err = r.d.CreateUser(r.ctx, directory.User{AccountID: of.AccountID, Path: path, Name: of.Name, PermissionsBoundary: boundary}); err == nil {
			e.ID = u.ID
		}
	case directory.KindGroup:
		var g *directory.Group
		if g, err = r.d.CreateGroup(r.ctx, directory.Group{AccountID: of.AccountID, Path: path, Name: of.Name}); err == nil {
			e.ID = g.ID
		}
	case directory.KindRole:
		var role *directory.Role
		role, err = r.d.CreateRole(r.ctx, directory.Role{AccountID: of.AccountID, Path: path, Name: of.Name, PermissionsBoundary: boundary, TrustPolicy: trustAll})
		if err == nil {
			e.ID, e.TrustPolicy, e.MaxSession = role.ID, trustAll, 3600
		}
	}
	if r.answer("create", err, reasons...) {
		r.model.entities = append(r.model.entities, e)
	}
}

func (r *run) rename() {
	of := r.pickEntity(directory.KindUser, directory.KindGroup)
	to, path := r.pickName(), r.pick("path", "/", "/p/")
	e := r.model.entity(of)
	taken := r.model.entity(directory.Entity{AccountID: of.AccountID, Kind: of.Kind, Name: to})
	var err error
	if of.Kind == directory.KindUser {
		_, err = r.d.UpdateUser(r.ctx, of.AccountID, of.Name, &to, &path)
	} else {
		_, err = r.d.UpdateGroup(r.ctx, of.AccountID, of.Name, &to, &path)
	}
	if r.answer("rename", err, when(e == nil, notFound), when(taken != nil && taken != e, exists)) {
		e.Name, e.Path = to, path
	}
}

func (r *run) delete() {
	of := r.pickEntity()
	e := r.model.entity(of)
	held := e != nil && (e.password != "" || len(e.inline)+len(e.attached)+len(e.groups)+len(e.keys) > 0 ||
		slices.ContainsFunc(r.model.entities, func(u *modelEntity) bool { return slices.Contains(u.groups, e) }) ||
		slices.ContainsFunc(r.model.profiles, func(p *modelProfile) bool { return p.role == e }))
	deletes := map[directory.EntityKind]func(context.Context, string, string) error{
		directory.KindUser: r.d.DeleteUser, directory.KindGroup: r.d.DeleteGroup, directory.KindRole: r.d.DeleteRole,
	}
	if r.answer("delete", deletes[of.Kind](r.ctx, of.AccountID, of.Name), when(e == nil, notFound), when(held, inUse)) {
		r.model.entities = without(r.model.entities, e)
	}
}

func (r *run) pickMembership() (accountID string, group, user *modelEntity, names [2]string) {
	g, u := r.pickEntity(directory.KindGroup), r.pickName()
	group = r.model.entity(g)
	user = r.model.entity(directory.Entity{AccountID: g.AccountID, Kind: directory.KindUser, Name: u})
	return g.AccountID, group, user, [2]string{g.Name, u}
}

func (r *run) addToGroup() {
	account, g, u, names := r.pickMembership()
	err := r.d.AddUserToGroup(r.ctx, account, names[0], names[1])
	if r.answer("addToGroup", err, when(g == nil || u == nil, notFound)) && !slices.Contains(u.groups, g) {
		u.groups = append(u.groups, g)
	}
}

func (r *run) removeFromGroup() {
	account, g, u, names := r.pickMembership()
	err := r.d.RemoveUserFromGroup(r.ctx, account, names[0], names[1])
	if r.answer("removeFromGroup", err, when(g == nil || u == nil || !slices.Contains(u.groups, g), notFound)) {
		u.groups = without(u.groups, g)
	}
}

func (r *run) setBoundary() {
	of := r.pickEntity(directory.KindUser, directory.KindRole)
	e, arn := r.model.entity(of), ""
	missing := e == nil
	if rapid.Bool().Draw(r.T, "set") {
		arn = r.pickPolicy()
		missing = missing || !usable(r.model.policy(arn), of.AccountID)
	} else {
		missing = missing || e.boundary == nil
	}
	if r.answer("setBoundary", r.d.SetBoundary(r.ctx, of, arn), when(missing, notFound)) {
		e.boundary = nil
		if arn != "" {
			e.boundary = r.model.policy(arn)
		}
	}
}

func (r *run) tag() {
	of := r.pickEntity(directory.KindUser, directory.KindRole)
	t := directory.Tag{Key: r.pick("key", "k", "K", "j"), Value: r.pick("value", "1", "2", "")}
	e := r.model.entity(of)
	if r.answer("tag", r.d.TagEntity(r.ctx, of, []directory.Tag{t}), when(e == nil, notFound)) {
		e.Tags = sorted(append(untagged(e.Tags, t.Key), t), func(t directory.Tag) string { return t.Key })
	}
}

func (r *run) untag() {
	of, key := r.pickEntity(directory.KindUser, directory.KindRole), r.pick("key", "k", "K", "j")
	e := r.model.entity(of)
	if r.answer("untag", r.d.UntagEntity(r.ctx, of, []string{key}), when(e == nil, notFound)) {
		e.Tags = untagged(e.Tags, key)
	}
}

func untagged(tags []directory.Tag, key string) (left []directory.Tag) {
	for _, t := range tags {
		if !strings.EqualFold(t.Key, key) {
			left = append(left, t)
		}
	}
	return left
}

func (r *run) createPolicy() {
	account, name, path, text := r.pickAccount(), r.pickName(), r.pick("path", "/", "/p/"), r.pickDocument()
	taken := slices.ContainsFunc(r.model.policies, func(p *modelPolicy) bool { return p.accountID == account && strings.EqualFold(p.Name, name) })
	p, err := r.d.CreatePolicy(r.ctx, directory.ManagedPolicy{AccountID: account, Path: path, Name: name}, text)
	if r.answer("createPolicy", err, when(taken, exists), when(text == "{}", document)) {
		r.model.policies = append(r.model.policies, &modelPolicy{accountID: account, last: 1, policyDump: policyDump{
			Name: name, Path: path, ID: p.ID, ARN: "arn:aws:iam::" + account + ":policy" + path + name,
			Default: "v1", Versions: map[string]string{"v1": text},
		}})
	}
}

func (r *run) deletePolicy() {
	arn := r.pickPolicy()
	p := r.model.policy(arn)
	held := p != nil && p != awsPolicy && (len(p.Versions) > 1 || slices.ContainsFunc(r.model.entities, func(e *modelEntity) bool {
		return e.boundary == p || slices.Contains(e.attached, p)
	}))
	if r.answer("deletePolicy", r.d.DeletePolicy(r.ctx, arn), when(p == nil, notFound), when(p == awsPolicy, readOnly), when(held, inUse)) {
		r.model.policies = without(r.model.policies, p)
	}
}

func (r *run) createVersion() {
	arn, text, chosen := r.pickPolicy(), r.pickDocument(), rapid.Bool().Draw(r.T, "default")
	p := r.model.policy(arn)
	_, err := r.d.CreatePolicyVersion(r.ctx, arn, text, chosen)
	full := p != nil && len(p.Versions) >= 5
	if r.answer("createVersion", err, when(p == nil, notFound), when(p == awsPolicy, readOnly), when(full, limit), when(text == "{}", document)) {
		p.last++
		id := fmt.Sprintf("v%d", p.last)
		p.Versions[id] = text
		if chosen {
			p.Default = id
		}
	}
}

func (r *run) pickVersion() (arn, id string, p *modelPolicy, reasons []failure) {
	arn, id = r.pickPolicy(), r.pick("version", "v1", "v2", "v3", "v4", "v5", "v6")
	p = r.model.policy(arn)
	reasons = []failure{when(p == nil, notFound), when(p == awsPolicy, readOnly)}
	if p != nil && p != awsPolicy {
		_, there := p.Versions[id]
		reasons = append(reasons, when(!there, notFound))
	}
	return arn, id, p, reasons
}

func (r *run) deleteVersion() {
	arn, id, p, reasons := r.pickVersion()
	reasons = append(reasons, when(p != nil && p.Default == id, inUse))
	if r.answer("deleteVersion", r.d.DeletePolicyVersion(r.ctx, arn, id), reasons...) {
		delete(p.Versions, id)
	}
}

func (r *run) setDefault() {
	arn, id, p, reasons := r.pickVersion()
	if r.answer("setDefault", r.d.SetDefaultPolicyVersion(r.ctx, arn, id), reasons...) {
		p.Default = id
	}
}

func (r *run) attach() {
	of, arn := r.pickEntity(), r.pickPolicy()
	e, p := r.model.entity(of), r.model.policy(arn)
	missing := e == nil || !usable(p, of.AccountID)
	if r.answer("attach", r.d.AttachPolicy(r.ctx, of, arn), when(missing, notFound)) && !slices.Contains(e.attached, p) {
		e.attached = append(e.attached, p)
	}
}

func (r *run) detach() {
	of, arn := r.pickEntity(), r.pickPolicy()
	e, p := r.model.entity(of), r.model.policy(arn)
	missing := e == nil || p == nil || !slices.Contains(e.attached, p)
	if r.answer("detach", r.d.DetachPolicy(r.ctx, of, arn), when(missing, notFound)) {
		e.attached = without(e.attached, p)
	}
}

func (r *run) putInline() {
	of, name, text := r.pickEntity(), r.pick("policy name", "i", "I"), r.pickDocument()
	e := r.model.entity(of)
	if r.answer("putInline", r.d.PutInlinePolicy(r.ctx, of, name, text), when(e == nil, notFound), when(text == "{}", document)) {
		e.inline = maps.Clone(e.inline)
		e.inline[name] = text
	}
}

func (r *run) deleteInline() {
	of, name := r.pickEntity(), r.pick("policy name", "i", "I")
	e := r.model.entity(of)
	missing := e == nil || e.inline[name] == ""
	if r.answer("deleteInline", r.d.DeleteInlinePolicy(r.ctx, of, name), when(missing, notFound)) {
		delete(e.inline, name)
	}
}

// pickHolder returns a user, or nil for an account's root, and its keys.
func (r *run) pickHolder() (of directory.Entity, user *modelEntity, keys *[]*modelKey) {
	of = r.pickEntity(directory.KindUser)
	if rapid.Bool().Draw(r.T, "root") {
		of.Name = ""
		return of, nil, &r.model.rootKeys
	}
	if user = r.model.entity(of); user != nil {
		return of, user, &user.keys
	}
	return of, nil, nil
}

func (r *run) createKey() {
	of, user, keys := r.pickHolder()
	full := keys != nil && len(keysOf(of.AccountID, *keys)) >= 2
	k, secret, err := r.d.CreateAccessKey(r.ctx, of.AccountID, of.Name)
	if r.answer("createKey", err, when(keys == nil, notFound), when(full, limit)) {
		made := &modelKey{accountID: of.AccountID, keyDump: keyDump{ID: k.ID, Secret: secret, Active: true}}
		if user != nil {
			made.UserID, made.UserName = user.ID, user.Name
		}
		*keys = append(*keys, made)
	}
}

func (r *run) changeKey() {
	of, _, keys := r.pickHolder()
	id := "AKIANONE"
	var chosen *modelKey
	if keys != nil {
		for _, k := range *keys {
			if k.accountID == of.AccountID {
				chosen, id = k, k.ID
			}
		}
	}
	if rapid.Bool().Draw(r.T, "delete") {
		if r.answer("deleteKey", r.d.DeleteAccessKey(r.ctx, of.AccountID, of.Name, id), when(chosen == nil, notFound)) {
			*keys = without(*keys, chosen)
		}
		return
	}
	active := rapid.Bool().Draw(r.T, "active")
	if r.answer("updateKey", r.d.UpdateAccessKey(r.ctx, of.AccountID, of.Name, id, active), when(chosen == nil, notFound)) {
		chosen.Active = active
	}
}

func (r *run) changeSettings() {
	account, alias := r.pickAccount(), r.pick("alias", "one", "two", "three")
	switch r.pick("change", "alias", "no alias", "passwords", "no passwords", "block", "no block") {
	case "block":
		block := directory.PublicAccessBlock{BlockPublicAcls: true, RestrictPublicBuckets: rapid.Bool().Draw(r.T, "restrict")}
		if r.answer("setAccountBlock", r.d.SetAccountPublicAccessBlock(r.ctx, account, &block)) {
			r.model.blocks[account] = block
		}
	case "no block":
		if r.answer("removeAccountBlock", r.d.SetAccountPublicAccessBlock(r.ctx, account, nil)) {
			delete(r.model.blocks, account)
		}
	case "alias":
		taken := r.model.aliases[firstAccount] == alias || r.model.aliases[secondAccount] == alias
		if r.answer("setAlias", r.d.SetAccountAlias(r.ctx, account, alias), when(taken, exists)) {
			r.model.aliases[account] = alias
		}
	case "no alias":
		if r.answer("removeAlias", r.d.RemoveAccountAlias(r.ctx, account, alias), when(r.model.aliases[account] != alias, notFound)) {
			delete(r.model.aliases, account)
		}
	case "passwords":
		p := directory.PasswordPolicy{MinimumLength: 8, RequireNumbers: rapid.Bool().Draw(r.T, "numbers")}
		if r.answer("setPasswords", r.d.SetPasswordPolicy(r.ctx, account, p)) {
			r.model.passwords[account] = p
		}
	case "no passwords":
		_, there := r.model.passwords[account]
		if r.answer("removePasswords", r.d.RemovePasswordPolicy(r.ctx, account), when(!there, notFound)) {
			delete(r.model.passwords, account)
		}
	}
}

func (r *run) createProfile() {
	account, path, name := r.pickAccount(), r.pick("path", "/", "/p/"), r.pickName()
	p, err := r.d.CreateInstanceProfile(r.ctx, directory.InstanceProfile{AccountID: account, Path: path, Name: name})
	if r.answer("createProfile", err, when(r.model.profile(account, name) != nil, exists)) {
		r.model.profiles = append(r.model.profiles, &modelProfile{accountID: account, profileDump: profileDump{Path: path, Name: name, ID: p.ID}})
	}
}

func (r *run) changeProfile() {
	role, name := r.pickEntity(directory.KindRole), r.pickName()
	account, e := role.AccountID, r.model.entity(role)
	p := r.model.profile(account, name)
	missing := when(p == nil, notFound)
	t := directory.Tag{Key: r.pick("key", "k", "K", "j"), Value: r.pick("value", "1", "2", "")}
	switch r.pick("change", "delete", "add", "remove", "tag", "untag") {
	case "delete":
		if r.answer("deleteProfile", r.d.DeleteInstanceProfile(r.ctx, account, name), missing, when(p != nil && p.role != nil, inUse)) {
			r.model.profiles = without(r.model.profiles, p)
		}
	case "add":
		err := r.d.AddRoleToInstanceProfile(r.ctx, account, name, role.Name)
		if r.answer("addRole", err, missing, when(e == nil, notFound), when(p != nil && p.role != nil, limit)) {
			p.role = e
		}
	case "remove":
		err := r.d.RemoveRoleFromInstanceProfile(r.ctx, account, name, role.Name)
		if r.answer("removeRole", err, missing, when(e == nil || p != nil && p.role != e, notFound)) {
			p.role = nil
		}
	case "tag":
		if r.answer("tagProfile", r.d.TagInstanceProfile(r.ctx, account, name, []directory.Tag{t}), missing) {
			p.Tags = sorted(append(untagged(p.Tags, t.Key), t), func(t directory.Tag) string { return t.Key })
		}
	case "untag":
		if r.answer("untagProfile", r.d.UntagInstanceProfile(r.ctx, account, name, []string{t.Key}), missing) {
			p.Tags = untagged(p.Tags, t.Key)
		}
	}
}

func (r *run) createBucket() {
	account, name := r.pickAccount(), r.pickName()
	b, err := r.d.CreateBucket(r.ctx, directory.Bucket{AccountID: account, Name: name})
	if r.answer("createBucket", err, when(r.model.bucket(name) != nil, exists)) {
		r.model.buckets = append(r.model.buckets, &modelBucket{account, bucketDump{
			Name: name, ID: b.ID, Region: "us-east-1", Ownership: "BucketOwnerEnforced", Grants: b.ACL.Grants,
			Block: &directory.PublicAccessBlock{BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true},
		}})
	}
}

func (r *run) changeOwnership(b *modelBucket, id string) {
	ownership := r.pick("ownership", "", directory.BucketOwnerEnforced, directory.BucketOwnerPreferred, directory.ObjectWriter)
	shared := b != nil && ownership == directory.BucketOwnerEnforced && len(b.Grants) > 1
	if r.answer("setOwnership", r.d.SetBucketOwnership(r.ctx, id, ownership), when(b == nil, notFound), when(shared, accessList)) {
		b.Ownership = ownership
	}
}

func (r *run) changeACL(b *modelBucket, id string) {
	l, seen := acl.Private("nobody"), acl.Private("nobody")
	if b != nil {
		a, _ := r.d.Account(b.accountID)
		l, seen = acl.Private(a.CanonicalID), &acl.List{Grants: b.Grants}
	}
	for _, grantee := range []string{acl.AllUsers, acl.EC2ID} {
		if rapid.Bool().Draw(r.T, grantee) {
			l.Grants = append(l.Grants, acl.Grant{Grantee: grantee, Permission: acl.Read})
		}
	}
	blocked := b != nil && l.IsPublic() && (r.model.blocks[b.accountID].BlockPublicAcls || b.Block != nil && b.Block.BlockPublicAcls)
	disabled := b != nil && b.Ownership == directory.BucketOwnerEnforced && len(l.Grants) > 1
	if r.answer("setACL", r.d.SetBucketACL(r.ctx, id, seen, l), when(b == nil, notFound), when(blocked || disabled, accessList)) {
		b.Grants = l.Grants
	}
}

func (r *run) changeBucket() {
	b, id := r.model.bucket(r.pickName()), "none"
	if b != nil {
		id = b.ID
	}
	missing := when(b == nil, notFound)
	switch r.pick("change", "delete", "policy", "no policy", "block", "no block", "configuration", "no configuration", "ownership", "acl") {
	case "ownership":
		r.changeOwnership(b, id)
	case "acl":
		r.changeACL(b, id)
	case "delete":
		if r.answer("deleteBucket", r.d.DeleteBucket(r.ctx, id), missing) {
			r.model.buckets = without(r.model.buckets, b)
		}
	case "policy":
		text, ids := strings.ReplaceAll(bucketPolicy, "PRINCIPAL", firstAccount), map[string]string{"arn": r.pick("id", "1", "2")}
		if r.answer("setBucketPolicy", r.d.SetBucketPolicy(r.ctx, id, []byte(text), ids), missing) {
			b.Policy, b.PrincipalIDs = text, ids
		}
	case "no policy":
		if r.answer("removeBucketPolicy", r.d.SetBucketPolicy(r.ctx, id, nil, nil), missing) {
			b.Policy, b.PrincipalIDs = "", nil
		}
	case "block":
		block := &directory.PublicAccessBlock{BlockPublicAcls: rapid.Bool().Draw(r.T, "block")}
		if r.answer("setBlock", r.d.SetPublicAccessBlock(r.ctx, id, block), missing) {
			b.Block = block
		}
	case "configuration":
		name, text := r.pick("name", "versioning", "cors"), r.pick("document", "a", "<b/>")
		if r.answer("setConfiguration", r.d.SetBucketConfigurations(r.ctx, id, map[string]string{name: text}, nil), missing) {
			b.Configurations = maps.Clone(b.Configurations)
			if b.Configurations == nil {
				b.Configurations = map[string]string{}
			}
			b.Configurations[name] = text
		}
	case "no configuration":
		name := r.pick("name", "versioning", "cors")
		if r.answer("removeConfiguration", r.d.SetBucketConfigurations(r.ctx, id, map[string]string{name: ""}, nil), missing) {
			b.Configurations = maps.Clone(b.Configurations)
			if delete(b.Configurations, name); len(b.Configurations) == 0 {
				b.Configurations = nil
			}
		}
	case "no block":
		if r.answer("removeBlock", r.d.SetPublicAccessBlock(r.ctx, id, nil), missing) {
			b.Block = nil
		}
	}
}
