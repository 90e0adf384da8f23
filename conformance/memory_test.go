package conformance

import (
	"io"
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
		t.Logf("%s of 5 GiB: %v, peak memory %d MiB", what, time.Since(begun).Round(time.Millisecond), peak>>20)
		if peak > limit {
			t.Errorf("%s of 5 GiB took %d MiB of memory, more than %d", what, peak>>20, limit>>20)
		}
		ran(t, "memory "+what)
	}
	begun := time.Now()
	_, err := client.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &bucket, Key: aws.String("large"), ContentLength: aws.Int64(size), Body: struct{ io.Reader }{harness.Content("large", size)},
	}, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
	must(t)(err)
	within("put", begun)
	begun = time.Now()
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("large")})
	must(t)(err)
	defer out.Body.Close()
	must(t)(harness.SameContent(out.Body, harness.Content("large", size)))
	within("get", begun)
	must(t)(client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: aws.String("large")}))
}
