package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"keywright": func() { os.Exit(Main()) }})
}

// TestScripts runs the scripts of testdata/script: each tells a story of the
// command line. Beside testscript's own commands they have:
//
//	start NAME ARGS...    starts keywright ARGS and waits until it serves; its
//	                      output is in NAME.out and NAME.err, and ENDPOINT and
//	                      ADDRESS are where it listens
//	end NAME [STATUS]     sends it a Ctrl-C and waits for it to end with STATUS
//	interrupt NAME        sends it a Ctrl-C while a connection is open on which
//	                      nothing comes, and waits until it accepts no others
//	fails STATUS ARGS...  runs keywright ARGS, which must end with STATUS; its
//	                      output is in out and err
//	exits STATUS ARGS...  runs keywright ARGS, which must end with STATUS and
//	                      tell no error; its output is in out and err
//	get PATH STATUS       asks the server that was started last
//	as PROFILE ls PREFIX  lists my-company with delimiter "/", into out
//	as PROFILE cat KEY    reads an object of my-company, into out
//	nosecret CONFIG FILE...  no secret of the profiles is in the files
//
// A name that testscript has for a command of its own would never reach ours:
// "stop" there ends a script, as passed. So what ran is counted.
func TestScripts(t *testing.T) {
	var ended atomic.Int32
	t.Cleanup(func() { countEnds(t, int(ended.Load())) })
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values["processes"] = map[string]*process{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": startCommand, "end": func(ts *testscript.TestScript, neg bool, args []string) {
				endCommand(ts, neg, args)
				ended.Add(1)
			},
			"interrupt": interruptCommand, "fails": failsCommand,
			"exits": exitsCommand, "get": getCommand, "as": asCommand, "nosecret": nosecretCommand,
		},
	})
}

// countEnds fails unless every script that starts a server came to the line that
// ends it.
func countEnds(t *testing.T, ended int) {
	paths, err := filepath.Glob("testdata/script/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "end ") {
				lines++
			}
		}
	}
	if everything := flag.Lookup("test.run").Value.String() == ""; everything && !t.Failed() && (ended != lines || lines < 15) {
		t.Errorf("%d servers were ended, of %d: scripts stopped before", ended, lines)
	}
}

// process is a keywright that a script started.
type process struct {
	*exec.Cmd
	ended chan error
}

// program returns keywright with the script's folder and environment.
func program(ts *testscript.TestScript, args []string) *exec.Cmd {
	c := exec.Command(filepath.Join(strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator))[0], "keywright"), args...)
	c.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GOCOVERDIR"} {
		if v := ts.Getenv(name); v != "" {
			c.Env = append(c.Env, name+"="+v)
		}
	}
	for _, name := range variables {
		if v := ts.Getenv(name); v != "" {
			c.Env = append(c.Env, name+"="+v)
		}
	}
	return c
}

var variables = []string{
	"KEYWRIGHT_DATA", "KEYWRIGHT_LISTEN", "KEYWRIGHT_ACCOUNT_ID", "KEYWRIGHT_REGION", "KEYWRIGHT_DOMAIN", "KEYWRIGHT_TLS_CERT",
	"KEYWRIGHT_TLS_KEY", "KEYWRIGHT_TRUSTED_PROXY", "KEYWRIGHT_BUCKET_DEFAULTS", "KEYWRIGHT_LIFECYCLE_DAY", "KEYWRIGHT_LOG_FORMAT", "KEYWRIGHT_LOG_LEVEL", masterKeyVariable, rootKeyIDVariable, rootSecretVariable,
}

var endpointPattern = regexp.MustCompile(`(?m) at (https?://(\S+))$[^\0]*\n`)

func startCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME ARGS...")
	}
	name := args[0]
	p := &process{program(ts, args[1:]), make(chan error, 1)}
	out, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	defer out.Close()
	errs, err := os.Create(ts.MkAbs(name + ".err"))
	ts.Check(err)
	defer errs.Close()
	p.Stdout, p.Stderr = out, errs
	ts.Check(p.Start())
	go func() { p.ended <- p.Wait() }()
	ts.Defer(func() { p.Process.Kill() })
	ts.Value("processes").(map[string]*process)[name] = p
	for {
		select {
		case err := <-p.ended:
			ts.Fatalf("%s ended: %v\n%s", name, err, ts.ReadFile(name+".err"))
		case <-time.After(5 * time.Millisecond):
		}
		if m := endpointPattern.FindStringSubmatch(ts.ReadFile(name + ".out")); m != nil {
			ts.Setenv("ENDPOINT", m[1])
			ts.Setenv("ADDRESS", m[2])
			return
		}
	}
}

func endCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: end NAME [STATUS]")
	}
	p := ts.Value("processes").(map[string]*process)[args[0]]
	ts.Check(p.Process.Signal(os.Interrupt))
	want := "0"
	if len(args) > 1 {
		want = args[1]
	}
	if status := statusOf(<-p.ended); status != want {
		ts.Fatalf("%s ended with %s, want %s\n%s", args[0], status, want, ts.ReadFile(args[0]+".err"))
	}
}

func interruptCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: interrupt NAME")
	}
	p := ts.Value("processes").(map[string]*process)[args[0]]
	conn, err := net.Dial("tcp", ts.Getenv("ADDRESS"))
	ts.Check(err)
	ts.Defer(func() { conn.Close() })
	response, err := http.Get(ts.Getenv("ENDPOINT") + "/-/health") // which is accepted after
	ts.Check(err)
	response.Body.Close()
	ts.Check(p.Process.Signal(os.Interrupt))
	for {
		other, err := net.Dial("tcp", ts.Getenv("ADDRESS"))
		if err != nil {
			return
		}
		other.Close()
		time.Sleep(time.Millisecond)
	}
}

// statusOf returns how a process ended: with its status, or -1 by a signal.
func statusOf(err error) string {
	var e *exec.ExitError
	switch {
	case err == nil:
		return "0"
	case errors.As(err, &e):
		return strconv.Itoa(e.ExitCode())
	}
	return err.Error()
}

func failsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails STATUS ARGS...")
	}
	if errs := ends(ts, args[0], args[1:]); !strings.HasPrefix(errs, "error: ") || !strings.Contains(errs, "\nhint: ") {
		ts.Fatalf("no error and hint:\n%s", errs)
	}
}

func exitsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS ARGS...")
	}
	if errs := ends(ts, args[0], args[1:]); strings.Contains(errs, "error: ") {
		ts.Fatalf("an error:\n%s", errs)
	}
}

// ends runs keywright, which must end with a status, and returns its errors.
func ends(ts *testscript.TestScript, want string, args []string) string {
	var out, errs bytes.Buffer
	p := program(ts, args)
	p.Stdout, p.Stderr = &out, &errs
	status := statusOf(p.Run())
	ts.Check(os.WriteFile(ts.MkAbs("out"), out.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), errs.Bytes(), 0o600))
	if status != want {
		ts.Fatalf("ended with %s, want %s\n%s%s", status, want, out.String(), errs.String())
	}
	return errs.String()
}

func getCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: get PATH STATUS")
	}
	response, err := http.Get(ts.Getenv("ENDPOINT") + args[0])
	ts.Check(err)
	response.Body.Close()
	if got := strconv.Itoa(response.StatusCode); got != args[1] {
		ts.Fatalf("GET %s: %s, want %s", args[0], response.Status, args[1])
	}
}

func asCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: as PROFILE ls|cat WHAT")
	}
	p, err := readProfiles(ts.MkAbs("data/demo/config"))
	ts.Check(err)
	key, ok := p.keys[args[0]]
	if !ok {
		ts.Fatalf("no profile %s", args[0])
	}
	client := newCompany(ts.Getenv("ENDPOINT"), "us-east-1", key).s3
	do := map[string]func(*s3.Client, string) (string, error){"ls": list, "cat": read}[args[1]]
	out, err := do(client, args[2])
	if (err != nil) != neg {
		ts.Fatalf("%v: %v", args, err)
	}
	if err != nil {
		out = err.Error() + "\n"
	}
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(out), 0o600))
}

func list(c *s3.Client, prefix string) (string, error) {
	page, err := c.ListObjectsV2(context.Background(), &s3.ListObjectsV2Input{Bucket: aws.String(companyBucket), Prefix: aws.String(prefix), Delimiter: aws.String("/")})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, p := range page.CommonPrefixes {
		fmt.Fprintln(&b, aws.ToString(p.Prefix))
	}
	for _, o := range page.Contents {
		fmt.Fprintln(&b, aws.ToString(o.Key))
	}
	return b.String(), nil
}

func read(c *s3.Client, key string) (string, error) {
	o, err := c.GetObject(context.Background(), &s3.GetObjectInput{Bucket: aws.String(companyBucket), Key: aws.String(key)})
	if err != nil {
		return "", err
	}
	defer o.Body.Close()
	data, err := io.ReadAll(o.Body)
	return string(data), err
}

func nosecretCommand(ts *testscript.TestScript, neg bool, args []string) {
	p, err := readProfiles(ts.MkAbs(args[0]))
	ts.Check(err)
	if neg || len(p.keys) != len(profileNames) {
		ts.Fatalf("%d profiles in %s", len(p.keys), args[0])
	}
	for _, name := range args[1:] {
		for profile, key := range p.keys {
			if strings.Contains(ts.ReadFile(name), key.Secret) {
				ts.Fatalf("%s shows the secret of %s", name, profile)
			}
		}
	}
}

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"/srv/data/demo/config": "/srv/data/demo/config",
		"/srv/my data/config":   "'/srv/my data/config'",
		"/srv/it's/$x":          `'/srv/it'\''s/$x'`,
	} {
		if got := quote(word); got != want {
			t.Errorf("quote(%q) = %s, want %s", word, got, want)
		}
	}
}

// TestVariables: every flag of a command that serves has its variable in the
// help, and in the list above.
func TestVariables(t *testing.T) {
	known := strings.Join(variables, " ") + " "
	flags := 0
	for _, c := range newRoot().Commands() {
		c.InitDefaultHelpFlag()
		if c.Name() != "serve" && c.Name() != "demo" {
			continue
		}
		for line := range strings.Lines(c.Flags().FlagUsages()) {
			m := regexp.MustCompile(`--([a-z-]+) .*\[(KEYWRIGHT_[A-Z_]+)\]`).FindStringSubmatch(line)
			if strings.Contains(line, "--help") {
				continue
			}
			if m == nil || variable(m[1]) != m[2] || !strings.Contains(known, m[2]+" ") {
				t.Errorf("%s: %q does not tell its variable", c.Name(), line)
			}
			flags++
		}
	}
	if flags < 18 {
		t.Errorf("looked at %d flags", flags)
	}
}
