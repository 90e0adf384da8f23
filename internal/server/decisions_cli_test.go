package server

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/keywright/keywright/policy/eval"
)

// byCLI is for make test, which sees to it that the AWS CLI is there.
var byCLI = flag.Bool("awscli", false, "send one case of each file with the AWS CLI too")

// minimumCLI is how many cases must at least be sent with the AWS CLI.
const minimumCLI = 20

// commands are those of the AWS CLI for operations that change nothing but what
// the case's own request has changed.
var commands = map[string]func(a *attempt) []string{
	"s3:ListAllMyBuckets": func(*attempt) []string { return []string{"s3api", "list-buckets"} },
	"s3:ListBucket": func(a *attempt) []string {
		c := []string{"s3api", "list-objects-v2", "--bucket", a.bucket.name}
		for _, name := range []string{"prefix", "delimiter"} {
			if v, ok := a.brought.query[name]; ok {
				c = append(c, "--"+name, v)
			}
		}
		return c
	},
	"s3:GetObject": func(a *attempt) []string {
		return []string{"s3api", "get-object", "--bucket", a.bucket.name, "--key", a.key, os.DevNull}
	},
	"s3:PutObject": func(a *attempt) []string {
		return []string{"s3api", "put-object", "--bucket", a.bucket.name, "--key", a.key}
	},
	"s3:GetBucketLocation": func(a *attempt) []string { return []string{"s3api", "get-bucket-location", "--bucket", a.bucket.name} },
	"sts:AssumeRole": func(a *attempt) []string {
		c := []string{"sts", "assume-role", "--role-arn", a.resource, "--role-session-name", a.brought.sessionName}
		if a.brought.externalID != nil {
			c = append(c, "--external-id", *a.brought.externalID)
		}
		return c
	},
	"iam:GetUser": func(a *attempt) []string { return []string{"iam", "get-user", "--user-name", lastElement(a.resource)} },
	"iam:ListAccessKeys": func(a *attempt) []string {
		return []string{"iam", "list-access-keys", "--user-name", lastElement(a.resource)}
	},
}

// plain reports whether the CLI can bring all that the request brings.
func (b *brought) plain() bool {
	return len(b.headers) == 0 && b.tls == 0 && b.clock.IsZero() && !b.presigned && !b.unsigned && !b.part && b.content == nil &&
		!b.tagged && b.identity == "" && b.query["max-keys"] == ""
}

// checkByCLI sends the request of an attempt with the AWS CLI, if that can. It
// reports whether it did.
func (w *world) checkByCLI(a *attempt, d eval.Decision) bool {
	command, ok := commands[a.op.action]
	if !ok || !a.brought.plain() {
		return false
	}
	args := append(command(a), "--endpoint-url", w.server.Endpoint(), "--region", "us-east-1", "--output", "json")
	if a.creds.AccessKeyID == "" {
		args = append(args, "--no-sign-request")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, cmp.Or(os.Getenv("KEYWRIGHT_CONFORMANCE_AWS"), "aws"), args...)
	c.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.t.TempDir(), "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_MAX_ATTEMPTS=1",
		"AWS_ACCESS_KEY_ID=" + a.creds.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + a.creds.SecretAccessKey, "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=",
	}
	if a.creds.SessionToken != "" {
		c.Env = append(c.Env, "AWS_SESSION_TOKEN="+a.creds.SessionToken)
	}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	err := c.Run()
	if wrong := a.judgeCLI(d, err, stderr.String()); wrong != nil {
		w.t.Errorf("%s: aws %s as %s: %v", a.c.At, strings.Join(args, " "), a.c.Principal.Name, wrong)
	}
	return true
}

func (a *attempt) judgeCLI(d eval.Decision, err error, stderr string) error {
	switch {
	case d.Allowed() && err != nil:
		return fmt.Errorf("want success, got %w: %s", err, stderr)
	case d.Allowed():
		return nil
	case err == nil:
		return fmt.Errorf("want %s, got success", d.Effect)
	case !strings.Contains(stderr, "(AccessDenied)") || !strings.Contains(stderr, a.message(d)):
		return fmt.Errorf("want AccessDenied and %q, got %q", a.message(d), stderr)
	}
	return nil
}
