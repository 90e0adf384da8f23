// Package conformance drives the keywright binary with clients that this
// project did not write, and checks over the wire what users of AWS rely on:
// the published set-ups of folders per user and of a bucket for one user, the
// protocols, bad input, crashes, memory and secrets. Tables of cases are in
// testdata. It knows nothing of the server's insides, and needs the AWS CLI.
package conformance

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/keywright/keywright/conformance/harness"
)

// floors is the least number of checks of each group that a whole run makes.
// Fewer means that checks were lost, which nobody would notice otherwise.
var floors = map[string]int{
	"AB": 700, "PS": 100, "CL": 25, "CN": 44, "SQ": 17,
	"client": 570, "input": 276, "crash": 65, "memory": 3, "secrets": 78, "form": 48, "federation": 46,
	"line": 84,
	"acl":  145, "rclone": 190, "load": 6000, "minio": 120,
}

// lines are the acceptance checks that a whole run must cover, by group.
var lines = map[string]int{"AB": 23, "PS": 11}

// ran counts one check, such as "AB-03" or "client presign".
func ran(t testing.TB, id string) {
	t.Helper()
	tally.Lock()
	defer tally.Unlock()
	tally.checks[id]++
}

var tally = struct {
	sync.Mutex
	checks map[string]int
}{checks: map[string]int{}}

// group is the part of a check's id that its floor goes by.
func group(id string) string { return id[:strings.IndexAny(id+"-", "- ")] }

var (
	keywright  string // the keywright binary under test
	awsCLI     string // the AWS CLI
	workspace  string // holds what the tests share
	everything bool   // whether this run leaves no test out
)

func TestMain(m *testing.M) {
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if !given["test.parallel"] { // much of the time goes by waiting: for disks, and for servers that wait for us
		if err := flag.Set("test.parallel", fmt.Sprint(2*runtime.GOMAXPROCS(0))); err != nil {
			os.Exit(fail(err))
		}
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	everything = unset("test.run") && unset("test.skip") && unset("test.list")
	var version string
	var err error
	if awsCLI, version, err = harness.FindCLI(); err != nil {
		return fail(err)
	}
	if workspace, err = os.MkdirTemp("", "keywright-conformance-"); err != nil {
		return fail(err)
	}
	defer os.RemoveAll(workspace)
	if keywright, err = harness.Build(workspace); err != nil {
		return fail(err)
	}
	fmt.Printf("clients: %s; aws-sdk-go-v2 %s\n", version, aws.SDKVersion)
	code := m.Run()
	if err := commonServer.close(); err != nil {
		code = fail(err)
	}
	if everything {
		if err := report(); err != nil && code == 0 {
			code = fail(err)
		}
	}
	return code
}

func unset(name string) bool {
	f := flag.Lookup(name)
	return f == nil || f.Value.String() == ""
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "conformance:", err)
	return 1
}

// report prints what ran and fails when it was less than it must be.
func report() error {
	count := map[string]int{"secrets": int(harness.SecretsSearched.Load())}
	for id, n := range tally.checks {
		count[group(id)] += n
	}
	var missing []string
	for _, g := range slices.Sorted(maps.Keys(floors)) {
		fmt.Printf("conformance: %-8s %5d checks (at least %d)\n", g, count[g], floors[g])
		if count[g] < floors[g] {
			missing = append(missing, fmt.Sprintf("%s ran %d checks of at least %d", g, count[g], floors[g]))
		}
		for i := range lines[g] {
			if id := fmt.Sprintf("%s-%02d", g, i+1); tally.checks[id] == 0 {
				missing = append(missing, id+" did not run")
			}
		}
	}
	fmt.Printf("conformance: %d files searched for secrets\n", harness.FilesSearched.Load())
	if missing != nil {
		return fmt.Errorf("%s", strings.Join(missing, "; "))
	}
	return nil
}

// common is the server that tests share when all they need is a bucket.
type common struct {
	once   sync.Once
	server *harness.Server
	err    error
}

var commonServer common

func (c *common) close() error {
	if c.server == nil {
		return nil
	}
	return c.server.Close()
}

// sharedServer returns the server that tests share.
func sharedServer(t testing.TB) *harness.Server {
	t.Helper()
	commonServer.once.Do(func() {
		dir := filepath.Join(workspace, "shared")
		if commonServer.err = os.Mkdir(dir, 0o700); commonServer.err == nil {
			commonServer.server, commonServer.err = harness.Start(harness.Options{Binary: keywright, Directory: dir})
		}
	})
	if commonServer.err != nil {
		t.Fatal(commonServer.err)
	}
	return commonServer.server
}

// startServer starts a server for one test, which ends with the test.
func startServer(t testing.TB, o harness.Options) *harness.Server {
	t.Helper()
	o.Binary, o.Directory = keywright, t.TempDir()
	s, err := harness.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// newBucket makes a bucket named after the test.
func newBucket(t testing.TB, s *harness.Server) string {
	t.Helper()
	bucket := bucketName(t)
	must(t)(s.S3(s.Root).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}))
	return bucket
}

// bucketName returns a name after the test, and another one each time.
func bucketName(t testing.TB) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, t.Name())
	return fmt.Sprintf("%.50s-%d", name, bucketsMade.Add(1))
}

var bucketsMade atomic.Int64

// newUser makes a user named after the test.
func newUser(t testing.TB, s *harness.Server, name string, policies ...string) aws.Credentials {
	t.Helper()
	creds, err := s.NewUser(t.Context(), name, policies...)
	if err != nil {
		t.Fatal(err)
	}
	return creds
}

// must returns a function that ends the test when the last of what it is given
// is an error.
func must(t testing.TB) func(...any) {
	return func(results ...any) {
		t.Helper()
		if err, ok := results[len(results)-1].(error); ok {
			t.Fatal(err)
		}
	}
}

// document returns a file of testdata with its variables, each a name and its
// value, filled in.
func document(t testing.TB, name string, variables ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(variables...).Replace(string(text))
}

// shell runs AWS CLI commands for one test as one caller.
type shell struct {
	*harness.CLI
	t   testing.TB
	Dir string // the commands' directory
}

func newShell(t testing.TB, s *harness.Server, creds aws.Credentials) *shell {
	return &shell{t: t, Dir: t.TempDir(), CLI: &harness.CLI{Path: awsCLI, Home: t.TempDir(), Endpoint: s.Endpoint, Credentials: creds}}
}

// ok runs a command that must succeed and returns what it printed.
func (sh *shell) ok(args ...string) string {
	sh.t.Helper()
	out, err := sh.Run(sh.Dir, args...)
	if err != nil || out.Code != 0 {
		sh.t.Fatalf("%s\nexit code %d, %v\n%s%s", out.Command, out.Code, err, out.Stdout, out.Stderr)
	}
	return out.Stdout
}

// fails runs a command that must fail and whose error must contain all of want.
func (sh *shell) fails(args []string, want ...string) {
	sh.t.Helper()
	out, err := sh.Run(sh.Dir, args...)
	if err != nil || out.Code == 0 {
		sh.t.Fatalf("%s\nexit code %d, %v; want a failure\n%s%s", out.Command, out.Code, err, out.Stdout, out.Stderr)
	}
	for _, w := range want {
		if !strings.Contains(out.Stderr, w) {
			sh.t.Errorf("%s\nprinted %swant %q in it", out.Command, out.Stderr, w)
		}
	}
}

// write puts a file into the commands' directory.
func (sh *shell) write(name, content string) {
	sh.t.Helper()
	must(sh.t)(os.WriteFile(filepath.Join(sh.Dir, name), []byte(content), 0o600))
}

// read returns a file of the commands' directory.
func (sh *shell) read(name string) string {
	sh.t.Helper()
	content, err := os.ReadFile(filepath.Join(sh.Dir, name))
	must(sh.t)(err)
	return string(content)
}

// raw sends a raw request and returns the answer.
func raw(t testing.TB, s *harness.Server, r harness.Raw) *harness.Reply {
	t.Helper()
	reply, err := s.Do(context.WithoutCancel(t.Context()), s.HTTP(), r)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}
