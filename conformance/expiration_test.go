package conformance

import (
	"strings"
	"testing"
	"time"

	"github.com/keywright/keywright/conformance/harness"
)

// TestLifecycle puts rules with the AWS CLI on a server whose days are of two
// seconds, and waits for what they end.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	s, err := harness.Start(harness.Options{Binary: keywright, Directory: t.TempDir(), Flags: []string{"--lifecycle-day", "2s"}})
	must(t)(err)
	defer s.Close()
	sh := newShell(t, s, s.Root)
	bucket := newBucket(t, s)
	args := func(operation string, rest ...string) []string {
		return append([]string{"s3api", operation, "--bucket", bucket}, rest...)
	}
	sh.fails(args("get-bucket-lifecycle-configuration"), "NoSuchLifecycleConfiguration")
	sh.write("rules.json", `{"Rules":[
		{"ID":"logs","Status":"Enabled","Filter":{"Prefix":"logs/"},"Expiration":{"Days":1}},
		{"ID":"uploads","Status":"Enabled","Filter":{"Prefix":""},"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":1}}]}`)
	sh.ok(args("put-bucket-lifecycle-configuration", "--lifecycle-configuration", "file://rules.json")...)
	contains(t, sh.ok(args("get-bucket-lifecycle-configuration")...), `"ID": "logs"`, `"DaysAfterInitiation": 1`)
	sh.write("a", "x")
	contains(t, sh.ok(args("put-object", "--key", "logs/a", "--body", "a")...), `rule-id=\"logs\"`)
	sh.ok(args("put-object", "--key", "kept", "--body", "a")...)
	sh.ok(args("create-multipart-upload", "--key", "big")...)
	ran(t, "client cli lifecycle")
	until(t, "the log and the upload are gone", func() bool {
		keys := sh.ok("s3", "ls", "--recursive", "s3://"+bucket)
		uploads := sh.ok(args("list-multipart-uploads")...)
		return !strings.Contains(keys, "logs/a") && strings.Contains(keys, "kept") && !strings.Contains(uploads, "UploadId")
	})
	ran(t, "client cli lifecycle")
	sh.ok(args("delete-bucket-lifecycle")...)
	sh.fails(args("get-bucket-lifecycle-configuration"), "NoSuchLifecycleConfiguration")
}

// until waits for what must come to pass, for two minutes at most.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("two minutes have passed, and not: %s", what)
}
