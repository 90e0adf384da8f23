package eval

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/eval/evaltest"
)

// drawn is the source of a rapid test, so that what fails is made smaller.
type drawn struct{ t *rapid.T }

func (d drawn) IntN(n int) int { return rapid.IntRange(0, n-1).Draw(d.t, "n") }

// compiledSet compiles random policies. It fails when one does not compile.
func compiledSet(set *evaltest.State) (*Policies, error) {
	var failed error
	one := func(p *evaltest.Policy) *Policy {
		if p == nil {
			return nil
		}
		doc, err := policy.Parse([]byte(p.Document))
		if err == nil {
			var of *Policy
			if of, err = Compile(doc, Options{Type: policyTypes[p.Type], PrincipalIDs: p.Bound}); err == nil {
				return of
			}
		}
		failed = fmt.Errorf("%s: %w", p.Document, err)
		return nil
	}
	list := func(from []*evaltest.Policy) (to []*Policy) {
		for _, p := range from {
			to = append(to, one(p))
		}
		return to
	}
	levels := func(from [][]*evaltest.Policy) (to [][]*Policy) {
		for _, level := range from {
			to = append(to, list(level))
		}
		return to
	}
	p := &Policies{
		Identity: list(set.Identity), Boundary: one(set.Boundary), Session: list(set.Session), HasSession: set.HasSession, Resource: one(set.Resource),
		ServiceControl: levels(set.ServiceControl), ResourceControl: levels(set.ResourceControl), RestrictPublicBuckets: set.RestrictPublicBuckets,
		ACLs: aclsOf(set.ACLs),
	}
	return p, failed
}

// compareOnce decides a random request on compiled policies, with Explain, and
// by the plain reading, and reports how they differ.
func compareOnce(c *evaltest.Case, p *Policies) (Effect, error) {
	r := requestOfCase(c)
	d := Decide(r, p)
	if plain := plainDecide(r, p); plain != d.Effect {
		return 0, fmt.Errorf("%s on %s by %s, owner %q, keys %v: Decide %s by the %s, plain reading %s\n%s",
			r.Action, r.Resource, c.Principal.Name, c.Owner, c.Keys, d.Effect, d.Reason, plain, show(p))
	}
	explained, trace := Explain(r, p)
	if explained != d {
		return 0, fmt.Errorf("Explain decides %+v, Decide %+v\n%s", explained, d, show(p))
	}
	return d.Effect, agrees(d, trace)
}

// Decide agrees with the plain reading of the rules, and Explain with Decide.
func TestAgreesWithPlainReading(t *testing.T) {
	people := somebody(t)
	rapid.Check(t, func(t *rapid.T) {
		random := &evaltest.Random{Source: drawn{t}, Principals: people}
		set := random.Set()
		p, err := compiledSet(set)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if _, err := compareOnce(random.Case(set), p); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// requestsPerSet is how many requests each set of policies decides.
const requestsPerSet = 20

// The same for as many decisions as DECISIONS says: scripts/test.sh asks for a
// million, and reads the last line.
func TestManyDecisions(t *testing.T) {
	wanted := 20_000
	if s := os.Getenv("DECISIONS"); s != "" {
		var err error
		if wanted, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(1)
	if s := os.Getenv("SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	people := somebody(t)
	var next, sets atomic.Int64
	var decided [3]atomic.Int64
	total := int64((wanted + requestsPerSet - 1) / requestsPerSet)
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for n := next.Add(1); n <= total && !t.Failed(); n = next.Add(1) {
				random := &evaltest.Random{Source: rand.New(rand.NewPCG(seed, uint64(n))), Principals: people}
				set := random.Set()
				p, err := compiledSet(set)
				for i := 0; i < requestsPerSet && err == nil; i++ {
					var effect Effect
					if effect, err = compareOnce(random.Case(set), p); err == nil {
						decided[effect].Add(1)
					}
				}
				if err != nil {
					t.Errorf("SEED=%d, set %d: %v", seed, n, err)
				}
				sets.Add(1)
			}
		})
	}
	group.Wait()
	for effect := range decided {
		if n := decided[effect].Load(); n < int64(wanted/50) {
			t.Errorf("%d decisions are %s: too few to mean anything", n, Effect(effect))
		}
	}
	n := decided[ImplicitDeny].Load() + decided[ExplicitDeny].Load() + decided[Allowed].Load()
	if n < int64(wanted) {
		t.Errorf("%d decisions, want %d", n, wanted)
	}
	t.Logf("%d implicit denials, %d explicit ones, %d allowed", decided[ImplicitDeny].Load(), decided[ExplicitDeny].Load(), decided[Allowed].Load())
	t.Logf("random decisions: %d on sets: %d", n, sets.Load())
}

func show(p *Policies) string {
	s := ""
	add := func(list ...*Policy) {
		for _, of := range list {
			if of != nil {
				s += fmt.Sprintf("%s: %s\n", of.Type(), of.Document().Bytes())
			}
		}
	}
	add(p.Identity...)
	add(p.Boundary, p.Resource)
	add(p.Session...)
	for _, level := range append(p.ServiceControl, p.ResourceControl...) {
		add(level...)
	}
	return s
}

// changed returns a set in which one random policy has another document.
func changed(random *evaltest.Random, set *evaltest.State, change func(p *evaltest.Policy) string) (*evaltest.State, bool) {
	all := set.Policies()
	if len(all) == 0 {
		return nil, false
	}
	one := all[random.IntN(len(all))]
	return mapped(set, func(p *evaltest.Policy) *evaltest.Policy {
		if p != one {
			return p
		}
		other := *p
		other.Document = change(p)
		return &other
	}), true
}

// mapped returns a set of what each policy is mapped to.
func mapped(set *evaltest.State, to func(p *evaltest.Policy) *evaltest.Policy) *evaltest.State {
	list := func(from []*evaltest.Policy) (all []*evaltest.Policy) {
		for _, p := range from {
			all = append(all, to(p))
		}
		return all
	}
	levels := func(from [][]*evaltest.Policy) (all [][]*evaltest.Policy) {
		for _, level := range from {
			all = append(all, list(level))
		}
		return all
	}
	other := *set
	other.Identity, other.Session = list(set.Identity), list(set.Session)
	other.ServiceControl, other.ResourceControl = levels(set.ServiceControl), levels(set.ResourceControl)
	if set.Boundary != nil {
		other.Boundary = to(set.Boundary)
	}
	if set.Resource != nil {
		other.Resource = to(set.Resource)
	}
	return &other
}

// eachSet makes random sets, and has them compared with another one.
func eachSet(t *testing.T, least int, other func(random *evaltest.Random, set *evaltest.State) (*evaltest.State, bool), differs func(before, after Decision) bool) {
	people := somebody(t)
	compared, allowed := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		random := &evaltest.Random{Source: drawn{t}, Principals: people}
		set := random.Set()
		second, ok := other(random, set)
		if !ok {
			return
		}
		p, err := compiledSet(set)
		if err != nil {
			t.Fatal(err)
		}
		q, err := compiledSet(second)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			c := random.Case(set)
			before, after := Decide(requestOfCase(c), p), Decide(requestOfCase(c), q)
			compared++
			if before.Allowed() {
				allowed++
			}
			if differs(before, after) {
				t.Fatalf("%s on %s by %s, owner %q, keys %v: %s by the %s, then %s by the %s\n%s----\n%s", c.Action, c.Resource, c.Principal.Name, c.Owner, c.Keys,
					before.Effect, before.Reason, after.Effect, after.Reason, show(p), show(q))
			}
		}
	})
	if compared < least || allowed < least/50 {
		t.Errorf("%d requests of which %d were allowed are too few to mean anything", compared, allowed)
	}
}

// extended returns a policy's document with one more statement, at a random
// place.
func extended(random *evaltest.Random, p *evaltest.Policy, effect string) string {
	doc, err := policy.Parse([]byte(p.Document))
	if err != nil {
		return p.Document
	}
	added := random.Statement(p.Type, effect, doc.HasVariables())
	at := doc.Statements[random.IntN(len(doc.Statements))].Position.Offset
	if before := strings.TrimRight(p.Document[:at], " \n"); strings.HasSuffix(before, ":") {
		l, _ := doc.Locate(at)
		return p.Document[:at] + "[" + added + "," + p.Document[at:l.End.Offset] + "]" + p.Document[l.End.Offset:]
	}
	return p.Document[:at] + added + "," + p.Document[at:]
}

// Adding an Allow to any policy never removes access. RestrictPublicBuckets is
// off, with which an Allow that makes a policy public does remove some.
func TestAllowNeverRemoves(t *testing.T) {
	eachSet(t, 500, func(random *evaltest.Random, set *evaltest.State) (*evaltest.State, bool) {
		set.RestrictPublicBuckets = false
		return changed(random, set, func(p *evaltest.Policy) string { return extended(random, p, "Allow") })
	}, func(before, after Decision) bool { return before.Allowed() && !after.Allowed() })
}

// Adding a Deny to any policy never adds access.
func TestDenyNeverAdds(t *testing.T) {
	eachSet(t, 500, func(random *evaltest.Random, set *evaltest.State) (*evaltest.State, bool) {
		return changed(random, set, func(p *evaltest.Policy) string { return extended(random, p, "Deny") })
	}, func(before, after Decision) bool { return !before.Allowed() && after.Allowed() })
}

// The order of policies, statements, elements, operators, keys and values does
// not matter, nor how a document is laid out.
func TestOrderDoesNotMatter(t *testing.T) {
	eachSet(t, 500, func(random *evaltest.Random, set *evaltest.State) (*evaltest.State, bool) {
		other := mapped(set, func(p *evaltest.Policy) *evaltest.Policy {
			var doc any
			if json.Unmarshal([]byte(p.Document), &doc) != nil {
				return p
			}
			written := *p
			written.Document = rewritten(random, doc)
			return &written
		})
		slices.Reverse(other.Identity)
		slices.Reverse(other.Session)
		for _, level := range append(slices.Clone(other.ServiceControl), other.ResourceControl...) {
			slices.Reverse(level)
		}
		slices.Reverse(other.ServiceControl)
		return other, true
	}, func(before, after Decision) bool {
		return before.Effect != after.Effect || before.Reason != after.Reason
	})
}

// rewritten writes JSON with its members and items in another order, other white
// space and other escapes.
func rewritten(random *evaltest.Random, v any) string {
	white := func() string { return []string{"", "", " ", "\n\t"}[random.IntN(4)] }
	var parts []string
	switch v := v.(type) {
	case string:
		return rewrittenText(random, v)
	case []any:
		for _, item := range v {
			parts = append(parts, white()+rewritten(random, item)+white())
		}
		shuffle(random, parts)
		if len(parts) == 1 && random.IntN(2) == 0 {
			return parts[0]
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			parts = append(parts, white()+rewrittenText(random, name)+white()+":"+white()+rewritten(random, v[name])+white())
		}
		shuffle(random, parts)
		return "{" + strings.Join(parts, ",") + "}"
	}
	return fmt.Sprint(v)
}

func rewrittenText(random *evaltest.Random, text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r > 0xffff || random.IntN(8) > 0 && r != '"' && r != '\\':
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func shuffle(random *evaltest.Random, list []string) {
	for i := range list {
		j := i + random.IntN(len(list)-i)
		list[i], list[j] = list[j], list[i]
	}
}

// A document is read back byte for byte, and what is read back decides alike.
func TestWrittenBack(t *testing.T) {
	eachSet(t, 500, func(random *evaltest.Random, set *evaltest.State) (*evaltest.State, bool) {
		isSame := true
		other := mapped(set, func(p *evaltest.Policy) *evaltest.Policy {
			var v any
			written := *p
			if json.Unmarshal([]byte(p.Document), &v) == nil {
				written.Document = rewritten(random, v)
			}
			doc, err := policy.Parse([]byte(written.Document))
			if err != nil || string(doc.Bytes()) != written.Document {
				isSame = false
				return &written
			}
			written.Document = string(doc.Bytes())
			return &written
		})
		if !isSame {
			t.Error("a document is not read back as it was")
		}
		return other, true
	}, func(before, after Decision) bool { return before.Effect != after.Effect })
}
