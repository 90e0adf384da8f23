package directorytest

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"

	"github.com/google/go-cmp/cmp"

	"github.com/keywright/keywright/internal/directory"
)

// testQuotas checks the quotas that a few calls use up. Those of versions,
// sizes and access keys are checked where these are.
func testQuotas(f *fixture) {
	f.user("u")
	f.group("g")
	f.role("r")
	for i := range 11 {
		f.policy("p" + strconv.Itoa(i))
		f.group("g" + strconv.Itoa(i))
	}
	arn := func(i int) string { return "arn:aws:iam::111111111111:policy/p" + strconv.Itoa(i) }
	for quota, e := range map[string]directory.Entity{
		directory.QuotaPoliciesPerUser: f.entity(directory.KindUser, "u"), directory.QuotaPoliciesPerGroup: f.entity(directory.KindGroup, "g"),
		directory.QuotaPoliciesPerRole: f.entity(directory.KindRole, "r"),
	} {
		for i := range 10 {
			f.ok(f.d.AttachPolicy(f.ctx, e, arn(i)))
		}
		f.ok(f.d.AttachPolicy(f.ctx, e, arn(9)))
		f.fails("an eleventh policy", func() error { return f.d.AttachPolicy(f.ctx, e, arn(10)) }, &directory.LimitError{Quota: quota, Limit: 10})
		f.ok(f.d.DetachPolicy(f.ctx, e, arn(0)))
		f.ok(f.d.AttachPolicy(f.ctx, e, arn(10)))
	}
	join := func(i int) error { return f.d.AddUserToGroup(f.ctx, f.account, "g"+strconv.Itoa(i), "u") }
	for i := range 10 {
		f.ok(join(i))
	}
	f.fails("an eleventh group", func() error { return join(10) }, &directory.LimitError{Quota: directory.QuotaGroupsPerUser, Limit: 10})

	var tags []directory.Tag
	for i := range 51 {
		tags = append(tags, directory.Tag{Key: strconv.Itoa(i)})
	}
	for quota, tag := range map[string]func([]directory.Tag) error{
		directory.QuotaTagsPerUser:   func(t []directory.Tag) error { return f.d.TagEntity(f.ctx, f.entity(directory.KindUser, "u"), t) },
		directory.QuotaTagsPerRole:   func(t []directory.Tag) error { return f.d.TagEntity(f.ctx, f.entity(directory.KindRole, "r"), t) },
		directory.QuotaTagsPerPolicy: func(t []directory.Tag) error { return f.d.TagPolicy(f.ctx, arn(0), t) },
	} {
		limit := &directory.LimitError{Quota: quota, Limit: 50}
		f.fails("51 tags", func() error { return tag(tags) }, limit)
		f.ok(tag(tags[:50]))
		f.ok(tag(tags[10:20]))
		f.fails("another tag", func() error { return tag(tags[50:]) }, limit)
	}
	f.fails("51 tags of a new user", func() error {
		_, err := f.d.CreateUser(f.ctx, directory.User{AccountID: f.account, Name: "n", Tags: tags})
		return err
	}, &directory.LimitError{Quota: directory.QuotaTagsPerUser, Limit: 50})
	f.equal("a quota that is none", directory.Quota("x"), 0)
}

// testSnapshots checks that what was read stays as it was read, and that what
// callers do to what they passed in changes nothing.
func testSnapshots(f *fixture) {
	tags := []directory.Tag{{Key: "k", Value: "before"}}
	must[*directory.User](f)(f.d.CreateUser(f.ctx, directory.User{AccountID: f.account, Name: "u", Tags: tags}))
	tags[0].Value = "the caller's own"
	p := f.policy("p")
	f.role("r")
	f.group("g")
	b := f.bucket("b")
	user := f.entity(directory.KindUser, "u")
	read := func() []any {
		u := found[*directory.User](f)(f.d.User(f.account, "u"))
		return []any{
			u, found[*directory.Role](f)(f.d.Role(f.account, "r")), found[*directory.Group](f)(f.d.Group(f.account, "g")),
			found[*directory.ManagedPolicy](f)(f.d.Policy(p.ARN)), found[*directory.Bucket](f)(f.d.Bucket("b")),
			found[directory.Policies](f)(f.d.PoliciesOfUser(u.ID)), found[*directory.PolicyVersion](f)(f.d.PolicyVersion(p.ARN, "v1")),
			f.d.Users(f.account, ""), f.d.AttachedPolicies(user), f.d.GroupsForUser(f.account, "u"), f.d.EntitiesForPolicy(p.ARN), f.d.Buckets(f.account),
		}
	}
	before := read()
	if before[0].(*directory.User).Tags[0].Value != "before" {
		f.Error("the caller's slice was kept")
	}
	printed := fmt.Sprintf("%+v", flat(before))
	f.ok(f.d.TagEntity(f.ctx, user, []directory.Tag{{Key: "K", Value: "after"}, {Key: "a"}}))
	f.ok(f.d.TagPolicy(f.ctx, p.ARN, tags))
	f.ok(f.d.AddUserToGroup(f.ctx, f.account, "g", "u"))
	f.ok(f.d.AttachPolicy(f.ctx, user, p.ARN))
	f.ok(f.d.SetBoundary(f.ctx, f.entity(directory.KindRole, "r"), p.ARN))
	must[*directory.PolicyVersion](f)(f.d.CreatePolicyVersion(f.ctx, p.ARN, allowAll, true))
	must[*directory.User](f)(f.d.UpdateUser(f.ctx, f.account, "u", ptr("v"), ptr("/x/")))
	must[*directory.Group](f)(f.d.UpdateGroup(f.ctx, f.account, "g", ptr("h"), nil))
	must[*directory.Role](f)(f.d.UpdateRole(f.ctx, f.account, "r", directory.RoleUpdate{Description: ptr("after")}))
	f.ok(f.d.SetPublicAccessBlock(f.ctx, b.ID, nil))
	f.d.RecordRoleUse(before[1].(*directory.Role).ID, directory.LastUsed{Time: f.now, Service: "s3"})
	if after := fmt.Sprintf("%+v", flat(before)); after != printed {
		f.Errorf("a snapshot changed:\n%s", cmp.Diff(printed, after))
	}
}

// flat follows pointers, so that what they point to is printed.
func flat(list []any) (all []any) {
	for _, v := range list {
		switch v := v.(type) {
		case *directory.User:
			all = append(all, *v)
		case *directory.Role:
			all = append(all, *v)
		case *directory.Group:
			all = append(all, *v)
		case *directory.ManagedPolicy:
			all = append(all, *v)
		case *directory.PolicyVersion:
			all = append(all, *v)
		case *directory.Bucket:
			all = append(all, *v, *v.PublicAccessBlock)
		case []*directory.User:
			all = append(all, *v[0])
		case []*directory.Bucket:
			all = append(all, *v[0], *v[0].PublicAccessBlock)
		default:
			all = append(all, v)
		}
	}
	return all
}

func testClosed(f *fixture) {
	u := f.user("u")
	ended, cancel := context.WithCancel(f.ctx)
	cancel()
	f.fails("a context that has ended", func() error {
		_, err := f.d.CreateUser(ended, directory.User{AccountID: f.account, Name: "v"})
		return err
	}, context.Canceled)
	f.ok(f.d.Close())
	f.ok(f.d.Close())
	f.equal("a read", found[*directory.User](f)(f.d.User(f.account, "u")), u)
	f.fails("a change", func() error {
		_, err := f.d.CreateUser(f.ctx, directory.User{AccountID: f.account, Name: "v"})
		return err
	}, directory.ErrClosed)
	if f.d.Ping(f.ctx) == nil {
		f.Error("Ping of a closed directory")
	}
	f.open()
}

func testWrongKeyring(f *fixture) {
	_, _, err := f.d.CreateAccessKey(f.ctx, f.account, "")
	f.ok(err)
	before := dump(f.d)
	f.ok(f.d.Close())
	wrong := f.options
	wrong.Keyring = newKeyring(f)
	if _, err := f.store.Open(f.ctx, wrong); !sameError(err, directory.ErrWrongKeyring) {
		f.Errorf("opened with another keyring: %v", err)
	}
	f.open()
	f.equal("with its own keyring again", dump(f.d), before)
}

// rounds is how often a user is made and deleted.
const rounds = 3

// testConcurrency changes and reads from many goroutines. What one has changed
// it sees at once, whatever the others do.
func testConcurrency(f *fixture) {
	p := f.policy("p")
	f.group("g")
	var changes, reads sync.WaitGroup
	done := make(chan struct{})
	for i := range 8 {
		changes.Go(func() {
			for round := range rounds {
				if err := lifecycle(f, p.ARN, fmt.Sprintf("u%d", i), round); err != nil {
					f.Error(err)
					return
				}
			}
		})
	}
	for range 2 {
		reads.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					readAll(f, p.ARN)
					runtime.Gosched()
				}
			}
		})
	}
	changes.Wait()
	close(done)
	reads.Wait()
	if left := len(f.d.Users(f.account, "")); left != 4 {
		f.Errorf("%d users are left, want 4", left)
	}
	f.reopen()
}

// lifecycle makes a user, uses it, and deletes it, unless it is the last round
// of an even one.
func lifecycle(f *fixture, policyARN, name string, round int) error {
	d, user := f.d, f.entity(directory.KindUser, name)
	u, err := d.CreateUser(f.ctx, directory.User{AccountID: f.account, Name: name})
	if err != nil {
		return err
	}
	key, secret, err := d.CreateAccessKey(f.ctx, f.account, name)
	if err != nil {
		return err
	}
	if c, ok := d.Credential(key.ID); !ok || c.Secret != secret || c.UserID != u.ID {
		return fmt.Errorf("%s: the key that was made is not there", name)
	}
	if err := d.AttachPolicy(f.ctx, user, policyARN); err != nil {
		return err
	}
	if err := d.PutInlinePolicy(f.ctx, user, "i", allowAll); err != nil {
		return err
	}
	if err := d.AddUserToGroup(f.ctx, f.account, "g", name); err != nil {
		return err
	}
	if got, ok := d.PoliciesOfUser(u.ID); !ok || len(got.Identity) != 2 {
		return fmt.Errorf("%s has %d policies, want 2", name, len(got.Identity))
	}
	d.RecordKeyUse(key.ID, directory.LastUsed{Time: f.now, Service: "s3"})
	if round == rounds-1 && name[1]%2 == 0 {
		return nil
	}
	for _, undo := range []func() error{
		func() error { return d.RemoveUserFromGroup(f.ctx, f.account, "g", name) },
		func() error { return d.DeleteAccessKey(f.ctx, f.account, name, key.ID) },
		func() error { return d.DeleteInlinePolicy(f.ctx, user, "i") },
		func() error { return d.DetachPolicy(f.ctx, user, policyARN) },
		func() error { return d.DeleteUser(f.ctx, f.account, name) },
	} {
		if err := undo(); err != nil {
			return err
		}
	}
	if _, ok := d.PoliciesOfUser(u.ID); ok {
		return fmt.Errorf("%s was deleted and has policies", name)
	}
	return nil
}

func readAll(f *fixture, policyARN string) {
	for _, u := range f.d.Users(f.account, "") {
		if p, ok := f.d.PoliciesOfUser(u.ID); ok && len(p.Identity) > 2 {
			f.Errorf("%s has %d policies", u.Name, len(p.Identity))
		}
		for _, k := range f.d.AccessKeys(f.account, u.Name) {
			f.d.Credential(k.ID)
		}
	}
	for _, e := range f.d.EntitiesForPolicy(policyARN) {
		f.d.AttachedPolicies(e)
		f.d.InlinePolicy(e, "i")
	}
	f.d.GroupMembers(f.account, "g")
	f.d.Policy(policyARN)
}
