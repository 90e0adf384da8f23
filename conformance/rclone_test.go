package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/keywright/keywright/conformance/harness"
)

// TestRcloneSuite runs the tests that rclone has for its S3 backend, unchanged,
// with the server in the place of AWS. Over TLS, since rclone's uploads of a
// stream need it.
func TestRcloneSuite(t *testing.T) {
	t.Parallel()
	const backend = "github.com/rclone/rclone/backend/s3"
	dir := t.TempDir()
	suite := filepath.Join(dir, "s3.test")
	inModule(t, "rclone-suite", "test", "-c", "-o", suite, backend)

	certificate, err := harness.NewCertificate(dir)
	must(t)(err)
	s := startServer(t, harness.Options{TLS: certificate})
	command := exec.CommandContext(t.Context(), suite, "-test.v", "-test.timeout", "15m", "-remote", "kw:")
	command.Dir = inModule(t, "rclone-suite", "list", "-f", "{{.Dir}}", backend) // the suite reads files of its source
	command.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "SSL_CERT_FILE=" + certificate.CertFile,
		"RCLONE_CONFIG=" + filepath.Join(dir, "none.conf"), "RCLONE_CONFIG_KW_TYPE=s3", "RCLONE_CONFIG_KW_PROVIDER=AWS", "RCLONE_CONFIG_KW_REGION=" + harness.Region,
		"RCLONE_CONFIG_KW_ENDPOINT=" + s.Endpoint, "RCLONE_CONFIG_KW_FORCE_PATH_STYLE=true",
		"RCLONE_CONFIG_KW_ACCESS_KEY_ID=" + s.Root.AccessKeyID, "RCLONE_CONFIG_KW_SECRET_ACCESS_KEY=" + s.Root.SecretAccessKey,
	}
	out, err := command.CombinedOutput()
	passed := len(regexp.MustCompile(`(?m)^\s*--- PASS: TestIntegration/`).FindAll(out, -1))
	for range passed {
		ran(t, "rclone test")
	}
	if err != nil || !regexp.MustCompile(`(?m)^--- PASS: TestIntegration `).Match(out) {
		t.Errorf("rclone's suite: %v\n%s", err, out)
	}
}
