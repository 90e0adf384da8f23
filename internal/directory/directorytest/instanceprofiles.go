package directorytest

import (
	"strconv"

	"github.com/keywright/keywright/internal/directory"
)

func testInstanceProfiles(f *fixture) {
	role := f.role("r")
	f.role("other")
	create := func(p directory.InstanceProfile) func() error {
		p.AccountID = f.account
		return func() error { _, err := f.d.CreateInstanceProfile(f.ctx, p); return err }
	}
	made := must[*directory.InstanceProfile](f)(f.d.CreateInstanceProfile(f.ctx, directory.InstanceProfile{
		AccountID: f.account, Path: "/x/", Name: "Web", Tags: []directory.Tag{{Key: "k", Value: "v"}},
	}))
	f.equal("made", *made, directory.InstanceProfile{
		AccountID: f.account, Path: "/x/", Name: "Web", ID: made.ID, ARN: "arn:aws:iam::111111111111:instance-profile/x/Web",
		Created: f.now.Truncate(1e9), Tags: []directory.Tag{{Key: "k", Value: "v"}},
	})
	f.equal("found", found[*directory.InstanceProfile](f)(f.d.InstanceProfile(f.account, "WEB")), made)
	f.fails("a namesake", create(directory.InstanceProfile{Name: "web"}), &directory.ExistsError{Kind: "instance profile", Name: "web"})
	f.fails("a bad name", create(directory.InstanceProfile{Name: "a b"}), &directory.InvalidError{Field: "instance profile name"})
	f.fails("a bad path", create(directory.InstanceProfile{Name: "a", Path: "x"}), &directory.InvalidError{Field: "path"})
	f.fails("no account", func() error {
		_, err := f.d.CreateInstanceProfile(f.ctx, directory.InstanceProfile{AccountID: secondAccount, Name: "a"})
		return err
	}, &directory.NotFoundError{Kind: "account", Name: secondAccount})

	add := func(profile, role string) func() error {
		return func() error { return f.d.AddRoleToInstanceProfile(f.ctx, f.account, profile, role) }
	}
	remove := func(profile, role string) func() error {
		return func() error { return f.d.RemoveRoleFromInstanceProfile(f.ctx, f.account, profile, role) }
	}
	f.fails("no profile", add("none", "r"), &directory.NotFoundError{Kind: "instance profile", Name: "none"})
	f.fails("no role", add("web", "none"), &directory.NotFoundError{Kind: "role", Name: "none"})
	f.ok(add("web", "R")())
	f.fails("a second role", add("web", "other"), &directory.LimitError{Quota: directory.QuotaRolesPerInstanceProfile, Limit: 1})
	f.ok(create(directory.InstanceProfile{Name: "another"})())
	f.ok(add("another", "r")())
	f.equal("the role's", len(f.d.InstanceProfilesForRole(f.account, "r")), 2)
	f.equal("below a path", f.d.InstanceProfiles(f.account, "/x/")[0].RoleID, role.ID)
	f.reopen()
	f.fails("a role in use", func() error { return f.d.DeleteRole(f.ctx, f.account, "r") }, &directory.InUseError{Kind: "role", Name: "r", By: "instance profiles"})
	f.fails("a profile in use", func() error { return f.d.DeleteInstanceProfile(f.ctx, f.account, "web") }, &directory.InUseError{Kind: "instance profile", Name: "Web", By: "a role"})
	f.fails("another's role", remove("web", "other"), &directory.NotFoundError{Kind: "role", Name: "other"})
	f.ok(remove("web", "r")())
	f.ok(remove("another", "r")())
	f.ok(f.d.DeleteRole(f.ctx, f.account, "r"))
	f.ok(f.d.DeleteInstanceProfile(f.ctx, f.account, "another"))

	var tags []directory.Tag
	for i := range 51 {
		tags = append(tags, directory.Tag{Key: strconv.Itoa(i)})
	}
	tag := func() error { return f.d.TagInstanceProfile(f.ctx, f.account, "web", tags[:50]) }
	f.fails("51 tags", tag, &directory.LimitError{Quota: directory.QuotaTagsPerInstanceProfile, Limit: 50}) // it has one
	f.ok(f.d.UntagInstanceProfile(f.ctx, f.account, "web", []string{"K"}))
	f.ok(tag())
	f.reopen()
}
