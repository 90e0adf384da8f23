package querytest

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/policy/condition"
)

// Script is a story of requests and answers in a text file, one step a line:
//
//	# a comment
//	happens EVENT                 what no request makes happen, as the test knows it
//	let NAME = TEXT               a variable, for $NAME; $(TEXT*N) is N times TEXT
//	as CALLER                     who makes the next requests, as the test knows him
//	deny ACTION | allow ACTION    what the caller may not do from here on
//	> SERVICE OPERATION NAME=VALUE...   a request; a VALUE may be a quoted Go string
//	= 200                         its status
//	= STATUS CODE: MESSAGE        the error that it is
//	+ PATH = VALUES               the texts at a path of the result, joined by commas
//	- PATH                        nothing is there
//	? ACTION RESOURCE [KEY=VALUES]...  the needs of the request, all and in order
//	set NAME = PATH               a variable from the answer
//	code NAME = SEED STEPS        a variable: the one-time code of a seed, in base64, some periods from now
//
// Every request must be followed by its status.
type Script struct {
	Server *Server
	// As sets the server's caller.
	As func(caller string) error
	// Happen makes an event happen; may be nil.
	Happen func(event string) error

	// Variables are there from the beginning; may be nil.
	Variables map[string]string

	variables map[string]string
	answer    *Answer
	checked   bool // whether the status of the last answer was looked at
	needs     int  // how many of the last request's needs were looked at
	requests  int
}

// Run runs the script in a file and returns how many requests it made.
func (s *Script) Run(t testing.TB, file string) int {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s.variables, s.checked = map[string]string{}, true
	maps.Copy(s.variables, s.Variables)
	for n, line := range strings.Split(string(data), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if err := s.step(line); err != nil {
			t.Fatalf("%s:%d: %s\n%v", file, n+1, line, err)
		}
	}
	if !s.checked {
		t.Fatalf("%s: the last request's answer is not checked", file)
	}
	return s.requests
}

func (s *Script) step(line string) error {
	line, err := s.expand(line)
	if err != nil {
		return err
	}
	verb, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	if verb != "let" && verb != "as" && verb != "happens" && verb != "deny" && verb != "allow" && verb != ">" && s.answer == nil {
		return fmt.Errorf("there was no request")
	}
	switch verb {
	case "let":
		name, text, _ := strings.Cut(rest, "=")
		s.variables[strings.TrimSpace(name)] = strings.TrimSpace(text)
	case "as":
		return s.As(rest)
	case "happens":
		return s.Happen(rest)
	case "deny":
		s.Server.Deny[rest] = true
	case "allow":
		delete(s.Server.Deny, rest)
	case ">":
		return s.request(rest)
	case "=":
		return s.status(rest)
	case "+":
		path, want, _ := strings.Cut(rest, "=")
		values := s.answer.Values(strings.TrimSpace(path))
		if got := strings.Join(values, ","); got != strings.TrimSpace(want) || len(values) == 0 {
			return fmt.Errorf("there is %q\n%s", got, s.answer.Body)
		}
	case "-":
		if v := s.answer.Values(rest); len(v) > 0 {
			return fmt.Errorf("there is %q", v)
		}
	case "?":
		return s.need(rest)
	case "set":
		name, path, _ := strings.Cut(rest, "=")
		s.variables[strings.TrimSpace(name)] = s.answer.Value(strings.TrimSpace(path))
	case "code":
		return s.code(rest)
	default:
		return fmt.Errorf("there is no step %q", verb)
	}
	return nil
}

var variable = regexp.MustCompile(`\$(?:\(([^*)]+)\*(\d+)\)|([a-zA-Z]\w*))`)

func (s *Script) expand(line string) (string, error) {
	var err error
	line = variable.ReplaceAllStringFunc(line, func(v string) string {
		m := variable.FindStringSubmatch(v)
		if m[3] == "" {
			n, _ := strconv.Atoi(m[2])
			return strings.Repeat(m[1], n)
		}
		text, ok := s.variables[m[3]]
		if !ok {
			err = fmt.Errorf("there is no variable %s", m[3])
		}
		return text
	})
	return line, err
}

// parameter is a NAME=VALUE: the value is a quoted Go string, a JSON object, or
// a word.
var parameter = regexp.MustCompile(`^([\w.]+)=("(?:[^"\\]|\\.)*"|\S*)`)

func (s *Script) request(text string) error {
	if !s.checked {
		return fmt.Errorf("the answer to the request before is not checked")
	}
	serviceName, rest, _ := strings.Cut(text, " ")
	operation, rest, _ := strings.Cut(rest, " ")
	var params []string
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		m := parameter.FindStringSubmatch(rest)
		if m == nil {
			return fmt.Errorf("not a parameter: %s", rest)
		}
		value, err := m[2], error(nil)
		if strings.HasPrefix(value, `"`) {
			if value, err = strconv.Unquote(value); err != nil {
				return err
			}
		}
		params = append(params, m[1], value)
		rest = rest[len(m[0]):]
	}
	s.answer, s.checked, s.needs = s.Server.Call(serviceName, operation, params...), false, 0
	s.requests++
	return nil
}

func (s *Script) status(want string) error {
	s.checked = true
	got := strconv.Itoa(s.answer.Status)
	if s.answer.Code != "" {
		got += " " + s.answer.Code + ": " + s.answer.Message
	}
	if got != want {
		return fmt.Errorf("the answer is\n= %s\n%s", got, s.answer.Body)
	}
	return nil
}

// need checks the next need of the request: action, resource and, when any are
// named, the keys that it brings, all of them.
func (s *Script) need(text string) error {
	fields := strings.Fields(text)
	if s.needs >= len(s.Server.Asked) {
		return fmt.Errorf("the request needs no more: %v", len(s.Server.Asked))
	}
	n := s.Server.Asked[s.needs]
	s.needs++
	if len(fields) < 2 || n.Action != fields[0] || n.Resource != fields[1] {
		return fmt.Errorf("the need is %s %s", n.Action, n.Resource)
	}
	c := &condition.Context{}
	if n.Context != nil {
		n.Context(c)
	}
	var got []string
	for _, key := range c.Keys() {
		v, _ := c.Lookup(key)
		got = append(got, key+"="+strings.Join(v.Strings(), ","))
	}
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(fields[2:])); !slices.Equal(got, want) {
		return fmt.Errorf("the need's keys are %v", got)
	}
	return nil
}

// code computes a one-time code.
func (s *Script) code(text string) error {
	var name, encoded string
	var steps int64
	if _, err := fmt.Sscanf(text, "%s = %s %d", &name, &encoded, &steps); err != nil {
		return err
	}
	seed, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return err
	}
	s.variables[name], err = secrets.OneTimeCode(string(seed), Now.Unix()/secrets.OneTimePeriod+steps)
	return err
}
