package querytest

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keywright/keywright/internal/query"
)

// CheckMembers holds the requests and answers of stories against AWS's model of
// the API, which testdata/model/api.txt has:
//
//   - api.json has the same members for requests. An input reads all of them, or
//     the service does not start.
//   - Each member of a request was given in one that was served, and each member
//     of an answer was in one.
//   - An answer has what it must have, and nothing that the model does not know.
//
// What is otherwise stands in testdata/model/members.txt with the reason, and
// nothing else does. A line there is OPERATION < MEMBER: WHY for a member of a
// request, with ">" for one of an answer, "!" for one that an answer must have and
// does not, "+" for one that the model does not know; "*" stands for all operations, or for the rest of a path.
// least is how many members there must be.
func CheckMembers(t *testing.T, folder string, served []string, calls []Call, least int) {
	t.Helper()
	c := &memberCheck{t: t, used: map[int]bool{}, excused: readExcuses(t, filepath.Join(folder, "testdata/model/members.txt"))}
	data, err := os.ReadFile(filepath.Join(folder, "api.json"))
	if err != nil {
		t.Fatal(err)
	}
	if c.own, err = query.ParseModel(data); err != nil {
		t.Fatal(err)
	}
	aws := readModel(t, filepath.Join(folder, "testdata/model/api.txt"))
	slices.Sort(served)
	for _, name := range served {
		of, ok := aws[name]
		if !ok {
			t.Errorf("the model has no operation %s", name)
			continue
		}
		c.requests(name, of, calls)
		c.answers(name, of, calls)
	}
	for i, e := range c.excused {
		if !c.used[i] {
			t.Errorf("members.txt has a line that excuses nothing: %s", e)
		}
	}
	t.Logf("gate: %d members of requests and %d of answers (at least %d in all)", c.asked, c.told, least)
	if c.asked+c.told < least {
		t.Errorf("only %d members", c.asked+c.told)
	}
}

// operation is the members of an operation's requests and answers: by their paths,
// whether they must be there.
type operation struct{ in, out map[string]bool }

func readModel(t *testing.T, file string) map[string]operation {
	t.Helper()
	all := map[string]operation{}
	for _, line := range readLines(t, file) {
		name, rest, _ := strings.Cut(line, " < ")
		in, out, ok := strings.Cut(" "+rest, " >")
		if !ok {
			t.Fatalf("%s: %s", file, line)
		}
		all[name] = operation{membersOf(in), membersOf(out)}
	}
	return all
}

func membersOf(text string) map[string]bool {
	members := map[string]bool{}
	for path := range strings.FieldsSeq(text) {
		name, required := strings.CutSuffix(path, "!")
		members[name] = required
	}
	return members
}

func readLines(t *testing.T, file string) (lines []string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines
}

// excuse is why a member is not as in the model.
type excuse struct{ operation, side, path, why string }

// String returns the line of the excuse.
func (e excuse) String() string {
	return e.operation + " " + e.side + " " + e.path + ": " + e.why
}

func readExcuses(t *testing.T, file string) (all []excuse) {
	t.Helper()
	for _, line := range readLines(t, file) {
		what, why, ok := strings.Cut(line, ": ")
		word := strings.Fields(what)
		if !ok || len(word) != 3 || !strings.Contains("<>!+", word[1]) {
			t.Fatalf("%s: %s", file, line)
		}
		all = append(all, excuse{word[0], word[1], word[2], why})
	}
	return all
}

type memberCheck struct {
	t           *testing.T
	own         *query.Model
	excused     []excuse
	used        map[int]bool
	asked, told int
}

// excuses reports whether a member may be otherwise.
func (c *memberCheck) excuses(name, side, path string) bool {
	for i, e := range c.excused {
		prefix, wild := strings.CutSuffix(e.path, "*")
		if (e.operation == "*" || e.operation == name) && e.side == side && (path == e.path || wild && strings.HasPrefix(path, prefix)) {
			c.used[i] = true
			return true
		}
	}
	return false
}

var listIndex = regexp.MustCompile(`\.member\.[0-9]+`)

// requests checks the members of an operation's requests.
func (c *memberCheck) requests(name string, of operation, calls []Call) {
	c.t.Helper()
	own := map[string]bool{}
	c.ownMembers(own, "", c.own.Operations[name])
	for path, required := range own {
		if is, ok := of.in[path]; (!ok || is != required) && !c.excuses(name, "+", path) {
			c.t.Errorf("%s: AWS's model has no %s, or not as required (%v)", name, path, required)
		}
	}
	given := map[string]bool{}
	for _, call := range calls {
		if call.Operation != name || call.Status != 200 {
			continue
		}
		form, err := url.ParseQuery(call.Body)
		if err != nil {
			c.t.Fatal(err)
		}
		for parameter := range form {
			path := listIndex.ReplaceAllString(parameter, "")
			for path != "" {
				given[path] = true
				path = path[:max(strings.LastIndexByte(path, '.'), 0)]
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(of.in)) {
		c.asked++
		_, read := own[path]
		if (!read || !given[path]) && !c.excuses(name, "<", path) {
			c.t.Errorf("%s < %s is read: %v, and given in a request that was served: %v", name, path, read, given[path])
		}
	}
}

func (c *memberCheck) ownMembers(all map[string]bool, path string, members query.Members) {
	for name, entry := range members {
		shape, required := strings.CutSuffix(entry, "!")
		all[path+name] = required
		s := c.own.Shapes[shape]
		if s.Type == "list" {
			s = c.own.Shapes[s.Member]
		}
		c.ownMembers(all, path+name+".", s.Members)
	}
}

// answers checks the members of an operation's answers.
func (c *memberCheck) answers(name string, of operation, calls []Call) {
	c.t.Helper()
	seen := map[string]bool{}
	for _, call := range calls {
		if call.Operation == name && call.Status == 200 {
			c.walk(name, of, "", call.Answer.result, seen)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(of.out)) {
		c.told++
		if !seen[path] && !c.excuses(name, ">", path) {
			c.t.Errorf("%s > %s is in no answer", name, path)
		}
	}
}

// walk notes the members below an element, and checks that it has those that it
// must have. A list is one with its members.
func (c *memberCheck) walk(name string, of operation, path string, e element, seen map[string]bool) {
	c.t.Helper()
	here, members := map[string]bool{}, false
	for _, child := range e.Children {
		if child.XMLName.Local == "member" {
			members = true
			c.walk(name, of, path, child, seen)
			continue
		}
		at := path + child.XMLName.Local
		here[at] = true
		if _, known := of.out[at]; !known {
			if !c.excuses(name, "+", at) {
				c.t.Errorf("%s answers %s, which the model does not know", name, at)
			}
			continue
		}
		seen[at] = true
		c.walk(name, of, at+".", child, seen)
	}
	if members || path != "" && len(e.Children) == 0 { // a list, or empty
		return
	}
	for at, required := range of.out {
		rest, below := strings.CutPrefix(at, path)
		if required && below && !strings.Contains(rest, ".") && !here[at] && !c.excuses(name, "!", at) {
			c.t.Errorf("%s answers without %s: %s", name, at, fmt.Sprint(e.Children))
		}
	}
}
