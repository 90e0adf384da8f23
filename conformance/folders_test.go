package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keywright/keywright/conformance/harness"
)

// company is the account of the folders per user.
type company struct {
	*harness.Server
	account string
	users   map[string]aws.Credentials
	policy  string // ARN of the group's policy
}

const companyBucket = "my-company"

// newCompany makes the buckets, the users and the group, to which the policy
// with variables is attached; nobody is in it yet.
func newCompany(t *testing.T) *company {
	t.Helper()
	c := &company{Server: startServer(t, harness.Options{Flags: []string{"--log-level", "debug", "--log-format", "json"}}), users: map[string]aws.Credentials{}}
	var err error
	if c.account, err = c.Account(t.Context()); err != nil {
		t.Fatal(err)
	}
	root := c.S3(c.Root)
	for _, bucket := range []string{companyBucket, "other-company"} {
		must(t)(root.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}))
	}
	for _, name := range []string{"Adele", "Bob", "David"} {
		c.users[name] = newUser(t, c.Server, name)
	}
	if c.policy, err = c.NewPolicy(t.Context(), "home-folders", document(t, "policies/group.json")); err != nil {
		t.Fatal(err)
	}
	group := aws.String("employees")
	must(t)(c.IAM(c.Root).CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: group}))
	must(t)(c.IAM(c.Root).AttachGroupPolicy(t.Context(), &iam.AttachGroupPolicyInput{GroupName: group, PolicyArn: &c.policy}))
	return c
}

// join puts the users into the group.
func (c *company) join(t *testing.T, users ...string) {
	t.Helper()
	for _, u := range users {
		must(t)(c.IAM(c.Root).AddUserToGroup(t.Context(), &iam.AddUserToGroupInput{GroupName: aws.String("employees"), UserName: &u}))
	}
}

func (c *company) arn(user string) string { return "arn:aws:iam::" + c.account + ":user/" + user }

// fill leaves exactly the objects in the bucket that the tables speak of.
func (c *company) fill(t *testing.T, user, other string) {
	t.Helper()
	root := c.S3(c.Root)
	empty(t, root, companyBucket)
	for _, key := range []string{
		"root-file.txt", "restricted/y", "home/common/shared.txt", "home/" + other + "/x",
		"home/" + user + "/x", "home/" + user + "/sub/y", "home/" + user + "2", "home/" + user + "son/x",
	} {
		put(t, root, companyBucket, key, "content of "+key)
	}
}

func put(t testing.TB, client *s3.Client, bucket, key, body string) {
	t.Helper()
	must(t)(client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)}))
}

// empty deletes all objects of a bucket.
func empty(t testing.TB, client *s3.Client, bucket string) {
	t.Helper()
	for {
		page, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Contents) == 0 {
			return
		}
		var keys []types.ObjectIdentifier
		for _, o := range page.Contents {
			keys = append(keys, types.ObjectIdentifier{Key: o.Key})
		}
		out, err := client.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: keys}})
		if err != nil || len(out.Errors) > 0 {
			t.Fatal(err, out)
		}
	}
}

// TestFoldersPerUser makes every request of the table with both policies, and
// the line's main commands with the AWS CLI.
func TestFoldersPerUser(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	rows := table(t, "ab.txt")

	must(t)(c.PutUserPolicy(t.Context(), "David", "own", document(t, "policies/david.json")))
	t.Run("own policy of David", func(t *testing.T) { c.matrix(t, rows, "own", "David", "Adele") })

	must(t)(c.IAM(c.Root).DeleteUserPolicy(t.Context(), &iam.DeleteUserPolicyInput{UserName: aws.String("David"), PolicyName: aws.String("own")}))
	c.join(t, "Adele", "Bob", "David")
	for _, pair := range [][2]string{{"David", "Adele"}, {"Adele", "Bob"}, {"Bob", "David"}} {
		t.Run("group policy for "+pair[0], func(t *testing.T) { c.matrix(t, rows, "group", pair[0], pair[1]) })
	}
}

func (c *company) matrix(t *testing.T, rows []row, policy, user, other string) {
	c.fill(t, user, other)
	subject := &caller{arn: c.arn(user), bucket: companyBucket, client: c.S3(c.users[user])}
	for _, r := range rows {
		if r.who == policy || r.who == "both" {
			subject.check(t, r.with("${user}", user, "${other}", other))
		}
	}
	c.commands(t, user, other)
}

// commands are what the user would type.
func (c *company) commands(t *testing.T, user, other string) {
	sh := newShell(t, c.Server, c.users[user])
	home, theirs := "s3://my-company/home/"+user+"/", "s3://my-company/home/"+other+"/"
	denied := func(action, key string) []string {
		resource := "arn:aws:s3:::my-company"
		if key != "" {
			resource += "/" + key
		}
		return []string{"AccessDenied", fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %q because no identity-based policy allows the %s action",
			c.arn(user), action, resource, action)}
	}

	contains(t, sh.ok("s3", "ls"), "my-company", "other-company")
	ran(t, "AB-01")
	contains(t, sh.ok("s3api", "get-bucket-location", "--bucket", companyBucket), "LocationConstraint")
	ran(t, "AB-01")
	contains(t, sh.ok("s3", "ls", "s3://my-company"), "PRE home/", "PRE restricted/", "root-file.txt")
	ran(t, "AB-03")
	contains(t, sh.ok("s3", "ls", "s3://my-company/home/"), "PRE "+user+"/", "PRE "+other+"/")
	ran(t, "AB-04")
	contains(t, sh.ok("s3", "ls", "s3://my-company/home/"+user), "PRE "+user+"/")
	ran(t, "AB-05")
	contains(t, sh.ok("s3", "ls", home), "PRE sub/", " x\n")
	ran(t, "AB-06")
	contains(t, sh.ok("s3", "ls", "--recursive", home), "home/"+user+"/sub/y", "home/"+user+"/x")
	ran(t, "AB-06")
	sh.fails([]string{"s3", "ls", "--recursive", "s3://my-company/home/"}, denied("s3:ListBucket", "")...)
	ran(t, "AB-07")
	sh.fails([]string{"s3", "ls", theirs}, denied("s3:ListBucket", "")...)
	ran(t, "AB-08")
	sh.fails([]string{"s3api", "list-objects-v2", "--bucket", companyBucket, "--delimiter", "/"}, denied("s3:ListBucket", "")...)
	ran(t, "AB-09")
	sh.ok("s3api", "list-objects-v2", "--bucket", companyBucket, "--delimiter", "/", "--prefix", "")
	ran(t, "AB-09")

	sh.write("report.txt", "the report of "+user)
	sh.ok("s3", "cp", "report.txt", home)
	if got := sh.ok("s3", "cp", home+"report.txt", "-"); got != "the report of "+user {
		t.Errorf("read back %q", got)
	}
	sh.ok("s3", "rm", home+"report.txt")
	ran(t, "AB-11")
	sh.fails([]string{"s3", "cp", "report.txt", theirs}, denied("s3:PutObject", "home/"+other+"/report.txt")...)
	sh.fails([]string{"s3api", "get-object", "--bucket", companyBucket, "--key", "root-file.txt", "out"}, denied("s3:GetObject", "root-file.txt")...)
	ran(t, "AB-12")
	sh.ok("s3", "cp", home+"x", home+"x", "--storage-class", "STANDARD_IA")
	sh.ok("s3", "cp", home+"x", home+"x", "--sse", "AES256")
	ran(t, "AB-15")
}

// contains checks that text holds all of want.
func contains(t testing.TB, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in\n%s", w, text)
		}
	}
}

// TestFolderPolicyVariants changes one thing in the policies and shows what it
// does.
func TestFolderPolicyVariants(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	c.fill(t, "David", "Adele")
	own, group := document(t, "policies/david.json"), document(t, "policies/group.json")
	as := func(policy string, rows ...string) {
		t.Helper()
		c.as(t, policy, rows...)
	}

	as(without(t, own, 0),
		`AB-02 | - | ListBuckets | deny s3:ListAllMyBuckets`,
		`AB-02 | - | GetBucketLocation | deny s3:GetBucketLocation`,
		`AB-02 | - | ListObjectsV2 prefix="" delimiter="/" | allow`)

	// home/David* reaches the neighbours that home/David/* does not.
	as(strings.ReplaceAll(own, "home/David/*", "home/David*"),
		`AB-10 | - | ListObjectsV2 prefix="home/Davidson/" | allow home/Davidson/x`,
		`AB-10 | - | GetObject key="home/Davidson/x" | allow`,
		`AB-10 | - | GetObject key="home/David2" | allow`,
		`AB-10 | - | GetObject key="home/Adele/x" | deny s3:GetObject home/Adele/x`)

	// s3:* on objects alone lists nothing.
	as(without(t, own, 0, 1, 2),
		`AB-16 | - | ListObjects+ListObjectsV2 prefix="home/David/" delimiter="/" | deny s3:ListBucket`,
		`AB-16 | - | ListObjects+ListObjectsV2 prefix="home/David/" | deny s3:ListBucket`,
		`AB-16 | - | HeadBucket | deny`,
		`AB-16 | - | GetObject key="home/David/x" | allow`,
		// Who may not list is not told that an object does not exist.
		`AB-16 | - | GetObject key="home/David/none" | deny s3:ListBucket`,
		`AB-16 | - | HeadObject key="home/David/none" | deny`)

	// With StringEquals an asterisk is only an asterisk.
	as(strings.Replace(without(t, own, 2), `"home/David"`, `"home/David/*"`, 1),
		`AB-17 | - | ListObjects+ListObjectsV2 prefix="home/David/" delimiter="/" | deny s3:ListBucket`,
		`AB-17 | - | ListObjects+ListObjectsV2 prefix="home/David/sub/" delimiter="/" | deny s3:ListBucket`,
		`AB-17 | - | ListObjects+ListObjectsV2 prefix="home/David/*" delimiter="/" | allow`)

	// Two keys of one operator, two operators: AND. Several values: OR.
	as(listing(`{"StringEquals":{"s3:prefix":["a/","b/"],"s3:delimiter":"/"},"NumericLessThanEquals":{"s3:max-keys":"10"}}`),
		`AB-18 | - | ListObjects+ListObjectsV2 prefix="a/" delimiter="/" maxKeys="10" | allow`,
		`AB-18 | - | ListObjects+ListObjectsV2 prefix="b/" delimiter="/" maxKeys="9" | allow`,
		`AB-18 | - | ListObjects+ListObjectsV2 prefix="c/" delimiter="/" maxKeys="10" | deny s3:ListBucket`,
		`AB-18 | - | ListObjects+ListObjectsV2 prefix="a/" maxKeys="10" | deny s3:ListBucket`,
		`AB-18 | - | ListObjects+ListObjectsV2 delimiter="/" maxKeys="10" | deny s3:ListBucket`,
		`AB-18 | - | ListObjects+ListObjectsV2 prefix="a/" delimiter="/" maxKeys="11" | deny s3:ListBucket`,
		`AB-18 | - | ListObjects+ListObjectsV2 prefix="a/" delimiter="/" | deny s3:ListBucket`)

	// Variables need Version 2012-10-17; David's first policy has none.
	for _, version := range []string{`"Version": "2008-10-17",`, ``} {
		as(strings.Replace(group, `"Version": "2012-10-17",`, version, 1),
			`AB-20 | - | ListObjects+ListObjectsV2 prefix="" delimiter="/" | allow`,
			`AB-20 | - | ListObjects+ListObjectsV2 prefix="home/David/" delimiter="/" | deny s3:ListBucket`,
			`AB-20 | - | ListObjects+ListObjectsV2 prefix="home/${aws:username}/" delimiter="/" | allow`,
			`AB-20 | - | GetObject key="home/David/x" | deny s3:GetObject home/David/x`,
			`AB-20 | - | PutObject+GetObject+DeleteObject key="home/${aws:username}/x" body="x" | allow`)
		as(strings.Replace(own, `"Version": "2012-10-17",`, version, 1),
			`AB-20 | - | ListObjects+ListObjectsV2 prefix="home/David/" delimiter="/" | allow home/David/sub/ home/David/x`,
			`AB-20 | - | GetObject key="home/David/x" | allow`)
	}
}

// as checks rows as David with another policy.
func (c *company) as(t *testing.T, policy string, rows ...string) {
	t.Helper()
	must(t)(c.PutUserPolicy(t.Context(), "David", "variant", policy))
	david := &caller{arn: c.arn("David"), bucket: companyBucket, client: c.S3(c.users["David"])}
	for _, r := range inline(t, rows...) {
		david.check(t, r)
	}
}

// TestFoldersArePrefixes shows that a folder is a prefix of keys, whatever ends
// it.
func TestFoldersArePrefixes(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	c.fill(t, "David", "Adele")
	root := c.S3(c.Root)
	put(t, root, companyBucket, "home:common:plan", "plan")
	put(t, root, companyBucket, "home:other:plan", "plan")
	c.as(t, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::my-company","Condition":{"StringLike":{"s3:prefix":"home:common:*"}}},
		{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::my-company/home:common:*"}]}`,
		`AB-22 | - | ListObjects+ListObjectsV2 prefix="home:common:" delimiter=":" | allow home:common:plan`,
		`AB-22 | - | ListObjects+ListObjectsV2 prefix="home:common:" | allow home:common:plan`,
		`AB-22 | - | ListObjects+ListObjectsV2 prefix="home:common" delimiter="/" | deny s3:ListBucket`,
		`AB-22 | - | ListObjects+ListObjectsV2 prefix="home:" delimiter=":" | deny s3:ListBucket`,
		`AB-22 | - | GetObject key="home:common:plan" | allow`,
		`AB-22 | - | GetObject key="home:other:plan" | deny s3:GetObject home:other:plan`)
	admin := &caller{arn: c.arn("root"), bucket: companyBucket, client: root}
	for _, r := range inline(t,
		`AB-22 | - | ListObjects+ListObjectsV2 prefix="home:" delimiter=":" | allow home:common: home:other:`,
		`AB-22 | - | ListObjects+ListObjectsV2 prefix="home" delimiter=":" | allow home/Adele/x home/David/sub/y home/David/x home/David2 home/Davidson/x home/common/shared.txt home:`,
		`AB-23 | - | ListObjects+ListObjectsV2 prefix="home/" delimiter="/" | allow home/Adele/ home/David/ home/David2 home/Davidson/ home/common/`,
		`AB-23 | - | ListObjects+ListObjectsV2 prefix="home/common/" delimiter="/" | allow home/common/shared.txt`,
		`AB-23 | - | GetObject key="home/common/shared.txt" | allow`) {
		admin.check(t, r)
	}
}

// listing is a policy that allows ListBucket on my-company under a condition.
func listing(condition string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::my-company","Condition":` + condition + `}]}`
}

// without returns a policy without some of its statements.
func without(t *testing.T, policy string, statements ...int) string {
	t.Helper()
	var p struct {
		Version   string
		Statement []json.RawMessage
	}
	must(t)(json.Unmarshal([]byte(policy), &p))
	for _, i := range slices.Backward(statements) {
		p.Statement = slices.Delete(p.Statement, i, i+1)
	}
	out, err := json.Marshal(p)
	must(t)(err)
	return string(out)
}

// TestFolderCallers has callers other than users: sessions of a role, sessions
// of a user, and root. Only the second have a user name.
func TestFolderCallers(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	c.fill(t, "David", "Adele")
	c.join(t, "David")

	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + c.arn("David") + `"},"Action":"sts:AssumeRole"}]}`
	role, err := c.NewRole(t.Context(), "visitor", trust, document(t, "policies/group.json"))
	must(t)(err)
	assumed, err := c.STS(c.users["David"]).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("David")})
	must(t)(err)
	session := &caller{
		arn:    "arn:aws:sts::" + c.account + ":assumed-role/visitor/David",
		bucket: companyBucket, client: c.S3(c.Session(assumed.Credentials)),
	}
	for _, r := range inline(t,
		`AB-21 | - | ListBuckets | allow my-company other-company`,
		`AB-21 | - | ListObjects+ListObjectsV2 prefix="home/" delimiter="/" | allow`,
		`AB-21 | - | ListObjects+ListObjectsV2 prefix="home/David/" delimiter="/" | deny s3:ListBucket`,
		`AB-21 | - | ListObjects+ListObjectsV2 prefix="home//" delimiter="/" | deny s3:ListBucket`,
		`AB-21 | - | GetObject key="home/David/x" | deny s3:GetObject home/David/x`,
		`AB-21 | - | PutObject key="home//x" body="x" | deny s3:PutObject home//x`,
		`AB-21 | - | PutObject key="home/${aws:username}/x" body="x" | deny s3:PutObject home/${aws:username}/x`) {
		session.check(t, r)
	}

	token, err := c.STS(c.users["David"]).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	must(t)(err)
	david := &caller{arn: c.arn("David"), bucket: companyBucket, client: c.S3(c.Session(token.Credentials))}
	for _, r := range inline(t,
		`AB-21 | - | ListObjects+ListObjectsV2 prefix="home/David/" delimiter="/" | allow home/David/sub/ home/David/x`,
		`AB-21 | - | GetObject key="home/David/x" | allow`,
		`AB-21 | - | GetObject key="home/Adele/x" | deny s3:GetObject home/Adele/x`) {
		david.check(t, r)
	}

	// A variable that root does not have matches nothing, not even to deny.
	root := &caller{bucket: companyBucket, client: c.S3(c.Root)}
	deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::my-company/home/${aws:username}/*"}]}`
	must(t)(root.client.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String(companyBucket), Policy: &deny}))
	for _, r := range inline(t,
		`AB-21 | - | GetObject key="home/David/x" | allow`,
		`AB-21 | - | ListObjects+ListObjectsV2 prefix="home/David/" | allow home/David/sub/y home/David/x`) {
		root.check(t, r)
	}
	for _, r := range inline(t, `AB-21 | - | GetObject key="home/David/x" | deny s3:GetObject home/David/x -- with an explicit deny in a resource-based policy`) {
		david.check(t, r)
	}
}

// TestDeleteObjectsDecidesPerKey deletes own and others' objects in one request.
func TestDeleteObjectsDecidesPerKey(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	c.fill(t, "David", "Adele")
	c.join(t, "David")
	keys := []string{"home/David/x", "home/Adele/x", "root-file.txt", "home/David/none"}
	var objects []types.ObjectIdentifier
	for _, k := range keys {
		objects = append(objects, types.ObjectIdentifier{Key: &k})
	}
	out, err := c.S3(c.users["David"]).DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: aws.String(companyBucket), Delete: &types.Delete{Objects: objects}})
	must(t)(err)
	deleted, refused := map[string]bool{}, map[string]string{}
	for _, d := range out.Deleted {
		deleted[aws.ToString(d.Key)] = true
	}
	for _, e := range out.Errors {
		refused[aws.ToString(e.Key)] = aws.ToString(e.Code)
	}
	if want := map[string]bool{"home/David/x": true, "home/David/none": true}; !maps.Equal(deleted, want) {
		t.Errorf("deleted %v, want %v", deleted, want)
	}
	if want := map[string]string{"home/Adele/x": "AccessDenied", "root-file.txt": "AccessDenied"}; !maps.Equal(refused, want) {
		t.Errorf("refused %v, want %v", refused, want)
	}
	left := &caller{bucket: companyBucket, client: c.S3(c.Root)}
	for _, r := range inline(t,
		`AB-12 | - | HeadObject key="home/Adele/x" | allow`,
		`AB-12 | - | HeadObject key="root-file.txt" | allow`,
		`AB-11 | - | HeadObject key="home/David/x" | error 404 NotFound`) {
		left.check(t, r)
	}
}
