package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/keywright/keywright/"
)

// sourceFile is one Go file of the module.
type sourceFile struct {
	path    string // from the root, with slashes
	syntax  *ast.File
	imports []string // modules' packages without the module's own path
	lines   int
}

// sourcePackage is the files of one folder, tests apart.
type sourcePackage struct {
	path  string // from the root, with slashes
	files []*sourceFile
	tests []*sourceFile
}

// tree reads every package of the module; nested modules are not of it.
func tree(t *testing.T) (*token.FileSet, []*sourcePackage) {
	t.Helper()
	fset := token.NewFileSet()
	packages := map[string]*sourcePackage{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipFolder(path, d)
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		f, err := readSource(fset, path)
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(filepath.Dir(f.path))
		p := packages[folder]
		if p == nil {
			p = &sourcePackage{path: folder}
			packages[folder] = p
		}
		if strings.HasSuffix(path, "_test.go") {
			p.tests = append(p.tests, f)
		} else {
			p.files = append(p.files, f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sorted := make([]*sourcePackage, 0, len(packages))
	for _, p := range packages {
		sorted = append(sorted, p)
	}
	slices.SortFunc(sorted, func(a, b *sourcePackage) int { return strings.Compare(a.path, b.path) })
	return fset, sorted
}

func skipFolder(path string, d fs.DirEntry) error {
	if path == root {
		return nil
	}
	if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	if name := d.Name(); name[0] == '.' || name == "testdata" || name == "bin" || name == "data" {
		return filepath.SkipDir
	}
	return nil
}

func readSource(fset *token.FileSet, path string) (*sourceFile, error) {
	syntax, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	relative, err := filepath.Rel(root, path)
	if err != nil {
		return nil, err
	}
	f := &sourceFile{path: filepath.ToSlash(relative), syntax: syntax}
	f.lines = fset.File(syntax.FileStart).LineCount()
	for _, spec := range syntax.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		f.imports = append(f.imports, strings.TrimPrefix(name, module))
	}
	return f, nil
}

// floor fails a gate that looked at too little to mean anything.
func floor(t *testing.T, what string, count, least int) {
	t.Helper()
	t.Logf("gate: %d %s (at least %d)", count, what, least)
	if count < least {
		t.Errorf("the gate looked at %d %s; below %d it proves nothing", count, what, least)
	}
}
