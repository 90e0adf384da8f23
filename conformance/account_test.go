package conformance

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keywright/keywright/conformance/harness"
)

// TestInstanceProfiles puts a role into an instance profile with the AWS CLI,
// which must be allowed to pass it, and takes both away again.
func TestInstanceProfiles(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	account, err := s.Account(t.Context())
	must(t)(err)
	role, err := s.NewRole(t.Context(), "web", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)
	must(t)(err)
	const manage = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:*InstanceProfile*"],"Resource":"*"}]}`
	const pass = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}]}`
	sh := newShell(t, s, newUser(t, s, "deployer", manage))

	contains(t, sh.ok("iam", "create-instance-profile", "--instance-profile-name", "front", "--tags", "Key=team,Value=red"), "AIPA", ":instance-profile/front", `"Roles": []`)
	add := []string{"iam", "add-role-to-instance-profile", "--instance-profile-name", "front", "--role-name", "web"}
	sh.fails(add, "AccessDenied", "arn:aws:iam::"+account+":user/deployer is not authorized to perform: iam:PassRole on resource: "+role)
	_, err = s.IAM(s.Root).PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("deployer"), PolicyName: aws.String("pass"), PolicyDocument: aws.String(pass)})
	must(t)(err)
	sh.ok(add...)
	sh.fails(add, "LimitExceeded", "InstanceSessionsPerInstanceProfile: 1")
	contains(t, sh.ok("iam", "get-instance-profile", "--instance-profile-name", "front"), `"RoleName": "web"`, `"Value": "red"`)
	contains(t, sh.ok("iam", "list-instance-profiles-for-role", "--role-name", "web"), `"InstanceProfileName": "front"`)
	root := newShell(t, s, s.Root)
	root.fails([]string{"iam", "delete-role", "--role-name", "web"}, "DeleteConflict", "must remove roles from instance profile first")
	sh.fails([]string{"iam", "delete-instance-profile", "--instance-profile-name", "front"}, "DeleteConflict")
	sh.ok("iam", "tag-instance-profile", "--instance-profile-name", "front", "--tags", "Key=env,Value=prod")
	sh.ok("iam", "untag-instance-profile", "--instance-profile-name", "front", "--tag-keys", "team")
	contains(t, sh.ok("iam", "list-instance-profile-tags", "--instance-profile-name", "front"), `"Key": "env"`)
	sh.ok("iam", "remove-role-from-instance-profile", "--instance-profile-name", "front", "--role-name", "web")
	sh.ok("iam", "delete-instance-profile", "--instance-profile-name", "front")
	contains(t, sh.ok("iam", "list-instance-profiles"), `"InstanceProfiles": []`)
	ran(t, "client cli account")
}

// TestAccountSettings gives an account an alias and a password policy with the
// AWS CLI.
func TestAccountSettings(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	sh := newShell(t, s, s.Root)
	contains(t, sh.ok("iam", "list-account-aliases"), `"AccountAliases": []`)
	sh.ok("iam", "create-account-alias", "--account-alias", "example-corp")
	sh.fails([]string{"iam", "create-account-alias", "--account-alias", "example-corp"}, "EntityAlreadyExists", "The account alias example-corp already exists.")
	sh.fails([]string{"iam", "delete-account-alias", "--account-alias", "another"}, "NoSuchEntity")
	contains(t, sh.ok("iam", "list-account-aliases"), "example-corp")
	sh.ok("iam", "delete-account-alias", "--account-alias", "example-corp")
	ran(t, "client cli account")

	get := []string{"iam", "get-account-password-policy"}
	sh.fails(get, "NoSuchEntity", "The Password Policy with domain name ")
	sh.ok("iam", "update-account-password-policy", "--minimum-password-length", "14", "--require-symbols", "--max-password-age", "90")
	contains(t, sh.ok(get...), `"MinimumPasswordLength": 14`, `"RequireSymbols": true`, `"RequireNumbers": false`, `"ExpirePasswords": true`, `"MaxPasswordAge": 90`)
	sh.fails([]string{"iam", "update-account-password-policy", "--max-password-age", "2000"}, "ValidationError")
	sh.ok("iam", "delete-account-password-policy")
	sh.fails(get, "NoSuchEntity")
	ran(t, "client cli account")

	sh.fails([]string{"iam", "get-credential-report"}, "ReportNotPresent")
	contains(t, sh.ok("iam", "generate-credential-report"), "COMPLETE")
	report, err := base64.StdEncoding.DecodeString(strings.TrimSpace(sh.ok("iam", "get-credential-report", "--query", "Content", "--output", "text")))
	must(t)(err)
	contains(t, string(report), "user,arn,user_creation_time,password_enabled,", "<root_account>,arn:aws:iam::")
	contains(t, sh.ok("iam", "get-account-summary"), `"InstanceProfilesQuota": 1000`, `"AccountAccessKeysPresent": 1`)
	ran(t, "client cli account")
}
