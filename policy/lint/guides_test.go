package lint

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is found into testdata/guides.txt, for a person to judge")

// guide is a policy of testdata/guides.txt.
type guide struct {
	title    string
	kind     Kind
	opts     Options
	document string
	found    string // a line for each finding
}

func guides(t testing.TB) (intro string, all []guide) {
	t.Helper()
	text, err := os.ReadFile("testdata/guides.txt")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "\n== ")
	for _, b := range blocks[1:] {
		title, rest, ok1 := strings.Cut(b, "\n")
		document, found, ok2 := strings.Cut(rest, "-- found\n")
		name, options, ok3 := strings.Cut(strings.TrimSuffix(title, "]"), " [")
		if !ok1 || !ok2 || !ok3 {
			t.Fatalf("%s is no guide", title)
		}
		g := guide{title: name, document: document, found: strings.TrimSpace(found)}
		for i, option := range strings.Fields(options) {
			name, value, _ := strings.Cut(option, "=")
			switch {
			case i == 0:
				g.kind, ok1 = ParseKind(name)
			case name == "managed":
				g.opts.Managed = true
			case name == "bucket":
				g.opts.Bucket = value
			case name == "account":
				g.opts.Account = value
			default:
				ok1 = false
			}
			if !ok1 {
				t.Fatalf("%s: no option %q", title, option)
			}
		}
		all = append(all, g)
	}
	return blocks[0], all
}

// options writes the type and the options as the file has them.
func (g *guide) options() string {
	options := KindName(g.kind)
	if g.opts.Managed {
		options += " managed"
	}
	if g.opts.Bucket != "" {
		options += " bucket=" + g.opts.Bucket
	}
	if g.opts.Account != "" {
		options += " account=" + g.opts.Account
	}
	return options
}

// Exactly what should be found in the policies of published guides is found.
func TestGuides(t *testing.T) {
	intro, all := guides(t)
	out := intro
	clean, findings := 0, 0
	for _, g := range all {
		doc, found := Validate([]byte(g.document), g.kind, g.opts)
		checkFindings(t, doc, found)
		var lines []string
		for _, f := range found {
			lines = append(lines, f.Position.String()+" "+string(f.Code))
		}
		findings += len(found)
		if len(found) == 0 {
			clean++
		}
		got := strings.Join(lines, "\n")
		if got != g.found && !*update {
			t.Errorf("%s: found\n%s\nwant\n%s%s", g.title, got, g.found, list(found))
		}
		out += "\n== " + g.title + " [" + g.options() + "]\n" + g.document + "-- found\n" + got
		if got != "" {
			out += "\n"
		}
	}
	if *update {
		if err := os.WriteFile("testdata/guides.txt", []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d guides, %d of them without findings, %d findings", len(all), clean, findings)
	if len(all) < 25 || clean < 6 || findings < 60 {
		t.Error("there are too few guides or findings")
	}
}

// What AWS itself writes, and what the demonstration uses, is not full of
// findings: these are all.
func TestManagedPolicies(t *testing.T) {
	want := map[string]string{
		"AdministratorAccess.json": "PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE CREATE_SLR_WITH_STAR_IN_ACTION_AND_RESOURCE",
		"IAMFullAccess.json":       "PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE CREATE_SLR_WITH_STAR_IN_ACTION_AND_RESOURCE",
		"PowerUserAccess.json":     "CREATE_SLR_WITH_STAR_IN_RESOURCE",
		"AmazonS3FullAccess.json":  "WILDCARD_ACTION_ON_BUCKET",
		"home-folders.json":        "LIST_ALL_BUCKETS WILDCARD_ACTION_ON_OBJECTS",
	}
	files, err := filepath.Glob("../../internal/directory/awsmanaged/documents/*.json")
	if err != nil || len(files) < 7 {
		t.Fatalf("%d documents, %v", len(files), err)
	}
	for _, path := range append(files, "../../internal/cli/demo/home-folders.json") {
		document, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, found := Validate(document, Identity, Options{Managed: true})
		var codes []string
		for _, f := range found {
			codes = append(codes, string(f.Code))
		}
		if got := strings.Join(codes, " "); got != want[filepath.Base(path)] {
			t.Errorf("%s: found %s, want %q", path, list(found), want[filepath.Base(path)])
		}
	}
}
