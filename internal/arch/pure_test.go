package arch

import (
	"errors"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// impure are the packages of the standard library that reach outside the
// program, or make two runs differ, with what they bring.
var impure = map[string]string{
	"os/...": "files, processes and the environment", "io/fs": "files", "io/ioutil": "files",
	"path/filepath": "the operating system's paths", "syscall": "the operating system", "plugin": "files",
	"net": "the network", "net/http/...": "the network", "net/rpc": "the network", "net/smtp": "the network",
	"crypto/tls": "the network", "database/sql": "a database", "log": "a global output", "log/...": "a global output", "flag": "the command line",
	"math/rand": "randomness", "math/rand/v2": "randomness", "crypto/rand": "randomness",
	"runtime": "the machine", "runtime/...": "the machine", "unsafe": "memory", "testing": "tests", "expvar": "a mutable global", "context": "cancellation, which nothing pure needs",
}

// clock are the functions of package time that read the clock or wait for it.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "LoadLocation"}

func TestPurity(t *testing.T) {
	l := readListing(t)
	fset, packages := tree(t)
	files, globals := 0, 0
	for _, p := range packages {
		if !l.pure[p.path] {
			continue
		}
		for _, f := range p.files {
			files++
			checkPureImports(t, f)
			checkPureCode(t, fset, f)
		}
		globals += checkGlobals(t, fset, p)
	}
	floor(t, "files of pure packages", files, 20)
	floor(t, "package variables of pure packages", globals, 5)
}

func checkPureImports(t *testing.T, f *sourceFile) {
	t.Helper()
	for _, name := range f.imports {
		for pattern, what := range impure {
			if covers(pattern, name) {
				t.Errorf("%s imports %s: a pure package does not touch %s", f.path, name, what)
			}
		}
		if foreign(name) {
			t.Errorf("%s imports %s: the engine needs the standard library only", f.path, name)
		}
	}
}

// checkPureCode finds the clock and goroutines.
func checkPureCode(t *testing.T, fset *token.FileSet, f *sourceFile) {
	t.Helper()
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			t.Errorf("%s: a pure package starts no goroutine", fset.Position(n.Pos()))
		case *ast.SelectStmt:
			t.Errorf("%s: a pure package waits for nothing", fset.Position(n.Pos()))
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, n.Sel.Name) {
				t.Errorf("%s: time.%s: time is an argument of a pure package", fset.Position(n.Pos()), n.Sel.Name)
			}
		}
		return true
	})
}

// checkGlobals finds assignments to package variables, or to what they hold,
// outside of their declarations. It returns how many variables there are.
func checkGlobals(t *testing.T, fset *token.FileSet, p *sourcePackage) int {
	t.Helper()
	var files []*ast.File
	for _, f := range p.files {
		files = append(files, f.syntax)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	// Names resolve without the imports' types, which need not be loaded.
	config := types.Config{Importer: noImports{}, Error: func(error) {}}
	pkg, _ := config.Check(p.path, fset, files, info)
	written := func(target ast.Expr) {
		id := rootOf(target)
		if id == nil {
			return
		}
		if v, ok := info.Uses[id].(*types.Var); ok && v.Parent() == pkg.Scope() {
			t.Errorf("%s: %s is written: a pure package has no mutable global", fset.Position(id.Pos()), id.Name)
		}
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, target := range n.Lhs {
						written(target)
					}
				}
			case *ast.IncDecStmt:
				written(n.X)
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") && len(n.Args) > 0 {
					written(n.Args[0])
				}
			}
			return true
		})
	}
	variables := 0
	for _, name := range pkg.Scope().Names() {
		if v, ok := pkg.Scope().Lookup(name).(*types.Var); ok {
			variables++
			if strings.HasPrefix(typeOf(files, name), "sync.") {
				t.Errorf("%s: %s: a pure package has no mutable global", fset.Position(v.Pos()), name)
			}
		}
	}
	return variables
}

// typeOf returns the type that a package variable is declared with, as
// "package.Name", or "".
func typeOf(files []*ast.File, name string) string {
	for _, f := range files {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				if !slices.ContainsFunc(v.Names, func(id *ast.Ident) bool { return id.Name == name }) {
					continue
				}
				e := v.Type
				if e == nil && len(v.Values) > 0 {
					if c, ok := v.Values[0].(*ast.CompositeLit); ok {
						e = c.Type
					}
				}
				if s, ok := e.(*ast.SelectorExpr); ok {
					if x, ok := s.X.(*ast.Ident); ok {
						return x.Name + "." + s.Sel.Name
					}
				}
			}
		}
	}
	return ""
}

// rootOf returns the variable that an assignment's target belongs to.
func rootOf(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		default:
			return nil
		}
	}
}

type noImports struct{}

func (noImports) Import(string) (*types.Package, error) {
	return nil, errors.New("not loaded")
}

// TestWhoDecides holds the engine's answers to the packages that may ask: one
// for requests, one for what only might be requested, one that tries what it
// proposes.
func TestWhoDecides(t *testing.T) {
	may := []string{"internal/access", "internal/simulate", "policy/remedy"}
	decides := []string{"Decide", "Explain"}
	fset, packages := tree(t)
	calls := 0
	for _, p := range packages {
		if strings.HasSuffix(p.path, "test") {
			continue // a conformance suite, which only tests import
		}
		for _, f := range p.files {
			if !slices.Contains(f.imports, "policy/eval") {
				continue
			}
			ast.Inspect(f.syntax, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "eval" && slices.Contains(decides, s.Sel.Name) {
					calls++
					if !slices.Contains(may, p.path) {
						t.Errorf("%s: eval.%s: only internal/access joins a request with the engine, and internal/simulate a hypothetical one", fset.Position(s.Pos()), s.Sel.Name)
					}
				}
				return true
			})
			for _, spec := range f.syntax.Imports {
				if strings.HasSuffix(spec.Path.Value, `/policy/eval"`) && spec.Name != nil {
					t.Errorf("%s: policy/eval under another name hides who decides", fset.Position(spec.Pos()))
				}
			}
		}
	}
	floor(t, "decisions asked for", calls, 1)
}
