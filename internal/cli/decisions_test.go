package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/accessfile"
	"github.com/keywright/keywright/policy/acl"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval/evaltest"
)

// minimumTested is below the number of cases that keywright test decides.
const minimumTested = 2700

// TestDecisions writes the cases of decisions of policy/eval as access files, one
// for each state, and has keywright test decide them all. What an access file
// cannot say is counted with its reason.
func TestDecisions(t *testing.T) {
	paths, err := filepath.Glob("../../policy/eval/testdata/decisions/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	all, said := 0, 0
	unsaid := map[string][]string{}
	var files []string
	for _, path := range paths {
		f, err := evaltest.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		all += len(f.Cases)
		for i, w := range writtenOf(f, unsaid) {
			name := filepath.Join(dir, fmt.Sprintf("%s-%d.json", f.Name, i))
			text, err := json.Marshal(w)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
			said += len(w.Cases)
			files = append(files, name)
		}
	}
	checkTested(t, files, said)
	not := 0
	for _, reason := range slices.Sorted(maps.Keys(unsaid)) {
		at := unsaid[reason]
		not += len(at)
		t.Logf("decisions: not to be said in an access file, %d: %s (%s)", len(at), reason, strings.Join(at[:min(3, len(at))], ", "))
	}
	t.Logf("decisions: %d cases decided by keywright test (at least %d), %d not to be said in an access file", said, minimumTested, not)
	if said+not != all || said < minimumTested {
		t.Errorf("%d cases decided and %d not to be said, of %d; want %d or more decided", said, not, all, minimumTested)
	}
}

// checkTested runs keywright test, which must decide as many cases as expected.
func checkTested(t *testing.T, files []string, want int) {
	t.Helper()
	c := exec.Command("keywright", append([]string{"test", "--json"}, files...)...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Errorf("keywright test: %v\n%s", err, stderr.String())
	}
	var result struct {
		Total, Passed int
		Cases         []struct {
			Name, Expected, ExpectedDecidedBy, Decision, DecidedBy, Reason string
			Passed                                                         bool
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatalf("%v in\n%s", err, stdout.String())
	}
	for _, c := range result.Cases {
		if !c.Passed {
			t.Errorf("%s: %s by %s, want %s by %s: %s", c.Name, c.Decision, c.DecidedBy, c.Expected, cmp.Or(c.ExpectedDecidedBy, "any"), c.Reason)
		}
	}
	if result.Total != want || result.Passed != want {
		t.Errorf("keywright test decided %d cases, %d as expected; want %d", result.Total, result.Passed, want)
	}
}

// written is an access file.
type written struct {
	Account                 string                      `json:"account"`
	Policies                map[string]string           `json:"policies"`
	Principals              map[string]writtenPrincipal `json:"principals"`
	ResourcePolicies        map[string]string           `json:"resourcePolicies"`
	ServiceControlPolicies  [][]string                  `json:"serviceControlPolicies"`
	ResourceControlPolicies [][]string                  `json:"resourceControlPolicies"`
	BlockPublicAccess       map[string]bool             `json:"blockPublicAccess"`
	AccessControlLists      map[string]*writtenACL      `json:"accessControlLists"`
	Accounts                map[string]writtenAccount   `json:"accounts"`
	PrincipalIDs            map[string]string           `json:"principalIds,omitempty"`
	Cases                   []writtenCase               `json:"cases"`
}

type writtenACL struct {
	Owner  string         `json:"owner"`
	Grants []writtenGrant `json:"grants"`
}

type writtenGrant struct {
	Grantee    string `json:"grantee"`
	Permission string `json:"permission"`
}

func writtenACLOf(l *acl.List) *writtenACL {
	if l == nil {
		return nil
	}
	w := &writtenACL{Owner: l.Owner}
	for _, g := range l.Grants {
		w.Grants = append(w.Grants, writtenGrant{g.Grantee, g.Permission.String()})
	}
	return w
}

type writtenAccount struct {
	ServiceControlPolicies [][]string `json:"serviceControlPolicies"`
}

type writtenPrincipal struct {
	ARN             string         `json:"arn,omitempty"`
	Type            string         `json:"type,omitempty"`
	Service         string         `json:"service,omitempty"`
	Provider        string         `json:"provider,omitempty"`
	Issuer          string         `json:"issuer,omitempty"`
	UniqueID        string         `json:"uniqueId,omitempty"`
	CanonicalUserID string         `json:"canonicalUserId,omitempty"`
	Identity        []string       `json:"identity"`
	Boundary        *string        `json:"boundary"`
	Session         []string       `json:"session"`
	HasSession      bool           `json:"hasSession"`
	Context         map[string]any `json:"context"`
}

type writtenCase struct {
	Name            string         `json:"name"`
	Principal       string         `json:"principal"`
	Action          string         `json:"action"`
	Resource        string         `json:"resource"`
	ResourceAccount string         `json:"resourceAccount"`
	Context         map[string]any `json:"context"`
	Expect          string         `json:"expect"`
	DecidedBy       string         `json:"decidedBy,omitempty"`
}

// writtenOf writes the cases of a file as access files, one for each state that
// cases in a row are decided on, and adds the places of what cannot be said to
// unsaid.
func writtenOf(f *evaltest.File, unsaid map[string][]string) []*written {
	var files []*written
	state := ""
	for _, c := range f.Cases {
		if reason := unsayable(c); reason != "" {
			unsaid[reason] = append(unsaid[reason], c.At)
			continue
		}
		if s := stateOf(&c.State); s != state || len(files) == 0 {
			files, state = append(files, write(&c.State)), s
		}
		files[len(files)-1].add(c)
	}
	return files
}

// stateOf tells states apart.
func stateOf(s *evaltest.State) string {
	return fmt.Sprintf("%p %s %p %p %p %v %p %p %p %v", s.Principal, s.Owner, s.Identity, s.Session, s.Boundary, s.HasSession, s.Resource, s.ServiceControl, s.ResourceControl, s.RestrictPublicBuckets) + s.ACLs.String()
}

// unsayable returns why a case cannot stand in an access file, or "".
func unsayable(c *evaltest.Case) string {
	for _, k := range slices.Concat(c.Principal.Keys, c.Keys) {
		if want := accessfile.SetKey(&condition.Context{}, k.Name, k.Values, k.Type == "list"); want != "" {
			return "an access file takes no value of a key that is not " + want
		}
	}
	p := c.State.Resource
	service, _, _ := strings.Cut(strings.ToLower(c.Action), ":")
	switch {
	case c.ACLs != nil && c.ACLs.Object == nil && !c.ACLs.NoObject:
		return "an access file knows whose every object is"
	case service == "sts" && p == nil && strings.Contains(c.Resource, ":role/"):
		return "a role always has a trust policy"
	case service == "kms" && p == nil && strings.Contains(c.Resource, ":key/"):
		return "a key always has a key policy"
	case p != nil && policyOwner(c) == "" && c.Resource != "*": // which has no policy anywhere
		return "only buckets have policies, roles trust policies, and keys key policies"
	}
	return ""
}

// policyOwner returns the ARN of the bucket or role whose policy is the
// resource-based policy of a case, or "" when there can be none.
func policyOwner(c *evaltest.Case) string {
	a, err := arn.Parse(c.Resource)
	service, _, _ := strings.Cut(strings.ToLower(c.Action), ":")
	switch {
	case err != nil:
		return ""
	case c.State.Resource.Type == "trust" && service == "sts" && a.Service == "iam" && strings.HasPrefix(a.Resource, "role/"):
		return c.Resource
	case c.State.Resource.Type == "key" && service == "kms" && a.Service == "kms" && strings.HasPrefix(a.Resource, "key/"):
		return c.Resource
	case c.State.Resource.Type == "resource" && a.Service == "s3" && a.Region == "" && a.AccountID == "":
		bucket, _, _ := strings.Cut(c.Resource, "/")
		return bucket
	}
	return ""
}

// implied are the keys that an access file sets by itself, which are absent from
// the cases that do not say them.
var implied = []string{
	"aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalType", "aws:username", "aws:userid", "aws:PrincipalIsAWSService",
	"aws:PrincipalServiceName", "aws:ResourceAccount", "s3:ResourceAccount",
}

func write(s *evaltest.State) *written {
	w := &written{
		Account: s.Owner, Policies: map[string]string{}, Principals: map[string]writtenPrincipal{}, ResourcePolicies: map[string]string{},
		BlockPublicAccess: map[string]bool{"restrictPublicBuckets": s.RestrictPublicBuckets}, Accounts: map[string]writtenAccount{},
		AccessControlLists: map[string]*writtenACL{},
	}
	if s.ACLs != nil {
		w.BlockPublicAccess["ignorePublicAcls"] = s.ACLs.IgnorePublic
	}
	p := s.Principal
	who := writtenPrincipal{
		ARN: p.ARN, Service: p.ServiceName, UniqueID: p.UniqueID, CanonicalUserID: p.CanonicalUserID,
		Identity: w.names(s.Identity), Session: w.names(s.Session), HasSession: s.HasSession, Context: map[string]any{},
	}
	switch {
	case p.Type == "anonymous":
		who.Type = p.Type
	case p.Type == "provider" && !strings.HasPrefix(p.ARN, "arn:"):
		who.ARN, who.Provider = "", p.ARN
	case p.Type == "role" || p.Type == "federated":
		who.Issuer = p.IssuerARN
	}
	if s.Boundary != nil {
		who.Boundary = &w.names([]*evaltest.Policy{s.Boundary})[0]
	}
	for _, key := range implied {
		who.Context[key] = nil
	}
	setWritten(who.Context, p.Keys)
	w.Principals[p.Name] = who

	w.ResourceControlPolicies = w.levels(s.ResourceControl)
	if scp := w.levels(s.ServiceControl); p.AccountID == "" || p.AccountID == s.Owner {
		w.ServiceControlPolicies = scp
	} else {
		w.Accounts[p.AccountID] = writtenAccount{scp}
	}
	if s.Resource != nil {
		w.PrincipalIDs = s.Resource.Bound
		w.names([]*evaltest.Policy{s.Resource})
	}
	return w
}

// names adds policies and returns their names.
func (w *written) names(policies []*evaltest.Policy) []string {
	names := []string{}
	for _, p := range policies {
		w.Policies[p.Name] = p.Document
		names = append(names, p.Name)
	}
	return names
}

func (w *written) levels(policies [][]*evaltest.Policy) [][]string {
	levels := [][]string{}
	for _, level := range policies {
		levels = append(levels, w.names(level))
	}
	return levels
}

func (w *written) add(c *evaltest.Case) {
	if c.State.Resource != nil && policyOwner(c) != "" {
		w.ResourcePolicies[policyOwner(c)] = c.State.Resource.Name
	}
	if c.ACLs != nil {
		bucket, _, isObject := strings.Cut(c.Resource, "/")
		w.AccessControlLists[bucket] = writtenACLOf(c.ACLs.Bucket)
		if isObject {
			w.AccessControlLists[c.Resource] = writtenACLOf(c.ACLs.Object)
		}
	}
	context := map[string]any{}
	setWritten(context, c.Keys)
	w.Cases = append(w.Cases, writtenCase{
		Name: c.At, Principal: c.Principal.Name, Action: c.Action, Resource: c.Resource, ResourceAccount: c.Owner,
		Context: context, Expect: c.Effect, DecidedBy: c.Reason,
	})
}

// setWritten adds keys, of which the last counts where names differ only in
// case.
func setWritten(context map[string]any, keys []evaltest.Key) {
	for _, k := range keys {
		for name := range context {
			if strings.EqualFold(name, k.Name) {
				delete(context, name)
			}
		}
		if k.Type == "list" {
			context[k.Name] = k.Values
		} else {
			context[k.Name] = k.Values[0]
		}
	}
}
