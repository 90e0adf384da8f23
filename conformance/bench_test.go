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

var benchmarkKeys = flag.Int("keys", 1_000_000, "keys in the bucket that BenchmarkList lists pages of: a multiple of 2000")

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

// BenchmarkList lists pages of at most a thousand out of a million keys, through
// the whole server: from the start, the middle and the end, by prefix and by
// delimiter, by all of the operations that list.
func BenchmarkList(b *testing.B) {
	s := startServer(b, harness.Options{Flags: []string{"--log-level", "warn"}})
	bucket := newBucket(b, s)
	load(b, s, bucket, *benchmarkKeys)
	client, n := s.HTTP(), *benchmarkKeys
	key := func(i int) string { return url.QueryEscape(fmt.Sprintf("folder-%04d/key-%07d", i/1000, i)) }
	for _, c := range []struct {
		name, query string
		want        int
	}{
		{"V2/start", "list-type=2", 1000},
		{"V2/middle", "list-type=2&start-after=" + key(n/2), 1000},
		{"V2/end", "list-type=2&start-after=" + key(n-1001), 1000},
		{"V2/prefix", "list-type=2&prefix=folder-0001%2F", 1000},
		{"V2/folders", "list-type=2&delimiter=%2F", min(1000, n/1000)},
		{"V2/foldersFromTheMiddle", "list-type=2&delimiter=%2F&start-after=" + key(n/2-1), min(1000, n/2000)},
		{"V2/delimiterWithinTheName", "list-type=2&prefix=folder-0&delimiter=-", min(1000, n/1000)},
		{"V2/oneCommonPrefixOfAll", "list-type=2&delimiter=-", 1},
		{"V1/middle", "marker=" + key(n/2), 1000},
		{"versions/middle", "versions&key-marker=" + key(n/2), 1000},
		{"versions/folders", "versions&delimiter=%2F", min(1000, n/1000)},
	} {
		r := harness.Raw{Method: "GET", URI: "/" + bucket + "?" + c.query, Credentials: s.Root}
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
