package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/keywright/keywright/conformance/harness"
)

// The guide's account id has 18 digits.
const (
	guideAccount = "700001145864652591"
	guideBucket  = "examplebucket"
	explicitDeny = "with an explicit deny in a resource-based policy"
)

func newGuide(t *testing.T) *harness.Server {
	t.Helper()
	s := startServer(t, harness.Options{AccountID: guideAccount, Flags: []string{"--log-level", "debug"}})
	root := s.S3(s.Root)
	for _, bucket := range []string{guideBucket, "shop-thumbnails"} {
		must(t)(root.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}))
		put(t, root, bucket, "seed", "seed")
	}
	return s
}

// TestSingleUserBucket follows the guide as its reader does.
func TestSingleUserBucket(t *testing.T) {
	t.Parallel()
	s := newGuide(t)
	account, err := s.Account(t.Context())
	must(t)(err)
	if account != guideAccount {
		t.Fatalf("the account is %s, want %s", account, guideAccount)
	}
	ran(t, "PS-01")

	mustermann, admin := newUser(t, s, "mmustermann"), newUser(t, s, "admin")
	must(t)(s.IAM(s.Root).AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{
		UserName: aws.String("admin"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")}))
	who := newShell(t, s, mustermann)
	contains(t, who.ok("sts", "get-caller-identity"), guideAccount, "arn:aws:iam::"+guideAccount+":user/mmustermann")
	ran(t, "PS-02")

	policy := document(t, "policies/single-user.json")
	sh := newShell(t, s, s.Root)
	sh.write("user-policy.json", policy)
	sh.fails([]string{"s3api", "get-bucket-policy", "--bucket", guideBucket, "--endpoint-url=" + s.Endpoint}, "NoSuchBucketPolicy", "The bucket policy does not exist")
	ran(t, "PS-06")
	sh.fails([]string{"s3api", "put-bucket-policy", "--bucket", "shop-thumbnails", "--policy", "file://user-policy.json", "--endpoint-url=" + s.Endpoint},
		"MalformedPolicy", "Policy has invalid resource")
	sh.fails([]string{"s3api", "get-bucket-policy", "--bucket", "shop-thumbnails"}, "NoSuchBucketPolicy")
	ran(t, "PS-04")
	sh.ok("s3api", "put-bucket-policy", "--bucket", guideBucket, "--policy", "file://user-policy.json", "--endpoint-url="+s.Endpoint)
	ran(t, "PS-03")
	var got struct{ Policy string }
	must(t)(json.Unmarshal([]byte(sh.ok("s3api", "get-bucket-policy", "--bucket", guideBucket, "--endpoint-url="+s.Endpoint)), &got))
	if got.Policy != policy {
		t.Errorf("put\n%s\nread back\n%s", policy, got.Policy)
	}
	ran(t, "PS-05")

	callers := map[string]*caller{
		"mmustermann": {arn: "arn:aws:iam::" + guideAccount + ":user/mmustermann", client: s.S3(mustermann)},
		"admin":       {arn: "arn:aws:iam::" + guideAccount + ":user/admin", client: s.S3(admin)},
		"root":        {arn: "arn:aws:iam::" + guideAccount + ":root", client: s.S3(s.Root)},
		"anonymous":   {client: s.S3(aws.Credentials{})},
	}
	for _, r := range table(t, "ps.txt") {
		c := callers[r.who]
		c.bucket = guideBucket
		c.check(t, r)
	}
}

// TestSingleUserChangesThePolicy shows that the guide's user may take away the
// policy that gives him everything, and that root can put it back.
func TestSingleUserChangesThePolicy(t *testing.T) {
	t.Parallel()
	s := newGuide(t)
	mustermann := newUser(t, s, "mmustermann")
	policy := document(t, "policies/single-user.json")
	root, user := newShell(t, s, s.Root), newShell(t, s, mustermann)
	put := func(sh *shell, document string) []string {
		sh.write("p.json", document)
		return []string{"s3api", "put-bucket-policy", "--bucket", guideBucket, "--policy", "file://p.json"}
	}

	root.ok(put(root, policy)...)
	user.ok(put(user, strings.Replace(policy, "UserBucketPolicy", "Mine", 1))...)
	contains(t, user.ok("s3api", "get-bucket-policy", "--bucket", guideBucket), "Mine")
	user.ok("s3api", "delete-bucket-policy", "--bucket", guideBucket)
	user.fails(put(user, policy), "AccessDenied", "s3:PutBucketPolicy")
	ran(t, "PS-11")

	// A policy that denies everybody everything leaves root the policy.
	nobody := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::examplebucket","arn:aws:s3:::examplebucket/*"]}]}`
	root.ok(put(root, nobody)...)
	root.fails([]string{"s3", "cp", "s3://examplebucket/seed", "-"}, "403")
	contains(t, root.ok("s3api", "get-bucket-policy", "--bucket", guideBucket), "Deny")
	root.ok(put(root, nobody)...)
	root.ok("s3api", "delete-bucket-policy", "--bucket", guideBucket)
	if got := root.ok("s3", "cp", "s3://examplebucket/seed", "-"); got != "seed" {
		t.Errorf("read back %q", got)
	}
	ran(t, "PS-10")
}

// TestSingleUserNamesake shows that a bucket policy names a user and not his
// name: who comes after him under the same name gets nothing.
func TestSingleUserNamesake(t *testing.T) {
	t.Parallel()
	s := newGuide(t)
	first := newUser(t, s, "mmustermann")
	policy := document(t, "policies/single-user.json")
	root := s.S3(s.Root)
	must(t)(root.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String(guideBucket), Policy: &policy}))
	check := func(creds aws.Credentials, rows ...string) {
		t.Helper()
		c := &caller{arn: "arn:aws:iam::" + guideAccount + ":user/mmustermann", bucket: guideBucket, client: s.S3(creds)}
		for _, r := range inline(t, rows...) {
			c.check(t, r)
		}
	}
	check(first, `PS-07 | - | GetObject key="seed" | allow`)

	client, name := s.IAM(s.Root), aws.String("mmustermann")
	must(t)(client.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: name, AccessKeyId: &first.AccessKeyID}))
	must(t)(client.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: name}))
	check(first, `PS-07 | - | GetObject key="seed" | error 403 InvalidAccessKeyId`)

	second := newUser(t, s, "mmustermann")
	check(second,
		`PS-08 | - | GetObject key="seed" | deny s3:GetObject seed -- `+explicitDeny,
		`PS-08 | - | DeleteBucketPolicy | deny s3:DeleteBucketPolicy -- `+explicitDeny)
	must(t)(root.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String(guideBucket), Policy: &policy}))
	check(second, `PS-07 | - | GetObject key="seed" | allow`)
}

// TestBucketPolicyBytes puts policies of odd form and reads back the same bytes.
func TestBucketPolicyBytes(t *testing.T) {
	t.Parallel()
	s := newGuide(t)
	newUser(t, s, "mmustermann")
	statement := `"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + guideAccount + `:user/mmustermann"},"Action":"s3:GetObject"`
	policies := map[string]string{
		"white space":    "{\r\n\t \"Version\" :\n\"2012-10-17\"  ,\t\"Statement\":\n\n[ {" + statement + ",\n \"Resource\": \"arn:aws:s3:::examplebucket/*\" } ]\t}\n\n ",
		"order of keys":  `{"Statement":{"Resource":"arn:aws:s3:::examplebucket/*",` + statement + `,"Sid":"z"},"Id":"i","Version":"2012-10-17"}`,
		"escapes":        `{"Version":"2012-10-17","Statement":[{"Sid":"caf\u00e9 \ud83d\ude00 \/ \u003c",` + statement + `,"Resource":"arn:aws:s3:::examplebucket\/\u0061*"}]}`,
		"one or a list":  `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["` + guideAccount + `"]},"Action":["s3:getobject"],"Resource":["arn:aws:s3:::examplebucket/*"]}]}`,
		"raw characters": `{"Version":"2012-10-17","Statement":[{"Sid":"Grüße 😀",` + statement + `,"Resource":"arn:aws:s3:::examplebucket/ü/*"}]}`,
		"old version":    `{"Version":"2008-10-17","Statement":[{` + statement + `,"Resource":"arn:aws:s3:::examplebucket/*"}]}`,
		"no version":     `{"Statement":[{` + statement + `,"Resource":"arn:aws:s3:::examplebucket/*"}]}`,
		"20,480 bytes":   sized(20480, statement),
	}
	client := s.S3(s.Root)
	for name, policy := range policies {
		_, err := client.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String(guideBucket), Policy: &policy})
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, policy)
			continue
		}
		out, err := client.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: aws.String(guideBucket)})
		must(t)(err)
		if aws.ToString(out.Policy) != policy {
			t.Errorf("%s: put\n%q\nread back\n%q", name, policy, aws.ToString(out.Policy))
		}
		ran(t, "PS-05")
	}

	big := sized(20481, statement)
	_, err := client.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String(guideBucket), Policy: &big})
	if status, code, message := answer(err); status != 400 || code != "MalformedPolicy" || !strings.Contains(message, "20480") {
		t.Errorf("a policy of 20,481 bytes: %d %s: %s", status, code, message)
	}
	ran(t, "PS-03")
}

// sized returns a bucket policy of so many bytes, none of them white space.
func sized(bytes int, statement string) string {
	policy := func(filling string) string {
		return fmt.Sprintf(`{"Version":"2012-10-17","Id":"%s","Statement":[{%s,"Resource":"arn:aws:s3:::examplebucket/*"}]}`, filling, statement)
	}
	return policy(strings.Repeat("i", bytes-len(policy(""))))
}

// TestBucketPolicyRefused puts bucket policies that S3 does not take; nothing of
// them may stay.
func TestBucketPolicyRefused(t *testing.T) {
	t.Parallel()
	s := newGuide(t)
	allow := `"Effect":"Allow","Principal":{"AWS":"` + guideAccount + `"}`
	wrap := func(statement string) string {
		return `{"Version":"2012-10-17","Statement":[` + statement + `]}`
	}
	cases := []struct{ policy, message string }{
		{``, ""},
		{`[]`, "Policies must be valid JSON and the first byte must be '{'"},
		{`policy`, "Policies must be valid JSON and the first byte must be '{'"},
		{`{"Version":`, "This policy contains invalid Json"},
		{`{"Version":"2012-10-17"}`, "Missing required field Statement"},
		{`{"Version":"2012-10-17","Statement":[]}`, "Could not parse the policy: Statement is empty!"},
		{wrap(`{` + allow + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::other/*"}`), "Policy has invalid resource"},
		{wrap(`{` + allow + `,"Action":"s3:GetObject","Resource":"*"}`), "Policy has invalid resource"},
		{wrap(`{` + allow + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::examplebucket"}`), "Action does not apply to any resource(s) in statement"},
		{wrap(`{` + allow + `,"Action":"s3:ListBucket","Resource":"arn:aws:s3:::examplebucket/*"}`), "Action does not apply to any resource(s) in statement"},
		{wrap(`{` + allow + `,"Action":"s3:Fly","Resource":"arn:aws:s3:::examplebucket/*"}`), "Policy has invalid action"},
		{wrap(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + guideAccount + `:user/nobody"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::examplebucket/*"}`), "Invalid principal in policy"},
		{wrap(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + guideAccount + `:user/*"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::examplebucket/*"}`), "Invalid principal in policy"},
		{wrap(`{"Effect":"Allow","NotPrincipal":{"AWS":"` + guideAccount + `"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::examplebucket/*"}`), ""},
		{wrap(`{` + allow + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::examplebucket/*","Condition":{"StringEqual":{"aws:username":"x"}}}`), "Invalid Condition type : StringEqual"},
		{wrap(`{` + allow + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::examplebucket/*","Condition":{"StringEquals":{"s3:prefix":"x"}}}`), "Conditions do not apply to combination of actions and resources in statement"},
		{wrap(`{` + allow + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::examplebucket/*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/99"}}}`), ""},
		{wrap(`{` + allow + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::examplebucket/*","Colour":"red"}`), ""},
		{wrap(`{` + allow + `,"Action":"s3:GetObject","Action":"s3:*","Resource":"arn:aws:s3:::examplebucket/*"}`), ""},
	}
	client := s.S3(s.Root)
	for _, c := range cases {
		_, err := client.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String(guideBucket), Policy: &c.policy})
		if err == nil {
			t.Errorf("accepted %s", c.policy)
			continue
		}
		if status, code, message := answer(err); status != 400 || code != "MalformedPolicy" && c.policy != "" || !strings.Contains(message, c.message) {
			t.Errorf("%s\n%d %s: %s\nwant 400 MalformedPolicy: %s", c.policy, status, code, message, c.message)
		}
		ran(t, "PS-04")
	}
	if _, err := client.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: aws.String(guideBucket)}); err == nil {
		t.Error("a policy that was refused is there")
	}
}
