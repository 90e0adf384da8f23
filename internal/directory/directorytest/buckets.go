package directorytest

import (
	"strings"
	"time"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/policy/acl"
	"github.com/keywright/keywright/policy/eval"
)

const bucketPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"PRINCIPAL"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}`

func testBuckets(f *fixture) {
	b := f.bucket("my-bucket")
	f.equal("bucket", b, &directory.Bucket{
		Name: "my-bucket", ID: b.ID, AccountID: f.account, Region: "us-east-1", Created: f.now.Truncate(time.Second), Ownership: "BucketOwnerEnforced",
		PublicAccessBlock: &directory.PublicAccessBlock{BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true},
		ACL:               acl.Private(found[*directory.Account](f)(f.d.Account(f.account)).CanonicalID),
	})
	if b.ID == "" {
		f.Error("no id")
	}
	f.ok(f.createAccount(secondAccount))
	open := directory.PublicAccessBlock{}
	given := must[*directory.Bucket](f)(f.d.CreateBucket(f.ctx, directory.Bucket{
		AccountID: secondAccount, Name: "Given", ID: "an-id", Region: "eu-west-1", Ownership: "ObjectWriter", PublicAccessBlock: &open,
		Policy: &directory.BucketPolicy{Document: []byte(strings.ReplaceAll(bucketPolicy, "PRINCIPAL", f.account))},
	}))
	open.BlockPublicAcls = true // the caller's own
	f.equal("given", [3]any{given.ID, given.Region, given.Ownership}, [3]any{"an-id", "eu-west-1", "ObjectWriter"})
	f.equal("given", given.PublicAccessBlock, &directory.PublicAccessBlock{})
	f.reopen()
	f.equal("Bucket", found[*directory.Bucket](f)(f.d.Bucket("my-bucket")), b)
	f.equal("Bucket", found[*directory.Bucket](f)(f.d.Bucket("Given")), given)
	f.equal("Buckets", f.d.Buckets(f.account), []*directory.Bucket{b})
	f.equal("Buckets of nobody", len(f.d.Buckets("999999999999")), 0)
	f.equal("AllBuckets", f.d.AllBuckets(), []*directory.Bucket{given, b})
	if second(f.d.Bucket("MY-BUCKET")) || second(f.d.Bucket("none")) {
		f.Error("a bucket that does not exist")
	}
	create := func(account, name, id string) func() error {
		return func() error {
			_, err := f.d.CreateBucket(f.ctx, directory.Bucket{AccountID: account, Name: name, ID: id})
			return err
		}
	}
	f.fails("one's own", create(f.account, "my-bucket", ""), &directory.ExistsError{Kind: "bucket", Name: "my-bucket", Owned: true})
	f.fails("another's", create(secondAccount, "my-bucket", ""), &directory.ExistsError{Kind: "bucket", Name: "my-bucket"})
	f.fails("an id that is taken", create(f.account, "new", "an-id"), &directory.ExistsError{Kind: "bucket", Name: "an-id"})
	f.fails("no name", create(f.account, "", ""), &directory.InvalidError{Field: "bucket name"})
	f.fails("not UTF-8", create(f.account, "\xff", ""), &directory.InvalidError{Field: "bucket name"})
	f.fails("no account", create("999999999999", "new", ""), &directory.NotFoundError{Kind: "account", Name: "999999999999"})

	f.ok(f.d.SetPublicAccessBlock(f.ctx, b.ID, nil))
	f.equal("removed", found[*directory.Bucket](f)(f.d.Bucket(b.Name)).PublicAccessBlock == nil, true)
	f.reopen()
	some := directory.PublicAccessBlock{BlockPublicAcls: true, BlockPublicPolicy: true}
	f.ok(f.d.SetPublicAccessBlock(f.ctx, b.ID, &some))
	some.BlockPublicAcls = false // the caller's own
	f.equal("set", found[*directory.Bucket](f)(f.d.Bucket(b.Name)).PublicAccessBlock, &directory.PublicAccessBlock{BlockPublicAcls: true, BlockPublicPolicy: true})
	f.reopen()
	for _, set := range []map[string]string{{"versioning": "Enabled", "tagging": "x"}, {"cors": "<a/>"}, {"cors": "", "tagging": ""}, {"none": ""}, nil} {
		f.ok(f.d.SetBucketConfigurations(f.ctx, b.ID, set, nil))
	}
	f.equal("configurations", found[*directory.Bucket](f)(f.d.Bucket(b.Name)).Configurations, map[string]string{"versioning": "Enabled"})
	f.equal("of the snapshot before", len(b.Configurations), 0)
	f.reopen()
	f.equal("configurations", found[*directory.Bucket](f)(f.d.Bucket(b.Name)).Configurations, map[string]string{"versioning": "Enabled"})
	f.ok(f.d.SetBucketConfigurations(f.ctx, b.ID, map[string]string{"versioning": ""}, nil))
	f.equal("configurations", found[*directory.Bucket](f)(f.d.Bucket(b.Name)).Configurations == nil, true)
	f.fails("not UTF-8", func() error { return f.d.SetBucketConfigurations(f.ctx, b.ID, map[string]string{"cors": "\xff"}, nil) }, &directory.InvalidError{Field: "cors"})
	f.fails("no bucket", func() error { return f.d.SetBucketConfigurations(f.ctx, "none", map[string]string{"cors": "a"}, nil) }, &directory.NotFoundError{Kind: "bucket", Name: "none"})
	refused := &directory.InvalidError{Field: "state"}
	f.fails("not allowed", func() error {
		return f.d.SetBucketConfigurations(f.ctx, b.ID, map[string]string{"cors": "a"}, func(*directory.Bucket) error { return refused })
	}, refused)
	f.equal("configurations", found[*directory.Bucket](f)(f.d.Bucket(b.Name)).Configurations == nil, true)
	f.ok(f.d.DeleteBucket(f.ctx, b.ID))
	f.fails("deleting again", func() error { return f.d.DeleteBucket(f.ctx, b.ID) }, &directory.NotFoundError{Kind: "bucket", Name: b.ID})
	f.fails("setting", func() error { return f.d.SetPublicAccessBlock(f.ctx, b.ID, nil) }, &directory.NotFoundError{Kind: "bucket", Name: b.ID})
	f.equal("another of the name", f.bucket("my-bucket").ID != b.ID, true)
	f.reopen()
}

func testBucketPolicies(f *fixture) {
	u := f.user("david")
	b := f.bucket("b")
	document := []byte("\n" + strings.ReplaceAll(bucketPolicy, "PRINCIPAL", u.ARN))
	want := string(document)
	ids := map[string]string{u.ARN: u.ID}
	f.ok(f.d.SetBucketPolicy(f.ctx, b.ID, document, ids))
	clear(document) // the caller's own
	clear(ids)
	get := func() *directory.BucketPolicy { return found[*directory.Bucket](f)(f.d.Bucket("b")).Policy }
	allows := func(uniqueID string) bool {
		return eval.Decide(&eval.Request{
			Principal: eval.Principal{Type: eval.User, ARN: u.ARN, IssuerARN: u.ARN, AccountID: f.account, UniqueID: uniqueID},
			Action:    "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: f.account,
		}, &eval.Policies{Resource: get().Compiled}).Allowed()
	}
	for range 2 {
		f.equal("document", string(get().Document), want)
		f.equal("principals", get().PrincipalIDs, map[string]string{u.ARN: u.ID})
		f.equal("compiled as", [2]any{get().Compiled.Type(), get().Compiled.Name()}, [2]any{eval.Resource, "arn:aws:s3:::b"})
		f.equal("the user, and a namesake", [2]bool{allows(u.ID), allows("AIDANAMESAKE")}, [2]bool{true, false})
		f.reopen()
	}
	f.equal("the snapshot before", b.Policy == nil, true)
	set := func(id, document string) func() error {
		return func() error { return f.d.SetBucketPolicy(f.ctx, id, []byte(document), nil) }
	}
	f.fails("no Principal", set(b.ID, allowAll), &directory.DocumentError{Name: "arn:aws:s3:::b"})
	f.fails("empty", set(b.ID, ""), &directory.DocumentError{Name: "arn:aws:s3:::b"})
	f.fails("no bucket", set("none", want), &directory.NotFoundError{Kind: "bucket", Name: "none"})
	public := strings.ReplaceAll(bucketPolicy, `{"AWS":"PRINCIPAL"}`, `"*"`)
	f.fails("public", set(b.ID, public), &directory.PublicPolicyError{Bucket: "b"})
	f.fails("made public", func() error {
		_, err := f.d.CreateBucket(f.ctx, directory.Bucket{AccountID: f.account, Name: "p", Policy: &directory.BucketPolicy{Document: []byte(public)}})
		return err
	}, &directory.PublicPolicyError{Bucket: "p"})
	f.ok(f.d.SetPublicAccessBlock(f.ctx, b.ID, &directory.PublicAccessBlock{RestrictPublicBuckets: true}))
	f.ok(set(b.ID, public)())
	f.equal("document", string(get().Document), public)
	f.ok(f.d.SetPublicAccessBlock(f.ctx, b.ID, nil))
	f.ok(set(b.ID, public)())
	f.reopen()
	for range 2 { // removing none is no error
		f.ok(f.d.SetBucketPolicy(f.ctx, b.ID, nil, nil))
		f.equal("removed", get() == nil, true)
		f.reopen()
	}
}

func testPrincipals(f *fixture) {
	u := must[*directory.User](f)(f.d.CreateUser(f.ctx, directory.User{AccountID: f.account, Path: "/a/b/", Name: "David"}))
	r := must[*directory.Role](f)(f.d.CreateRole(f.ctx, directory.Role{AccountID: f.account, Path: "/p/", Name: "Reader", TrustPolicy: trustAll}))
	for _, c := range []struct {
		arn, id string
		known   bool
	}{
		{u.ARN, u.ID, true},
		{r.ARN, r.ID, true},
		{"arn:aws:sts::111111111111:assumed-role/Reader/session", r.ID, true},
		{"arn:aws:iam::111111111111:root", f.account, true},
		{"arn:aws:sts::111111111111:federated-user/Bob", "", false},

		{"arn:aws:iam::111111111111:user/David", "", true},     // another path
		{"arn:aws:iam::111111111111:user/a/b/david", "", true}, // ARNs differ by case
		{"arn:aws:iam::111111111111:user/a/b/Bob", "", true},   // nobody
		{"arn:aws:iam::111111111111:role/a/b/David", "", true}, // a user, not a role
		{"arn:aws:iam::111111111111:group/David", "", true},    // no group is a principal
		{"arn:aws:sts::111111111111:assumed-role/p/Reader/s", "", true},
		{"arn:aws:sts::111111111111:assumed-role/reader/s", "", true},
		{"arn:aws:sts::111111111111:assumed-role/Reader", "", true},
		{"arn:aws:sts::111111111111:assumed-role/Reader/", "", true},
		{"arn:aws:iam::999999999999:user/a/b/David", "", false},
		{"arn:aws:iam::999999999999:root", "", false},
		{"arn:aws-cn:iam::111111111111:user/a/b/David", "", false},
		{"arn:aws:iam:us-east-1:111111111111:user/a/b/David", "", false},
		{"111111111111", "", false},
		{"*", "", false},
		{"", "", false},
	} {
		id, known := f.d.PrincipalID(c.arn)
		f.equal(c.arn, [2]any{id, known}, [2]any{c.id, c.known})
	}
	must[*directory.User](f)(f.d.UpdateUser(f.ctx, f.account, "david", ptr("Dave"), nil))
	id, known := f.d.PrincipalID(u.ARN)
	f.equal("the ARN of before", [2]any{id, known}, [2]any{"", true})
}
