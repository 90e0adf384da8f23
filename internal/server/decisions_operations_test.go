package server

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/keywright/keywright/facts"
)

// operation is an operation that needs just one action, of the same name unless
// said otherwise.
type operation struct {
	action  string
	address func(w *world, a *attempt) error // finds what it acts on in the case's resource
	prepare func(w *world, a *attempt) error // makes that, with its resource-based policy
	run     func(w *world, a *attempt) error // sends the request
	after   func(w *world, a *attempt)       // notes what it has changed
	also    func(a *attempt) []string        // further actions that it needs, once this one is allowed
	first   []string                         // actions that it needs before this one
	answers []string                         // codes of errors that only who is allowed can get
}

// findOperation returns an operation that needs an action, of those that are
// known.
func findOperation(action string, operations ...map[string]operation) (*operation, error) {
	known, ok := facts.LookupAction(action)
	if !ok {
		return nil, cannot("no operation here needs such an action")
	}
	for _, of := range operations {
		if op, ok := of[known.Name]; ok {
			op.action = known.Name
			return &op, nil
		}
	}
	return nil, cannot("the server has no operation that needs %s", known.Name)
}

// needing adds what else an operation needs.
func (o operation) needing(also func(*attempt) []string) operation {
	o.also = also
	return o
}

// behind adds what an operation needs before.
func (o operation) behind(first ...string) operation {
	o.first = first
	return o
}

// nullVersion is the version of an object that was put without versioning.
var nullVersion = "null"

var operations = map[string]operation{
	"s3:ListAllMyBuckets": {address: onEverything, run: func(w *world, a *attempt) error {
		_, err := w.s3(a.creds, a.brought).ListBuckets(context.Background(), &s3.ListBucketsInput{})
		return err
	}},

	"s3:ListBucket": onBucket(func(c *s3.Client, a *attempt) error {
		_, err := c.ListObjectsV2(context.Background(), &s3.ListObjectsV2Input{Bucket: &a.bucket.name})
		return err
	}),
	"s3:ListBucketVersions": onBucket(func(c *s3.Client, a *attempt) error {
		_, err := c.ListObjectVersions(context.Background(), &s3.ListObjectVersionsInput{Bucket: &a.bucket.name})
		return err
	}),
	"s3:ListBucketMultipartUploads": onBucket(func(c *s3.Client, a *attempt) error {
		_, err := c.ListMultipartUploads(context.Background(), &s3.ListMultipartUploadsInput{Bucket: &a.bucket.name})
		return err
	}),
	"s3:GetBucketLocation": onBucket(func(c *s3.Client, a *attempt) error {
		_, err := c.GetBucketLocation(context.Background(), &s3.GetBucketLocationInput{Bucket: &a.bucket.name})
		return err
	}),
	"s3:GetBucketVersioning": onBucket(func(c *s3.Client, a *attempt) error {
		_, err := c.GetBucketVersioning(context.Background(), &s3.GetBucketVersioningInput{Bucket: &a.bucket.name})
		return err
	}),
	"s3:GetBucketAcl": onBucket(func(c *s3.Client, a *attempt) error {
		_, err := c.GetBucketAcl(context.Background(), &s3.GetBucketAclInput{Bucket: &a.bucket.name})
		return err
	}),
	"s3:PutBucketAcl": onBucket(func(c *s3.Client, a *attempt) error {
		in := &s3.PutBucketAclInput{Bucket: &a.bucket.name}
		if !a.bringsACL() {
			in.AccessControlPolicy = a.ownACL()
		}
		_, err := c.PutBucketAcl(context.Background(), in)
		return err
	}, "AccessControlListNotSupported"),
	"s3:GetBucketOwnershipControls": onBucket(func(c *s3.Client, a *attempt) error {
		_, err := c.GetBucketOwnershipControls(context.Background(), &s3.GetBucketOwnershipControlsInput{Bucket: &a.bucket.name})
		return err
	}),
	"s3:GetBucketPolicyStatus": onBucket(func(c *s3.Client, a *attempt) error {
		_, err := c.GetBucketPolicyStatus(context.Background(), &s3.GetBucketPolicyStatusInput{Bucket: &a.bucket.name})
		return err
	}, "NoSuchBucketPolicy"),
	"s3:GetBucketPolicy": onBucket(func(c *s3.Client, a *attempt) error {
		_, err := c.GetBucketPolicy(context.Background(), &s3.GetBucketPolicyInput{Bucket: &a.bucket.name})
		return err
	}, "NoSuchBucketPolicy", "MethodNotAllowed"),
	"s3:PutBucketPolicy": changingBucket(func(c *s3.Client, a *attempt) error {
		document := a.bucketPolicy
		if document == "" {
			document = strings.ReplaceAll(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"s3:PutBucketTagging","Resource":"arn:aws:s3:::NAME"}}`, "NAME", a.bucket.name)
		}
		_, err := c.PutBucketPolicy(context.Background(), &s3.PutBucketPolicyInput{Bucket: &a.bucket.name, Policy: &document})
		return err
	}, "MethodNotAllowed"),
	"s3:DeleteBucketPolicy": changingBucket(func(c *s3.Client, a *attempt) error {
		_, err := c.DeleteBucketPolicy(context.Background(), &s3.DeleteBucketPolicyInput{Bucket: &a.bucket.name})
		return err
	}, "MethodNotAllowed"),
	"s3:GetBucketPublicAccessBlock": onBucket(func(c *s3.Client, a *attempt) error {
		_, err := c.GetPublicAccessBlock(context.Background(), &s3.GetPublicAccessBlockInput{Bucket: &a.bucket.name})
		return err
	}),
	"s3:PutBucketPublicAccessBlock": changingBucket(func(c *s3.Client, a *attempt) error {
		_, err := c.PutPublicAccessBlock(context.Background(), &s3.PutPublicAccessBlockInput{
			Bucket: &a.bucket.name, PublicAccessBlockConfiguration: &s3types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true)},
		})
		return err
	}),
	"s3:CreateBucket": {address: onNoBucket, run: func(w *world, a *attempt) error {
		name, _, _ := s3Address(a)
		in := &s3.CreateBucketInput{Bucket: &name}
		if l := a.brought.location; l != "" {
			in.CreateBucketConfiguration = &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(l)}
		}
		_, err := w.s3(a.creds, a.brought).CreateBucket(context.Background(), in)
		return err
	}, after: func(w *world, a *attempt) {
		name, _, _ := s3Address(a)
		owner := w.accounts[a.principal.AccountID]
		w.buckets[name] = &bucket{name: name, owner: owner, client: w.s3(owner.root, nil), objects: map[string]string{}, unsure: true}
	}, answers: []string{"IllegalLocationConstraintException"}},
	"s3:DeleteBucket": {address: onABucket, prepare: emptyBucket, run: func(w *world, a *attempt) error {
		_, err := w.s3(a.creds, a.brought).DeleteBucket(context.Background(), &s3.DeleteBucketInput{Bucket: &a.bucket.name})
		return err
	}, after: func(w *world, a *attempt) { delete(w.buckets, a.bucket.name) }},

	"s3:GetObject": onObject(func(c *s3.Client, a *attempt) error {
		out, err := c.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &a.bucket.name, Key: &a.key})
		if err == nil {
			err = out.Body.Close()
		}
		return err
	}),
	"s3:PutObject": changingObject(func(c *s3.Client, a *attempt) error {
		in := &s3.PutObjectInput{Bucket: &a.bucket.name, Key: &a.key, Body: strings.NewReader(content)}
		if a.brought.content != nil {
			in.Body = strings.NewReader(*a.brought.content)
		}
		if a.brought.tagged {
			in.Tagging = aws.String(asQuery(a.brought.requestTags))
		}
		if a.brought.part {
			_, err := c.CreateMultipartUpload(context.Background(), &s3.CreateMultipartUploadInput{Bucket: in.Bucket, Key: in.Key, Tagging: in.Tagging})
			return err
		}
		_, err := c.PutObject(context.Background(), in)
		return err
	}, "AccessControlListNotSupported", "PreconditionFailed").needing(func(a *attempt) (more []string) {
		if a.bringsACL() {
			more = append(more, "s3:PutObjectAcl")
		}
		if a.brought.tagged {
			more = append(more, "s3:PutObjectTagging")
		}
		return more
	}),
	"s3:DeleteObject": changingObject(func(c *s3.Client, a *attempt) error {
		_, err := c.DeleteObject(context.Background(), &s3.DeleteObjectInput{Bucket: &a.bucket.name, Key: &a.key})
		return err
	}, "PreconditionFailed"),
	"s3:GetObjectAttributes": onObject(func(c *s3.Client, a *attempt) error {
		_, err := c.GetObjectAttributes(context.Background(), &s3.GetObjectAttributesInput{
			Bucket: &a.bucket.name, Key: &a.key, ObjectAttributes: []s3types.ObjectAttributes{s3types.ObjectAttributesEtag},
		})
		return err
	}).behind("s3:GetObject"),
	"s3:GetObjectVersion": onObject(func(c *s3.Client, a *attempt) error {
		out, err := c.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &a.bucket.name, Key: &a.key, VersionId: &nullVersion})
		if err == nil {
			err = out.Body.Close()
		}
		return err
	}),
	"s3:DeleteObjectVersion": changingObject(func(c *s3.Client, a *attempt) error {
		_, err := c.DeleteObject(context.Background(), &s3.DeleteObjectInput{Bucket: &a.bucket.name, Key: &a.key, VersionId: &nullVersion})
		return err
	}),
	"s3:GetObjectVersionAcl": onObject(func(c *s3.Client, a *attempt) error {
		_, err := c.GetObjectAcl(context.Background(), &s3.GetObjectAclInput{Bucket: &a.bucket.name, Key: &a.key, VersionId: &nullVersion})
		return err
	}),
	"s3:PutObjectVersionAcl": onObject(func(c *s3.Client, a *attempt) error {
		in := &s3.PutObjectAclInput{Bucket: &a.bucket.name, Key: &a.key, VersionId: &nullVersion}
		if !a.bringsACL() {
			in.AccessControlPolicy = a.ownACL()
		}
		_, err := c.PutObjectAcl(context.Background(), in)
		return err
	}, "AccessControlListNotSupported"),
	"s3:GetObjectVersionTagging": onObject(func(c *s3.Client, a *attempt) error {
		_, err := c.GetObjectTagging(context.Background(), &s3.GetObjectTaggingInput{Bucket: &a.bucket.name, Key: &a.key, VersionId: &nullVersion})
		return err
	}),
	"s3:DeleteObjectVersionTagging": changingObject(func(c *s3.Client, a *attempt) error {
		_, err := c.DeleteObjectTagging(context.Background(), &s3.DeleteObjectTaggingInput{Bucket: &a.bucket.name, Key: &a.key, VersionId: &nullVersion})
		return err
	}),
	"s3:GetObjectAcl": onObject(func(c *s3.Client, a *attempt) error {
		_, err := c.GetObjectAcl(context.Background(), &s3.GetObjectAclInput{Bucket: &a.bucket.name, Key: &a.key})
		return err
	}),
	"s3:PutObjectAcl": onObject(func(c *s3.Client, a *attempt) error {
		in := &s3.PutObjectAclInput{Bucket: &a.bucket.name, Key: &a.key}
		if !a.bringsACL() {
			in.AccessControlPolicy = a.ownACL()
		}
		_, err := c.PutObjectAcl(context.Background(), in)
		return err
	}, "AccessControlListNotSupported"),
	"s3:GetObjectTagging": onObject(func(c *s3.Client, a *attempt) error {
		_, err := c.GetObjectTagging(context.Background(), &s3.GetObjectTaggingInput{Bucket: &a.bucket.name, Key: &a.key})
		return err
	}),
	"s3:PutObjectTagging": changingObject(func(c *s3.Client, a *attempt) error {
		tags := []s3types.Tag{}
		for _, k := range sortedKeys(a.brought.requestTags) {
			tags = append(tags, s3types.Tag{Key: aws.String(k), Value: aws.String(a.brought.requestTags[k])})
		}
		_, err := c.PutObjectTagging(context.Background(), &s3.PutObjectTaggingInput{Bucket: &a.bucket.name, Key: &a.key, Tagging: &s3types.Tagging{TagSet: tags}})
		return err
	}),
	"s3:DeleteObjectTagging": changingObject(func(c *s3.Client, a *attempt) error {
		_, err := c.DeleteObjectTagging(context.Background(), &s3.DeleteObjectTaggingInput{Bucket: &a.bucket.name, Key: &a.key})
		return err
	}),
	"s3:AbortMultipartUpload": onUpload(func(c *s3.Client, a *attempt, id string) error {
		_, err := c.AbortMultipartUpload(context.Background(), &s3.AbortMultipartUploadInput{Bucket: &a.bucket.name, Key: &a.key, UploadId: &id})
		return err
	}),
	"s3:ListMultipartUploadParts": onUpload(func(c *s3.Client, a *attempt, id string) error {
		_, err := c.ListParts(context.Background(), &s3.ListPartsInput{Bucket: &a.bucket.name, Key: &a.key, UploadId: &id})
		return err
	}),

	"sts:AssumeRole": onRole().needing(func(a *attempt) (more []string) {
		if a.brought.tagged {
			more = append(more, "sts:TagSession")
		}
		if a.brought.identity != "" {
			more = append(more, "sts:SetSourceIdentity")
		}
		return more
	}),
	"sts:GetFederationToken": onFederatedUser().needing(func(a *attempt) (more []string) {
		if a.brought.tagged {
			more = append(more, "sts:TagSession")
		}
		return more
	}),
	"sts:TagSession": onRole().needing(func(a *attempt) (more []string) {
		if a.brought.identity != "" {
			more = append(more, "sts:SetSourceIdentity")
		}
		return more
	}).behind("sts:AssumeRole"),
	"sts:SetSourceIdentity": onRole().needing(func(a *attempt) (more []string) {
		if a.brought.tagged {
			more = append(more, "sts:TagSession")
		}
		return more
	}).behind("sts:AssumeRole"),
}
