package s3

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// modelOperation is the members of an operation, as testdata/model.txt has them.
type modelOperation struct {
	name             string
	requests, answer []string
}

func readModel(t *testing.T) []modelOperation {
	t.Helper()
	data, err := os.ReadFile("testdata/model.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []modelOperation
	for line := range strings.Lines(string(data)) {
		if line[0] == '#' {
			continue
		}
		words := strings.Fields(line) // NAME < ... > ...
		end := slices.Index(words, ">")
		all = append(all, modelOperation{words[0], words[2:end], words[end+1:]})
	}
	return all
}

// memberPlan is how testdata/members.txt, whose first lines say what it is,
// tests the members of an operation.
type memberPlan struct {
	as          string
	given, then []string
	ask         string
	values      map[string]string
	same, never map[string]string
	tested      map[string]bool
}

func readMembers(t *testing.T) (plans map[string]*memberPlan, all *memberPlan) {
	t.Helper()
	data, err := os.ReadFile("testdata/members.txt")
	if err != nil {
		t.Fatal(err)
	}
	plans = map[string]*memberPlan{}
	var p *memberPlan
	for n, line := range strings.Split(string(data), "\n") {
		word, rest, _ := strings.Cut(line, " ")
		name, value, _ := strings.Cut(rest, ": ")
		switch {
		case line == "" || line[0] == '#':
		case word == "op":
			p = &memberPlan{as: "alice", values: map[string]string{}, same: map[string]string{}, never: map[string]string{}, tested: map[string]bool{}}
			if plans[rest] = p; rest == "*" {
				all = p
			}
		case word == "as":
			p.as = rest
		case word == "given":
			p.given = append(p.given, rest)
		case word == "ask":
			p.ask = rest
		case word == "then":
			p.then = append(p.then, rest)
		case word == "try":
			p.values[name] = value
		case word == "same" && value != "":
			for m := range strings.FieldsSeq(name) {
				p.same[m] = value
			}
		case word == "never" && value != "":
			for m := range strings.FieldsSeq(name) {
				p.never[m] = value
			}
		default:
			t.Fatalf("members.txt:%d: %q", n+1, line)
		}
	}
	return plans, all
}

// checkMembers holds every operation that is served against AWS's model of the
// API: each header and parameter of its requests changes what comes of a
// request, or is refused; each element of its documents is in a request of the
// stories; and each member of its answers is in an answer.
func checkMembers(t *testing.T, seen map[string]map[string]bool) {
	plans, all := readMembers(t)
	served := map[string]bool{}
	for _, r := range (&S3{}).rows() {
		served[r.operation.Name] = true
	}
	tried, answers, number := 0, 0, 0
	world := newWorld(t, "us-east-1")
	for _, o := range readModel(t) {
		plan := plans[o.name]
		if !served[o.name] {
			continue
		}
		if plan == nil {
			t.Errorf("members.txt has no operation %s", o.name)
			continue
		}
		probe := &memberProbe{world: world, plan: plan, number: &number, seen: seen[o.name]}
		for _, m := range o.requests {
			if strings.HasPrefix(m, "/") {
				if plan.never[m] == "" && !probe.seen["<"+m] {
					t.Errorf("%s: no request of the stories has the element %s", o.name, m)
				}
				continue
			}
			if plan.same[m] != "" || all.same[m] != "" || probe.asks(m) {
				continue
			}
			value, ok := plan.values[m]
			if !ok {
				value, ok = all.values[m]
			}
			if !ok {
				t.Errorf("%s: no value to try for %s", o.name, m)
				continue
			}
			tried++
			without, with := probe.outcome(t, "", ""), probe.outcome(t, m, value)
			if without == with {
				t.Errorf("%s: %s: %s changes nothing", o.name, m, value)
			}
		}
		for _, m := range o.answer {
			answers++
			if plan.never[m] == "" && all.never[m] == "" && !probe.seen[">"+strings.ToLower(m)] && !probe.seen[">"+m] {
				t.Errorf("%s: no answer has %s", o.name, m)
			}
		}
	}
	if tried < 335 || answers < 510 {
		t.Errorf("%d members of requests tried, %d of answers: too few to prove anything", tried, answers)
	}
	t.Logf("%d members of requests tried, %d of answers looked for", tried, answers)
}

// memberProbe asks for one operation with one member more.
type memberProbe struct {
	*world
	plan   *memberPlan
	number *int
	seen   map[string]bool
	saved  map[string]string
}

// asks reports whether the plain request has a member already.
func (p *memberProbe) asks(member string) bool {
	if name, ok := strings.CutPrefix(member, "?"); ok {
		return strings.Contains(p.plan.ask, "?"+name) || strings.Contains(p.plan.ask, "&"+name)
	}
	return strings.Contains(strings.ToLower(p.plan.ask), "| "+strings.ToLower(member)+":")
}

// state are requests that show what a request left behind.
var state = []string{
	"HEAD ${bucket}/k | x-amz-checksum-mode: ENABLED", "GET ${bucket}/k?tagging", "GET ${bucket}/k?acl", "GET ${bucket}/k?retention", "GET ${bucket}/k?legal-hold", "GET ${bucket}/k",
	"GET ${bucket}?versions", "GET ${bucket}?uploads", "GET ${bucket}?tagging", "GET ${bucket}?acl", "GET ${bucket}?ownershipControls", "GET ${bucket}?object-lock", "GET ${bucket}?lifecycle",
}

// outcome makes the plan's requests in a bucket of its own, the last one with a
// member more unless that is "", and returns all that can be seen of it.
func (p *memberProbe) outcome(t *testing.T, member, value string) string {
	t.Helper()
	*p.number++
	name := fmt.Sprintf("members-%06d", *p.number)
	p.saved = map[string]string{"bucket": "/" + name, "name": name}
	p.authority.become(p.plan.as)
	for _, text := range p.plan.given {
		if status, answer := p.send(t, text, "", ""); status > 299 {
			t.Fatalf("%s: %d %s", text, status, answer)
		}
	}
	status, answer := p.send(t, p.plan.ask, member, value)
	if member == "" && status > 299 {
		t.Errorf("%s: %d %s", p.plan.ask, status, answer)
	}
	outcome := fmt.Sprint(status, "\n", answer)
	if status > 299 || len(p.plan.given) == 0 && !strings.HasPrefix(p.plan.ask, "PUT") {
		return outcome
	}
	for _, text := range slices.Concat(p.plan.then, state) {
		status, answer := p.send(t, text, "", "")
		outcome += fmt.Sprint(text, " ", status, "\n", answer)
	}
	return outcome
}

// send makes a request, METHOD TARGET [| HEADER: VALUE]... [< BODY], and returns
// its answer without what differs each time.
func (p *memberProbe) send(t *testing.T, text, member, value string) (int, string) {
	t.Helper()
	for name, v := range p.saved {
		text, value = strings.ReplaceAll(text, "${"+name+"}", v), strings.ReplaceAll(value, "${"+name+"}", v)
	}
	text, body, _ := strings.Cut(text, " < ")
	parts := strings.Split(text, " | ")
	method, target, _ := strings.Cut(parts[0], " ")
	header := http.Header{}
	for _, h := range parts[1:] {
		name, v, _ := strings.Cut(h, ": ")
		header.Set(name, v)
	}
	if header.Get("Content-Md5") == "<md5>" {
		sum := md5.Sum([]byte(body))
		header.Set("Content-Md5", base64.StdEncoding.EncodeToString(sum[:]))
	}
	if name, ok := strings.CutPrefix(member, "?"); ok {
		separator := "?"
		if strings.Contains(target, "?") {
			separator = "&"
		}
		target += separator + name + "=" + value
	} else if member != "" {
		header.Set(strings.TrimSuffix(member, "-")+map[bool]string{true: "-name"}[strings.HasSuffix(member, "-")], value)
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	if m := uploadIDElement.FindStringSubmatch(w.Body.String()); m != nil {
		p.saved["uploadId"] = m[1]
	}
	for variable, name := range map[string]string{"etag": "Etag", "versionId": "X-Amz-Version-Id", "modified": "Last-Modified"} {
		if v := w.Header().Get(name); v != "" {
			p.saved[variable] = strings.Trim(v, `"`)
		}
	}
	note(p.seen, w)
	var b strings.Builder
	for _, name := range []string{"X-Amz-Request-Id", "X-Amz-Id-2"} {
		w.Header().Del(name)
	}
	w.Header().Write(&b)
	return w.Code, changing.ReplaceAllStringFunc(b.String()+w.Body.String(), func(s string) string {
		if strings.Trim(s, "0123456789abcdef") == "" {
			return s // a digest
		}
		return "*"
	})
}

var (
	uploadIDElement = regexp.MustCompile(`<UploadId>([^<]+)`)
	element         = regexp.MustCompile(`<([A-Za-z0-9]+)[ >/]`)
	// changing is what differs between answers to equal requests: ids, times and
	// the bucket.
	changing = regexp.MustCompile(`members-\d{6}|<(RequestId|HostId)>[^<]*|[A-Za-z0-9._-]{32}|\d{4}-\d\d-\d\dT[0-9:.]+Z|\w{3}, \d\d \w{3} \d{4} [0-9:]+ GMT|%2A`)
)

// note keeps the names of an answer's headers, and of its elements unless it is
// an error.
func note(seen map[string]bool, w *httptest.ResponseRecorder) {
	if seen == nil {
		return
	}
	for name := range w.Header() {
		lower := strings.ToLower(name)
		seen[">"+lower] = true
		if strings.HasPrefix(lower, metadataPrefix) {
			seen[">"+metadataPrefix] = true
		}
	}
	if w.Code >= 400 {
		return
	}
	for _, m := range element.FindAllStringSubmatch(w.Body.String(), -1) {
		seen[">/"+m[1]] = true
	}
}
