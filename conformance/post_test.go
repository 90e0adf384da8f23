package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keywright/keywright/conformance/harness"
)

// TestForms posts forms that boto3 signs and curl sends, and holds every refusal
// to its status, code and message, and to having changed nothing.
func TestForms(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	user := newUser(t, s, "Paula-of-forms")
	runPython(t, s, "post.py", "form",
		"USER_NAME=Paula-of-forms", "USER_ACCESS_KEY_ID="+user.AccessKeyID, "USER_SECRET_ACCESS_KEY="+user.SecretAccessKey)
}

// TestLines goes through what S3 does in its corners, and how it refuses.
func TestLines(t *testing.T) {
	t.Parallel()
	runPython(t, sharedServer(t), "s3-lines.py", "line")
}

// runPython runs a script of clients/ as the account's root, and counts each
// "ok" that it prints as a check of a group.
func runPython(t *testing.T, s *harness.Server, script, group string, environment ...string) {
	t.Helper()
	path, err := filepath.Abs("clients/" + script)
	must(t)(err)
	command := exec.CommandContext(t.Context(), "/usr/bin/python3", path)
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "HOME=" + t.TempDir(),
		"ENDPOINT=" + s.Endpoint, "AWS_DEFAULT_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=" + s.Root.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + s.Root.SecretAccessKey}, environment...)
	out, err := command.CombinedOutput()
	shown := 0
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "ok ") {
			shown++
			ran(t, group+" "+strings.TrimSpace(line[3:]))
		}
	}
	if err != nil {
		t.Errorf("%v after %d checks (it needs python3-boto3 and curl)\n%s", err, shown, out)
	}
}
