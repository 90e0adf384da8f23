package conformance

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/keywright/keywright/conformance/harness"
)

// contentOf is the content that belongs to a name, as bytes.
func contentOf(name string, size int64) []byte {
	b, err := io.ReadAll(harness.Content(name, size))
	if err != nil {
		panic(err) // it reads from memory
	}
	return b
}

// body reads an object.
func body(t testing.TB, client *s3.Client, in *s3.GetObjectInput) string {
	t.Helper()
	out, err := client.GetObject(t.Context(), in)
	must(t)(err)
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	must(t)(err)
	return string(b)
}

// fault checks that an error has this status and code, and returns its message.
func fault(t testing.TB, what string, err error, status int, code string) string {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error, want %d %s", what, status, code)
		return ""
	}
	gotStatus, gotCode, message := answer(err)
	if gotStatus != status || gotCode != code {
		t.Errorf("%s: %d %s: %s\nwant %d %s", what, gotStatus, gotCode, message, status, code)
	}
	return message
}

// TestAddressing names the bucket in the path and in the host.
func TestAddressing(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	put(t, s.S3(s.Root), bucket, "dir/key", "value")
	hosted := s.S3(s.Root, s.VirtualHosted)
	if got := body(t, hosted, &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("dir/key")}); got != "value" {
		t.Errorf("virtual-hosted-style read %q", got)
	}
	ran(t, "client hosted")
	put(t, hosted, bucket, bucket+"/key", "nested")
	if got := body(t, s.S3(s.Root), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String(bucket + "/key")}); got != "nested" {
		t.Errorf("path-style read %q", got)
	}
	ran(t, "client hosted")
	list, err := hosted.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	must(t)(err)
	if got := listed(list.Contents, nil); len(got) != 2 {
		t.Errorf("virtual-hosted-style listed %q", got)
	}
	second := bucket + "-2"
	must(t)(hosted.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &second}))
	must(t)(hosted.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &second}))
	must(t)(hosted.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: &second}))
	ran(t, "client hosted")
}

// TestChecksums puts with every algorithm, and with wrong sums.
func TestChecksums(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	client := s.S3(s.Root)
	content := contentOf("checksums", 100_000)
	for _, algorithm := range types.ChecksumAlgorithm("").Values() {
		key := string(algorithm)
		if !slices.Contains([]string{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"}, key) {
			continue // newer ones, which S3 has not published a definition of for general use
		}
		must(t)(client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(content), ChecksumAlgorithm: algorithm}))
		head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
		must(t)(err)
		sums := map[string]*string{"CRC32": head.ChecksumCRC32, "CRC32C": head.ChecksumCRC32C, "CRC64NVME": head.ChecksumCRC64NVME, "SHA1": head.ChecksumSHA1, "SHA256": head.ChecksumSHA256}
		for name, sum := range sums {
			if (sum != nil) != (name == key) {
				t.Errorf("put with %s, head shows %s: %q", key, name, aws.ToString(sum))
			}
		}
		if head.ChecksumType != types.ChecksumTypeFullObject {
			t.Errorf("%s is of type %q", key, head.ChecksumType)
		}
		// The SDK compares the sum when it reads.
		if got := body(t, client, &s3.GetObjectInput{Bucket: &bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled}); got != string(content) {
			t.Errorf("%s: read back other content", key)
		}
		ran(t, "client checksum")

		wrong := base64.StdEncoding.EncodeToString(make([]byte, map[string]int{"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32}[key]))
		put := harness.Raw{Method: "PUT", URI: "/" + bucket + "/wrong", Body: content, Credentials: s.Root, Header: http.Header{"X-Amz-Checksum-" + key: {wrong}}}
		refused(t, s, key+" of other content", put, 400, "BadDigest")
		put.Header = http.Header{"X-Amz-Checksum-" + key: {"AAA"}}
		refused(t, s, key+" of a wrong length", put, 400, "InvalidRequest")
		ran(t, "input checksum")
	}

	sum := md5.Sum(content)
	right, other := base64.StdEncoding.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(make([]byte, 16))
	r := harness.Raw{Method: "PUT", URI: "/" + bucket + "/md5", Body: content, Credentials: s.Root, Header: http.Header{"Content-Md5": {right}}}
	if reply := accepted(t, s, "Content-MD5", r); reply.Header.Get("ETag") != fmt.Sprintf(`"%x"`, sum) {
		t.Errorf("ETag %s, want the MD5 %x", reply.Header.Get("ETag"), sum)
	}
	r.URI, r.Header = "/"+bucket+"/wrong", http.Header{"Content-Md5": {other}}
	refused(t, s, "wrong Content-MD5", r, 400, "BadDigest")
	r.Header = http.Header{"Content-Md5": {"no digest"}}
	refused(t, s, "malformed Content-MD5", r, 400, "InvalidDigest")
	r.Header, r.Payload = nil, strings.Repeat("0", 64)
	refused(t, s, "wrong x-amz-content-sha256", r, 400, "XAmzContentSHA256Mismatch")
	ran(t, "input checksum")
	if got := keys(t, s, bucket); strings.Contains(got, "wrong") {
		t.Errorf("a wrong digest left a trace: %s", got)
	}
}

// TestRanges reads parts of an object.
func TestRanges(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	for key, size := range map[string]int64{"small": 1000, "large": 3 << 20} {
		content := contentOf(key, size)
		put(t, s.S3(s.Root), bucket, key, string(content))
		for _, c := range []struct {
			header     string
			status     int
			from, till int64
		}{
			{"", 200, 0, size},
			{"bytes=0-0", 206, 0, 1},
			{"bytes=10-19", 206, 10, 20},
			{"bytes=10-", 206, 10, size},
			{"bytes=-10", 206, size - 10, size},
			{"bytes=0-99999999", 206, 0, size},
			{"bytes=-99999999", 206, 0, size},
			{fmt.Sprintf("bytes=%d-%d", size-1, size+5), 206, size - 1, size},
			{fmt.Sprintf("bytes=%d-", size), 416, 0, 0},
			{"bytes=-0", 416, 0, 0},
			{"bytes=5-2", 200, 0, size},
			{"bytes=a-b", 200, 0, size},
			{"lines=1-2", 200, 0, size},
		} {
			r := harness.Raw{Method: "GET", URI: "/" + bucket + "/" + key, Credentials: s.Root, Header: http.Header{}}
			if c.header != "" {
				r.Header.Set("Range", c.header)
			}
			reply := raw(t, s, r)
			if reply.Status != c.status {
				t.Errorf("%s, %q: status %d, want %d", key, c.header, reply.Status, c.status)
			} else if c.status < 300 && !bytes.Equal(reply.Body, content[c.from:c.till]) {
				t.Errorf("%s, %q: other content, %d bytes", key, c.header, len(reply.Body))
			}
			if want := fmt.Sprintf("bytes %d-%d/%d", c.from, c.till-1, size); c.status == 206 && reply.Header.Get("Content-Range") != want {
				t.Errorf("%s, %q: Content-Range %q, want %q", key, c.header, reply.Header.Get("Content-Range"), want)
			}
			ran(t, "client range")
		}
	}
}

// TestConditions reads, writes, copies and deletes under conditions.
func TestConditions(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	client := s.S3(s.Root)
	key := aws.String("key")
	out, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: key, Body: strings.NewReader("value"), IfNoneMatch: aws.String("*")})
	must(t)(err)
	etag, other := out.ETag, aws.String(`"00000000000000000000000000000000"`)
	past, future := aws.Time(time.Now().Add(-time.Hour)), aws.Time(time.Now().Add(time.Hour))
	for name, c := range map[string]struct {
		in     s3.GetObjectInput
		status int
	}{
		"If-Match":                          {s3.GetObjectInput{IfMatch: etag}, 0},
		"If-Match another":                  {s3.GetObjectInput{IfMatch: other}, 412},
		"If-None-Match":                     {s3.GetObjectInput{IfNoneMatch: etag}, 304},
		"If-None-Match another":             {s3.GetObjectInput{IfNoneMatch: other}, 0},
		"If-Modified-Since":                 {s3.GetObjectInput{IfModifiedSince: past}, 0},
		"If-Unmodified-Since":               {s3.GetObjectInput{IfUnmodifiedSince: past}, 412},
		"If-Unmodified-Since later":         {s3.GetObjectInput{IfUnmodifiedSince: future}, 0},
		"If-Match beats If-Unmodified":      {s3.GetObjectInput{IfMatch: etag, IfUnmodifiedSince: past}, 0},
		"If-None-Match beats If-Modified":   {s3.GetObjectInput{IfNoneMatch: etag, IfModifiedSince: past}, 304},
		"If-None-Match another, unmodified": {s3.GetObjectInput{IfNoneMatch: other, IfModifiedSince: past}, 0},
	} {
		in := c.in
		in.Bucket, in.Key = &bucket, key
		_, err := client.GetObject(t.Context(), &in)
		head := s3.HeadObjectInput{Bucket: &bucket, Key: key, IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch, IfModifiedSince: in.IfModifiedSince, IfUnmodifiedSince: in.IfUnmodifiedSince}
		_, headErr := client.HeadObject(t.Context(), &head)
		for _, err := range []error{err, headErr} {
			status := 0
			if err != nil {
				status, _, _ = answer(err)
			}
			if status != c.status {
				t.Errorf("%s: %d %v, want %d", name, status, err, c.status)
			}
			ran(t, "client condition")
		}
	}

	for name, c := range map[string]struct {
		key, ifMatch, ifNoneMatch *string
		status                    int
		code                      string
	}{
		"If-None-Match * over an object": {key, nil, aws.String("*"), 412, "PreconditionFailed"},
		"If-Match another":               {key, other, nil, 412, "PreconditionFailed"},
		"If-Match of nothing":            {aws.String("none"), other, nil, 404, "NoSuchKey"},
	} {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: c.key, Body: strings.NewReader("changed"), IfMatch: c.ifMatch, IfNoneMatch: c.ifNoneMatch})
		fault(t, "put "+name, err, c.status, c.code)
		ran(t, "client condition")
	}
	copy := func(in s3.CopyObjectInput) error {
		in.Bucket, in.Key, in.CopySource = &bucket, aws.String("copy"), aws.String(bucket+"/key")
		_, err := client.CopyObject(t.Context(), &in)
		return err
	}
	fault(t, "copy if another", copy(s3.CopyObjectInput{CopySourceIfMatch: other}), 412, "PreconditionFailed")
	fault(t, "copy if not this", copy(s3.CopyObjectInput{CopySourceIfNoneMatch: etag}), 412, "PreconditionFailed")
	fault(t, "copy if not changed", copy(s3.CopyObjectInput{CopySourceIfUnmodifiedSince: past}), 412, "PreconditionFailed")
	must(t)(copy(s3.CopyObjectInput{CopySourceIfMatch: etag}))
	ran(t, "client condition")
	_, err = client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: key, IfMatch: other})
	fault(t, "delete if another", err, 412, "PreconditionFailed")
	must(t)(client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: key, Body: strings.NewReader("next"), IfMatch: etag}))
	if got := body(t, client, &s3.GetObjectInput{Bucket: &bucket, Key: key}); got != "next" {
		t.Errorf("read %q", got)
	}
	ran(t, "client condition")
}

// TestMetadata stores what belongs to an object beside its content.
func TestMetadata(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	client := s.S3(s.Root)
	key := aws.String("key")
	metadata := map[string]string{"colour": "red", "empty": "", "long": strings.Repeat("x", 1000), "equation": "a=b; c,d"}
	must(t)(client.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &bucket, Key: key, Body: strings.NewReader("value"), Metadata: metadata,
		ContentType: aws.String("text/x-test; charset=utf-8"), CacheControl: aws.String("max-age=60"), ContentDisposition: aws.String(`attachment; filename="ä.txt"`),
		ContentEncoding: aws.String("br"), ContentLanguage: aws.String("de"), Expires: aws.Time(time.Unix(2e9, 0)),
	}))
	same := func(key string) {
		t.Helper()
		head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
		must(t)(err)
		if !maps.Equal(head.Metadata, metadata) {
			t.Errorf("%s: metadata %v", key, head.Metadata)
		}
		got := []string{aws.ToString(head.ContentType), aws.ToString(head.CacheControl), aws.ToString(head.ContentDisposition), aws.ToString(head.ContentEncoding), aws.ToString(head.ContentLanguage), aws.ToString(head.ExpiresString)}
		want := []string{"text/x-test; charset=utf-8", "max-age=60", `attachment; filename="ä.txt"`, "br", "de", "Wed, 18 May 2033 03:33:20 GMT"}
		if !slices.Equal(got, want) {
			t.Errorf("%s: headers %q, want %q", key, got, want)
		}
		ran(t, "client metadata")
	}
	same("key")
	must(t)(client.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &bucket, Key: aws.String("copy"), CopySource: aws.String(bucket + "/key")}))
	same("copy")
	must(t)(client.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &bucket, Key: key, CopySource: aws.String(bucket + "/key"),
		MetadataDirective: types.MetadataDirectiveReplace, Metadata: map[string]string{"colour": "blue"}, ContentType: aws.String("text/plain")}))
	head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: key})
	must(t)(err)
	if !maps.Equal(head.Metadata, map[string]string{"colour": "blue"}) || aws.ToString(head.ContentType) != "text/plain" || head.CacheControl != nil {
		t.Errorf("replaced metadata: %v %v %v", head.Metadata, aws.ToString(head.ContentType), head.CacheControl)
	}
	ran(t, "client metadata")

	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: key, ResponseContentType: aws.String("application/json"), ResponseContentDisposition: aws.String("inline")})
	must(t)(err)
	out.Body.Close()
	if aws.ToString(out.ContentType) != "application/json" || aws.ToString(out.ContentDisposition) != "inline" {
		t.Errorf("response-*: %q %q", aws.ToString(out.ContentType), aws.ToString(out.ContentDisposition))
	}
	_, err = client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("too-large"), Body: strings.NewReader(""), Metadata: map[string]string{"a": strings.Repeat("x", 2048)}})
	fault(t, "metadata over 2 KB", err, 400, "MetadataTooLarge")
	must(t)(client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("plain"), Body: strings.NewReader("")}))
	head, err = client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: aws.String("plain")})
	must(t)(err)
	if ct := aws.ToString(head.ContentType); ct != "application/octet-stream" && ct != "binary/octet-stream" {
		t.Errorf("without a type an object is %q", ct)
	}
	ran(t, "client metadata")
}

// TestMultipart uploads in parts with each kind of checksum, and reads the whole,
// a range over the joint and one part.
func TestMultipart(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	client := s.S3(s.Root)
	const partSize, last = 5 << 20, 12345
	content := contentOf("multipart", 2*partSize+last)
	for _, c := range []struct {
		algorithm types.ChecksumAlgorithm
		kind      types.ChecksumType
	}{
		{types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject},
		{types.ChecksumAlgorithmCrc32, types.ChecksumTypeFullObject},
		{types.ChecksumAlgorithmCrc32c, types.ChecksumTypeComposite},
		{types.ChecksumAlgorithmSha256, types.ChecksumTypeComposite},
		{types.ChecksumAlgorithmSha1, ""},
	} {
		key := aws.String(string(c.algorithm))
		upload, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: key, ChecksumAlgorithm: c.algorithm, ChecksumType: c.kind, Metadata: map[string]string{"m": "v"}})
		must(t)(err)
		var parts []types.CompletedPart
		for i := range 3 {
			chunk := content[i*partSize : min((i+1)*partSize, len(content))]
			out, err := client.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &bucket, Key: key, UploadId: upload.UploadId, PartNumber: aws.Int32(int32(i + 1)), Body: bytes.NewReader(chunk), ChecksumAlgorithm: c.algorithm})
			must(t)(err)
			parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: out.ETag,
				ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C, ChecksumCRC64NVME: out.ChecksumCRC64NVME, ChecksumSHA1: out.ChecksumSHA1, ChecksumSHA256: out.ChecksumSHA256})
		}
		if got := keys(t, s, bucket); strings.Contains(got, *key+`"`) {
			t.Errorf("an upload in progress is listed as an object: %s", got)
		}
		out, err := client.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: &bucket, Key: key, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
		must(t)(err)
		if etag := aws.ToString(out.ETag); !strings.HasSuffix(etag, `-3"`) {
			t.Errorf("%s: ETag %s", *key, etag)
		}
		if got := body(t, client, &s3.GetObjectInput{Bucket: &bucket, Key: key, ChecksumMode: types.ChecksumModeEnabled}); got != string(content) {
			t.Errorf("%s: read back other content", *key)
		}
		if got := body(t, client, &s3.GetObjectInput{Bucket: &bucket, Key: key, Range: aws.String(fmt.Sprintf("bytes=%d-%d", partSize-5, 2*partSize+4))}); got != string(content[partSize-5:2*partSize+5]) {
			t.Errorf("%s: read other content over the joints", *key)
		}
		if got := body(t, client, &s3.GetObjectInput{Bucket: &bucket, Key: key, PartNumber: aws.Int32(3)}); got != string(content[2*partSize:]) {
			t.Errorf("%s: part 3 is %d bytes of other content", *key, len(got))
		}
		head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: key, PartNumber: aws.Int32(1)})
		must(t)(err)
		if aws.ToInt32(head.PartsCount) != 3 || aws.ToInt64(head.ContentLength) != partSize || head.Metadata["m"] != "v" {
			t.Errorf("%s: head of part 1: %d parts, %d bytes, %v", *key, aws.ToInt32(head.PartsCount), aws.ToInt64(head.ContentLength), head.Metadata)
		}
		ran(t, "client multipart")
	}

	// Parts can be copied, and be listed page by page.
	upload, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String("copied")})
	must(t)(err)
	var parts []types.CompletedPart
	for i, r := range []string{fmt.Sprintf("bytes=0-%d", partSize-1), fmt.Sprintf("bytes=%d-%d", partSize, len(content)-1)} {
		out, err := client.UploadPartCopy(t.Context(), &s3.UploadPartCopyInput{Bucket: &bucket, Key: aws.String("copied"), UploadId: upload.UploadId, PartNumber: aws.Int32(int32(i + 1)), CopySource: aws.String(bucket + "/CRC32"), CopySourceRange: &r})
		must(t)(err)
		parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: out.CopyPartResult.ETag})
	}
	pages := s3.NewListPartsPaginator(client, &s3.ListPartsInput{Bucket: &bucket, Key: aws.String("copied"), UploadId: upload.UploadId, MaxParts: aws.Int32(1)})
	n := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t)(err)
		n += len(page.Parts)
	}
	if n != 2 {
		t.Errorf("listed %d parts, want 2", n)
	}
	must(t)(client.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: &bucket, Key: aws.String("copied"), UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}}))
	if got := body(t, client, &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("copied")}); got != string(content) {
		t.Error("copied parts: read back other content")
	}
	ran(t, "client multipart")
}

func md5Of(text string) string {
	sum := md5.Sum([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}
