package conformance

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/keywright/keywright/conformance/harness"
)

// TestAccounts adds the account of a partner to a server, and has the partner's
// users ask for what is in a bucket: it takes both sides.
func TestAccounts(t *testing.T) {
	t.Parallel()
	const partner = "280772890673"
	s, err := harness.Start(harness.Options{Binary: keywright, Directory: t.TempDir(), AccountID: "700001145864652591"})
	must(t)(err)
	defer s.Close()
	// The server runs on meanwhile.
	out, err := exec.CommandContext(t.Context(), keywright, "account", "add", "--data", s.Data, "--account-id", partner, "--name", "partner", "--json").Output()
	must(t)(err)
	var added struct{ AccountId, AccessKeyId, SecretAccessKey string }
	must(t)(json.Unmarshal(out, &added))
	list, err := exec.CommandContext(t.Context(), keywright, "account", "list", "--data", s.Data).Output()
	must(t)(err)
	contains(t, string(list), "700001145864652591\t", partner+"\t", "\tpartner")

	own := newShell(t, s, s.Root)
	root := newShell(t, s, aws.Credentials{AccessKeyID: added.AccessKeyId, SecretAccessKey: added.SecretAccessKey})
	contains(t, root.ok("sts", "get-caller-identity"), "arn:aws:iam::"+partner+":root")
	if out := own.ok("iam", "list-users"); strings.Contains(out, partner) {
		t.Errorf("one account lists the other's users:\n%s", out)
	}
	user := func(name string, allowed bool) *shell {
		t.Helper()
		root.ok("iam", "create-user", "--user-name", name)
		if allowed {
			root.ok("iam", "put-user-policy", "--user-name", name, "--policy-name", "put", "--policy-document",
				`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:PutObject","s3:PutObjectAcl"],"Resource":"*"}}`)
		}
		var created struct {
			AccessKey struct{ AccessKeyId, SecretAccessKey string }
		}
		must(t)(json.Unmarshal([]byte(root.ok("iam", "create-access-key", "--user-name", name)), &created))
		return newShell(t, s, aws.Credentials{AccessKeyID: created.AccessKey.AccessKeyId, SecretAccessKey: created.AccessKey.SecretAccessKey})
	}
	sequentum, unallowed, other := user("sequentum", true), user("unallowed", false), user("other", true)

	bucket := bucketName(t)
	own.ok("s3", "mb", "s3://"+bucket)
	fails := func(sh *shell, want string) {
		t.Helper()
		sh.write("x", "data")
		sh.fails([]string{"s3api", "put-object", "--bucket", bucket, "--key", "in/x", "--body", "x"}, want)
		ran(t, "client cli accounts")
	}
	// The partner's side alone is not enough, nor is the bucket's.
	fails(sequentum, "AccessDenied) when calling the PutObject operation: Access Denied")
	own.write("policy.json", `{"Version":"2012-10-17","Statement":[{"Sid":"AllowSequentumPutObjects","Effect":"Allow",
		"Principal":{"AWS":["arn:aws:iam::`+partner+`:user/sequentum","arn:aws:iam::`+partner+`:user/unallowed"]},
		"Action":["s3:PutObjectAcl","s3:PutObject"],"Resource":"arn:aws:s3:::`+bucket+`/in/*"}]}`)
	own.ok("s3api", "put-bucket-policy", "--bucket", bucket, "--policy", "file://policy.json")
	fails(unallowed, "AccessDenied")
	fails(other, "AccessDenied")
	sequentum.write("x", "data")
	sequentum.ok("s3api", "put-object", "--bucket", bucket, "--key", "in/x", "--body", "x", "--expected-bucket-owner", "700001145864652591")
	sequentum.fails([]string{"s3api", "put-object", "--bucket", bucket, "--key", "out/x", "--body", "x"}, "AccessDenied")
	sequentum.fails([]string{"s3api", "get-object", "--bucket", bucket, "--key", "in/x", "y"}, "AccessDenied")
	contains(t, own.ok("s3", "cp", "s3://"+bucket+"/in/x", "-"), "data")
	// Names of buckets are one for all.
	root.fails([]string{"s3api", "create-bucket", "--bucket", bucket}, "BucketAlreadyExists")
	ran(t, "client cli accounts")

	// It outlives the server.
	must(t)(s.Stop())
	must(t)(s.Restart())
	contains(t, newShell(t, s, aws.Credentials{AccessKeyID: added.AccessKeyId, SecretAccessKey: added.SecretAccessKey}).ok("sts", "get-caller-identity"), partner)
	own = newShell(t, s, s.Root)
	ran(t, "client cli accounts")

	// A principal that does not exist in an account that is here is refused.
	own.write("typo.json", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+partner+`:user/sequentumm"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::`+bucket+`/*"}]}`)
	own.fails([]string{"s3api", "put-bucket-policy", "--bucket", bucket, "--policy", "file://typo.json"}, "Invalid principal in policy")
	ran(t, "client cli accounts")
}
