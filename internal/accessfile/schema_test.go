package accessfile

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSchema: the schema for editors has the keys that are read, and no others.
func TestSchema(t *testing.T) {
	text, err := os.ReadFile("../../docs/access-file.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	type object struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	var schema struct {
		object
		Definitions map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	where := map[string]string{
		"":                  "%s: null",
		"principal":         "principals: {x: {%s: null}}",
		"case":              "cases: [{%s: null}]",
		"otherAccount":      "accounts: {\"210987654321\": {%s: null}}",
		"blockPublicAccess": "blockPublicAccess: {%s: null}",
		"accessControlList": "account: 1\naccessControlLists: {\"arn:aws:s3:::b\": {%s: null}}",
		"grant":             "account: 1\naccessControlLists: {\"arn:aws:s3:::b\": {grants: [{%s: null}]}}",
	}
	schema.Definitions[""] = schema.object
	keys := 0
	for name, format := range where {
		known := schema.Definitions[name].Properties
		for key := range known {
			keys++
			if _, err := Parse("a.yaml", fmt.Appendf(nil, format, key), nil); err != nil && strings.Contains(err.Error(), "has no key") {
				t.Errorf("%s: the schema has a key %s, which is not read", name, key)
			}
		}
	}
	if keys < 40 {
		t.Errorf("%d keys, want 40 or more", keys)
	}
	for _, key := range keysOfSource(t) {
		found := slices.ContainsFunc([]string{"", "principal", "case", "otherAccount", "blockPublicAccess", "accessControlList", "grant"}, func(name string) bool {
			return schema.Definitions[name].Properties[key] != nil
		})
		if !found {
			t.Errorf("the schema has no key %s", key)
		}
	}
}

// keysOfSource finds the keys that the package reads in its source.
func keysOfSource(t *testing.T) []string {
	var keys []string
	for _, file := range []string{"accessfile.go", "accesscontrol.go", "principal.go", "request.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:\{|take\(|other\()"([a-zA-Z]+)", ?(?:r\.|func|keep|&)|other\("(\w+)"\)`).FindAllStringSubmatch(string(text), -1) {
			keys = append(keys, m[1]+m[2])
		}
	}
	if len(keys) < 40 {
		t.Errorf("%d keys in the source, want 40 or more: %v", len(keys), keys)
	}
	return keys
}
