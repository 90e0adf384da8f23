package sts_test

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/encodedmessage"
	"github.com/keywright/keywright/internal/iam"
	"github.com/keywright/keywright/internal/oidc"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/query/querytest"
	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/session"
	"github.com/keywright/keywright/internal/sts"
	"github.com/keywright/keywright/policy/condition"
)

// setting is a server of STS, and of IAM to make the identities with.
type setting struct {
	*querytest.Server
	sts       *query.Service
	directory *directory.Directory
	keyring   *secrets.Keyring
}

func newSetting(t testing.TB) *setting {
	t.Helper()
	d, keyring := querytest.NewDirectory(t)
	identities, err := iam.New(d, nil)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := sts.New(d, keyring)
	if err != nil {
		t.Fatal(err)
	}
	s := &setting{querytest.New(t, identities, tokens), tokens, d, keyring}
	s.Caller = querytest.Root(querytest.AccountID)
	alice := oidc.Token{Issuer: "https://idp.example.com/x", Subject: "alice-1", Audience: "app", Audiences: []string{"app"}, Methods: []string{"pwd"}}
	tagged := alice
	tagged.Tags, tagged.Transitive, tagged.Source = []oidc.Tag{{Key: "Team", Value: "disk"}, {Key: "Level", Value: "2"}}, []string{"Team"}, "alice@example.com"
	s.Identities = map[string]*service.Caller{
		"token-of-alice":    querytest.Federated(querytest.AccountID, &alice),
		"token-with-claims": querytest.Federated(querytest.AccountID, &tagged),
	}
	return s
}

// messages returns encoded authorization messages of the two accounts.
func (s *setting) messages(t testing.TB) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for name, account := range map[string]string{"message": querytest.AccountID, "othersMessage": querytest.OtherAccountID} {
		text, err := encodedmessage.Encode(s.keyring, account, encodedmessage.Message{Failures: encodedmessage.Values(), Context: encodedmessage.Context{Action: "s3:GetObject"}})
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = text
	}
	return texts
}

// as sets the caller: "credentials TOKEN" is who has a session token, "nobody"
// who signs nothing.
func (s *setting) as(text string) (err error) {
	if text == "nobody" {
		s.Caller = nil
		return nil
	}
	if token, ok := strings.CutPrefix(text, "credentials "); ok {
		opened, err := session.Open(s.keyring, token)
		if err != nil {
			return err
		}
		s.Caller, err = querytest.SessionCaller(s.directory, opened)
		return err
	}
	s.Caller, err = querytest.FindCaller(s.directory, text)
	return err
}

// runScript runs a story in a setting of its own.
func runScript(t testing.TB, file string) *setting {
	t.Helper()
	s := newSetting(t)
	script := querytest.Script{Server: s.Server, As: s.as, Variables: s.messages(t)}
	script.Run(t, file)
	return s
}

// FuzzRequest begins with requests of the stories.
func FuzzRequest(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	var made []querytest.Call
	for _, file := range files {
		made = append(made, runScript(f, file).Calls...)
	}
	s := newSetting(f)
	s.Fuzz(f, "sts", s.sts.Operations(), made)
}

// TestScripts runs the stories in testdata. Every operation is served in them,
// and what they need is what AWS documents.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	requests, ran := 0, 0
	var calls []querytest.Call
	var served []string
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			ran++
			s := runScript(t, file)
			requests += len(s.Calls)
			calls, served = append(calls, s.Calls...), s.sts.Operations()
		})
	}
	if t.Failed() || ran < len(files) { // -run may have chosen a few
		return
	}
	if requests < 80 {
		t.Errorf("only %d requests", requests)
	}
	for _, name := range served {
		if !slices.ContainsFunc(calls, func(c querytest.Call) bool { return c.Operation == name && c.Status == 200 }) {
			t.Errorf("no script has %s served", name)
		}
	}
	querytest.CheckMembers(t, ".", served, calls, 75)
	keys := 0
	asked := map[string]bool{}
	for _, c := range calls {
		if c.Service == "sts" {
			checkNeeds(t, c)
			for _, n := range c.Needs {
				asked[c.Operation+" "+n.Action] = true
				keys += checkKeys(t, n)
			}
		}
	}
	if keys < 100 {
		t.Errorf("only %d condition keys", keys)
	}
	checkDocumented(t, served, asked)
}

// besides are permissions that are asked for and that the facts do not list for
// the operation, and asked for never although they do, with the reason.
var besides = map[string]string{
	"GetSessionToken sts:GetSessionToken": "asked for so that a policy can deny it (Permissions for GetSessionToken)",
	"AssumeRole sts:SetContext":           "ProvidedContexts is refused with 501",
}

// checkDocumented holds what the served operations asked for in the scripts
// against what AWS documents, both ways.
func checkDocumented(t *testing.T, served []string, asked map[string]bool) {
	t.Helper()
	documented := map[string]bool{}
	for _, name := range served {
		o, ok := facts.LookupOperation("sts", name)
		if !ok {
			t.Errorf("%s is no operation of STS", name)
			continue
		}
		for _, c := range o.Checks {
			documented[name+" "+c.Action] = true
			if both := name + " " + c.Action; asked[both] == (besides[both] != "") {
				t.Errorf("%s: asked for %v, reason not to %q", both, asked[both], besides[both])
			}
		}
	}
	for both := range asked {
		if !documented[both] && besides[both] == "" {
			t.Errorf("%s is asked for and not documented", both)
		}
	}
	if len(served) < 5 || len(documented) < 6 {
		t.Errorf("only %d operations and %d permissions", len(served), len(documented))
	}
}

// together are the actions of assuming a role, which are decided with the same
// keys: a trust policy's statement names them together.
var together = []string{"sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"}

// checkKeys holds the condition keys of a need against those that AWS documents
// for its action or its type of resource, and returns how many there are.
func checkKeys(t *testing.T, n service.Need) int {
	t.Helper()
	if n.Context == nil {
		return 0
	}
	actions := []string{n.Action}
	if slices.Contains(together, n.Action) {
		actions = together
	}
	// Those that a proof of a second factor brings are of every request.
	documented := []string{"aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge"}
	for _, name := range actions {
		a, _ := facts.LookupAction(name)
		documented = append(documented, a.Keys...)
		for _, r := range facts.Resources() {
			if r.Service == "sts" && a.HasResource(r.Type) {
				documented = append(documented, r.Keys...)
			}
		}
	}
	c := &condition.Context{}
	n.Context(c)
	for _, name := range c.Keys() {
		if key, ok := facts.LookupKey(name); !ok || !slices.Contains(documented, key.Name) {
			t.Errorf("%s does not have the condition key %s", n.Action, name)
		}
	}
	return len(c.Keys())
}

func checkNeeds(t *testing.T, c querytest.Call) {
	t.Helper()
	if c.Status == 200 && len(c.Needs) == 0 && c.Operation != "GetCallerIdentity" {
		t.Errorf("%s needed nothing", c.Operation)
	}
	for _, n := range c.Needs {
		action, ok := facts.LookupAction(n.Action)
		if !ok {
			t.Errorf("there is no %s", n.Action)
			continue
		}
		if len(action.Resources) == 0 && n.Resource != "*" {
			t.Errorf("%s is granted on no single resource: %s", n.Action, n.Resource)
		}
		if n.Action != "sts:AssumeRole" && c.Operation == "AssumeRole" && n.Role == nil && c.Status == 200 {
			t.Errorf("%s does not carry the role that decides it", n.Action)
		}
	}
}

// TestSessions checks what the tokens say.
func TestSessions(t *testing.T) {
	s := newSetting(t)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}`
	narrow := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`
	policyARN := "arn:aws:iam::123456789012:policy/p"
	s.must(t, "iam", "CreateUser", "UserName", "bob")
	s.must(t, "iam", "CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", trust, "MaxSessionDuration", "43200")
	s.must(t, "iam", "CreatePolicy", "PolicyName", "p", "PolicyDocument", narrow)
	role, _ := s.directory.Role(querytest.AccountID, "r")
	bob, _ := s.directory.User(querytest.AccountID, "bob")

	if err := s.as("user bob"); err != nil {
		t.Fatal(err)
	}
	first := s.must(t, "sts", "AssumeRole", "RoleArn", role.ARN, "RoleSessionName", "one", "DurationSeconds", "7200",
		"Policy", narrow, "PolicyArns.member.1.arn", policyARN, "SourceIdentity", "bob@example.com",
		"Tags.member.1.Key", "Team", "Tags.member.1.Value", "disk", "Tags.member.2.Key", "Project", "Tags.member.2.Value", "x",
		"TransitiveTagKeys.member.1", "team")
	want := &session.Session{
		Kind: session.AssumedRole, AccountID: querytest.AccountID, RoleID: role.ID, SessionName: "one",
		Issued: querytest.Now, Expires: querytest.Now.Add(2 * time.Hour),
		Policy: narrow, PolicyARNs: []string{policyARN}, SourceIdentity: "bob@example.com",
		Tags: []session.Tag{{Key: "Team", Value: "disk"}, {Key: "Project", Value: "x"}}, TransitiveTagKeys: []string{"team"},
	}
	s.check(t, first, want)

	// What is transitive passes on, what is not does not.
	if err := s.as("credentials " + first.Value("Credentials/SessionToken")); err != nil {
		t.Fatal(err)
	}
	second := s.must(t, "sts", "AssumeRole", "RoleArn", role.ARN, "RoleSessionName", "two",
		"Tags.member.1.Key", "Stage", "Tags.member.1.Value", "2", "TransitiveTagKeys.member.1", "Stage")
	s.check(t, second, &session.Session{
		Kind: session.AssumedRole, AccountID: querytest.AccountID, RoleID: role.ID, SessionName: "two",
		Issued: querytest.Now, Expires: querytest.Now.Add(time.Hour), SourceIdentity: "bob@example.com", Chained: true,
		Tags: []session.Tag{{Key: "Team", Value: "disk"}, {Key: "Stage", Value: "2"}}, TransitiveTagKeys: []string{"Team", "Stage"},
	})

	if err := s.as("user bob"); err != nil {
		t.Fatal(err)
	}
	s.check(t, s.must(t, "sts", "GetSessionToken", "DurationSeconds", "900"), &session.Session{
		Kind: session.SessionToken, AccountID: querytest.AccountID, UserID: bob.ID,
		Issued: querytest.Now, Expires: querytest.Now.Add(15 * time.Minute),
	})
	s.check(t, s.must(t, "sts", "GetFederationToken", "Name", "guest", "Policy", narrow), &session.Session{
		Kind: session.FederatedUser, AccountID: querytest.AccountID, UserID: bob.ID, SessionName: "guest", Policy: narrow,
		Issued: querytest.Now, Expires: querytest.Now.Add(12 * time.Hour),
	})
	if err := s.as("root"); err != nil {
		t.Fatal(err)
	}
	s.check(t, s.must(t, "sts", "GetSessionToken"), &session.Session{
		Kind: session.SessionToken, AccountID: querytest.AccountID,
		Issued: querytest.Now, Expires: querytest.Now.Add(time.Hour),
	})
}

func (s *setting) must(t *testing.T, service, operation string, params ...string) *querytest.Answer {
	t.Helper()
	a := s.Call(service, operation, params...)
	if a.Status != 200 {
		t.Fatalf("%s: %s", operation, a.Body)
	}
	return a
}

// check compares the session inside a token with the one wanted, whose keys are
// those of the answer.
func (s *setting) check(t *testing.T, a *querytest.Answer, want *session.Session) {
	t.Helper()
	want.AccessKeyID, want.SecretAccessKey = a.Value("Credentials/AccessKeyId"), a.Value("Credentials/SecretAccessKey")
	got, err := session.Open(s.keyring, a.Value("Credentials/SessionToken"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fields(want), fields(got)); diff != "" {
		t.Errorf("the session (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(want.AccessKeyID, "ASIA") || a.Value("Credentials/Expiration") != query.Timestamp(want.Expires) {
		t.Errorf("%s, %s", want.AccessKeyID, a.Value("Credentials/Expiration"))
	}
}

// plainSession is a session without the methods that keep it out of messages:
// the secrets here are of the tests.
type plainSession session.Session

func fields(s *session.Session) plainSession { return plainSession(*s) }

// TestTooLarge checks that a session that does not fit into a token is refused
// and not cut.
func TestTooLarge(t *testing.T) {
	s := newSetting(t)
	s.must(t, "iam", "CreateUser", "UserName", "bob")
	s.must(t, "iam", "CreateRole", "RoleName", "r", "AssumeRolePolicyDocument",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}`)
	if err := s.as("user bob"); err != nil {
		t.Fatal(err)
	}
	params := []string{"RoleArn", "arn:aws:iam::123456789012:role/r", "RoleSessionName", "s1"}
	for n := range 50 {
		tag := "Tags.member." + strconv.Itoa(n+1)
		params = append(params, tag+".Key", secrets.NewSecretAccessKey(), tag+".Value", secrets.NewSecretAccessKey()+secrets.NewSecretAccessKey())
	}
	if a := s.Call("sts", "AssumeRole", params...); a.Code != "PackedPolicyTooLarge" || a.Status != 400 {
		t.Errorf("%d %s: %s", a.Status, a.Code, a.Message)
	}
	if a := s.must(t, "sts", "AssumeRole", params[:4+4*20]...); a.Value("PackedPolicySize") == "" {
		t.Error("there is no packed size")
	}
}
