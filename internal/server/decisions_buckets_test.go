package server

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/policy"
)

// bucket is a bucket as it is on the server.
type bucket struct {
	name       string
	owner      *account
	client     *s3.Client // of the owner's root
	policy     string
	bound      map[string]string // unique ids of the principals that the policy names, when it was put
	restricted bool
	ignores    bool              // IgnorePublicAcls
	acls       bool              // whether access control lists are enabled
	objects    map[string]string // their tags, as a query
	unsure     bool              // a case has changed the configuration
}

// content is that of every object.
const content = "data"

// unknown are the tags of an object that a case has changed.
const unknown = "?"

// bucketOf returns the bucket of a name that an account owns.
func (w *world) bucketOf(name string, owner *account) (*bucket, error) {
	ctx := context.Background()
	if b := w.buckets[name]; b != nil {
		if b.owner == owner {
			return b, nil
		}
		if err := w.deleteBucket(b); err != nil {
			return nil, err
		}
	}
	b := &bucket{name: name, owner: owner, client: w.s3(owner.root, nil), objects: map[string]string{}}
	if _, err := b.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}); err != nil {
		if isCode(err, "InvalidBucketName") {
			return nil, cannot("no bucket can have that name")
		}
		return nil, err
	}
	w.buckets[name] = b
	return b, b.restrict(false, false)
}

// restrict sets Block Public Access: RestrictPublicBuckets and IgnorePublicAcls.
func (b *bucket) restrict(public, ignore bool) error {
	_, err := b.client.PutPublicAccessBlock(context.Background(), &s3.PutPublicAccessBlockInput{
		Bucket: &b.name, PublicAccessBlockConfiguration: &s3types.PublicAccessBlockConfiguration{RestrictPublicBuckets: &public, IgnorePublicAcls: &ignore},
	})
	b.restricted, b.ignores = public, ignore
	return err
}

// deleteBucket deletes a bucket and what is in it.
func (w *world) deleteBucket(b *bucket) error {
	ctx := context.Background()
	if err := b.empty(); err != nil {
		return err
	}
	delete(w.buckets, b.name)
	_, err := b.client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &b.name})
	return err
}

// empty removes the policy, which may bind the root too, and all objects.
func (b *bucket) empty() error {
	ctx := context.Background()
	if err := b.removePolicy(); err != nil {
		return err
	}
	listed, err := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.name})
	if err != nil {
		return err
	}
	for _, o := range listed.Contents {
		if _, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: o.Key}); err != nil {
			return err
		}
	}
	b.objects = map[string]string{}
	return nil
}

func (b *bucket) removePolicy() error {
	if b.policy == "" && !b.unsure {
		return nil
	}
	_, err := b.client.DeleteBucketPolicy(context.Background(), &s3.DeleteBucketPolicyInput{Bucket: &b.name})
	b.policy, b.bound = "", nil
	return err
}

// configure gives the bucket a policy, "" for none, and its setting of Block
// Public Access. bound are the unique ids of those whom the policy names.
func (b *bucket) configure(document string, bound map[string]string, restricted, ignores bool) error {
	if b.restricted != restricted || b.ignores != ignores || b.unsure {
		if err := b.asRoot(func() error { return b.restrict(restricted, ignores) }); err != nil {
			return fmt.Errorf("block public access: %w", err)
		}
	}
	if document == "" {
		err := b.removePolicy()
		b.unsure = false
		return err
	}
	if b.policy == document && maps.Equal(b.bound, bound) && !b.unsure {
		return nil
	}
	_, err := b.client.PutBucketPolicy(context.Background(), &s3.PutBucketPolicyInput{Bucket: &b.name, Policy: &document})
	if err != nil {
		return refusal(err)
	}
	b.policy, b.bound, b.unsure = document, bound, false
	return nil
}

// put sees that an object is there with its tags, whatever the bucket's policy
// says of its owner's root.
func (b *bucket) put(key, tags string) error {
	if have, ok := b.objects[key]; ok && have == tags {
		return nil
	}
	return b.asRoot(func() error { return b.putNow(key, tags) })
}

// asRoot does something as the owner's root, without the bucket's policy where
// that denies it to the root too.
func (b *bucket) asRoot(do func() error) error {
	err := do()
	if !isCode(err, "AccessDenied") {
		return err
	}
	if err := b.removePolicy(); err != nil {
		return err
	}
	return do()
}

func (b *bucket) putNow(key, tags string) error {
	in := &s3.PutObjectInput{Bucket: &b.name, Key: &key, Body: strings.NewReader(content)}
	if tags != "" {
		in.Tagging = &tags
	}
	_, err := b.client.PutObject(context.Background(), in)
	if isCode(err, "InvalidTag") || isCode(err, "InvalidArgument") {
		return cannot("S3 takes no such tag or key")
	}
	if err == nil {
		b.objects[key] = tags
	}
	return err
}

// upload begins a multipart upload, as the owner's root.
func (b *bucket) upload(key string) (string, error) {
	id := ""
	err := b.asRoot(func() error {
		out, err := b.client.CreateMultipartUpload(context.Background(), &s3.CreateMultipartUploadInput{Bucket: &b.name, Key: &key})
		if err == nil {
			id = *out.UploadId
		}
		return err
	})
	return id, err
}

// asQuery writes tags as x-amz-tagging does.
func asQuery(tags map[string]string) string {
	q := url.Values{}
	for k, v := range tags {
		q.Set(k, v)
	}
	return q.Encode()
}

// bind returns the unique ids that whom a document names has now, making those
// who are not there: a policy can name nobody else of the accounts that live
// here.
func (w *world) bind(document string, named map[string]string) (map[string]string, error) {
	doc, err := policy.Parse([]byte(document))
	if err != nil {
		return nil, cannot("the API takes no such policy: %v", err)
	}
	ids := map[string]string{}
	for _, p := range doc.Principals() {
		name := p.Value.Text
		if p.Type != policy.AWS || !strings.HasPrefix(name, "arn:aws:") {
			continue
		}
		known := w.roleOfSession(name)
		if !strings.HasPrefix(known, "arn:aws:iam::") || strings.HasSuffix(known, ":root") {
			continue
		}
		if n, err := arn.Parse(known); err != nil || w.accounts[n.AccountID] == nil {
			continue
		}
		e, err := w.entityOf(known, named[name])
		if err != nil {
			return nil, err
		}
		ids[name] = e.id
	}
	return ids, nil
}

// roleOfSession returns the ARN of the role whose session an ARN is, which does
// not say the role's path, and any other ARN as it is.
func (w *world) roleOfSession(text string) string {
	rest, ok := strings.CutPrefix(text, "arn:aws:sts::")
	id, session, assumed := strings.Cut(rest, ":assumed-role/")
	if !ok || !assumed {
		return text
	}
	role, _, _ := strings.Cut(session, "/")
	if a := w.accounts[id]; a != nil && a.roles[strings.ToLower(role)] != nil {
		return a.roles[strings.ToLower(role)].arn()
	}
	return "arn:aws:iam::" + id + ":role/" + role
}
