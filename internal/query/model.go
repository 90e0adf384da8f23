package query

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Model is what the clients of an API may send: the operations of one version
// of it and the shapes of their parameters, as AWS publishes them.
type Model struct {
	Version   string // such as "2010-05-08"
	Namespace string // of the XML of its answers
	Failure   string // the code of an error that is the server's own

	// Operations holds the parameters of every operation of the version. An
	// operation that is known and not served has nil.
	Operations map[string]Members

	Shapes map[string]*Shape
}

// Members are the members of a structure or the parameters of an operation: by
// name the name of its shape, which ends with "!" when it must be given.
type Members map[string]string

// Shape is a type of values. Lengths are counted in characters, of lists in
// members.
type Shape struct {
	Type    string // string, integer, boolean, list or structure
	Min     *int   // the least length or value
	Max     *int   // the greatest length or value
	Pattern string // of the whole value, as AWS writes it

	Sensitive bool // whether errors must not show the value

	Enum    []string
	Member  string  // of a list: the shape of its members
	Members Members // of a structure

	pattern *regexp.Regexp
}

// ParseModel reads a model from JSON.
func ParseModel(data []byte) (*Model, error) {
	m := &Model{}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("query: model: %w", err)
	}
	for name, s := range m.Shapes {
		if s.Pattern == "" {
			continue
		}
		var err error
		if s.pattern, err = compilePattern(s.Pattern); err != nil {
			return nil, fmt.Errorf("query: shape %s: %w", name, err)
		}
	}
	return m, nil
}

var javaEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4,6})`)

// compilePattern compiles a pattern of AWS's, which is one of Java's: it must
// match the whole value.
func compilePattern(pattern string) (*regexp.Regexp, error) {
	return regexp.Compile(`\A(?:` + javaEscape.ReplaceAllString(pattern, `\x{$1}`) + `)\z`)
}

// shape returns the shape that a Members entry names, and whether it must be
// given.
func (m *Model) shape(entry string) (s *Shape, required bool) {
	name, required := strings.CutSuffix(entry, "!")
	return m.Shapes[name], required
}
