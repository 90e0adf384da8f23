package harness

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// Account returns the id of the server's account, as GetCallerIdentity says it.
func (s *Server) Account(ctx context.Context) (string, error) {
	out, err := s.STS(s.Root).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Account), nil
}

// NewUser makes a user with the inline policies given and an access key, and
// returns the key. The server's search for secrets knows of it.
func (s *Server) NewUser(ctx context.Context, name string, policies ...string) (aws.Credentials, error) {
	client := s.IAM(s.Root)
	if _, err := client.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}); err != nil {
		return aws.Credentials{}, err
	}
	for i, p := range policies {
		if err := s.PutUserPolicy(ctx, name, fmt.Sprintf("inline-%d", i), p); err != nil {
			return aws.Credentials{}, err
		}
	}
	return s.NewKey(ctx, name)
}

// NewKey makes another access key of a user.
func (s *Server) NewKey(ctx context.Context, user string) (aws.Credentials, error) {
	key, err := s.IAM(s.Root).CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &user})
	if err != nil {
		return aws.Credentials{}, err
	}
	s.Secrets.Add(aws.ToString(key.AccessKey.SecretAccessKey))
	return aws.Credentials{
		AccessKeyID:     aws.ToString(key.AccessKey.AccessKeyId),
		SecretAccessKey: aws.ToString(key.AccessKey.SecretAccessKey),
	}, nil
}

// PutUserPolicy puts one inline policy of a user.
func (s *Server) PutUserPolicy(ctx context.Context, user, name, document string) error {
	_, err := s.IAM(s.Root).PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &user, PolicyName: &name, PolicyDocument: &document})
	return err
}

// NewPolicy makes a managed policy and returns its ARN.
func (s *Server) NewPolicy(ctx context.Context, name, document string) (string, error) {
	out, err := s.IAM(s.Root).CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: &document})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Policy.Arn), nil
}

// NewRole makes a role with a trust policy and the inline policies given, and
// returns its ARN.
func (s *Server) NewRole(ctx context.Context, name, trust string, policies ...string) (string, error) {
	client := s.IAM(s.Root)
	role, err := client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	if err != nil {
		return "", err
	}
	for i, p := range policies {
		in := &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String(fmt.Sprintf("inline-%d", i)), PolicyDocument: &p}
		if _, err := client.PutRolePolicy(ctx, in); err != nil {
			return "", err
		}
	}
	return aws.ToString(role.Role.Arn), nil
}

// Session keeps temporary credentials as the SDK wants them, and has the
// server's search for secrets know of them.
func (s *Server) Session(c *types.Credentials) aws.Credentials {
	s.Secrets.Add(aws.ToString(c.SecretAccessKey), aws.ToString(c.SessionToken))
	return aws.Credentials{
		AccessKeyID:     aws.ToString(c.AccessKeyId),
		SecretAccessKey: aws.ToString(c.SecretAccessKey),
		SessionToken:    aws.ToString(c.SessionToken),
	}
}
