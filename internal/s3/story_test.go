package s3

import (
	"bytes"
	"crypto/md5"
	"crypto/tls"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keywright/keywright/internal/access"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/kms"
)

// TestStories runs testdata/stories: conversations with the server. In a story
//
//	as NAME                 who makes the requests that follow: alice and bob of one account, carol of another, anonymous, root of ID
//	deny ACTION [RESOURCE]  what the authority denies from here on; "deny" alone is nothing
//	key NAME ACCOUNT        makes a KMS key with the alias NAME; its ARN is ${NAME} from here on, its id ${NAME_id}
//	disable NAME            disables it; enable, schedule (its deletion) and cancel likewise
//	> METHOD TARGET         begins a request; > NAME: VALUE adds a header
//	> | TEXT                a part of its body; > repeat N TEXT makes the body of N times TEXT
//	> digest                adds the Content-MD5 of the body
//	> secure                has the request come over TLS
//	> field NAME=VALUE      is a field of a form, with \r and \n for what they stand for; > file NAME CONTENT ends it with its file
//	< STATUS [CODE]         ends the request and is its answer, with the error's code
//	< NAME: VALUE           is a header of the answer; an empty VALUE says that there is none, or an empty one
//	< | TEXT                must be in the answer's body, < ! TEXT must not; < body TEXT is all of it
//	< need ACTION RESOURCE  are the needs that were asked for, all of them, when any are listed
//	< key NAME VALUE        is a condition key of the need listed before; without VALUE it is absent
//	save NAME REGEXP        keeps a part of the last answer's body, to be written ${NAME} later; ${long} is
//	                        a key of 1,024 bytes, ${presigned} the parameters of a presigned URL, ${key1} and ${key2}
//	                        are customers' keys and ${md51} and ${md52} their MD5s
//	keep NAME HEADER        keeps a header of the last answer, without quotes
//
// An answer of 400 or more must have changed nothing.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/stories/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	steps, asked := 0, map[string]map[string]bool{}
	var answered []answeredError
	seen := map[string]map[string]bool{}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			region := "us-east-1"
			if strings.HasPrefix(string(data), "# region ") {
				region = strings.Fields(string(data))[2]
			}
			s := newStory(newWorld(t, region), file)
			s.needs, s.errors, s.seen = asked, &answered, seen
			s.run(t, string(data))
			steps += s.steps
		})
	}
	if len(files) < 12 || steps < 500 {
		t.Errorf("%d stories with %d requests: too few to prove anything", len(files), steps)
	}
	t.Run("needs", func(t *testing.T) { checkNeeds(t, asked) })
	t.Run("recorded", func(t *testing.T) { checkRecorded(t, answered) })
	t.Run("members", func(t *testing.T) { checkMembers(t, seen) })
}

// story is a conversation as it is played.
type story struct {
	*world
	file   string
	line   int
	steps  int
	saved  map[string]string
	needs  map[string]map[string]bool // the actions that each operation asked for
	errors *[]answeredError
	seen   map[string]map[string]bool // the members of requests and answers, by operation

	request *requestText
	answer  *httptest.ResponseRecorder
	asked   []access.Need
	body    string
	listed  []string // needs that the story lists
}

func newStory(w *world, file string) *story {
	s := &story{world: w, file: file, saved: map[string]string{
		"long":  strings.Repeat("k", 1024),
		"zeros": strings.Repeat("0", 64),
		"presigned": "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261123%2Fus-east-1%2Fs3%2Faws4_request" +
			"&X-Amz-Date=20261123T070000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=" + strings.Repeat("0", 64),
	}}
	for _, n := range []string{"1", "2"} {
		key := strings.Repeat(n, 32)
		sum := md5.Sum([]byte(key))
		s.saved["key"+n] = base64.StdEncoding.EncodeToString([]byte(key))
		s.saved["md5"+n] = base64.StdEncoding.EncodeToString(sum[:])
	}
	return s
}

type requestText struct {
	method, target string
	header         http.Header
	body           []byte
	digest, secure bool
}

func (s *story) errorf(t testing.TB, format string, args ...any) {
	t.Helper()
	t.Errorf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

func (s *story) run(t *testing.T, text string) {
	t.Helper()
	for n, line := range strings.Split(text, "\n") {
		s.line = n + 1
		line = s.expand(line)
		switch {
		case line == "" || line[0] == '#':
		case strings.HasPrefix(line, "> "):
			s.ask(t, line[2:])
		case strings.HasPrefix(line, "< "):
			s.expect(t, line[2:])
		default:
			s.command(t, line)
		}
	}
	s.endAnswer(t)
}

var variable = regexp.MustCompile(`\$\{(\w+)\}`)

func (s *story) expand(line string) string {
	return variable.ReplaceAllStringFunc(line, func(v string) string {
		if saved, ok := s.saved[v[2:len(v)-1]]; ok {
			return saved
		}
		return v
	})
}

func (s *story) command(t *testing.T, line string) {
	t.Helper()
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "as":
		s.endAnswer(t)
		if s.authority.callers[rest] == nil {
			t.Fatalf("%s:%d: there is no %s", s.file, s.line, rest)
		}
		s.authority.become(rest)
	case "deny":
		s.endAnswer(t)
		s.authority.denied = map[string]bool{rest: rest != ""}
	case "key":
		s.endAnswer(t)
		s.makeKey(t, rest)
	case "disable", "enable", "schedule", "cancel":
		s.endAnswer(t)
		s.changeKey(t, verb, rest)
	case "save":
		name, expression, _ := strings.Cut(rest, " ")
		m := regexp.MustCompile(expression).FindStringSubmatch(s.body)
		if m == nil {
			t.Fatalf("%s:%d: nothing to save in %s", s.file, s.line, s.body)
		}
		s.saved[name] = m[1]
	case "keep":
		name, header, _ := strings.Cut(rest, " ")
		s.saved[name] = strings.Trim(s.answer.Header().Get(header), `"`)
	default:
		t.Fatalf("%s:%d: what is %q?", s.file, s.line, line)
	}
}

func (s *story) makeKey(t testing.TB, line string) {
	t.Helper()
	name, account, _ := strings.Cut(line, " ")
	k, err := s.world.directory.NewKMSKey(directory.KMSKey{AccountID: account, Manager: directory.KeyManagerCustomer, Policy: kms.DefaultPolicy(account)})
	if err == nil {
		k, err = s.world.directory.AddKMSKey(t.Context(), k, "alias/"+name)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.saved[name], s.saved[name+"_id"] = k.ARN, k.ID
}

func (s *story) changeKey(t testing.TB, verb, name string) {
	t.Helper()
	enabled, days := verb == "enable", map[string]int{"schedule": 7}[verb]
	u := directory.KMSKeyUpdate{Enabled: &enabled}
	if verb == "schedule" || verb == "cancel" {
		u = directory.KMSKeyUpdate{WaitingDays: &days}
	}
	if _, err := s.world.directory.UpdateKMSKey(t.Context(), s.saved[name+"_id"], u); err != nil {
		t.Fatal(err)
	}
}

func (s *story) ask(t testing.TB, line string) {
	t.Helper()
	if s.answer != nil || s.request == nil {
		s.endAnswer(t)
		method, target, _ := strings.Cut(line, " ")
		s.request = &requestText{method, target, http.Header{}, nil, false, false}
		return
	}
	if text, ok := strings.CutPrefix(line, "| "); ok {
		s.request.body = append(s.request.body, text...)
		return
	}
	if repeat, ok := strings.CutPrefix(line, "repeat "); ok {
		count, text, _ := strings.Cut(repeat, " ")
		n, err := strconv.Atoi(count)
		if err != nil {
			t.Fatal(err)
		}
		s.request.body = bytes.Repeat([]byte(text), n)
		return
	}
	if field, ok := strings.CutPrefix(line, "field "); ok {
		name, value, _ := strings.Cut(field, "=")
		s.request.formPart(`name="`+name+`"`, strings.NewReplacer(`\r`, "\r", `\n`, "\n").Replace(value))
		return
	}
	if file, ok := strings.CutPrefix(line, "file "); ok {
		name, content, _ := strings.Cut(file, " ")
		s.request.formPart(`name="file"; filename="`+name+`"`, content)
		s.request.body = append(s.request.body, "--boundary--\r\n"...)
		return
	}
	if line == "digest" {
		s.request.digest = true
		return
	}
	if line == "secure" {
		s.request.secure = true
		return
	}
	name, value, ok := strings.Cut(line, ":")
	if !ok {
		t.Fatalf("%s:%d: no header: %q", s.file, s.line, line)
	}
	s.request.header.Add(name, strings.TrimPrefix(value, " "))
}

func (r *requestText) formPart(disposition, content string) {
	r.header.Set("Content-Type", "multipart/form-data; boundary=boundary")
	r.body = fmt.Appendf(r.body, "--boundary\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n", disposition, content)
}

// play sends the request, and checks what holds for every answer.
func (s *story) play(t *testing.T, status int) {
	t.Helper()
	before := ""
	if status >= 400 {
		before = s.state(t)
	}
	r := httptest.NewRequest(s.request.method, s.request.target, bytes.NewReader(s.request.body))
	for name, values := range s.request.header {
		if name == "Host" {
			r.Host = values[0]
			continue
		}
		r.Header[name] = values
	}
	if v := r.Header.Get("Content-Length"); v == "-1" {
		r.ContentLength = -1
		r.Header.Del("Content-Length")
	}
	if s.request.secure {
		r.TLS = &tls.ConnectionState{Version: tls.VersionTLS13}
	}
	if s.request.digest {
		sum := md5.Sum(s.request.body)
		r.Header.Set("Content-Md5", base64.StdEncoding.EncodeToString(sum[:]))
	}
	s.answer, s.steps = httptest.NewRecorder(), s.steps+1
	s.handler.ServeHTTP(s.answer, r)
	s.asked, s.body = s.authority.take(), s.answer.Body.String()
	for _, n := range s.asked {
		checkKeys(t, n)
		if s.needs[s.operation] == nil {
			s.needs[s.operation] = map[string]bool{}
		}
		s.needs[s.operation][n.Action] = true
	}
	if status >= 400 {
		if diff := cmp.Diff(before, s.state(t)); diff != "" {
			s.errorf(t, "an error changed something:\n%s", diff)
		}
	}
	s.checkDocument(t)
	s.noteError()
	s.noteMembers()
}

// noteMembers keeps the members of the last request and its answer.
func (s *story) noteMembers() {
	if s.seen[s.operation] == nil {
		s.seen[s.operation] = map[string]bool{}
	}
	for _, m := range element.FindAllStringSubmatch(string(s.request.body), -1) {
		s.seen[s.operation]["</"+m[1]] = true
	}
	note(s.seen[s.operation], s.answer)
}

// checkDocument demands that what is said to be XML is, and that a HEAD has no
// body.
func (s *story) checkDocument(t *testing.T) {
	t.Helper()
	if s.request.method == http.MethodHead && s.body != "" {
		s.errorf(t, "a HEAD was answered with a body: %s", s.body)
	}
	if s.answer.Header().Get("Content-Type") != "application/xml" || s.body == "" {
		return
	}
	d := xml.NewDecoder(strings.NewReader(s.body))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			s.errorf(t, "not well-formed: %v: %s", err, s.body)
			return
		}
	}
}

func (s *story) expect(t *testing.T, line string) {
	t.Helper()
	if s.answer == nil {
		s.expectStatus(t, line)
		return
	}
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "|":
		if !strings.Contains(s.body, rest) {
			s.errorf(t, "want %q in\n%s", rest, s.body)
		}
	case "!":
		if strings.Contains(s.body, rest) {
			s.errorf(t, "do not want %q in\n%s", rest, s.body)
		}
	case "body":
		if s.body != rest {
			s.errorf(t, "the body is %q, want %q", s.body, rest)
		}
	case "need":
		s.listed = append(s.listed, rest)
	case "key":
		s.expectKey(t, rest)
	default:
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			t.Fatalf("%s:%d: what is %q?", s.file, s.line, line)
		}
		if got := headerOf(s.answer.Header(), name); got != strings.TrimPrefix(value, " ") {
			s.errorf(t, "%s is %q, want %q", name, got, strings.TrimPrefix(value, " "))
		}
	}
}

// headerOf returns a header as it was written. Names of metadata are the
// client's own, and told apart by case.
func headerOf(h http.Header, name string) string {
	if !strings.HasPrefix(name, metadataPrefix) {
		name = http.CanonicalHeaderKey(name)
	}
	return strings.Join(h[name], ",")
}

func (s *story) expectStatus(t *testing.T, line string) {
	t.Helper()
	word, code, _ := strings.Cut(line, " ")
	status, err := strconv.Atoi(word)
	if err != nil || s.request == nil {
		t.Fatalf("%s:%d: no status: %q", s.file, s.line, line)
	}
	s.play(t, status)
	if s.answer.Code != status {
		s.errorf(t, "%s %s: status %d, want %d\n%s", s.request.method, s.request.target, s.answer.Code, status, s.body)
	}
	if code != "" && !strings.Contains(s.body, "<Code>"+code+"</Code>") {
		s.errorf(t, "want the code %s in\n%s", code, s.body)
	}
}

func (s *story) expectKey(t *testing.T, text string) {
	t.Helper()
	if len(s.listed) == 0 {
		t.Fatalf("%s:%d: a key of which need?", s.file, s.line)
	}
	need := s.listed[len(s.listed)-1]
	i := slices.IndexFunc(s.asked, func(n access.Need) bool { return n.Action+" "+n.Resource == need })
	if i < 0 {
		s.errorf(t, "%s was not asked for", need)
		return
	}
	name, want, present := strings.Cut(text, " ")
	value, ok := contextOf(s.asked[i]).Lookup(name)
	switch {
	case ok != present:
		s.errorf(t, "%s: the key %s is there: %v, want %v", need, name, ok, present)
	case ok && strings.Join(value.Strings(), ",") != want:
		s.errorf(t, "%s: the key %s is %q, want %q", need, name, value.Strings(), want)
	}
}

// endAnswer ends what is said of the last answer.
func (s *story) endAnswer(t testing.TB) {
	t.Helper()
	if s.answer == nil && s.request != nil {
		t.Fatalf("%s:%d: the request before has no answer", s.file, s.line)
	}
	if len(s.listed) > 0 {
		slices.Sort(s.listed)
		if diff := cmp.Diff(s.listed, needNames(s.asked)); diff != "" {
			s.errorf(t, "the needs of the request before:\n%s", diff)
		}
	}
	s.request, s.answer, s.asked, s.listed = nil, nil, nil, nil
}
