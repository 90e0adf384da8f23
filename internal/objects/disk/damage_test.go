package disk_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/objects/disk"
)

// newStore returns a store in memory with an empty bucket.
func newStore(t testing.TB, fs vfs.FS) *disk.Store {
	t.Helper()
	s := openStore(t, "data", disk.Options{FS: fs})
	if err := s.CreateBucket(context.Background(), bucket); err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t testing.TB, s *disk.Store, key string, data []byte) objects.Info {
	t.Helper()
	info, err := s.Put(context.Background(), bucket, objects.PutRequest{Key: key, Content: contentFrom(data)})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// overwrite replaces a file's bytes.
func overwrite(t *testing.T, fs vfs.FS, name string, data []byte) {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(bytes.Clone(data))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func bytesOf(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDamagedFileIsNeverRead(t *testing.T) {
	fs := vfs.NewMem()
	s := newStore(t, fs)
	data := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	put(t, s, "k", data)
	name := filesIn(t, fs, "data")[0]
	whole := bytesOf(t, fs, name)
	put(t, s, "other", data)
	var other []byte
	for _, n := range filesIn(t, fs, "data") {
		if n != name {
			other = bytesOf(t, fs, n)
		}
	}
	flipped := func(at int) []byte {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 1
		return damaged
	}
	const pack = 64<<10 + 32
	for what, damaged := range map[string][]byte{
		"empty": {}, "cut by a byte": whole[:len(whole)-1], "cut by a package": whole[:4*pack], "in a header": whole[:pack+5],
		"longer": append(bytes.Clone(whole), 0), "doubled": append(bytes.Clone(whole), whole...),
		"of another object": other, "packages swapped": append(append(bytes.Clone(whole[pack:2*pack]), whole[:pack]...), whole[2*pack:]...),
		"version": flipped(0), "cipher": flipped(1), "length": flipped(2), "nonce": flipped(9), "first byte": flipped(16),
		"tag": flipped(pack - 1), "second package": flipped(pack + 1000), "final flag": flipped(4*pack + 4), "last byte": flipped(len(whole) - 1),
	} {
		overwrite(t, fs, name, damaged)
		got, err := readKey(s, "k")
		if !errors.Is(err, objects.ErrCorrupt) && !(what == "longer" || what == "doubled") {
			t.Errorf("%s: error %v", what, err)
		}
		if !bytes.HasPrefix(data, got) {
			t.Errorf("%s: wrong bytes", what)
		}
	}
	if err := fs.Remove(name); err != nil {
		t.Fatal(err)
	}
	if _, err := readKey(s, "k"); !errors.Is(err, objects.ErrCorrupt) {
		t.Errorf("missing: error %v", err)
	}
	overwrite(t, fs, name, whole)
	if !bytes.Equal(contentOf(t, s, "k"), data) {
		t.Error("undamaged, it does not read back")
	}
}

// TestNothingIsStoredInTheClear looks for what was stored in every file.
func TestNothingIsStoredInTheClear(t *testing.T) {
	fs := vfs.NewMem()
	s := newStore(t, fs)
	secret := []byte("a secret that nobody else may read")
	put(t, s, "small", secret)
	put(t, s, "large", bytes.Repeat(secret, 10_000))
	u, err := s.CreateUpload(t.Context(), bucket, objects.UploadRequest{Key: "parts"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = s.PutPart(t.Context(), bucket, "parts", u.ID, 1, contentFrom(secret)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, name := range append(filesIn(t, fs, "data"), indexFiles(t, fs)...) {
		looked++
		if bytes.Contains(bytesOf(t, fs, name), secret[:12]) {
			t.Errorf("%s holds the secret", name)
		}
	}
	if looked < 4 {
		t.Errorf("%d files", looked)
	}
}

func indexFiles(t *testing.T, fs vfs.FS) []string {
	t.Helper()
	names, err := fs.List("data/index")
	if err != nil {
		t.Fatal(err)
	}
	for i := range names {
		names[i] = path.Join("data/index", names[i])
	}
	return names
}

func TestAnotherKeyOpensNothing(t *testing.T) {
	fs := vfs.NewMem()
	s := newStore(t, fs)
	put(t, s, "small", []byte("v"))
	put(t, s, "large", make([]byte, 200_000))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := disk.Open("data", disk.Options{FS: fs, Sealer: newSealerOf(t, 8)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, key := range []string{"small", "large"} {
		if _, err := readKey(s, key); !errors.Is(err, objects.ErrCorrupt) {
			t.Errorf("%s: error %v", key, err)
		}
	}
}

// TestFailingDisk fails every kind of operation on a content's file in turn.
func TestFailingDisk(t *testing.T) {
	var failing atomic.Int32 // the kind that fails, or -1
	failing.Store(-1)
	memory := vfs.NewMem()
	fs := errorfs.Wrap(memory, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if strings.Contains(op.Path, "files/") && int32(op.Kind) == failing.Load() {
			return syscall.ENOSPC
		}
		return nil
	}))
	s := newStore(t, fs)
	old := bytes.Repeat([]byte("old "), 50_000)
	put(t, s, "k", old)
	u, err := s.CreateUpload(t.Context(), bucket, objects.UploadRequest{Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []errorfs.OpKind{errorfs.OpCreate, errorfs.OpFileWrite, errorfs.OpFileSyncData, errorfs.OpOpenDir} {
		failing.Store(int32(kind))
		_, err := s.Put(t.Context(), bucket, objects.PutRequest{Key: "k", Content: contentFrom(make([]byte, 1<<20))})
		_, partErr := s.PutPart(t.Context(), bucket, "k", u.ID, 1, contentFrom(make([]byte, 1<<20)))
		failing.Store(-1)
		if !errors.Is(err, syscall.ENOSPC) || !errors.Is(partErr, syscall.ENOSPC) {
			t.Errorf("operation %v: errors %v, %v", kind, err, partErr)
		}
		if !bytes.Equal(contentOf(t, s, "k"), old) {
			t.Fatalf("operation %v: the old object is not whole", kind)
		}
	}
	failing.Store(int32(errorfs.OpRemove)) // left for the next start
	put(t, s, "k", bytes.Repeat([]byte("new"), 100_000))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left := filesIn(t, memory, "data"); len(left) < 2 {
		t.Errorf("only %q left", left)
	}
	emptyStore(t, memory, openStore(t, "data", disk.Options{FS: memory}))
}

// TestFullDisk refuses content while the index still has room to go on.
func TestFullDisk(t *testing.T) {
	fs := vfs.NewMem()
	s := newStore(t, fs)
	put(t, s, "k", make([]byte, 200_000))
	u, err := s.CreateUpload(t.Context(), bucket, objects.UploadRequest{Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 65 << 20, TotalBytes: 1 << 30})
	put(t, s, "k", make([]byte, 1000))
	for _, size := range []int64{2 << 20, 1 << 62} {
		_, err = s.Put(t.Context(), bucket, objects.PutRequest{Key: "k", Content: objects.Content{Body: strings.NewReader(""), Size: size}})
		_, partErr := s.PutPart(t.Context(), bucket, "k", u.ID, 1, objects.Content{Body: strings.NewReader(""), Size: size})
		if !errors.Is(err, syscall.ENOSPC) || !errors.Is(partErr, syscall.ENOSPC) {
			t.Errorf("%d bytes: errors %v, %v", size, err, partErr)
		}
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1, TotalBytes: 1 << 30})
	emptyStore(t, fs, s)
}

// TestFailingLog fails to sync the index's log: what is not acknowledged may be
// there afterwards or not, what is acknowledged must be.
func TestFailingLog(t *testing.T) {
	var failing atomic.Bool
	memory := vfs.NewCrashableMem()
	fs := errorfs.Wrap(memory, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if failing.Load() && strings.HasSuffix(op.Path, ".log") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.EIO
		}
		return nil
	}))
	s := newStore(t, fs)
	small, large := []byte("small"), bytes.Repeat([]byte("large"), 50_000)
	put(t, s, "small", small)
	put(t, s, "large", large)
	failing.Store(true)
	for range 3 {
		for key, data := range map[string][]byte{"small": large, "large": small, "new": large} {
			if _, err := s.Put(t.Context(), bucket, objects.PutRequest{Key: key, Content: contentFrom(data)}); err == nil {
				t.Fatal("a put that was not synced was acknowledged")
			}
		}
		if err := remove(t.Context(), s, bucket, "small", objects.Conditions{}); err == nil {
			t.Fatal("a deletion that was not synced was acknowledged")
		}
	}
	crashed := memory.CrashClone(vfs.CrashCloneCfg{})
	s.Close()
	s = openStore(t, "data", disk.Options{FS: crashed})
	for key, data := range map[string][]byte{"small": small, "large": large} {
		if !bytes.Equal(contentOf(t, s, key), data) {
			t.Errorf("%s is not what was acknowledged", key)
		}
	}
	emptyStore(t, crashed, s)
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, disk.Options{})
	_, err := disk.Open(dir, disk.Options{Sealer: newSealer(t)})
	if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "in use") {
		t.Fatalf("error %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openStore(t, dir, disk.Options{Logger: slog.Default()})
}

func TestNoSealerNoStore(t *testing.T) {
	if _, err := disk.Open(t.TempDir(), disk.Options{}); err == nil {
		t.Fatal("no error")
	}
}

func TestClosed(t *testing.T) {
	s := newStore(t, vfs.NewMem())
	put(t, s, "small", []byte("v"))
	put(t, s, "dead", make([]byte, 200_000))
	o, err := s.Open(t.Context(), bucket, "small", "")
	if err != nil {
		t.Fatal(err)
	}
	dead, err := s.Open(t.Context(), bucket, "dead", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := remove(t.Context(), s, bucket, "dead", objects.Conditions{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err = o.Read(t.Context(), 0, 1)
	for name, err := range map[string]error{
		"read": err,
		"put": func() error {
			_, err := s.Put(t.Context(), bucket, objects.PutRequest{Key: "k", Content: contentFrom(nil)})
			return err
		}(),
		"list":   func() error { _, err := s.List(t.Context(), bucket, objects.ListRequest{Max: 1}); return err }(),
		"bucket": s.CreateBucket(t.Context(), bucket),
		"close":  remove(t.Context(), s, bucket, "small", objects.Conditions{}),
		"create large": func() error {
			_, err := s.Put(t.Context(), bucket, objects.PutRequest{Key: "k", Content: contentFrom(make([]byte, 200_000))})
			return err
		}(),
	} {
		if !errors.Is(err, disk.ErrClosed) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if err := errors.Join(o.Close(), dead.Close(), dead.Close()); err != nil {
		t.Error(err)
	}
}

// TestFilesGoWithTheirLastReader deletes what is open, and looks for the files.
func TestFilesGoWithTheirLastReader(t *testing.T) {
	fs := vfs.NewMem()
	s := newStore(t, fs)
	put(t, s, "k", make([]byte, 200_000))
	var readers []objects.Object
	for range 3 {
		o, err := s.Open(t.Context(), bucket, "k", "")
		if err != nil {
			t.Fatal(err)
		}
		readers = append(readers, o)
	}
	if err := remove(t.Context(), s, bucket, "k", objects.Conditions{}); err != nil {
		t.Fatal(err)
	}
	for _, o := range readers {
		if len(filesIn(t, fs, "data")) != 1 {
			t.Fatal("the file went before its last reader")
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	emptyStore(t, fs, s)
}

// TestSharedContentGoesOnce copies an object many times while it is deleted, and
// deletes the copies at once while one of them is read.
func TestSharedContentGoesOnce(t *testing.T) {
	fs := vfs.NewMem()
	s := newStore(t, fs)
	data := bytes.Repeat([]byte("0123456789"), 7_000)
	for range 100 {
		put(t, s, "0", data)
		source, err := s.Open(t.Context(), bucket, "0", "")
		if err != nil {
			t.Fatal(err)
		}
		together(t, 16, func(n int) error {
			if n == 0 {
				return remove(t.Context(), s, bucket, "0", objects.Conditions{})
			}
			return copyTo(s, source, strconv.Itoa(n))
		})
		if err := source.Close(); err != nil {
			t.Fatal(err)
		}
		last, err := s.Open(t.Context(), bucket, "1", "")
		if err != nil {
			t.Fatal(err)
		}
		together(t, 16, func(n int) error {
			return remove(t.Context(), s, bucket, strconv.Itoa(n), objects.Conditions{})
		})
		if got, err := readObject(last); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes, error %v", len(got), err)
		}
		if err := last.Close(); err != nil {
			t.Fatal(err)
		}
	}
	emptyStore(t, fs, s)
}

// TestRevivedContentIsNotRemoved copies a deleted object that is open, so that its
// content lives again while its removal is under way, and deletes and reads the
// copy before the removal gets to it.
func TestRevivedContentIsNotRemoved(t *testing.T) {
	removing := make(chan struct{})
	memory := vfs.NewMem()
	s := newStore(t, errorfs.Wrap(memory, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpRemove && strings.Contains(op.Path, "files/") {
			<-removing
		}
		return nil
	})))
	data := bytes.Repeat([]byte("0123456789"), 7_000)
	remove := func(key string) {
		t.Helper()
		if err := remove(t.Context(), s, bucket, key, objects.Conditions{}); err != nil {
			t.Fatal(err)
		}
	}
	open := func(key string) objects.Object {
		t.Helper()
		o, err := s.Open(t.Context(), bucket, key, "")
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	put(t, s, "before", data)
	put(t, s, "after", data)
	put(t, s, "k", data)
	remove("before") // holds the removals up

	source := open("k")
	remove("k")
	if err := copyTo(s, source, "copy"); err != nil {
		t.Fatal(err)
	}
	source.Close()
	last := open("copy")
	remove("copy")
	remove("after")
	close(removing)
	for len(filesIn(t, memory, "data")) > 1 {
		runtime.Gosched()
	}
	if got, err := readObject(last); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, error %v", len(got), err)
	}
	last.Close()
	emptyStore(t, memory, s)
}

func copyTo(s *disk.Store, source objects.Object, key string) error {
	_, err := s.Copy(context.Background(), source, bucket, objects.CopyRequest{Key: key})
	return err
}

// together calls f with 0 to n-1 at once.
func together(t *testing.T, n int, f func(int) error) {
	t.Helper()
	start := make(chan struct{})
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			<-start
			if err := f(i); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	running.Wait()
}

// TestReopened finds everything as it was.
func TestReopened(t *testing.T) {
	fs := vfs.NewMem()
	s := newStore(t, fs)
	for i := range 60 {
		put(t, s, string(rune('a'+i)), make([]byte, i*4500))
	}
	u, err := s.CreateUpload(t.Context(), bucket, objects.UploadRequest{Key: "upload", Initiator: objects.Initiator{ID: "i", DisplayName: "n"}})
	if err != nil {
		t.Fatal(err)
	}
	part, err := s.PutPart(t.Context(), bucket, "upload", u.ID, 7, contentFrom([]byte("part")))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openStore(t, "data", disk.Options{FS: fs})
		for i := range 60 {
			if got := contentOf(t, s, string(rune('a'+i))); len(got) != i*4500 {
				t.Fatalf("%d bytes, not %d", len(got), i*4500)
			}
		}
	}
	got, err := s.GetUpload(t.Context(), bucket, "upload", u.ID)
	if err != nil || got.Initiator != u.Initiator || !got.Initiated.Equal(u.Initiated) {
		t.Fatalf("upload %+v, %v", got, err)
	}
	_, err = s.CompleteUpload(t.Context(), bucket, "upload", u.ID, objects.CompleteRequest{
		Parts: []objects.CompletedPart{{Number: 7, ETag: part.ETag}}, Size: 4,
	})
	if err != nil || string(contentOf(t, s, "upload")) != "part" {
		t.Fatal(err)
	}
	emptyStore(t, fs, s)
}
