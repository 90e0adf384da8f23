package s3

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// do sends a request as one of several callers at once.
func (w *world) do(caller, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Test-Caller", caller)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	return recorder
}

// together runs f n times at once.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

// TestOneOwner has two accounts make the same buckets at the same time: each
// gets one owner, and the other is told so.
func TestOneOwner(t *testing.T) {
	w := newWorld(t, "us-east-1")
	for n := range 10 {
		var made [2]atomic.Int32
		together(8, func(i int) {
			p := w.do([]string{"alice", "carol"}[i%2], http.MethodPut, fmt.Sprintf("/bucket-%d", n), "")
			switch {
			case p.Code == http.StatusOK:
				made[i%2].Add(1)
			case p.Code != http.StatusConflict:
				t.Errorf("status %d: %s", p.Code, p.Body)
			}
		})
		if a, b := made[0].Load(), made[1].Load(); (a == 0) == (b == 0) {
			t.Errorf("bucket-%d was made %d times by one and %d times by the other", n, a, b)
		}
		if p := w.do("alice", http.MethodPut, fmt.Sprintf("/bucket-%d/key", n), "x"); p.Code != http.StatusOK {
			t.Errorf("the bucket takes no object: %s", p.Body)
		}
	}
}

// TestWholeObjects has readers, writers, copiers and deleters on one key: what is
// read is always what one of them wrote.
func TestWholeObjects(t *testing.T) {
	w := newWorld(t, "us-east-1")
	if p := w.do("alice", http.MethodPut, "/my-bucket", ""); p.Code != http.StatusOK {
		t.Fatal(p.Body)
	}
	together(8, func(i int) {
		for n := range 40 {
			switch (i + n) % 5 {
			case 0, 1:
				body := strings.Repeat(string(rune('a'+i)), 1+n*5000)
				if p := w.do("alice", http.MethodPut, "/my-bucket/key", body, "x-amz-meta-n: "+itoa(n)); p.Code != http.StatusOK {
					t.Errorf("put: %s", p.Body)
				}
			case 2:
				w.do("alice", http.MethodPut, "/my-bucket/copy", "", "x-amz-copy-source: my-bucket/key")
			case 3:
				w.do("alice", http.MethodDelete, "/my-bucket/key", "")
			default:
				for _, key := range []string{"key", "copy"} {
					p := w.do("alice", http.MethodGet, "/my-bucket/"+key, "")
					sum := md5.Sum(p.Body.Bytes())
					if p.Code == http.StatusOK && p.Header().Get("Etag") != quoted(hex.EncodeToString(sum[:])) {
						t.Errorf("%s: %d bytes do not have the entity tag %s", key, p.Body.Len(), p.Header().Get("Etag"))
					}
				}
			}
		}
	})
}

// TestBucketGoneMeanwhile has puts race with the deletion of their bucket: none
// that was acknowledged is lost.
func TestBucketGoneMeanwhile(t *testing.T) {
	w := newWorld(t, "us-east-1")
	for range 10 {
		if p := w.do("alice", http.MethodPut, "/my-bucket", ""); p.Code != http.StatusOK {
			t.Fatal(p.Body)
		}
		var put, deleted atomic.Bool
		together(6, func(i int) {
			if i == 3 {
				deleted.Store(w.do("alice", http.MethodDelete, "/my-bucket", "").Code == http.StatusNoContent)
			} else if w.do("alice", http.MethodPut, fmt.Sprintf("/my-bucket/%d", i), "x").Code == http.StatusOK {
				put.Store(true)
			}
		})
		if put.Load() && deleted.Load() {
			t.Fatal("an object was put into a bucket that was deleted empty")
		}
		for i := range 6 {
			w.do("alice", http.MethodDelete, fmt.Sprintf("/my-bucket/%d", i), "")
		}
		w.do("alice", http.MethodDelete, "/my-bucket", "")
	}
}

// event is a body that holds nothing and does something when it is read.
type event func()

func (e event) Read([]byte) (int, error) { e(); return 0, io.EOF }

// TestVersionedMeanwhile enables versioning while a put is on its way: what the
// key held before is kept.
func TestVersionedMeanwhile(t *testing.T) {
	w := newWorld(t, "us-east-1")
	w.do("alice", http.MethodPut, "/my-bucket", "")
	w.do("alice", http.MethodPut, "/my-bucket/key", "old")
	enable := func() {
		if p := w.do("alice", http.MethodPut, "/my-bucket?versioning", `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`); p.Code != http.StatusOK {
			t.Fatal(p.Body)
		}
	}
	r := httptest.NewRequest(http.MethodPut, "/my-bucket/key", io.MultiReader(strings.NewReader("new"), event(enable)))
	r.ContentLength = 3
	r.Header.Set("Test-Caller", "alice")
	put := httptest.NewRecorder()
	w.handler.ServeHTTP(put, r)
	if put.Code != http.StatusOK || put.Header().Get("X-Amz-Version-Id") == "" {
		t.Fatalf("status %d, version %q: %s", put.Code, put.Header().Get("X-Amz-Version-Id"), put.Body)
	}
	if p := w.do("alice", http.MethodGet, "/my-bucket/key?versionId=null", ""); p.Body.String() != "old" {
		t.Fatalf("the version before holds %q", p.Body)
	}
}

// TestLockNeedsVersions has Object Lock turned on while versioning is suspended: a
// bucket never has both.
func TestLockNeedsVersions(t *testing.T) {
	w := newWorld(t, "us-east-1")
	for n := range 20 {
		bucket := fmt.Sprintf("/bucket-%d", n)
		w.do("alice", http.MethodPut, bucket, "")
		versioning := func(status string) int {
			return w.do("alice", http.MethodPut, bucket+"?versioning", "<VersioningConfiguration><Status>"+status+"</Status></VersioningConfiguration>").Code
		}
		versioning("Enabled")
		var locked, suspended atomic.Bool
		together(2, func(i int) {
			if i == 0 {
				suspended.Store(versioning("Suspended") == http.StatusOK)
				return
			}
			document := "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"
			sum := md5.Sum([]byte(document))
			locked.Store(w.do("alice", http.MethodPut, bucket+"?object-lock", document, "Content-MD5: "+base64.StdEncoding.EncodeToString(sum[:])).Code == http.StatusOK)
		})
		if locked.Load() == suspended.Load() {
			t.Fatalf("locked %t and suspended %t", locked.Load(), suspended.Load())
		}
	}
}
