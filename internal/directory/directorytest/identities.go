package directorytest

import (
	"regexp"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/directory"
)

func testAccounts(f *fixture) {
	a := must[*directory.Account](f)(f.d.CreateAccount(f.ctx, directory.Account{Name: "made up"}))
	if !regexp.MustCompile(`^[1-9][0-9]{11}$`).MatchString(a.ID) || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(a.CanonicalID) {
		f.Errorf("made up ids: %+v", a)
	}
	f.equal("Created", a.Created, f.now.Truncate(time.Second))
	long := must[*directory.Account](f)(f.d.CreateAccount(f.ctx, directory.Account{ID: "123456789012345678", Name: "long"}))
	f.equal("Account", found[*directory.Account](f)(f.d.Account(long.ID)), long)
	f.equal("AccountByCanonicalID", found[*directory.Account](f)(f.d.AccountByCanonicalID(a.CanonicalID)), a)
	f.equal("Accounts", len(f.d.Accounts()), 3)
	if _, ok := f.d.Account("999999999999"); ok {
		f.Error("an account that does not exist")
	}
	if _, ok := f.d.AccountByCanonicalID("x"); ok {
		f.Error("an account that does not exist")
	}
	for _, c := range []struct {
		account directory.Account
		want    error
	}{
		{directory.Account{ID: f.account}, &directory.ExistsError{Kind: "account", Name: f.account}},
		{directory.Account{ID: "333333333333", CanonicalID: a.CanonicalID}, &directory.ExistsError{Kind: "account", Name: a.CanonicalID}},
		{directory.Account{ID: "12345678901"}, &directory.InvalidError{Field: "account id"}},
		{directory.Account{CanonicalID: "ab"}, &directory.InvalidError{Field: "canonical user id"}},
		{directory.Account{Name: "\xff"}, &directory.InvalidError{Field: "account name"}},
	} {
		f.fails("CreateAccount", func() error { _, err := f.d.CreateAccount(f.ctx, c.account); return err }, c.want)
	}
	f.reopen()
	f.equal("after reopening", found[*directory.Account](f)(f.d.Account(long.ID)), long)
	f.ok(f.d.Ping(f.ctx))
}

func testUsers(f *fixture) {
	u := must[*directory.User](f)(f.d.CreateUser(f.ctx, directory.User{
		AccountID: f.account, Path: "/staff/", Name: "David", Tags: []directory.Tag{{Key: "b", Value: "2"}, {Key: "a", Value: "1"}},
	}))
	if !regexp.MustCompile(`^AIDA[A-Z2-7]{17}$`).MatchString(u.ID) {
		f.Errorf("unique id %s", u.ID)
	}
	f.equal("user", u, &directory.User{
		AccountID: f.account, Path: "/staff/", Name: "David", ID: u.ID, ARN: "arn:aws:iam::111111111111:user/staff/David",
		Created: f.now.Truncate(time.Second), Tags: []directory.Tag{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}},
	})
	f.user("adele")
	f.reopen()
	f.equal("User", found[*directory.User](f)(f.d.User(f.account, "dAVID")), u)
	f.equal("UserByID", found[*directory.User](f)(f.d.UserByID(u.ID)), u)
	f.equal("Users", names(f.d.Users(f.account, "")), []string{"David", "adele"})
	f.equal("Users by path", names(f.d.Users(f.account, "/sta")), []string{"David"})
	f.equal("Users of no account", len(f.d.Users("999999999999", "")), 0)

	key, _, err := f.d.CreateAccessKey(f.ctx, f.account, "david")
	f.ok(err)
	f.group("staff")
	f.ok(f.d.AddUserToGroup(f.ctx, f.account, "staff", "david"))
	renamed := must[*directory.User](f)(f.d.UpdateUser(f.ctx, f.account, "david", ptr("DAVE"), ptr("/")))
	f.equal("renamed", [3]string{renamed.ID, renamed.ARN, renamed.Name}, [3]string{u.ID, "arn:aws:iam::111111111111:user/DAVE", "DAVE"})
	f.equal("renamed, by id", found[*directory.User](f)(f.d.UserByID(u.ID)), renamed)
	f.equal("renamed, as a member", names(f.d.GroupMembers(f.account, "staff")), []string{"DAVE"})
	f.equal("renamed, with its key", found[directory.AccessKey](f)(f.d.AccessKey(key.ID)).UserName, "DAVE")
	if _, ok := f.d.User(f.account, "david"); ok {
		f.Error("the old name is still there")
	}
	must[*directory.User](f)(f.d.UpdateUser(f.ctx, f.account, "dave", ptr("Dave"), nil)) // the same name, written otherwise
	f.equal("the snapshot before", u.Name, "David")
	f.reopen()

	update := func(name string, newName, newPath *string) func() error {
		return func() error { _, err := f.d.UpdateUser(f.ctx, f.account, name, newName, newPath); return err }
	}
	f.fails("to a name that is taken", update("dave", ptr("ADELE"), nil), &directory.ExistsError{Kind: "user", Name: "ADELE"})
	f.fails("to a bad name", update("dave", ptr("a b"), nil), &directory.InvalidError{Field: "user name"})
	f.fails("to a bad path", update("dave", nil, ptr("staff")), &directory.InvalidError{Field: "path"})
	f.fails("a user that is not there", update("bob", nil, nil), &directory.NotFoundError{Kind: "user", Name: "bob"})
	f.fails("in an account that is not there", func() error {
		_, err := f.d.CreateUser(f.ctx, directory.User{AccountID: "999999999999", Name: "x"})
		return err
	}, &directory.NotFoundError{Kind: "account", Name: "999999999999"})
	if _, ok := f.d.UserByID(f.role("r").ID); ok {
		f.Error("a role is no user")
	}
}

func testGroups(f *fixture) {
	g := must[*directory.Group](f)(f.d.CreateGroup(f.ctx, directory.Group{AccountID: f.account, Path: "/p/", Name: "Staff"}))
	f.equal("group", g, &directory.Group{
		AccountID: f.account, Path: "/p/", Name: "Staff", ID: g.ID, ARN: "arn:aws:iam::111111111111:group/p/Staff", Created: f.now.Truncate(time.Second),
	})
	if !strings.HasPrefix(g.ID, "AGPA") {
		f.Errorf("unique id %s", g.ID)
	}
	f.group("admins")
	f.equal("Group", found[*directory.Group](f)(f.d.Group(f.account, "STAFF")), g)
	f.equal("Groups", names(f.d.Groups(f.account, "/")), []string{"Staff", "admins"})
	renamed := must[*directory.Group](f)(f.d.UpdateGroup(f.ctx, f.account, "staff", ptr("crew"), nil))
	f.equal("renamed", renamed.ARN, "arn:aws:iam::111111111111:group/p/crew")
	f.fails("UpdateGroup", func() error { _, err := f.d.UpdateGroup(f.ctx, f.account, "crew", ptr("Admins"), nil); return err },
		&directory.ExistsError{Kind: "group", Name: "Admins"})
	f.fails("CreateGroup", func() error {
		_, err := f.d.CreateGroup(f.ctx, directory.Group{AccountID: f.account, Name: "CREW"})
		return err
	}, &directory.ExistsError{Kind: "group", Name: "CREW"})
	if _, ok := f.d.Group(f.account, "staff"); ok {
		f.Error("the old name is still there")
	}
	f.reopen()
}

func testMemberships(f *fixture) {
	f.user("a")
	f.user("b")
	f.group("g")
	f.group("h")
	for range 2 { // being a member already is no error
		f.ok(f.d.AddUserToGroup(f.ctx, f.account, "G", "B"))
	}
	f.ok(f.d.AddUserToGroup(f.ctx, f.account, "g", "a"))
	f.ok(f.d.AddUserToGroup(f.ctx, f.account, "h", "a"))
	f.reopen()
	f.equal("members", names(f.d.GroupMembers(f.account, "g")), []string{"a", "b"})
	f.equal("groups", names(f.d.GroupsForUser(f.account, "a")), []string{"g", "h"})
	f.ok(f.d.RemoveUserFromGroup(f.ctx, f.account, "g", "a"))
	f.equal("members", names(f.d.GroupMembers(f.account, "g")), []string{"b"})
	f.equal("groups", names(f.d.GroupsForUser(f.account, "a")), []string{"h"})
	f.reopen()
	for _, c := range []struct {
		group, user string
		want        error
	}{
		{"none", "a", &directory.NotFoundError{Kind: "group", Name: "none"}},
		{"g", "none", &directory.NotFoundError{Kind: "user", Name: "none"}},
	} {
		f.fails("AddUserToGroup", func() error { return f.d.AddUserToGroup(f.ctx, f.account, c.group, c.user) }, c.want)
		f.fails("RemoveUserFromGroup", func() error { return f.d.RemoveUserFromGroup(f.ctx, f.account, c.group, c.user) }, c.want)
	}
	f.fails("RemoveUserFromGroup", func() error { return f.d.RemoveUserFromGroup(f.ctx, f.account, "g", "a") },
		&directory.NotFoundError{Kind: "membership", Name: "a"})
	f.equal("of nobody", [2]int{len(f.d.GroupsForUser(f.account, "x")), len(f.d.GroupMembers(f.account, "x"))}, [2]int{})
}

func testRoles(f *fixture) {
	r := must[*directory.Role](f)(f.d.CreateRole(f.ctx, directory.Role{
		AccountID: f.account, Name: "Reader", TrustPolicy: trustAll, Description: "reads",
		PermissionsBoundary: administratorAccess, Tags: []directory.Tag{{Key: "k", Value: "v"}},
	}))
	f.equal("role", r, &directory.Role{
		AccountID: f.account, Path: "/", Name: "Reader", ID: r.ID, ARN: "arn:aws:iam::111111111111:role/Reader",
		Created: f.now.Truncate(time.Second), Description: "reads", MaxSessionDuration: time.Hour, TrustPolicy: trustAll,
		PermissionsBoundary: administratorAccess, Tags: []directory.Tag{{Key: "k", Value: "v"}}, Trust: r.Trust,
	})
	if !strings.HasPrefix(r.ID, "AROA") || r.Trust == nil || r.Trust.Name() != r.ARN {
		f.Errorf("unique id %s, trust %v", r.ID, r.Trust)
	}
	f.reopen()
	f.equal("Role", found[*directory.Role](f)(f.d.Role(f.account, "reader")), r)
	f.equal("RoleByID", found[*directory.Role](f)(f.d.RoleByID(r.ID)), r)
	f.equal("Roles", len(f.d.Roles(f.account, "/")), 1)
	other := strings.ReplaceAll(trustAll, "sts:AssumeRole", "sts:*")
	updated := must[*directory.Role](f)(f.d.UpdateRole(f.ctx, f.account, "reader", directory.RoleUpdate{
		Description: ptr(""), MaxSessionDuration: ptr(2 * time.Hour), TrustPolicy: &other,
	}))
	f.equal("updated", [3]any{updated.Description, updated.MaxSessionDuration, updated.TrustPolicy}, [3]any{"", 2 * time.Hour, other})
	f.equal("updated trust", string(updated.Trust.Document().Bytes()), other)
	f.reopen()

	update := func(u directory.RoleUpdate) func() error {
		return func() error { _, err := f.d.UpdateRole(f.ctx, f.account, "reader", u); return err }
	}
	f.fails("too long a session", update(directory.RoleUpdate{MaxSessionDuration: ptr(13 * time.Hour)}), &directory.InvalidError{Field: "maximum session duration"})
	f.fails("too short a session", update(directory.RoleUpdate{MaxSessionDuration: ptr(time.Minute)}), &directory.InvalidError{Field: "maximum session duration"})
	f.fails("too long a description", update(directory.RoleUpdate{Description: ptr(strings.Repeat("x", 1001))}), &directory.InvalidError{Field: "description"})
	f.fails("a trust policy with Resource", update(directory.RoleUpdate{TrustPolicy: ptr(allowAll)}), &directory.DocumentError{Name: r.ARN})
	f.fails("too long a trust policy", update(directory.RoleUpdate{TrustPolicy: ptr(padded(trustAll, 2049))}), &directory.LimitError{Quota: directory.QuotaACLSizePerRole, Limit: 2048})
	f.ok(update(directory.RoleUpdate{TrustPolicy: ptr(padded(trustAll, 2048))})())
	f.fails("a role that is not there", func() error { _, err := f.d.UpdateRole(f.ctx, f.account, "none", directory.RoleUpdate{}); return err },
		&directory.NotFoundError{Kind: "role", Name: "none"})
	for _, id := range []string{"AROANONE", f.user("u").ID} {
		if _, ok := f.d.RoleByID(id); ok {
			f.Errorf("RoleByID(%s)", id)
		}
	}
}

// testTrustBinding checks that a trust policy names the user that was meant,
// and not a namesake made later.
func testTrustBinding(f *fixture) {
	u := f.user("david")
	trust := strings.Replace(trustAll, f.account, u.ARN, 1)
	r := must[*directory.Role](f)(f.d.CreateRole(f.ctx, directory.Role{AccountID: f.account, Name: "r", TrustPolicy: trust}))
	check := func(what, uniqueID string, want bool) {
		f.Helper()
		if got := trusts(f, "r", u.ARN, uniqueID); got != want {
			f.Errorf("%s: trusted %v, want %v", what, got, want)
		}
	}
	check("the user", u.ID, true)
	f.ok(f.d.DeleteUser(f.ctx, f.account, "david"))
	namesake := f.user("david")
	check("a namesake", namesake.ID, false)
	f.reopen()
	check("the user, after reopening", u.ID, true)
	check("a namesake, after reopening", namesake.ID, false)
	must[*directory.Role](f)(f.d.UpdateRole(f.ctx, f.account, "r", directory.RoleUpdate{TrustPolicy: &trust}))
	check("a namesake, when the policy was put again", namesake.ID, true)
	f.equal("the role's id", found[*directory.Role](f)(f.d.Role(f.account, "r")).ID, r.ID)
}

func testNames(f *fixture) {
	f.user("David")
	f.role("David") // users, groups and roles have names of their own
	f.group("David")
	f.policy("David")
	f.fails("CreateUser", func() error {
		_, err := f.d.CreateUser(f.ctx, directory.User{AccountID: f.account, Path: "/x/", Name: "DAVID"})
		return err
	},
		&directory.ExistsError{Kind: "user", Name: "DAVID"})
	f.fails("CreateRole", func() error {
		_, err := f.d.CreateRole(f.ctx, directory.Role{AccountID: f.account, Name: "DAVID", TrustPolicy: trustAll})
		return err
	}, &directory.ExistsError{Kind: "role", Name: "DAVID"})
	f.fails("CreatePolicy", func() error {
		_, err := f.d.CreatePolicy(f.ctx, directory.ManagedPolicy{AccountID: f.account, Path: "/x/", Name: "DAVID"}, allowAll)
		return err
	}, &directory.ExistsError{Kind: "policy", Name: "DAVID"})
	f.ok(f.createAccount(secondAccount))
	must[*directory.User](f)(f.d.CreateUser(f.ctx, directory.User{AccountID: secondAccount, Name: "DAVID"})) // another account's
	f.equal("as given", found[*directory.User](f)(f.d.User(f.account, "david")).Name, "David")

	user := func(u directory.User) func() error {
		u.AccountID = f.account
		return func() error { _, err := f.d.CreateUser(f.ctx, u); return err }
	}
	f.ok(user(directory.User{Name: strings.Repeat("n", 64)})())
	f.ok(user(directory.User{Name: "_+=,.@-", Path: "/!~/"})())
	for _, name := range []string{"", "a b", "a/b", "é", "a\n", strings.Repeat("n", 65), "${aws:username}", "*"} {
		f.fails("name "+name, user(directory.User{Name: name}), &directory.InvalidError{Field: "user name"})
	}
	for _, path := range []string{"x", "/x", "x/", "/ /", "/é/", "/" + strings.Repeat("p", 511) + "/"} {
		f.fails("path "+path, user(directory.User{Name: "n", Path: path}), &directory.InvalidError{Field: "path"})
	}
	f.fails("a policy's path", func() error {
		_, err := f.d.CreatePolicy(f.ctx, directory.ManagedPolicy{AccountID: f.account, Path: "/!/", Name: "p"}, allowAll)
		return err
	}, &directory.InvalidError{Field: "path"})
}

func testTags(f *fixture) {
	f.user("u")
	f.role("r")
	p := f.policy("p")
	tag := func(kv ...string) (tags []directory.Tag) {
		for i := 0; i < len(kv); i += 2 {
			tags = append(tags, directory.Tag{Key: kv[i], Value: kv[i+1]})
		}
		return tags
	}
	user, role := f.entity(directory.KindUser, "u"), f.entity(directory.KindRole, "r")
	for _, tags := range [][]directory.Tag{tag("b", "1", "a", "2"), tag("B", "3", "c", "")} {
		f.ok(f.d.TagEntity(f.ctx, user, tags))
		f.ok(f.d.TagEntity(f.ctx, role, tags))
		f.ok(f.d.TagPolicy(f.ctx, p.ARN, tags))
	}
	want := tag("B", "3", "a", "2", "c", "")
	f.equal("user", found[*directory.User](f)(f.d.User(f.account, "u")).Tags, want)
	f.equal("role", found[*directory.Role](f)(f.d.Role(f.account, "r")).Tags, want)
	f.equal("policy", found[*directory.ManagedPolicy](f)(f.d.Policy(p.ARN)).Tags, want)
	f.reopen()
	f.ok(f.d.UntagEntity(f.ctx, user, []string{"A", "none"}))
	f.ok(f.d.UntagPolicy(f.ctx, p.ARN, []string{"b", "a", "c"}))
	f.equal("user", found[*directory.User](f)(f.d.User(f.account, "u")).Tags, tag("B", "3", "c", ""))
	f.equal("policy", len(found[*directory.ManagedPolicy](f)(f.d.Policy(p.ARN)).Tags), 0)
	f.reopen()

	for what, tags := range map[string][]directory.Tag{
		"twice": tag("x", "1", "X", "2"), "empty": tag("", "1"), "long": tag(strings.Repeat("k", 129), "1"), "not UTF-8": tag("\xff", "1"),
	} {
		f.fails("key "+what, func() error { return f.d.TagEntity(f.ctx, user, tags) }, &directory.InvalidError{Field: "tag key"})
	}
	f.fails("long value", func() error { return f.d.TagEntity(f.ctx, user, tag("k", strings.Repeat("v", 257))) }, &directory.InvalidError{Field: "tag value"})
	f.group("g")
	f.fails("a group", func() error { return f.d.TagEntity(f.ctx, f.entity(directory.KindGroup, "g"), tag("k", "v")) }, &directory.InvalidError{Field: "tag"})
	none := f.entity(directory.KindUser, "none")
	f.fails("nobody", func() error { return f.d.TagEntity(f.ctx, none, nil) }, &directory.NotFoundError{Kind: "user", Name: "none"})
	f.fails("nobody", func() error { return f.d.UntagEntity(f.ctx, none, nil) }, &directory.NotFoundError{Kind: "user", Name: "none"})
	f.fails("no policy", func() error { return f.d.TagPolicy(f.ctx, "arn:x", nil) }, &directory.NotFoundError{Kind: "policy", Name: "arn:x"})
}

func testDeletion(f *fixture) {
	f.user("u")
	f.group("g")
	f.role("r")
	key, _, err := f.d.CreateAccessKey(f.ctx, f.account, "u")
	f.ok(err)
	f.ok(f.d.AddUserToGroup(f.ctx, f.account, "g", "u"))
	deletes := map[directory.EntityKind]func() error{
		directory.KindUser:  func() error { return f.d.DeleteUser(f.ctx, f.account, "U") },
		directory.KindGroup: func() error { return f.d.DeleteGroup(f.ctx, f.account, "G") },
		directory.KindRole:  func() error { return f.d.DeleteRole(f.ctx, f.account, "R") },
	}
	letters := map[directory.EntityKind]string{directory.KindUser: "u", directory.KindGroup: "g", directory.KindRole: "r"}
	blocked := func(kind directory.EntityKind, by string) {
		f.Helper()
		f.fails("deleting", deletes[kind], &directory.InUseError{Kind: string(kind), Name: letters[kind], By: by})
	}
	for kind, name := range letters {
		f.ok(f.d.AttachPolicy(f.ctx, f.entity(kind, name), administratorAccess))
		f.ok(f.d.PutInlinePolicy(f.ctx, f.entity(kind, name), "inline", allowAll))
	}
	blocked(directory.KindUser, "groups")
	blocked(directory.KindGroup, "members")
	f.ok(f.d.RemoveUserFromGroup(f.ctx, f.account, "g", "u"))
	blocked(directory.KindUser, "access keys")
	f.ok(f.d.DeleteAccessKey(f.ctx, f.account, "u", key.ID))
	for kind, name := range letters {
		blocked(kind, "inline policies")
		f.ok(f.d.DeleteInlinePolicy(f.ctx, f.entity(kind, name), "inline"))
		blocked(kind, "policies")
		f.ok(f.d.DetachPolicy(f.ctx, f.entity(kind, name), administratorAccess))
		f.ok(deletes[kind]())
		f.fails("deleting again", deletes[kind], &directory.NotFoundError{Kind: string(kind), Name: strings.ToUpper(name)})
	}
	f.reopen()
	old := f.user("u")
	f.ok(f.d.DeleteUser(f.ctx, f.account, "u"))
	if f.user("u").ID == old.ID {
		f.Error("a unique id was used twice")
	}
	if _, ok := f.d.PoliciesOfUser(old.ID); ok {
		f.Error("a user that was deleted has policies")
	}
}

// padded returns a document with so many characters that are not white space.
func padded(document string, size int) string {
	head, tail, _ := strings.Cut(document, `"Effect"`)
	size -= len(head) + len(tail) + len(`"Effect"`) + len(`"Sid":"",`)
	return head + " \t\n\r" + `"Sid":"` + strings.Repeat("x", size) + `","Effect"` + tail
}

func ptr[V any](v V) *V { return &v }

// names returns the names of users, groups or roles.
func names[E *directory.User | *directory.Group](list []E) (all []string) {
	for _, e := range list {
		switch e := any(e).(type) {
		case *directory.User:
			all = append(all, e.Name)
		case *directory.Group:
			all = append(all, e.Name)
		}
	}
	return all
}
