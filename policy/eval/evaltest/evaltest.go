// Package evaltest reads the cases of decisions, which are data for every test
// that decides: the engine's own, those of the command line and those of the
// server. It knows the format that policy/eval/testdata/README.md describes; it
// decides nothing, and does not even parse the policies.
package evaltest

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keywright/keywright/policy/acl"
	"github.com/keywright/keywright/policy/condition"
)

// DefaultOwner is the account that owns the resources unless a case says
// otherwise.
const DefaultOwner = "111111111111"

// File is one file of cases.
type File struct {
	Name       string       // without its folder and extension
	Principals []*Principal // in the order of the file, after those of all files
	Policies   []*Policy    // in the order of the file
	Cases      []*Case
}

// Principal is who makes the request of a case.
type Principal struct {
	Name string
	Type string // anonymous, root, user, role (a role's session), federated, service or provider

	ARN, IssuerARN, AccountID, UniqueID, CanonicalUserID, ServiceName string

	Keys []Key // that its requests bring
}

// Policy is a policy document as it stands in the file.
type Policy struct {
	Name     string
	Type     string // identity, boundary, session, resource, trust, key, scp or rcp
	Document string
	At       string // file and line

	// Bound are the unique ids of the ARNs that the document may name: those of
	// the principals before it, of namesakes the first. It is nil unless names
	// are to be bound.
	Bound map[string]string
}

// Key is a condition key with its values.
type Key struct {
	Name   string
	Type   string // "" of a text, else list, int, bool, ip or time
	Values []string
}

// State is what cases are decided on. It does not change once it is in a Case.
type State struct {
	Principal             *Principal
	Owner                 string // the account that owns the resource
	Identity, Session     []*Policy
	HasSession            bool // session policies limit, even none
	Boundary, Resource    *Policy
	ServiceControl        [][]*Policy
	ResourceControl       [][]*Policy
	RestrictPublicBuckets bool
	ACLs                  *ACLs // nil where they are disabled
}

// ACLs are the access control lists of the bucket and the object of a case.
type ACLs struct {
	Bucket       *acl.List
	Object       *acl.List // nil when it is not known, or there is none
	NoObject     bool
	IgnorePublic bool
}

// String returns all that they say.
func (a *ACLs) String() string {
	if a == nil {
		return ""
	}
	return fmt.Sprint(*a.Bucket, a.Object, a.NoObject, a.IgnorePublic)
}

// Case is a request and what is to be decided on it.
type Case struct {
	State
	At       string // file and line
	Source   string // the documentation page that states the rule, or ""
	Action   string
	Resource string // "*" or an ARN
	Keys     []Key  // that this request brings beside those of its principal
	Effect   string // allowed, implicitDeny or explicitDeny
	Reason   string // the type of policy that decided, "root", or "" when any will do
}

// Named returns the principal of a name, the last where several have it, or nil.
func (f *File) Named(name string) *Principal {
	for _, p := range slices.Backward(f.Principals) {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// String returns what the case is decided on, in full: two cases with the same
// text are one.
func (c *Case) String() string {
	var policies []string
	for _, p := range c.Policies() {
		policies = append(policies, p.At)
	}
	levels := func(of [][]*Policy) (sizes []int) {
		for _, level := range of {
			sizes = append(sizes, len(level))
		}
		return sizes
	}
	s := &c.State
	return fmt.Sprint(s.Principal.Name, s.Owner, policies, len(s.Identity), len(s.Session), s.HasSession, s.Boundary != nil, s.Resource != nil,
		levels(s.ServiceControl), levels(s.ResourceControl), s.RestrictPublicBuckets, s.ACLs.String(), c.Action, c.Resource, c.Keys)
}

// Policies returns every policy that takes part in the decision.
func (s *State) Policies() []*Policy {
	all := slices.Concat(s.Identity, s.Session)
	for _, p := range []*Policy{s.Boundary, s.Resource} {
		if p != nil {
			all = append(all, p)
		}
	}
	return slices.Concat(all, slices.Concat(s.ServiceControl...), slices.Concat(s.ResourceControl...))
}

// Context returns the keys of the principal and of the request.
func (c *Case) Context() *condition.Context {
	all := &condition.Context{}
	if c.Principal != nil {
		SetKeys(all, c.Principal.Keys)
	}
	SetKeys(all, c.Keys)
	return all
}

// SetKeys sets the keys of a context.
func SetKeys(c *condition.Context, keys []Key) {
	for _, k := range keys {
		k.set(c)
	}
}

func (k Key) set(c *condition.Context) {
	switch k.Type {
	case "list":
		c.SetStrings(k.Name, k.Values)
	case "int":
		n, _ := strconv.ParseInt(k.Values[0], 10, 64)
		c.SetInt(k.Name, n)
	case "bool":
		c.SetBool(k.Name, k.Values[0] == "true")
	case "ip":
		a, _ := netip.ParseAddr(k.Values[0])
		c.SetIP(k.Name, a)
	case "time":
		t, _ := time.Parse(time.RFC3339, k.Values[0])
		c.SetTime(k.Name, t)
	default:
		c.SetString(k.Name, k.Values[0])
	}
}

// ParseKey reads key=text, key=[text,text] or key:type=text. It fails unless
// the value is one of its type.
func ParseKey(word string) (Key, error) {
	name, v, ok := strings.Cut(word, "=")
	if !ok {
		return Key{}, fmt.Errorf("%q is no key=value", word)
	}
	if list, ok := strings.CutPrefix(v, "["); ok {
		k := Key{Name: name, Type: "list", Values: []string{}}
		if list = strings.TrimSuffix(list, "]"); list != "" {
			k.Values = strings.Split(list, ",")
		}
		return k, nil
	}
	k := Key{Name: name, Values: []string{v}}
	var err error
	for _, t := range []string{"int", "bool", "ip", "time"} {
		if bare, ok := strings.CutSuffix(name, ":"+t); ok {
			k.Name, k.Type = bare, t
		}
	}
	switch k.Type {
	case "int":
		_, err = strconv.ParseInt(v, 10, 64)
	case "bool":
		_, err = strconv.ParseBool(v)
	case "ip":
		_, err = netip.ParseAddr(v)
	case "time":
		_, err = time.Parse(time.RFC3339, v)
	}
	return k, err
}

// Open reads the file of cases at path. Its principals are those of
// principals.txt in the folder above, and its own.
func Open(path string) (*File, error) {
	base, err := OpenPrincipals(filepath.Join(filepath.Dir(path), "..", "principals.txt"))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, string(text), base)
}

// OpenPrincipals reads a file of nothing but principals.
func OpenPrincipals(path string) ([]*Principal, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := Parse(path, string(text), nil)
	if err != nil {
		return nil, err
	}
	return f.Principals, nil
}
