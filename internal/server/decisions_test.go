package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/keywright/keywright/policy/eval"
	"github.com/keywright/keywright/policy/eval/evaltest"
)

// The cases of decisions of policy/eval, as real requests: the users, roles,
// sessions, buckets and policies of each are made through the API, and then its
// request is sent by an SDK.

// minimumReal is how many cases must at least be made as real requests, and
// they must be most of all; minimumOthers is how many further requests must be
// sent.
const (
	minimumReal   = 1890
	minimumOthers = 1300
)

// tally counts cases over all files.
type tally struct {
	mu         sync.Mutex
	real       int
	cli        int // with the AWS CLI too
	others     int // further requests, of other operations
	impossible map[string]int
}

func (n *tally) add(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var no *impossible
	if errors.As(err, &no) {
		n.impossible[no.reason]++
		return
	}
	n.real++
}

// addWorld counts what was sent beside the request of each case.
func (n *tally) addWorld(w *world) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.others += w.others
	if *byCLI && !w.sample {
		n.cli++
	}
}

func (n *tally) report(t *testing.T) {
	not := 0
	reasons := slices.SortedFunc(maps.Keys(n.impossible), func(a, b string) int {
		return cmp.Or(cmp.Compare(n.impossible[b], n.impossible[a]), cmp.Compare(a, b))
	})
	for _, r := range reasons {
		not += n.impossible[r]
		t.Logf("decisions: not possible as a request, %d: %s", n.impossible[r], r)
	}
	if *byCLI {
		t.Logf("decisions: %d cases decided by requests of the AWS CLI (at least %d)", n.cli, minimumCLI)
		if n.cli < minimumCLI {
			t.Errorf("%d cases were sent with the AWS CLI, want %d or more", n.cli, minimumCLI)
		}
	}
	t.Logf("decisions: %d cases decided by real requests to the server (at least %d), %d not possible; %d requests of other operations with the same needs (at least %d)",
		n.real, minimumReal, not, n.others, minimumOthers)
	if n.real < minimumReal || n.real < not || n.others < minimumOthers {
		t.Errorf("%d cases were made as real requests, want %d or more, and most of them; and %d of other operations, want %d", n.real, minimumReal, n.others, minimumOthers)
	}
}

func TestDecisions(t *testing.T) {
	paths, err := filepath.Glob("../../policy/eval/testdata/decisions/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	count := &tally{impossible: map[string]int{}}
	t.Run("files", func(t *testing.T) {
		for i, path := range paths {
			f, err := evaltest.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(f.Name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, f)
				w.sample = *byCLI
				w.sampleAllowed = i%2 == 0
				for _, c := range f.Cases {
					count.add(w.check(c))
				}
				count.addWorld(w)
			})
		}
	})
	count.report(t)
}

// attempt is a case on its way to a real request.
type attempt struct {
	c       *evaltest.Case
	brought *brought
	implied map[string]string
	op      *operation

	holder    *entity // the user, or whose session it is; nil of a root and of nobody
	creds     aws.Credentials
	principal eval.Principal
	resource  string // ARN
	bucket    *bucket
	key       string  // of the object
	upload    string  // id of the multipart upload
	made      string  // id of what the request has made
	role      *entity // to be assumed

	// The policies as the server has them.
	identity, session   []string
	boundary            string
	bucketPolicy, trust string
	hasSession          bool
	restricted          bool
	acls                *eval.AccessControl
	bound               map[string]string // unique ids of the principals that the resource-based policy names
}

func (a *attempt) wants(d eval.Decision) bool {
	return d.Effect.String() == a.c.Effect && (a.c.Reason == "" || d.Reason == policyTypes[a.c.Reason])
}

var policyTypes = map[string]eval.PolicyType{
	"identity": eval.Identity, "boundary": eval.PermissionsBoundary, "session": eval.Session, "resource": eval.Resource, "trust": eval.Trust, "acl": eval.AccessControlList, "key": eval.KeyPolicy, "root": 0,
}

// check brings the server into the state of a case, sends its request, and
// holds the answer against the case. It returns an *impossible when there is no
// such state or request.
func (w *world) check(c *evaltest.Case) error {
	a := &attempt{c: c, brought: &brought{}}
	w.caller = nil
	defer w.clock.Store(nil)
	err := w.try(a)
	if errors.As(err, new(*impossible)) {
		w.t.Logf("%s: not possible: %v", c.At, err)
		return err
	}
	if err != nil {
		w.t.Errorf("%s: %s as %s on %s: %v", c.At, c.Action, c.Principal.Name, c.Resource, err)
	}
	return nil
}

// try sends the request of an attempt, and returns how its answer is not as the
// case says.
func (w *world) try(a *attempt) error {
	d, err := w.prepare(a)
	if errors.As(err, new(*impossible)) {
		return err
	}
	if err != nil {
		return fmt.Errorf("cannot bring the server into the state of the case: %w", err)
	}
	err = a.op.run(w, a)
	if isCode(err, "NotImplemented") {
		return cannot("the server does not implement what the request asks for")
	}
	if a.op.after != nil && err == nil {
		a.op.after(w, a)
	}
	if err := a.judge(d, err); err != nil {
		return err
	}
	if err := w.checkOthers(a, d); err != nil {
		return err
	}
	if w.sample && d.Allowed() == w.sampleAllowed && w.checkByCLI(a, d) {
		w.sample = false
	}
	return nil
}

// judge compares an answer with a decision.
func (a *attempt) judge(d eval.Decision, err error) error {
	var api smithy.APIError
	denied := errors.As(err, &api) && api.ErrorCode() == "AccessDenied"
	switch {
	case d.Allowed() && err == nil:
		return nil
	case d.Allowed() && !denied && api != nil && slices.Contains(a.op.answers, api.ErrorCode()):
		return nil
	case d.Allowed():
		return fmt.Errorf("want success, got %w", err)
	case err == nil:
		return fmt.Errorf("want %s %s, got success", d.Effect, d.Because(a.op.action))
	case !denied:
		return fmt.Errorf("want %s, got %w", d.Effect, err)
	}
	if want := a.message(d); api.ErrorMessage() != want {
		return fmt.Errorf("got message %q, want %q", api.ErrorMessage(), want)
	}
	return nil
}

// listed are the actions that AWS allows on everything, and denies on the path of
// a kind of entities.
var listed = map[string]string{"iam:ListUsers": "user", "iam:ListRoles": "role", "iam:ListGroups": "group"}

// message returns AWS's words for a denial. S3 gives no reasons to other
// accounts, nor to nobody.
func (a *attempt) message(d eval.Decision) string {
	if a.c.Principal.Type == "provider" {
		return "Not authorized to perform " + a.op.action
	}
	on := " on resource: " + a.resource
	switch kind, isList := listed[a.op.action]; {
	case isList:
		on = " on resource: arn:aws:iam::" + a.principal.AccountID + ":" + kind + "/"
	case !strings.HasPrefix(a.op.action, "s3:"):
	case a.principal.AccountID == "" || a.bucket != nil && a.bucket.owner.id != a.principal.AccountID:
		return "Access Denied"
	case a.resource == "*":
		on = ""
	default:
		on = ` on resource: "` + a.resource + `"`
	}
	return fmt.Sprintf("User: %s is not authorized to perform: %s%s %s", a.principal.ARN, a.op.action, on, d.Because(a.op.action))
}

// prepare brings the server into the state of a case, and returns what is to be
// decided there.
func (w *world) prepare(a *attempt) (eval.Decision, error) {
	steps := []func(*attempt) error{refuse, w.preparePrincipal, w.prepareOperation, w.prepareCaller, w.prepareResource}
	if p := a.c.State.Resource; p != nil && p.Bound != nil {
		// A policy whose names were bound before is put while those are there.
		steps = []func(*attempt) error{refuse, w.prepareOperation, w.prepareResource, w.preparePrincipal, w.prepareOperation, w.prepareCaller}
	}
	for _, step := range steps {
		if err := step(a); err != nil {
			return eval.Decision{}, err
		}
	}
	return w.decide(a)
}

// refuse fails when no request can be the case's, whatever else it says.
func refuse(a *attempt) error {
	switch c := a.c; {
	case c.ServiceControl != nil:
		return cannot("the server has no service control policies")
	case c.ACLs != nil && c.ACLs.Object == nil && !c.ACLs.NoObject:
		return cannot("the server knows whose every object is")
	case c.ACLs != nil && c.ACLs.NoObject && c.Effect == "allowed" && eval.NeedsObject(c.Action):
		return cannot("what is not there is told to who may list, and to nobody else")
	case c.ResourceControl != nil:
		return cannot("the server has no resource control policies")
	case c.Principal.Type == "service":
		return cannot("services of AWS make no requests here")
	case c.HasSession && len(c.Session) == 0 && c.Principal.Type == "role":
		return cannot("a role's session is limited by session policies that it has, not by having none")
	}
	return refuseProvider(a.c)
}

// prepareOperation finds the operation that needs just the action of the case,
// and the resource that it is to act on.
func (w *world) prepareOperation(a *attempt) error {
	c := a.c
	known := []map[string]operation{operations, operationsOfIAM}
	if c.Principal.Type == "provider" {
		known = []map[string]operation{operationsOfProviders}
	}
	op, err := findOperation(c.Action, known...)
	if err != nil {
		return err
	}
	a.op, a.resource = op, w.real(c.Resource)
	return op.address(w, a)
}

// preparePrincipal sees to it that who makes the request is there.
func (w *world) preparePrincipal(a *attempt) error {
	c := a.c
	var err error
	id := ""
	if t := c.Principal.Type; t != "anonymous" && t != "root" && t != "provider" {
		if a.holder, err = w.holder(c.Principal); err != nil {
			return err
		}
		id, w.caller = a.holder.id, a.holder
	}
	a.principal = w.principal(c, id)
	a.implied = w.implied(c, id)
	real := *c
	real.Principal = &evaltest.Principal{Type: c.Principal.Type, ARN: c.Principal.ARN, Keys: w.realKeys(c.Principal.Keys)}
	real.Keys = w.realKeys(c.Keys)
	a.brought, err = bring(&real, a.implied)
	return err
}

// prepareCaller gives the caller the policies of the case, and gets his
// credentials.
func (w *world) prepareCaller(a *attempt) error {
	c := a.c
	defer w.at(a.brought.clock)
	w.at(cmp.Or(a.brought.issued, a.brought.clock))
	if a.holder == nil {
		if c.Principal.Type == "root" {
			a.creds = w.accounts[c.Principal.AccountID].root
		}
		if len(a.brought.principalTags) > 0 {
			return cannot("only users and sessions have tags")
		}
		return nil
	}
	want, err := w.wanted(a)
	if err != nil {
		return err
	}
	switch c.Principal.Type {
	case "user":
		want.tags = a.brought.principalTags
		a.creds, err = w.keyOf(a)
	case "role":
		a.hasSession = len(a.session) > 0
		a.creds, err = w.assume(a)
	case "federated":
		a.hasSession = true
		a.creds, err = w.federate(a)
	}
	if err != nil {
		return err
	}
	return w.grant(a.holder, want)
}

// wanted returns what the caller is to have. Where a document can go several
// ways, its name decides, so that all ways are gone.
func (w *world) wanted(a *attempt) (granted, error) {
	c := a.c
	want := granted{inline: map[string]string{}, group: map[string]string{}, attached: map[string]bool{}}
	for _, p := range c.Identity {
		document := w.real(p.Document)
		a.identity = append(a.identity, document)
		way := len(p.Name) % 3
		switch {
		case a.holder.kind == "user" && (way == 0 || len(document) > 2000):
			want.group[p.Name] = document
		case way == 1 && strings.Contains(document, `"2012-10-17"`):
			managed, err := w.managedARN(a.holder.account, document)
			if err != nil {
				return want, err
			}
			want.attached[managed] = true
		default:
			want.inline[p.Name] = document
		}
	}
	if c.Boundary != nil {
		a.boundary = w.real(c.Boundary.Document)
		managed, err := w.managedARN(a.holder.account, a.boundary)
		if err != nil {
			return want, err
		}
		want.boundary = managed
	}
	if c.Principal.Type != "user" {
		for _, p := range c.Session {
			a.session = append(a.session, w.real(p.Document))
		}
	}
	return want, nil
}

// narrowed returns the session policies of an attempt as parameters: the first
// one inline, the others as managed ones.
func (w *world) narrowed(a *attempt) (inline *string, managed []ststypes.PolicyDescriptorType, err error) {
	for i, document := range a.session {
		if i == 0 {
			inline = &document
			continue
		}
		known, err := w.managedARN(a.holder.account, document)
		if err != nil {
			return nil, nil, err
		}
		managed = append(managed, ststypes.PolicyDescriptorType{Arn: &known})
	}
	return inline, managed, nil
}

// sessionKey tells sessions apart.
func (a *attempt) sessionKey() string {
	b := a.brought
	return fmt.Sprint(a.c.Principal.ARN, a.holder.id, a.session, b.principalTags, b.sourceIdentity, b.issued, b.clock, vouching(a.c), b.claims, b.proved)
}

// keyOf returns the access key of the holder, who is a user, or temporary
// credentials of his own when the case's request is made with such.
func (w *world) keyOf(a *attempt) (aws.Credentials, error) {
	if !a.brought.temporary {
		return a.holder.key, nil
	}
	if strings.HasPrefix(a.op.action, "iam:") && !a.brought.proved {
		return aws.Credentials{}, cannot("a user's temporary credentials cannot call IAM without a second factor, whatever a policy says")
	}
	key := a.sessionKey()
	if c, ok := w.sessions[key]; ok {
		return c, nil
	}
	if err := w.grant(a.holder, granted{}); err != nil {
		return aws.Credentials{}, err
	}
	in := &sts.GetSessionTokenInput{}
	if a.brought.proved {
		serial, code, err := w.nextCode(a.holder)
		if err != nil {
			return aws.Credentials{}, err
		}
		in.SerialNumber, in.TokenCode, in.DurationSeconds = &serial, &code, aws.Int32(129600) // the longest
	}
	out, err := w.sts(a.holder.key, nil).GetSessionToken(context.Background(), in)
	if err != nil {
		return aws.Credentials{}, err
	}
	w.sessions[key] = stsCredentials(out.Credentials)
	return w.sessions[key], nil
}

func stsTags(tags map[string]string) []ststypes.Tag {
	var list []ststypes.Tag
	for _, k := range sortedKeys(tags) {
		list = append(list, ststypes.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return list
}

func stsCredentials(c *ststypes.Credentials) aws.Credentials {
	return aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken}
}

// assume returns the credentials of a session of the holder, which is a role.
func (w *world) assume(a *attempt) (aws.Credentials, error) {
	key := a.sessionKey()
	if c, ok := w.sessions[key]; ok {
		return c, nil
	}
	if vouching(a.c) != "" {
		c, err := w.assumeFederated(a)
		if err == nil {
			w.sessions[key] = c
		}
		return c, err
	}
	if err := w.setTrust(a.holder, a.holder.account.keeperTrust(), nil); err != nil {
		return aws.Credentials{}, err
	}
	inline, managed, err := w.narrowed(a)
	if err != nil {
		return aws.Credentials{}, err
	}
	in := &sts.AssumeRoleInput{
		RoleArn: aws.String(a.holder.arn()), RoleSessionName: aws.String(lastElement(a.c.Principal.ARN)),
		Policy: inline, PolicyArns: managed, Tags: stsTags(a.brought.principalTags),
	}
	if a.brought.sourceIdentity != "" {
		in.SourceIdentity = &a.brought.sourceIdentity
	}
	out, err := w.sts(a.holder.account.keeper, nil).AssumeRole(context.Background(), in)
	if err != nil {
		return aws.Credentials{}, noSuchSession(err)
	}
	w.sessions[key] = stsCredentials(out.Credentials)
	return w.sessions[key], nil
}

// federate returns the credentials of a federated user of the holder, who may
// ask for them only meanwhile.
func (w *world) federate(a *attempt) (aws.Credentials, error) {
	key := a.sessionKey()
	if c, ok := w.sessions[key]; ok {
		return c, nil
	}
	if err := w.grant(a.holder, granted{inline: map[string]string{"federates": federates}}); err != nil {
		return aws.Credentials{}, err
	}
	inline, managed, err := w.narrowed(a)
	if err != nil {
		return aws.Credentials{}, err
	}
	out, err := w.sts(a.holder.key, nil).GetFederationToken(context.Background(), &sts.GetFederationTokenInput{
		Name: aws.String(lastElement(a.c.Principal.ARN)), Policy: inline, PolicyArns: managed, Tags: stsTags(a.brought.principalTags),
	})
	if err != nil {
		return aws.Credentials{}, noSuchSession(err)
	}
	w.sessions[key] = stsCredentials(out.Credentials)
	return w.sessions[key], nil
}

const federates = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sts:GetFederationToken","sts:TagSession"],"Resource":"*"}}`

func lastElement(text string) string { return text[strings.LastIndexByte(text, '/')+1:] }

// noSuchSession turns the refusal of a session into why the case cannot be.
func noSuchSession(err error) error {
	if isCode(err, "ValidationError") || isCode(err, "PackedPolicyTooLarge") {
		return cannot("STS makes no such session")
	}
	return refusal(err)
}

// prepareResource sees to it that what the request acts on is there, with the
// resource-based policy of the case.
func (w *world) prepareResource(a *attempt) error {
	if a.op.prepare == nil {
		return nil
	}
	return a.op.prepare(w, a)
}
