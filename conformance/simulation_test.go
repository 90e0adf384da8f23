package conformance

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/keywright/keywright/conformance/harness"
)

// simulated is what the AWS CLI prints of a simulation.
type simulated struct {
	EvaluationResults []struct {
		EvalActionName, EvalDecision string
		MatchedStatements            []struct{ SourcePolicyId string }
		MissingContextValues         []string
	}
}

func simulation(t testing.TB, out string) (s simulated) {
	t.Helper()
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	return s
}

// TestSimulatePrincipalPolicy simulates what a user of the home folders is
// allowed, and then has him try it.
func TestSimulatePrincipalPolicy(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	bucket := newBucket(t, s)
	root := s.IAM(s.Root)
	creds := newUser(t, s, "David")
	must(t)(root.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: aws.String("Employees")}))
	must(t)(root.AddUserToGroup(t.Context(), &iam.AddUserToGroupInput{GroupName: aws.String("Employees"), UserName: aws.String("David")}))
	policy := strings.ReplaceAll(document(t, "policies/group.json"), "my-company", bucket)
	must(t)(root.PutGroupPolicy(t.Context(), &iam.PutGroupPolicyInput{GroupName: aws.String("Employees"), PolicyName: aws.String("Folders"), PolicyDocument: &policy}))
	put(t, s.S3(s.Root), bucket, "home/David/x", "x")
	put(t, s.S3(s.Root), bucket, "home/Adele/x", "x")
	account, err := s.Account(t.Context())
	must(t)(err)

	sh, david := newShell(t, s, s.Root), s.S3(creds)
	source := "arn:aws:iam::" + account + ":user/David"
	for _, c := range []struct {
		action, resource, context string
		allowed                   bool
		try                       func() error
	}{
		{"s3:GetObject", bucket + "/home/David/x", "", true, func() error {
			_, err := david.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("home/David/x")})
			return err
		}},
		{"s3:GetObject", bucket + "/home/Adele/x", "", false, func() error {
			_, err := david.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("home/Adele/x")})
			return err
		}},
		{"s3:ListBucket", bucket, "home/David/", true, func() error {
			_, err := david.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: aws.String("home/David/")})
			return err
		}},
		{"s3:ListBucket", bucket, "home/Adele/", false, func() error {
			_, err := david.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: aws.String("home/Adele/")})
			return err
		}},
	} {
		args := []string{"iam", "simulate-principal-policy", "--policy-source-arn", source, "--action-names", c.action, "--resource-arns", "arn:aws:s3:::" + c.resource}
		if c.context != "" {
			args = append(args, "--context-entries", "ContextKeyName=s3:prefix,ContextKeyType=string,ContextKeyValues="+c.context)
		}
		r := simulation(t, sh.ok(args...)).EvaluationResults
		if len(r) != 1 || r[0].EvalActionName != c.action || (r[0].EvalDecision == "allowed") != c.allowed {
			t.Errorf("%s %s %s: %+v", c.action, c.resource, c.context, r)
		} else if c.allowed && (len(r[0].MatchedStatements) == 0 || r[0].MatchedStatements[0].SourcePolicyId != "group_Employees_Folders") {
			t.Errorf("%s %s: matched %+v", c.action, c.resource, r[0].MatchedStatements)
		}
		if err := c.try(); (err == nil) != c.allowed {
			t.Errorf("%s %s %s in fact: %v", c.action, c.resource, c.context, err)
		}
		ran(t, "client cli simulate-principal-policy")
	}
	contains(t, sh.ok("iam", "get-context-keys-for-principal-policy", "--policy-source-arn", source), "aws:username", "s3:prefix")
	ran(t, "client cli get-context-keys-for-principal-policy")
	newShell(t, s, creds).fails([]string{"iam", "simulate-principal-policy", "--policy-source-arn", source, "--action-names", "s3:GetObject"},
		"AccessDenied", "iam:SimulatePrincipalPolicy on resource: "+source)
	sh.fails([]string{"iam", "simulate-principal-policy", "--policy-source-arn", source + "x", "--action-names", "s3:GetObject"}, "NoSuchEntity")
	ran(t, "client cli simulate-principal-policy")
}

// TestSimulateCustomPolicy tries documents that nobody has.
func TestSimulateCustomPolicy(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	sh := newShell(t, s, s.Root)
	group := document(t, "policies/group.json")
	const read = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}`
	actions := []string{"s3:GetObject", "s3:PutObject", "iam:CreateUser"}
	args := append([]string{"iam", "simulate-custom-policy", "--policy-input-list", group, "--permissions-boundary-policy-input-list", read,
		"--resource-arns", "arn:aws:s3:::my-company/home/David/x", "--context-entries", "ContextKeyName=aws:username,ContextKeyType=string,ContextKeyValues=David",
		"--page-size", "1", "--action-names"}, actions...)
	var decisions []string
	for i, r := range simulation(t, sh.ok(args...)).EvaluationResults {
		if r.EvalActionName != actions[i] {
			t.Errorf("result %d is for %s", i, r.EvalActionName)
		}
		decisions = append(decisions, r.EvalDecision)
	}
	if got := strings.Join(decisions, " "); got != "allowed implicitDeny implicitDeny" {
		t.Errorf("decisions %s", got)
	}
	ran(t, "client cli simulate-custom-policy")
	without := simulation(t, sh.ok("iam", "simulate-custom-policy", "--policy-input-list", group, "--action-names", "s3:GetObject",
		"--resource-arns", "arn:aws:s3:::my-company/home/David/x"))
	if m := without.EvaluationResults[0].MissingContextValues; len(m) != 1 || m[0] != "aws:username" {
		t.Errorf("missing %q", m)
	}
	ran(t, "client cli simulate-custom-policy")
	sh.fails([]string{"iam", "simulate-custom-policy", "--policy-input-list", "{}", "--action-names", "s3:GetObject"}, "InvalidInput", "Policy input list item 1 has invalid content")
	ran(t, "client cli simulate-custom-policy")
	contains(t, sh.ok("iam", "get-context-keys-for-custom-policy", "--policy-input-list", group, read), "aws:username", "s3:prefix", "s3:delimiter")
	ran(t, "client cli get-context-keys-for-custom-policy")
}
