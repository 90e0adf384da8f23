package s3

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
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
