// Command gen trims a collection of AWS authorization facts to what package
// facts reads: names, access levels, resource types, condition keys, ARN
// formats, and the checks of each operation.
//
//	go run ./facts/gen COLLECTION.json > facts/facts.json
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

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gen COLLECTION.json > facts.json")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

type collection struct {
	Services map[string]struct {
		Actions map[string]struct {
			Level     string
			Resources []struct {
				Type     string
				Required bool
			}
			ConditionKeys    []string
			DependentActions []string
		}
		Resources map[string]struct {
			ARN           string
			ConditionKeys []string
		}
		ConditionKeys map[string]string
	}
	GlobalConditionKeys map[string]struct{ Type string }
	Operations          map[string]map[string]struct {
		Method, URI, Scope string
		Checks             []struct {
			On        string
			Action    any
			Resource  []string
			Required  bool
			When      any
			OnMissing string
		}
	}
}

// record is one line of the output. Its members are those that package facts
// reads.
type record map[string]any

func run(path string, out io.Writer) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var c collection
	if err := json.Unmarshal(data, &c); err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	fmt.Fprint(w, "{")
	section(w, "actions", c.actions())
	fmt.Fprint(w, ",")
	section(w, "resources", c.resources())
	fmt.Fprint(w, ",")
	section(w, "keys", c.keys())
	fmt.Fprint(w, ",")
	section(w, "operations", c.operations())
	fmt.Fprintln(w, "\n}")
	return w.Flush()
}

// section writes one record a line, so that a change reads well as a diff.
func section(w io.Writer, name string, records []record) {
	fmt.Fprintf(w, "\n%q:[", name)
	for i, r := range records {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		for k, v := range r {
			if isEmpty(v) {
				delete(r, k)
			}
		}
		line, err := json.Marshal(r)
		if err != nil {
			panic(err) // records hold strings, booleans and lists only
		}
		fmt.Fprintf(w, "\n%s", line)
	}
	fmt.Fprint(w, "]")
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
	}
	return v == nil
}

func (c *collection) actions() (records []record) {
	for _, service := range sorted(c.Services) {
		actions := c.Services[service].Actions
		for _, name := range sorted(actions) {
			a := actions[name]
			var types, required []string
			for _, r := range a.Resources {
				types = append(types, r.Type)
				if r.Required {
					required = append(required, r.Type)
				}
			}
			records = append(records, record{
				"name": service + ":" + name, "levels": strings.Split(a.Level, ", "),
				"resources": types, "required": required, "keys": keyNames(a.ConditionKeys), "dependent": a.DependentActions,
			})
		}
	}
	return records
}

func (c *collection) resources() (records []record) {
	for _, service := range sorted(c.Services) {
		resources := c.Services[service].Resources
		for _, name := range sorted(resources) {
			r := resources[name]
			records = append(records, record{"service": service, "type": name, "arn": r.ARN, "keys": keyNames(r.ConditionKeys)})
		}
	}
	return records
}

func (c *collection) keys() (records []record) {
	types := map[string]string{}
	for _, s := range c.Services {
		for name, t := range s.ConditionKeys {
			types[keyName(name)] = t
		}
	}
	global := map[string]bool{}
	for name, k := range c.GlobalConditionKeys {
		types[keyName(name)] = k.Type
		global[keyName(name)] = true
	}
	for _, name := range sorted(types) {
		records = append(records, record{"name": name, "type": types[name], "global": global[name]})
	}
	return records
}

// keyName writes a key that ends in a placeholder, such as
// aws:RequestTag/${TagKey}, as the prefix before it.
func keyName(name string) string {
	for _, placeholder := range []string{"${", "<key>", "tag-key"} {
		name, _, _ = strings.Cut(name, placeholder)
	}
	return name
}

func keyNames(names []string) (out []string) {
	for _, n := range names {
		out = append(out, keyName(n))
	}
	return out
}

func (c *collection) operations() (records []record) {
	for _, service := range sorted(c.Operations) {
		operations := c.Operations[service]
		for _, name := range sorted(operations) {
			o := operations[name]
			var checks []record
			for _, from := range o.Checks {
				check := record{"on": from.On, "resources": from.Resource, "required": from.Required, "onMissing": from.OnMissing, "when": from.When}
				switch a := from.Action.(type) {
				case string:
					check["action"] = a
				case map[string]any:
					check["action"], check["versionAction"] = a["default"], a["versionId"]
				}
				for k, v := range check {
					if isEmpty(v) {
						delete(check, k)
					}
				}
				checks = append(checks, check)
			}
			records = append(records, record{"service": service, "name": name, "method": o.Method, "uri": o.URI, "scope": o.Scope, "checks": checks})
		}
	}
	return records
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
