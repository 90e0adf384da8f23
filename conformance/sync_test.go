package conformance

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/keywright/keywright/conformance/harness"
)

// syncFiles are how many files TestCLISyncThousands keeps alike.
const syncFiles = 2000

// TestCLISyncThousands keeps a folder of thousands of files and a prefix alike
// with the AWS CLI, with files that go in parts among them: up, killed in the
// middle and begun again; down; with what is excluded, what changed and what was
// removed; and then copies, moves and removes all of it.
func TestCLISyncThousands(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	sh := newShell(t, s, s.Root)
	to := "s3://" + bucket
	for i := range syncFiles {
		sh.generate(fmt.Sprintf("tree/%02d/%d/file-%d", i%40, i%3, i), int64(i%2000))
	}
	for i := range 3 {
		sh.generate(fmt.Sprintf("tree/large/%d", i), 20<<20+int64(i))
	}
	sh.write("tree/scratch.tmp", "not to be taken")
	count := func(prefix string) int {
		t.Helper()
		n := 0
		for p := s3.NewListObjectsV2Paginator(s.S3(s.Root), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix}); p.HasMorePages(); {
			page, err := p.NextPage(t.Context())
			must(t)(err)
			n += len(page.Contents)
		}
		return n
	}
	has := func(prefix string, want int) {
		t.Helper()
		if n := count(prefix); n != want {
			t.Fatalf("%d objects at %s, want %d", n, prefix, want)
		}
		ran(t, "client cli thousands")
	}

	// The client is killed when a part of it is there.
	command := sh.Command(sh.Dir, "s3", "sync", "--only-show-errors", "--exclude", "*.tmp", "tree", to+"/mirror")
	must(t)(command.Start())
	for deadline := time.Now().Add(2 * time.Minute); count("mirror/") < 500 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	must(t)(syscall.Kill(-command.Process.Pid, syscall.SIGKILL))
	if err := command.Wait(); err == nil {
		t.Fatal("the client had ended before it was killed")
	}
	if n := count("mirror/"); n < 500 || n >= syncFiles {
		t.Fatalf("the client was killed after %d objects", n)
	}
	sh.ok("s3", "sync", "--only-show-errors", "--exclude", "*.tmp", "tree", to+"/mirror")
	has("mirror/", syncFiles+3)
	if out := sh.ok("s3", "sync", "--no-progress", "--exclude", "*.tmp", "tree", to+"/mirror"); out != "" {
		t.Errorf("a second sync did\n%.2000s", out)
	}
	ran(t, "client cli thousands")
	sh.ok("s3", "sync", "--only-show-errors", to+"/mirror", "back")
	must(t)(os.Remove(filepath.Join(sh.Dir, "tree", "scratch.tmp")))
	sh.alike("tree", "back")

	// What changed goes, and nothing else; what is gone is removed, and what is
	// excluded is not.
	sh.generate("tree/00/0/file-0", 10000)
	must(t)(os.RemoveAll(filepath.Join(sh.Dir, "tree", "01")))
	gone := strings.Count(sh.ok("s3", "ls", "--recursive", to+"/mirror/01/"), "\n")
	out := sh.ok("s3", "sync", "--no-progress", "--delete", "--exclude", "01/0/*", "tree", to+"/mirror")
	left := count("mirror/01/")
	if up, deleted := strings.Count(out, "upload: "), strings.Count(out, "delete: "); up != 1 || deleted != gone-left || left == 0 || deleted == 0 {
		t.Errorf("%d went up and %d of %d were removed:\n%.2000s", up, deleted, gone, out)
	}
	sh.ok("s3", "sync", "--only-show-errors", "--delete", "tree", to+"/mirror")
	has("mirror/01/", 0)
	sh.ok("s3", "sync", "--only-show-errors", "--delete", to+"/mirror", "back")
	sh.alike("tree", "back")

	all := count("mirror/")
	sh.ok("s3", "cp", "--recursive", "--only-show-errors", to+"/mirror", to+"/copy")
	has("copy/", all)
	sh.ok("s3", "mv", "--recursive", "--only-show-errors", "--exclude", "*", "--include", "02/*", to+"/copy", to+"/moved")
	moved := count("moved/")
	has("copy/02/", 0)
	has("copy/", all-moved)
	sh.ok("s3", "cp", "--recursive", "--only-show-errors", to+"/moved", "moved")
	sh.alike("tree/02", "moved/02")
	sh.ok("s3", "rm", "--recursive", "--only-show-errors", "--exclude", "large/*", to+"/copy")
	has("copy/", 3)
	sh.ok("s3", "rb", "--force", to)
	sh.fails([]string{"s3", "ls", to}, "NoSuchBucket")
	ran(t, "client cli thousands")
}

// alike checks that two folders have the same files.
func (sh *shell) alike(a, b string) {
	sh.t.Helper()
	files := func(dir string) map[string]bool {
		found := map[string]bool{}
		must(sh.t)(filepath.WalkDir(filepath.Join(sh.Dir, dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				name, _ := filepath.Rel(filepath.Join(sh.Dir, dir), path)
				found[name] = true
			}
			return err
		}))
		return found
	}
	there, here := files(a), files(b)
	for name := range there {
		want, err := os.ReadFile(filepath.Join(sh.Dir, a, name))
		must(sh.t)(err)
		got, err := os.ReadFile(filepath.Join(sh.Dir, b, name))
		if err != nil || !bytes.Equal(got, want) {
			sh.t.Fatalf("%s is not alike in %s and %s: %v", name, a, b, err)
		}
		delete(here, name)
	}
	if len(here) > 0 {
		sh.t.Fatalf("%s has %d files that %s has not", b, len(here), a)
	}
	ran(sh.t, "client cli thousands")
}

// TestCLIStreams puts what comes from a pipe, and writes to one; large ones go in
// parts. It also configures a website, which is stored.
func TestCLIStreams(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	sh := newShell(t, s, s.Root)
	for name, size := range map[string]int64{"empty": 0, "small": 100, "large": 25<<20 + 7} {
		to := "s3://" + bucket + "/" + name
		up := sh.Command(sh.Dir, "s3", "cp", "-", to, "--metadata", "from=pipe", "--storage-class", "STANDARD_IA")
		up.Stdin = harness.Content(name, size)
		if out, err := up.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		down := sh.Command(sh.Dir, "s3", "cp", to, "-")
		content, err := down.Output()
		must(t)(err)
		must(t)(harness.SameContent(bytes.NewReader(content), harness.Content(name, size)))
		contains(t, sh.ok("s3api", "head-object", "--bucket", bucket, "--key", name), `"from": "pipe"`, `"StorageClass": "STANDARD_IA"`)
		ran(t, "client cli stream")
	}
	sh.ok("s3", "website", "s3://"+bucket, "--index-document", "index.html", "--error-document", "error.html")
	contains(t, sh.ok("s3api", "get-bucket-website", "--bucket", bucket), `"Suffix": "index.html"`, `"Key": "error.html"`)
	ran(t, "client cli website")
}
