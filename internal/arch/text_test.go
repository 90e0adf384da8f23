package arch

import (
	"go/ast"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

const (
	maxFileLines     = 800
	maxFunctionLines = 100
)

// public reports whether others may import a package.
func public(p *sourcePackage) bool {
	return !strings.HasPrefix(p.path, "internal/") && !strings.HasPrefix(p.path, "cmd/")
}

func TestPackageComments(t *testing.T) {
	_, packages := tree(t)
	for _, p := range packages {
		documented := 0
		for _, f := range p.files {
			if f.syntax.Doc == nil {
				continue
			}
			documented++
			if name := f.syntax.Name.Name; name != "main" && !strings.HasPrefix(f.syntax.Doc.Text(), "Package "+name+" ") {
				t.Errorf("%s: the package comment begins with \"Package %s\"", f.path, name)
			}
		}
		if documented != 1 {
			t.Errorf("%s has %d package comments: one says what the package knows, and what it refuses to do", p.path, documented)
		}
	}
	floor(t, "package comments", len(packages), 20)
}

func TestDocComments(t *testing.T) {
	fset, packages := tree(t)
	checked := 0
	need := func(name *ast.Ident, docs ...*ast.CommentGroup) {
		if !name.IsExported() {
			return
		}
		checked++
		for _, d := range docs {
			if strings.TrimSpace(d.Text()) != "" {
				return
			}
		}
		t.Errorf("%s: %s is exported and has no comment", fset.Position(name.Pos()), name.Name)
	}
	for _, p := range packages {
		if !public(p) {
			continue
		}
		for _, f := range p.files {
			for _, d := range f.syntax.Decls {
				declarations(d, need)
			}
		}
	}
	floor(t, "exported names of public packages", checked, 100)
}

func declarations(d ast.Decl, need func(*ast.Ident, ...*ast.CommentGroup)) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil || receiver(d).IsExported() {
			need(d.Name, d.Doc)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				need(s.Name, s.Doc, d.Doc)
			case *ast.ValueSpec:
				for _, name := range s.Names {
					need(name, s.Doc, s.Comment, d.Doc)
				}
			}
		}
	}
}

func receiver(d *ast.FuncDecl) *ast.Ident {
	e := d.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x
		default:
			return ast.NewIdent("_")
		}
	}
}

func TestSizes(t *testing.T) {
	fset, packages := tree(t)
	files, functions := 0, 0
	for _, p := range packages {
		for _, f := range append(p.files, p.tests...) {
			files++
			if f.lines > maxFileLines {
				t.Errorf("%s has %d lines, more than %d", f.path, f.lines, maxFileLines)
			}
		}
		for _, f := range p.files {
			for _, d := range f.syntax.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				functions++
				if n := lines(fset, fn); n > maxFunctionLines {
					t.Errorf("%s: %s has %d lines, more than %d", fset.Position(fn.Pos()), fn.Name.Name, n, maxFunctionLines)
				}
			}
		}
	}
	floor(t, "files", files, 80)
	floor(t, "functions", functions, 500)
}

func lines(fset *token.FileSet, n ast.Node) int {
	return fset.Position(n.End()).Line - fset.Position(n.Pos()).Line + 1
}

// unfinished matches what says that code is not done.
var unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b|(?i)\b(for now|not yet implemented|stub)\b`)

// TestFinished keeps out notes of unfinished work, and tests that do not run.
func TestFinished(t *testing.T) {
	fset, packages := tree(t)
	comments, tests := 0, 0
	for _, p := range packages {
		for _, f := range append(p.files, p.tests...) {
			for _, group := range f.syntax.Comments {
				comments++
				if m := unfinished.FindString(group.Text()); m != "" {
					t.Errorf("%s: a comment says %q: finish it, or file it", fset.Position(group.Pos()), m)
				}
			}
		}
		for _, f := range p.tests {
			ast.Inspect(f.syntax, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && (s.Sel.Name == "Skip" || s.Sel.Name == "Skipf" || s.Sel.Name == "SkipNow") {
					t.Errorf("%s: a test that is skipped proves nothing", fset.Position(s.Pos()))
				}
				if fn, ok := n.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Test") {
					tests++
				}
				return true
			})
		}
	}
	floor(t, "comments", comments, 500)
	floor(t, "tests", tests, 100)
}
