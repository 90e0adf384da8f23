package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestVersioning overwrites, deletes and brings back with the SDK.
func TestVersioning(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	client := s.S3(s.Root)
	key := aws.String("home/David/plan.txt")
	must(t)(client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}))
	status, err := client.GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: &bucket})
	must(t)(err)
	if status.Status != types.BucketVersioningStatusEnabled {
		t.Errorf("status %q", status.Status)
	}
	ran(t, "client versions")
	var ids []string
	for i := range 5 {
		out, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: key, Body: strings.NewReader(fmt.Sprint("version ", i))})
		must(t)(err)
		ids = append(ids, aws.ToString(out.VersionId))
	}
	for i, id := range ids {
		if got := body(t, client, &s3.GetObjectInput{Bucket: &bucket, Key: key, VersionId: aws.String(id)}); got != fmt.Sprint("version ", i) {
			t.Errorf("version %d is %q", i, got)
		}
		ran(t, "client versions")
	}
	deleted, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: key})
	must(t)(err)
	if !aws.ToBool(deleted.DeleteMarker) || slices.Contains(ids, aws.ToString(deleted.VersionId)) {
		t.Errorf("deleted %+v", deleted)
	}
	_, err = client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: key})
	fault(t, "get what was deleted", err, 404, "NoSuchKey")
	_, err = client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: key, VersionId: deleted.VersionId})
	fault(t, "get the marker", err, 405, "MethodNotAllowed")
	ran(t, "client versions")

	listed := []string{}
	pages := s3.NewListObjectVersionsPaginator(client, &s3.ListObjectVersionsInput{Bucket: &bucket, MaxKeys: aws.Int32(2), Prefix: aws.String("home/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t)(err)
		for _, m := range page.DeleteMarkers {
			listed = append(listed, aws.ToString(m.VersionId))
		}
		for _, v := range page.Versions {
			listed = append(listed, aws.ToString(v.VersionId))
		}
	}
	want := append([]string{aws.ToString(deleted.VersionId)}, ids[4], ids[3], ids[2], ids[1], ids[0])
	if !slices.Equal(listed, want) {
		t.Errorf("listed %q, want %q", listed, want)
	}
	ran(t, "client versions")

	// To delete the marker is to undelete.
	must(t)(client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: key, VersionId: deleted.VersionId}))
	if got := body(t, client, &s3.GetObjectInput{Bucket: &bucket, Key: key}); got != "version 4" {
		t.Errorf("after the marker is gone: %q", got)
	}
	copied, err := client.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &bucket, Key: key, CopySource: aws.String(bucket + "/" + *key + "?versionId=" + ids[1])})
	must(t)(err)
	if aws.ToString(copied.CopySourceVersionId) != ids[1] || aws.ToString(copied.VersionId) == "" {
		t.Errorf("copied %+v", copied)
	}
	if got := body(t, client, &s3.GetObjectInput{Bucket: &bucket, Key: key}); got != "version 1" {
		t.Errorf("brought back: %q", got)
	}
	ran(t, "client versions")
}

// TestCLIVersions does the same with the AWS CLI, and empties the bucket.
func TestCLIVersions(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	sh := newShell(t, s, s.Root)
	bucket := newBucket(t, s)
	in := []string{"--bucket", bucket}
	api := func(operation string, args ...string) []string {
		return append(append([]string{"s3api", operation}, in...), args...)
	}
	sh.ok(api("put-bucket-versioning", "--versioning-configuration", "Status=Enabled")...)
	contains(t, sh.ok(api("get-bucket-versioning")...), `"Status": "Enabled"`)
	sh.write("a", "first")
	first := strings.TrimSpace(sh.ok(api("put-object", "--key", "k", "--body", "a", "--query", "VersionId", "--output", "text")...))
	sh.write("a", "second")
	sh.ok("s3", "cp", "--no-progress", "a", "s3://"+bucket+"/k")
	sh.ok("s3", "rm", "s3://"+bucket+"/k")
	contains(t, sh.ok(api("list-object-versions", "--query", "[length(Versions), length(DeleteMarkers), DeleteMarkers[0].IsLatest]", "--output", "text")...), "2\t1\tTrue")
	sh.ok(api("get-object", "--key", "k", "--version-id", first, "back")...)
	sh.same("back", "first")
	ran(t, "client cli versions")
	sh.fails([]string{"s3", "rb", "s3://" + bucket}, "BucketNotEmpty", "You must delete all versions in the bucket")
	for _, id := range strings.Fields(sh.ok(api("list-object-versions", "--query", "[Versions[].VersionId, DeleteMarkers[].VersionId]", "--output", "text")...)) {
		sh.ok(api("delete-object", "--key", "k", "--version-id", id)...)
	}
	sh.ok(api("put-bucket-versioning", "--versioning-configuration", "Status=Suspended")...)
	contains(t, sh.ok(api("get-bucket-versioning")...), `"Status": "Suspended"`)
	sh.ok("s3", "rb", "s3://"+bucket)
	sh.fails([]string{"s3api", "head-bucket", "--bucket", bucket}, "404")
	ran(t, "client cli versions")
}

// same checks what a file holds.
func (sh *shell) same(file, want string) {
	sh.t.Helper()
	got, err := os.ReadFile(filepath.Join(sh.Dir, file))
	must(sh.t)(err)
	if string(got) != want {
		sh.t.Errorf("%s holds %q, want %q", file, got, want)
	}
}
