package conformance

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// steps are what a client of TestLoad does, and how often compared with the
// others.
var steps = []struct {
	name   string
	weight int
	do     func(*loader) error
}{
	{"put", 20, (*loader).put},
	{"get", 20, (*loader).get},
	{"range", 10, (*loader).getRange},
	{"head", 10, (*loader).head},
	{"multipart", 2, (*loader).multipart},
	{"abort", 2, (*loader).abort},
	{"copy", 6, (*loader).copyObject},
	{"list", 6, (*loader).list},
	{"list versions", 4, (*loader).listVersions},
	{"get version", 6, (*loader).getVersion},
	{"delete", 5, (*loader).deleteKey},
	{"delete version", 6, (*loader).deleteVersion},
	{"delete many", 3, (*loader).deleteMany},
	{"tags", 5, (*loader).tags},
	{"bucket policy", 3, (*loader).bucketPolicy},
	{"user policy", 3, (*loader).userPolicy},
	{"managed policy", 2, (*loader).managedPolicy},
	{"user", 2, (*loader).otherUser},
	{"assume role", 3, (*loader).assumeRole},
	{"configuration", 2, (*loader).configuration},
	{"shared", 10, (*loader).shared},
	{"race", 4, (*loader).race},
}

func (c *loader) put() error {
	key, v := c.next()
	out, err := c.s3.PutObject(c.ctx, &s3.PutObjectInput{Bucket: &c.bucket, Key: &key, Body: bytes.NewReader(contentOf(v.name, v.size)), Metadata: map[string]string{"name": v.name}})
	if err != nil {
		return err
	}
	return c.add(key, v, out.VersionId)
}

// add remembers a version that was made.
func (c *loader) add(key string, v stored, id *string) error {
	v.id = aws.ToString(id)
	if v.id == "" {
		return fmt.Errorf("%s was put without an id of its version", key)
	}
	c.versions[key] = append(c.versions[key], v)
	return nil
}

func (c *loader) get() error {
	key, v, err := c.any()
	if err != nil {
		return err
	}
	out, err := c.s3.GetObject(c.ctx, &s3.GetObjectInput{Bucket: &c.bucket, Key: &key})
	if err != nil {
		return err
	}
	if id := aws.ToString(out.VersionId); id != v.id {
		return fmt.Errorf("%s is version %s, want %s", key, id, v.id)
	}
	return v.same(out.Body, 0, v.size)
}

func (c *loader) getRange() error {
	key, v, err := c.any()
	if err != nil || v.size == 0 {
		return err
	}
	from := c.random.Int64N(v.size)
	length := 1 + c.random.Int64N(v.size-from)
	out, err := c.s3.GetObject(c.ctx, &s3.GetObjectInput{Bucket: &c.bucket, Key: &key, Range: aws.String(fmt.Sprintf("bytes=%d-%d", from, from+length-1))})
	if err != nil {
		return err
	}
	return v.same(out.Body, from, length)
}

func (c *loader) head() error {
	key, v, err := c.any()
	if err != nil {
		return err
	}
	out, err := c.s3.HeadObject(c.ctx, &s3.HeadObjectInput{Bucket: &c.bucket, Key: &key})
	if err != nil {
		return err
	}
	if aws.ToInt64(out.ContentLength) != v.size || out.Metadata["name"] != v.name {
		return fmt.Errorf("%s has %d bytes of %q, want %d of %q", key, aws.ToInt64(out.ContentLength), out.Metadata["name"], v.size, v.name)
	}
	return nil
}

func (c *loader) multipart() error {
	key, v := c.next()
	v.size = 5<<20 + 1000
	content := contentOf(v.name, v.size)
	upload, err := c.s3.CreateMultipartUpload(c.ctx, &s3.CreateMultipartUploadInput{Bucket: &c.bucket, Key: &key, Metadata: map[string]string{"name": v.name}})
	if err != nil {
		return err
	}
	var parts []types.CompletedPart
	for chunk := range slices.Chunk(content, 5<<20) {
		number := int32(len(parts) + 1)
		part, err := c.s3.UploadPart(c.ctx, &s3.UploadPartInput{Bucket: &c.bucket, Key: &key, UploadId: upload.UploadId, PartNumber: &number, Body: bytes.NewReader(chunk)})
		if err != nil {
			return err
		}
		parts = append(parts, types.CompletedPart{PartNumber: &number, ETag: part.ETag})
	}
	listed, err := c.s3.ListParts(c.ctx, &s3.ListPartsInput{Bucket: &c.bucket, Key: &key, UploadId: upload.UploadId})
	if err != nil || len(listed.Parts) != len(parts) {
		return fmt.Errorf("%d parts are listed: %w", len(listed.Parts), err)
	}
	out, err := c.s3.CompleteMultipartUpload(c.ctx, &s3.CompleteMultipartUploadInput{Bucket: &c.bucket, Key: &key, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	if err != nil {
		return err
	}
	return c.add(key, v, out.VersionId)
}

func (c *loader) abort() error {
	key, v := c.next()
	upload, err := c.s3.CreateMultipartUpload(c.ctx, &s3.CreateMultipartUploadInput{Bucket: &c.bucket, Key: &key})
	if err != nil {
		return err
	}
	part := &s3.UploadPartInput{Bucket: &c.bucket, Key: &key, UploadId: upload.UploadId, PartNumber: aws.Int32(1), Body: bytes.NewReader(contentOf(v.name, v.size))}
	if _, err := c.s3.UploadPart(c.ctx, part); err != nil {
		return err
	}
	uploads, err := c.s3.ListMultipartUploads(c.ctx, &s3.ListMultipartUploadsInput{Bucket: &c.bucket})
	if err != nil || len(uploads.Uploads) != 1 {
		return fmt.Errorf("want one upload: %v %w", uploads, err)
	}
	if _, err := c.s3.AbortMultipartUpload(c.ctx, &s3.AbortMultipartUploadInput{Bucket: &c.bucket, Key: &key, UploadId: upload.UploadId}); err != nil {
		return err
	}
	part.Body = strings.NewReader("late")
	_, err = c.s3.UploadPart(c.ctx, part)
	return isFault(err, "NoSuchUpload")
}

func (c *loader) copyObject() error {
	from, v, err := c.any()
	if err != nil {
		return err
	}
	to, _ := c.next()
	out, err := c.s3.CopyObject(c.ctx, &s3.CopyObjectInput{
		Bucket: &c.bucket, Key: &to, CopySource: aws.String(c.bucket + "/" + url.PathEscape(from)),
		MetadataDirective: types.MetadataDirectiveReplace, Metadata: map[string]string{"name": v.name},
	})
	if err != nil {
		return err
	}
	return c.add(to, v, out.VersionId)
}

// list lists the bucket in small pages, with or without a delimiter.
func (c *loader) list() error {
	var want []string
	for key := range c.versions {
		if _, ok := c.latest(key); ok {
			want = append(want, key)
		}
	}
	in := &s3.ListObjectsV2Input{Bucket: &c.bucket, MaxKeys: aws.Int32(1 + c.random.Int32N(5))}
	if c.random.IntN(2) == 0 {
		in.Delimiter = aws.String("/")
		for i, key := range want {
			want[i] = key[:strings.Index(key, "/")+1]
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	var got []string
	for pages := s3.NewListObjectsV2Paginator(c.s3, in); pages.HasMorePages(); {
		page, err := pages.NextPage(c.ctx)
		if err != nil {
			return err
		}
		for _, o := range page.Contents {
			got = append(got, *o.Key)
		}
		for _, p := range page.CommonPrefixes {
			got = append(got, *p.Prefix)
		}
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("listed %v, want %v", got, want)
	}
	return nil
}

func (c *loader) listVersions() error {
	got := map[string][]string{}
	n := 0
	for pages := s3.NewListObjectVersionsPaginator(c.s3, &s3.ListObjectVersionsInput{Bucket: &c.bucket, MaxKeys: aws.Int32(7)}); pages.HasMorePages(); {
		page, err := pages.NextPage(c.ctx)
		if err != nil {
			return err
		}
		for _, v := range page.Versions {
			got[*v.Key] = append(got[*v.Key], *v.VersionId)
		}
		for _, m := range page.DeleteMarkers {
			got[*m.Key] = append(got[*m.Key], *m.VersionId)
		}
	}
	for key, versions := range c.versions {
		for _, v := range versions {
			n++
			if !slices.Contains(got[key], v.id) {
				return fmt.Errorf("version %s of %s is not listed", v.id, key)
			}
		}
	}
	for _, ids := range got {
		n -= len(ids)
	}
	if n != 0 {
		return fmt.Errorf("%d more versions are listed than there are", -n)
	}
	return nil
}

// anyVersion returns any version that is no delete marker, and its place.
func (c *loader) anyVersion() (string, int, error) {
	key, _, err := c.any()
	if err != nil {
		return "", 0, err
	}
	for {
		if at := c.random.IntN(len(c.versions[key])); !c.versions[key][at].marker {
			return key, at, nil
		}
	}
}

func (c *loader) getVersion() error {
	key, at, err := c.anyVersion()
	if err != nil {
		return err
	}
	v := c.versions[key][at]
	out, err := c.s3.GetObject(c.ctx, &s3.GetObjectInput{Bucket: &c.bucket, Key: &key, VersionId: &v.id})
	if err != nil {
		return err
	}
	return v.same(out.Body, 0, v.size)
}

func (c *loader) deleteKey() error {
	key, _, err := c.any()
	if err != nil {
		return err
	}
	out, err := c.s3.DeleteObject(c.ctx, &s3.DeleteObjectInput{Bucket: &c.bucket, Key: &key})
	if err != nil {
		return err
	}
	if err := c.add(key, stored{marker: true}, out.VersionId); err != nil {
		return err
	}
	_, err = c.s3.GetObject(c.ctx, &s3.GetObjectInput{Bucket: &c.bucket, Key: &key})
	return isFault(err, "NoSuchKey")
}

func (c *loader) deleteVersion() error {
	key, at, err := c.anyVersion()
	if err != nil {
		return err
	}
	id := c.versions[key][at].id
	if _, err := c.s3.DeleteObject(c.ctx, &s3.DeleteObjectInput{Bucket: &c.bucket, Key: &key, VersionId: &id}); err != nil {
		return err
	}
	c.versions[key] = slices.Delete(c.versions[key], at, at+1)
	_, err = c.s3.GetObject(c.ctx, &s3.GetObjectInput{Bucket: &c.bucket, Key: &key, VersionId: &id})
	return isFault(err, "NoSuchVersion")
}

// deleteMany deletes all versions of some keys for good.
func (c *loader) deleteMany() error {
	var gone []types.ObjectIdentifier
	for range 3 {
		key, _ := c.next()
		for _, v := range c.versions[key] {
			gone = append(gone, types.ObjectIdentifier{Key: &key, VersionId: &v.id})
		}
		delete(c.versions, key)
	}
	if gone == nil {
		return nil
	}
	out, err := c.s3.DeleteObjects(c.ctx, &s3.DeleteObjectsInput{Bucket: &c.bucket, Delete: &types.Delete{Objects: gone}})
	if err == nil && (len(out.Errors) > 0 || len(out.Deleted) != len(gone)) {
		err = fmt.Errorf("%d were deleted of %d: %v", len(out.Deleted), len(gone), out.Errors)
	}
	return err
}

func (c *loader) tags() error {
	key, v, err := c.any()
	if err != nil {
		return err
	}
	c.made++
	value := strconv.Itoa(c.made)
	in := &s3.PutObjectTaggingInput{Bucket: &c.bucket, Key: &key, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("n"), Value: &value}}}}
	if _, err := c.s3.PutObjectTagging(c.ctx, in); err != nil {
		return err
	}
	out, err := c.s3.GetObjectTagging(c.ctx, &s3.GetObjectTaggingInput{Bucket: &c.bucket, Key: &key, VersionId: &v.id})
	if err == nil && (len(out.TagSet) != 1 || *out.TagSet[0].Value != value) {
		err = fmt.Errorf("%s has the tags %v, want n=%s", key, out.TagSet, value)
	}
	return err
}

// reads returns an error unless the client's user may read an object of the
// bucket, or may not.
func (c *loader) reads(key string, v stored, may bool) error {
	out, err := c.s3As(c.userKey).GetObject(c.ctx, &s3.GetObjectInput{Bucket: &c.bucket, Key: &key})
	if !may {
		return isFault(err, "AccessDenied")
	}
	if err != nil {
		return err
	}
	return v.same(out.Body, 0, v.size)
}

// bucketPolicy lets the user read, and takes it back.
func (c *loader) bucketPolicy() error {
	key, v, err := c.any()
	if err != nil {
		return err
	}
	user, err := c.iam.GetUser(c.ctx, &iam.GetUserInput{UserName: &c.user})
	if err != nil {
		return err
	}
	policy := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + *user.User.Arn + `"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::` + c.bucket + `/*"}}`
	if _, err := c.s3.PutBucketPolicy(c.ctx, &s3.PutBucketPolicyInput{Bucket: &c.bucket, Policy: &policy}); err != nil {
		return err
	}
	if err := c.reads(key, v, true); err != nil {
		return fmt.Errorf("with a policy: %w", err)
	}
	if _, err := c.s3.DeleteBucketPolicy(c.ctx, &s3.DeleteBucketPolicyInput{Bucket: &c.bucket}); err != nil {
		return err
	}
	return c.reads(key, v, false)
}

// userPolicy allows, forbids and takes both back.
func (c *loader) userPolicy() error {
	key, v, err := c.any()
	if err != nil {
		return err
	}
	for _, effect := range []string{"Allow", "Deny"} {
		policy := `{"Version":"2012-10-17","Statement":{"Effect":"` + effect + `","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + c.bucket + `/*"}}`
		if _, err := c.iam.PutUserPolicy(c.ctx, &iam.PutUserPolicyInput{UserName: &c.user, PolicyName: aws.String("reads"), PolicyDocument: &policy}); err != nil {
			return err
		}
		if err := c.reads(key, v, effect == "Allow"); err != nil {
			return fmt.Errorf("with %s: %w", effect, err)
		}
	}
	if _, err := c.iam.DeleteUserPolicy(c.ctx, &iam.DeleteUserPolicyInput{UserName: &c.user, PolicyName: aws.String("reads")}); err != nil {
		return err
	}
	return c.reads(key, v, false)
}

// managedPolicy makes a policy, attaches it, gives it a version that allows, and
// takes all of it away.
func (c *loader) managedPolicy() error {
	key, v, err := c.any()
	if err != nil {
		return err
	}
	document := func(action string) *string {
		return aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"` + action + `","Resource":"arn:aws:s3:::` + c.bucket + `/*"}}`)
	}
	policy, err := c.iam.CreatePolicy(c.ctx, &iam.CreatePolicyInput{PolicyName: &c.user, PolicyDocument: document("s3:PutObject")})
	if err != nil {
		return err
	}
	arn := policy.Policy.Arn
	if _, err := c.iam.AttachUserPolicy(c.ctx, &iam.AttachUserPolicyInput{UserName: &c.user, PolicyArn: arn}); err != nil {
		return err
	}
	if err := c.reads(key, v, false); err != nil {
		return err
	}
	if _, err := c.iam.CreatePolicyVersion(c.ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: document("s3:GetObject"), SetAsDefault: true}); err != nil {
		return err
	}
	if err := c.reads(key, v, true); err != nil {
		return err
	}
	if _, err := c.iam.DetachUserPolicy(c.ctx, &iam.DetachUserPolicyInput{UserName: &c.user, PolicyArn: arn}); err != nil {
		return err
	}
	if err := c.reads(key, v, false); err != nil {
		return err
	}
	if _, err := c.iam.DeletePolicyVersion(c.ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v1")}); err != nil {
		return err
	}
	_, err = c.iam.DeletePolicy(c.ctx, &iam.DeletePolicyInput{PolicyArn: arn})
	return err
}

// otherUser makes a user with a key, tags it, and finds the key of no use once
// it is deleted.
func (c *loader) otherUser() error {
	c.made++
	name := fmt.Sprintf("%s-%d", c.user, c.made)
	if _, err := c.iam.CreateUser(c.ctx, &iam.CreateUserInput{UserName: &name, Tags: []iamtypes.Tag{{Key: aws.String("of"), Value: &c.user}}}); err != nil {
		return err
	}
	key, err := c.newKey(name)
	if err != nil {
		return err
	}
	caller := sts.NewFromConfig(c.config(key))
	who, err := caller.GetCallerIdentity(c.ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return err
	}
	if !strings.HasSuffix(*who.Arn, ":user/"+name) {
		return fmt.Errorf("%s is %s", name, *who.Arn)
	}
	if _, err := c.iam.DeleteAccessKey(c.ctx, &iam.DeleteAccessKeyInput{UserName: &name, AccessKeyId: &key.AccessKeyID}); err != nil {
		return err
	}
	_, err = caller.GetCallerIdentity(c.ctx, &sts.GetCallerIdentityInput{})
	if err := isFault(err, "InvalidClientTokenId"); err != nil {
		return err
	}
	_, err = c.iam.DeleteUser(c.ctx, &iam.DeleteUserInput{UserName: &name})
	return err
}

// assumeRole uses a session that may use one folder.
func (c *loader) assumeRole() error {
	allow := aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"` + c.role + `"}}`)
	if _, err := c.iam.PutUserPolicy(c.ctx, &iam.PutUserPolicyInput{UserName: &c.user, PolicyName: aws.String("assume"), PolicyDocument: allow}); err != nil {
		return err
	}
	session, err := c.session()
	if err != nil {
		return err
	}
	client := c.s3As(session)
	_, v := c.next()
	key := "session/x"
	out, err := client.PutObject(c.ctx, &s3.PutObjectInput{Bucket: &c.bucket, Key: &key, Body: bytes.NewReader(contentOf(v.name, v.size)), Metadata: map[string]string{"name": v.name}})
	if err != nil {
		return err
	}
	if err := c.add(key, v, out.VersionId); err != nil {
		return err
	}
	got, err := client.GetObject(c.ctx, &s3.GetObjectInput{Bucket: &c.bucket, Key: &key})
	if err != nil {
		return err
	}
	if err := v.same(got.Body, 0, v.size); err != nil {
		return err
	}
	for _, other := range []string{c.bucket, c.shift.bucket} {
		_, err := client.PutObject(c.ctx, &s3.PutObjectInput{Bucket: &other, Key: aws.String("elsewhere"), Body: strings.NewReader("x")})
		if err := isFault(err, "AccessDenied"); err != nil {
			return err
		}
	}
	return nil
}

// configuration puts documents of the bucket, and reads them back.
func (c *loader) configuration() error {
	c.made++
	value := strconv.Itoa(c.made)
	if _, err := c.s3.PutBucketTagging(c.ctx, &s3.PutBucketTaggingInput{Bucket: &c.bucket, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("n"), Value: &value}}}}); err != nil {
		return err
	}
	rule := types.CORSRule{AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"https://" + value + ".example"}}
	if _, err := c.s3.PutBucketCors(c.ctx, &s3.PutBucketCorsInput{Bucket: &c.bucket, CORSConfiguration: &types.CORSConfiguration{CORSRules: []types.CORSRule{rule}}}); err != nil {
		return err
	}
	tags, err := c.s3.GetBucketTagging(c.ctx, &s3.GetBucketTaggingInput{Bucket: &c.bucket})
	if err != nil {
		return err
	}
	cors, err := c.s3.GetBucketCors(c.ctx, &s3.GetBucketCorsInput{Bucket: &c.bucket})
	if err != nil {
		return err
	}
	if len(tags.TagSet) != 1 || *tags.TagSet[0].Value != value || len(cors.CORSRules) != 1 || cors.CORSRules[0].AllowedOrigins[0] != rule.AllowedOrigins[0] {
		return fmt.Errorf("%s: other tags or CORS rules than were put: %v %v", c.bucket, tags.TagSet, cors.CORSRules)
	}
	return nil
}

// shared writes, reads, lists or deletes what all clients share: whatever is
// read must be all of one write.
func (c *loader) shared() error {
	key := fmt.Sprintf("shared-%d", c.random.IntN(8))
	bucket := &c.shift.bucket
	switch c.random.IntN(4) {
	case 0:
		_, v := c.next()
		_, err := c.s3.PutObject(c.ctx, &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: bytes.NewReader(contentOf(v.name, v.size)), Metadata: map[string]string{"name": v.name}})
		return err
	case 1:
		if c.random.IntN(4) > 0 {
			break
		}
		_, err := c.s3.DeleteObject(c.ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: &key})
		return err
	case 2:
		out, err := c.s3.ListObjectsV2(c.ctx, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("shared-")})
		if err == nil && (len(out.Contents) > 8 || !slices.IsSortedFunc(out.Contents, func(a, b types.Object) int { return strings.Compare(*a.Key, *b.Key) })) {
			err = fmt.Errorf("a listing of shared keys: %v", out.Contents)
		}
		return err
	}
	out, err := c.s3.GetObject(c.ctx, &s3.GetObjectInput{Bucket: bucket, Key: &key})
	if err != nil {
		return isFault(err, "NoSuchKey")
	}
	defer out.Body.Close()
	got, err := io.ReadAll(out.Body)
	if err != nil {
		return err
	}
	if sum := md5.Sum(got); aws.ToString(out.ETag) != `"`+hex.EncodeToString(sum[:])+`"` || !bytes.Equal(got, contentOf(out.Metadata["name"], int64(len(got)))) {
		return fmt.Errorf("%s mixes writes: its metadata is that of %q", key, out.Metadata["name"])
	}
	return nil
}

// race puts a key that must not be there yet, at the same time as others.
func (c *loader) race() error {
	c.mutex.Lock()
	key := fmt.Sprintf("race-%d", c.raced/8)
	c.raced++
	c.mutex.Unlock()
	_, err := c.s3.PutObject(c.ctx, &s3.PutObjectInput{Bucket: &c.shift.bucket, Key: &key, Body: strings.NewReader(c.user), IfNoneMatch: aws.String("*")})
	if err != nil {
		if isFault(err, "ConditionalRequestConflict") == nil { // S3 asks for another try
			return nil
		}
		return isFault(err, "PreconditionFailed")
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.winners[key]++
	return nil
}
