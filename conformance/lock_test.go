package conformance

import (
	"strings"
	"testing"
)

// TestObjectLock locks versions with the AWS CLI, and tries to delete them.
func TestObjectLock(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	sh := newShell(t, s, s.Root)
	bucket := bucketName(t)
	args := func(operation string, rest ...string) []string {
		return append([]string{"s3api", operation, "--bucket", bucket}, rest...)
	}
	sh.ok(args("create-bucket", "--object-lock-enabled-for-bucket")...)
	contains(t, sh.ok(args("get-bucket-versioning")...), "Enabled")
	sh.ok(args("put-object-lock-configuration", "--object-lock-configuration", `{"ObjectLockEnabled":"Enabled","Rule":{"DefaultRetention":{"Mode":"GOVERNANCE","Days":1}}}`)...)
	contains(t, sh.ok(args("get-object-lock-configuration")...), `"Mode": "GOVERNANCE"`, `"Days": 1`)
	ran(t, "client cli lock")
	sh.write("a", "kept")
	put := func(key string, rest ...string) string {
		t.Helper()
		return strings.TrimSpace(sh.ok(append(args("put-object", "--key", key, "--body", "a", "--query", "VersionId", "--output", "text"), rest...)...))
	}
	governed, complied := put("governed"), put("complied", "--object-lock-mode", "COMPLIANCE", "--object-lock-retain-until-date", "2099-01-01T00:00:00Z")
	contains(t, sh.ok(args("head-object", "--key", "complied")...), `"ObjectLockMode": "COMPLIANCE"`, "2099-01-01")
	for key, id := range map[string]string{"governed": governed, "complied": complied} {
		sh.fails(args("delete-object", "--key", key, "--version-id", id), "AccessDenied", "Access Denied because object protected by object lock.")
		ran(t, "client cli lock")
	}
	sh.fails(args("delete-object", "--key", "complied", "--version-id", complied, "--bypass-governance-retention"), "AccessDenied")
	sh.fails(args("put-object-retention", "--key", "complied", "--retention", "Mode=GOVERNANCE,RetainUntilDate=2099-01-01T00:00:00Z"), "AccessDenied")
	sh.ok(args("put-object-legal-hold", "--key", "governed", "--legal-hold", "Status=ON")...)
	contains(t, sh.ok(args("get-object-legal-hold", "--key", "governed")...), `"Status": "ON"`)
	sh.fails(args("delete-object", "--key", "governed", "--version-id", governed, "--bypass-governance-retention"), "AccessDenied")
	sh.ok(args("put-object-legal-hold", "--key", "governed", "--legal-hold", "Status=OFF")...)
	contains(t, sh.ok(args("get-object-legal-hold", "--key", "governed")...), `"Status": "OFF"`)
	contains(t, sh.ok(args("head-object", "--key", "governed")...), `"ObjectLockLegalHoldStatus": "OFF"`)
	sh.ok(args("delete-object", "--key", "governed", "--version-id", governed, "--bypass-governance-retention")...)
	sh.ok("s3", "rm", "s3://"+bucket+"/complied")
	sh.ok(args("get-object", "--key", "complied", "--version-id", complied, "back")...)
	sh.same("back", "kept")
	ran(t, "client cli lock")
}
