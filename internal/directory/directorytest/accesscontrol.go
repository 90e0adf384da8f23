package directorytest

import (
	"errors"
	"strings"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/policy/acl"
)

func testAccessControl(f *fixture) {
	f.ok(f.createAccount(secondAccount))
	owner := found[*directory.Account](f)(f.d.Account(f.account)).CanonicalID
	b := f.bucket("b")
	get := func() *directory.Bucket { return found[*directory.Bucket](f)(f.d.Bucket("b")) }
	set := func(id string, grants ...acl.Grant) func() error {
		return func() error { return f.d.SetBucketACL(f.ctx, id, get().ACL, &acl.List{Owner: owner, Grants: grants}) }
	}
	ownership := func(v string) func() error { return func() error { return f.d.SetBucketOwnership(f.ctx, b.ID, v) } }
	full, everyone := acl.Grant{Grantee: owner, Permission: acl.FullControl}, acl.Grant{Grantee: acl.AllUsers, Permission: acl.Read}
	other := acl.Grant{Grantee: acl.EC2ID, Permission: acl.Read}

	f.ok(set(b.ID, full)())
	f.fails("disabled", set(b.ID, full, other), &directory.ACLError{Bucket: "b"})
	f.fails("disabled", set(b.ID), &directory.ACLError{Bucket: "b"})
	f.fails("public", set(b.ID, full, everyone), &directory.ACLError{Bucket: "b", Public: true})
	f.fails("no bucket", set("none", full), &directory.NotFoundError{Kind: "bucket", Name: "none"})
	f.fails("no such setting", ownership("Nobody"), &directory.InvalidError{Field: "object ownership"})
	f.fails("another owner", func() error { return f.d.SetBucketACL(f.ctx, b.ID, get().ACL, acl.Private("x")) }, &directory.InvalidError{Field: "owner"})
	if err := f.d.SetBucketACL(f.ctx, b.ID, acl.Private("x"), get().ACL); !errors.Is(err, directory.ErrACLChanged) {
		f.Errorf("in place of another: %v", err)
	}
	for _, v := range []string{directory.BucketOwnerPreferred, directory.ObjectWriter, ""} {
		f.ok(ownership(v)())
		f.reopen()
		f.equal("ownership", [2]any{get().Ownership, get().ACLsDisabled()}, [2]any{v, false})
	}
	grants := []acl.Grant{other, full}
	f.ok(set(b.ID, grants...)())
	grants[0] = full // the caller's own
	for range 2 {
		f.equal("ACL", get().ACL, &acl.List{Owner: owner, Grants: []acl.Grant{other, full}})
		f.fails("grants others", ownership(directory.BucketOwnerEnforced), &directory.ACLError{Bucket: "b"})
		f.reopen()
	}
	f.fails("public", set(b.ID, full, everyone), &directory.ACLError{Bucket: "b", Public: true})
	f.ok(set(b.ID)())
	f.reopen()
	f.equal("no grants", get().ACL, &acl.List{Owner: owner, Grants: []acl.Grant{}})
	f.fails("not the owner's", ownership(directory.BucketOwnerEnforced), &directory.ACLError{Bucket: "b"})
	f.ok(set(b.ID, full)())
	f.ok(ownership(directory.BucketOwnerEnforced)())
	f.equal("the snapshot before", b.ACL, acl.Private(owner))

	create := func(account string, of directory.Bucket) func() error {
		return func() error {
			of.AccountID = account
			_, err := f.d.CreateBucket(f.ctx, of)
			return err
		}
	}
	shared := &acl.List{Owner: owner, Grants: []acl.Grant{full, other}}
	open := &acl.List{Owner: owner, Grants: []acl.Grant{full, everyone}}
	f.fails("made shared", create(f.account, directory.Bucket{Name: "c", ACL: shared}), &directory.ACLError{Bucket: "c"})
	f.fails("made public", create(f.account, directory.Bucket{Name: "c", ACL: open, Ownership: directory.ObjectWriter}), &directory.ACLError{Bucket: "c", Public: true})
	f.fails("made of no setting", create(f.account, directory.Bucket{Name: "c", Ownership: "x"}), &directory.InvalidError{Field: "object ownership"})
	f.ok(create(f.account, directory.Bucket{Name: "c", ACL: shared, Ownership: directory.ObjectWriter})())
	f.ok(create(f.account, directory.Bucket{Name: "d", ACL: open, Ownership: directory.ObjectWriter, PublicAccessBlock: &directory.PublicAccessBlock{}})())
	testAccountBlock(f)
}

// testAccountBlock sets Block Public Access of the account whose bucket "d" has a
// public ACL.
func testAccountBlock(f *fixture) {
	d := func() *directory.Bucket { return found[*directory.Bucket](f)(f.d.Bucket("d")) }
	if block, ok := f.d.AccountPublicAccessBlock(f.account); ok {
		f.Errorf("a new account has %+v", block)
	}
	set := func(account string, block *directory.PublicAccessBlock) func() error {
		return func() error { return f.d.SetAccountPublicAccessBlock(f.ctx, account, block) }
	}
	f.ok(f.d.SetPublicAccessBlock(f.ctx, d().ID, &directory.PublicAccessBlock{RestrictPublicBuckets: true}))
	f.ok(set(f.account, &directory.PublicAccessBlock{BlockPublicAcls: true, BlockPublicPolicy: true})())
	f.ok(f.d.SetAccountAlias(f.ctx, f.account, "alias"))
	f.reopen()
	for range 2 {
		f.equal("of the account", found[directory.PublicAccessBlock](f)(f.d.AccountPublicAccessBlock(f.account)), directory.PublicAccessBlock{BlockPublicAcls: true, BlockPublicPolicy: true})
		f.equal("together", f.d.PublicAccess(d()), directory.PublicAccessBlock{BlockPublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true})
		f.equal("what is public stays so", d().ACL.IsPublic(), true)
		f.fails("public again", func() error { return f.d.SetBucketACL(f.ctx, d().ID, d().ACL, d().ACL) }, &directory.ACLError{Bucket: "d", Public: true})
		public := strings.NewReplacer(`{"AWS":"PRINCIPAL"}`, `"*"`, "s3:::b/", "s3:::d/").Replace(bucketPolicy)
		f.fails("a public policy", func() error { return f.d.SetBucketPolicy(f.ctx, d().ID, []byte(public), nil) }, &directory.PublicPolicyError{Bucket: "d"})
		f.reopen()
	}
	_, ok := f.d.AccountPublicAccessBlock(secondAccount)
	f.equal("of another account", ok, false)
	f.fails("no account", set("333333333333", nil), &directory.NotFoundError{Kind: "account", Name: "333333333333"})
	f.ok(set(f.account, nil)())
	f.ok(f.d.SetBucketACL(f.ctx, d().ID, d().ACL, d().ACL))
	f.reopen()
	_, ok = f.d.AccountPublicAccessBlock(f.account)
	f.equal("removed", ok, false)
	f.equal("alias", found[string](f)(f.d.AccountAlias(f.account)), "alias")
}

func testLegacyBuckets(f *fixture) {
	current := f.bucket("current")
	f.options.LegacyBuckets = true
	f.reopen()
	b := f.bucket("b")
	f.equal("legacy", [3]any{b.Ownership, b.PublicAccessBlock == nil, b.ACLsDisabled()}, [3]any{"", true, false})
	given := must[*directory.Bucket](f)(f.d.CreateBucket(f.ctx, directory.Bucket{
		AccountID: f.account, Name: "given", Ownership: directory.BucketOwnerEnforced, PublicAccessBlock: &directory.PublicAccessBlock{BlockPublicAcls: true},
	}))
	f.equal("given", [2]any{given.Ownership, given.PublicAccessBlock.BlockPublicAcls}, [2]any{directory.BucketOwnerEnforced, true})
	f.equal("of before", found[*directory.Bucket](f)(f.d.Bucket("current")), current)
	f.options.LegacyBuckets = false
	f.reopen()
	f.equal("after", found[*directory.Bucket](f)(f.d.Bucket("b")), b)
}
