package conformance

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestPublicBucket opens a bucket to everyone, which Block Public Access
// prevents unless its owner switches it off.
func TestPublicBucket(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	root := s.S3(s.Root)
	put(t, root, bucket, "page", "hello")
	public := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + bucket + `/*"}]}`
	open := &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &public}
	_, err := root.PutBucketPolicy(t.Context(), open)
	contains(t, fault(t, "a public policy", err, 403, "AccessDenied"), "because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access")
	ran(t, "PS-09")

	anonymous := &caller{bucket: bucket, client: s.S3(aws.Credentials{})}
	check := func(rows ...string) {
		t.Helper()
		for _, r := range inline(t, rows...) {
			anonymous.check(t, r)
		}
	}
	block := func(restrict bool) {
		t.Helper()
		must(t)(root.PutPublicAccessBlock(t.Context(), &s3.PutPublicAccessBlockInput{Bucket: &bucket, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: aws.Bool(true), IgnorePublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(false), RestrictPublicBuckets: &restrict}}))
	}
	check(`PS-09 | - | GetObject key="page" | deny`)
	block(false)
	must(t)(root.PutBucketPolicy(t.Context(), open))
	status, err := root.GetBucketPolicyStatus(t.Context(), &s3.GetBucketPolicyStatusInput{Bucket: &bucket})
	must(t)(err)
	if !aws.ToBool(status.PolicyStatus.IsPublic) {
		t.Error("the policy is not called public")
	}
	check(
		`PS-09 | - | GetObject+HeadObject key="page" | allow`,
		`PS-09 | - | GetObject key="none" | deny`,
		`PS-09 | - | ListObjectsV2 | deny`,
		`PS-09 | - | PutObject key="page" body="defaced" | deny`,
		`PS-09 | - | DeleteObject key="page" | deny`)
	block(true)
	check(`PS-09 | - | GetObject key="page" | deny`)
	block(false)
	check(`PS-09 | - | GetObject key="page" | allow`)
	must(t)(root.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: &bucket}))
	check(`PS-09 | - | GetObject key="page" | deny`)
}
