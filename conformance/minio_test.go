package conformance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/minio/minio-go/v7/pkg/notification"

	"github.com/keywright/keywright/conformance/harness"
)

// minioDiffers are the functional tests of MinIO's client that cannot pass, with
// the reason: a test that is not among them must, and one that is must not.
var minioDiffers = map[string]string{
	"testMakeBucketError":                 "asks for a bucket in eu-central-1, and the server has one region",
	"testMakeBucketRegions":               "asks for a bucket in eu-central-1, and the server has one region",
	"testPutObjectWithChecksums":          "uses SHA512, which S3 had not when its checksums were made",
	"testPutObjectWithTrailingChecksums":  "uses SHA512",
	"testPutMultipartObjectWithChecksums": "uses SHA512",
	"testListObjectsChecksums":            "uses SHA512",
}

// TestMinIOSuite runs the functional tests of MinIO's client for Go, the library
// under its command mc, unchanged, over TLS.
func TestMinIOSuite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	list := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/minio/minio-go/v7")
	module, err := list.Output()
	must(t)(err)
	suite := filepath.Join(dir, "suite")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", suite, filepath.Join(strings.TrimSpace(string(module)), "functional_tests.go"))
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	certificate, err := harness.NewCertificate(dir)
	must(t)(err)
	s := startServer(t, harness.Options{TLS: certificate})
	command := exec.CommandContext(t.Context(), suite)
	command.Dir = dir
	command.Env = []string{
		"HOME=" + dir, "TMPDIR=" + dir, "SSL_CERT_FILE=" + certificate.CertFile, "SERVER_ENDPOINT=" + strings.Replace(s.Addr(), "127.0.0.1", "localhost", 1), "ENABLE_HTTPS=1",
		"ACCESS_KEY=" + s.Root.AccessKeyID, "SECRET_KEY=" + s.Root.SecretAccessKey, "MINT_MODE=full", "RUN_ON_FAIL=1",
	}
	out, err := command.CombinedOutput()
	must(t)(err)
	failed := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var result struct{ Name, Status, Message, Error string }
		if json.Unmarshal(lines.Bytes(), &result) != nil {
			continue
		}
		name := strings.TrimPrefix(result.Name, "minio-go: ")
		switch result.Status {
		case "PASS":
			ran(t, "minio test")
		case "FAIL":
			failed[name] = result.Message + ": " + result.Error
		}
	}
	for name, why := range failed {
		if minioDiffers[name] == "" {
			t.Errorf("%s: %.300s", name, why)
		}
	}
}
