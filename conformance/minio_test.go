package conformance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/minio/minio-go/v7/pkg/notification"
	"github.com/minio/minio-go/v7/pkg/replication"

	"github.com/keywright/keywright/conformance/harness"
)

// minioDiffers are the functional tests of MinIO's client that cannot pass, with
// the reason: a test that is not among them must, and one that is must not.
var minioDiffers = map[string]string{
	"testMakeBucketError":                 "asks for a bucket in eu-central-1, and the server has one region",
	"testMakeBucketRegions":               "asks for a bucket in eu-central-1, and the server has one region",
	"testPutObjectWithChecksums":          "uses algorithms that are not supported, such as SHA512",
	"testPutObjectWithTrailingChecksums":  "uses algorithms that are not supported, such as SHA512",
	"testPutMultipartObjectWithChecksums": "uses algorithms that are not supported, such as SHA512",
	"testListObjectsChecksums":            "uses algorithms that are not supported, such as SHA512",
	"testListMultipartUpload":             "wants uploads without initiator, owner and storage class, as MinIO lists them and AWS does not",
	"testGetObjectACLContext":             "wants an ACL that was put to be forgotten, as MinIO does and AWS does not",
	"testGetObjectAttributesErrorCases":   "wants NoSuchVersion for what is no version's id, where AWS answers InvalidArgument",
	"testPresignedPostPolicyWrongFile":    "looks for quotes in XML that need not be escaped, and are",
}

// TestMinIOSuite runs the functional tests of MinIO's client for Go, the library
// under its command mc, unchanged, over TLS.
func TestMinIOSuite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	list := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/minio/minio-go/v7")
	module, err := list.Output()
	must(t)(err)
	suite := filepath.Join(dir, "suite")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", suite, filepath.Join(strings.TrimSpace(string(module)), "functional_tests.go"))
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	certificate, err := harness.NewCertificate(dir)
	must(t)(err)
	s := startServer(t, harness.Options{TLS: certificate, Flags: []string{"--bucket-defaults", "legacy"}})
	command := exec.CommandContext(t.Context(), suite)
	command.Dir = dir
	command.Env = []string{
		"HOME=" + dir, "TMPDIR=" + dir, "SSL_CERT_FILE=" + certificate.CertFile, "SERVER_ENDPOINT=" + strings.Replace(s.Addr(), "127.0.0.1", "localhost", 1), "ENABLE_HTTPS=1",
		"ACCESS_KEY=" + s.Root.AccessKeyID, "SECRET_KEY=" + s.Root.SecretAccessKey, "MINT_MODE=full", "RUN_ON_FAIL=1",
	}
	out, err := command.CombinedOutput()
	must(t)(err)
	failed := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var result struct{ Name, Status, Message, Error string }
		if json.Unmarshal(lines.Bytes(), &result) != nil {
			continue
		}
		name := strings.TrimPrefix(result.Name, "minio-go: ")
		switch result.Status {
		case "PASS":
			ran(t, "minio test")
		case "FAIL":
			failed[name] = result.Message + ": " + result.Error
		}
	}
	for name := range minioDiffers {
		if failed[name] == "" {
			t.Errorf("%s passes: it is no longer one that cannot", name)
		}
	}
	for name, why := range failed {
		if minioDiffers[name] == "" && !strings.Contains(why, "Please use AWS4-HMAC-SHA256") { // Signature Version 2 is refused
			t.Errorf("%s: %.300s", name, why)
		}
	}
}

// TestMinIOClient uses what the suite does not: a role, and the documents of a
// bucket, of which those that are not supported are refused by name.
func TestMinIOClient(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	ctx := t.Context()
	connect := func(creds *credentials.Credentials) *minio.Client {
		client, err := minio.New(s.Addr(), &minio.Options{Creds: creds, Region: harness.Region})
		must(t)(err)
		return client
	}
	client := connect(credentials.NewStaticV4(s.Root.AccessKeyID, s.Root.SecretAccessKey, ""))

	user := newUser(t, s, "minio-user", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}`)
	account, err := s.Account(ctx)
	must(t)(err)
	role, err := s.NewRole(ctx, "minio-role", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+account+`"},"Action":"sts:AssumeRole"}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:PutObject","s3:GetObject"],"Resource":"arn:aws:s3:::`+bucket+`/in/*"}}`)
	must(t)(err)
	assumed, err := credentials.NewSTSAssumeRole(s.Endpoint, credentials.STSAssumeRoleOptions{
		AccessKey: user.AccessKeyID, SecretKey: user.SecretAccessKey, RoleARN: role, RoleSessionName: "minio", Location: harness.Region,
	})
	must(t)(err)
	session := connect(assumed)
	const size = 20 << 20
	up, err := session.PutObject(ctx, bucket, "in/large", harness.Content("large", size), size, minio.PutObjectOptions{PartSize: 5 << 20, UserMetadata: map[string]string{"by": "role"}})
	must(t)(err)
	if up.Size != size || !strings.HasSuffix(up.ETag, "-4") {
		t.Errorf("%d bytes went up with the ETag %s", up.Size, up.ETag)
	}
	down, err := session.GetObject(ctx, bucket, "in/large", minio.GetObjectOptions{})
	must(t)(err)
	must(t)(harness.SameContent(down, harness.Content("large", size)))
	if _, err := session.PutObject(ctx, bucket, "out", strings.NewReader("x"), 1, minio.PutObjectOptions{}); minio.ToErrorResponse(err).Code != "AccessDenied" {
		t.Errorf("outside of what the role may: %v", err)
	}
	ran(t, "client minio role")

	rules := lifecycle.NewConfiguration()
	rules.Rules = []lifecycle.Rule{{ID: "old", Status: "Enabled", RuleFilter: lifecycle.Filter{Prefix: "tmp/"}, Expiration: lifecycle.Expiration{Days: 7}}}
	must(t)(client.SetBucketLifecycle(ctx, bucket, rules))
	got, err := client.GetBucketLifecycle(ctx, bucket)
	must(t)(err)
	if len(got.Rules) != 1 || got.Rules[0].Expiration.Days != 7 || got.Rules[0].RuleFilter.Prefix != "tmp/" {
		t.Errorf("the rules came back as %+v", got.Rules)
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + role + `"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::` + bucket + `/also/*"}]}`
	must(t)(client.SetBucketPolicy(ctx, bucket, policy))
	if text, err := client.GetBucketPolicy(ctx, bucket); text != policy {
		t.Errorf("the policy came back as %s, %v", text, err)
	}
	ran(t, "client minio documents")
	for name, err := range map[string]error{
		"notifications": client.SetBucketNotification(ctx, bucket, notification.Configuration{}),
		"replication":   client.SetBucketReplication(ctx, bucket, replication.Config{Rules: []replication.Rule{{ID: "x"}}}),
	} {
		if minio.ToErrorResponse(err).Code != "NotImplemented" {
			t.Errorf("%s: %v, want NotImplemented", name, err)
		}
	}
	ran(t, "client minio refusals")
}
