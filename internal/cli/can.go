package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/internal/accessfile"
	"github.com/keywright/keywright/internal/findings"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
	"github.com/keywright/keywright/policy/lint"
)

func newCan() *cobra.Command {
	q := question{}
	c := &cobra.Command{
		Use:   "can",
		Short: "Decide one request, and say why",
		Long: `Decide one request as AWS does, and say why: the statement that decided, for every
other statement the first element that did not match and on which value, and, for a
denial, the smallest change that would allow it. Nothing is asked of any server.

Each --policy is of the --type that stands before it, or else of the type that its
document looks like: with a Principal and a Resource it is resource, with a Principal
alone it is trust, and else it is identity. That of a KMS key is resource. Service control policies of one command are
those of one level of an organization, and so are resource control policies. With
--access the policies, principals and settings are those of an access file (see
docs/access-file.md), and --principal may be a name of it.

Keys that follow from who asks and whose the resource is, such as aws:username and
aws:ResourceAccount, are set unless --context gives them.

Exit status: 0 when the request is allowed, 1 when it is denied, 2 when it cannot be
decided.`,
		Example: `  # may David list his folder? home-folders.json is the policy of his group
  keywright can --policy home-folders.json \
    --principal arn:aws:iam::123456789012:user/David \
    --action s3:ListBucket --resource arn:aws:s3:::my-company \
    --context s3:prefix=home/David/ --context s3:delimiter=/

  # may he read Adele's files? no, and here is why
  keywright can --policy home-folders.json \
    --principal arn:aws:iam::123456789012:user/David \
    --action s3:GetObject --resource arn:aws:s3:::my-company/home/Adele/hello.txt

  # may a role of a partner write to our bucket? both accounts must allow
  keywright can --type identity --policy role.json --type resource --policy bucket.json \
    --principal arn:aws:iam::210987654321:role/export --resource-account 123456789012 \
    --action s3:PutObject --resource arn:aws:s3:::exchange/in/1

  # is a bucket policy open to everybody?
  keywright can --policy bucket.json --principal anonymous \
    --action s3:GetObject --resource arn:aws:s3:::exchange/in/1

  # a principal of an access file; the answer for programs
  keywright can --access access.yaml --principal David --json \
    --action s3:GetObject --resource arn:aws:s3:::my-company/home/David/x`,
		Args: noArguments,
	}
	flags := c.Flags()
	flags.Var(policyFlag{&q}, "policy", "`file` of a policy, JSON or YAML; may be repeated")
	flags.Var(policyTypeFlag{&q}, "type", "`type` of the --policy flags that follow: "+alternatives(typeNames())+" (default guessed from each document)")
	flags.StringVar(&q.access, "access", "", "access `file` with the policies and principals, instead of --policy")
	flags.StringVar(&q.principal, "principal", "", "who asks: an `ARN`, an AWS service, anonymous, or a name of --access (default some user of the account)")
	flags.StringVar(&q.action, "action", "", "what is asked for, such as s3:GetObject")
	flags.StringVar(&q.resource, "resource", "", "`ARN` of what it is asked for on, or *")
	flags.StringVar(&q.resourceAccount, "resource-account", "", "`id` of the account that owns the resource (default the one in its ARN, else the principal's, or that of --access)")
	flags.StringArrayVar(&q.context, "context", nil, "condition key of the request as `key=value`, or key=[a,b] when it is multivalued; may be repeated")
	flags.BoolVar(&q.json, "json", false, "print a JSON document, with the names of SimulatePrincipalPolicy")
	q.complete(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := noEmptyFlags(c.Flags()); err != nil {
			return err
		}
		return q.answer(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
	}
	return c
}

// question is the flags of can.
type question struct {
	policies        []typedFile
	policyType      eval.PolicyType // of the policies that follow; 0 is guessed
	access          string
	principal       string
	action          string
	resource        string
	resourceAccount string
	context         []string
	json            bool
}

// typedFile is a policy's file with the type that it is used as.
type typedFile struct {
	path string
	as   eval.PolicyType // 0 is guessed
}

// policyFlag and policyTypeFlag share the question, so that a type holds for
// the policies that follow it.
type (
	policyFlag     struct{ q *question }
	policyTypeFlag struct{ q *question }
)

var _, _ pflag.Value = policyFlag{}, policyTypeFlag{}

func (policyFlag) Type() string   { return "file" }
func (policyFlag) String() string { return "" }

func (f policyFlag) Set(path string) error {
	if path == "" {
		return errors.New("it is the path of a file")
	}
	f.q.policies = append(f.q.policies, typedFile{path, f.q.policyType})
	return nil
}

func (policyTypeFlag) Type() string   { return "type" }
func (policyTypeFlag) String() string { return "" }

func (f policyTypeFlag) Set(name string) error {
	kind, ok := lint.ParseKind(name)
	if !ok {
		return errors.New("a type is " + alternatives(typeNames()))
	}
	f.q.policyType = kind
	return nil
}

// complete makes a shell complete the values of flags.
func (q *question) complete(c *cobra.Command) {
	var actions, keys []string
	for _, a := range facts.Actions() {
		actions = append(actions, a.Name)
	}
	for _, k := range facts.Keys() {
		keys = append(keys, k.Name)
	}
	principals := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		names := []string{accessfile.Anonymous}
		if f, err := accessfile.Read(q.access); err == nil {
			names = append(f.PrincipalNames(), names...)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	withoutSpace := func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return beginning(keys, begun), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	for flag, do := range map[string]cobra.CompletionFunc{
		"action": completions(actions), "type": completions(typeNames()), "principal": principals, "context": withoutSpace,
		"resource": completions(nil), "resource-account": completions(nil),
	} {
		if err := c.RegisterFlagCompletionFunc(flag, do); err != nil {
			panic(err) // only for a flag that does not exist
		}
	}
}

// completions completes a value to those of a list that begin with it.
func completions(values []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return beginning(values, begun), cobra.ShellCompDirectiveNoFileComp
	}
}

// beginning returns the values that begin with a text, in any case: names of
// actions and of condition keys have none.
func beginning(values []string, begun string) []string {
	var some []string
	for _, v := range values {
		if len(v) >= len(begun) && strings.EqualFold(v[:len(begun)], begun) {
			some = append(some, v)
		}
	}
	return some
}

// answer decides the question, and prints the answer.
func (q *question) answer(ctx context.Context, stdout, stderr io.Writer) error {
	if err := q.check(); err != nil {
		return err
	}
	var text bytes.Buffer
	a, err := interruptible(ctx, func() (*answer, error) {
		a, err := q.ask()
		if err != nil {
			return nil, err
		}
		a.warnings = q.warnings()
		if q.json {
			return a, a.writeJSON(&text)
		}
		return a, a.writeText(&text)
	})
	if err != nil {
		return err
	}
	for _, w := range a.warnings {
		fmt.Fprintf(stderr, "warning: %s\n", w)
	}
	_, err = stdout.Write(text.Bytes())
	switch {
	case err != nil:
		return usage("its output could not be written", "cannot print the answer: %v", err)
	case !a.decision.Allowed():
		return exitStatus(1)
	}
	return nil
}

// check refuses what is no question.
func (q *question) check() error {
	switch {
	case q.action == "":
		return usage("--action is what is asked for, such as s3:GetObject", "there is no --action")
	case q.resource == "":
		return usage("--resource is an ARN such as arn:aws:s3:::my-bucket/key, or *", "there is no --resource")
	case q.access != "" && len(q.policies) > 0:
		return usage("put the policy into the access file", "--access and --policy both say which policies there are")
	case q.access != "" && q.principal == "":
		return usage("--principal is a name of the access file, an ARN, or anonymous", "there is no --principal")
	case q.resource != "*" && !arn.Is(q.resource):
		return usage("a resource is an ARN such as arn:aws:s3:::my-bucket/key, or *", "%q is no resource", q.resource)
	case q.resourceAccount != "" && !arn.IsAccountID(q.resourceAccount):
		return usage("an account's id has 12 to 20 digits", "%q is no account", q.resourceAccount)
	}
	if wrong := accessfile.CheckAction(q.action); wrong != "" {
		return usage(wrong, "%q is no action", q.action)
	}
	return nil
}

// ask decides the question on the policies of the access file, or on those of
// the command line.
func (q *question) ask() (*answer, error) {
	keys, given, err := parseContext(q.context)
	if err != nil {
		return nil, err
	}
	asked := accessfile.Question{Action: q.action, Resource: q.resource, ResourceAccount: q.resourceAccount, Context: keys, Given: given}
	if q.access != "" {
		return q.askFile(asked)
	}
	documents, policies, err := q.readPolicies()
	if err != nil {
		return nil, err
	}
	asked.Principal, err = q.who(policies)
	if err != nil {
		return nil, err
	}
	account := asked.Principal.AccountID
	r, p := accessfile.New(account).Request(asked)
	if policies.Resource == nil {
		policies.Resource = p.Resource // that of a role that nobody may assume
	}
	policies.HasSession = p.HasSession || len(policies.Session) > 0
	find := func(p *eval.Policy) *accessfile.Document { return documents[p] }
	return &answer{explanation: explain(r, policies, find)}, nil
}

func (q *question) askFile(asked accessfile.Question) (*answer, error) {
	f, err := accessfile.Read(q.access)
	if err != nil {
		return nil, unreadableFile(q.access, err)
	}
	if asked.Principal, err = f.Principal(q.principal); err != nil {
		return nil, err
	}
	r, p := f.Request(asked)
	return &answer{explanation: explain(r, p, f.Document)}, nil
}

// unreadableFile says that a file could not be opened; problems of its content
// say themselves where they are.
func unreadableFile(path string, err error) error {
	var e *os.PathError
	if errors.As(err, &e) {
		return usage("give the path of a file", "cannot read %s: %v", plain(path), e.Err)
	}
	return err
}

// who returns the principal. Without one it is some user of the resource's
// account, of whom nothing is known.
func (q *question) who(p *eval.Policies) (*accessfile.Principal, error) {
	if q.principal == "" {
		if p.Resource != nil || q.resourceAccount != "" {
			return nil, usage("--principal is an ARN, or anonymous", "who asks matters here, and there is no --principal")
		}
		someone := &accessfile.Principal{Principal: eval.Principal{Type: eval.User}, Context: &condition.Context{}}
		if a, err := arn.Parse(q.resource); err == nil && arn.IsAccountID(a.AccountID) {
			someone.AccountID = a.AccountID
		}
		return someone, nil
	}
	principal, wrong := accessfile.NewPrincipal(q.principal)
	if wrong != "" {
		return nil, usage("a principal is the ARN of a user, a role, a role's session, a federated user or a root, or anonymous; names go with --access",
			"%q cannot be the principal: %s", q.principal, wrong)
	}
	return principal, nil
}

// readPolicies reads the policies of the command line into their parts.
func (q *question) readPolicies() (map[*eval.Policy]*accessfile.Document, *eval.Policies, error) {
	documents, p := map[*eval.Policy]*accessfile.Document{}, &eval.Policies{}
	var problems accessfile.Problems
	for _, f := range q.policies {
		d, err := accessfile.ReadDocument(f.path)
		if err == nil {
			if f.as == 0 {
				f.as, _ = findings.Guess(d.Bytes())
			}
			if f.as == eval.Resource && isKMSKey(q.resource) {
				f.as = eval.KeyPolicy
			}
			var compiled *eval.Policy
			if compiled, err = d.Compile(f.as, nil); err == nil {
				documents[compiled] = d
				err = place(p, compiled)
			}
		}
		var of accessfile.Problems
		switch {
		case errors.As(err, &of):
			problems = append(problems, of...)
		case err != nil:
			return nil, nil, unreadableFile(f.path, err)
		}
	}
	if len(problems) > 0 {
		return nil, nil, problems
	}
	return documents, p, nil
}

// isKMSKey reports whether a resource is a key, whose policy must allow.
func isKMSKey(resource string) bool {
	a, err := arn.Parse(resource)
	return err == nil && a.Service == "kms" && strings.HasPrefix(a.Resource, "key/")
}

// place puts a policy into the part that its type plays.
func place(p *eval.Policies, policy *eval.Policy) error {
	level := func(levels [][]*eval.Policy) [][]*eval.Policy {
		return [][]*eval.Policy{append(slices.Concat(levels...), policy)}
	}
	switch policy.Type() {
	case eval.Identity:
		p.Identity = append(p.Identity, policy)
	case eval.Session:
		p.Session = append(p.Session, policy)
	case eval.ServiceControl:
		p.ServiceControl = level(p.ServiceControl)
	case eval.ResourceControl:
		p.ResourceControl = level(p.ResourceControl)
	case eval.PermissionsBoundary:
		if p.Boundary != nil {
			return usage("a principal has one permissions boundary", "%s is a second permissions boundary", policy.Name())
		}
		p.Boundary = policy
	default:
		if p.Resource != nil {
			return usage("a resource has one policy", "%s is a second policy of the resource", policy.Name())
		}
		p.Resource = policy
	}
	return nil
}

// parseContext reads the condition keys of the command line.
func parseContext(pairs []string) (*condition.Context, map[string]bool, error) {
	c, given := &condition.Context{}, map[string]bool{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		name := strings.ToLower(key)
		switch {
		case !ok || !strings.Contains(key, ":"):
			return nil, nil, usage("it is key=value, such as aws:SourceIp=10.0.0.1", "%q is no condition key with its value", pair)
		case given[name]:
			return nil, nil, usage("several values are written "+key+"=[a,b]", "--context gives %s twice", key)
		}
		given[name] = true
		values, isList := contextValues(value)
		if want := accessfile.SetKey(c, key, values, isList); want != "" {
			return nil, nil, usage(key+"=VALUE", "the value of %s must be %s, but is %q", key, want, value)
		}
	}
	return c, given, nil
}

// contextValues reads a value, or a list in brackets: of JSON, or of texts with
// commas between them.
func contextValues(value string) (values []string, isList bool) {
	inner, ok := strings.CutPrefix(value, "[")
	if !ok || !strings.HasSuffix(inner, "]") {
		return []string{value}, false
	}
	if err := json.Unmarshal([]byte(value), &values); err == nil {
		return values, true
	}
	return strings.Split(strings.TrimSuffix(inner, "]"), ","), true
}

// warnings are what is odd about the question.
func (q *question) warnings() []string {
	var all []string
	if odd := advice(q.action, q.resource); odd != "" {
		all = append(all, odd)
	}
	for _, pair := range q.context {
		key, _, _ := strings.Cut(pair, "=")
		if odd := unknownKey(key); odd != "" {
			all = append(all, odd)
		}
	}
	return all
}
