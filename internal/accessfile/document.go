package accessfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/edit"
	"github.com/keywright/keywright/policy/eval"
)

// Document is a policy document that knows where it stands: in a file of its
// own, or in an access file. It is compiled once for each type of policy that
// it is used as.
type Document struct {
	*policy.Document
	Name     string // in the access file; else the name of its file
	file     string
	marks    []mark // where its parts stand in the file; none when its bytes are the file's
	compiled map[eval.PolicyType]*eval.Policy
}

// mark says that the part of a document at an offset stands at a line and
// column of its file.
type mark struct{ offset, line, column int }

// ReadDocument reads the policy in a JSON or YAML file. The error is Problems,
// or that of opening the file.
func ReadDocument(path string) (*Document, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	d, problems := parseDocument(path, path, data)
	if problems != nil {
		return nil, problems
	}
	return d, nil
}

// readFile reads a file up to a little more than MaxSize.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxSize+1))
}

// parseDocument reads a policy that is a file of its own. What looks like YAML
// is read as YAML: JSON begins with a brace, and a problem in it is told in the
// words of the policy's grammar.
func parseDocument(name, file string, data []byte) (*Document, Problems) {
	if ext := filepath.Ext(file); ext != ".yaml" && ext != ".yml" || bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && json.Valid(data) {
		return newDocument(name, file, data, nil)
	}
	n, problems := tree(file, data)
	if problems != nil {
		return nil, problems
	}
	return inlineDocument(name, file, n)
}

func newDocument(name, file string, data []byte, marks []mark) (*Document, Problems) {
	d := &Document{Name: name, file: file, marks: marks, compiled: map[eval.PolicyType]*eval.Policy{}}
	doc, err := policy.Parse(data)
	if err != nil {
		return nil, Problems{d.problem(err)}
	}
	d.Document = doc
	return d, nil
}

// inlineDocument makes a policy of a value of a YAML or JSON file.
func inlineDocument(name, file string, n *node) (*Document, Problems) {
	w := writer{}
	w.value(n, "")
	return newDocument(name, file, w.Bytes(), w.marks)
}

// blockDocument makes a policy of JSON text in a YAML file. lines are those of
// the file, in which a literal block is indented.
func blockDocument(name, file string, n *node, lines [][]byte) (*Document, Problems) {
	marks := []mark{{0, n.line, n.column}}
	if n.isBlock {
		marks = nil
		offset := 0
		for i, line := range strings.SplitAfter(n.text, "\n") {
			column := 1
			if at := n.line + i; at < len(lines) {
				column += indent(string(lines[at])) - indent(line)
			}
			for j := range line { // each character, since what begins at one may be asked for
				marks = append(marks, mark{offset + j, n.line + 1 + i, column})
				column++
			}
			offset += len(line)
		}
	}
	return newDocument(name, file, []byte(n.text), marks)
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// IsVerbatim reports whether the document's bytes are those of its file: they are
// not when it is YAML, or stands in an access file.
func (d *Document) IsVerbatim() bool { return d.marks == nil }

// Position returns where a position of the document is in its file.
func (d *Document) Position(p policy.Position) Position {
	if d.marks == nil {
		return Position{d.file, p.Line, p.Column}
	}
	i := sort.Search(len(d.marks), func(i int) bool { return d.marks[i].offset > p.Offset })
	m := d.marks[max(i-1, 0)]
	return Position{d.file, m.line, m.column}
}

func (d *Document) problem(err error) *Problem {
	var e *policy.Error
	if !errors.As(err, &e) {
		return &Problem{Position: Position{File: d.file}, Message: err.Error()}
	}
	p := &Problem{Position: d.Position(e.Position), Message: e.Message}
	if e.Value != "" && !strings.Contains(e.Message, e.Value) {
		p.Message += fmt.Sprintf(": %q", e.Value)
	}
	return p
}

// Compile returns the document as a policy of a type. The error is Problems.
func (d *Document) Compile(t eval.PolicyType, principalIDs map[string]string) (*eval.Policy, error) {
	if p := d.compiled[t]; p != nil {
		return p, nil
	}
	document := d.Document
	if t == eval.ResourceControl && d.isFullAccess() {
		document = d.withPrincipal()
	}
	p, err := eval.Compile(document, eval.Options{Type: t, Name: d.Name, PrincipalIDs: principalIDs})
	if err != nil {
		problem := d.problem(err)
		problem.Hint = fmt.Sprintf("the policy %s is used with type %s", d.Name, PolicyTypeName(t))
		return nil, Problems{problem}
	}
	d.compiled[t] = p
	return p, nil
}

// isFullAccess reports whether the document is FullAWSAccess, which the levels
// of an organization usually have: it allows everything, and nothing else.
func (d *Document) isFullAccess() bool {
	if len(d.Statements) != 1 {
		return false
	}
	s := &d.Statements[0]
	return s.Effect == policy.Allow && s.Principal == nil && s.NotPrincipal == nil && s.Condition == nil && isAll(s.Action) && isAll(s.Resource)
}

func isAll(v *policy.Values) bool { return v != nil && len(v.List) == 1 && v.List[0].Text == "*" }

// withPrincipal returns the document as RCPFullAWSAccess, which is FullAWSAccess
// with the Principal that a resource control policy must have: a file may use
// one name for the two. All that was there stays where it is.
func (d *Document) withPrincipal() *policy.Document {
	changed, err := edit.Apply(d.Bytes(), edit.Of(d.Document).AddElement(&d.Statements[0], "Principal", `"*"`))
	if err != nil {
		return d.Document
	}
	doc, err := policy.Parse(changed)
	if err != nil {
		return d.Document
	}
	return doc
}

func constant(text string) *policy.Document {
	doc, err := policy.Parse([]byte(text))
	if err != nil {
		panic(err) // the text is a constant
	}
	return doc
}

// writer writes nodes as JSON, and where each came from.
type writer struct {
	bytes.Buffer
	marks []mark
}

func (w *writer) value(n *node, indent string) {
	w.marks = append(w.marks, mark{w.Len(), n.line, n.column})
	switch n.kind {
	case number:
		if !json.Valid([]byte(n.text)) {
			w.quote(n.text) // such as an account id that begins with 0
			return
		}
		w.WriteString(n.text)
	case boolean:
		w.WriteString(n.text)
	case null:
		w.WriteString("null")
	case text:
		w.quote(n.text)
	case sequence:
		w.list(n, indent)
	case mapping:
		w.object(n, indent)
	}
}

func (w *writer) quote(s string) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if e.Encode(s) == nil {
		w.Truncate(w.Len() - 1) // the encoder's line break
	}
}

func (w *writer) list(n *node, indent string) {
	open, between, end := "[", ", ", "]"
	for _, c := range n.content {
		if c.kind == sequence || c.kind == mapping {
			open, between, end = "[\n"+indent+"  ", ",\n"+indent+"  ", "\n"+indent+"]"
		}
	}
	if len(n.content) == 0 {
		open, end = "[", "]"
	}
	w.WriteString(open)
	for i, c := range n.content {
		if i > 0 {
			w.WriteString(between)
		}
		w.value(c, indent+"  ")
	}
	w.WriteString(end)
}

func (w *writer) object(n *node, indent string) {
	if len(n.content) == 0 {
		w.WriteString("{}")
		return
	}
	w.WriteString("{\n")
	for i := 0; i+1 < len(n.content); i += 2 {
		if i > 0 {
			w.WriteString(",\n")
		}
		w.WriteString(indent + "  ")
		key := n.content[i]
		w.marks = append(w.marks, mark{w.Len(), key.line, key.column})
		w.quote(key.text)
		w.WriteString(": ")
		w.value(n.content[i+1], indent+"  ")
	}
	w.WriteString("\n" + indent + "}")
}
