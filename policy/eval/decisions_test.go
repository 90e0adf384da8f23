package eval

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
)

// The files of testdata/decisions are cases of AWS's rules, each file under
// the title of the documentation page that states them. testdata/README.md
// describes their format.

// minimumDecisions is below the number of cases in the files: a test that
// finds none must fail.
const minimumDecisions = 450

func TestDecisions(t *testing.T) {
	paths, err := filepath.Glob("testdata/decisions/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			s := newScene(t, path)
			s.load("testdata/principals.txt")
			s.load(path)
			if s.source == "" {
				t.Error("the file does not name its source")
			}
			total += s.cases
		})
	}
	if total < minimumDecisions {
		t.Errorf("%d decisions, want %d or more", total, minimumDecisions)
	}
	t.Logf("%d decisions", total)
}

// scene is the state of a file of cases: what the lines so far have set.
type scene struct {
	t          testing.TB
	at         string
	source     string
	cases      int
	principals map[string]named
	policies   map[string]*Policy
	current    string
	owner      string
	set        Policies
	onCase     func(r *Request, p *Policies, expect string)
}

// named is a principal with the context keys that it brings.
type named struct {
	principal Principal
	context   []string
}

func newScene(t testing.TB, path string) *scene {
	s := &scene{t: t, at: path, principals: map[string]named{}, policies: map[string]*Policy{}, owner: "111111111111"}
	s.onCase = s.check
	return s
}

func (s *scene) load(path string) {
	s.t.Helper()
	f, err := os.Open(path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		s.at = fmt.Sprintf("%s:%d", path, n)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		if word == "policy" || word == "bound-policy" {
			for lines.Scan() && strings.TrimSpace(lines.Text()) != "" {
				rest += "\n" + lines.Text()
				n++
			}
			n++
			s.addPolicy(rest, word == "bound-policy")
			continue
		}
		s.line(word, strings.TrimSpace(rest))
	}
}

func (s *scene) line(word, rest string) {
	s.t.Helper()
	switch word {
	case "source:":
		s.source = rest
	case "principal":
		s.addPrincipal(rest)
	case "as":
		if _, ok := s.principals[rest]; !ok {
			s.t.Fatalf("%s: no principal %q", s.at, rest)
		}
		s.current = rest
	case "owner":
		s.owner = rest
	case "identity":
		s.set.Identity = s.list(rest)
	case "boundary":
		s.set.Boundary = s.one(rest)
	case "session":
		s.set.Session, s.set.HasSession = s.list(rest), rest != "none"
	case "resource":
		s.set.Resource = s.one(rest)
	case "scp":
		s.set.ServiceControl = s.levels(rest)
	case "rcp":
		s.set.ResourceControl = s.levels(rest)
	case "restrict-public-buckets":
		s.set.RestrictPublicBuckets = rest == "true"
	case "reset":
		s.set, s.owner = Policies{}, "111111111111"
	case "allowed", "implicitDeny", "explicitDeny":
		s.decide(word, rest)
	default:
		if strings.HasPrefix(word, "implicitDeny/") || strings.HasPrefix(word, "explicitDeny/") || strings.HasPrefix(word, "allowed/") {
			s.decide(word, rest)
			return
		}
		s.t.Fatalf("%s: unknown word %q", s.at, word)
	}
}

var policyTypes = map[string]PolicyType{
	"identity": Identity, "boundary": PermissionsBoundary, "session": Session, "resource": Resource, "trust": Trust,
	"scp": ServiceControl, "rcp": ResourceControl, "root": 0,
}

func (s *scene) addPolicy(text string, bind bool) {
	s.t.Helper()
	head, body, _ := strings.Cut(text, "\n")
	name, kind, _ := strings.Cut(strings.TrimSpace(head), " ")
	doc, err := policy.Parse([]byte(body))
	if err != nil {
		s.t.Fatalf("%s: %s: %v", s.at, name, err)
	}
	opts := Options{Type: policyTypes[kind], Name: name}
	if bind {
		opts.PrincipalIDs = map[string]string{}
		for _, p := range s.principals {
			opts.PrincipalIDs[p.principal.ARN] = p.principal.UniqueID
			opts.PrincipalIDs[p.principal.IssuerARN] = p.principal.UniqueID
		}
	}
	if s.policies[name], err = Compile(doc, opts); err != nil {
		s.t.Fatalf("%s: %s: %v", s.at, name, err)
	}
}

var principalTypes = map[string]PrincipalType{
	"anonymous": Anonymous, "root": Root, "user": User, "role": AssumedRole, "federated": FederatedUser,
	"service": Service, "provider": FederatedIdentity,
}

func (s *scene) addPrincipal(text string) {
	words := split(text)
	n := named{principal: Principal{Type: principalTypes[words[1]]}}
	for _, w := range words[2:] {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "arn":
			n.principal.ARN = v
		case "issuer":
			n.principal.IssuerARN = v
		case "account":
			n.principal.AccountID = v
		case "id":
			n.principal.UniqueID = v
		case "canonical":
			n.principal.CanonicalUserID = v
		case "service":
			n.principal.ServiceName = v
		default:
			n.context = append(n.context, w)
		}
	}
	s.principals[words[0]] = n
}

func (s *scene) one(name string) *Policy {
	if name == "none" {
		return nil
	}
	p, ok := s.policies[name]
	if !ok {
		s.t.Fatalf("%s: no policy %q", s.at, name)
	}
	return p
}

func (s *scene) list(names string) []*Policy {
	var list []*Policy
	for _, n := range strings.Fields(names) {
		if n != "none" && n != "empty" {
			list = append(list, s.one(n))
		}
	}
	return list
}

func (s *scene) levels(names string) [][]*Policy {
	if names == "none" {
		return nil
	}
	var levels [][]*Policy
	for _, level := range strings.Split(names, "/") {
		levels = append(levels, s.list(level))
	}
	return levels
}

func (s *scene) decide(expect, rest string) {
	s.t.Helper()
	s.cases++
	words := split(rest)
	n := s.principals[s.current]
	r := &Request{Principal: n.principal, Action: words[0], Resource: words[1], ResourceAccount: s.owner, Context: &condition.Context{}}
	if r.Resource != "*" && !strings.HasPrefix(r.Resource, "arn:") {
		r.Resource = "arn:aws:s3:::" + r.Resource
	}
	for _, w := range append(n.context, words[2:]...) {
		setKey(r.Context, w)
	}
	p := s.set
	s.onCase(r, &p, expect)
}

// setKey reads key=text, key=[text,text], or key:type=text.
func setKey(c *condition.Context, word string) {
	key, v, _ := strings.Cut(word, "=")
	if rest, ok := strings.CutPrefix(v, "["); ok {
		rest = strings.TrimSuffix(rest, "]")
		values := []string{}
		if rest != "" {
			values = strings.Split(rest, ",")
		}
		c.SetStrings(key, values)
		return
	}
	switch {
	case strings.HasSuffix(key, ":int"):
		n, _ := strconv.ParseInt(v, 10, 64)
		c.SetInt(strings.TrimSuffix(key, ":int"), n)
	case strings.HasSuffix(key, ":bool"):
		c.SetBool(strings.TrimSuffix(key, ":bool"), v == "true")
	case strings.HasSuffix(key, ":ip"):
		c.SetIP(strings.TrimSuffix(key, ":ip"), netip.MustParseAddr(v))
	case strings.HasSuffix(key, ":time"):
		t, _ := time.Parse(time.RFC3339, v)
		c.SetTime(strings.TrimSuffix(key, ":time"), t)
	default:
		c.SetString(key, v)
	}
}

// split cuts at blanks outside double quotes, and takes the quotes away.
func split(s string) []string {
	var words []string
	var word strings.Builder
	quoted, started := false, false
	for _, r := range s {
		switch {
		case r == '"':
			quoted, started = !quoted, true
		case r == ' ' && !quoted:
			if started {
				words = append(words, word.String())
			}
			word.Reset()
			started = false
		default:
			word.WriteRune(r)
			started = true
		}
	}
	if started {
		words = append(words, word.String())
	}
	return words
}

// check holds a case against Decide and Explain, and against the plain reading
// of the rules.
func (s *scene) check(r *Request, p *Policies, expect string) {
	s.t.Helper()
	effect, reason, hasReason := strings.Cut(expect, "/")
	d := Decide(r, p)
	if d.Effect.String() != effect || hasReason && d.Reason != policyTypes[reason] {
		s.t.Errorf("%s: %s %s on %s: %s by the %s, want %s", s.at, s.current, r.Action, r.Resource, d.Effect, d.Reason, expect)
	}
	explained, trace := Explain(r, p)
	if explained != d {
		s.t.Errorf("%s: Explain decides %+v, Decide %+v", s.at, explained, d)
	}
	if err := agrees(d, trace); err != nil {
		s.t.Errorf("%s: %v", s.at, err)
	}
	if plain := plainDecide(r, p); plain != d.Effect {
		s.t.Errorf("%s: the plain reading decides %s, Decide %s", s.at, plain, d.Effect)
	}
}

// agrees reports how a trace contradicts its decision.
func agrees(d Decision, t *Trace) error {
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
