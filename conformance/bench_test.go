package conformance

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/keywright/keywright/conformance/harness"
)

var benchmarkKeys = flag.Int("keys", 1_000_000, "keys in the bucket that BenchmarkListObjectsV2 lists a page of")

// request makes a raw request for a benchmark, reads the answer away and returns
// an error unless it is a success.
func request(ctx context.Context, s *harness.Server, client *http.Client, r harness.Raw) error {
	signed, err := s.Request(ctx, r)
	if err != nil {
		return err
	}
	response, err := client.Do(signed)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// BenchmarkObjects puts and gets objects through the whole server: signed
// requests over one connection for each of GOMAXPROCS clients.
func BenchmarkObjects(b *testing.B) {
	s := startServer(b, harness.Options{Flags: []string{"--log-level", "warn"}})
	bucket := newBucket(b, s)
	for _, size := range []struct {
		name  string
		bytes int64
	}{{"4KiB", 4 << 10}, {"8MiB", 8 << 20}} {
		content := contentOf(size.name, size.bytes)
		run := func(operation string, r func(n int64) harness.Raw) {
			b.Run(operation+"/"+size.name, func(b *testing.B) {
				b.SetBytes(size.bytes)
				client, n := s.HTTP(), atomic.Int64{}
				b.RunParallel(func(p *testing.PB) {
					for p.Next() {
						if err := request(b.Context(), s, client, r(n.Add(1))); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
		run("PutObject", func(n int64) harness.Raw {
			return harness.Raw{Method: "PUT", URI: fmt.Sprintf("/%s/%s-%d", bucket, size.name, n%100), Body: content, Credentials: s.Root}
		})
		must(b)(s.S3(s.Root).PutObject(b.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &size.name, Body: bytes.NewReader(content)}))
		run("GetObject", func(int64) harness.Raw {
			return harness.Raw{Method: "GET", URI: "/" + bucket + "/" + size.name, Credentials: s.Root}
		})
	}
}

// BenchmarkListObjectsV2 lists pages of a thousand out of a million keys, in the
// middle and by folders.
func BenchmarkListObjectsV2(b *testing.B) {
	s := startServer(b, harness.Options{Flags: []string{"--log-level", "warn"}})
	bucket := newBucket(b, s)
	load(b, s, bucket, *benchmarkKeys)
	middle := fmt.Sprintf("folder-%04d/key-%07d", *benchmarkKeys/2000, *benchmarkKeys/2)
	client := s.S3(s.Root)
	for _, c := range []struct {
		name string
		in   s3.ListObjectsV2Input
		want int
	}{
		{"keys", s3.ListObjectsV2Input{StartAfter: &middle}, min(1000, *benchmarkKeys/2-1)},
		{"folders", s3.ListObjectsV2Input{Delimiter: aws.String("/")}, min(1000, *benchmarkKeys/1000)},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.in.Bucket = &bucket
			for b.Loop() {
				out, err := client.ListObjectsV2(b.Context(), &c.in)
				must(b)(err)
				if n := len(out.Contents) + len(out.CommonPrefixes); n != c.want {
					b.Fatalf("a page of %d, want %d", n, c.want)
				}
			}
		})
	}
}

// load puts empty objects, a thousand to a folder.
func load(b *testing.B, s *harness.Server, bucket string, count int) {
	b.Helper()
	client, next := s.HTTP(), atomic.Int64{}
	var workers sync.WaitGroup
	var once sync.Once
	var failed error
	for range 64 {
		workers.Go(func() {
			for n := next.Add(1) - 1; n < int64(count); n = next.Add(1) - 1 {
				r := harness.Raw{Method: "PUT", URI: fmt.Sprintf("/%s/folder-%04d/key-%07d", bucket, n/1000, n), Credentials: s.Root}
				if err := request(b.Context(), s, client, r); err != nil {
					once.Do(func() { failed = err })
					return
				}
			}
		})
	}
	workers.Wait()
	must(b)(failed)
}
