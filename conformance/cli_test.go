package conformance

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/keywright/keywright/conformance/harness"
)

// TestCLI uses the AWS CLI's high-level commands as people do.
func TestCLI(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	sh := newShell(t, s, s.Root)
	bucket := bucketName(t)
	to := "s3://" + bucket
	contains(t, sh.ok("s3", "mb", to), "make_bucket: "+bucket)
	contains(t, sh.ok("s3", "ls"), bucket)
	sh.ok("s3", "mb", to) // in us-east-1, who owns the bucket may create it again
	ran(t, "client cli mb")

	// Files above 8 MiB go up and down in parts.
	for name, size := range map[string]int64{"small": 5, "empty": 0, "16MiB": 16 << 20, "40MiB": 40<<20 + 1} {
		sh.generate(name, size)
		sh.ok("s3", "cp", "--no-progress", name, to+"/dir/"+name)
		sh.ok("s3", "cp", "--no-progress", to+"/dir/"+name, "back/"+name)
		sh.holds("back/"+name, name, size)
		ran(t, "client cli cp")
	}
	sh.ok("s3", "cp", "--no-progress", to+"/dir/40MiB", to+"/copied/40MiB")
	sh.ok("s3", "cp", "--no-progress", to+"/copied/40MiB", "back/copied")
	sh.holds("back/copied", "40MiB", 40<<20+1)
	ran(t, "client cli cp")
	contains(t, sh.ok("s3", "ls", "--recursive", "--summarize", to), "dir/16MiB", "copied/40MiB", "Total Objects: 5")
	ran(t, "client cli ls")

	sh.ok("s3", "mv", "--no-progress", to+"/dir/small", to+"/moved")
	sh.fails([]string{"s3", "ls", to + "/dir/small"})
	sh.ok("s3", "mv", "--no-progress", to+"/moved", "moved")
	sh.holds("moved", "small", 5)
	sh.fails([]string{"s3", "cp", to + "/moved", "-"}, "404")
	ran(t, "client cli mv")

	sh.presign(s, to+"/dir/16MiB")

	sh.fails([]string{"s3", "rb", to}, "BucketNotEmpty")
	sh.ok("s3", "rm", "--recursive", to+"/copied")
	if out := sh.ok("s3", "ls", to+"/dir/"); strings.Count(out, "\n") != 3 {
		t.Errorf("after rm of another folder:\n%s", out)
	}
	ran(t, "client cli rm")
	contains(t, sh.ok("s3", "rb", "--force", to), "remove_bucket: "+bucket)
	sh.fails([]string{"s3api", "head-bucket", "--bucket", bucket}, "404")
	ran(t, "client cli rb")
}

// TestCLISync keeps a folder and a prefix alike.
func TestCLISync(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	sh := newShell(t, s, s.Root)
	to := "s3://" + bucket + "/mirror"
	names := []string{"a", "b b", "c/ü+%20&=", "c/d/e"}
	for _, name := range names {
		sh.generate("tree/"+name, 1000)
	}
	sh.ok("s3", "sync", "--no-progress", "tree", to)
	if out := sh.ok("s3", "sync", "--no-progress", "tree", to); out != "" {
		t.Errorf("a second sync did\n%s", out)
	}
	ran(t, "client cli sync")
	sh.ok("s3", "sync", "--no-progress", to, "back")
	for _, name := range names {
		sh.holds("back/"+name, "tree/"+name, 1000)
	}
	ran(t, "client cli sync")
	must(t)(os.Remove(filepath.Join(sh.Dir, "tree", "c", "d", "e")))
	contains(t, sh.ok("s3", "sync", "--no-progress", "--delete", "tree", to), "delete: "+to+"/c/d/e")
	if out := sh.ok("s3", "ls", "--recursive", to); strings.Count(out, "\n") != 3 {
		t.Errorf("after sync --delete:\n%s", out)
	}
	ran(t, "client cli sync")
}

// presign has the CLI sign a URL and gets it without any credentials.
func (sh *shell) presign(s *harness.Server, object string) {
	sh.t.Helper()
	sh.ok("configure", "set", "default.s3.signature_version", "s3v4")
	url := strings.TrimSpace(sh.ok("s3", "presign", object, "--expires-in", "60"))
	response, err := s.HTTP().Get(url)
	must(sh.t)(err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		sh.t.Fatalf("%s: %s", url, response.Status)
	}
	must(sh.t)(harness.SameContent(response.Body, harness.Content("16MiB", 16<<20)))
	ran(sh.t, "client cli presign")
}

// generate makes a file with the content that belongs to its name.
func (sh *shell) generate(name string, size int64) {
	sh.t.Helper()
	path := filepath.Join(sh.Dir, name)
	must(sh.t)(os.MkdirAll(filepath.Dir(path), 0o700))
	f, err := os.Create(path)
	must(sh.t)(err)
	_, err = io.Copy(f, harness.Content(name, size))
	must(sh.t)(err)
	must(sh.t)(f.Close())
}

// holds checks that a file has the content that belongs to a name.
func (sh *shell) holds(file, name string, size int64) {
	sh.t.Helper()
	f, err := os.Open(filepath.Join(sh.Dir, file))
	must(sh.t)(err)
	defer f.Close()
	if err := harness.SameContent(f, harness.Content(name, size)); err != nil {
		sh.t.Errorf("%s: %v", file, err)
	}
}

// TestCLIAdministers makes and removes users, groups, policies, keys and roles
// with the CLI alone.
func TestCLIAdministers(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	account, err := s.Account(t.Context())
	must(t)(err)
	sh := newShell(t, s, s.Root)
	sh.write("p.json", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}`)
	arn := "arn:aws:iam::" + account + ":policy/cli-policy"
	for _, command := range []string{
		"iam create-group --group-name cli-group",
		"iam create-user --user-name cli-user --path /staff/ --tags Key=team,Value=red",
		"iam add-user-to-group --group-name cli-group --user-name cli-user",
		"iam create-policy --policy-name cli-policy --policy-document file://p.json",
		"iam attach-group-policy --group-name cli-group --policy-arn " + arn,
		"iam create-policy-version --policy-arn " + arn + " --policy-document file://p.json --set-as-default",
		"iam list-policies --scope Local",
		"iam put-user-policy --user-name cli-user --policy-name inline --policy-document file://p.json",
		"iam get-user-policy --user-name cli-user --policy-name inline",
	} {
		sh.ok(strings.Fields(command)...)
	}
	contains(t, sh.ok("iam", "get-user", "--user-name", "CLI-USER"), "AIDA", "/staff/", ":user/staff/cli-user", "red")
	contains(t, sh.ok("iam", "list-groups-for-user", "--user-name", "cli-user"), "cli-group", "AGPA")
	contains(t, sh.ok("iam", "get-policy", "--policy-arn", arn), "ANPA", "v2")
	contains(t, sh.ok("iam", "list-attached-group-policies", "--group-name", "cli-group"), arn)
	sh.fails(strings.Fields("iam create-user --user-name Cli-User"), "EntityAlreadyExists")
	sh.fails(strings.Fields("iam get-user --user-name nobody"), "NoSuchEntity", "The user with name nobody cannot be found.")
	sh.fails(strings.Fields("iam delete-user --user-name cli-user"), "DeleteConflict")
	sh.fails(strings.Fields("iam delete-policy --policy-arn "+arn), "DeleteConflict")
	sh.fails([]string{"iam", "put-user-policy", "--user-name", "cli-user", "--policy-name", "bad", "--policy-document", `{"Version":"2012-10-17"`}, "MalformedPolicyDocument")
	ran(t, "client cli iam")

	for range 2 {
		creds, err := s.NewKey(t.Context(), "cli-user")
		must(t)(err)
		contains(t, newShell(t, s, creds).ok("sts", "get-caller-identity"), "arn:aws:iam::"+account+":user/staff/cli-user")
	}
	sh.fails(strings.Fields("iam create-access-key --user-name cli-user"), "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
	ran(t, "client cli iam")
	for _, field := range strings.Fields(sh.ok("iam", "list-access-keys", "--user-name", "cli-user", "--query", "AccessKeyMetadata[].AccessKeyId", "--output", "text")) {
		sh.ok("iam", "delete-access-key", "--user-name", "cli-user", "--access-key-id", field)
	}
	for _, command := range []string{
		"iam remove-user-from-group --group-name cli-group --user-name cli-user",
		"iam delete-user-policy --user-name cli-user --policy-name inline",
		"iam delete-user --user-name cli-user",
		"iam detach-group-policy --group-name cli-group --policy-arn " + arn,
		"iam delete-policy-version --policy-arn " + arn + " --version-id v1",
		"iam delete-policy --policy-arn " + arn,
		"iam delete-group --group-name cli-group",
	} {
		sh.ok(strings.Fields(command)...)
	}
	ran(t, "client cli iam")
}

// TestTLS speaks HTTPS, over which the SDK and the CLI send the body as a stream
// with its checksum in the trailer.
func TestTLS(t *testing.T) {
	t.Parallel()
	certificate, err := harness.NewCertificate(t.TempDir())
	must(t)(err)
	s := startServer(t, harness.Options{TLS: certificate})
	bucket := newBucket(t, s)
	client := s.S3(s.Root)
	for i, size := range []int64{1, 100, 64 << 10, 1<<20 + 1, 9 << 20} {
		key, name := fmt.Sprint("stream-", i), fmt.Sprint("content-", i)
		body := struct{ io.Reader }{harness.Content(name, size)} // not seekable: it cannot be hashed beforehand
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: body, ContentLength: &size})
		must(t)(err)
		out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		must(t)(err)
		must(t)(harness.SameContent(out.Body, harness.Content(name, size)))
		must(t)(out.Body.Close())
		if out.ChecksumCRC32 == nil {
			t.Errorf("%d bytes: no checksum is kept", size)
		}
		ran(t, "client tls")
	}
	sh := newShell(t, s, s.Root)
	sh.Bundle = certificate.CertFile
	sh.generate("large", 20<<20)
	sh.ok("s3", "cp", "--no-progress", "large", "s3://"+bucket+"/large")
	sh.ok("s3", "cp", "--no-progress", "s3://"+bucket+"/large", "back")
	sh.holds("back", "large", 20<<20)
	ran(t, "client tls")
}
