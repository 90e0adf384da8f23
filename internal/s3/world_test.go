package s3

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/internal/access"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/objects/disk"
	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/sigv4"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// world is an S3 over a real directory and a real store, behind the real
// dispatcher, with an authority that the test commands.
type world struct {
	s3        *S3
	handler   http.Handler
	directory *directory.Directory
	objects   objects.Store
	authority *authority

	logging   sync.Mutex
	operation string // of the request that was served last
}

// Enabled, Handle, WithAttrs and WithGroup make a world the log of its
// dispatcher, which tells the operation.
func (w *world) Enabled(context.Context, slog.Level) bool { return true }

func (w *world) Handle(_ context.Context, r slog.Record) error {
	w.logging.Lock()
	defer w.logging.Unlock()
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "operation" {
			w.operation = a.Value.String()
		}
		return true
	})
	return nil
}

func (w *world) WithAttrs([]slog.Attr) slog.Handler { return w }
func (w *world) WithGroup(string) slog.Handler      { return w }

const (
	accountA = "111122223333"
	accountB = "444455556666"
)

func newWorld(t testing.TB, region string) *world {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	keyring, err := secrets.OpenFile(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := directory.Open(ctx, directory.Options{Path: filepath.Join(dir, "directory.db"), Keyring: keyring, Region: region})
	if err != nil {
		t.Fatal(err)
	}
	store, err := disk.Open(filepath.Join(dir, "objects"), disk.Options{Sealer: keyring})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{directory: d, objects: store}
	w.authority = &authority{callers: map[string]*access.Caller{"anonymous": {Type: eval.Anonymous, UserID: "anonymous"}}}
	for _, a := range []struct{ id, user string }{{accountA, "alice"}, {accountA, "bob"}, {accountB, "carol"}} {
		w.addUser(t, a.id, a.user)
	}
	w.authority.become("alice")
	w.s3 = New(Options{Directory: d, Objects: store, Region: region, Domains: []string{"localhost", "s3.example.com"}})
	w.handler = service.NewDispatcher(service.Options{
		Authority: w.authority, S3: w.s3, Region: region, Log: slog.New(w),
	})
	return w
}

func (w *world) addUser(t testing.TB, accountID, name string) {
	t.Helper()
	ctx := context.Background()
	account, ok := w.directory.Account(accountID)
	if !ok {
		var err error
		if account, err = w.directory.CreateAccount(ctx, directory.Account{ID: accountID, Name: "account " + accountID}); err != nil {
			t.Fatal(err)
		}
		w.authority.callers["root of "+accountID] = &access.Caller{
			Type: eval.Root, AccountID: accountID, CanonicalID: account.CanonicalID, ARN: "arn:aws:iam::" + accountID + ":root", UserID: accountID,
		}
	}
	u, err := w.directory.CreateUser(ctx, directory.User{AccountID: accountID, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	w.authority.callers[name] = &access.Caller{
		Type: eval.User, AccountID: accountID, CanonicalID: account.CanonicalID, ARN: u.ARN, UserID: u.ID, UserName: name,
	}
}

// authority allows everything but what a test denies, and remembers what it was
// asked.
type authority struct {
	callers map[string]*access.Caller

	mu     sync.Mutex
	caller *access.Caller
	denied map[string]bool // an action, or an action and a resource with a blank between
	asked  []access.Need

	meanwhile func() // happens once, while something is decided
}

func (a *authority) become(name string) { a.caller = a.callers[name] }

func (a *authority) Admit(*sigv4.Signature) error { return nil }

func (a *authority) Authenticate(r *http.Request, _ *sigv4.Signature, _ time.Time) (*access.Caller, *sigv4.Body, error) {
	body, err := sigv4.NewBody(r)
	if c := a.callers[r.Header.Get("Test-Caller")]; c != nil {
		return c, body, err // of a test with several at once
	}
	return a.caller, body, err
}

func (a *authority) Identify(context.Context, service.WebIdentity, time.Time) (*service.Caller, error) {
	return nil, awserr.AccessDenied // no operation here brings a credential
}

func (a *authority) Authorize(q *access.Query) error {
	if f := a.meanwhile; f != nil {
		a.meanwhile = nil
		f()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, q.Need)
	if n := q.Need; a.denied[n.Action] || a.denied[n.Action+" "+n.Resource] {
		if n.Owner != "" && n.Owner == q.Caller.UserID {
			return nil
		}
		return awserr.AccessDenied.WithMessage("denied %s on %s", n.Action, cmp.Or(n.Shown, n.Resource))
	}
	return nil
}

// take returns what was asked since it was called last.
func (a *authority) take() []access.Need {
	a.mu.Lock()
	defer a.mu.Unlock()
	asked := a.asked
	a.asked = nil
	return asked
}

// contextOf returns the condition keys of a need.
func contextOf(n access.Need) *condition.Context {
	c := &condition.Context{}
	if n.Context != nil {
		n.Context(c)
	}
	return c
}

// undocumentedKeys are condition keys that are set for an action although the
// Service Authorization Reference does not list them for it, with the reason.
var undocumentedKeys = map[string]string{
	"kms:customermasterkeyspec":  "the former name of kms:KeySpec",
	"kms:customermasterkeyusage": "the former name of kms:KeyUsage",
	"s3:versionid":               "listed for a few of the actions on versions; documented for every action on one",
}

// checkKeys holds the condition keys of a need against those that AWS documents
// for its action.
func checkKeys(t *testing.T, n access.Need) {
	t.Helper()
	action, ok := facts.LookupAction(n.Action)
	if !ok {
		t.Errorf("the action %s does not exist", n.Action)
		return
	}
	for _, name := range contextOf(n).Keys() {
		key, ok := facts.LookupKey(name)
		if !ok {
			t.Errorf("%s: the condition key %s does not exist", n.Action, name)
			continue
		}
		if !action.HasKey(key.Name) && !key.Global && !resourceHasKey(action, key.Name) && undocumentedKeys[strings.ToLower(key.Name)] == "" {
			t.Errorf("%s does not have the condition key %s", n.Action, name)
		}
	}
}

// resourceHasKey reports whether a type of resource of the action brings a key.
func resourceHasKey(action *facts.Action, key string) bool {
	service, _, _ := strings.Cut(action.Name, ":")
	return service != "s3" && slices.ContainsFunc(facts.Resources(), func(r facts.Resource) bool {
		return r.Service == service && action.HasResource(r.Type) && slices.Contains(r.Keys, key)
	})
}

// state describes all that is stored, so that a test sees what a request changed.
func (w *world) state(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	ctx := context.Background()
	for _, account := range w.directory.Accounts() {
		fmt.Fprintf(&b, "%d KMS keys of %s\n", len(w.directory.KMSKeys(account.ID)), account.ID)
	}
	for _, bucket := range w.directory.AllBuckets() {
		fmt.Fprintf(&b, "bucket %s of %s: %v %q %v\n", bucket.Name, bucket.AccountID, bucket.PublicAccessBlock, bucket.Ownership, bucket.ACL.Grants)
		if bucket.Policy != nil {
			fmt.Fprintf(&b, "  policy %q %v\n", bucket.Policy.Document, bucket.Policy.PrincipalIDs)
		}
		p, err := w.objects.List(ctx, room(bucket), objects.ListRequest{Max: 10000})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range p.Objects {
			fmt.Fprintf(&b, "  object %+v\n", o)
		}
		uploads, err := w.objects.ListUploads(ctx, room(bucket), objects.ListUploadsRequest{Max: 10000})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range uploads.Uploads {
			parts, err := w.objects.ListParts(ctx, room(bucket), u.Key, u.ID, objects.ListPartsRequest{Max: 10000})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "  upload %+v of %+v\n", u, parts.Parts)
		}
	}
	return b.String()
}

func needNames(needs []access.Need) []string {
	var names []string
	for _, n := range needs {
		names = append(names, n.Action+" "+n.Resource)
	}
	slices.Sort(names)
	return names
}
