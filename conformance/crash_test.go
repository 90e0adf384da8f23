package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/keywright/keywright/conformance/harness"
)

const (
	crashRounds = 50
	crashPuts   = 1000
)

// write is one object that a client tries to store: its content is that of its
// name.
type write struct {
	key, name string
	size      int64
	multipart bool
	acked     bool // the server said that it is stored
	settled   bool // it was found stored after an earlier crash
}

// ledger is what a client knows of a server that was killed.
type ledger struct {
	sync.Mutex
	attempted map[string][]*write // by key
}

// TestCrash kills the server in the middle of a thousand concurrent puts, fifty
// times. Each time every acknowledged object must be there, and whole, and
// whatever else is there must be whole too.
func TestCrash(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{Flags: []string{"--log-level", "warn"}})
	bucket := newBucket(t, s)
	random := rand.New(rand.NewPCG(1, 2))
	l := &ledger{attempted: map[string][]*write{}}
	files := countFiles(t, s.Data)
	var acked []int
	for round := range crashRounds {
		writes := plan(round, random)
		acked = append(acked, l.crash(t, s, bucket, writes, 1+random.IntN(crashPuts-1)))
		must(t)(s.Restart())
		l.verify(t, s, bucket)
		l.forget(t, s, bucket, round)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
		ran(t, "crash kill")
	}
	t.Logf("acknowledged before each kill: %v", acked)
	empty(t, s.S3(s.Root), bucket)
	must(t)(s.Stop())
	must(t)(s.Restart())
	noDebris(t, s, files)
}

// noDebris waits until there are about as many files as there were at first;
// the index may have a few more.
func noDebris(t *testing.T, s *harness.Server, first int) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for n := countFiles(t, s.Data); n > first+20; n = countFiles(t, s.Data) {
		if time.Now().After(deadline) {
			t.Fatalf("crashes leave debris: there were %d files, now there are %d", first, n)
		}
		time.Sleep(10 * time.Millisecond)
	}
	ran(t, "crash debris")
}

// plan says what a round writes: new keys, small ones mostly, and keys of
// earlier rounds anew.
func plan(round int, random *rand.Rand) []*write {
	writes := make([]*write, crashPuts)
	for i := range writes {
		w := &write{key: fmt.Sprintf("round-%02d/%04d", round, i), size: 4 << 10}
		switch n := random.IntN(100); {
		case n < 10:
			w.key = fmt.Sprintf("again/%02d", i%50)
		case n < 25:
			w.size = 100 << 10
		case n < 27:
			w.size = 1 << 20
		case n < 30:
			w.size, w.multipart = 64<<10, true
		case n < 31 && i%5 == 0:
			w.size, w.multipart = 6<<20, true // in two parts
		}
		w.name = fmt.Sprintf("%s in round %d, write %d", w.key, round, i)
		writes[i] = w
	}
	return writes
}

// crash makes all writes at once, kills the server as soon as so many of them
// were acknowledged, and returns how many were in the end.
func (l *ledger) crash(t *testing.T, s *harness.Server, bucket string, writes []*write, limit int) int {
	t.Helper()
	var count atomic.Int64
	var killed atomic.Bool
	var all sync.WaitGroup
	client := s.S3(s.Root)
	for _, w := range writes {
		l.attempted[w.key] = append(l.attempted[w.key], w)
	}
	for _, w := range writes {
		all.Go(func() {
			if err := w.put(t, client, bucket); err != nil {
				if !killed.Load() {
					t.Errorf("put %s: %v", w.key, err)
				}
				return
			}
			l.Lock()
			w.acked = true
			l.Unlock()
			if count.Add(1) == int64(limit) {
				killed.Store(true)
				s.Kill()
			}
		})
	}
	all.Wait()
	return int(count.Load())
}

func (w *write) put(t *testing.T, client *s3.Client, bucket string) error {
	if !w.multipart {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &w.key, Body: bytes.NewReader(contentOf(w.name, w.size))})
		return err
	}
	upload, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &w.key})
	if err != nil {
		return err
	}
	content := contentOf(w.name, w.size)
	var parts []types.CompletedPart
	for chunk := range slices.Chunk(content, 5<<20) {
		number := aws.Int32(int32(len(parts) + 1))
		out, err := client.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &bucket, Key: &w.key, UploadId: upload.UploadId, PartNumber: number, Body: bytes.NewReader(chunk)})
		if err != nil {
			return err
		}
		parts = append(parts, types.CompletedPart{PartNumber: number, ETag: out.ETag})
	}
	_, err = client.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: &bucket, Key: &w.key, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	return err
}

// verify compares what the server has with what it may and must have.
func (l *ledger) verify(t *testing.T, s *harness.Server, bucket string) {
	t.Helper()
	client := s.S3(s.Root)
	there := map[string]bool{}
	for _, key := range v1Keys(t, client, bucket) {
		there[key] = true
		if l.attempted[key] == nil {
			t.Errorf("%s is there and was never put", key)
		}
	}
	for key, writes := range l.attempted {
		if !there[key] && slices.ContainsFunc(writes, func(w *write) bool { return w.acked }) {
			t.Errorf("%s was acknowledged and is gone", key)
		}
	}
	work := make(chan string)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for key := range work {
				if err := l.whole(t, client, bucket, key); err != nil {
					t.Errorf("%s: %v", key, err)
				}
			}
		})
	}
	for key := range there {
		work <- key
	}
	close(work)
	workers.Wait()
}

// whole returns an error unless an object is exactly what one of the writes
// meant to store.
func (l *ledger) whole(t *testing.T, client *s3.Client, bucket, key string) error {
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	defer out.Body.Close()
	var content bytes.Buffer
	if _, err := content.ReadFrom(out.Body); err != nil {
		return err
	}
	for _, w := range l.possible(key) {
		if int64(content.Len()) == w.size && bytes.Equal(content.Bytes(), contentOf(w.name, w.size)) {
			l.settle(key, w)
			return nil
		}
	}
	return errors.New("the content is of no write")
}

// possible returns the writes whose content an object may hold now: what was
// there before counts only as long as nothing after it was acknowledged.
func (l *ledger) possible(key string) []*write {
	l.Lock()
	defer l.Unlock()
	replaced := slices.ContainsFunc(l.attempted[key], func(w *write) bool { return w.acked && !w.settled })
	return slices.DeleteFunc(slices.Clone(l.attempted[key]), func(w *write) bool { return w.settled && replaced })
}

// settle keeps the write that an object was found to hold as the only one.
func (l *ledger) settle(key string, w *write) {
	l.Lock()
	defer l.Unlock()
	w.acked, w.settled = true, true
	l.attempted[key] = []*write{w}
}

// forget deletes the round's objects but for a few, which must last to the end,
// and the uploads that were left in the middle.
func (l *ledger) forget(t *testing.T, s *harness.Server, bucket string, round int) {
	t.Helper()
	client := s.S3(s.Root)
	prefix := fmt.Sprintf("round-%02d/", round)
	var gone []types.ObjectIdentifier
	for i, key := range slices.Sorted(maps.Keys(l.attempted)) {
		if strings.HasPrefix(key, prefix) && i%100 != 0 {
			gone = append(gone, types.ObjectIdentifier{Key: &key})
			delete(l.attempted, key)
		}
	}
	out, err := client.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: gone, Quiet: aws.Bool(true)}})
	must(t)(err)
	if len(out.Errors) > 0 {
		t.Errorf("%d objects could not be deleted", len(out.Errors))
	}
	uploads, err := client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	must(t)(err)
	for _, u := range uploads.Uploads {
		must(t)(client.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: u.Key, UploadId: u.UploadId}))
	}
}

// countFiles counts the regular files below a directory.
func countFiles(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	must(t)(filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // the server removes files while we look
			return nil
		}
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	}))
	return n
}
