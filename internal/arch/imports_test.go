package arch

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// listing is imports.txt as read.
type listing struct {
	order   map[string]int // layer of each package
	pure    map[string]bool
	may     map[string][]string
	forbids []forbid
}

type forbid struct{ from, to, why string }

func readListing(t *testing.T) *listing {
	t.Helper()
	data, err := os.ReadFile("imports.txt")
	if err != nil {
		t.Fatal(err)
	}
	l := &listing{order: map[string]int{}, pure: map[string]bool{}, may: map[string][]string{}}
	for n, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		head, rest, ok := strings.Cut(line, ":")
		if !ok {
			t.Fatalf("imports.txt:%d: no colon", n+1)
		}
		if rule, ok := strings.CutPrefix(head, "forbid "); ok {
			from, to, ok := strings.Cut(rule, " -> ")
			if !ok || strings.TrimSpace(rest) == "" {
				t.Fatalf("imports.txt:%d: a forbidden import needs FROM -> TO and a reason", n+1)
			}
			l.forbids = append(l.forbids, forbid{from, to, strings.TrimSpace(rest)})
			continue
		}
		name, pure := strings.CutPrefix(head, "pure ")
		if _, twice := l.order[name]; twice {
			t.Fatalf("imports.txt:%d: %s is listed twice", n+1, name)
		}
		l.order[name], l.pure[name], l.may[name] = len(l.order), pure, strings.Fields(rest)
	}
	return l
}

// foreign reports whether an import is a package of another module.
func foreign(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return strings.Contains(first, ".")
}

// covers reports whether a listed name allows, or a forbid's pattern matches,
// an import.
func covers(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == prefix || strings.HasPrefix(name, prefix+"/")
	}
	return name == pattern || foreign(pattern) && strings.HasPrefix(name, pattern+"/")
}

// own reports whether an import is a package of this module.
func (l *listing) own(name string, packages []*sourcePackage) bool {
	if _, ok := l.order[name]; ok {
		return true
	}
	return slices.ContainsFunc(packages, func(p *sourcePackage) bool { return p.path == name })
}

func TestImports(t *testing.T) {
	l := readListing(t)
	_, packages := tree(t)
	checked := 0
	for _, p := range packages {
		if _, ok := l.order[p.path]; !ok {
			t.Errorf("%s is not in imports.txt: say what it may import, and where it stands", p.path)
			continue
		}
		for _, f := range p.files {
			for _, name := range f.imports {
				checked++
				l.checkImport(t, p, f, name, packages)
			}
		}
	}
	floor(t, "imports", checked, 150)
}

func (l *listing) checkImport(t *testing.T, p *sourcePackage, f *sourceFile, name string, packages []*sourcePackage) {
	t.Helper()
	for _, rule := range l.forbids {
		if covers(rule.from, p.path) && covers(rule.to, name) {
			t.Errorf("%s imports %s: %s", f.path, name, rule.why)
			return
		}
	}
	if l.own(name, packages) && strings.HasSuffix(name, "test") && !strings.HasSuffix(p.path, "test") {
		t.Errorf("%s imports %s: a conformance suite is for tests only", f.path, name)
	}
	if !foreign(name) && !l.own(name, packages) {
		return // the standard library
	}
	if !slices.ContainsFunc(l.may[p.path], func(allowed string) bool { return covers(allowed, name) }) {
		t.Errorf("%s imports %s, which imports.txt does not list for %s", f.path, name, p.path)
	}
}

// TestListing holds the list itself to its own rules: layers point upward, no
// allowance is forbidden, none is unused, and nothing is listed that is gone.
func TestListing(t *testing.T) {
	l := readListing(t)
	_, packages := tree(t)
	exists := map[string]*sourcePackage{}
	for _, p := range packages {
		exists[p.path] = p
	}
	for name, allowed := range l.may {
		p := exists[name]
		if p == nil {
			t.Errorf("imports.txt lists %s, which does not exist", name)
			continue
		}
		for _, a := range allowed {
			if !foreign(a) && l.order[a] >= l.order[name] {
				t.Errorf("imports.txt lets %s import %s, which does not stand above it", name, a)
			}
			if foreign(a) && l.pure[name] {
				t.Errorf("imports.txt lets %s import %s, but it is of the standard library only", name, a)
			}
			if !imports(p, a) {
				t.Errorf("imports.txt lets %s import %s, which it does not need", name, a)
			}
		}
	}
	for _, rule := range l.forbids {
		if !slices.ContainsFunc(packages, func(p *sourcePackage) bool { return covers(rule.from, p.path) }) {
			t.Errorf("imports.txt forbids an import of %s, which does not exist", rule.from)
		}
	}
	floor(t, "packages", len(l.order), 20)
	floor(t, "forbidden imports with a reason", len(l.forbids), 10)
}

func imports(p *sourcePackage, allowed string) bool {
	for _, f := range p.files {
		if slices.ContainsFunc(f.imports, func(name string) bool { return covers(allowed, name) }) {
			return true
		}
	}
	return false
}

// TestPackageNames keeps out names that say nothing of what a package knows.
func TestPackageNames(t *testing.T) {
	empty := []string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "base", "manager", "lib", "tools"}
	_, packages := tree(t)
	for _, p := range packages {
		if slices.Contains(empty, path.Base(p.path)) {
			t.Errorf("%s: the name does not say what the package knows", p.path)
		}
	}
	floor(t, "package names", len(packages), 20)
}
