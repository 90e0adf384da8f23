package eval

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval/evaltest"
)

// The files of testdata/decisions are cases of AWS's rules, each under the
// title of the documentation page that states them. testdata/README.md
// describes their format.

// minimumDecisions is below the number of cases in the files: a test that
// finds none must fail.
const minimumDecisions = 2750

func TestDecisions(t *testing.T) {
	paths, err := filepath.Glob("testdata/decisions/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			f, err := evaltest.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			checkFile(t, f)
			s := newScene(t)
			for _, c := range f.Cases {
				s.check(c)
			}
			t.Logf("%d decisions", len(f.Cases))
			total += len(f.Cases)
		})
	}
	if total < minimumDecisions {
		t.Errorf("%d decisions, want %d or more", total, minimumDecisions)
	}
	t.Logf("decisions: %d cases decided by the library (at least %d)", total, minimumDecisions)
}

// minimumRules is below the number of rules in testdata/rules.txt.
const minimumRules = 56

// Every rule of testdata/rules.txt has cases that cite it, and every citation
// is of such a rule.
func TestRulesHaveCases(t *testing.T) {
	rules := map[string]int{}
	for _, line := range strings.Split(read(t, "testdata/rules.txt"), "\n") {
		if number, text, ok := strings.Cut(line, " "); ok && number != "#" {
			if !strings.HasSuffix(text, "]") || rules[number] != 0 {
				t.Errorf("rules.txt: %q needs a page in brackets, and a number of its own", line)
			}
			rules[number]++
		}
	}
	if len(rules) < minimumRules {
		t.Errorf("%d rules, want %d or more", len(rules), minimumRules)
	}
	paths, err := filepath.Glob("testdata/decisions/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	citation := regexp.MustCompile(`rule ([0-9]+(?:\.[0-9]+)*)`)
	for _, path := range paths {
		for _, line := range strings.Split(read(t, path), "\n") {
			if !strings.HasPrefix(line, "#") {
				continue
			}
			for _, found := range citation.FindAllStringSubmatch(line, -1) {
				if rules[found[1]] == 0 {
					t.Errorf("%s: there is no rule %s", path, found[1])
				}
				rules[found[1]]++
			}
		}
	}
	for number, n := range rules {
		if n < 2 {
			t.Errorf("no case cites rule %s", number)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkFile reports a case without a source or that stands there twice, and a
// policy that no case is decided on.
func checkFile(t *testing.T, f *evaltest.File) {
	t.Helper()
	stands, used := map[string]string{}, map[*evaltest.Policy]bool{}
	for _, c := range f.Cases {
		if c.Source == "" {
			t.Errorf("%s: the case has no source", c.At)
		}
		if at, ok := stands[c.String()]; ok {
			t.Errorf("%s: the case stands at %s already", c.At, at)
		}
		stands[c.String()] = c.At
		for _, p := range c.Policies() {
			used[p] = true
		}
	}
	for _, p := range f.Policies {
		if !used[p] {
			t.Errorf("%s: no case is decided on the policy %q", p.At, p.Name)
		}
	}
}

// scene compiles the policies of cases, each once.
type scene struct {
	t        testing.TB
	compiled map[*evaltest.Policy]*Policy
}

func newScene(t testing.TB) *scene {
	return &scene{t: t, compiled: map[*evaltest.Policy]*Policy{}}
}

var policyTypes = map[string]PolicyType{
	"identity": Identity, "boundary": PermissionsBoundary, "session": Session, "resource": Resource, "trust": Trust,
	"scp": ServiceControl, "rcp": ResourceControl, "key": KeyPolicy, "acl": AccessControlList, "root": 0,
}

func (s *scene) compile(p *evaltest.Policy) *Policy {
	s.t.Helper()
	if p == nil || s.compiled[p] != nil {
		return s.compiled[p]
	}
	doc, err := policy.Parse([]byte(p.Document))
	if err != nil {
		s.t.Fatalf("%s: %s: %v", p.At, p.Name, err)
	}
	if s.compiled[p], err = Compile(doc, Options{Type: policyTypes[p.Type], Name: p.Name, PrincipalIDs: p.Bound}); err != nil {
		s.t.Fatalf("%s: %s: %v", p.At, p.Name, err)
	}
	return s.compiled[p]
}

func (s *scene) list(policies []*evaltest.Policy) []*Policy {
	var list []*Policy
	for _, p := range policies {
		list = append(list, s.compile(p))
	}
	return list
}

func (s *scene) levels(policies [][]*evaltest.Policy) [][]*Policy {
	var levels [][]*Policy
	for _, level := range policies {
		levels = append(levels, s.list(level))
	}
	return levels
}

func (s *scene) policies(of *evaltest.State) *Policies {
	return &Policies{
		Identity: s.list(of.Identity), Boundary: s.compile(of.Boundary), Session: s.list(of.Session), HasSession: of.HasSession,
		Resource: s.compile(of.Resource), ServiceControl: s.levels(of.ServiceControl), ResourceControl: s.levels(of.ResourceControl),
		RestrictPublicBuckets: of.RestrictPublicBuckets, ACLs: aclsOf(of.ACLs),
	}
}

func aclsOf(a *evaltest.ACLs) *AccessControl {
	if a == nil {
		return nil
	}
	return &AccessControl{Bucket: a.Bucket, Object: a.Object, NoObject: a.NoObject, IgnorePublic: a.IgnorePublic}
}

var principalTypes = map[string]PrincipalType{
	"anonymous": Anonymous, "root": Root, "user": User, "role": AssumedRole, "federated": FederatedUser,
	"service": Service, "provider": FederatedIdentity,
}

func principalOf(p *evaltest.Principal) Principal {
	return Principal{
		Type: principalTypes[p.Type], ARN: p.ARN, IssuerARN: p.IssuerARN, AccountID: p.AccountID,
		UniqueID: p.UniqueID, CanonicalUserID: p.CanonicalUserID, ServiceName: p.ServiceName,
	}
}

// somebody are the principals that all files use.
func somebody(t testing.TB) []*evaltest.Principal {
	t.Helper()
	principals, err := evaltest.OpenPrincipals("testdata/principals.txt")
	if err != nil {
		t.Fatal(err)
	}
	return principals
}

func requestOfCase(c *evaltest.Case) *Request {
	return &Request{Principal: principalOf(c.Principal), Action: c.Action, Resource: c.Resource, ResourceAccount: c.Owner, Context: c.Context()}
}

// setKey sets a key that is written as in the files.
func setKey(c *condition.Context, word string) {
	k, err := evaltest.ParseKey(word)
	if err != nil {
		panic(err)
	}
	evaltest.SetKeys(c, []evaltest.Key{k})
}

// check holds a case against Decide and Explain, and against the plain reading
// of the rules.
func (s *scene) check(c *evaltest.Case) {
	s.t.Helper()
	r, p := requestOfCase(c), s.policies(&c.State)
	d := Decide(r, p)
	if d.Effect.String() != c.Effect || c.Reason != "" && d.Reason != policyTypes[c.Reason] {
		s.t.Errorf("%s: %s %s on %s: %s by the %s, want %s/%s", c.At, c.Principal.Name, r.Action, r.Resource, d.Effect, d.Reason, c.Effect, c.Reason)
	}
	explained, trace := Explain(r, p)
	if explained != d {
		s.t.Errorf("%s: Explain decides %+v, Decide %+v", c.At, explained, d)
	}
	if err := agrees(d, trace); err != nil {
		s.t.Errorf("%s: %v", c.At, err)
	}
	for _, of := range trace.Policies {
		for i, st := range of.Statements {
			if e := of.Policy.Elements(i, r, p); e.Match() != st.Matched {
				s.t.Errorf("%s: %+v of statement %d of %s, which the trace has as %+v", c.At, e, i, of.Policy.Name(), st)
			}
		}
	}
	if plain := plainDecide(r, p); plain != d.Effect {
		s.t.Errorf("%s: the plain reading decides %s, Decide %s", c.At, plain, d.Effect)
	}
}

// agrees reports how a trace contradicts its decision.
func agrees(d Decision, t *Trace) error {
	if d.Reason == AccessControlList && d.Statement >= 0 && !t.Grants[d.Statement].Matched {
		return fmt.Errorf("the deciding grant %d did not match in the trace: %s", d.Statement, t.Grants[d.Statement].Element)
	}
	if d.Policy == nil || d.Statement < 0 {
		return nil
	}
	for _, of := range t.Policies {
		if of.Policy == d.Policy {
			if st := of.Statements[d.Statement]; !st.Matched || st.Element != "" {
				return fmt.Errorf("the deciding statement %d did not match in the trace: %s", d.Statement, st.Element)
			}
			return nil
		}
	}
	return fmt.Errorf("the deciding policy %q is not in the trace", d.Policy.Name())
}
