package conformance

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

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
	client := s.HTTP()
	middle := fmt.Sprintf("folder-%04d/key-%07d", *benchmarkKeys/2000, *benchmarkKeys/2)
	for _, c := range []struct {
		name, query string
		want        int
	}{
		{"keys", "start-after=" + url.QueryEscape(middle), min(1000, *benchmarkKeys/2-1)},
		{"folders", "delimiter=%2F", min(1000, *benchmarkKeys/1000)},
	} {
		r := harness.Raw{Method: "GET", URI: "/" + bucket + "?list-type=2&" + c.query, Credentials: s.Root}
		reply := raw(b, s, r)
		if n := bytes.Count(reply.Body, []byte("<Key>")) + bytes.Count(reply.Body, []byte("<CommonPrefixes>")); n != c.want {
			b.Fatalf("%s: a page of %d, want %d: %s", c.name, n, c.want, reply.Body)
		}
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				must(b)(request(b.Context(), s, client, r))
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
