package remedy

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/edit"
	"github.com/keywright/keywright/policy/eval"
	"github.com/keywright/keywright/policy/eval/evaltest"
)

var update = flag.Bool("update", false, "write what Find answers into the files of cases")

// minimumCases is below the number of cases in the files.
const minimumCases = 100

// The files of testdata are cases of denied requests in the format of
// policy/eval/testdata, each with what Find answers below it in lines that begin
// with ">". What an edit takes away stands behind "-", what it adds behind "+".
func TestFind(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	principals, err := evaltest.OpenPrincipals("../eval/testdata/principals.txt")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { total += findAll(t, path, principals) })
	}
	if total < minimumCases {
		t.Errorf("%d cases, want %d or more", total, minimumCases)
	}
	t.Logf("%d denied requests", total)
}

func findAll(t *testing.T, path string, principals []*evaltest.Principal) int {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	bare, expected := make([]string, len(lines)), map[int]string{}
	last := 0
	for i, line := range lines {
		if strings.HasPrefix(line, ">") {
			expected[last] += line + "\n"
			continue
		}
		bare[i], last = line, i+1
	}
	f, err := evaltest.Parse(path, strings.Join(bare, "\n"), principals)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	answers := map[int]string{}
	for _, c := range f.Cases {
		if c.Source == "" {
			t.Errorf("%s: the case does not name its source", c.At)
		}
		r, p := b.request(c), b.policies(&c.State)
		if d := eval.Decide(r, p); d.Effect.String() != c.Effect {
			t.Errorf("%s: %s, want %s", c.At, d.Effect, c.Effect)
		}
		a := Find(r, p)
		verify(t, c.At, r, p, a)
		n := lineOf(c.At)
		answers[n] = show(a)
		if !*update && answers[n] != expected[n] {
			t.Errorf("%s: got\n%swant\n%s", c.At, answers[n], expected[n])
		}
	}
	if *update {
		write(t, path, lines, answers)
	}
	return len(f.Cases)
}

func lineOf(at string) (n int) {
	fmt.Sscanf(at[strings.LastIndexByte(at, ':')+1:], "%d", &n)
	return n
}

func write(t *testing.T, path string, lines []string, answers map[int]string) {
	var out strings.Builder
	for i, line := range lines {
		if !strings.HasPrefix(line, ">") {
			out.WriteString(line + "\n")
			out.WriteString(answers[i+1])
		}
	}
	if err := os.WriteFile(path, []byte(strings.TrimRight(out.String(), "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func show(a Advice) string {
	var b strings.Builder
	for _, r := range a.Remedies {
		b.WriteString("> remedy\n")
		sources := map[*eval.Policy][]byte{}
		for _, c := range r.Changes {
			fmt.Fprintf(&b, ">   %s: %s\n", c.Kind, c.Description)
			if c.Note != "" {
				fmt.Fprintf(&b, ">     (%s)\n", c.Note)
			}
			switch {
			case c.Policy == nil && c.Document != nil:
				fmt.Fprintf(&b, ">     + %s\n", c.Document.Bytes())
			case c.Policy != nil && c.Document != nil:
				source := sources[c.Policy]
				if source == nil {
					source = c.Policy.Document().Bytes()
				}
				for _, e := range c.Edits {
					if gone := source[e.Start:e.End]; len(gone) > 0 {
						fmt.Fprintf(&b, ">     - %s\n", folded(string(gone)))
					}
					if e.Text != "" {
						fmt.Fprintf(&b, ">     + %s\n", folded(e.Text))
					}
				}
				sources[c.Policy] = c.Document.Bytes()
			}
		}
	}
	if a.Obstacle != "" {
		fmt.Fprintf(&b, "> none: %s\n", a.Obstacle)
	}
	return b.String()
}

func folded(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", `\n`) }

// verify holds an answer to what it promises, without the means of Find: the
// changed documents allow the request, and each edit gives the document that it
// is said to give.
func verify(t fataler, at string, r *eval.Request, p *eval.Policies, a Advice) {
	if len(a.Remedies) == 0 && a.Obstacle == "" {
		t.Fatalf("%s: no remedy, and no reason why there is none", at)
	}
	for _, m := range a.Remedies {
		changed, sent := after(t, at, r, p, m)
		if d := eval.Decide(sent, changed); !d.Allowed() {
			t.Fatalf("%s: %s by the %s after\n%s", at, d.Effect, d.Reason, show(Advice{Remedies: []Remedy{m}}))
		}
	}
}

type fataler interface{ Fatalf(string, ...any) }

// after makes the changes of a remedy.
func after(t fataler, at string, r *eval.Request, p *eval.Policies, m Remedy) (*eval.Policies, *eval.Request) {
	now := map[*eval.Policy]*eval.Policy{}
	changed, sent := p, r
	for _, c := range m.Changes {
		current := c.Policy
		if now[c.Policy] != nil {
			current = now[c.Policy]
		}
		switch {
		case c.Kind == ChangeRequest:
			sent = (&state{r: sent}).with(c.Keys)
			continue
		case c.Policy == nil:
			of, err := eval.Compile(c.Document, eval.Options{Type: c.Type})
			if err != nil {
				t.Fatalf("%s: %v", at, err)
			}
			changed = exchange(changed, nil, of, c.Level)
			continue
		case c.Document == nil:
			changed = exchange(changed, current, nil, 0)
			continue
		}
		source, err := edit.Apply(current.Document().Bytes(), c.Edits...)
		if err != nil || string(source) != string(c.Document.Bytes()) {
			t.Fatalf("%s: the edits make %s of %s, not %s: %v", at, source, current.Document().Bytes(), c.Document.Bytes(), err)
		}
		doc, err := policy.Parse(source)
		if err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		of, err := current.Recompile(doc)
		if err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		changed = exchange(changed, current, of, 0)
		now[c.Policy] = of
	}
	return changed, sent
}

// bench compiles the policies of cases.
type bench struct {
	t        *testing.T
	compiled map[*evaltest.Policy]*eval.Policy
}

func newBench(t *testing.T) *bench { return &bench{t, map[*evaltest.Policy]*eval.Policy{}} }

func (b *bench) compile(p *evaltest.Policy) *eval.Policy {
	if p == nil || b.compiled[p] != nil {
		return b.compiled[p]
	}
	types := map[string]eval.PolicyType{
		"identity": eval.Identity, "boundary": eval.PermissionsBoundary, "session": eval.Session, "resource": eval.Resource,
		"trust": eval.Trust, "key": eval.KeyPolicy, "scp": eval.ServiceControl, "rcp": eval.ResourceControl,
	}
	doc, err := policy.Parse([]byte(p.Document))
	if err != nil {
		b.t.Fatalf("%s: %v", p.At, err)
	}
	if b.compiled[p], err = eval.Compile(doc, eval.Options{Type: types[p.Type], Name: p.Name, PrincipalIDs: p.Bound}); err != nil {
		b.t.Fatalf("%s: %v", p.At, err)
	}
	return b.compiled[p]
}

func (b *bench) list(policies []*evaltest.Policy) []*eval.Policy {
	var list []*eval.Policy
	for _, p := range policies {
		list = append(list, b.compile(p))
	}
	return list
}

func (b *bench) levels(policies [][]*evaltest.Policy) [][]*eval.Policy {
	var levels [][]*eval.Policy
	for _, level := range policies {
		levels = append(levels, b.list(level))
	}
	return levels
}

func (b *bench) policies(of *evaltest.State) *eval.Policies {
	return &eval.Policies{
		Identity: b.list(of.Identity), Boundary: b.compile(of.Boundary), Session: b.list(of.Session), HasSession: of.HasSession,
		Resource: b.compile(of.Resource), ServiceControl: b.levels(of.ServiceControl), ResourceControl: b.levels(of.ResourceControl),
		RestrictPublicBuckets: of.RestrictPublicBuckets,
	}
}

func (b *bench) request(c *evaltest.Case) *eval.Request {
	types := map[string]eval.PrincipalType{
		"anonymous": eval.Anonymous, "root": eval.Root, "user": eval.User, "role": eval.AssumedRole, "federated": eval.FederatedUser,
		"service": eval.Service, "provider": eval.FederatedIdentity,
	}
	p := c.Principal
	return &eval.Request{
		Principal: eval.Principal{Type: types[p.Type], ARN: p.ARN, IssuerARN: p.IssuerARN, AccountID: p.AccountID, UniqueID: p.UniqueID, CanonicalUserID: p.CanonicalUserID, ServiceName: p.ServiceName},
		Action:    c.Action, Resource: c.Resource, ResourceAccount: c.Owner, Context: c.Context(),
	}
}

// drawn makes a Source of a rapid test, so that what fails is made smaller.
type drawn struct{ t *rapid.T }

func (d drawn) IntN(n int) int { return rapid.IntRange(0, n-1).Draw(d.t, "n") }

// Whatever denies a request, there is a change that allows it or a reason why
// there is none, and no change allows a request that has nothing to do with it.
func TestEveryDenial(t *testing.T) {
	principals, err := evaltest.OpenPrincipals("../eval/testdata/principals.txt")
	if err != nil {
		t.Fatal(err)
	}
	denied, mended, neighbours := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		random := &evaltest.Random{Source: drawn{rt}, Principals: principals}
		b := newBench(t)
		set := random.Set()
		p := b.policies(set)
		for range 5 {
			c := random.Case(set)
			r := b.request(c)
			if eval.Decide(r, p).Allowed() {
				continue
			}
			denied++
			a := Find(r, p)
			verify(rt, "random", r, p, a)
			for _, m := range a.Remedies {
				if m.Changes[0].Kind == SetVersion || m.Changes[0].Kind == ChangeRequest {
					continue
				}
				mended++
				changed, sent := after(rt, "random", r, p, m)
				for range 10 {
					near := neighbour(random, c, random.Case(set))
					n := b.request(near)
					if changed.Resource != nil && changed.Resource.Type() == eval.Trust && n.Resource != r.Resource {
						continue // another role, which has its own trust policy
					}
					if eval.Decide(n, p).Allowed() || !eval.Decide(n, changed).Allowed() {
						continue
					}
					neighbours++
					if !concerns(n, sent, m) {
						rt.Fatalf("%s on %s by %s %v comes to be allowed by what allows %s on %s by %s:\n%s%s", n.Action, n.Resource, n.Principal.ARN, near.Keys,
							r.Action, r.Resource, r.Principal.ARN, show(a), documents(p))
					}
				}
			}
		}
	})
	if denied < 100 || mended < 50 {
		t.Errorf("%d denials and %d remedies are too few to mean anything", denied, mended)
	}
	t.Logf("%d denials, %d remedies, %d neighbours that they allow too", denied, mended, neighbours)
}

func FuzzFind(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte(strings.Repeat("\x11\x05\x02\x1d\x03\x00\x29", 60)))
	principals, err := evaltest.OpenPrincipals("../eval/testdata/principals.txt")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		random := &evaltest.Random{Source: (*evaltest.Bytes)(&bytes), Principals: principals}
		b := newBench(t)
		set := random.Set()
		r, p := b.request(random.Case(set)), b.policies(set)
		if !eval.Decide(r, p).Allowed() {
			verify(t, "random", r, p, Find(r, p))
		}
	})
}

// neighbour is a case like another one but for one or two of its parts.
func neighbour(random *evaltest.Random, c, other *evaltest.Case) *evaltest.Case {
	near := *c
	for range 1 + random.IntN(2) {
		switch random.IntN(4) {
		case 0:
			near.Action = other.Action
		case 1:
			near.Resource = other.Resource
		case 2:
			near.Principal = other.Principal
		case 3:
			near.Keys = other.Keys
		}
	}
	return &near
}

// concerns reports whether a request may come to be allowed by a remedy for
// another one. What is added is about the very action and resource; what is
// excepted from a Deny may be about less, as the language cannot say everything.
func concerns(n, r *eval.Request, m Remedy) bool {
	sameAction, sameResource := strings.EqualFold(n.Action, r.Action), n.Resource == r.Resource || r.Resource == "*"
	for _, c := range m.Changes {
		if c.Kind != NarrowDeny {
			continue
		}
		own, _ := r.Context.Resolve("aws:PrincipalArn")
		other, _ := n.Context.Resolve("aws:PrincipalArn")
		if sameAction || sameResource || own == other {
			return true
		}
		for _, key := range r.Context.Keys() {
			a, ok := r.Context.Resolve(key)
			b, found := n.Context.Resolve(key)
			if ok && found && a == b {
				return true
			}
		}
	}
	return sameAction && sameResource
}

func documents(p *eval.Policies) string {
	var b strings.Builder
	_, trace := eval.Explain(&eval.Request{}, p)
	for _, of := range trace.Policies {
		fmt.Fprintf(&b, "%s: %s\n", of.Policy.Type(), of.Policy.Document().Bytes())
	}
	return b.String()
}

func TestAllowedNeedsNothing(t *testing.T) {
	doc, err := policy.Parse([]byte(`{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/a"}}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := eval.Compile(doc, eval.Options{Type: eval.Identity})
	if err != nil {
		t.Fatal(err)
	}
	r := &eval.Request{Principal: eval.Principal{Type: eval.User, ARN: "arn:aws:iam::111111111111:user/David", AccountID: "111111111111"}, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/a"}
	if a := Find(r, &eval.Policies{Identity: []*eval.Policy{p}}); len(a.Remedies) > 0 || a.Obstacle != "" {
		t.Errorf("%+v", a)
	}
	a := Find(r, &eval.Policies{}) // with no context at all
	if len(a.Remedies) != 1 || !a.Remedies[0].ChangesPolicies() || a.Remedies[0].Changes[0].Kind.String() != "NewPolicy" {
		t.Errorf("%+v", a)
	}
}
