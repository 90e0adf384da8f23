package iam_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/iam"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/query/querytest"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/condition"
)

// providers is the network: there is one provider in it.
type providers struct{}

func (providers) Thumbprint(_ context.Context, url string) (string, error) {
	if url != "https://idp.example.com" {
		return "", errors.New("nobody answers")
	}
	return strings.Repeat("f1", 20), nil
}

func newServer(t testing.TB) (*querytest.Server, *query.Service, *directory.Directory) {
	t.Helper()
	d, _ := querytest.NewDirectory(t)
	s, err := iam.New(d, providers{})
	if err != nil {
		t.Fatal(err)
	}
	server := querytest.New(t, s)
	server.Caller = querytest.Root(querytest.AccountID)
	return server, s, d
}

// TestScripts runs the stories in testdata, and then looks at all their
// requests: every operation was served in them, and what each needed is what
// AWS documents for it.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var calls []querytest.Call
	requests, ran := 0, 0
	var served []string
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			ran++
			made, s := runScript(t, file)
			requests += len(made)
			calls, served = append(calls, made...), s.Operations()
		})
	}
	if t.Failed() || ran < len(files) { // -run may have chosen a few
		return
	}
	if requests < 750 {
		t.Errorf("only %d requests", requests)
	}
	checkServed(t, served, calls)
	querytest.CheckMembers(t, ".", served, calls, 1000)
	keys := 0
	for _, c := range calls {
		for _, n := range c.Needs {
			checkNeed(t, c.Operation, n)
			keys += checkKeys(t, n)
		}
	}
	if keys < 200 {
		t.Errorf("only %d condition keys", keys)
	}
}

// runScript runs a story, and returns its requests and the service.
func runScript(t testing.TB, file string) ([]querytest.Call, *query.Service) {
	t.Helper()
	server, s, d := newServer(t)
	script := querytest.Script{
		Server: server,
		As: func(text string) (err error) {
			server.Caller, err = querytest.FindCaller(d, text)
			return err
		},
		Happen: func(text string) error { return happen(t, d, text) },
	}
	script.Run(t, file)
	return server.Calls, s
}

// happen is "key ID" or "role NAME" for a use of either, or "sign-in NAME
// PASSWORD".
func happen(t testing.TB, d *directory.Directory, text string) error {
	word := strings.SplitN(text, " ", 3)
	use := directory.LastUsed{Time: querytest.Now, Service: "s3", Region: "us-east-1"}
	switch word[0] {
	case "key":
		d.RecordKeyUse(word[1], use)
	case "role":
		role, _ := d.Role(querytest.AccountID, word[1])
		d.RecordRoleUse(role.ID, use)
	case "sign-in":
		_, _, err := d.SignIn(t.Context(), querytest.AccountID, word[1], word[2])
		return err
	}
	return nil
}

// FuzzRequest begins with requests of the stories.
func FuzzRequest(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	var made []querytest.Call
	for _, file := range files {
		calls, _ := runScript(f, file)
		made = append(made, calls...)
	}
	server, s, _ := newServer(f)
	server.Fuzz(f, "iam", s.Operations(), made)
}

// checkKeys holds the condition keys of a need against those that AWS documents
// for its action or its type of resource, and returns how many there are.
func checkKeys(t *testing.T, n service.Need) int {
	t.Helper()
	action, _ := facts.LookupAction(n.Action)
	c := &condition.Context{}
	n.Context(c)
	for _, name := range c.Keys() {
		key, ok := facts.LookupKey(name)
		documented := ok && action.HasKey(key.Name)
		for _, r := range facts.Resources() {
			if ok && r.Service == "iam" && action.HasResource(r.Type) && strings.Contains(n.Resource, ":"+r.Type+"/") {
				documented = documented || slices.Contains(r.Keys, key.Name)
			}
		}
		if !documented {
			t.Errorf("%s on %s does not have the condition key %s", n.Action, n.Resource, name)
		}
	}
	return len(c.Keys())
}

func checkServed(t *testing.T, served []string, calls []querytest.Call) {
	t.Helper()
	if len(served) < 115 {
		t.Errorf("only %d operations", len(served))
	}
	for _, name := range served {
		if !slices.ContainsFunc(calls, func(c querytest.Call) bool { return c.Operation == name && c.Status == 200 }) {
			t.Errorf("no script has %s served", name)
		}
		o, ok := facts.LookupOperation("iam", name)
		if !ok || len(o.Checks) == 0 {
			t.Errorf("%s is no operation of IAM", name)
			continue
		}
		for _, check := range o.Checks {
			if !slices.ContainsFunc(calls, func(c querytest.Call) bool {
				return c.Operation == name && slices.ContainsFunc(c.Needs, func(n service.Need) bool { return n.Action == check.Action })
			}) {
				t.Errorf("%s never asked for %s", name, check.Action)
			}
		}
	}
}

// checkNeed holds a need against the facts: its action is the one that the
// operation needs, and its resource of a type that the action has.
func checkNeed(t *testing.T, operation string, n service.Need) {
	t.Helper()
	action, ok := facts.LookupAction(n.Action)
	o, known := facts.LookupOperation("iam", operation)
	if !ok || !known || !slices.ContainsFunc(o.Checks, func(c facts.Check) bool { return c.Action == n.Action }) {
		t.Errorf("%s does not need %s", operation, n.Action)
		return
	}
	if len(action.Resources) == 0 {
		if n.Resource != "*" {
			t.Errorf("%s is granted on no single resource: %s", n.Action, n.Resource)
		}
		return
	}
	_, rest, _ := strings.Cut(n.Resource, "arn:aws:iam::")
	_, rest, _ = strings.Cut(rest, ":")
	kind, _, _ := strings.Cut(rest, "/")
	switch {
	case kind == "root" && slices.Contains(action.Resources, "user"): // the account's root, in the place of a user
	case n.Resource == "*" && operation == "GetAccessKeyLastUsed": // of a key that is not of the account
	case !slices.Contains(action.Resources, kind):
		t.Errorf("%s is not an action on %s", n.Action, n.Resource)
	}
}

// TestModel holds the model against the facts: it knows every operation of IAM.
func TestModel(t *testing.T) {
	_, s, _ := newServer(t)
	count := 0
	for _, o := range facts.Operations() {
		if o.Service != "iam" {
			continue
		}
		count++
		server := querytest.New(t, s)
		server.Caller = querytest.Root(querytest.AccountID)
		if a := server.Call("iam", o.Name); a.Code == "InvalidAction" {
			t.Errorf("%s is not known", o.Name)
		}
	}
	if count < 170 {
		t.Errorf("only %d operations", count)
	}
}
