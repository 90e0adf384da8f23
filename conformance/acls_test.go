package conformance

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/keywright/keywright/conformance/harness"
)

// TestAccessControlLists has two accounts, and somebody who signs nothing, share
// buckets by access control lists: with the AWS CLI and curl, and with boto3.
func TestAccessControlLists(t *testing.T) {
	t.Parallel()
	const owner, partner = "111122223333", "444455556666"
	options := harness.Options{Binary: keywright, Directory: t.TempDir(), AccountID: owner}
	s, err := harness.Start(options)
	must(t)(err)
	defer s.Close()
	out, err := exec.CommandContext(t.Context(), keywright, "account", "add", "--data", s.Data, "--account-id", partner, "--json").Output()
	must(t)(err)
	var added struct{ AccessKeyId, SecretAccessKey string }
	must(t)(json.Unmarshal(out, &added))
	partners := aws.Credentials{AccessKeyID: added.AccessKeyId, SecretAccessKey: added.SecretAccessKey}

	w := newSharing(t, s, partners)
	w.own.ok("s3api", "create-bucket", "--bucket", w.bucket)
	w.disabled()
	w.enabled()
	w.buckets()
	w.objects()
	w.public()
	w.disabledAgain()

	// Legacy defaults are of new buckets only.
	must(t)(s.Stop())
	options.Flags = []string{"--bucket-defaults", "legacy"}
	legacy, err := harness.Start(options)
	must(t)(err)
	defer legacy.Close()
	before := w.bucket
	w = newSharing(t, legacy, partners)
	contains(t, w.own.ok("s3api", "get-bucket-ownership-controls", "--bucket", before), "BucketOwnerEnforced")
	w.legacy()
	w.account(owner)
	w.boto3(owner)
}

// sharing is a bucket of one account that another uses too.
type sharing struct {
	*testing.T
	s                *harness.Server
	own, other       *shell
	bucket           string
	ownerID, otherID string // canonical user ids
}

func newSharing(t *testing.T, s *harness.Server, partners aws.Credentials) *sharing {
	t.Helper()
	w := &sharing{T: t, s: s, own: newShell(t, s, s.Root), other: newShell(t, s, partners), bucket: bucketName(t)}
	canonical := func(sh *shell) string {
		return strings.TrimSpace(sh.ok("s3api", "list-buckets", "--query", "Owner.ID", "--output", "text"))
	}
	w.ownerID, w.otherID = canonical(w.own), canonical(w.other)
	return w
}

// s3api runs a command on the bucket, which must succeed.
func (w *sharing) s3api(sh *shell, args ...string) string {
	w.Helper()
	ran(w, "acl cli")
	return sh.ok(append([]string{"s3api", args[0], "--bucket", w.bucket}, args[1:]...)...)
}

// fails runs one that must fail.
func (w *sharing) fails(sh *shell, want string, args ...string) {
	w.Helper()
	ran(w, "acl cli")
	sh.fails(append([]string{"s3api", args[0], "--bucket", w.bucket}, args[1:]...), want)
}

// curl sends a request that nobody has signed.
func (w *sharing) curl(method, key, status, want string, more ...string) {
	w.Helper()
	ran(w, "acl curl")
	args := append([]string{"-s", "--max-time", "60", "-X", method, "-w", "%{stderr}%{http_code}"}, more...)
	command := exec.CommandContext(w.Context(), "curl", append(args, w.s.Endpoint+"/"+w.bucket+"/"+key)...)
	var got strings.Builder
	command.Stderr = &got
	body, err := command.Output()
	must(w)(err)
	if got.String() != status || !strings.Contains(string(body), want) {
		w.Errorf("curl -X %s %s: %s, want %s with %q\n%s", method, key, got.String(), status, want, body)
	}
}

func (w *sharing) ownership(v string) {
	w.Helper()
	w.s3api(w.own, "put-bucket-ownership-controls", "--ownership-controls", "Rules=[{ObjectOwnership="+v+"}]")
	contains(w.T, w.s3api(w.own, "get-bucket-ownership-controls"), v)
}

// put puts an object whose content is its key.
func (w *sharing) put(sh *shell, key string, more ...string) {
	w.Helper()
	sh.write("body", key)
	w.s3api(sh, append([]string{"put-object", "--key", key, "--body", "body"}, more...)...)
}

func (w *sharing) reads(sh *shell, key string) {
	w.Helper()
	w.s3api(sh, "get-object", "--key", key, "got")
	got, err := os.ReadFile(filepath.Join(sh.Dir, "got"))
	must(w)(err)
	if string(got) != key {
		w.Errorf("%s holds %q", key, got)
	}
}

func (w *sharing) denied(sh *shell, args ...string) {
	w.Helper()
	w.fails(sh, "AccessDenied", args...)
}

// disabled is a bucket as it is made: no ACL is taken.
func (w *sharing) disabled() {
	w.put(w.own, "mine", "--acl", "bucket-owner-full-control")
	w.fails(w.own, "(AccessControlListNotSupported) when calling the PutObject operation: The bucket does not allow ACLs", "put-object", "--key", "mine", "--acl", "public-read")
	w.fails(w.own, "(AccessControlListNotSupported)", "put-bucket-acl", "--acl", "authenticated-read")
	w.fails(w.own, "(AccessControlListNotSupported)", "put-object-acl", "--key", "mine", "--grant-read", "id="+w.otherID)
	contains(w.T, w.s3api(w.own, "get-bucket-acl"), w.ownerID, "FULL_CONTROL")
	w.reads(w.own, "mine")
	w.denied(w.other, "get-object", "--key", "mine", "x")
	w.denied(w.other, "list-objects-v2")
}

// enabled enables ACLs, and has those refused that nobody can have.
func (w *sharing) enabled() {
	w.ownership("ObjectWriter")
	w.fails(w.own, "Invalid id", "put-bucket-acl", "--grant-read", "id="+strings.Repeat("0", 64))
	w.fails(w.own, "Invalid group uri", "put-bucket-acl", "--grant-read", "uri=http://acs.amazonaws.com/groups/global/Nobody")
	w.fails(w.own, "(MethodNotAllowed)", "put-bucket-acl", "--grant-read", "emailAddress=x@example.com")
	w.fails(w.own, "because public ACLs are prevented by the BlockPublicAcls setting in S3 Block Public Access", "put-bucket-acl", "--acl", "public-read")
	w.denied(w.other, "get-bucket-acl")
	w.denied(w.other, "put-bucket-acl", "--acl", "private")
	if out := w.s3api(w.own, "get-bucket-acl"); strings.Contains(out, w.otherID) || strings.Contains(out, "Group") {
		w.Errorf("a refused ACL is there: %s", out)
	}
}

// buckets grants to the other account what the ACL of a bucket can.
func (w *sharing) buckets() {
	full, other := []string{"put-bucket-acl", "--grant-full-control", "id=" + w.ownerID}, "id="+w.otherID
	w.s3api(w.own, append(full, "--grant-read", other, "--grant-read-acp", other)...)
	contains(w.T, w.s3api(w.other, "get-bucket-acl"), w.ownerID, w.otherID, "READ_ACP")
	contains(w.T, w.s3api(w.other, "list-objects-v2"), `"mine"`)
	w.s3api(w.other, "head-bucket")
	w.denied(w.other, "get-object", "--key", "mine", "x")
	w.denied(w.other, "put-object", "--key", "new")
	w.denied(w.other, "put-bucket-acl", "--acl", "private")
	w.fails(w.own, "(InvalidBucketAclWithObjectOwnership)", "put-bucket-ownership-controls", "--ownership-controls", "Rules=[{ObjectOwnership=BucketOwnerEnforced}]")
	// WRITE is for new objects, and for one's own.
	w.s3api(w.own, append(full, "--grant-write", other)...)
	w.denied(w.other, "list-objects-v2")
	w.put(w.other, "theirs")
	w.put(w.other, "theirs")
	w.put(w.other, "gone")
	w.s3api(w.other, "delete-object", "--key", "gone")
	w.denied(w.other, "put-object", "--key", "mine")
	w.denied(w.other, "delete-object", "--key", "mine")
	w.reads(w.own, "mine")
	// A user of the account needs its own policy too.
	w.other.ok("iam", "create-user", "--user-name", "eve")
	created := w.other.ok("iam", "create-access-key", "--user-name", "eve", "--query", "AccessKey.[AccessKeyId,SecretAccessKey]", "--output", "text")
	key := strings.Fields(created)
	eve := newShell(w.T, w.s, aws.Credentials{AccessKeyID: key[0], SecretAccessKey: key[1]})
	w.denied(eve, "put-object", "--key", "eves")
	w.other.ok("iam", "put-user-policy", "--user-name", "eve", "--policy-name", "p", "--policy-document", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`)
	w.put(eve, "eves")
	w.reads(eve, "eves") // her account owns it
}

// objects has the owners of objects grant.
func (w *sharing) objects() {
	contains(w.T, w.s3api(w.other, "get-object-acl", "--key", "theirs"), w.otherID, "FULL_CONTROL")
	contains(w.T, w.s3api(w.own, "list-objects-v2", "--fetch-owner", "--prefix", "theirs"), w.otherID)
	contains(w.T, w.s3api(w.own, "list-object-versions", "--prefix", "theirs"), w.otherID)
	// The bucket's owner may not read it, not even by a policy.
	w.own.write("policy.json", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":["111122223333","444455556666"]},"Action":"s3:GetObject","Resource":"arn:aws:s3:::`+w.bucket+`/*"}}`)
	w.s3api(w.own, "put-bucket-policy", "--policy", "file://policy.json")
	w.fails(w.own, "because no resource-based policy allows the s3:GetObject action", "get-object", "--key", "theirs", "x")
	w.reads(w.other, "mine")
	w.s3api(w.own, "delete-bucket-policy")
	w.fails(w.own, "because no resource-based policy allows the s3:GetObjectAcl action", "get-object-acl", "--key", "theirs")
	w.s3api(w.other, "put-object-acl", "--key", "theirs", "--acl", "bucket-owner-read")
	w.reads(w.own, "theirs")
	w.denied(w.own, "put-object-acl", "--key", "theirs", "--acl", "private")
	w.other.write("acl.json", `{"Owner":{"ID":"`+w.otherID+`"},"Grants":[{"Grantee":{"Type":"CanonicalUser","ID":"`+w.ownerID+`"},"Permission":"WRITE_ACP"}]}`)
	w.s3api(w.other, "put-object-acl", "--key", "theirs", "--access-control-policy", "file://acl.json")
	w.denied(w.own, "get-object", "--key", "theirs", "x")
	w.s3api(w.own, "put-object-acl", "--key", "theirs", "--acl", "bucket-owner-full-control")
	w.reads(w.own, "theirs")
	contains(w.T, w.s3api(w.own, "get-object-acl", "--key", "theirs"), w.otherID)
	// A copy belongs to who copies.
	w.s3api(w.own, "copy-object", "--key", "copy", "--copy-source", w.bucket+"/theirs")
	if out := w.s3api(w.own, "get-object-acl", "--key", "copy"); strings.Contains(out, w.otherID) {
		w.Errorf("the copy has %s", out)
	}
	w.denied(w.other, "get-object", "--key", "copy", "x")
	// He may delete what others own; and denies bind its owner.
	w.own.write("deny.json", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::`+w.bucket+`/theirs"}}`)
	w.s3api(w.own, "put-bucket-policy", "--policy", "file://deny.json")
	w.denied(w.other, "get-object", "--key", "theirs", "x")
	w.s3api(w.own, "delete-bucket-policy")
	w.s3api(w.own, "delete-object", "--key", "eves")
	w.uploads()
}

// uploads gives the ACL where an upload begins, and the object to its owner.
func (w *sharing) uploads() {
	id := strings.TrimSpace(w.s3api(w.other, "create-multipart-upload", "--key", "upload", "--acl", "bucket-owner-read", "--query", "UploadId", "--output", "text"))
	w.other.write("part", "upload")
	w.s3api(w.other, "upload-part", "--key", "upload", "--upload-id", id, "--part-number", "1", "--body", "part")
	contains(w.T, w.s3api(w.other, "list-parts", "--key", "upload", "--upload-id", id, "--query", "Owner.ID"), w.otherID)
	parts := w.s3api(w.other, "list-parts", "--key", "upload", "--upload-id", id, "--query", "{Parts: Parts[].{PartNumber: PartNumber, ETag: ETag}}")
	w.other.write("parts.json", parts)
	w.s3api(w.other, "complete-multipart-upload", "--key", "upload", "--upload-id", id, "--multipart-upload", "file://parts.json")
	w.reads(w.own, "upload")
	w.ownership("BucketOwnerPreferred")
	w.put(w.other, "given", "--acl", "bucket-owner-full-control")
	contains(w.T, w.s3api(w.own, "get-object-acl", "--key", "given", "--query", "Owner.ID"), w.ownerID)
	w.denied(w.other, "get-object", "--key", "given", "x")
	w.put(w.other, "kept")
	w.denied(w.own, "get-object", "--key", "kept", "x")
}

// public opens objects to all who sign, and to all.
func (w *sharing) public() {
	block := func(v string) {
		w.s3api(w.own, "put-public-access-block", "--public-access-block-configuration", v)
	}
	block("BlockPublicAcls=false")
	w.put(w.own, "signed", "--acl", "authenticated-read")
	w.reads(w.other, "signed")
	w.curl("GET", "signed", "403", "AccessDenied")
	w.put(w.own, "page", "--acl", "public-read")
	w.curl("GET", "page", "200", "page")
	w.curl("GET", "page?acl", "403", "AccessDenied")
	w.curl("DELETE", "page", "403", "AccessDenied")
	w.curl("GET", "none", "403", "AccessDenied") // who may not list may not know
	w.curl("GET", "", "403", "AccessDenied")
	block("IgnorePublicAcls=true")
	w.curl("GET", "page", "403", "AccessDenied")
	w.denied(w.other, "get-object", "--key", "signed", "x")
	w.put(w.own, "page", "--acl", "public-read") // it is set, and ignored
	block("BlockPublicAcls=true")
	w.curl("GET", "page", "200", "page")
	w.fails(w.own, "BlockPublicAcls", "put-object", "--key", "page", "--acl", "public-read")
	w.curl("GET", "page", "200", "page")
	if out := w.own.ok("s3api", "get-bucket-acl", "--bucket", w.bucket); strings.Contains(out, "AllUsers") {
		w.Errorf("an object's ACL is the bucket's: %s", out)
	}
}

// disabledAgain gives the bucket's owner everything, and enables what was there
// before.
func (w *sharing) disabledAgain() {
	w.s3api(w.own, "put-bucket-acl", "--acl", "private")
	w.ownership("BucketOwnerEnforced")
	w.reads(w.own, "kept")
	w.denied(w.other, "get-object", "--key", "kept", "x")
	w.curl("GET", "page", "403", "AccessDenied")
	contains(w.T, w.s3api(w.own, "get-object-acl", "--key", "kept"), w.ownerID)
	w.ownership("ObjectWriter")
	w.reads(w.other, "kept")
	w.denied(w.own, "get-object", "--key", "kept", "x")
	w.curl("GET", "page", "200", "page")
	w.ownership("BucketOwnerEnforced")
}

// legacy is a bucket with the defaults of before April 2023.
func (w *sharing) legacy() {
	w.s3api(w.own, "create-bucket", "--acl", "public-read-write")
	w.fails(w.own, "(OwnershipControlsNotFoundError)", "get-bucket-ownership-controls")
	w.fails(w.own, "(NoSuchPublicAccessBlockConfiguration)", "get-public-access-block")
	w.put(w.own, "x", "--acl", "public-read")
	w.curl("GET", "x", "200", "x")
	w.curl("GET", "none", "404", "NoSuchKey") // who may list may know
	w.curl("GET", "", "200", "<Key>x</Key>")
	w.curl("PUT", "x", "403", "AccessDenied", "-d", "mine now")
	w.curl("PUT", "nobodys", "200", "", "-d", "from nobody")
	w.curl("GET", "nobodys", "200", "from nobody")
	w.denied(w.own, "get-object", "--key", "nobodys", "y")
	w.denied(w.other, "get-object", "--key", "nobodys", "y")
	w.curl("PUT", "for-the-owner", "200", "", "-d", "y", "-H", "x-amz-acl: bucket-owner-full-control")
	w.s3api(w.own, "get-object", "--key", "for-the-owner", "y")
	w.curl("DELETE", "nobodys", "204", "")
	w.s3api(w.own, "delete-bucket-ownership-controls")
	w.fails(w.own, "(NoSuchBucketPolicy)", "get-bucket-policy-status") // which is of policies only
}

// account blocks public access for a whole account, with the CLI as it is: it puts
// the account's id before the host, which goes through the server as a proxy.
func (w *sharing) account(id string) {
	local, err := url.Parse(w.s.Endpoint)
	must(w)(err)
	endpoint := "http://localhost:" + local.Port()
	run := func(sh *shell, of string, args ...string) []string {
		sh.Env = []string{"HTTP_PROXY=" + w.s.Endpoint, "NO_PROXY="}
		return append([]string{"--endpoint-url", endpoint, "s3control", args[0], "--account-id", of}, args[1:]...)
	}
	control := func(sh *shell, args ...string) string { ran(w, "acl cli"); return sh.ok(run(sh, id, args...)...) }
	refused := func(sh *shell, want string, args ...string) {
		ran(w, "acl cli")
		sh.fails(run(sh, id, args...), want)
	}
	refused(w.own, "(NoSuchPublicAccessBlockConfiguration)", "get-public-access-block")
	refused(w.other, "(AccessDenied)", "get-public-access-block")
	control(w.own, "put-public-access-block", "--public-access-block-configuration", "BlockPublicAcls=true,BlockPublicPolicy=true")
	contains(w.T, control(w.own, "get-public-access-block"), `"BlockPublicAcls": true`, `"IgnorePublicAcls": false`)
	w.curl("GET", "x", "200", "x")
	w.fails(w.own, "BlockPublicAcls", "put-object-acl", "--key", "x", "--acl", "public-read")
	w.own.fails([]string{"s3api", "create-bucket", "--bucket", bucketName(w.T), "--acl", "public-read"}, "(InvalidBucketAclWithBlockPublicAccessError)")
	w.own.write("policy.json", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::`+w.bucket+`/*"}}`)
	w.fails(w.own, "BlockPublicPolicy", "put-bucket-policy", "--policy", "file://policy.json")
	control(w.own, "put-public-access-block", "--public-access-block-configuration", "IgnorePublicAcls=true,RestrictPublicBuckets=true")
	w.curl("GET", "x", "403", "AccessDenied")
	w.s3api(w.own, "put-bucket-policy", "--policy", "file://policy.json")
	w.curl("GET", "x", "403", "AccessDenied")
	refused(w.own, "(NotImplemented)", "list-access-points")
	control(w.own, "delete-public-access-block")
	refused(w.own, "(NoSuchPublicAccessBlockConfiguration)", "get-public-access-block")
	w.curl("GET", "x", "200", "x")
	w.s3api(w.own, "delete-bucket-policy")
	w.own.Env, w.other.Env = nil, nil
}

// boto3 shares a bucket of its own with boto3.
func (w *sharing) boto3(id string) {
	script, err := filepath.Abs("clients/acls.py")
	must(w)(err)
	command := exec.CommandContext(w.Context(), "/usr/bin/python3", script)
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "HOME=" + w.TempDir()},
		"ENDPOINT="+w.s.Endpoint, "ACCOUNT="+id, "AWS_DEFAULT_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID="+w.own.Credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+w.own.Credentials.SecretAccessKey,
		"OTHER_ACCESS_KEY_ID="+w.other.Credentials.AccessKeyID, "OTHER_SECRET_ACCESS_KEY="+w.other.Credentials.SecretAccessKey)
	out, err := command.CombinedOutput()
	shown := 0
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "ok ") {
			shown++
			ran(w, "acl boto3")
		}
	}
	if err != nil || shown < 10 {
		w.Errorf("%v: showed %d things (it needs python3-boto3)\n%s", err, shown, out)
	}
}
