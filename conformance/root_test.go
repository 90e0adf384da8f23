package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keywright/keywright/conformance/harness"
)

// TestRoot has the root of an account handle its own keys with the AWS CLI, and
// do what only root may ("Tasks that require root user credentials", IAM User
// Guide).
func TestRoot(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	bucket := newBucket(t, s)
	account, err := s.Account(t.Context())
	must(t)(err)
	root := newShell(t, s, s.Root)
	arn := "arn:aws:iam::" + account + ":root"
	contains(t, root.ok("sts", "get-caller-identity"), `"UserId": "`+account+`"`, `"Arn": "`+arn+`"`)
	user := root.ok("iam", "get-user")
	contains(t, user, `"UserId": "`+account+`"`, `"Arn": "`+arn+`"`, `"CreateDate"`)
	if strings.Contains(user, "UserName") {
		t.Errorf("root has a name:\n%s", user)
	}
	ran(t, "client cli root")

	var made struct {
		AccessKey struct{ AccessKeyId, SecretAccessKey string }
	}
	must(t)(json.Unmarshal([]byte(root.ok("iam", "create-access-key")), &made))
	second := newShell(t, s, aws.Credentials{AccessKeyID: made.AccessKey.AccessKeyId, SecretAccessKey: made.AccessKey.SecretAccessKey})
	contains(t, second.ok("sts", "get-caller-identity"), arn)
	root.fails([]string{"iam", "create-access-key"}, "LimitExceeded", "AccessKeysPerUser: 2")
	contains(t, root.ok("iam", "list-access-keys"), made.AccessKey.AccessKeyId, s.Root.AccessKeyID)
	contains(t, root.ok("iam", "get-access-key-last-used", "--access-key-id", made.AccessKey.AccessKeyId), `"ServiceName": "sts"`)
	contains(t, root.ok("sts", "get-access-key-info", "--access-key-id", made.AccessKey.AccessKeyId), account)
	root.ok("iam", "update-access-key", "--access-key-id", made.AccessKey.AccessKeyId, "--status", "Inactive")
	second.fails([]string{"sts", "get-caller-identity"}, "InvalidClientTokenId")
	contains(t, root.ok("iam", "get-account-summary"), `"AccountAccessKeysPresent": 1`, `"AccountMFAEnabled": 0`)
	root.ok("iam", "delete-access-key", "--access-key-id", made.AccessKey.AccessKeyId)
	root.fails([]string{"iam", "delete-access-key", "--access-key-id", made.AccessKey.AccessKeyId}, "NoSuchEntity")
	ran(t, "client cli root")

	// Root is no user: it has no boundary, no password, and assumes no role.
	root.fails([]string{"iam", "put-user-permissions-boundary", "--user-name", "root", "--permissions-boundary", "arn:aws:iam::aws:policy/PowerUserAccess"}, "NoSuchEntity")
	root.fails([]string{"iam", "get-login-profile"}, "NoSuchEntity")
	role, err := s.NewRole(t.Context(), "r", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+arn+`"},"Action":"sts:AssumeRole"}}`)
	must(t)(err)
	root.fails([]string{"sts", "assume-role", "--role-arn", role, "--role-session-name", "root"}, "AccessDenied", "Roles may not be assumed by root accounts.")
	contains(t, root.ok("iam", "get-role", "--role-name", "r"), `"RoleName": "r"`) // as Terraform's aws_iam_session_context asks
	ran(t, "client cli root")

	// An administrator cannot unlock a bucket whose policy denies everybody; root can.
	admin := newShell(t, s, newUser(t, s, "admin", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`))
	admin.write("lock.json", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::`+bucket+`","arn:aws:s3:::`+bucket+`/*"]}}`)
	admin.ok("s3api", "put-bucket-policy", "--bucket", bucket, "--policy", "file://lock.json")
	admin.fails([]string{"s3api", "delete-bucket-policy", "--bucket", bucket}, "AccessDenied")
	root.fails([]string{"s3api", "list-objects-v2", "--bucket", bucket}, "AccessDenied")
	contains(t, root.ok("s3api", "get-bucket-policy", "--bucket", bucket), "Deny")
	root.ok("s3api", "delete-bucket-policy", "--bucket", bucket)
	admin.ok("s3api", "list-objects-v2", "--bucket", bucket)
	// His own keys are his: without a name he makes none for root.
	contains(t, admin.ok("iam", "list-access-keys"), `"UserName": "admin"`)
	ran(t, "client cli root")
}

// TestSessionLimits asks with the AWS CLI for what sessions may not be, and for the
// most that they may ("IAM and AWS STS quotas", "Chaining roles", IAM User Guide).
func TestSessionLimits(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	account, err := s.Account(t.Context())
	must(t)(err)
	root := newShell(t, s, s.Root)
	user := newShell(t, s, newUser(t, s, "ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}`))
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}}`
	allow := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sts:*","s3:ListAllMyBuckets"],"Resource":"*"}}`
	roles := map[string]string{}
	for _, name := range []string{"one", "two"} {
		roles[name], err = s.NewRole(t.Context(), name, trust, allow)
		must(t)(err)
		_, err = s.IAM(s.Root).UpdateRole(t.Context(), &iam.UpdateRoleInput{RoleName: aws.String(name), MaxSessionDuration: aws.Int32(43200)})
		must(t)(err)
	}
	assume := func(role string, more ...string) []string {
		return append([]string{"sts", "assume-role", "--role-arn", roles[role], "--role-session-name", "work"}, more...)
	}

	// Durations.
	for _, seconds := range []string{"900", "43200"} {
		user.ok(assume("one", "--duration-seconds", seconds)...)
	}
	user.fails(assume("one", "--duration-seconds", "43201"), "ValidationError", "durationSeconds")
	user.ok("sts", "get-session-token", "--duration-seconds", "129600")
	user.fails([]string{"sts", "get-session-token", "--duration-seconds", "129601"}, "ValidationError")
	user.ok("sts", "get-federation-token", "--name", "guest", "--duration-seconds", "129600")
	root.ok("sts", "get-federation-token", "--name", "guest", "--duration-seconds", "129600") // which is cut to an hour
	ran(t, "client cli sessions")

	// Source identity and transitive tags go along a chain, which lasts an hour.
	first := temporaryShell(t, s, user.ok(assume("one", "--source-identity", "ann@example.com", "--tags", "Key=team,Value=red", "Key=cost,Value=12", "--transitive-tag-keys", "team")...))
	first.fails(assume("two", "--duration-seconds", "3601"), "ValidationError", "exceeds the 1 hour session limit for roles assumed by role chaining")
	first.fails(assume("two", "--source-identity", "bob"), "InvalidParameterValue")
	first.fails(assume("two", "--tags", "Key=TEAM,Value=blue"), "InvalidParameterValue", "conflicts with a transitive tag key")
	chained := first.ok(assume("two", "--duration-seconds", "3600", "--tags", "Key=cost,Value=13")...)
	contains(t, chained, `"SourceIdentity": "ann@example.com"`, `"PackedPolicySize": `)
	second := temporaryShell(t, s, chained)
	root.ok("iam", "put-role-policy", "--role-name", "two", "--policy-name", "p", "--policy-document",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"red","aws:PrincipalTag/cost":"13","aws:SourceIdentity":"ann@example.com"}}}}`)
	for _, name := range strings.Fields(root.ok("iam", "list-role-policies", "--role-name", "two", "--query", "PolicyNames", "--output", "text")) {
		if name != "p" {
			root.ok("iam", "delete-role-policy", "--role-name", "two", "--policy-name", name)
		}
	}
	second.ok("s3api", "list-buckets")
	contains(t, first.ok("sts", "get-access-key-info", "--access-key-id", first.Credentials.AccessKeyID), account)
	first.fails([]string{"sts", "get-session-token"}, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	ran(t, "client cli sessions")

	// What a session can carry.
	var tags []string
	for i := range 50 {
		tags = append(tags, fmt.Sprintf("Key=%d,Value=v", i))
	}
	user.ok(assume("one", append([]string{"--tags"}, tags...)...)...)
	user.fails(assume("one", append([]string{"--tags"}, append(tags, "Key=50,Value=v")...)...), "ValidationError")
	user.fails(assume("one", "--tags", "Key=a,Value=1", "Key=A,Value=2"), "InvalidParameterValue", "Duplicate tag keys found")
	user.fails(assume("one", "--tags", "Key=a,Value=1", "--transitive-tag-keys", "b"), "InvalidParameterValue")
	user.fails(assume("one", "--policy", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::`+strings.Repeat("x", 1930)+`"}}`,
		"--policy-arns", "arn=arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"), "PackedPolicyTooLarge")
	narrowed := user.ok(assume("one", "--policy", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}`, "--policy-arns", "arn=arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")...)
	contains(t, narrowed, `"PackedPolicySize": `)
	contains(t, temporaryShell(t, s, narrowed).ok("sts", "get-caller-identity"), ":assumed-role/one/work")
	ran(t, "client cli sessions")
}
