package conformance

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/keywright/keywright/conformance/harness"
)

// unblocked is the encryption of a bucket that takes customers' keys.
const unblocked = `{"Rules":[{"BlockedEncryptionTypes":{"EncryptionType":["NONE"]}}]}`

// customerKey is a key that only its client has, as the SDK takes it.
type customerKey struct{ raw, md5 string }

func newCustomerKey(s *harness.Server, seed byte) customerKey {
	raw := make([]byte, 32)
	for i := range raw {
		raw[i] = seed*31 + byte(i*i)*7 + byte(i)
	}
	sum := md5.Sum(raw)
	k := customerKey{string(raw), base64.StdEncoding.EncodeToString(sum[:])}
	s.Secrets.Add(k.raw, base64.StdEncoding.EncodeToString(raw))
	return k
}

func (k customerKey) base64() string { return base64.StdEncoding.EncodeToString([]byte(k.raw)) }

// TestCustomerKeys puts, reads, copies and uploads in parts under keys that only
// the client has, over TLS, with the SDK and the AWS CLI.
func TestCustomerKeys(t *testing.T) {
	t.Parallel()
	certificate, err := harness.NewCertificate(t.TempDir())
	must(t)(err)
	s := startServer(t, harness.Options{TLS: certificate})
	bucket := newBucket(t, s)
	client := s.S3(s.Root)
	key, other := newCustomerKey(s, 1), newCustomerKey(s, 2)
	algorithm := aws.String("AES256")
	const plain = "the plaintext that nobody may find on the disk"
	s.Secrets.Add(plain)
	put := func(name string, k customerKey, body string) error {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &name, Body: strings.NewReader(body),
			SSECustomerAlgorithm: algorithm, SSECustomerKey: aws.String(k.base64()), SSECustomerKeyMD5: &k.md5})
		return err
	}
	get := func(name string, k customerKey) (string, error) {
		out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &name,
			SSECustomerAlgorithm: algorithm, SSECustomerKey: aws.String(k.base64()), SSECustomerKeyMD5: &k.md5})
		if err != nil {
			return "", err
		}
		defer out.Body.Close()
		data, err := io.ReadAll(out.Body)
		return string(data), err
	}
	refusedWith(t, put("blocked", key, plain), 403, "AccessDenied", "this bucket has blocked upload requests that specify Server Side Encryption with Customer provided keys (SSE-C)")
	sh := newShell(t, s, s.Root)
	sh.Bundle = certificate.CertFile
	sh.ok("s3api", "put-bucket-encryption", "--bucket", bucket, "--server-side-encryption-configuration", unblocked)
	contains(t, sh.ok("s3api", "get-bucket-encryption", "--bucket", bucket), "NONE")

	must(t)(put("small", key, plain))
	body, err := get("small", key)
	must(t)(err)
	if body != plain {
		t.Errorf("read %q", body)
	}
	_, err = get("small", other)
	refusedWith(t, err, 403, "AccessDenied", "")
	_, err = client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("small")})
	refusedWith(t, err, 400, "InvalidRequest", "The object was stored using a form of Server Side Encryption.")
	ran(t, "client sse-c")

	large := strings.Repeat(plain, 5000)
	must(t)(put("large", key, large))
	ranged, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("large"), Range: aws.String("bytes=100000-100045"),
		SSECustomerAlgorithm: algorithm, SSECustomerKey: aws.String(key.base64()), SSECustomerKeyMD5: &key.md5})
	must(t)(err)
	data, err := io.ReadAll(ranged.Body)
	must(t)(err)
	if string(data) != large[100000:100046] {
		t.Errorf("the range is %q", data)
	}
	_, err = client.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &bucket, Key: aws.String("copy"), CopySource: aws.String(bucket + "/large"),
		SSECustomerAlgorithm: algorithm, SSECustomerKey: aws.String(other.base64()), SSECustomerKeyMD5: &other.md5,
		CopySourceSSECustomerAlgorithm: algorithm, CopySourceSSECustomerKey: aws.String(key.base64()), CopySourceSSECustomerKeyMD5: &key.md5})
	must(t)(err)
	if body, err = get("copy", other); err != nil || body != large {
		t.Errorf("the copy has %d bytes: %v", len(body), err)
	}
	ran(t, "client sse-c")

	// The CLI's high-level commands, in parts.
	sh.write("key", key.raw)
	sh.generate("content", 20<<20)
	customer := []string{"--sse-c", "AES256", "--sse-c-key", "fileb://key"}
	sh.ok(append([]string{"s3", "cp", "--no-progress", "content", "s3://" + bucket + "/parts"}, customer...)...)
	sh.ok(append([]string{"s3", "cp", "--no-progress", "s3://" + bucket + "/parts", "back"}, customer...)...)
	sh.holds("back", "content", 20<<20)
	sh.fails([]string{"s3", "cp", "--no-progress", "s3://" + bucket + "/parts", "none"}, "400")
	ran(t, "client sse-c cli")

	// A presigned URL is signed with the algorithm, and the client sends the key.
	presigned, err := s3.NewPresignClient(client).PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("small"),
		SSECustomerAlgorithm: algorithm, SSECustomerKey: aws.String(key.base64()), SSECustomerKeyMD5: &key.md5}, s3.WithPresignExpires(time.Minute))
	must(t)(err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, presigned.URL, nil)
	must(t)(err)
	request.Header = presigned.SignedHeader
	response, err := s.HTTP().Do(request)
	must(t)(err)
	defer response.Body.Close()
	if data, err := io.ReadAll(response.Body); err != nil || string(data) != plain {
		t.Errorf("%d %s %v", response.StatusCode, data, err)
	}
	ran(t, "client sse-c presigned")
	boto3(t, s, "encryption.py", certificate.CertFile)
}

// TestKMS uses keys of the key service as people do: with the AWS CLI.
func TestKMS(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	bucket := newBucket(t, s)
	sh := newShell(t, s, s.Root)
	var made struct{ KeyMetadata struct{ KeyID, Arn string } }
	must(t)(json.Unmarshal([]byte(sh.ok("kms", "create-key", "--description", "of the test")), &made))
	id, arn := made.KeyMetadata.KeyID, made.KeyMetadata.Arn
	sh.ok("kms", "create-alias", "--alias-name", "alias/x", "--target-key-id", id)
	contains(t, sh.ok("kms", "list-aliases"), "alias/x", id)
	ran(t, "client kms alias")

	to := "s3://" + bucket
	const plain = "another plaintext that nobody may find on the disk"
	s.Secrets.Add(plain)
	sh.write("small", plain)
	sh.generate("large", 20<<20)
	for _, name := range []string{"small", "large"} {
		sh.ok("s3", "cp", "--no-progress", "--sse", "aws:kms", "--sse-kms-key-id", "alias/x", name, to+"/"+name)
		contains(t, sh.ok("s3api", "head-object", "--bucket", bucket, "--key", name), `"ServerSideEncryption": "aws:kms"`, arn)
		ran(t, "client kms cp")
	}
	sh.ok("s3", "cp", "--no-progress", to+"/large", "back")
	sh.holds("back", "large", 20<<20)
	sh.ok("s3", "cp", "--no-progress", to+"/large", to+"/copied", "--sse", "aws:kms", "--sse-kms-key-id", id)
	sh.ok("s3", "cp", "--no-progress", to+"/copied", "copied")
	sh.holds("copied", "large", 20<<20)
	contains(t, sh.ok("s3", "cp", to+"/small", "-"), plain)
	ran(t, "client kms cp")

	// Data keys, as an encryption library asks for them.
	var data struct{ Plaintext, CiphertextBlob string }
	must(t)(json.Unmarshal([]byte(sh.ok("kms", "generate-data-key", "--key-id", "alias/x", "--key-spec", "AES_256", "--encryption-context", "team=red")), &data))
	raw, err := base64.StdEncoding.DecodeString(data.Plaintext)
	must(t)(err)
	s.Secrets.Add(data.Plaintext, string(raw))
	blob, err := base64.StdEncoding.DecodeString(data.CiphertextBlob)
	must(t)(err)
	sh.write("blob", string(blob))
	contains(t, sh.ok("kms", "decrypt", "--ciphertext-blob", "fileb://blob", "--encryption-context", "team=red"), data.Plaintext, arn)
	sh.fails([]string{"kms", "decrypt", "--ciphertext-blob", "fileb://blob"}, "InvalidCiphertextException")
	ran(t, "client kms data key")

	// A bucket whose uploads are encrypted by default, and one that demands it.
	sh.ok("s3api", "put-bucket-encryption", "--bucket", bucket, "--server-side-encryption-configuration",
		`{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms","KMSMasterKeyID":"`+arn+`"},"BucketKeyEnabled":true}]}`)
	sh.ok("s3", "cp", "--no-progress", "small", to+"/default")
	contains(t, sh.ok("s3api", "head-object", "--bucket", bucket, "--key", "default"), arn, `"BucketKeyEnabled": true`)
	sh.ok("s3api", "put-bucket-policy", "--bucket", bucket, "--policy", fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:PutObject",
		"Resource":"arn:aws:s3:::%s/*","Condition":{"StringNotEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}}}]}`, bucket))
	sh.fails([]string{"s3", "cp", "--no-progress", "small", to + "/refused"}, "AccessDenied", "explicit deny in a resource-based policy")
	sh.fails([]string{"s3", "cp", "--no-progress", "--sse", "AES256", "small", to + "/refused"}, "AccessDenied")
	sh.ok("s3", "cp", "--no-progress", "--sse", "aws:kms", "small", to+"/managed")
	contains(t, sh.ok("kms", "describe-key", "--key-id", "alias/aws/s3"), `"KeyManager": "AWS"`)
	ran(t, "client kms default")

	testKMSPermissions(t, s, bucket, id, arn)

	// A key that is disabled, or to be destroyed, is of no use at once.
	sh.ok("kms", "disable-key", "--key-id", id)
	sh.fails([]string{"s3", "cp", to + "/small", "-"}, "KMS.DisabledException")
	sh.fails([]string{"s3api", "get-object", "--bucket", bucket, "--key", "small", "none"}, "KMS.DisabledException", arn+" is disabled.")
	sh.ok("kms", "enable-key", "--key-id", id)
	contains(t, sh.ok("s3", "cp", to+"/small", "-"), plain)
	contains(t, sh.ok("kms", "schedule-key-deletion", "--key-id", id, "--pending-window-in-days", "7"), "PendingDeletion")
	sh.fails([]string{"s3api", "get-object", "--bucket", bucket, "--key", "small", "none"}, "KMS.KMSInvalidStateException", arn+" is pending deletion.")
	ran(t, "client kms states")

	// The keys outlive the server.
	must(t)(s.Stop())
	must(t)(s.Restart())
	sh.ok("kms", "cancel-key-deletion", "--key-id", id)
	sh.ok("kms", "enable-key", "--key-id", id)
	contains(t, sh.ok("s3", "cp", to+"/small", "-"), plain)
	ran(t, "client kms restart")
}

// testKMSPermissions checks who may with which policies, and how denials read.
func testKMSPermissions(t *testing.T, s *harness.Server, bucket, id, arn string) {
	t.Helper()
	objects := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::` + bucket + `/*"}}`
	user := newUser(t, s, "kms-user", objects)
	client := s.S3(user)
	get := func() error {
		out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("small")})
		if err == nil {
			err = out.Body.Close()
		}
		return err
	}
	put := func() error {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("users"), Body: strings.NewReader("x"),
			ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: &id})
		return err
	}
	refusedWith(t, get(), 403, "AccessDenied", "is not authorized to perform: kms:Decrypt on resource: "+arn+" because no identity-based policy allows the kms:Decrypt action")
	refusedWith(t, put(), 403, "AccessDenied", "is not authorized to perform: kms:GenerateDataKey on resource: "+arn)
	_, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: aws.String("small")})
	must(t)(err)
	// Only through S3, and only for objects of this bucket.
	must(t)(s.PutUserPolicy(t.Context(), "kms-user", "kms", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"`+arn+`",
		"Condition":{"StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com"},"ArnLike":{"kms:EncryptionContext:aws:s3:arn":"arn:aws:s3:::`+bucket+`*"}}}}`))
	must(t)(get())
	must(t)(put())
	sh := newShell(t, s, user)
	sh.fails([]string{"kms", "generate-data-key", "--key-id", id, "--key-spec", "AES_256"}, "AccessDeniedException", "kms:GenerateDataKey")
	// A key policy that names the root no more shuts everybody out but whom it names.
	root := newShell(t, s, s.Root)
	root.write("policy", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+root.account(t)+`"},"Action":"kms:PutKeyPolicy","Resource":"*"}}`)
	root.ok("kms", "put-key-policy", "--key-id", id, "--policy-name", "default", "--policy", "file://policy")
	refusedWith(t, get(), 403, "AccessDenied", "because no resource-based policy allows the kms:Decrypt action")
	root.fails([]string{"s3", "cp", "s3://" + bucket + "/small", "-"}, "because no resource-based policy allows the kms:Decrypt action")
	root.write("policy", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+root.account(t)+`"},"Action":"kms:*","Resource":"*"}}`)
	root.ok("kms", "put-key-policy", "--key-id", id, "--policy-name", "default", "--policy", "file://policy")
	must(t)(get())
	ran(t, "client kms permissions")
}

func (sh *shell) account(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(sh.ok("sts", "get-caller-identity", "--query", "Account", "--output", "text"))
}

// refusedWith checks that a request failed, with a status, a code and words.
func refusedWith(t *testing.T, err error, status int, code, words string) {
	t.Helper()
	if err == nil {
		t.Errorf("allowed, want %d %s", status, code)
		return
	}
	gotStatus, gotCode, message := answer(err)
	if gotStatus != status || gotCode != code || !strings.Contains(message, words) {
		t.Errorf("%d %s: %s\nwant %d %s: %s", gotStatus, gotCode, message, status, code, words)
	}
}

// boto3 runs a script of clients/ as the account's root.
func boto3(t *testing.T, s *harness.Server, script, bundle string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("clients", script))
	must(t)(err)
	command := exec.CommandContext(t.Context(), "/usr/bin/python3", path)
	command.Dir = t.TempDir()
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "HOME=" + command.Dir, "ENDPOINT=" + s.Endpoint, "AWS_DEFAULT_REGION=us-east-1", "AWS_CA_BUNDLE=" + bundle,
		"AWS_ACCESS_KEY_ID=" + s.Root.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + s.Root.SecretAccessKey, "AWS_EC2_METADATA_DISABLED=true"}
	out, err := command.CombinedOutput()
	shown := strings.Count(string(out), "ok ")
	for range shown {
		ran(t, "client boto3 encryption")
	}
	if err != nil || shown < 7 {
		t.Errorf("%v: showed %d things\n%s", err, shown, out)
	}
}
