package cli

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/keywright/keywright/internal/server"
)

// The company of the AWS Security Blog's "Writing IAM policies: Grant access to
// user-specific folders in an Amazon S3 bucket".
const (
	companyBucket = "my-company"
	companyGroup  = "Employees"
	companyPolicy = "HomeFolders"
)

var companyUsers = []string{"Adele", "Bob", "David"}

//go:embed demo/home-folders.json
var homeFolders string

// companyObjects are the company's files: keys that end with "/" are the empty
// objects that show as folders.
var companyObjects = []struct{ key, content string }{
	{"root-file.txt", "Everybody sees that this file is there; only root reads it.\n"},
	{"restricted/", ""},
	{"restricted/salaries.csv", "name,salary\nAdele,4100\nBob,3900\nDavid,4000\n"},
	{"home/Adele/", ""},
	{"home/Adele/hello.txt", "Hello Adele: only you and root read this.\n"},
	{"home/Adele/plans/2026.md", "# Plans of Adele\n"},
	{"home/Bob/", ""},
	{"home/Bob/hello.txt", "Hello Bob: only you and root read this.\n"},
	{"home/Bob/invoices/0001.txt", "Invoice 0001\n"},
	{"home/David/", ""},
	{"home/David/hello.txt", "Hello David: only you and root read this.\n"},
	{"home/David/notes/todo.txt", "Try to read home/Adele/hello.txt.\n"},
}

// company makes what is missing of the company, as its account's root, through
// the operations that any client has. What is there stays as it is.
type company struct {
	endpoint, region string
	root             server.AccessKey
	iam              *iam.Client
	s3               *s3.Client
}

func newCompany(endpoint, region string, root server.AccessKey) *company {
	c := &company{endpoint: endpoint, region: region, root: root}
	config := c.config(root)
	c.iam = iam.NewFromConfig(config)
	c.s3 = s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
	return c
}

func (c *company) config(key server.AccessKey) aws.Config {
	return aws.Config{
		Region:       c.region,
		BaseEndpoint: aws.String(c.endpoint),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, nil
		}),
	}
}

// prepare makes the bucket, the files, the group and the users, and sees that
// each user has a key in p that works.
func (c *company) prepare(ctx context.Context, p *profiles) error {
	for _, step := range []func(context.Context) error{c.makeBucket, c.makeObjects, c.makeGroup} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	for _, user := range companyUsers {
		if err := c.makeUser(ctx, user, p); err != nil {
			return err
		}
	}
	return nil
}

func (c *company) makeBucket(ctx context.Context) error {
	in := &s3.CreateBucketInput{Bucket: aws.String(companyBucket)}
	if c.region != "us-east-1" {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(c.region)}
	}
	_, err := c.s3.CreateBucket(ctx, in)
	return unless(err, "BucketAlreadyOwnedByYou")
}

func (c *company) makeObjects(ctx context.Context) error {
	for _, o := range companyObjects {
		_, err := c.s3.PutObject(ctx, &s3.PutObjectInput{
			Bucket:      aws.String(companyBucket),
			Key:         aws.String(o.key),
			Body:        strings.NewReader(o.content),
			ContentType: aws.String("text/plain; charset=utf-8"),
			IfNoneMatch: aws.String("*"),
		})
		if err := unless(err, "PreconditionFailed"); err != nil {
			return fmt.Errorf("put %s: %w", o.key, err)
		}
	}
	return nil
}

func (c *company) makeGroup(ctx context.Context) error {
	_, err := c.iam.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String(companyGroup)})
	if err := unless(err, "EntityAlreadyExists"); err != nil {
		return err
	}
	// A group's own policy; one that was changed since is left as it is.
	_, err = c.iam.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: aws.String(companyGroup), PolicyName: aws.String(companyPolicy)})
	if err == nil || unless(err, "NoSuchEntity") != nil {
		return err
	}
	_, err = c.iam.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{
		GroupName: aws.String(companyGroup), PolicyName: aws.String(companyPolicy), PolicyDocument: aws.String(homeFolders),
	})
	return err
}

func (c *company) makeUser(ctx context.Context, user string, p *profiles) error {
	_, err := c.iam.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String(user)})
	if err := unless(err, "EntityAlreadyExists"); err != nil {
		return err
	}
	if _, err := c.iam.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: aws.String(companyGroup), UserName: aws.String(user)}); err != nil {
		return err
	}
	name := strings.ToLower(user)
	works, err := c.keyWorks(ctx, user, p.keys[name])
	if err != nil || works {
		return err
	}
	p.keys[name], err = c.makeKey(ctx, user)
	return err
}

// keyWorks reports whether a key is the user's, and active.
func (c *company) keyWorks(ctx context.Context, user string, key server.AccessKey) (bool, error) {
	if key.ID == "" || key.Secret == "" {
		return false, nil
	}
	who, err := sts.NewFromConfig(c.config(key)).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return false, unless(err, "InvalidClientTokenId", "InvalidAccessKeyId", "SignatureDoesNotMatch")
	}
	return strings.HasSuffix(aws.ToString(who.Arn), ":user/"+user), nil
}

// makeKey makes an access key. A user may have two: when both are taken, and
// neither is known here any more, the older one goes.
func (c *company) makeKey(ctx context.Context, user string) (server.AccessKey, error) {
	keys, err := c.iam.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: aws.String(user)})
	if err != nil {
		return server.AccessKey{}, err
	}
	if k := keys.AccessKeyMetadata; len(k) > 1 {
		older := k[0]
		if k[1].CreateDate.Before(*older.CreateDate) {
			older = k[1]
		}
		if _, err := c.iam.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: aws.String(user), AccessKeyId: older.AccessKeyId}); err != nil {
			return server.AccessKey{}, err
		}
	}
	made, err := c.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String(user)})
	if err != nil {
		return server.AccessKey{}, err
	}
	return server.AccessKey{ID: aws.ToString(made.AccessKey.AccessKeyId), Secret: aws.ToString(made.AccessKey.SecretAccessKey)}, nil
}

// unless returns err, or nil when it is one of the given codes.
func unless(err error, codes ...string) error {
	var e smithy.APIError
	if errors.As(err, &e) {
		for _, code := range codes {
			if e.ErrorCode() == code {
				return nil
			}
		}
	}
	return err
}

// introduce says where everything is and what to try.
func (c *company) introduce(w io.Writer, account string, p *profiles) error {
	aws := "AWS_CONFIG_FILE=" + quote(p.path) + " aws --profile david --endpoint-url " + c.endpoint
	_, err := fmt.Fprintf(w, `Keywright demo is ready: S3, IAM, STS and KMS at %[1]s
Account %[2]s, region %[3]s; bucket my-company; users Adele, Bob and David
Credentials of root, adele, bob and david: %[4]s

Try as David, in another terminal:

  # what is in his folder
  %[5]s s3 ls s3://my-company/home/David/

  # read a file of his
  %[5]s s3 cp s3://my-company/home/David/hello.txt -

  # Adele's folder is closed to him: the answer says why
  %[5]s s3 ls s3://my-company/home/Adele/

Ctrl-C stops it; starting it again goes on with what is there.
`, c.endpoint, account, c.region, p.path, aws)
	return err
}

// quote returns a word as a shell reads it back.
func quote(word string) string {
	if strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%", r)
	}) {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}
