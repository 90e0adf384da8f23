package harness

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// CLIVariable names the environment variable that says which AWS CLI is
// driven; unset it is the aws on PATH.
const CLIVariable = "KEYWRIGHT_CONFORMANCE_AWS"

// FindCLI returns the path of the AWS CLI and the version it reports.
func FindCLI() (path, version string, err error) {
	name := os.Getenv(CLIVariable)
	if name == "" {
		name = "aws"
	}
	if path, err = exec.LookPath(name); err != nil {
		return "", "", fmt.Errorf("the AWS CLI is needed: install it (Debian: apt-get install awscli), or name it in %s: %w", CLIVariable, err)
	}
	out, err := exec.Command(path, "--version").CombinedOutput()
	if err != nil {
		return "", "", fmt.Errorf("%s --version: %w\n%s", path, err, out)
	}
	return path, strings.TrimSpace(string(out)), nil
}

// CLI runs AWS CLI commands as one caller, without anything of the machine's
// own AWS configuration.
type CLI struct {
	Path        string // of the AWS CLI
	Home        string // a directory of its own for configuration and caches
	Endpoint    string // passed with --endpoint-url unless the command names one
	Credentials aws.Credentials
	Bundle      string   // file with the certificate to trust, or ""
	Env         []string // more of the environment
}

// Output is what a command printed and how it ended.
type Output struct {
	Command        string
	Stdout, Stderr string
	Code           int // the exit code
}

// Command returns one command, given without the "aws" in front, to be run in the
// directory dir as a group of processes of its own.
func (c *CLI) Command(dir string, args ...string) *exec.Cmd {
	if !named(args, "--endpoint-url") {
		args = append([]string{"--endpoint-url", c.Endpoint}, args...)
	}
	command := exec.Command(c.Path, args...)
	command.Dir = dir
	command.Env = append(c.environment(), c.Env...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return command
}

// Run runs one command and waits for it. Commands that end with another exit
// code than 0 are no error.
func (c *CLI) Run(dir string, args ...string) (Output, error) {
	command := c.Command(dir, args...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	out := Output{Command: "aws " + strings.Join(command.Args[1:], " "), Stdout: stdout.String(), Stderr: stderr.String()}
	if ended := new(exec.ExitError); errors.As(err, &ended) {
		out.Code, err = ended.ExitCode(), nil
	}
	return out, err
}

func (c *CLI) environment() []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"),
		"LANG=C.UTF-8",
		"HOME=" + c.Home,
		"AWS_CONFIG_FILE=" + filepath.Join(c.Home, "config"),
		"AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(c.Home, "credentials"),
		"AWS_REGION=" + Region,
		"AWS_DEFAULT_REGION=" + Region,
		"AWS_PAGER=",
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_MAX_ATTEMPTS=1",
	}
	if c.Credentials.AccessKeyID != "" {
		env = append(env, "AWS_ACCESS_KEY_ID="+c.Credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+c.Credentials.SecretAccessKey)
	}
	if c.Credentials.SessionToken != "" {
		env = append(env, "AWS_SESSION_TOKEN="+c.Credentials.SessionToken)
	}
	if c.Bundle != "" {
		env = append(env, "AWS_CA_BUNDLE="+c.Bundle)
	}
	return env
}

func named(args []string, option string) bool {
	for _, a := range args {
		if a == option || strings.HasPrefix(a, option+"=") {
			return true
		}
	}
	return false
}
