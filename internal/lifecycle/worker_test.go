package lifecycle

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/objects/disk"
)

type sealer struct{ cipher.AEAD }

func (s sealer) Seal(plaintext, data []byte) ([]byte, error) {
	nonce := make([]byte, s.NonceSize())
	rand.Read(nonce)
	return s.AEAD.Seal(nonce, nonce, plaintext, data), nil
}

func (s sealer) Open(ciphertext, data []byte) ([]byte, error) {
	return s.AEAD.Open(nil, ciphertext[:s.NonceSize()], ciphertext[s.NonceSize():], data)
}

// world is a store with a clock, and one bucket.
type world struct {
	*testing.T
	store  *disk.Store
	clock  atomic.Pointer[time.Time]
	bucket *directory.Bucket
	worker *Worker
	state  objects.Versioning
}

var begin = time.Date(2030, 5, 1, 12, 0, 0, 0, time.UTC)

func newWorld(t *testing.T, rules ...string) *world {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t}
	w.setTime(begin)
	now := func() time.Time { return *w.clock.Load() }
	w.store, err = disk.Open(t.TempDir(), disk.Options{Sealer: sealer{aead}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	c, err := parse("<LifecycleConfiguration>" + strings.Join(rules, "") + "</LifecycleConfiguration>")
	if err != nil {
		t.Fatal(err)
	}
	document, err := xml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	w.bucket = &directory.Bucket{ID: "id", Name: "bucket", Configurations: map[string]string{Name: string(document)}}
	w.check(w.store.CreateBucket(t.Context(), w.room()))
	w.worker = &Worker{
		Buckets: func() []*directory.Bucket {
			return []*directory.Bucket{{ID: "none", Name: "without"}, w.bucket}
		},
		Bucket: func(name string) (*directory.Bucket, bool) { return w.bucket, name == w.bucket.Name },
		Store:  w.store, Versioning: func(*directory.Bucket) objects.Versioning { return w.state }, Log: slog.New(slog.DiscardHandler), Now: now,
	}
	return w
}

func (w *world) room() objects.Bucket { return objects.Bucket{ID: "id", Name: "bucket"} }

func (w *world) setTime(t time.Time) { w.clock.Store(&t) }

func (w *world) pass(d time.Duration) { w.setTime(w.clock.Load().Add(d)) }

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) put(key string, size int64, tags map[string]string) objects.Info {
	w.Helper()
	info, err := w.store.Put(w.Context(), w.room(), objects.PutRequest{
		Key: key, Content: objects.Content{Body: io.LimitReader(zeros{}, size), Size: size}, Versioning: w.state, Attributes: objects.Attributes{Tags: tags},
	})
	w.check(err)
	return info
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// left lists what is left: "key" for a current version, "key-" for an older
// one, "key*" for a delete marker.
func (w *world) left() []string {
	w.Helper()
	page, err := w.store.ListVersions(w.Context(), w.room(), objects.ListVersionsRequest{Max: 10_000})
	w.check(err)
	left := []string{}
	for _, v := range page.Versions {
		switch {
		case v.DeleteMarker:
			left = append(left, v.Key+"*")
		case v.IsLatest:
			left = append(left, v.Key)
		default:
			left = append(left, v.Key+"-")
		}
	}
	return left
}

// round carries the rules out, and checks what is left.
func (w *world) round(want ...string) {
	w.Helper()
	w.worker.Round(w.Context())
	if got := w.left(); !slices.Equal(got, want) {
		w.Fatalf("at %s: left %q, want %q", w.clock.Load(), got, want)
	}
}

func TestExpiration(t *testing.T) {
	w := newWorld(t,
		`<Rule><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>2</Days></Expiration></Rule>`,
		`<Rule><Filter><Tag><Key>keep</Key><Value>no</Value></Tag></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>`,
		`<Rule><Filter><And><Prefix>big/</Prefix><ObjectSizeGreaterThan>100</ObjectSizeGreaterThan><ObjectSizeLessThan>300</ObjectSizeLessThan></And></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>`,
		`<Rule><Filter><Prefix>dated/</Prefix></Filter><Status>Enabled</Status><Expiration><Date>2030-05-04T00:00:00Z</Date></Expiration></Rule>`,
		`<Rule><Filter><Prefix>other/</Prefix></Filter><Status>Disabled</Status><Expiration><Days>1</Days></Expiration></Rule>`)
	w.put("logs/a", 1, nil)
	w.put("other/a", 1, nil)
	w.put("tagged", 1, map[string]string{"keep": "no"})
	w.put("tagged-otherwise", 1, map[string]string{"keep": "yes"})
	w.put("big/100", 100, nil)
	w.put("big/200", 200, nil)
	w.put("big/300", 300, nil)
	w.put("dated/a", 1, nil)
	all := []string{"big/100", "big/200", "big/300", "dated/a", "logs/a", "other/a", "tagged", "tagged-otherwise"}
	w.round(all...)
	// A day has passed, but only at midnight is what is a day old due.
	w.pass(24*time.Hour + time.Minute)
	w.round(all...)
	w.pass(12 * time.Hour)
	w.round("big/100", "big/300", "dated/a", "logs/a", "other/a", "tagged-otherwise")
	w.pass(24 * time.Hour)
	w.put("logs/a", 1, nil) // new again
	w.round("big/100", "big/300", "logs/a", "other/a", "tagged-otherwise")
	w.pass(100 * 24 * time.Hour)
	w.round("big/100", "big/300", "other/a", "tagged-otherwise")
}

func TestVersions(t *testing.T) {
	w := newWorld(t,
		`<Rule><ID>1</ID><Filter/><Status>Enabled</Status><Expiration><Days>10</Days></Expiration></Rule>`,
		`<Rule><ID>2</ID><Filter/><Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>`)
	w.state = objects.VersioningEnabled
	for range 6 {
		w.put("k", 1, nil)
		w.pass(24 * time.Hour)
	}
	// Five are not current; of those two stay, and what became noncurrent less
	// than two days ago.
	w.round("k", "k-", "k-")
	w.pass(10 * 24 * time.Hour)
	w.round("k*", "k-", "k-", "k-") // the current one expired: a marker is on top
	w.round("k*", "k-", "k-")       // three are noncurrent: the oldest goes
	w.pass(3 * 24 * time.Hour)
	w.round("k*", "k-", "k-")
}

func TestMarkers(t *testing.T) {
	w := newWorld(t,
		`<Rule><ID>1</ID><Filter/><Status>Enabled</Status><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration></Rule>`,
		`<Rule><ID>2</ID><Filter><Prefix>a</Prefix></Filter><Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>`)
	w.state = objects.VersioningEnabled
	for _, key := range []string{"a", "b"} {
		w.put(key, 1, nil)
		_, err := w.store.Delete(t.Context(), w.room(), objects.DeleteRequest{Key: key, Versioning: w.state})
		w.check(err)
	}
	_, err := w.store.Delete(t.Context(), w.room(), objects.DeleteRequest{Key: "only", Versioning: w.state})
	w.check(err)
	w.round("a*", "a-", "b*", "b-") // under these there are versions
	w.pass(2 * 24 * time.Hour)
	w.round("a*", "b*", "b-")
	w.round("b*", "b-")
}

func TestUploads(t *testing.T) {
	w := newWorld(t, `<Rule><Filter><Prefix>in/</Prefix></Filter><Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>`)
	for _, key := range []string{"in/a", "out/a"} {
		_, err := w.store.CreateUpload(t.Context(), w.room(), objects.UploadRequest{Key: key})
		w.check(err)
	}
	left := func(want ...string) {
		t.Helper()
		w.worker.Round(t.Context())
		page, err := w.store.ListUploads(t.Context(), w.room(), objects.ListUploadsRequest{Max: 10})
		w.check(err)
		keys := []string{}
		for _, u := range page.Uploads {
			keys = append(keys, u.Key)
		}
		if !slices.Equal(keys, want) {
			t.Errorf("left %q, want %q", keys, want)
		}
	}
	w.pass(2 * 24 * time.Hour)
	left("in/a", "out/a")
	w.pass(2 * 24 * time.Hour)
	left("out/a")
}

// What is locked stays, and all else goes, however many pages there are.
func TestManyAndLocked(t *testing.T) {
	w := newWorld(t, `<Rule><Filter/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>`)
	w.state = objects.VersioningEnabled
	for i := range 510 {
		key := fmt.Sprintf("k%04d", i)
		old := w.put(key, 1, nil)
		w.put(key, 1, nil)
		if i%100 == 0 {
			_, err := w.store.SetLock(t.Context(), w.room(), key, old.VersionID, objects.LockChange{LegalHold: objects.HoldOn})
			w.check(err)
		}
	}
	w.pass(3 * 24 * time.Hour)
	if done := w.worker.Round(t.Context()); done != (Done{Expired: 510, Versions: 504}) {
		t.Errorf("done %+v", done)
	}
	w.pass(3 * 24 * time.Hour)
	if done := w.worker.Round(t.Context()); done != (Done{Versions: 510, Markers: 0}) {
		t.Errorf("then %+v", done)
	}
	if done := w.worker.Round(t.Context()); done != (Done{Markers: 504}) {
		t.Errorf("at last %+v", done)
	}
	if n := len(w.left()); n != 12 {
		t.Errorf("%d versions and markers are left, want 12", n)
	}
}

func TestExpirationHeader(t *testing.T) {
	c, err := parse(`<LifecycleConfiguration><Rule><ID>late</ID><Filter/><Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule>` +
		`<Rule><ID>soon</ID><Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>`)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		tags map[string]string
		id   string
		at   time.Time
	}{
		{nil, "late", time.Date(2030, 6, 1, 0, 0, 0, 0, time.UTC)},
		{map[string]string{"a": "b"}, "soon", time.Date(2030, 5, 3, 0, 0, 0, 0, time.UTC)},
		{map[string]string{"a": "c"}, "late", time.Date(2030, 6, 1, 0, 0, 0, 0, time.UTC)},
	} {
		at, id, ok := c.Expiration(objects.Info{Key: "k", Modified: begin, Attributes: objects.Attributes{Tags: tt.tags}}, Day)
		if !ok || id != tt.id || !at.Equal(tt.at) {
			t.Errorf("%v: %s by %s, %v", tt.tags, at, id, ok)
		}
	}
}

// A stop in the middle leaves whole what is not done, for the next start.
func TestStop(t *testing.T) {
	w := newWorld(t, `<Rule><Filter/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>`)
	for i := range 300 {
		w.put(fmt.Sprintf("k%04d", i), 1, nil)
	}
	w.pass(3 * 24 * time.Hour)
	ctx, stop := cancelAfter(t, 50)
	w.worker.Store = &counting{Store: w.store, after: stop}
	w.worker.Round(ctx)
	left := len(w.left())
	if left == 0 || left == 300 {
		t.Errorf("%d left after a stop in the middle", left)
	}
	w.worker.Store = w.store
	if done := w.worker.Round(t.Context()); done.Expired != left || len(w.left()) != 0 {
		t.Errorf("then %+v of %d", done, left)
	}
}

// cancelAfter returns a context, and what ends it when called so many times.
func cancelAfter(t *testing.T, times int32) (context.Context, func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var calls atomic.Int32
	return ctx, func() {
		if calls.Add(1) == times {
			cancel()
		}
	}
}

// counting calls a function after each deletion.
type counting struct {
	Store
	after func()
}

func (c *counting) Delete(ctx context.Context, b objects.Bucket, r objects.DeleteRequest) (objects.Deleted, error) {
	d, err := c.Store.Delete(ctx, b, r)
	c.after()
	return d, err
}

// before calls a function once, before the first deletion.
type before struct {
	Store
	once sync.Once
	do   func()
}

func (b *before) Delete(ctx context.Context, bucket objects.Bucket, r objects.DeleteRequest) (objects.Deleted, error) {
	b.once.Do(b.do)
	return b.Store.Delete(ctx, bucket, r)
}

// What changes between the listing and a removal is seen by the removal.
func TestChangedMeanwhile(t *testing.T) {
	const rule = `<Rule><Filter/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>`
	remove := func(w *world, id string) string {
		t.Helper()
		d, err := w.store.Delete(t.Context(), w.room(), objects.DeleteRequest{Key: "k", VersionID: id, Versioning: w.state})
		w.check(err)
		return d.VersionID
	}
	for name, tt := range map[string]struct {
		prepare func(*world) string
		change  func(*world, string)
		want    []string
	}{
		"ANewObject": {
			func(w *world) string { return w.put("k", 1, nil).VersionID },
			func(w *world, _ string) { w.put("k", 1, nil) },
			[]string{"k"},
		},
		"BroughtBack": { // by deleting the marker on top of it
			func(w *world) string { w.state = objects.VersioningEnabled; w.put("k", 1, nil); return remove(w, "") },
			func(w *world, marker string) { remove(w, marker) },
			[]string{"k"},
		},
		"BroughtBackMarker": { // by deleting the object on top of it
			func(w *world) string {
				w.state = objects.VersioningEnabled
				remove(w, "")
				w.put("other", 1, nil)
				return w.put("k", 1, nil).VersionID
			},
			func(w *world, object string) { remove(w, object) },
			[]string{"k*", "other*", "other-"},
		},
		"ANewNullVersion": { // in the place of the one that is noncurrent
			func(w *world) string {
				w.put("k", 1, nil)
				w.state = objects.VersioningEnabled
				return remove(w, "")
			},
			func(w *world, _ string) {
				w.state = objects.VersioningSuspended
				w.put("k", 1, nil)
				w.put("k", 2, nil)
			},
			[]string{"k", "k*"},
		},
		"ANewNullInsteadOfTheMarker": {
			func(w *world) string { w.state = objects.VersioningSuspended; return remove(w, "") },
			func(w *world, _ string) { w.put("k", 1, nil) },
			[]string{"k"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, rule)
			made := tt.prepare(w)
			w.pass(3 * 24 * time.Hour)
			s := &before{Store: w.store, do: func() { tt.change(w, made) }}
			w.worker.Store = s
			w.round(tt.want...)
			s.once.Do(func() { t.Error("nothing was to be removed") })
		})
	}
}

// A round ends when the bucket gets other rules, or is another of this name, and
// keeps what a bucket keeps from then on.
func TestChangedInTheMiddleOfARound(t *testing.T) {
	const more = 50 // than a page has
	for name, tt := range map[string]struct {
		change func(*world)
		left   int
	}{
		"OtherRules": {func(w *world) {
			w.bucket = &directory.Bucket{ID: "id", Name: "bucket"}
		}, more},
		"OtherBucket": {func(w *world) {
			w.bucket = &directory.Bucket{ID: "id2", Name: "bucket", Configurations: w.bucket.Configurations}
		}, more},
		"Versioning": {func(w *world) { w.state = objects.VersioningEnabled }, 2 * more},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, `<Rule><Filter/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>`)
			var putting sync.WaitGroup
			for i := range 50 {
				putting.Go(func() {
					for n := i; n < pageSize+more; n += 50 {
						if _, err := w.store.Put(t.Context(), w.room(), objects.PutRequest{Key: fmt.Sprintf("k%05d", n)}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			putting.Wait()
			w.pass(3 * 24 * time.Hour)
			w.worker.Store = &before{Store: w.store, do: func() { tt.change(w) }}
			w.worker.Round(t.Context())
			if n := len(w.left()); n != tt.left {
				t.Errorf("%d left, want %d", n, tt.left)
			}
		})
	}
}

func TestDaysBeyondADuration(t *testing.T) {
	for days, want := range map[string]time.Time{
		"106752":     time.Date(2322, 8, 12, 0, 0, 0, 0, time.UTC),
		"200000":     time.Date(2577, 11, 30, 0, 0, 0, 0, time.UTC),
		"2147483647": begin.AddDate(0, 0, 2147483647).Add(12 * time.Hour),
	} {
		c, err := parse(`<LifecycleConfiguration><Rule><Filter/><Status>Enabled</Status><Expiration><Days>` + days + `</Days></Expiration></Rule></LifecycleConfiguration>`)
		if err != nil {
			t.Fatal(err)
		}
		at, _, ok := c.Expiration(objects.Info{Key: "k", Modified: begin}, Day)
		if !ok || !at.Equal(want) {
			t.Errorf("%s days: %s, want %s", days, at, want)
		}
	}
}
