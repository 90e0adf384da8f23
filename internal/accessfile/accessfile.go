// Package accessfile knows the access file: the policies, principals and
// settings of an account, and cases that say what is to be allowed and what
// denied, in YAML or JSON. docs/access-file.md describes the format.
//
// It decides nothing: it hands out requests with the policies that apply to
// them, for policy/eval to decide. It tells everything that is wrong with a
// file at once, each with its place, and passes over nothing that it does not
// understand.
package accessfile

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy/acl"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// File is an access file. It does not change once it is read, and is for one
// goroutine at a time.
type File struct {
	Name    string
	Account string // that owns the resources
	Cases   []*Case

	documents    map[string]*Document
	sources      map[*eval.Policy]*Document
	principals   map[string]*Principal
	byARN        map[string][]string // names of principals
	groups       map[string][]*eval.Policy
	accounts     map[string]*account
	resources    map[string]*eval.Policy // bucket and trust policies, by ARN
	acls         map[string]*acl.List    // of buckets and objects, by ARN; nil of an object that is not there
	principalIDs map[string]string
	lines        [][]byte // of the text
}

// account is what an account brings to decisions.
type account struct {
	canonicalUserID string
	serviceControl  [][]*eval.Policy
	resourceControl [][]*eval.Policy

	restrictPublicBuckets, ignorePublicACLs bool
}

// Expect is what a case expects.
type Expect string

// The expectations. Denied is either of the two kinds of denial.
const (
	Allowed      Expect = "allowed"
	Denied       Expect = "denied"
	ExplicitDeny Expect = "explicitDeny"
	ImplicitDeny Expect = "implicitDeny"
)

// Holds reports whether a decision is as expected.
func (e Expect) Holds(d eval.Decision) bool {
	return string(e) == d.Effect.String() || e == Denied && !d.Allowed()
}

// Case is a request with the policies that apply to it, and what is expected.
type Case struct {
	Name      string
	Position  Position
	Principal *Principal
	Request   eval.Request
	Policies  eval.Policies
	Expect    Expect
	DecidedBy string // a name of PolicyTypeName, or "" when any policy may decide
}

// Holds reports whether a decision on the case is as it expects.
func (c *Case) Holds(d eval.Decision) bool {
	return c.Expect.Holds(d) && (c.DecidedBy == "" || c.DecidedBy == PolicyTypeName(d.Reason))
}

// Read reads the access file at path, and the policies that it names, which
// are relative to it. The error is Problems when the file can be read and is
// wrong.
func Read(path string) (*File, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data, func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(path), name)
		}
		return readFile(name)
	})
}

// Parse reads an access file. open reads a policy that the file names.
func Parse(name string, data []byte, open func(path string) ([]byte, error)) (*File, error) {
	root, problems := tree(name, data)
	if problems != nil {
		return nil, problems.sorted()
	}
	r := &reader{open: open, compiled: map[compiledAs]bool{}, file: &File{
		Name: name, documents: map[string]*Document{}, sources: map[*eval.Policy]*Document{},
		principals: map[string]*Principal{}, byARN: map[string][]string{}, groups: map[string][]*eval.Policy{}, accounts: map[string]*account{},
		resources: map[string]*eval.Policy{}, acls: map[string]*acl.List{}, principalIDs: map[string]string{}, lines: bytes.Split(data, []byte("\n")),
	}}
	r.whole(root)
	if len(r.problems) > 0 {
		return nil, r.problems.sorted()
	}
	return r.file, nil
}

// whole reads the file in the order in which its parts name each other, which
// need not be that of the text.
func (r *reader) whole(root *node) {
	parts := map[string]*node{}
	own := &account{}
	later := []struct {
		name string
		read func(*node)
	}{
		{"account", r.account},
		{"principalIds", r.bindings},
		{"policies", r.policies},
		{"groups", r.groupMembers},
		{"canonicalUserId", func(n *node) { own.canonicalUserID, _ = r.optional(n, "canonicalUserId") }},
		{"serviceControlPolicies", func(n *node) { own.serviceControl = r.levels(n, "serviceControlPolicies", eval.ServiceControl) }},
		{"resourceControlPolicies", func(n *node) { own.resourceControl = r.levels(n, "resourceControlPolicies", eval.ResourceControl) }},
		{"blockPublicAccess", func(n *node) { r.blockPublicAccess(n, own) }},
		{"accounts", r.otherAccounts},
		{"resourcePolicies", r.resourcePolicies},
		{"accessControlLists", r.accessControlLists},
		{"principals", r.principals},
		{"cases", r.cases},
	}
	fields := make([]field, len(later))
	for i, part := range later {
		fields[i] = field{part.name, func(n *node) { parts[part.name] = n }}
	}
	r.fields(root, "an access file", fields)
	if root.kind != mapping {
		return
	}
	if parts["account"] == nil {
		r.fail(root, `the account that owns the resources, such as account: "123456789012"`, "the file has no account")
	}
	for _, part := range later {
		if n := parts[part.name]; n != nil {
			part.read(n)
		}
		if part.name == "account" {
			r.file.accounts[r.file.Account] = own
		}
	}
}

func (r *reader) account(n *node) {
	id, ok := r.text(n, "account")
	if ok && !arn.IsAccountID(id) {
		r.fail(n, "an account's id has 12 to 20 digits", "%q is no account", id)
	}
	r.file.Account = id
}

func (r *reader) otherAccounts(n *node) {
	r.members(n, "accounts", func(key, value *node) {
		switch {
		case !arn.IsAccountID(key.text):
			r.fail(key, "an account's id has 12 to 20 digits", "%q is no account", key.text)
			return
		case key.text == r.file.Account:
			r.fail(key, "what belongs to it stands at the top of the file", "accounts has the file's own account")
			return
		}
		a := &account{}
		r.file.accounts[key.text] = a
		r.fields(value, "an account", []field{
			{"canonicalUserId", func(n *node) { a.canonicalUserID, _ = r.optional(n, "canonicalUserId") }},
			{"serviceControlPolicies", func(n *node) { a.serviceControl = r.levels(n, "serviceControlPolicies", eval.ServiceControl) }},
			{"resourceControlPolicies", func(n *node) { a.resourceControl = r.levels(n, "resourceControlPolicies", eval.ResourceControl) }},
			{"blockPublicAccess", func(n *node) { r.blockPublicAccess(n, a) }},
		})
	})
}

// blockPublicAccess reads the four settings. Two of them bear on decisions; the
// others say which policies and ACLs can be put.
func (r *reader) blockPublicAccess(n *node, to *account) {
	if n.kind == null {
		return
	}
	other := func(name string) field { return field{name, func(n *node) { r.boolean(n, name) }} }
	r.fields(n, "blockPublicAccess", []field{
		other("blockPublicAcls"),
		{"ignorePublicAcls", func(n *node) { to.ignorePublicACLs = r.boolean(n, "ignorePublicAcls") }},
		other("blockPublicPolicy"),
		{"restrictPublicBuckets", func(n *node) { to.restrictPublicBuckets = r.boolean(n, "restrictPublicBuckets") }},
	})
}

// bindings reads the unique ids that ARNs stood for when policies were saved.
func (r *reader) bindings(n *node) {
	r.members(n, "principalIds", func(key, value *node) {
		if id, ok := r.text(value, "a unique id"); ok {
			r.file.principalIDs[key.text] = id
		}
	})
}

func (r *reader) principals(n *node) {
	r.members(n, "principals", func(key, value *node) {
		p := r.principal(key.text, value)
		if key.text == Anonymous && p.Type != eval.Anonymous {
			r.fail(key, "give it another name", "anonymous is who has no credentials")
		}
		r.file.principals[key.text] = p
		r.file.adopt(p)
		r.file.byARN[p.ARN] = append(r.file.byARN[p.ARN], key.text)
		if p.Type == eval.AssumedRole {
			r.file.byARN[p.IssuerARN] = append(r.file.byARN[p.IssuerARN], key.text)
		}
	})
}

// adopt gives a principal what its account brings.
func (f *File) adopt(p *Principal) {
	if a := f.accounts[p.AccountID]; a != nil && p.AccountID != "" {
		p.policies.ServiceControl = a.serviceControl
		if p.CanonicalUserID == "" {
			p.CanonicalUserID = a.canonicalUserID
		}
	}
}

func (r *reader) cases(n *node) {
	r.items(n, "cases", func(i int, n *node) {
		if r.failures >= maxProblems {
			return
		}
		if c := r.oneCase(i, n); c != nil {
			r.file.Cases = append(r.file.Cases, c)
		}
	})
}

// PrincipalNames returns the names of the principals of the file, sorted.
func (f *File) PrincipalNames() []string { return slices.Sorted(maps.Keys(f.principals)) }

// Document returns the document of a policy of the file, or nil.
func (f *File) Document(p *eval.Policy) *Document { return f.sources[p] }

// New returns a file of an account with no policies, for requests whose
// policies come from elsewhere.
func New(accountID string) *File {
	return &File{Account: accountID, accounts: map[string]*account{accountID: {}}}
}

// Question is a request as a case or a command line states it.
type Question struct {
	Principal       *Principal
	Action          string
	Resource        string // an ARN, or "*"
	ResourceAccount string // of the resource, when it is neither in its ARN nor the file's
	Context         *condition.Context
	Given           map[string]bool // the keys that Context gives, in lower case
}

// isMissing reports whether reading a file failed because there is none.
func isMissing(err error) bool { return os.IsNotExist(err) }
