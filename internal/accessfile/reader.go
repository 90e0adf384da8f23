package accessfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keywright/keywright/internal/spelling"
)

// reader reads one file, and goes on after a problem, so that all are told.
type reader struct {
	file     *File
	open     func(path string) ([]byte, error)
	problems Problems            // the first of them
	failures int                 // how many there were
	compiled map[compiledAs]bool // what was compiled, with or without success
}

func (r *reader) at(n *node) Position { return Position{r.file.Name, n.line, n.column} }

func (r *reader) fail(n *node, hint, format string, args ...any) {
	r.add(&Problem{r.at(n), fmt.Sprintf(format, args...), hint})
}

func (r *reader) add(p ...*Problem) {
	r.failures += len(p)
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, p...)
	}
}

// field is a key that a mapping may have.
type field struct {
	name string
	read func(n *node)
}

// fields reads a mapping that has the given keys and no others.
func (r *reader) fields(n *node, what string, known []field) {
	names := make([]string, len(known))
	for i, f := range known {
		names[i] = f.name
	}
	r.members(n, what, func(key, value *node) {
		i := slices.Index(names, key.text)
		if i < 0 {
			r.fail(key, meant(key.text, names), "%s has no key %q", what, key.text)
			return
		}
		known[i].read(value)
	})
}

// members calls visit for each member of a mapping, and refuses a key that
// comes twice.
func (r *reader) members(n *node, what string, visit func(key, value *node)) {
	if n.kind != mapping {
		r.fail(n, "write key: value", "%s must be a mapping, but is %s", what, n.kind)
		return
	}
	seen := make(map[string]*node, len(n.content)/2)
	for i := 0; i+1 < len(n.content); i += 2 {
		key, value := n.content[i], n.content[i+1]
		if key.kind == sequence || key.kind == mapping {
			r.fail(key, "", "a key must be a text, but is %s", key.kind)
			continue
		}
		if first := seen[key.text]; first != nil {
			r.fail(key, fmt.Sprintf("the first is in line %d", first.line), "the key %q is there twice", key.text)
			continue
		}
		seen[key.text] = key
		visit(key, value)
	}
}

// items calls visit for each item of a list. null is an empty list.
func (r *reader) items(n *node, what string, visit func(i int, n *node)) {
	switch n.kind {
	case sequence:
		for i, item := range n.content {
			visit(i, item)
		}
	case null:
	default:
		r.fail(n, "write [ and ] around it", "%s must be a list, but is %s", what, n.kind)
	}
}

// text returns a text. A number counts as the text that it was written as: an
// account's id needs no quotes.
func (r *reader) text(n *node, what string) (string, bool) {
	if n.kind != text && n.kind != number {
		r.fail(n, "", "%s must be a text, but is %s", what, n.kind)
		return "", false
	}
	if n.text == "" {
		r.fail(n, "", "%s must not be empty", what)
		return "", false
	}
	return n.text, true
}

// optional is text, or nothing for null.
func (r *reader) optional(n *node, what string) (string, bool) {
	if n.kind == null {
		return "", false
	}
	return r.text(n, what)
}

func (r *reader) boolean(n *node, what string) bool {
	if n.kind != boolean {
		r.fail(n, "", "%s must be true or false, but is %s", what, n.kind)
	}
	return n.text == "true"
}

// choice returns a text that is one of some.
func (r *reader) choice(n *node, what string, choices []string) (string, bool) {
	s, ok := r.text(n, what)
	if ok && !slices.Contains(choices, s) {
		r.fail(n, meant(s, choices), "%s cannot be %q", what, s)
		return "", false
	}
	return s, ok
}

// meant is the hint at what a name may be instead.
func meant(name string, candidates []string) string {
	if near := spelling.Nearest(name, candidates); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	const most = 12
	if len(candidates) == 0 || len(candidates) > most {
		return ""
	}
	return "it can be " + strings.Join(candidates, ", ")
}
