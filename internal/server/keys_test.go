package server

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/keywright/keywright/facts"
)

var update = flag.Bool("update", false, "write docs/condition-keys.md anew")

// keyTable is testdata/keys.txt, whose first lines say what it is.
type keyTable struct {
	sections []string
	filled   []*filledKey
	never    []neverFilled
}

// filledKey is a key that the server fills.
type filledKey struct {
	section  string
	name     string
	when     string
	requests []keyRequest
}

// keyRequest is a request that has the key or has it not.
type keyRequest struct {
	line     int
	present  bool
	text     string
	operator string // and value are a condition that holds; "" asks for none
	value    string
}

type neverFilled struct {
	names []string
	why   string
}

func readKeys(t *testing.T) *keyTable {
	t.Helper()
	data, err := os.ReadFile("testdata/keys.txt")
	if err != nil {
		t.Fatal(err)
	}
	table := &keyTable{}
	for i, line := range strings.Split(string(data), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		if !table.add(i+1, word, rest) {
			t.Fatalf("testdata/keys.txt:%d: %q", i+1, line)
		}
	}
	return table
}

// add takes in a line, and reports whether it stands where it may.
func (k *keyTable) add(line int, word, rest string) bool {
	var last *filledKey
	if n := len(k.filled); n > 0 {
		last = k.filled[n-1]
	}
	switch {
	case rest == "":
		return false
	case word == "section":
		k.sections = append(k.sections, rest)
	case word == "key":
		k.filled = append(k.filled, &filledKey{section: k.sections[len(k.sections)-1], name: rest})
	case word == "never":
		k.never = append(k.never, neverFilled{names: strings.Fields(rest)})
	case word == "why" && len(k.never) > 0:
		k.never[len(k.never)-1].why = rest
	case last == nil:
		return false
	case word == "when":
		last.when = rest
	case word == "+" || word == "-":
		last.requests = append(last.requests, keyRequest{line: line, present: word == "+", text: rest})
	case word == "=" && len(last.requests) > 0:
		r := &last.requests[len(last.requests)-1]
		r.operator, r.value, _ = strings.Cut(rest, " ")
	default:
		return false
	}
	return true
}

// tested is the name that the requests of a key are about.
func (k *filledKey) tested() string {
	if strings.HasSuffix(k.name, "/") || strings.HasSuffix(k.name, ":") {
		return k.name + "team"
	}
	return k.name
}

func (k *filledKey) always() bool { return strings.HasPrefix(k.when, "always") }

// covers reports whether a name of the table stands for a key of the facts.
func covers(name, key string) bool {
	prefix, family := strings.CutSuffix(name, "*")
	return name == key || family && strings.HasPrefix(key, prefix)
}

// TestKeyTable holds the table against the facts: every key is in it once, and
// nothing else is.
func TestKeyTable(t *testing.T) {
	table := readKeys(t)
	in := map[string]int{}
	count := func(name string) {
		found := false
		for _, k := range facts.Keys() {
			if covers(name, k.Name) {
				in[k.Name]++
				found = true
			}
		}
		if !found {
			t.Errorf("%s is no key of the facts", name)
		}
	}
	for _, k := range table.filled {
		count(k.name)
		present, absent := 0, 0
		for _, r := range k.requests {
			if r.present {
				present++
			} else {
				absent++
			}
		}
		if k.when == "" || present == 0 || absent == 0 && !k.always() {
			t.Errorf("%s: when %q, %d requests that have it, %d that do not", k.name, k.when, present, absent)
		}
		if !slices.ContainsFunc(k.requests, func(r keyRequest) bool { return r.present && r.operator != "" }) {
			t.Errorf("%s: no request says its value", k.name)
		}
	}
	for _, n := range table.never {
		if n.why == "" {
			t.Errorf("%v: no reason", n.names)
		}
		for _, name := range n.names {
			count(name)
		}
	}
	for _, k := range facts.Keys() {
		if in[k.Name] != 1 {
			t.Errorf("%s is in the table %d times", k.Name, in[k.Name])
		}
	}
	if len(in) < 310 || len(table.filled) < 90 {
		t.Errorf("only %d keys, %d of them filled", len(in), len(table.filled))
	}
}

// TestKeyDocument holds docs/condition-keys.md against the table; -update writes
// it.
func TestKeyDocument(t *testing.T) {
	const path = "../../docs/condition-keys.md"
	want := document(readKeys(t))
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the table says (%v): run go test ./internal/server -run TestKeyDocument -update", path, err)
	}
}

func document(table *keyTable) string {
	var b strings.Builder
	b.WriteString(`# Condition keys

What the server fills of the condition keys that AWS documents, and from what. A key that is absent is not an empty one.
Names have no case; values have, except where the operator says otherwise. The actions are those for which AWS documents a key
of a service.

This page is made of [the table](../internal/server/testdata/keys.txt) that also has, for each key, requests that have it and
requests that do not. A test sends all of them to a started server.
`)
	for _, section := range table.sections {
		rows := 0
		for _, k := range table.filled {
			if k.section != section {
				continue
			}
			if rows++; rows == 1 {
				fmt.Fprintf(&b, "\n## %s\n\n| key | type | when it is there, and its value | actions |\n|---|---|---|---|\n", section)
			}
			fact, _ := facts.LookupKey(k.tested()) // TestKeyTable sees that there is one
			name, when := k.name, k.when
			if strings.HasSuffix(name, "/") {
				name += "${key}"
			}
			if !k.always() {
				when = "when " + when
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, fact.Type, cell(when), actionsOf(fact))
		}
	}
	b.WriteString("\n## Never filled\n\n| keys | why |\n|---|---|\n")
	for _, n := range table.never {
		names := make([]string, len(n.names))
		for i, name := range n.names {
			names[i] = "`" + name + "`"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", strings.Join(names, ", "), cell(n.why))
	}
	return b.String()
}

// actionsOf lists the actions that have a key, or tells how many there are.
func actionsOf(k *facts.Key) string {
	service, _, _ := strings.Cut(k.Name, ":")
	var names []string
	for _, a := range facts.Actions() {
		if name, ok := strings.CutPrefix(a.Name, service+":"); ok && a.HasKey(k.Name) {
			names = append(names, name)
		}
	}
	if len(names) > 6 {
		return fmt.Sprintf("%d", len(names))
	}
	return strings.Join(names, ", ")
}

// cell is a sentence for a table.
func cell(text string) string {
	return strings.ToUpper(text[:1]) + strings.ReplaceAll(text[1:], "|", `\|`) + "."
}
