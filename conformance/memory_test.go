package conformance

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/keywright/keywright/conformance/harness"
)

// TestMemory puts and gets the largest object that one request can carry, and
// looks at the most memory that the server ever held.
func TestMemory(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	bucket := newBucket(t, s)
	const size, limit = 5 << 30, 256 << 20
	client := s.S3(s.Root, func(o *s3.Options) {
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	within := func(what string, begun time.Time) {
		t.Helper()
		peak, err := s.PeakMemory()
		must(t)(err)
		t.Logf("%s: %v, peak memory %d MiB", what, time.Since(begun).Round(time.Millisecond), peak>>20)
		if peak > limit {
			t.Errorf("%s took %d MiB of memory, more than %d", what, peak>>20, limit>>20)
		}
		ran(t, "memory "+what)
	}
	begun := time.Now()
	_, err := client.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &bucket, Key: aws.String("large"), ContentLength: aws.Int64(size), Body: struct{ io.Reader }{harness.Content("large", size)},
	}, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
	must(t)(err)
	within("put of 5 GiB", begun)
	begun = time.Now()
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("large")})
	must(t)(err)
	defer out.Body.Close()
	must(t)(harness.SameContent(out.Body, harness.Content("large", size)))
	within("get of 5 GiB", begun)
	must(t)(client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: aws.String("large")}))

	begun = time.Now()
	postForm(t, s, bucket, 1<<30)
	within("form of 1 GiB", begun)
}

// postForm posts a form with a file of a size to a bucket that it opens to
// everyone.
func postForm(t *testing.T, s *harness.Server, bucket string, size int64) {
	t.Helper()
	root := s.S3(s.Root)
	must(t)(root.DeletePublicAccessBlock(t.Context(), &s3.DeletePublicAccessBlockInput{Bucket: &bucket}))
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::` + bucket + `/form"}]}`
	must(t)(root.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &policy}))
	const head = "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nform\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n"
	const tail = "\r\n--b--\r\n"
	reply, err := s.Do(t.Context(), http.DefaultClient, harness.Raw{
		Method: "POST", URI: "/" + bucket, Header: http.Header{"Content-Type": {"multipart/form-data; boundary=b"}},
		Stream: io.MultiReader(strings.NewReader(head), harness.Content("form", size), strings.NewReader(tail)), Length: int64(len(head)+len(tail)) + size,
	})
	must(t)(err)
	if reply.Status != http.StatusNoContent {
		t.Fatalf("%d %s", reply.Status, reply.Body)
	}
	out, err := root.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("form")})
	must(t)(err)
	defer out.Body.Close()
	must(t)(harness.SameContent(out.Body, harness.Content("form", size)))
}
