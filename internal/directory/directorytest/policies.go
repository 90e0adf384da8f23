package directorytest

import (
	"strings"
	"time"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/policy/eval"
)

// trusts reports whether a role's trust policy lets a user assume it.
func trusts(f *fixture, role, userARN, userID string) bool {
	r := found[*directory.Role](f)(f.d.Role(f.account, role))
	return eval.Decide(&eval.Request{
		Principal: eval.Principal{Type: eval.User, ARN: userARN, IssuerARN: userARN, AccountID: f.account, UniqueID: userID},
		Action:    "sts:AssumeRole", Resource: r.ARN, ResourceAccount: f.account,
	}, &eval.Policies{Resource: r.Trust}).Allowed()
}

func testPolicies(f *fixture) {
	p := must[*directory.ManagedPolicy](f)(f.d.CreatePolicy(f.ctx, directory.ManagedPolicy{
		AccountID: f.account, Path: "/team/", Name: "Readers", Description: "é", Tags: []directory.Tag{{Key: "k", Value: "v"}},
	}, allowRead))
	f.equal("policy", p, &directory.ManagedPolicy{
		AccountID: f.account, Path: "/team/", Name: "Readers", ID: p.ID, ARN: "arn:aws:iam::111111111111:policy/team/Readers", Description: "é",
		DefaultVersionID: "v1", Created: f.now.Truncate(time.Second), Updated: f.now.Truncate(time.Second), Tags: []directory.Tag{{Key: "k", Value: "v"}},
	})
	if !strings.HasPrefix(p.ID, "ANPA") {
		f.Errorf("unique id %s", p.ID)
	}
	f.policy("a")
	f.reopen()
	f.equal("Policy", found[*directory.ManagedPolicy](f)(f.d.Policy(p.ARN)), p)
	f.equal("Policies", len(f.d.Policies(f.account, "")), 2)
	f.equal("Policies by path", f.d.Policies(f.account, "/team"), []*directory.ManagedPolicy{p})
	f.equal("Policies of nobody", len(f.d.Policies("999999999999", "")), 0)
	f.equal("document", found[string](f)(f.d.ManagedPolicyDocument(p.ARN)), allowRead)
	f.equal("compiled", found[*eval.Policy](f)(f.d.CompiledPolicy(p.ARN)).Name(), p.ARN)

	create := func(p directory.ManagedPolicy, document string) func() error {
		return func() error { _, err := f.d.CreatePolicy(f.ctx, p, document); return err }
	}
	mine := directory.ManagedPolicy{AccountID: f.account, Name: "p"}
	arn := "arn:aws:iam::111111111111:policy/p"
	f.fails("not JSON", create(mine, "{"), &directory.DocumentError{Name: arn})
	f.fails("Principal", create(mine, strings.Replace(allowAll, `"Action"`, `"Principal":"*","Action"`, 1)), &directory.DocumentError{Name: arn})
	f.fails("bad name", create(directory.ManagedPolicy{AccountID: f.account, Name: "a b"}, allowAll), &directory.InvalidError{Field: "policy name"})
	f.fails("no account", create(directory.ManagedPolicy{AccountID: "999999999999", Name: "p"}, allowAll), &directory.NotFoundError{Kind: "account", Name: "999999999999"})
	f.fails("in AWS's account", create(directory.ManagedPolicy{AccountID: directory.AWSAccountID, Name: "p"}, allowAll), &directory.NotFoundError{Kind: "account", Name: "aws"})
	f.fails("too large", create(mine, padded(allowAll, 6145)), &directory.LimitError{Quota: directory.QuotaPolicySize, Limit: 6144})
	f.ok(create(mine, padded(allowAll, 6144))())
	f.ok(f.d.DeletePolicy(f.ctx, arn))
	f.fails("deleting again", func() error { return f.d.DeletePolicy(f.ctx, arn) }, &directory.NotFoundError{Kind: "policy", Name: arn})
	for _, missing := range []bool{
		second(f.d.Policy(arn)), second(f.d.ManagedPolicyDocument(arn)), second(f.d.CompiledPolicy(arn)), second(f.d.PolicyVersion(arn, "v1")),
	} {
		if missing {
			f.Error("a policy that was deleted was found")
		}
	}
	f.equal("of no policy", len(f.d.PolicyVersions(arn))+len(f.d.EntitiesForPolicy(arn))+len(f.d.BoundaryEntities(arn)), 0)
	f.reopen()
}

func second[V any](_ V, ok bool) bool { return ok }

func testPolicyVersions(f *fixture) {
	p := f.policy("p")
	f.now = f.now.Add(time.Hour)
	v2 := must[*directory.PolicyVersion](f)(f.d.CreatePolicyVersion(f.ctx, p.ARN, allowAll, false))
	f.equal("v2", v2, &directory.PolicyVersion{VersionID: "v2", Document: allowAll, Created: f.now.Truncate(time.Second)})
	f.equal("the default", found[string](f)(f.d.ManagedPolicyDocument(p.ARN)), allowRead)
	f.equal("Updated", found[*directory.ManagedPolicy](f)(f.d.Policy(p.ARN)).Updated, f.now.Truncate(time.Second))
	v3 := must[*directory.PolicyVersion](f)(f.d.CreatePolicyVersion(f.ctx, p.ARN, allowAll, true))
	f.equal("v3", [2]any{v3.VersionID, v3.IsDefault}, [2]any{"v3", true})
	f.equal("the default", found[string](f)(f.d.ManagedPolicyDocument(p.ARN)), allowAll)
	f.reopen()
	remove := func(id string) func() error { return func() error { return f.d.DeletePolicyVersion(f.ctx, p.ARN, id) } }
	choose := func(id string) func() error {
		return func() error { return f.d.SetDefaultPolicyVersion(f.ctx, p.ARN, id) }
	}
	add := func(arn, document string) func() error {
		return func() error { _, err := f.d.CreatePolicyVersion(f.ctx, arn, document, false); return err }
	}
	f.fails("deleting the default", remove("v3"), &directory.InUseError{Kind: "policy version", Name: "v3", By: "default version"})
	f.fails("deleting the policy", func() error { return f.d.DeletePolicy(f.ctx, p.ARN) }, &directory.InUseError{Kind: "policy", Name: p.ARN, By: "versions"})
	f.ok(choose("v1")())
	f.equal("the default", found[*directory.PolicyVersion](f)(f.d.PolicyVersion(p.ARN, "v1")).IsDefault, true)
	f.ok(remove("v3")())
	f.equal("the next", must[*directory.PolicyVersion](f)(f.d.CreatePolicyVersion(f.ctx, p.ARN, allowAll, false)).VersionID, "v4")
	f.reopen()
	var ids []string
	for _, v := range f.d.PolicyVersions(p.ARN) {
		ids = append(ids, v.VersionID)
	}
	f.equal("versions, the latest first", ids, []string{"v4", "v2", "v1"})
	for _, id := range []string{"v3", "v9", "", "1", "v01", "v+1", "v"} {
		f.fails("version "+id, remove(id), &directory.NotFoundError{Kind: "policy version", Name: id})
		f.fails("version "+id, choose(id), &directory.NotFoundError{Kind: "policy version", Name: id})
	}
	f.fails("a document that does not compile", add(p.ARN, "{}"), &directory.DocumentError{Name: p.ARN})
	f.fails("no such policy", add("arn:x", allowAll), &directory.NotFoundError{Kind: "policy", Name: "arn:x"})
	f.ok(add(p.ARN, allowAll)())
	f.ok(add(p.ARN, allowAll)())
	f.fails("a sixth version", add(p.ARN, allowAll), &directory.LimitError{Quota: directory.QuotaVersionsPerPolicy, Limit: 5})
	for _, id := range []string{"v2", "v4", "v5", "v6"} {
		f.ok(remove(id)())
	}
	f.ok(f.d.DeletePolicy(f.ctx, p.ARN))
	f.reopen()
}

func testAWSPolicies(f *fixture) {
	var all []string
	for _, p := range f.d.Policies(directory.AWSAccountID, "") {
		all = append(all, p.Name)
		versions := f.d.PolicyVersions(p.ARN)
		if len(versions) != 1 || !versions[0].IsDefault || versions[0].VersionID != p.DefaultVersionID || p.Created.IsZero() || p.Updated.Before(p.Created) {
			f.Errorf("%+v has the versions %+v", p, versions)
		}
		if c := found[*eval.Policy](f)(f.d.CompiledPolicy(p.ARN)); string(c.Document().Bytes()) != versions[0].Document {
			f.Errorf("%s is compiled from another document", p.ARN)
		}
	}
	f.equal("policies", all, []string{
		"AdministratorAccess", "AmazonS3FullAccess", "AmazonS3ReadOnlyAccess", "IAMFullAccess", "IAMReadOnlyAccess", "IAMUserChangePassword", "PowerUserAccess",
	})
	for what, change := range map[string]func() error{
		"DeletePolicy": func() error { return f.d.DeletePolicy(f.ctx, administratorAccess) },
		"CreatePolicyVersion": func() error {
			_, err := f.d.CreatePolicyVersion(f.ctx, administratorAccess, allowAll, true)
			return err
		},
		"DeletePolicyVersion":     func() error { return f.d.DeletePolicyVersion(f.ctx, administratorAccess, "v1") },
		"SetDefaultPolicyVersion": func() error { return f.d.SetDefaultPolicyVersion(f.ctx, administratorAccess, "v1") },
		"TagPolicy":               func() error { return f.d.TagPolicy(f.ctx, administratorAccess, nil) },
		"UntagPolicy":             func() error { return f.d.UntagPolicy(f.ctx, administratorAccess, nil) },
	} {
		f.fails(what, change, directory.ErrReadOnly)
	}
}

func testAttachments(f *fixture) {
	p := f.policy("p")
	f.user("u")
	f.group("g")
	f.role("r")
	f.ok(f.createAccount(secondAccount))
	must[*directory.User](f)(f.d.CreateUser(f.ctx, directory.User{AccountID: secondAccount, Name: "other"}))
	other := directory.Entity{AccountID: secondAccount, Kind: directory.KindUser, Name: "other"}
	holders := []directory.Entity{f.entity(directory.KindGroup, "g"), f.entity(directory.KindRole, "r"), f.entity(directory.KindUser, "u")}
	for _, h := range holders {
		for range 2 { // being attached already is no error
			f.ok(f.d.AttachPolicy(f.ctx, h, p.ARN))
		}
		f.ok(f.d.AttachPolicy(f.ctx, h, administratorAccess))
	}
	f.ok(f.d.AttachPolicy(f.ctx, other, administratorAccess))
	f.reopen()
	f.equal("EntitiesForPolicy", f.d.EntitiesForPolicy(p.ARN), holders)
	f.equal("AttachmentCount", found[*directory.ManagedPolicy](f)(f.d.Policy(p.ARN)).AttachmentCount, 3)
	f.equal("AttachmentCount of AWS's", found[*directory.ManagedPolicy](f)(f.d.Policy(administratorAccess)).AttachmentCount, 4)
	for account, want := range map[string]int{f.account: 3, secondAccount: 1, "999999999999": 0} {
		attachments, boundaries := f.d.PolicyUsage(account, administratorAccess)
		f.equal("PolicyUsage", [2]int{attachments, boundaries}, [2]int{want, 0})
	}
	f.equal("AttachedPolicies", len(f.d.AttachedPolicies(holders[0])), 2)
	f.equal("AttachedPolicies of nobody", len(f.d.AttachedPolicies(f.entity(directory.KindUser, "x"))), 0)
	f.fails("deleting the policy", func() error { return f.d.DeletePolicy(f.ctx, p.ARN) }, &directory.InUseError{Kind: "policy", Name: p.ARN, By: "attachments"})
	f.fails("another account's", func() error { return f.d.AttachPolicy(f.ctx, other, p.ARN) }, &directory.NotFoundError{Kind: "policy", Name: p.ARN})
	f.fails("no such policy", func() error { return f.d.AttachPolicy(f.ctx, holders[0], "arn:x") }, &directory.NotFoundError{Kind: "policy", Name: "arn:x"})
	none := f.entity(directory.KindUser, "none")
	f.fails("nobody", func() error { return f.d.AttachPolicy(f.ctx, none, p.ARN) }, &directory.NotFoundError{Kind: "user", Name: "none"})
	f.fails("nobody", func() error { return f.d.DetachPolicy(f.ctx, none, p.ARN) }, &directory.NotFoundError{Kind: "user", Name: "none"})
	for _, h := range holders {
		f.ok(f.d.DetachPolicy(f.ctx, h, p.ARN))
		f.fails("detaching again", func() error { return f.d.DetachPolicy(f.ctx, h, p.ARN) }, &directory.NotFoundError{Kind: "attachment", Name: p.ARN})
	}
	f.ok(f.d.DeletePolicy(f.ctx, p.ARN))
	f.reopen()
}

func testInlinePolicies(f *fixture) {
	f.user("u")
	f.group("g")
	f.role("r")
	limits := map[directory.EntityKind]*directory.LimitError{
		directory.KindUser:  {Quota: directory.QuotaUserPolicySize, Limit: 2048},
		directory.KindGroup: {Quota: directory.QuotaGroupPolicySize, Limit: 5120},
		directory.KindRole:  {Quota: directory.QuotaRolePolicySize, Limit: 10240},
	}
	for i, kind := range []directory.EntityKind{directory.KindUser, directory.KindGroup, directory.KindRole} {
		e, limit := f.entity(kind, "ugr"[i:i+1]), limits[kind]
		put := func(name, document string) func() error {
			return func() error { return f.d.PutInlinePolicy(f.ctx, e, name, document) }
		}
		f.ok(put("b", allowAll)())
		f.ok(put("a", allowRead)())
		f.ok(put("B", allowAll)())
		f.equal("names", f.d.InlinePolicies(e), []string{"B", "a", "b"})
		f.equal("document", found[string](f)(f.d.InlinePolicy(e, "a")), allowRead)
		left := limit.Limit - 2*len(allowAll)
		f.ok(put("a", padded(allowAll, left))()) // in place of what it replaces
		f.reopen()
		f.fails("more than fits", put("a", padded(allowAll, left+1)), limit)
		f.fails("one more", put("c", allowAll), limit)
		f.ok(f.d.DeleteInlinePolicy(f.ctx, e, "B"))
		f.fails("deleting again", func() error { return f.d.DeleteInlinePolicy(f.ctx, e, "B") }, &directory.NotFoundError{Kind: "inline policy", Name: "B"})
		f.fails("not a policy", put("a", `{"Statement":{}}`), &directory.DocumentError{Name: "a"})
		f.fails("a bad name", put("a*", allowAll), &directory.InvalidError{Field: "policy name"})
		if _, ok := f.d.InlinePolicy(e, "B"); ok {
			f.Error("a policy that was deleted was found")
		}
	}
	none := f.entity(directory.KindUser, "none")
	f.fails("nobody", func() error { return f.d.PutInlinePolicy(f.ctx, none, "a", allowAll) }, &directory.NotFoundError{Kind: "user", Name: "none"})
	f.fails("nobody", func() error { return f.d.DeleteInlinePolicy(f.ctx, none, "a") }, &directory.NotFoundError{Kind: "user", Name: "none"})
	f.equal("of nobody", len(f.d.InlinePolicies(none)), 0)
}

func testBoundaries(f *fixture) {
	p := f.policy("p")
	u := must[*directory.User](f)(f.d.CreateUser(f.ctx, directory.User{AccountID: f.account, Name: "u", PermissionsBoundary: p.ARN}))
	r := f.role("r")
	user, role := f.entity(directory.KindUser, "U"), f.entity(directory.KindRole, "r")
	set := func(e directory.Entity, arn string) func() error {
		return func() error { return f.d.SetBoundary(f.ctx, e, arn) }
	}
	f.ok(set(role, p.ARN)())
	f.reopen()
	f.equal("BoundaryEntities", f.d.BoundaryEntities(p.ARN), []directory.Entity{f.entity(directory.KindRole, "r"), f.entity(directory.KindUser, "u")})
	attachments, boundaries := f.d.PolicyUsage(f.account, p.ARN)
	f.equal("PolicyUsage", [2]int{attachments, boundaries}, [2]int{0, 2})
	f.equal("BoundaryUsageCount", found[*directory.ManagedPolicy](f)(f.d.Policy(p.ARN)).BoundaryUsageCount, 2)
	for _, got := range []directory.Policies{
		found[directory.Policies](f)(f.d.PoliciesOfUser(u.ID)), found[directory.Policies](f)(f.d.PoliciesOfRole(r.ID)),
	} {
		if got.Boundary == nil || got.Boundary.Type() != eval.PermissionsBoundary || got.Boundary.Name() != p.ARN {
			f.Errorf("boundary %+v", got.Boundary)
		}
	}
	f.fails("deleting the policy", func() error { return f.d.DeletePolicy(f.ctx, p.ARN) }, &directory.InUseError{Kind: "policy", Name: p.ARN, By: "boundaries"})
	f.ok(set(user, administratorAccess)())
	f.ok(set(role, "")())
	f.equal("BoundaryUsageCount", found[*directory.ManagedPolicy](f)(f.d.Policy(p.ARN)).BoundaryUsageCount, 0)
	f.equal("the user's", found[*directory.User](f)(f.d.User(f.account, "u")).PermissionsBoundary, administratorAccess)
	if found[directory.Policies](f)(f.d.PoliciesOfRole(r.ID)).Boundary != nil {
		f.Error("a boundary that was removed")
	}
	f.reopen()
	f.fails("removing none", set(role, ""), &directory.NotFoundError{Kind: "boundary", Name: "r"})
	f.fails("no such policy", set(user, "arn:x"), &directory.NotFoundError{Kind: "policy", Name: "arn:x"})
	f.fails("nobody", set(f.entity(directory.KindUser, "none"), p.ARN), &directory.NotFoundError{Kind: "user", Name: "none"})
	f.group("g")
	f.fails("a group", set(f.entity(directory.KindGroup, "g"), p.ARN), &directory.InvalidError{Field: "permissions boundary"})
	f.fails("a new user", func() error {
		_, err := f.d.CreateUser(f.ctx, directory.User{AccountID: f.account, Name: "n", PermissionsBoundary: "arn:x"})
		return err
	}, &directory.NotFoundError{Kind: "policy", Name: "arn:x"})
	f.ok(f.d.DeleteUser(f.ctx, f.account, "u")) // a boundary does not keep it
	f.equal("BoundaryEntities", len(f.d.BoundaryEntities(administratorAccess)), 0)
}

// testPolicySets checks that whatever changes what a user or role may do is
// seen at once, although sets of policies are kept.
func testPolicySets(f *fixture) {
	u, r, p := f.user("u"), f.role("r"), f.policy("p")
	f.group("g")
	user, group, role := f.entity(directory.KindUser, "u"), f.entity(directory.KindGroup, "g"), f.entity(directory.KindRole, "r")
	check := func(what string, want ...string) {
		f.Helper()
		f.equal(what, policyNames(found[directory.Policies](f)(f.d.PoliciesOfUser(u.ID)).Identity), want)
	}
	check("at first")
	f.ok(f.d.AttachPolicy(f.ctx, group, administratorAccess))
	f.ok(f.d.PutInlinePolicy(f.ctx, group, "ours", allowAll))
	check("of a group without the user")
	f.ok(f.d.AttachPolicy(f.ctx, user, p.ARN))
	check("attached", p.ARN)
	f.ok(f.d.AddUserToGroup(f.ctx, f.account, "g", "u"))
	check("into a group", p.ARN, "ours", administratorAccess)
	f.ok(f.d.DeleteInlinePolicy(f.ctx, group, "ours"))
	check("inline of the group deleted", p.ARN, administratorAccess)
	f.ok(f.d.DetachPolicy(f.ctx, group, administratorAccess))
	check("detached from the group", p.ARN)
	f.ok(f.d.PutInlinePolicy(f.ctx, user, "inline", allowRead))
	check("inline", "inline", p.ARN)
	f.ok(f.d.RemoveUserFromGroup(f.ctx, f.account, "g", "u"))
	f.ok(f.d.AttachPolicy(f.ctx, group, administratorAccess))
	check("out of the group", "inline", p.ARN)

	must[*directory.PolicyVersion](f)(f.d.CreatePolicyVersion(f.ctx, p.ARN, allowAll, true))
	documents := func() (all []string) {
		for _, c := range found[directory.Policies](f)(f.d.PoliciesOfUser(u.ID)).Identity {
			all = append(all, string(c.Document().Bytes()))
		}
		return all
	}
	f.equal("after a new default version", documents(), []string{allowRead, allowAll})
	f.ok(f.d.SetDefaultPolicyVersion(f.ctx, p.ARN, "v1"))
	f.equal("after the old default version", documents(), []string{allowRead, allowRead})
	f.ok(f.d.PutInlinePolicy(f.ctx, user, "inline", allowAll))
	f.equal("after another inline policy", documents(), []string{allowAll, allowRead})

	f.ok(f.d.SetBoundary(f.ctx, user, p.ARN))
	f.equal("boundary", string(found[directory.Policies](f)(f.d.PoliciesOfUser(u.ID)).Boundary.Document().Bytes()), allowRead)
	f.ok(f.d.SetDefaultPolicyVersion(f.ctx, p.ARN, "v2"))
	f.equal("boundary, another version", string(found[directory.Policies](f)(f.d.PoliciesOfUser(u.ID)).Boundary.Document().Bytes()), allowAll)

	f.ok(f.d.AttachPolicy(f.ctx, role, p.ARN))
	f.equal("of the role", policyNames(found[directory.Policies](f)(f.d.PoliciesOfRole(r.ID)).Identity), []string{p.ARN})
	for what, ok := range map[string]bool{
		"a role as a user": second(f.d.PoliciesOfUser(r.ID)), "a user as a role": second(f.d.PoliciesOfRole(u.ID)), "nobody": second(f.d.PoliciesOfUser("")),
	} {
		if ok {
			f.Errorf("policies of %s", what)
		}
	}
}

// testDocuments checks that documents are given back byte for byte.
func testDocuments(f *fixture) {
	documents := []string{
		allowAll, allowRead, "\n\t" + allowAll + "\r\n ",
		strings.Replace(allowAll, `"Effect"`, `"Sid":"é\u00e9\"\\","Effect"`, 1),
		strings.Replace(allowAll, `"Resource":"*"`, `"Resource":["arn:aws:s3:::b/${aws:username}/*","arn:aws:s3:::<&>"]`, 1),
	}
	f.user("u")
	user := f.entity(directory.KindUser, "u")
	for i, document := range documents {
		name := "p" + string(rune('0'+i))
		p := must[*directory.ManagedPolicy](f)(f.d.CreatePolicy(f.ctx, directory.ManagedPolicy{AccountID: f.account, Name: name}, document))
		f.ok(f.d.PutInlinePolicy(f.ctx, user, name, document))
		trust := strings.Replace(document, `"Resource":"*"`, `"Principal":"*"`, 1)
		if i < 4 && i != 1 {
			must[*directory.Role](f)(f.d.CreateRole(f.ctx, directory.Role{AccountID: f.account, Name: name, TrustPolicy: trust}))
		}
		f.reopen()
		f.equal("managed", found[string](f)(f.d.ManagedPolicyDocument(p.ARN)), document)
		f.equal("inline", found[string](f)(f.d.InlinePolicy(user, name)), document)
		if r, ok := f.d.Role(f.account, name); ok {
			f.equal("trust", r.TrustPolicy, trust)
		}
	}
}
