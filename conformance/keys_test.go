package conformance

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/keywright/keywright/conformance/harness"
)

// hostileKeys mean something to file systems, URLs, XML or patterns, and nothing
// to S3.
var hostileKeys = []string{
	"a", "a/", "a//", "a/b", "a//b", "/", "//", "/a", "./a", "../a", "a/../b", "a/./b", "..", ".", "a/..",
	"../../../../etc/passwd", "a b", " a", "a ", "a+b", "a%2Fb", "a%2fb", "%", "%%", "%00", "a%20b", "a&b=c?d#e", "?", "#", "a;b", "a:b",
	"*", "a*b", "?", "[a-z]", "a\\b", "~", "$HOME", "${aws:username}", "`id`", "'", "\"", "<a>&amp;</a>", "]]>",
	"line\nbreak", "tab\tkey", "return\rkey", "bell\x07key", "del\x7fkey", "\u0085", "\ufeffbom", "\uffff",
	"ü", "u\u0308", "日本語", "🙂", "👨‍👩‍👧‍👦", "\u202Egnp.exe", "\U0010ffff", "ﬀ", "ſ", "İ",
	"CON", "nul", "a.", "a...", "-rf", "--", "con/../aux", "index.html", "a\u2028b", "{}", "{key+}", "a|b", "^", "a,b",
	strings.Repeat("k", 1024), strings.Repeat("é", 512), strings.Repeat("/", 1024), strings.Repeat("a/", 512), strings.Repeat("🙂", 256),
}

// TestHostileKeys puts, reads, lists, copies and deletes under every key.
func TestHostileKeys(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	for name, client := range map[string]*s3.Client{"path-style": s.S3(s.Root), "virtual-hosted-style": s.S3(s.Root, s.VirtualHosted)} {
		keys := slices.Compact(slices.Sorted(slices.Values(hostileKeys)))
		for _, key := range keys {
			put(t, client, bucket, key, "content of "+key)
		}
		if got := allKeys(t, client, bucket, ""); !slices.Equal(got, keys) {
			t.Errorf("%s: listed\n%q\nwant\n%q", name, got, keys)
		}
		for _, key := range keys {
			if got := body(t, client, &s3.GetObjectInput{Bucket: &bucket, Key: &key}); got != "content of "+key {
				t.Errorf("%s: %q holds %q", name, key, got)
			}
			must(t)(client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key}))
			if got := allKeys(t, client, bucket, key); len(got) == 0 || got[0] != key {
				t.Errorf("%s: with the prefix %q listed %q", name, key, got)
			}
			must(t)(client.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &bucket, Key: aws.String("copy"), CopySource: aws.String(bucket + "/" + strings.ReplaceAll(url.QueryEscape(key), "+", "%20"))}))
			if got := body(t, client, &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("copy")}); got != "content of "+key {
				t.Errorf("%s: the copy of %q holds %q", name, key, got)
			}
			ran(t, "client key")
		}
		must(t)(client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: aws.String("copy")}))
		var others []types.ObjectIdentifier
		for i, key := range keys {
			if i%2 == 0 && !strings.ContainsAny(key, "\x07\uffff") { // XML cannot hold these
				others = append(others, types.ObjectIdentifier{Key: &key})
				continue
			}
			must(t)(client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}))
		}
		must(t)(client.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: others}}))
		if got := allKeys(t, client, bucket, ""); len(got) != 0 {
			t.Errorf("%s: left %q", name, got)
		}
	}
}

// allKeys lists the keys below a prefix, page by page, URL-encoded as SDKs do
// for keys that XML cannot hold.
func allKeys(t testing.TB, client *s3.Client, bucket, prefix string) []string {
	t.Helper()
	var keys []string
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix, MaxKeys: aws.Int32(30), EncodingType: types.EncodingTypeUrl})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t)(err)
		for _, o := range page.Contents {
			key, err := url.QueryUnescape(aws.ToString(o.Key))
			must(t)(err)
			keys = append(keys, key)
		}
	}
	return keys
}

// TestKeysRefused shows which keys cannot be.
func TestKeysRefused(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	for _, c := range []struct{ uri, code string }{
		{"/" + strings.Repeat("k", 1025), "KeyTooLongError"},
		{"/" + strings.Repeat("%C3%A9", 513), "KeyTooLongError"},
		{"/a%FFb", ""},
		{"/a%C3", ""},
		{"/a%ED%A0%80", ""},
		{"/a%zz", ""},
	} {
		reply := raw(t, s, harness.Raw{Method: "PUT", URI: "/" + bucket + c.uri, Body: []byte("x"), Credentials: s.Root})
		if reply.Status != 400 || c.code != "" && reply.Error.Code != c.code {
			t.Errorf("%.20s: %d %s", c.uri, reply.Status, reply.Body)
		}
		ran(t, "input key")
	}
	if got := keys(t, s, bucket); got != "[] and 0 uploads" {
		t.Errorf("there are %s", got)
	}
}

// TestPaging lists 2,500 keys by pages, with both versions and a delimiter, and
// deletes them by a thousand.
func TestPaging(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	client := s.S3(s.Root)
	var want []string
	for i := range 2500 {
		want = append(want, fmt.Sprintf("folder-%02d/key-%04d", i/100, i))
	}
	fill(t, client, bucket, want)

	if got := v1Keys(t, client, bucket); !slices.Equal(got, want) {
		t.Errorf("version 1 listed %d keys in another order or number, want %d", len(got), len(want))
	}
	var got []string
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket, MaxKeys: aws.Int32(999)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t)(err)
		if n := int32(len(page.Contents)); n != aws.ToInt32(page.KeyCount) || n > 999 {
			t.Errorf("a page of %d keys has KeyCount %d", n, aws.ToInt32(page.KeyCount))
		}
		got = append(got, listed(page.Contents, nil)...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("version 2 listed %d keys, want %d", len(got), len(want))
	}
	ran(t, "client paging")

	var folders []string
	pages = s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket, MaxKeys: aws.Int32(7), Delimiter: aws.String("/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t)(err)
		folders = append(folders, listed(page.Contents, page.CommonPrefixes)...)
	}
	if len(folders) != 25 || !slices.IsSorted(folders) || folders[24] != "folder-24/" {
		t.Errorf("with a delimiter listed %q", folders)
	}
	after, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket, StartAfter: aws.String("folder-24/key-2497")})
	must(t)(err)
	if got := listed(after.Contents, nil); !slices.Equal(got, want[2498:]) {
		t.Errorf("start-after listed %q", got)
	}
	none, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket, MaxKeys: aws.Int32(0)})
	must(t)(err)
	if len(none.Contents) != 0 || aws.ToBool(none.IsTruncated) {
		t.Errorf("max-keys=0 listed %d keys", len(none.Contents))
	}
	_, err = client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket, ContinuationToken: aws.String("invented")})
	fault(t, "an invented token", err, 400, "InvalidArgument")
	ran(t, "client paging")

	objects := make([]types.ObjectIdentifier, 1001)
	for i := range objects {
		objects[i].Key = &want[i]
	}
	_, err = client.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: objects}})
	fault(t, "deleting 1,001", err, 400, "MalformedXML")
	deleted, err := client.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: objects[:1000]}})
	must(t)(err)
	if len(deleted.Deleted) != 1000 || len(deleted.Errors) != 0 {
		t.Errorf("deleted %d with %d errors", len(deleted.Deleted), len(deleted.Errors))
	}
	if got := v1Keys(t, client, bucket); !slices.Equal(got, want[1000:]) {
		t.Errorf("after deleting a thousand there are %d keys", len(got))
	}
	quiet, err := client.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: objects[:10], Quiet: aws.Bool(true)}})
	must(t)(err)
	if len(quiet.Deleted) != 0 || len(quiet.Errors) != 0 {
		t.Errorf("a quiet delete told of %d", len(quiet.Deleted))
	}
	ran(t, "client paging")
}

// fill puts small objects, many at a time.
func fill(t testing.TB, client *s3.Client, bucket string, keys []string) {
	t.Helper()
	work, done := make(chan string), make(chan error)
	const workers = 16
	for range workers {
		go func() {
			var failed error
			for key := range work {
				_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(key)})
				if err != nil {
					failed = err
				}
			}
			done <- failed
		}()
	}
	for _, key := range keys {
		work <- key
	}
	close(work)
	for range workers {
		must(t)(<-done)
	}
}

// v1Keys lists all keys with the first version of the operation.
func v1Keys(t testing.TB, client *s3.Client, bucket string) []string {
	t.Helper()
	var keys []string
	for marker := aws.String(""); ; {
		page, err := client.ListObjects(t.Context(), &s3.ListObjectsInput{Bucket: &bucket, Marker: marker})
		must(t)(err)
		keys = append(keys, listed(page.Contents, nil)...)
		if !aws.ToBool(page.IsTruncated) {
			return keys
		}
		marker = &keys[len(keys)-1]
	}
}

// TestUploadsPaging lists uploads in progress by pages.
func TestUploadsPaging(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	client := s.S3(s.Root)
	var want []string
	for i := range 25 {
		out, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String(fmt.Sprintf("key-%02d", i/5))})
		must(t)(err)
		want = append(want, aws.ToString(out.UploadId))
	}
	var got []string
	in := &s3.ListMultipartUploadsInput{Bucket: &bucket, MaxUploads: aws.Int32(7)}
	for {
		page, err := client.ListMultipartUploads(t.Context(), in)
		must(t)(err)
		for _, u := range page.Uploads {
			got = append(got, aws.ToString(u.UploadId))
		}
		if !aws.ToBool(page.IsTruncated) {
			break
		}
		in.KeyMarker, in.UploadIdMarker = page.NextKeyMarker, page.NextUploadIdMarker
	}
	if slices.Sort(want); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("listed %d uploads, want %d", len(got), len(want))
	}
	ran(t, "client paging")
	_, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: aws.String("key-00")})
	must(t)(err)
	must(t)(client.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: &bucket}))
	_, err = client.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &bucket, Key: aws.String("key-00"), UploadId: &want[0], PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
	fault(t, "a part of a bucket that is gone", err, 404, "NoSuchBucket")
	ran(t, "client paging")
}
