package kms_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/internal/access"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/kms"
	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/sigv4"
	"github.com/keywright/keywright/policy/condition"
)

const (
	accountA = "111122223333"
	accountB = "444455556666"
)

// world is a key service over a real directory, behind the real dispatcher and
// the real engine.
type world struct {
	t         testing.TB
	directory *directory.Directory
	handler   http.Handler
	now       time.Time
	signers   map[string]sigv4.Signer
	authority *authority
	needs     map[string]map[string]bool // the actions that each operation asked for
}

// authority remembers what it was asked.
type authority struct {
	*access.Access
	asked []access.Need
}

func (a *authority) Authorize(q *access.Query) error {
	a.asked = append(a.asked, q.Need)
	return a.Access.Authorize(q)
}

// noS3 stands where S3 would.
type noS3 struct{}

func (noS3) Name() string { return "s3" }

func (noS3) Recognise(*service.Request) (service.Operation, error) {
	return service.Operation{}, awserr.NotImplemented
}

func (noS3) Fault(w http.ResponseWriter, _ *service.Request, e *awserr.Error) {
	http.Error(w, "s3 "+e.Code, e.Status)
}

func must[V any](t testing.TB) func(V, error) V {
	return func(v V, err error) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	keyring := must[*secrets.Keyring](t)(secrets.OpenFile(filepath.Join(dir, "key")))
	w := &world{t: t, now: time.Now(), signers: map[string]sigv4.Signer{}, needs: map[string]map[string]bool{}}
	clock := func() time.Time { return w.now }
	w.directory = must[*directory.Directory](t)(directory.Open(ctx, directory.Options{Path: filepath.Join(dir, "directory.db"), Keyring: keyring, Region: "eu-central-1", Now: clock}))
	t.Cleanup(func() { w.directory.Close() })
	w.authority = &authority{Access: access.New(w.directory, keyring, nil, "eu-central-1")}
	for _, id := range []string{accountA, accountB} {
		must[*directory.Account](t)(w.directory.CreateAccount(ctx, directory.Account{ID: id, Name: "account"}))
	}
	w.addUser(accountA, "", "root")
	w.addUser(accountA, "admin", "admin")
	w.addUser(accountA, "bob", "bob")
	w.addUser(accountB, "carol", "carol")
	for _, u := range []struct{ account, name string }{{accountA, "admin"}, {accountB, "carol"}} {
		all := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`
		if err := w.directory.PutInlinePolicy(ctx, directory.Entity{AccountID: u.account, Kind: directory.KindUser, Name: u.name}, "all", all); err != nil {
			t.Fatal(err)
		}
	}
	s := must[*kms.Service](t)(kms.New(w.directory, "eu-central-1"))
	w.handler = service.NewDispatcher(service.Options{
		Authority: w.authority, S3: noS3{}, Documents: []service.DocumentService{s}, Region: "eu-central-1", Log: slog.New(slog.DiscardHandler), Now: clock,
	})
	return w
}

func (w *world) addUser(account, user, name string) {
	w.t.Helper()
	ctx := context.Background()
	if user != "" {
		must[*directory.User](w.t)(w.directory.CreateUser(ctx, directory.User{AccountID: account, Name: user}))
	}
	k, secret, err := w.directory.CreateAccessKey(ctx, account, user)
	if err != nil {
		w.t.Fatal(err)
	}
	w.signers[name] = sigv4.Signer{AccessKeyID: k.ID, SecretAccessKey: secret, Region: "eu-central-1", Service: "kms"}
}

func (w *world) send(who, operation, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://localhost/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "TrentService."+operation)
	sum := sha256.Sum256([]byte(body))
	w.signers[who].Sign(r, hex.EncodeToString(sum[:]), w.now)
	answer := httptest.NewRecorder()
	w.authority.asked = nil
	w.handler.ServeHTTP(answer, r)
	for _, n := range w.authority.asked {
		if w.needs[operation] == nil {
			w.needs[operation] = map[string]bool{}
		}
		w.needs[operation][n.Action] = true
		checkKeys(w.t, n)
	}
	return answer
}

// undocumentedKeys are set for all actions on keys. The Service Authorization
// Reference lists the first for most, and the others, former names, for none.
var undocumentedKeys = []string{"kms:CallerAccount", "kms:CustomerMasterKeySpec", "kms:CustomerMasterKeyUsage"}

// checkKeys holds the condition keys of a need against those that AWS documents
// for its action, for all keys, or for all requests.
func checkKeys(t testing.TB, n access.Need) {
	t.Helper()
	action, ok := facts.LookupAction(n.Action)
	if !ok {
		t.Errorf("the action %s does not exist", n.Action)
		return
	}
	c := &condition.Context{}
	if n.Context != nil {
		n.Context(c)
	}
	for _, name := range c.Keys() {
		key, ok := facts.LookupKey(name)
		if !ok {
			t.Errorf("%s: the condition key %s does not exist", n.Action, name)
			continue
		}
		ofResource := slices.ContainsFunc(facts.Resources(), func(r facts.Resource) bool {
			return r.Service == "kms" && action.HasResource(r.Type) && slices.Contains(r.Keys, key.Name)
		})
		if !key.Global && !ofResource && !action.HasKey(key.Name) && !slices.Contains(undocumentedKeys, name) {
			t.Errorf("%s does not have the condition key %s", n.Action, name)
		}
	}
}

// state describes all keys, so that a test sees what a request changed.
func (w *world) state() (lines []string) {
	for _, account := range []string{accountA, accountB} {
		for _, k := range w.directory.KMSKeys(account) {
			lines = append(lines, fmt.Sprint(k.ID, k.Description, k.Enabled, k.Deletion, k.Policy, k.Tags, k.Aliases))
		}
	}
	return lines
}

// TestStories runs testdata/stories.txt: conversations with the server.
//
//	as NAME              who makes the requests that follow: root, admin, bob (without policies) of one account, carol of another
//	> OPERATION BODY     a request; ${NAME} stands for what was saved, ${A} and ${B} for the accounts
//	< STATUS [CODE]      its answer
//	< | TEXT             must be in the answer's body, < ! TEXT must not
//	< need ACTION RESOURCE  is one of the needs that were asked for
//	save NAME MEMBER     keeps a member of the answer, such as KeyMetadata.KeyId
//	days N               lets N days pass
//
// An answer of 400 or more must have changed nothing.
func TestStories(t *testing.T) {
	data := must[[]byte](t)(os.ReadFile("testdata/stories.txt"))
	w := newWorld(t)
	who, saved := "admin", map[string]string{"A": accountA, "B": accountB}
	var answer *httptest.ResponseRecorder
	var before []string
	steps := 0
	for n, line := range strings.Split(string(data), "\n") {
		fail := func(format string, args ...any) { t.Errorf("line %d: %s", n+1, fmt.Sprintf(format, args...)) }
		line = regexp.MustCompile(`\$\{(\w+)\}`).ReplaceAllStringFunc(line, func(v string) string { return saved[v[2:len(v)-1]] })
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "", "#":
		case "as":
			who = rest
		case "days":
			days, err := strconv.Atoi(rest)
			if err != nil {
				t.Fatal(err)
			}
			w.now = w.now.AddDate(0, 0, days)
		case ">":
			operation, body, _ := strings.Cut(rest, " ")
			before = w.state()
			answer = w.send(who, operation, body)
			steps++
		case "save":
			name, member, _ := strings.Cut(rest, " ")
			var v any
			if err := json.Unmarshal(answer.Body.Bytes(), &v); err != nil {
				t.Fatalf("line %d: %v", n+1, err)
			}
			for _, part := range strings.Split(member, ".") {
				members, _ := v.(map[string]any)
				v = members[part]
			}
			saved[name], _ = v.(string)
		case "<":
			expect(fail, w, answer, before, rest)
		default:
			t.Fatalf("line %d: what is %q?", n+1, line)
		}
	}
	t.Logf("gate: %d requests (at least 100)", steps)
	if steps < 100 {
		t.Errorf("only %d requests", steps)
	}
	t.Run("needs", w.checkNeeds)
}

func expect(fail func(string, ...any), w *world, answer *httptest.ResponseRecorder, before []string, rest string) {
	verb, text, _ := strings.Cut(rest, " ")
	body := answer.Body.String()
	switch verb {
	case "|":
		if !strings.Contains(body, text) {
			fail("want %q in\n%s", text, body)
		}
	case "!":
		if strings.Contains(body, text) {
			fail("do not want %q in\n%s", text, body)
		}
	case "need":
		if !slices.ContainsFunc(w.authority.asked, func(n access.Need) bool { return n.Action+" "+n.Resource == text }) {
			fail("%s was not asked for", text)
		}
	default:
		if strconv.Itoa(answer.Code) != verb || text != "" && answer.Header().Get("X-Amzn-Errortype") != text {
			fail("%d %s, want %s\n%s", answer.Code, answer.Header().Get("X-Amzn-Errortype"), rest, body)
		}
		if answer.Code >= 400 {
			if diff := cmp.Diff(before, w.state()); diff != "" {
				fail("an error changed something:\n%s", diff)
			}
		}
	}
}

// checkNeeds holds the permissions that operations asked for against those that
// AWS documents.
func (w *world) checkNeeds(t *testing.T) {
	served := 0
	for _, o := range facts.Operations() {
		if o.Service != "kms" || w.needs[o.Name] == nil {
			continue
		}
		served++
		documented := map[string]bool{}
		for _, c := range o.Checks {
			documented[c.Action] = true
			if !w.needs[o.Name][c.Action] {
				t.Errorf("%s does not ask for %s", o.Name, c.Action)
			}
		}
		for action := range w.needs[o.Name] {
			// The check against locking oneself out asks once more for the same.
			if !documented[action] && action != "kms:PutKeyPolicy" {
				t.Errorf("%s asks for %s, which is not documented", o.Name, action)
			}
		}
	}
	if served < 27 {
		t.Errorf("only %d operations were asked for", served)
	}
}

// TestOperations holds the API's operations against the facts: what is not served
// says so with its name.
func TestOperations(t *testing.T) {
	w := newWorld(t)
	count, refused := 0, 0
	for _, o := range facts.Operations() {
		if o.Service != "kms" {
			continue
		}
		count++
		a := w.send("root", o.Name, "[]")
		switch a.Header().Get("X-Amzn-Errortype") {
		case "SerializationException":
		case "NotImplementedException":
			refused++
			if want := "The operation " + o.Name + " is not implemented."; a.Code != 501 || !strings.Contains(a.Body.String(), want) {
				t.Errorf("%s: %d %s", o.Name, a.Code, a.Body)
			}
		default:
			t.Errorf("%s: %d %s", o.Name, a.Code, a.Body)
		}
	}
	if count < 54 || refused > 27 {
		t.Errorf("%d operations, %d of them refused", count, refused)
	}
	for _, name := range []string{"", "Nonsense", "createKey"} {
		if a := w.send("root", name, "{}"); a.Code != 400 || a.Header().Get("X-Amzn-Errortype") != "UnknownOperationException" {
			t.Errorf("%q: %d %s", name, a.Code, a.Body)
		}
	}
}

// TestUnsigned checks that a request without a signature is the service's.
func TestUnsigned(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequest(http.MethodPost, "http://localhost/", strings.NewReader("{}"))
	r.Header.Set("X-Amz-Target", "TrentService.ListKeys")
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, r)
	if answer.Code != 400 || answer.Header().Get("X-Amzn-Errortype") != "MissingAuthenticationTokenException" {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

// TestCiphertexts changes every byte of a ciphertext, and of its encryption
// context: nothing opens then.
func TestCiphertexts(t *testing.T) {
	w := newWorld(t)
	var made struct{ KeyMetadata struct{ KeyID string } }
	decode(t, w.send("admin", "CreateKey", "{}"), &made)
	var sealed struct{ CiphertextBlob []byte }
	decode(t, w.send("admin", "Encrypt", `{"KeyId":"`+made.KeyMetadata.KeyID+`","Plaintext":"c2VjcmV0","EncryptionContext":{"a":"b","c":""}}`), &sealed)
	open := func(blob []byte, bound string) *httptest.ResponseRecorder {
		return w.send("admin", "Decrypt", `{"CiphertextBlob":"`+base64.StdEncoding.EncodeToString(blob)+`","EncryptionContext":`+bound+`}`)
	}
	if a := open(sealed.CiphertextBlob, `{"c":"","a":"b"}`); a.Code != 200 || !strings.Contains(a.Body.String(), "c2VjcmV0") {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	for i := range sealed.CiphertextBlob {
		changed := bytes.Clone(sealed.CiphertextBlob)
		changed[i] ^= 0x10
		if a := open(changed, `{"a":"b","c":""}`); a.Code != 400 || strings.Contains(a.Body.String(), "c2VjcmV0") {
			t.Errorf("byte %d: %d %s", i, a.Code, a.Body)
		}
	}
	for _, bound := range []string{`{}`, `{"a":"b"}`, `{"a":"bc","":""}`, `{"a":"b","c":"","d":""}`, `{"c":"b","a":""}`, `null`} {
		if a := open(sealed.CiphertextBlob, bound); a.Code != 400 || a.Header().Get("X-Amzn-Errortype") != "InvalidCiphertextException" {
			t.Errorf("%s: %d %s", bound, a.Code, a.Body)
		}
	}
}

func decode(t testing.TB, a *httptest.ResponseRecorder, v any) {
	t.Helper()
	if a.Code != 200 {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	if err := json.Unmarshal(a.Body.Bytes(), v); err != nil {
		t.Fatal(err)
	}
}

func FuzzRequests(f *testing.F) {
	operations := []string{"CreateKey", "Encrypt", "Decrypt", "ReEncrypt", "PutKeyPolicy", "TagResource", "ListAliases", "GenerateDataKey", "CreateAlias", "ScheduleKeyDeletion"}
	for i := range operations {
		f.Add(i, `{"KeyId":"alias/a","Plaintext":"AAAA","CiphertextBlob":"AQAA","EncryptionContext":{"a":"b"},"Limit":1,"Marker":"x"}`)
	}
	f.Add(0, `{"Policy":"{\"Statement\":[]}","Tags":[{"TagKey":"a","TagValue":"b"}]}`)
	f.Add(1, `{"KeyId":null,"Plaintext":"="}`)
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, i int, body string) {
		w.t = t
		a := w.send("admin", operations[max(i, -i, 0)%len(operations)], body)
		if a.Code >= 500 {
			t.Fatalf("%d %s", a.Code, a.Body)
		}
		if a.Body.Len() > 0 && !json.Valid(a.Body.Bytes()) {
			t.Fatalf("not JSON: %s", a.Body)
		}
	})
}
