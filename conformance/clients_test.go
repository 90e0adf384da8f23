package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
		{"boto3", []string{"/usr/bin/python3", folder + "/boto3-client.py"}, "python3-boto3", 10},
		{"javascript", []string{"node", folder + "/javascript/client.mjs"}, "nodejs, and npm ci in conformance/clients/javascript", 8},
		{"rclone", []string{"bash", folder + "/rclone.sh"}, "rclone", 8},
		{"restic", []string{"bash", folder + "/restic.sh"}, "restic", 4},
		{"s3cmd", []string{"bash", folder + "/s3cmd.sh"}, "s3cmd", 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			command := exec.CommandContext(t.Context(), c.command[0], c.command[1:]...)
			command.Dir = t.TempDir()
			command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "HOME=" + command.Dir},
				"ENDPOINT="+s.Endpoint, "AWS_DEFAULT_REGION=us-east-1", "AWS_REGION=us-east-1",
				"AWS_ACCESS_KEY_ID="+s.Root.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+s.Root.SecretAccessKey, "AWS_EC2_METADATA_DISABLED=true",
				"DAVID_BUCKET="+bucket, "DAVID_ACCESS_KEY_ID="+david.AccessKeyID, "DAVID_SECRET_ACCESS_KEY="+david.SecretAccessKey)
			out, err := command.CombinedOutput()
			shown := 0
			for line := range strings.Lines(string(out)) {
				if strings.HasPrefix(line, "ok ") {
					shown++
					ran(t, "client "+c.name)
				}
			}
			if err != nil || shown < c.least {
				t.Errorf("%v: showed %d things, want %d or more (it needs %s)\n%s", err, shown, c.least, c.needs, out)
			}
		})
	}
}
