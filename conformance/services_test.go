package conformance

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/keywright/keywright/conformance/harness"
)

// TestServiceAccountWithTwoActions makes the guide's user with the AWS CLI, as
// its reader would, and checks what the key can do.
func TestServiceAccountWithTwoActions(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	bucket := newBucket(t, s)
	put(t, s.S3(s.Root), bucket, "secret/y", "y")
	policy := strings.ReplaceAll(document(t, "policies/two-actions.json"), "my-bucket", bucket)
	arn, err := s.NewPolicy(t.Context(), "service-two-actions", policy)
	must(t)(err)
	creds := newUser(t, s, "service")
	must(t)(s.IAM(s.Root).AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: aws.String("service"), PolicyArn: &arn}))
	account, err := s.Account(t.Context())
	must(t)(err)
	service := &caller{arn: "arn:aws:iam::" + account + ":user/service", bucket: bucket, client: s.S3(creds)}
	for _, r := range table(t, "cl.txt") {
		service.check(t, r)
	}
}

// TestMigration checks the two policies of a migration.
func TestMigration(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	bucket := newBucket(t, s)
	put(t, s.S3(s.Root), bucket, "seed", "seed")
	account, err := s.Account(t.Context())
	must(t)(err)
	callers := map[string]*caller{}
	for _, name := range []string{"source", "destination"} {
		policy := strings.ReplaceAll(document(t, "policies/migration-"+name+".json"), "arn:aws:s3:::migration", "arn:aws:s3:::"+bucket)
		creds := newUser(t, s, "migration-"+name, policy)
		callers[name] = &caller{arn: "arn:aws:iam::" + account + ":user/migration-" + name, bucket: bucket, client: s.S3(creds)}
	}
	for _, r := range table(t, "cn.txt") {
		callers[r.who].check(t, r)
	}
}

// TestVendorRole lets a vendor in by a role that requires an external id.
func TestVendorRole(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	bucket := newBucket(t, s)
	account, err := s.Account(t.Context())
	must(t)(err)
	vendor, stranger := newUser(t, s, "vendor"), newUser(t, s, "stranger")
	const externalID = "keywright:4b1c/9f3a=test"
	sh := newShell(t, s, s.Root)
	sh.write("trust.json", document(t, "policies/vendor-trust.json",
		"${vendor}", "arn:aws:iam::"+account+":user/vendor", "${externalId}", externalID))
	sh.write("put.json", document(t, "policies/vendor-put.json", "${bucket}", bucket))
	sh.ok("iam", "create-policy", "--policy-name", "Vendor_S3_Access", "--policy-document", "file://put.json")
	contains(t, sh.ok("iam", "create-role", "--role-name", "Vendor_S3_Access_Role", "--assume-role-policy-document", "file://trust.json"), "AROA")
	sh.ok("iam", "attach-role-policy", "--role-name", "Vendor_S3_Access_Role", "--policy-arn", "arn:aws:iam::"+account+":policy/Vendor_S3_Access")
	ran(t, "SQ-07")

	role := "arn:aws:iam::" + account + ":role/Vendor_S3_Access_Role"
	assume := func(creds aws.Credentials, id *string) (*sts.AssumeRoleOutput, error) {
		return s.STS(creds).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("export"), ExternalId: id})
	}
	refused := func(creds aws.Credentials, name string, id *string) {
		t.Helper()
		_, err := assume(creds, id)
		if err == nil {
			t.Errorf("%s assumed the role with the external id %v", name, aws.ToString(id))
			return
		}
		want := "User: arn:aws:iam::" + account + ":user/" + name + " is not authorized to perform: sts:AssumeRole on resource: " + role
		if status, code, message := answer(err); status != 403 || code != "AccessDenied" || !strings.HasPrefix(message, want) {
			t.Errorf("%d %s: %s\nwant 403 AccessDenied: %s", status, code, message, want)
		}
		ran(t, "SQ-12")
	}
	refused(vendor, "vendor", nil)
	refused(vendor, "vendor", aws.String("keywright:another"))
	refused(vendor, "vendor", aws.String(strings.ToUpper(externalID)))
	refused(vendor, "vendor", aws.String(externalID+"x"))
	refused(stranger, "stranger", aws.String(externalID))
	refused(stranger, "stranger", nil)

	out, err := assume(vendor, aws.String(externalID))
	must(t)(err)
	ran(t, "SQ-12")
	session := &caller{
		arn:    "arn:aws:sts::" + account + ":assumed-role/Vendor_S3_Access_Role/export",
		bucket: bucket, client: s.S3(s.Session(out.Credentials)),
	}
	if got := aws.ToString(out.AssumedRoleUser.Arn); got != session.arn {
		t.Errorf("the session is %s, want %s", got, session.arn)
	}
	for _, r := range inline(t,
		`SQ-17 | - | PutObject key="export/1" body="1" | allow`,
		`SQ-17 | - | GetObject key="export/1" | deny s3:GetObject export/1`,
		`SQ-17 | - | ListObjectsV2 | deny s3:ListBucket`,
		`SQ-17 | - | DeleteObject key="export/1" | deny s3:DeleteObject export/1`,
		`SQ-17 | - | ListBuckets | deny s3:ListAllMyBuckets`) {
		session.check(t, r)
	}

	// The same with the CLI.
	var assumed struct{ Credentials types.Credentials }
	cli := newShell(t, s, vendor)
	must(t)(json.Unmarshal([]byte(cli.ok("sts", "assume-role", "--role-arn", role, "--role-session-name", "export", "--external-id", externalID)), &assumed))
	cli.fails([]string{"sts", "assume-role", "--role-arn", role, "--role-session-name", "export"}, "AccessDenied", "sts:AssumeRole on resource: "+role)
	exporter := newShell(t, s, s.Session(&assumed.Credentials))
	exporter.write("2", "2")
	exporter.ok("s3", "cp", "2", "s3://"+bucket+"/export/2")
	exporter.fails([]string{"s3", "ls", "s3://" + bucket}, "AccessDenied", session.arn)
	ran(t, "SQ-12")
}

// TestSessionPolicy narrows a session below what its role may do.
func TestSessionPolicy(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	bucket := newBucket(t, s)
	account, err := s.Account(t.Context())
	must(t)(err)
	user := newUser(t, s, "narrowed")
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:user/narrowed"},"Action":"sts:AssumeRole"}]}`
	role, err := s.NewRole(t.Context(), "wide", trust, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)
	must(t)(err)
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:PutObject","iam:*"],"Resource":"*"}]}`
	out, err := s.STS(user).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session"), Policy: &policy, DurationSeconds: aws.Int32(900)})
	must(t)(err)
	session := s.Session(out.Credentials)
	c := &caller{arn: "arn:aws:sts::" + account + ":assumed-role/wide/session", bucket: bucket, client: s.S3(session)}
	for _, r := range inline(t,
		`SQ-17 | - | PutObject key="a" body="a" | allow`,
		`SQ-17 | - | GetObject key="a" | deny s3:GetObject a -- because no session policy allows the s3:GetObject action`,
		`SQ-17 | - | DeleteObject key="a" | deny s3:DeleteObject a -- because no session policy allows the s3:DeleteObject action`) {
		c.check(t, r)
	}
	if _, err := s.IAM(session).ListUsers(t.Context(), &iam.ListUsersInput{}); err == nil {
		t.Error("a session policy gave what the role does not have")
	}
	identity, err := s.STS(session).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	must(t)(err)
	if aws.ToString(identity.Arn) != c.arn {
		t.Errorf("the caller is %s, want %s", aws.ToString(identity.Arn), c.arn)
	}
	ran(t, "client session")

	url, err := s3.NewPresignClient(s.S3(session)).PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("presigned")}, func(o *s3.PresignOptions) {
		o.ClientOptions = append(o.ClientOptions, func(o *s3.Options) { o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired })
	})
	must(t)(err)
	if reply := fetch(t, s, url.Method, url.URL, "x"); reply.Status != 200 || !strings.Contains(url.URL, "X-Amz-Security-Token=") {
		t.Errorf("presigned by a session: %d %s", reply.Status, reply.Body)
	}
	ran(t, "client session")

	// A token belongs to its key, and both to whom they were given.
	other := newUser(t, s, "narrowed-other")
	for name, creds := range map[string]aws.Credentials{
		"no token":      {AccessKeyID: session.AccessKeyID, SecretAccessKey: session.SecretAccessKey},
		"cut token":     {AccessKeyID: session.AccessKeyID, SecretAccessKey: session.SecretAccessKey, SessionToken: session.SessionToken[:len(session.SessionToken)-4]},
		"foreign key":   {AccessKeyID: other.AccessKeyID, SecretAccessKey: other.SecretAccessKey, SessionToken: session.SessionToken},
		"invented":      {AccessKeyID: session.AccessKeyID, SecretAccessKey: session.SecretAccessKey, SessionToken: "FwoGZXIvYXdzEXAMPLE"},
		"wrong secret":  {AccessKeyID: session.AccessKeyID, SecretAccessKey: other.SecretAccessKey, SessionToken: session.SessionToken},
		"made-up ASIA":  {AccessKeyID: "ASIAEXAMPLEEXAMPLE12", SecretAccessKey: session.SecretAccessKey, SessionToken: session.SessionToken},
		"unknown token": {AccessKeyID: session.AccessKeyID, SecretAccessKey: session.SecretAccessKey, SessionToken: strings.Repeat("A", 400)},
	} {
		_, err := s.S3(creds).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("b"), Body: strings.NewReader("b")})
		if err == nil {
			t.Errorf("%s: allowed", name)
			continue
		}
		status, code, _ := answer(err)
		if status != 400 && status != 403 || code == "AccessDenied" {
			t.Errorf("%s: %d %s", name, status, code)
		}
		ran(t, "client session")
	}
}

// TestBoundaryLimits shows that a permissions boundary takes away and never gives.
func TestBoundaryLimits(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	bucket := newBucket(t, s)
	account, err := s.Account(t.Context())
	must(t)(err)
	user := newUser(t, s, "bounded", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:PutObject","s3:GetObject"],"Resource":"*"}]}`)
	boundary, err := s.NewPolicy(t.Context(), "boundary", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:PutObject","s3:DeleteObject"],"Resource":"*"}]}`)
	must(t)(err)
	must(t)(s.IAM(s.Root).PutUserPermissionsBoundary(t.Context(), &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("bounded"), PermissionsBoundary: &boundary}))
	c := &caller{arn: "arn:aws:iam::" + account + ":user/bounded", bucket: bucket, client: s.S3(user)}
	for _, r := range inline(t,
		`CL-08 | - | PutObject key="a" body="a" | allow`,
		`CL-08 | - | GetObject key="a" | deny s3:GetObject a -- because no permissions boundary allows the s3:GetObject action`,
		`CL-08 | - | DeleteObject key="a" | deny s3:DeleteObject a`) {
		c.check(t, r)
	}
}
