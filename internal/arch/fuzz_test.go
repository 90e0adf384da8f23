package arch

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// decoders are the packages with which text from outside is read. Who imports one
// fuzzes what it reads, or stands in notFuzzed.
var decoders = []string{
	"encoding/base64", "encoding/hex", "encoding/json", "encoding/xml", "mime/multipart", "net/http", "net/netip", "net/url",
}

// notFuzzed are the packages that import a decoder and have no fuzz target, each
// with the reason.
var notFuzzed = map[string]string{
	"facts":                            "reads what it embeds",
	"facts/gen":                        "is run by us alone",
	"internal/access":                  "asks with what others have read",
	"internal/awserr":                  "writes",
	"internal/directory/directorytest": "is of tests",
	"internal/findings":                "writes",
	"internal/objects/objectstest":     "is of tests",
	"internal/oidc/oidctest":           "is of tests",
	"internal/query/querytest":         "is of tests",
	"internal/secrets":                 "reads its own keys, and ciphertexts under them",
	"internal/server":                  "routes requests to those that read them",
	"internal/service":                 "reads documents into the shapes of internal/s3, whose FuzzRequest reaches it",
	"policy/edit":                      "writes into what package policy has read",
	"policy/eval/evaltest":             "is of tests",
}

// TestParsersAreFuzzed holds every package that can read text from outside to a
// fuzz target. That these reach every operation's parser is for FuzzRequest of
// internal/s3, internal/iam and internal/sts to see to, each of which is held
// against the table of operations.
func TestParsersAreFuzzed(t *testing.T) {
	_, packages := tree(t)
	fuzzed, targets := 0, 0
	for _, p := range packages {
		n := fuzzTargets(p)
		targets += n
		reads := slices.ContainsFunc(p.files, func(f *sourceFile) bool {
			return slices.ContainsFunc(f.imports, func(path string) bool { return slices.Contains(decoders, path) })
		})
		switch reason := notFuzzed[p.path]; {
		case reads && n == 0 && reason == "":
			t.Errorf("%s can read text from outside, and has no fuzz target: write one, or say in notFuzzed why it needs none", p.path)
		case reason != "" && (n > 0 || !reads):
			t.Errorf("%s stands in notFuzzed for no reason", p.path)
		case reads && n > 0:
			fuzzed++
		}
	}
	floor(t, "packages that read text from outside and are fuzzed", fuzzed, 20)
	floor(t, "fuzz targets", targets, 40)
}

func fuzzTargets(p *sourcePackage) (n int) {
	for _, f := range p.tests {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Fuzz") {
				n++
			}
		}
	}
	return n
}
