package disk_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/objects/disk"
)

var bucket = objects.Bucket{ID: "bucket", Name: "bucket"}

// TestLossOfPower writes from several goroutines, loses what was not synced at
// random moments, and checks that every key then holds what it held last or what
// was being written to it, whole, and that no file is left that nothing names.
func TestLossOfPower(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			fs := vfs.NewCrashableMem()
			keys := make([]*history, 6)
			for i := range keys {
				keys[i] = &history{name: fmt.Sprint("key", i), states: [][]byte{nil}}
			}
			for range 8 {
				fs = runUntilCrash(t, fs, keys, random)
			}
			s := openStore(t, "data", disk.Options{FS: fs})
			for _, h := range keys {
				h.check(t, s)
			}
			emptyStore(t, fs, s)
		})
	}
}

// history is what one key held in the course of a run. One goroutine writes the
// key.
type history struct {
	name    string
	mu      sync.Mutex
	states  [][]byte // nil for none
	settled int      // the last state that was acknowledged
}

// write lets write make state the key's.
func (h *history) write(state []byte, write func() error) error {
	h.mu.Lock()
	h.states = append(h.states, state)
	this := len(h.states) - 1
	h.mu.Unlock()
	err := write()
	if err == nil {
		h.mu.Lock()
		h.settled = this
		h.mu.Unlock()
	}
	return err
}

func (h *history) now() (settled, begun int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.settled, len(h.states)
}

// check checks that the key holds one of the states.
func (h *history) check(t *testing.T, s *disk.Store) {
	t.Helper()
	got := contentOf(t, s, h.name)
	for _, state := range h.states {
		if (got == nil) == (state == nil) && bytes.Equal(got, state) {
			h.states, h.settled = [][]byte{got}, 0
			return
		}
	}
	t.Fatalf("%s holds %d bytes, none of %d possible states", h.name, len(got), len(h.states))
}

// contentOf returns what a key holds, nil for nothing.
func contentOf(t testing.TB, s *disk.Store, key string) []byte {
	t.Helper()
	data, err := readKey(s, key)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return data
}

func readKey(s *disk.Store, key string) ([]byte, error) {
	page, err := s.List(context.Background(), bucket, objects.ListRequest{Prefix: key, Max: 1})
	if err != nil || len(page.Objects) == 0 || page.Objects[0].Key != key {
		return nil, err
	}
	o, err := s.Open(context.Background(), bucket, key, "")
	if err != nil {
		return nil, err
	}
	defer o.Close()
	return readObject(o)
}

func readObject(o objects.Object) ([]byte, error) {
	r, err := o.Read(context.Background(), 0, o.Info().Size)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// runUntilCrash checks what is in fs, writes to it, and returns fs as it is
// after a loss of power during that.
func runUntilCrash(t *testing.T, fs *vfs.MemFS, keys []*history, random *rand.Rand) *vfs.MemFS {
	t.Helper()
	s := openStore(t, "data", disk.Options{FS: fs})
	if err := s.CreateBucket(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	for _, h := range keys {
		h.check(t, s)
	}
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	done := make(chan bool)
	for i := range keys {
		w := writer{s, keys, i, rand.New(rand.NewPCG(random.Uint64(), 2))}
		writing.Go(func() {
			for ctx.Err() == nil {
				if err := w.write(ctx); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				select {
				case done <- true:
				case <-ctx.Done():
				}
			}
		})
	}
	for range random.IntN(80) {
		<-done
	}
	before, after := make([]int, len(keys)), make([]int, len(keys))
	for i, h := range keys {
		before[i], _ = h.now()
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 25 * random.IntN(5), RNG: random})
	for i, h := range keys {
		_, after[i] = h.now()
	}
	stop()
	writing.Wait()
	for i, h := range keys {
		h.states, h.settled = h.states[before[i]:after[i]], 0
	}
	emptyStore(t, fs, s)
	return crashed
}

// writer writes to one of the keys.
type writer struct {
	store  *disk.Store
	keys   []*history
	i      int
	random *rand.Rand
}

func (w writer) write(ctx context.Context) error {
	h := w.keys[w.i]
	switch w.random.IntN(7) {
	case 0:
		return h.write(nil, func() error {
			_, err := w.store.Delete(ctx, bucket, objects.DeleteRequest{Key: h.name, Versioning: w.versioning()})
			return err
		})
	case 6:
		return w.forget(ctx, h)
	case 1:
		return w.copy(ctx, h)
	case 2:
		return w.multipart(ctx, h)
	case 3:
		return w.put(ctx, h, 130<<10+w.random.IntN(100<<10))
	}
	return w.put(ctx, h, w.random.IntN(3000))
}

// versioning is that of the writer's key: every third keeps versions.
func (w writer) versioning() objects.Versioning { return objects.Versioning(w.i % 3) }

// forget deletes an older version for ever.
func (w writer) forget(ctx context.Context, h *history) error {
	page, err := w.store.ListVersions(ctx, bucket, objects.ListVersionsRequest{Prefix: h.name, Max: 10})
	if err != nil {
		return err
	}
	for _, v := range page.Versions {
		if v.Key == h.name && !v.IsLatest {
			_, err := w.store.Delete(ctx, bucket, objects.DeleteRequest{Key: v.Key, VersionID: v.VersionID})
			return err
		}
	}
	return nil
}

func (w writer) data(size int) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(w.random.Uint32())
	}
	return data
}

func (w writer) put(ctx context.Context, h *history, size int) error {
	data := w.data(size)
	return h.write(data, func() error {
		_, err := w.store.Put(ctx, bucket, objects.PutRequest{Key: h.name, Content: contentFrom(data), Versioning: w.versioning()})
		return err
	})
}

func contentFrom(data []byte) objects.Content {
	return objects.Content{Body: bytes.NewReader(data), Size: int64(len(data))}
}

// copy copies another writer's object.
func (w writer) copy(ctx context.Context, h *history) error {
	from := w.keys[w.random.IntN(len(w.keys))]
	source, err := w.store.Open(ctx, bucket, from.name, "")
	if err != nil {
		return nil // there is none
	}
	defer source.Close()
	data, err := readObject(source)
	if err != nil {
		return err
	}
	return h.write(data, func() error {
		_, err := w.store.Copy(ctx, source, bucket, objects.CopyRequest{Key: h.name, Versioning: w.versioning()})
		return err
	})
}

// multipart makes an object of one of three parts, or aborts, or leaves the
// upload as it is.
func (w writer) multipart(ctx context.Context, h *history) error {
	u, err := w.store.CreateUpload(ctx, bucket, objects.UploadRequest{Key: h.name})
	if err != nil {
		return err
	}
	data := w.data(w.random.IntN(100 << 10))
	var part objects.Part
	for _, number := range []int{1, 2, 2} {
		if part, err = w.store.PutPart(ctx, bucket, h.name, u.ID, number, contentFrom(data)); err != nil {
			return err
		}
	}
	switch w.random.IntN(4) {
	case 0:
		return nil
	case 1:
		return w.store.AbortUpload(ctx, bucket, h.name, u.ID)
	}
	return h.write(data, func() error {
		_, err := w.store.CompleteUpload(ctx, bucket, h.name, u.ID, objects.CompleteRequest{
			Parts: []objects.CompletedPart{{Number: part.Number, ETag: part.ETag}}, Size: -1, Versioning: w.versioning(),
		})
		return err
	})
}

// emptyStore removes everything from a store, closes it, and checks that no file
// is left.
func emptyStore(t *testing.T, fs vfs.FS, s *disk.Store) {
	t.Helper()
	page, err := s.ListVersions(t.Context(), bucket, objects.ListVersionsRequest{Max: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range page.Versions {
		if _, err := s.Delete(t.Context(), bucket, objects.DeleteRequest{Key: v.Key, VersionID: v.VersionID}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DeleteBucket(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left := filesIn(t, fs, "data"); len(left) > 0 {
		t.Fatalf("files left that nothing names: %q", left)
	}
}

// filesIn returns the paths of the files that hold contents.
func filesIn(t testing.TB, fs vfs.FS, dir string) []string {
	t.Helper()
	var paths []string
	directory := fs.PathJoin(dir, "files")
	shards, err := fs.List(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, shard := range shards {
		names, err := fs.List(fs.PathJoin(directory, shard))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			paths = append(paths, fs.PathJoin(directory, shard, name))
		}
	}
	return paths
}

// TestRestartInTheMiddleOfAPut loses power while a body is read, with the file
// made and partly written.
func TestRestartInTheMiddleOfAPut(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openStore(t, "data", disk.Options{FS: fs})
	old := []byte("old") // in no file, so that the file that is lost is the first
	if err := s.CreateBucket(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	put(t, s, "k", old)

	var crashed []*vfs.MemFS
	body := io.MultiReader(bytes.NewReader(make([]byte, 700_000)), readFunc(func([]byte) (int, error) {
		for seed := range uint64(10) {
			crashed = append(crashed, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(seed, 3))}))
		}
		return 0, io.EOF
	}), bytes.NewReader(make([]byte, 300_000)))
	_, err := s.Put(t.Context(), bucket, objects.PutRequest{Key: "k", Content: objects.Content{Body: body, Size: 1_000_000}})
	if err != nil {
		t.Fatal(err)
	}
	made := false
	for _, fs := range crashed {
		made = made || len(filesIn(t, fs, "data")) > 0
		s := openStore(t, "data", disk.Options{FS: fs})
		if !bytes.Equal(contentOf(t, s, "k"), old) {
			t.Fatal("the old object is not whole")
		}
		emptyStore(t, fs, s)
	}
	if !made {
		t.Fatal("no file was made before the loss of power")
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }
