package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/objects"
)

// failing is a directory that makes no bucket.
type failing struct {
	Directory
	err    error
	bucket directory.Bucket // that was to be made
}

func (f *failing) CreateBucket(_ context.Context, b directory.Bucket) (*directory.Bucket, error) {
	f.bucket = b
	return nil, f.err
}

// TestNoBucketNoRoom makes buckets that the directory refuses: the room that was
// made for them is given back.
func TestNoBucketNoRoom(t *testing.T) {
	for _, c := range []struct {
		err  error
		code string
	}{
		{&directory.LimitError{Quota: "Buckets", Limit: 1}, "TooManyBuckets"},
		{&directory.ExistsError{Kind: "bucket", Name: "my-bucket"}, "BucketAlreadyExists"},
		{errors.New("no power"), "InternalError"},
	} {
		w := newWorld(t, "us-east-1")
		f := &failing{Directory: w.directory, err: c.err}
		w.s3.directory = f
		if p := w.do("alice", http.MethodPut, "/my-bucket", ""); !strings.Contains(p.Body.String(), "<Code>"+c.code+"</Code>") {
			t.Errorf("%v: %s", c.err, p.Body)
		}
		content := objects.Content{Body: strings.NewReader("x"), Size: 1}
		_, err := w.objects.Put(t.Context(), room(&f.bucket), objects.PutRequest{Key: "key", Content: content})
		if !errors.Is(err, objects.ErrNoSuchBucket) {
			t.Errorf("%v: there is still room for %+v: %v", c.err, f.bucket, err)
		}
	}
}

// unreadable is a body that must not be read.
type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// TestTooLarge refuses what is too large before it is sent.
func TestTooLarge(t *testing.T) {
	w := newWorld(t, "us-east-1")
	w.do("alice", http.MethodPut, "/my-bucket", "")
	for _, target := range []string{"/my-bucket/key", "/my-bucket/key?partNumber=1&uploadId=x"} {
		r := httptest.NewRequest(http.MethodPut, target, unreadable{t})
		r.ContentLength = objects.MaxPutSize + 1
		p := httptest.NewRecorder()
		w.handler.ServeHTTP(p, r)
		if p.Code != http.StatusBadRequest || !strings.Contains(p.Body.String(), "<Code>EntityTooLarge</Code>") {
			t.Errorf("%s: %d %s", target, p.Code, p.Body)
		}
	}
}

// TestNotForYou refuses who may not do it before he has sent what is large.
func TestNotForYou(t *testing.T) {
	w := newWorld(t, "us-east-1")
	w.do("alice", http.MethodPut, "/my-bucket", "")
	w.authority.denied = map[string]bool{"s3:PutObject": true}
	for _, c := range []struct{ method, target string }{
		{http.MethodPut, "/my-bucket/key"},
		{http.MethodPut, "/my-bucket/key?partNumber=1&uploadId=x"},
		{http.MethodPost, "/my-bucket/key?uploadId=x"},
	} {
		r := httptest.NewRequest(c.method, c.target, unreadable{t})
		r.ContentLength = 1 << 20
		p := httptest.NewRecorder()
		w.handler.ServeHTTP(p, r)
		if p.Code != http.StatusForbidden || !strings.Contains(p.Body.String(), "<Code>AccessDenied</Code>") {
			t.Errorf("%s %s: %d %s", c.method, c.target, p.Code, p.Body)
		}
	}
}

// broken is a body whose connection breaks.
type broken struct{ io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// TestTruncated puts bodies that end too early: none leaves a trace.
func TestTruncated(t *testing.T) {
	w := newWorld(t, "us-east-1")
	w.do("alice", http.MethodPut, "/my-bucket", "")
	upload := w.do("alice", http.MethodPost, "/my-bucket/key?uploads", "").Body.String()
	_, upload, _ = strings.Cut(upload, "<UploadId>")
	upload, _, _ = strings.Cut(upload, "</UploadId>")
	before := w.state(t)
	for _, target := range []string{"/my-bucket/key", "/my-bucket/key?partNumber=1&uploadId=" + upload} {
		for _, size := range []int{0, 10, 300000} {
			r := httptest.NewRequest(http.MethodPut, target, broken{bytes.NewReader(make([]byte, size))})
			r.ContentLength = int64(size) + 1
			p := httptest.NewRecorder()
			w.handler.ServeHTTP(p, r)
			if p.Code != http.StatusBadRequest || !strings.Contains(p.Body.String(), "<Code>IncompleteBody</Code>") {
				t.Errorf("%s after %d bytes: %d %s", target, size, p.Code, p.Body)
			}
		}
	}
	if after := w.state(t); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}
