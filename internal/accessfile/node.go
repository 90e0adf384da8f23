package accessfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// The limits of a file. Beyond them it is refused, before it costs more time or
// memory than a file that somebody wrote.
const (
	MaxSize    = 8 << 20 // bytes of an access file or a policy
	maxDepth   = 64      // of values in values
	maxAliased = 100_000 // values that a file's aliases may stand for
)

// kind is what a node is.
type kind uint8

const (
	text kind = iota
	number
	boolean
	null
	sequence
	mapping
)

func (k kind) String() string {
	return [...]string{"a text", "a number", "true or false", "null", "a list", "a mapping"}[k]
}

// node is a value of a YAML or JSON file. The content of a mapping is its keys
// and values in turn.
type node struct {
	kind         kind
	text         string // of a scalar, as written but for quotes and escapes
	line, column int
	isBlock      bool // a literal block of YAML, whose lines are those of the file
	content      []*node
	size         int // of the values in it, itself counted
}

// tree reads a YAML or JSON text. JSON gets a reader of its own, since its
// escapes of two UTF-16 halves are not YAML's.
func tree(name string, data []byte) (*node, Problems) {
	whole := Position{File: name}
	switch {
	case len(data) > MaxSize:
		return nil, Problems{{whole, fmt.Sprintf("the file is larger than %d MiB", MaxSize>>20), "put some of its cases into another file"}}
	case !utf8.Valid(data):
		return nil, Problems{{whole, "the file is not UTF-8", "save it as UTF-8"}}
	case filepath.Ext(name) == ".json" || json.Valid(data):
		return jsonTree(name, data)
	}
	return yamlTree(name, data)
}

func yamlTree(name string, data []byte) (*node, Problems) {
	var root yaml.Node
	if err := yaml.Load(data, &root); err != nil {
		return nil, Problems{yamlProblem(name, err)}
	}
	c := converter{name: name, anchors: map[*yaml.Node]*node{}}
	n := c.convert(&root, 0)
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return n, nil
}

// yamlProblem turns an error of the YAML reader into a problem.
func yamlProblem(name string, err error) *Problem {
	p := &Problem{Position: Position{File: name}, Message: strings.TrimPrefix(err.Error(), "yaml: "), Hint: "the file must be YAML or JSON; docs/access-file.md describes it"}
	var e *yaml.LoadError
	if errors.As(err, &e) {
		p.Message = strings.TrimPrefix(e.Message, "yaml: ")
		p.Position.Line, p.Position.Column = e.Mark.Line, e.Mark.Column
	}
	switch {
	case strings.Contains(p.Message, "no documents"):
		p.Message = "the file is empty"
	case strings.Contains(p.Message, "found multiple"):
		p.Message, p.Hint = "the file has more than one YAML document", "take away the line \"---\", or make it two files"
	case strings.Contains(p.Message, "max depth"):
		p.Message, p.Hint = fmt.Sprintf("values stand in values more than %d levels deep", maxDepth), ""
	}
	return p
}

// converter makes nodes of YAML's.
type converter struct {
	name     string
	anchors  map[*yaml.Node]*node // by what aliases stand for; nil while it is being converted
	aliased  int
	problems Problems
}

func (c *converter) fail(n *yaml.Node, message, hint string) *node {
	if len(c.problems) < maxProblems {
		c.problems = append(c.problems, &Problem{Position{c.name, n.Line, n.Column}, message, hint})
	}
	return &node{kind: null, line: n.Line, column: n.Column, size: 1}
}

func (c *converter) convert(n *yaml.Node, depth int) *node {
	if depth > maxDepth {
		return c.fail(n, fmt.Sprintf("values stand in values more than %d levels deep", maxDepth), "")
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return c.convert(n.Content[0], depth)
	case yaml.AliasNode:
		return c.alias(n)
	case yaml.ScalarNode:
		return c.scalar(n)
	}
	to := &node{kind: sequence, line: n.Line, column: n.Column, size: 1, content: make([]*node, len(n.Content))}
	switch n.ShortTag() {
	case "!!seq":
	case "!!map":
		to.kind = mapping
	default:
		return c.fail(n, "the tag "+n.Tag+" means nothing here", "take the tag away")
	}
	if n.Anchor != "" {
		c.anchors[n] = nil
	}
	for i, child := range n.Content {
		to.content[i] = c.convert(child, depth+1)
		to.size += to.content[i].size
	}
	if n.Anchor != "" {
		c.anchors[n] = to
	}
	return to
}

// alias returns what an alias stands for. What all aliases stand for is
// counted in full, so that aliases of aliases cannot grow without end.
func (c *converter) alias(n *yaml.Node) *node {
	to := c.anchors[n.Alias]
	if to == nil {
		return c.fail(n, "the alias *"+n.Value+" stands within what it stands for", "")
	}
	if c.aliased += to.size; c.aliased > maxAliased {
		return c.fail(n, fmt.Sprintf("the aliases stand for more than %d values", maxAliased), "write out what the file says")
	}
	return to
}

func (c *converter) scalar(n *yaml.Node) *node {
	to := &node{text: n.Value, line: n.Line, column: n.Column, isBlock: n.Style&yaml.LiteralStyle != 0, size: 1}
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
	case "!!int", "!!float":
		to.kind = number
	case "!!bool":
		to.kind, to.text = boolean, strings.ToLower(n.Value)
	case "!!null":
		to.kind = null
	case "!!merge":
		return c.fail(n, "the merge key << means nothing here", "write out what it would merge")
	default:
		return c.fail(n, "the tag "+n.Tag+" means nothing here", "take the tag away")
	}
	if n.Anchor != "" {
		c.anchors[n] = to
	}
	return to
}

// jsonReader makes nodes of JSON.
type jsonReader struct {
	name    string
	data    []byte
	decoder *json.Decoder

	at, line, column int // how far positions have been counted
}

func jsonTree(name string, data []byte) (*node, Problems) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	r := &jsonReader{name: name, data: data, decoder: json.NewDecoder(bytes.NewReader(data)), line: 1, column: 1}
	r.decoder.UseNumber()
	n, p := r.value(0)
	if p == nil {
		if r.skip(); r.at < len(data) {
			p = r.problem("text stands behind the end of the document")
		}
	}
	if p != nil {
		return nil, Problems{p}
	}
	return n, nil
}

func (r *jsonReader) problem(message string) *Problem {
	return &Problem{Position: Position{r.name, r.line, r.column}, Message: message, Hint: "a file whose name ends in .json is JSON"}
}

// skip moves the position to where the next token begins.
func (r *jsonReader) skip() {
	for end := int(r.decoder.InputOffset()); r.at < end; {
		r.step()
	}
	for r.at < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[r.at]) >= 0 {
		r.step()
	}
}

func (r *jsonReader) step() {
	switch c := r.data[r.at]; {
	case c == '\n':
		r.line, r.column = r.line+1, 1
	case c&0xc0 != 0x80: // not within a character
		r.column++
	}
	r.at++
}

func (r *jsonReader) value(depth int) (*node, *Problem) {
	r.skip()
	n := &node{line: r.line, column: r.column, size: 1}
	t, err := r.decoder.Token()
	if err != nil {
		return nil, r.syntax(err)
	}
	switch v := t.(type) {
	case json.Delim:
		return n, r.elements(n, v, depth)
	case json.Number:
		n.kind, n.text = number, v.String()
	case bool:
		n.kind, n.text = boolean, fmt.Sprint(v)
	case nil:
		n.kind = null
	case string:
		n.text = v
	}
	return n, nil
}

func (r *jsonReader) elements(n *node, open json.Delim, depth int) *Problem {
	if depth == maxDepth {
		return r.problem(fmt.Sprintf("values stand in values more than %d levels deep", maxDepth))
	}
	n.kind = sequence
	if open == '{' {
		n.kind = mapping
	}
	for r.decoder.More() {
		child, p := r.value(depth + 1)
		if p != nil {
			return p
		}
		n.content = append(n.content, child)
		n.size += child.size
	}
	if _, err := r.decoder.Token(); err != nil {
		r.skip()
		return r.syntax(err)
	}
	return nil
}

// syntax turns an error of the JSON reader into a problem.
func (r *jsonReader) syntax(err error) *Problem {
	message := strings.TrimPrefix(err.Error(), "json: ")
	var e *json.SyntaxError
	if errors.As(err, &e) {
		for r.at < min(int(e.Offset)-1, len(r.data)) {
			r.step()
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		for r.at < len(r.data) {
			r.step()
		}
		message = "the document ends too early"
		if len(bytes.TrimSpace(r.data)) == 0 {
			message = "the file is empty"
		}
	}
	return r.problem(message)
}
