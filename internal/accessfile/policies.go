package accessfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy/eval"
)

// policies reads the policy documents: written here, or in files of their own.
func (r *reader) policies(n *node) {
	r.members(n, "policies", func(key, value *node) {
		r.file.documents[key.text] = nil // named, even when it cannot be read
		if d := r.document(key.text, value); d != nil {
			r.file.documents[key.text] = d
		}
	})
}

func (r *reader) document(name string, n *node) *Document {
	var d *Document
	var problems Problems
	switch {
	case n.kind == mapping:
		d, problems = inlineDocument(name, r.file.Name, n)
	case n.kind != text || n.text == "":
		r.fail(n, "write the document here, or the path of its file", "the policy %q must be a document or a path, but is %s", name, n.kind)
	case strings.HasPrefix(strings.TrimSpace(n.text), "{"):
		d, problems = blockDocument(name, r.file.Name, n, r.file.lines)
	default:
		d, problems = r.documentFile(name, n)
	}
	r.add(problems...)
	return d
}

// documentFile reads a policy that is a file of its own.
func (r *reader) documentFile(name string, n *node) (*Document, Problems) {
	data, err := r.open(n.text)
	if err != nil {
		hint := ""
		if isMissing(err) {
			hint = "a path is relative to the access file"
		}
		r.fail(n, hint, "the policy %q cannot be read: %v", name, err)
		return nil, nil
	}
	return parseDocument(name, relativeTo(r.file.Name, n.text), data)
}

// compiledAs is a policy in a part that it plays.
type compiledAs struct {
	name string
	as   eval.PolicyType
}

// policy returns the policy that a node names, compiled, or nil when there is
// none or it cannot play the part.
func (r *reader) policy(n *node, as eval.PolicyType) *eval.Policy {
	name, ok := r.text(n, "the name of a policy")
	if !ok {
		return nil
	}
	d, ok := r.file.documents[name]
	if !ok {
		r.fail(n, r.namedPolicies(name), "there is no policy %q", name)
		return nil
	}
	if d == nil {
		return nil // its problem has been told
	}
	p, err := d.Compile(as, r.file.principalIDs)
	if err != nil {
		if key := (compiledAs{name, as}); !r.compiled[key] {
			r.compiled[key] = true
			r.add(err.(Problems)...)
		}
		return nil
	}
	r.file.sources[p] = d
	return p
}

func (r *reader) namedPolicies(name string) string {
	names := slices.Sorted(maps.Keys(r.file.documents))
	if len(names) == 0 {
		return "the file has no policies"
	}
	return meant(name, names)
}

func (r *reader) optionalPolicy(n *node, as eval.PolicyType) *eval.Policy {
	if n.kind == null {
		return nil
	}
	return r.policy(n, as)
}

func (r *reader) policyList(n *node, as eval.PolicyType) []*eval.Policy {
	var list []*eval.Policy
	r.items(n, "the policies", func(_ int, n *node) {
		if p := r.policy(n, as); p != nil {
			list = append(list, p)
		}
	})
	return list
}

// levels reads the policies of each level of an organization, its root first.
// An empty list of levels is an account in no organization.
func (r *reader) levels(n *node, what string, as eval.PolicyType) [][]*eval.Policy {
	var levels [][]*eval.Policy
	r.items(n, what, func(_ int, n *node) {
		if n.kind != sequence {
			r.fail(n, "one list for each level, root first: [[full], [limits]]", "%s must be a list of lists, but has %s", what, n.kind)
			return
		}
		levels = append(levels, r.policyList(n, as))
	})
	return levels
}

func (r *reader) groupMembers(n *node) {
	r.members(n, "groups", func(key, value *node) {
		r.file.groups[key.text] = r.policyList(value, eval.Identity)
	})
}

// groupsOf adds the policies of the groups that a principal is in.
func (r *reader) groupsOf(n *node, to *eval.Policies) {
	r.items(n, "groups", func(_ int, n *node) {
		name, ok := r.text(n, "the name of a group")
		if !ok {
			return
		}
		list, ok := r.file.groups[name]
		if !ok {
			r.fail(n, meant(name, slices.Sorted(maps.Keys(r.file.groups))), "there is no group %q", name)
		}
		to.Identity = append(to.Identity, list...)
	})
}

// resourcePolicies reads the policies of buckets, the trust policies of roles
// and the policies of KMS keys.
func (r *reader) resourcePolicies(n *node) {
	r.members(n, "resourcePolicies", func(key, value *node) {
		as, wrong := resourcePolicyType(key.text)
		if wrong != "" {
			r.fail(key, wrong, "%q cannot have a policy here", key.text)
			return
		}
		if p := r.optionalPolicy(value, as); p != nil {
			r.file.resources[key.text] = p
		}
	})
}

// resourcePolicyType returns as what a resource's policy takes part, or a hint
// at what the resource should be.
func resourcePolicyType(resource string) (eval.PolicyType, string) {
	const want = "a bucket's ARN such as arn:aws:s3:::my-bucket, a role's, or a KMS key's"
	a, err := arn.Parse(resource)
	switch {
	case err != nil:
		return 0, want
	case a.Service == "s3" && a.Region == "" && strings.Contains(a.Resource, "/"):
		bucket, _, _ := strings.Cut(resource, "/")
		return 0, fmt.Sprintf("a bucket policy is the bucket's: %s", bucket)
	case a.Service == "s3" && a.Region == "" && a.AccountID == "":
		return eval.Resource, ""
	case a.Service == "iam" && strings.HasPrefix(a.Resource, "role/"):
		return eval.Trust, ""
	case a.Service == "kms" && strings.HasPrefix(a.Resource, "key/"):
		return eval.KeyPolicy, ""
	}
	return 0, want
}
