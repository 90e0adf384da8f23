package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkTenThousandCases is keywright test on 10,000 cases, half of them
// allowed: it reads the file, compiles the policies, decides and prints.
func BenchmarkTenThousandCases(b *testing.B) {
	var text bytes.Buffer
	text.WriteString(`account: "123456789012"
policies: {home: home.json}
principals:
  alice: {arn: "arn:aws:iam::123456789012:user/alice", identity: [home]}
  bob: {arn: "arn:aws:iam::123456789012:user/bob", identity: [home]}
cases:
`)
	for i := range 10_000 {
		fmt.Fprintf(&text, `  - name: folder %d
    principal: %s
    action: s3:GetObject
    resource: arn:aws:s3:::my-company/home/alice/x%d
    context: {"aws:SourceIp": 10.0.0.1, "s3:ExistingObjectTag/team": [a, b]}
    expect: %s
`, i, []string{"alice", "bob"}[i%2], i, []string{"allowed", "denied"}[i%2])
	}
	home, err := os.ReadFile("demo/home-folders.json")
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "access.yaml")
	for name, data := range map[string][]byte{path: text.Bytes(), filepath.Join(filepath.Dir(path), "home.json"): home} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		var stdout, stderr bytes.Buffer
		if status := run(context.Background(), []string{"test", path}, &stdout, &stderr); status != 0 || stdout.String() != "10000 cases: 10000 passed, 0 failed\n" {
			b.Fatalf("status %d\n%s%s", status, stdout.String(), stderr.String())
		}
	}
}
