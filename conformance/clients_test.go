package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keywright/keywright/conformance/harness"
)

// TestClients runs the scripts of clients/, each with a client that we did not
// write, as the account's root, and rclone also as David with his folder: it
// puts every object with an ACL, which takes a permission of its own.
func TestClients(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	david := newUser(t, s, "David-of-rclone", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["s3:PutObject","s3:PutObjectAcl","s3:GetObject","s3:DeleteObject"],"Resource":"arn:aws:s3:::`+bucket+`/home/David/*"},
		{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::`+bucket+`","Condition":{"StringLike":{"s3:prefix":"home/David/*"}}}]}`)
	folder, err := filepath.Abs("clients")
	must(t)(err)
	for _, c := range []struct {
		name    string
		command []string
		needs   string // the program, and the Debian package that has it
		least   int
	}{
		{"boto3", []string{"/usr/bin/python3", folder + "/boto3-client.py"}, "python3-boto3", 11},
		{"javascript", []string{"node", folder + "/javascript/client.mjs"}, "nodejs, and npm ci in conformance/clients/javascript", 12},
		{"rclone", []string{"bash", folder + "/rclone.sh"}, "rclone", 8},
		{"restic", []string{"bash", folder + "/restic.sh"}, "restic", 6},
		{"s3cmd", []string{"bash", folder + "/s3cmd.sh"}, "s3cmd", 5},
		{"identities", []string{"/usr/bin/python3", folder + "/identities.py"}, "python3-boto3", 8},
		{"terraform", []string{"/usr/bin/python3", folder + "/terraform.py"}, "python3-boto3", 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			runClient(t, s, "client "+c.name, c.command, c.needs, c.least,
				"DAVID_BUCKET="+bucket, "DAVID_ACCESS_KEY_ID="+david.AccessKeyID, "DAVID_SECRET_ACCESS_KEY="+david.SecretAccessKey)
		})
	}
}

// TestClientsOfLegacyBuckets runs a script of clients/ with a server whose
// buckets are as they were before April 2023, over TLS.
func TestClientsOfLegacyBuckets(t *testing.T) {
	t.Parallel()
	certificate, err := harness.NewCertificate(t.TempDir())
	must(t)(err)
	s := startServer(t, harness.Options{TLS: certificate, Flags: []string{"--bucket-defaults", "legacy"}})
	script, err := filepath.Abs("clients/legacy.sh")
	must(t)(err)
	runClient(t, s, "client legacy", []string{"bash", script}, "rclone, s3cmd and curl", 7, "CERTIFICATE="+certificate.CertFile)
}

// TestBuiltClients runs scripts of clients/ with clients that Debian does not
// have, built from their modules as their authors have them.
func TestBuiltClients(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	folder, err := filepath.Abs("clients")
	must(t)(err)
	for _, c := range []struct {
		name, variable, path string
		least                int
	}{
		{"s5cmd", "S5CMD", "github.com/peak/s5cmd/v2", 9},
		{"mc", "MC", "github.com/minio/mc", 11},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			program := filepath.Join(t.TempDir(), c.name)
			inModule(t, c.name, "build", "-o", program, c.path)
			runClient(t, s, "client "+c.name, []string{"bash", filepath.Join(folder, c.name+".sh")}, "curl", c.least, c.variable+"="+program)
		})
	}
}

// inModule runs a command of Go in one of the modules of clients/.
func inModule(t *testing.T, module string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir = filepath.Join("clients", module)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// runClient runs a script as the account's root, and counts what it has shown.
// The script says which version of the client it has run.
func runClient(t *testing.T, s *harness.Server, id string, command []string, needs string, least int, env ...string) {
	t.Helper()
	script := exec.CommandContext(t.Context(), command[0], command[1:]...)
	script.Dir = t.TempDir()
	script.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "HOME=" + script.Dir, "PYTHONDONTWRITEBYTECODE=1",
		"ENDPOINT=" + s.Endpoint, "AWS_DEFAULT_REGION=us-east-1", "AWS_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=" + s.Root.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + s.Root.SecretAccessKey, "AWS_EC2_METADATA_DISABLED=true",
	}, env...)
	out, err := script.CombinedOutput()
	shown, version := 0, ""
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "ok ") {
			shown++
			ran(t, id)
		}
		if name, ok := strings.CutPrefix(line, "client "); ok {
			version = strings.TrimSpace(name)
		}
	}
	fmt.Printf("conformance: %s showed %d things (at least %d)\n", version, shown, least)
	if err != nil || shown < least || version == "" {
		t.Errorf("%v: showed %d things, want %d or more (it needs %s)\n%s", err, shown, least, needs, out)
	}
}
