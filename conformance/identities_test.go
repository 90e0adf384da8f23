package conformance

import (
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/keywright/keywright/conformance/harness"
)

// TestForcedDeletion asks for everything that Terraform's aws_iam_user asks for
// before it deletes a user with force_destroy, and what credential scanners ask
// of a user and an account.
func TestForcedDeletion(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	sh := newShell(t, s, s.Root)
	newUser(t, s, "leaver")
	for command, empty := range map[string]string{
		"list-mfa-devices": `"MFADevices": []`, "list-ssh-public-keys": `"SSHPublicKeys": []`,
		"list-signing-certificates": `"Certificates": []`, "list-service-specific-credentials": `"ServiceSpecificCredentials": []`,
		"list-groups-for-user": `"Groups": []`, "list-user-policies": `"PolicyNames": []`, "list-attached-user-policies": `"AttachedPolicies": []`,
	} {
		contains(t, sh.ok("iam", command, "--user-name", "leaver"), empty)
		sh.fails([]string{"iam", command, "--user-name", "nobody"}, "NoSuchEntity", "The user with name nobody cannot be found.")
		ran(t, "client cli identities")
	}
	for command, empty := range map[string]string{
		"list-virtual-mfa-devices": `"VirtualMFADevices": []`, "list-server-certificates": `"ServerCertificateMetadataList": []`,
		"list-saml-providers": `"SAMLProviderList": []`, "list-mfa-devices": `"MFADevices": []`,
	} {
		contains(t, sh.ok("iam", command), empty)
		ran(t, "client cli identities")
	}
	account, err := s.Account(t.Context())
	must(t)(err)
	granting := []string{"iam", "list-policies-granting-service-access", "--service-namespaces", "s3", "--arn", "arn:aws:iam::" + account + ":user/leaver"}
	contains(t, sh.ok(granting...), `"ServiceNamespace": "s3"`, `"Policies": []`)
	sh.ok("iam", "put-user-policy", "--user-name", "leaver", "--policy-name", "reads", "--policy-document", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}`)
	contains(t, sh.ok(granting...), `"PolicyName": "reads"`, `"PolicyType": "INLINE"`, `"EntityName": "leaver"`)
	sh.ok("iam", "delete-user-policy", "--user-name", "leaver", "--policy-name", "reads")
	ran(t, "client cli identities")
	keys := sh.ok("iam", "list-access-keys", "--user-name", "leaver", "--query", "AccessKeyMetadata[0].AccessKeyId", "--output", "text")
	sh.fails([]string{"iam", "delete-user", "--user-name", "leaver"}, "DeleteConflict", "must delete access keys first")
	sh.ok("iam", "delete-access-key", "--user-name", "leaver", "--access-key-id", strings.TrimSpace(keys))
	sh.ok("iam", "delete-user", "--user-name", "leaver")
	sh.fails([]string{"iam", "get-user", "--user-name", "leaver"}, "NoSuchEntity")
	ran(t, "client cli identities")
}

// TestLoginProfiles gives a user a password with the AWS CLI, under the
// account's policy, and has him change it.
func TestLoginProfiles(t *testing.T) {
	t.Parallel()
	const first, second, third = "Correct-Horse-1", "Battery-Staple-2", "Tr0ub4dor-And-3"
	s := startServer(t, harness.Options{})
	root := newShell(t, s, s.Root)
	user := newShell(t, s, newUser(t, s, "clerk"))
	named := func(command string, more ...string) []string {
		return append([]string{"iam", command, "--user-name", "clerk"}, more...)
	}
	root.fails(named("get-login-profile"), "NoSuchEntity", "Login Profile for User clerk cannot be found.")
	root.fails(named("create-login-profile", "--password", "clerk"), "PasswordPolicyViolation", "Password does not conform to the account password policy")
	contains(t, root.ok(named("create-login-profile", "--password", first, "--password-reset-required")...), `"UserName": "clerk"`, `"PasswordResetRequired": true`)
	root.fails(named("create-login-profile", "--password", second), "EntityAlreadyExists", "Login Profile for user clerk already exists.")
	ran(t, "client cli identities")

	// He may not until the account lets its users, or a policy lets him.
	change := func(from, to string) []string {
		return []string{"iam", "change-password", "--old-password", from, "--new-password", to}
	}
	user.fails(change(first, second), "AccessDenied", "is not authorized to perform: iam:ChangePassword on resource: arn:aws:iam::")
	user.fails([]string{"iam", "get-account-password-policy"}, "AccessDenied")
	root.ok("iam", "update-account-password-policy", "--minimum-password-length", "12", "--require-symbols", "--require-numbers",
		"--password-reuse-prevention", "2", "--max-password-age", "90", "--allow-users-to-change-password")
	contains(t, user.ok("iam", "get-account-password-policy"), `"MinimumPasswordLength": 12`)
	user.fails(change(second, third), "AccessDenied", "The old password was incorrect.")
	user.fails(change(first, "NoSymbolIn1"), "PasswordPolicyViolation")
	user.fails(change(first, first), "PasswordPolicyViolation")
	user.ok(change(first, second)...)
	user.fails(change(second, first), "PasswordPolicyViolation")
	user.ok(change(second, third)...)
	contains(t, root.ok(named("get-login-profile")...), `"PasswordResetRequired": false`)
	root.ok("iam", "put-user-policy", "--user-name", "clerk", "--policy-name", "no", "--policy-document",
		`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"iam:ChangePassword","Resource":"*"}}`)
	user.fails(change(third, first), "AccessDenied", "with an explicit deny")
	root.fails(change(third, first), "InvalidUserType")
	ran(t, "client cli identities")

	root.ok("iam", "generate-credential-report")
	report, err := base64.StdEncoding.DecodeString(strings.TrimSpace(root.ok("iam", "get-credential-report", "--query", "Content", "--output", "text")))
	must(t)(err)
	for _, line := range strings.Split(string(report), "\n") {
		if cells := strings.Split(line, ","); cells[0] == "clerk" && (cells[3] != "true" || cells[4] != "no_information" || cells[6] == "N/A") {
			t.Errorf("the credential report says %s", line)
		}
	}
	root.ok(named("update-login-profile", "--password", first, "--password-reset-required")...)
	root.fails(named("delete-user"), "DeleteConflict")
	root.ok(named("delete-login-profile")...)
	root.fails(named("delete-login-profile"), "NoSuchEntity")
	ran(t, "client cli identities")

	// Nobody can read a password, with the master key in reach or without.
	must(t)(s.Stop())
	must(t)(filepath.WalkDir(s.Data, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		for _, password := range []string{first, second, third} {
			if strings.Contains(string(content), password) {
				t.Errorf("%s holds a password", path)
			}
		}
		return err
	}))
	must(t)(s.Restart())
	ran(t, "client cli identities")
}

// TestAuthorizationMessages takes what a denied user was given to an
// administrator, who has it decoded with the AWS CLI.
func TestAuthorizationMessages(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	bucket := newBucket(t, s)
	user := newShell(t, s, newUser(t, s, "clerk", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},
		{"Sid":"NoSecrets","Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::`+bucket+`/secret/*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`))
	admin := newShell(t, s, newUser(t, s, "admin", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:DecodeAuthorizationMessage","Resource":"*"}}`))
	header := regexp.MustCompile(`(?i)'x-keywright-encoded-authorization-message': '([\w-]+)'`)
	denied := func(args ...string) string {
		t.Helper()
		out, err := user.Run(user.Dir, append(args, "--debug")...)
		must(t)(err)
		found := header.FindStringSubmatch(out.Stderr)
		if out.Code == 0 || found == nil {
			t.Fatalf("%s\nexit code %d, and no message in\n%s", out.Command, out.Code, out.Stderr)
		}
		ran(t, "client cli messages")
		return found[1]
	}
	decode := func(message string) []string {
		return []string{"sts", "decode-authorization-message", "--encoded-message", message, "--query", "DecodedMessage", "--output", "text"}
	}
	secret := denied("s3api", "get-object", "--bucket", bucket, "--key", "secret/x", "x")
	contains(t, admin.ok(decode(secret)...), `"allowed":false,"explicitDeny":true,"matchedStatements":{"items":[{"statementId":"NoSecrets","effect":"DENY"`,
		`"name":"clerk"`, `"action":"s3:GetObject","resource":"arn:aws:s3:::`+bucket+`/secret/x"`, `{"key":"aws:SecureTransport","values":{"items":[{"value":"false"}]}}`)
	contains(t, admin.ok(decode(denied("s3api", "head-object", "--bucket", bucket, "--key", "secret/x"))...), `"explicitDeny":true`)
	contains(t, admin.ok(decode(denied("iam", "list-users"))...), `"explicitDeny":false,"matchedStatements":{"items":[]}`, `"action":"iam:ListUsers"`)
	contains(t, admin.ok(decode(denied("sts", "assume-role", "--role-arn", "arn:aws:iam::123456789012:role/none", "--role-session-name", "job"))...), `"action":"sts:AssumeRole"`)

	user.fails(decode(secret), "AccessDenied", "sts:DecodeAuthorizationMessage")
	admin.fails(decode("x"+secret[1:]), "InvalidAuthorizationMessageException", "Message is not valid")
	ran(t, "client cli messages")
	// Strangers are given none.
	reply := raw(t, s, harness.Raw{Method: "GET", URI: "/" + bucket + "/secret/x"})
	if reply.Status != 403 || reply.Header.Get("X-Keywright-Encoded-Authorization-Message") != "" {
		t.Errorf("a stranger gets %d with %v", reply.Status, reply.Header)
	}
	ran(t, "client cli messages")
}

// TestServiceLinkedRoles makes and deletes the role of a service with the AWS
// CLI, as Terraform's aws_iam_service_linked_role does.
func TestServiceLinkedRoles(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	const name = "AWSServiceRoleForElasticBeanstalk"
	sh := newShell(t, s, newUser(t, s, "deployer", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:*Role*"],"Resource":"*"},
		{"Effect":"Deny","Action":"iam:CreateServiceLinkedRole","Resource":"*","Condition":{"StringNotLike":{"iam:AWSServiceName":"elasticbeanstalk.*"}}}]}`))
	sh.fails([]string{"iam", "create-service-linked-role", "--aws-service-name", "ecs.amazonaws.com"}, "AccessDenied")
	sh.fails([]string{"iam", "create-service-linked-role", "--aws-service-name", "nothing.amazonaws.com"}, "InvalidInput")
	create := []string{"iam", "create-service-linked-role", "--aws-service-name", "elasticbeanstalk.amazonaws.com"}
	contains(t, sh.ok(create...), `"RoleName": "`+name+`"`, `:role/aws-service-role/elasticbeanstalk.amazonaws.com/`+name)
	sh.fails(create, "InvalidInput", "has been taken in this account")
	sh.fails([]string{"iam", "delete-role", "--role-name", name}, "UnmodifiableEntity", "this role is only modifiable by AWS")
	sh.ok("iam", "tag-role", "--role-name", name, "--tags", "Key=a,Value=b")
	sh.ok("iam", "update-role", "--role-name", name, "--description", "for the old stack")
	contains(t, sh.ok("iam", "get-role", "--role-name", name), `"for the old stack"`, `"elasticbeanstalk.amazonaws.com"`)
	task := strings.TrimSpace(sh.ok("iam", "delete-service-linked-role", "--role-name", name, "--query", "DeletionTaskId", "--output", "text"))
	contains(t, sh.ok("iam", "get-service-linked-role-deletion-status", "--deletion-task-id", task), "SUCCEEDED")
	sh.fails([]string{"iam", "get-role", "--role-name", name}, "NoSuchEntity")
	ran(t, "client cli identities")
}
